//! The guard against differencing: whether this node's input differs from an earlier one by so few records that two results
//! tell of single ones (docs/AGREEMENTS.md, "The difference between runs").
//!
//! Whoever enters a list, and then the same list with one person more, learns from the two sizes whether that person is
//! common, however large both are. So a node keeps a tag of every key of its earlier inputs, and compares a new one
//! with them before it runs: [`Guard::admit`]. Two inputs differ by the number of distinct keys that are in one of them
//! alone, counted exactly.
//!
//! A tag is a keyed pseudorandom function of its key, and its file is sealed. The secret and the sealing key lie in
//! the folder, apart from each other and from those of anything else; neither leaves the node.
//!
//! ```text
//! folder: sealing.key, tag.key    32 bytes each, for their owner alone
//!         inputs                  which earlier inputs there are (`index`)
//!         <id>.tags               the tags of one (`stretches`)
//!         <id>.part, inputs.part  half-written; gone when the folder is opened
//! ```
//!
//! **What it does not do.** It holds a node's own people and programs to what the node saw, while the node is honest: whoever
//! may write in the folder can empty it, or put an older state of the whole of it back. Inputs that were forgotten
//! (see [`Keeping`]), that were run with another peer or dataset, or by another node, are not compared with. Nor are sums over
//! several results that each differ by enough.

mod comparing;
mod error;
mod index;
mod input;
mod sealed;
mod stretches;
mod tags;
#[cfg(test)]
mod tests;

use std::{
    collections::HashSet,
    fmt,
    fs::{self, File, OpenOptions, TryLockError},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    str::FromStr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use agreement::Moment;
use zeroize::Zeroizing;

use self::{
    comparing::{Earlier, Pass},
    index::{Entry, Index},
    sealed::FileId,
    stretches::{Stretches, Writing},
    tags::{Tagging, check_of},
};
use crate::{checkpoint::storage_key, error::RunError, space::Space};

pub use self::{error::GuardError, input::KeyParts, tags::Scope};

/// Times that an input is compared anew because others came in between.
const TRIES: usize = 8;

/// Asked now and then whether the run has to end; the error says why.
pub type Check<'a> = &'a (dyn Fn() -> Result<(), RunError> + Sync);

/// How much a guard remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keeping {
    /// Earlier inputs of one scope, at the most. Beyond it the one that was not entered for the longest is forgotten.
    pub inputs: usize,
    /// How long an input is kept after it was last entered.
    pub age: Duration,
}

impl Default for Keeping {
    /// Fifty inputs, for a year.
    fn default() -> Self {
        Self { inputs: 50, age: Duration::from_secs(366 * 86_400) }
    }
}

/// Stands for one exact input of one scope. It says nothing of the input to whoever lacks the node's secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct InputMark(pub(crate) [u8; 32]);

impl fmt::Display for InputMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl FromStr for InputMark {
    type Err = hex::FromHexError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map(|()| Self(bytes))
    }
}

/// An input that is to be admitted to a run.
#[derive(Clone, Copy, Debug)]
pub struct Entering<'a> {
    /// With which earlier ones it is compared.
    pub scope: &'a Scope,
    /// The job that it is for.
    pub job_id: &'a str,
    /// Now.
    pub at: Moment,
    /// Its distinct keys.
    pub count: u64,
    /// The agreement's smallest result: an input that differs by fewer keys is too close.
    pub smallest: u64,
    /// The input that an approver let in although it is too close.
    pub approved: Option<InputMark>,
}

/// An earlier input that another is close to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closeness {
    /// The last job that the earlier one entered.
    pub job_id: String,
    /// When it did.
    pub at: Moment,
    /// Keys that are in one of the two alone. For this node's approver, and nobody else.
    pub differing: u64,
    /// The new input: what an approver approves.
    pub mark: InputMark,
}

impl fmt::Display for Closeness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = if self.differing == 1 { "1 key" } else { &format!("{} keys", self.differing) };
        write!(f, "the input differs by {keys} from that of job {} at {}", self.job_id, self.at)
    }
}

/// What the guard found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// No earlier input is close. It is kept.
    Unlike,
    /// An earlier input was the same, which is noted there. It is admitted whatever else it is close to, since it was before.
    Same,
    /// It is too close to an earlier one, of which this is the closest. It is not admitted, and not kept.
    TooClose(Closeness),
    /// The same, but an approver let this very input in. It is kept.
    Approved(Closeness),
}

impl Verdict {
    /// Whether the run may go on.
    #[must_use]
    pub fn admits(&self) -> bool {
        !matches!(self, Self::TooClose(_))
    }
}

/// The earlier inputs of a node. Clones are the same guard.
#[derive(Clone)]
pub struct Guard(Arc<Kept>);

