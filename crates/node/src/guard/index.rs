//! Which earlier inputs are kept: one sealed file, written anew for each change.
//!
//! ```text
//! file = "yuandang inputs1" ‖ id (16) ‖ the list, sealed as block 0 of a file with this id
//! ```
//!
//! A file of tags that the index does not name was never admitted, or is forgotten. One that it names has to be there.

use std::{
    collections::HashMap,
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use prost::Message;

use super::{
    error::GuardError,
    sealed::{FileId, Sealing},
    tags::Scope,
};

const MAGIC: &[u8; 16] = b"yuandang inputs1";
/// The most bytes of an index: some hundred thousand inputs.
const MOST: u64 = 1 << 26;

/// The name of the file.
pub(super) const NAME: &str = "inputs";

/// An earlier input.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Entry {
    #[prost(bytes = "vec", tag = "1")]
    id: Vec<u8>,
    #[prost(string, tag = "2")]
    peer: String,
    #[prost(string, tag = "3")]
    dataset: String,
    #[prost(string, tag = "4")]
    key: String,
    /// The last job that it entered, and when, in seconds.
    #[prost(string, tag = "5")]
    pub(super) job_id: String,
    #[prost(int64, tag = "6")]
    pub(super) at_s: i64,
    /// Distinct keys.
    #[prost(uint64, tag = "7")]
    pub(super) count: u64,
}

impl Entry {
    pub(super) fn new(id: FileId, scope: &Scope, job_id: &str, at_s: i64, count: u64) -> Self {
        Self {
            id: id.0.to_vec(),
            peer: scope.peer.to_string(),
            dataset: scope.dataset.clone(),
            key: scope.key.clone(),
            job_id: job_id.to_owned(),
            at_s,
            count,
        }
    }

    pub(super) fn id(&self) -> FileId {
        FileId(self.id.as_slice().try_into().unwrap_or_default())
    }

    pub(super) fn is_of(&self, scope: &Scope) -> bool {
        self.peer == scope.peer.as_str() && self.dataset == scope.dataset && self.key == scope.key
    }
}

/// All earlier inputs, in the order in which they were last entered.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Index {
    /// Tells whether the tag secret is the one that these were made with.
    #[prost(bytes = "vec", tag = "1")]
    check: Vec<u8>,
    #[prost(message, repeated, tag = "2")]
    pub(super) entries: Vec<Entry>,
}

impl Index {
    pub(super) fn new(check: &[u8; 32]) -> Self {
        Self { check: check.to_vec(), entries: Vec::new() }
    }

    /// Reads the index of `folder`; nothing if there is none.
    pub(super) fn read(folder: &Path, sealing_key: &[u8; 32], check: &[u8; 32]) -> Result<Option<Self>, GuardError> {
        let path = folder.join(NAME);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(GuardError::of(&path)(error)),
        };
        let mut bytes = Vec::new();
        file.take(MOST).read_to_end(&mut bytes).map_err(GuardError::of(&path))?;
        let changed = || GuardError::unusable(&path, "was changed, or sealed under another key");
        let (magic, rest) = bytes.split_first_chunk_mut::<16>().ok_or_else(changed)?;
        let (id, sealed) = rest.split_first_chunk_mut::<16>().ok_or_else(changed)?;
        if magic != MAGIC {
            return Err(GuardError::unusable(&path, "is another file"));
        }
        let sealing = Sealing::new(sealing_key, FileId(*id))?;
        let index = Self::decode(sealing.open(0, sealed).ok_or_else(changed)?).map_err(|_| changed())?;
        if index.check != check {
            return Err(GuardError::unusable(&path, "belongs to another tag secret"));
        }
        Ok(Some(index))
    }

    /// Writes it durably, in the place of the one before. The folder's other names are durable then as well.
    pub(super) fn write(&self, folder: &Path, sealing_key: &[u8; 32]) -> Result<(), GuardError> {
        let id = FileId::fresh()?;
        let mut bytes = [MAGIC.as_slice(), &id.0].concat();
        let from = bytes.len();
        bytes.extend(self.encode_to_vec());
        Sealing::new(sealing_key, id)?.seal(0, &mut bytes, from)?;
        if bytes.len() as u64 >= MOST {
            return Err(GuardError::TooMany);
        }
        let part = folder.join(NAME).with_extension("part");
        let write = || {
            let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part)?;
            file.write_all(&bytes)?;
            file.sync_all()?;
            fs::rename(&part, folder.join(NAME))?;
            File::open(folder)?.sync_all()
        };
        write().map_err(GuardError::of(folder))
    }

    /// Adds an input, or notes that the one with this id was entered again.
    pub(super) fn enter(&mut self, mut entry: Entry) {
        if let Some(place) = self.entries.iter().position(|earlier| earlier.id == entry.id) {
            let earlier = self.entries.remove(place);
            // Should the clock have gone back, it is not forgotten the sooner for it.
            entry.at_s = entry.at_s.max(earlier.at_s);
        }
        self.entries.push(entry);
    }

    /// Forgets what was last entered before `since_s`, and of each scope all but the last `most`.
    pub(super) fn forget(&mut self, most: usize, since_s: i64) -> Vec<FileId> {
        let entries = std::mem::take(&mut self.entries);
        let (mut kept, mut forgotten) = (Vec::with_capacity(entries.len()), Vec::new());
        let mut of_scope: HashMap<_, usize> = HashMap::new();
        for entry in entries.into_iter().rev() {
            let later = of_scope.entry((entry.peer.clone(), entry.dataset.clone(), entry.key.clone())).or_default();
            if entry.at_s < since_s || *later >= most {
                forgotten.push(entry.id());
                continue;
            }
            *later += 1;
            kept.push(entry);
        }
        kept.reverse();
        self.entries = kept;
        forgotten
    }
}