struct Kept {
    folder: PathBuf,
    keeping: Keeping,
    sealing_key: Zeroizing<[u8; 32]>,
    secret: Zeroizing<[u8; 32]>,
    index: Mutex<Index>,
    /// Held as long as the guard lives: two processes would each write an index of their own.
    _lock: File,
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").field("folder", &self.0.folder).finish_non_exhaustive()
    }
}

impl Guard {
    /// Takes the folder at `path`, and makes it and its keys if they are not there. It is this guard's alone.
    ///
    /// # Errors
    /// [`GuardError::Folder`] if it cannot be made or read, or others than its owner may read a key,
    /// [`GuardError::InUse`], and [`GuardError::Unusable`] if the list of earlier inputs or a key is not what it was.
    pub fn open(path: &Path, keeping: Keeping) -> Result<Self, GuardError> {
        let folder = || GuardError::of(path);
        fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(folder())?;
        let lock = lock(path)?;
        sweep(path, |name| name.ends_with(".part"))?;
        let is_new = !path.join(index::NAME).try_exists().map_err(folder())?;
        let key = |name: &str| {
            let key = path.join(name);
            // A fresh one would be of no use for what is there.
            if !is_new && !key.try_exists().map_err(folder())? {
                return Err(GuardError::unusable(&key, "is missing"));
            }
            storage_key(&key).map_err(folder())
        };
        let (sealing_key, secret) = (key("sealing.key")?, key("tag.key")?);
        let check = check_of(&secret)?;
        let index = match Index::read(path, &sealing_key, &check)? {
            Some(index) => index,
            None => begin_index(path, &sealing_key, &check)?,
        };
        let named: HashSet<String> = index.entries.iter().map(|entry| format!("{}.tags", entry.id())).collect();
        sweep(path, |name| name.ends_with(".tags") && !named.contains(name))?;
        let index = Mutex::new(index);
        Ok(Self(Arc::new(Kept { folder: path.to_owned(), keeping, sealing_key, secret, index, _lock: lock })))
    }

    /// Compares an input with the earlier ones of its scope and, if it is admitted, keeps it, durably. This is the one way in:
    /// to be called when an input is prepared and nothing of it has been shown to the peer, once for each peer. A job
    /// that goes on finds its own input and is admitted again.
    ///
    /// It blocks, reads and writes files, and works in the rayon pool that it is called in: for
    /// [`ComputePool::begin`](session::ComputePool::begin) or `run`. Beside what `parts` holds it takes as much memory of
    /// `space` as committing to the input does. It asks `check` for each part whether it is to end.
    ///
    /// # Errors
    /// [`GuardError`]; the input is not admitted then.
    pub fn admit(
        &self,
        entering: &Entering<'_>,
        parts: &dyn KeyParts,
        space: &Space,
        check: Check<'_>,
    ) -> Result<Verdict, GuardError> {
        let tagging = Tagging::new(&self.0.secret, entering.scope)?;
        let bound = entering.smallest.max(1);
        for _ in 0..TRIES {
            let mut writing = Writing::begin(&self.0.folder, &self.0.sealing_key)?;
            let earlier = self.earlier(entering, &tagging)?;
            let pass = Pass { tagging: &tagging, earlier: &earlier, bound, check };
            let mark = pass.run(parts, entering.count, space, &mut writing)?;
            let same = earlier.iter().find(|earlier| earlier.differing() == 0);
            let verdict = match closest(&earlier, bound, mark)? {
                _ if same.is_some() => Verdict::Same,
                None => Verdict::Unlike,
                Some(closeness) if entering.approved == Some(mark) => Verdict::Approved(closeness),
                Some(closeness) => return Ok(Verdict::TooClose(closeness)),
            };
            if same.is_none() {
                writing.end(&tagging.check)?;
            }
            if self.keep(entering, writing, same.map(|same| same.entry.id()), &earlier)? {
                return Ok(verdict);
            }
        }
        Err(GuardError::Busy)
    }

    /// Forgets what was entered too long ago, and gives how many inputs that were. [`admit`](Self::admit) does the same; this
    /// is for a node that has no runs.
    ///
    /// # Errors
    /// [`GuardError::Folder`], [`GuardError::Full`].
    pub fn forget(&self, now: Moment) -> Result<usize, GuardError> {
        let mut index = self.index();
        let mut changed = index.clone();
        let forgotten = self.forget_in(&mut changed, now);
        if !forgotten.is_empty() {
            self.replace(&mut index, changed, &forgotten)?;
        }
        Ok(forgotten.len())
    }

    /// How many earlier inputs of a scope are kept.
    #[must_use]
    pub fn kept(&self, scope: &Scope) -> usize {
        self.index().entries.iter().filter(|entry| entry.is_of(scope)).count()
    }

    fn index(&self) -> MutexGuard<'_, Index> {
        // It is replaced as a whole.
        self.0.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The earlier inputs that one is compared with. All are opened, so that one that is damaged is noticed.
    fn earlier(&self, entering: &Entering<'_>, tagging: &Tagging) -> Result<Vec<Earlier>, GuardError> {
        // Whatever is forgotten meanwhile stays open.
        let index = self.index();
        let since = self.since(entering.at);
        let of_scope = index.entries.iter().filter(|entry| entry.is_of(entering.scope) && entry.at_s >= since);
        let open = |entry: &Entry| {
            let holds = (entry.count, &tagging.check);
            let file = Stretches::open(&self.0.folder, entry.id(), &self.0.sealing_key, holds)?;
            Ok(Earlier::new(entry.clone(), file))
        };
        of_scope.map(open).collect()
    }

    /// Keeps an input that was compared with `earlier`; not if others have come since, or if the one that was the same is
    /// forgotten.
    fn keep(
        &self,
        entering: &Entering<'_>,
        mut writing: Writing,
        same: Option<FileId>,
        earlier: &[Earlier],
    ) -> Result<bool, GuardError> {
        let mut index = self.index();
        let compared: HashSet<FileId> = earlier.iter().map(|earlier| earlier.entry.id()).collect();
        let since = self.since(entering.at);
        let mut of_scope = index.entries.iter().filter(|entry| entry.is_of(entering.scope) && entry.at_s >= since);
        if of_scope.any(|entry| !compared.contains(&entry.id())) {
            return Ok(false);
        }
        if same.is_some_and(|same| !index.entries.iter().any(|entry| entry.id() == same)) {
            return Ok(false);
        }
        let id = same.unwrap_or_else(|| writing.id());
        let mut changed = index.clone();
        changed.enter(Entry::new(id, entering.scope, entering.job_id, entering.at.seconds(), entering.count));
        let forgotten = self.forget_in(&mut changed, entering.at);
        if same.is_none() {
            writing.settle()?;
        }
        let replaced = self.replace(&mut index, changed, &forgotten);
        if replaced.is_err() && same.is_none() {
            stretches::remove(&self.0.folder, id);
        }
        replaced.map(|()| true)
    }

    /// Writes an index, and removes what it forgot.
    fn replace(&self, index: &mut Index, changed: Index, forgotten: &[FileId]) -> Result<(), GuardError> {
        changed.write(&self.0.folder, &self.0.sealing_key)?;
        *index = changed;
        forgotten.iter().for_each(|id| stretches::remove(&self.0.folder, *id));
        Ok(())
    }

    fn forget_in(&self, index: &mut Index, now: Moment) -> Vec<FileId> {
        index.forget(self.0.keeping.inputs.max(1), self.since(now))
    }

    /// What was entered before this second is forgotten.
    fn since(&self, now: Moment) -> i64 {
        now.seconds().saturating_sub(i64::try_from(self.0.keeping.age.as_secs()).unwrap_or(i64::MAX))
    }
}

/// The earlier input that differs by the fewest keys, if those are fewer than `bound`.
fn closest(earlier: &[Earlier], bound: u64, mark: InputMark) -> Result<Option<Closeness>, GuardError> {
    let close = earlier.iter().filter(|earlier| earlier.differing() < bound);
    let Some(closest) = close.min_by_key(|earlier| earlier.differing()) else { return Ok(None) };
    let at = Moment::from_seconds(closest.entry.at_s).map_err(|_| GuardError::Fault("a moment that is none"))?;
    Ok(Some(Closeness { job_id: closest.entry.job_id.clone(), at, differing: closest.differing(), mark }))
}

/// Writes the first index. Where tags are, there was one.
fn begin_index(folder: &Path, sealing_key: &[u8; 32], check: &[u8; 32]) -> Result<Index, GuardError> {
    for entry in fs::read_dir(folder).map_err(GuardError::of(folder))? {
        let name = entry.map_err(GuardError::of(folder))?.file_name();
        if name.to_string_lossy().ends_with(".tags") {
            return Err(GuardError::unusable(&folder.join(index::NAME), "is missing"));
        }
    }
    let index = Index::new(check);
    index.write(folder, sealing_key)?;
    Ok(index)
}

/// Takes the folder for this process, as long as the file is open.
fn lock(folder: &Path) -> Result<File, GuardError> {
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(folder.join("lock"));
    let file = file.map_err(GuardError::of(folder))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(GuardError::InUse(folder.to_owned())),
        Err(TryLockError::Error(error)) => Err(GuardError::of(folder)(error)),
    }
}

/// Removes files by their names.
fn sweep(folder: &Path, is_over: impl Fn(&str) -> bool) -> Result<(), GuardError> {
    for entry in fs::read_dir(folder).map_err(GuardError::of(folder))? {
        let entry = entry.map_err(GuardError::of(folder))?;
        if entry.file_name().to_str().is_some_and(&is_over) {
            fs::remove_file(entry.path()).map_err(GuardError::of(folder))?;
        }
    }
    Ok(())
}
