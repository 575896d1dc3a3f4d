//! What outlives a process of a run that is cut into bins: which bins are finished, and what they brought.
//!
//! Before a side says what it enters it keeps the secret of its commitment, so that whatever happens it can only enter the
//! same again: its peer holds it to that. Once both have agreed, a job has a file of its own. It says what the run is bound
//! to (the job key, both commitments, the secret of this side's own) and then, bin by bin, what was found. A process that takes the job up again prepares its input anew,
//! has to come to the same commitment, and matches the bins that are missing in fresh sessions. Once its result is
//! delivered, a few bytes take the place of the file: the job has succeeded, and with which transcript, in case that
//! the process ends before it has said so.
//!
//! Files hold numbers of rows and the peer's labels: they are sealed under the node's storage key.

mod blocks;
mod saved;

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use blocks::{Reader, Writer, fresh};
use prost::Message;
pub(crate) use saved::{Begun, Checkpoint, Saved};
use zeroize::Zeroizing;

use crate::error::RunError;

/// How long a run is kept that nobody takes up: a day longer than a job waits at the most.
const KEPT: Duration = Duration::from_secs(8 * 86_400);

/// Where a node keeps the runs that are to outlive it.
#[derive(Clone, Debug)]
pub struct Checkpoints {
    folder: PathBuf,
    key: Arc<Zeroizing<[u8; 32]>>,
}

/// A job whose result is delivered.
#[derive(Clone, PartialEq, Message)]
struct Delivered {
    #[prost(string, tag = "1")]
    job_id: String,
    #[prost(bytes = "vec", tag = "2")]
    transcript: Vec<u8>,
}

impl Checkpoints {
    /// Takes the folder at `path`, and makes it and its key if they are not there.
    ///
    /// # Errors
    /// If they cannot be made or read, or others than their owner may read the key.
    pub fn open(path: &Path) -> io::Result<Self> {
        fs::DirBuilder::new().recursive(true).create(path)?;
        sweep(path, true)?;
        Ok(Self { folder: path.to_owned(), key: Arc::new(storage_key(&path.join("storage.key"))?) })
    }

    /// The run of a job, if it was begun here and can be read. One that cannot is gone.
    ///
    /// # Errors
    /// [`RunError::Own`] if the file cannot be read.
    pub(crate) fn load(&self, job_id: &str) -> Result<Option<Saved>, RunError> {
        for path in [self.path(job_id), self.ready_path(job_id)] {
            let read = open_if_there(&path).and_then(|file| match file {
                Some(file) => Saved::read(file, &self.key),
                None => Ok(None),
            });
            if let Some(saved) = read.map_err(|error| failed(&path, &error))? {
                return Ok(Some(saved));
            }
        }
        Ok(None)
    }

    /// Keeps what this side is about to say that it enters into a job, durably.
    ///
    /// # Errors
    /// [`RunError::Own`] if it cannot be written.
    pub(crate) fn ready(&self, job_id: &str, begun: &Begun) -> Result<(), RunError> {
        self.write(&self.ready_path(job_id), begun)
    }

    /// Begins the file of a job, with the bins that were finished before.
    ///
    /// # Errors
    /// [`RunError::Own`] if it cannot be written.
    pub(crate) fn begin(&self, job_id: &str, begun: &Begun, saved: Option<&Saved>) -> Result<Checkpoint, RunError> {
        sweep(&self.folder, false).map_err(|error| failed(&self.folder, &error))?;
        let checkpoint = Checkpoint::begin(self.path(job_id), &self.key, begun, saved)?;
        // It says all that was kept before.
        drop(fs::remove_file(self.ready_path(job_id)));
        Ok(checkpoint)
    }

    /// Whether a job was begun here: both sides had agreed on it.
    pub(crate) fn has(&self, job_id: &str) -> bool {
        self.path(job_id).exists()
    }

    /// Removes the files of a job: it is over.
    pub(crate) fn remove(&self, job_id: &str) {
        // What is left behind cannot be read without the key, and is swept when it is old.
        drop(fs::remove_file(self.path(job_id)));
        drop(fs::remove_file(self.ready_path(job_id)));
    }

    /// Notes that the result of a job is delivered, and removes its file.
    ///
    /// # Errors
    /// [`RunError::Own`] if that cannot be written.
    pub(crate) fn delivered(&self, job_id: &str, transcript: [u8; 32]) -> Result<(), RunError> {
        let note = Delivered { job_id: job_id.to_owned(), transcript: transcript.to_vec() };
        self.write(&self.delivered_path(job_id), &note)?;
        self.remove(job_id);
        Ok(())
    }

    /// The transcript of a job whose result was delivered by an earlier process.
    ///
    /// # Errors
    /// [`RunError::Own`] if what is kept cannot be read.
    pub(crate) fn was_delivered(&self, job_id: &str) -> Result<Option<[u8; 32]>, RunError> {
        let path = self.delivered_path(job_id);
        let read = open_if_there(&path).and_then(|file| match file {
            Some(file) => Reader::open(file, &self.key)?.map_or(Ok(None), |mut blocks| blocks.next::<Delivered>()),
            None => Ok(None),
        });
        let note = read.map_err(|error| failed(&path, &error))?.filter(|note| note.job_id == job_id);
        Ok(note.and_then(|note| note.transcript.try_into().ok()))
    }

    /// A job id is a file name: letters, digits and a few signs (`wire::convert::job_id`).
    fn path(&self, job_id: &str) -> PathBuf {
        self.folder.join(format!("{job_id}.run"))
    }

    fn ready_path(&self, job_id: &str) -> PathBuf {
        self.folder.join(format!("{job_id}.ready"))
    }

    /// Writes a file of one block.
    fn write(&self, path: &Path, message: &impl Message) -> Result<(), RunError> {
        let written = Writer::create(path, &self.key).and_then(|mut writer| {
            writer.put(message)?;
            writer.settle(path)
        });
        written.map_err(|error| failed(path, &error))
    }

    fn delivered_path(&self, job_id: &str) -> PathBuf {
        self.folder.join(format!("{job_id}.done"))
    }
}

fn open_if_there(path: &Path) -> io::Result<Option<File>> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Removes runs that nobody has taken up for long, and where a process begins what is half-written.
fn sweep(folder: &Path, begins: bool) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        let old = || entry.metadata().and_then(|found| found.modified()).ok().and_then(|at| at.elapsed().ok());
        let is_over = match path.extension().and_then(|extension| extension.to_str()) {
            Some("part") => begins,
            Some("ready" | "run" | "done") => old().is_some_and(|age| age > KEPT),
            _ => false,
        };
        if is_over {
            // A job that is over at this moment removes its own.
            drop(fs::remove_file(path));
        }
    }
    Ok(())
}

/// The key at `path`, which is made if it is not there.
pub(crate) fn storage_key(path: &Path) -> io::Result<Zeroizing<[u8; 32]>> {
    use std::os::unix::fs::PermissionsExt;
    if !path.try_exists()? {
        let part = path.with_extension("part");
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part)?;
        file.write_all(fresh()?.as_slice())?;
        file.sync_all()?;
        fs::rename(&part, path)?;
    }
    if fs::metadata(path)?.permissions().mode() & 0o077 != 0 {
        return Err(io::Error::other(format!("others may read {}: close it with chmod 600", path.display())));
    }
    let mut key = Zeroizing::new([0; 32]);
    File::open(path)?.read_exact(key.as_mut_slice())?;
    Ok(key)
}

fn failed(path: &Path, error: &io::Error) -> RunError {
    let folder = path.parent().unwrap_or(path).display();
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            RunError::Own(format!("the disk of the folder for runs, {folder}, is full"))
        }
        _ => RunError::Own(format!("the folder for runs, {folder}: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{bin_marks::BinMarks, findings::BinFindings};

    fn begun(bins: u32) -> Begun {
        Begun { job_key: vec![1; 32], secret: vec![2; 32], bins, ..Begun::default() }
    }

    /// What is found, piece by piece.
    fn found_in(saved: &Saved) -> Vec<(u32, Option<u8>, Vec<u8>)> {
        let mut found = Vec::new();
        let each = saved.each(|bin, transcript, findings| {
            found.push((bin, transcript.map(|transcript| transcript[0]), findings.rows));
            Ok(())
        });
        each.unwrap();
        found
    }

    fn findings(rows: &[u8]) -> BinFindings {
        BinFindings { matched: Some(rows.len() as u64), unreadable_labels: 1, rows: rows.to_vec(), labelled: false }
    }

    fn checkpoints(folder: &Path) -> Checkpoints {
        Checkpoints::open(folder).unwrap()
    }

    #[test]
    fn a_run_comes_back_with_its_bins() {
        let folder = tempfile::tempdir().unwrap();
        let all = checkpoints(folder.path());
        assert!(all.load("job").unwrap().is_none());
        let run = all.begin("job", &begun(9), None).unwrap();
        run.finished(3, [3; 32], &findings(b"three")).unwrap();
        run.finished(8, [8; 32], &findings(b"")).unwrap();
        // Another process.
        let all = checkpoints(folder.path());
        let mut saved = all.load("job").unwrap().unwrap();
        assert_eq!((&saved.begun, saved.marks().to_bytes()), (&begun(9), vec![0x08, 0x01]));
        let mut three = BinMarks::default();
        three.mark(3);
        saved.keep(&three);
        let run = all.begin("job", &begun(9), Some(&saved)).unwrap();
        run.finished(4, [4; 32], &findings(b"four")).unwrap();
        let saved = all.load("job").unwrap().unwrap();
        assert_eq!(found_in(&saved), [(3, Some(3), b"three".to_vec()), (4, Some(4), b"four".to_vec())]);
        all.remove("job");
        assert!(all.load("job").unwrap().is_none());
    }

    #[test]
    fn a_bin_that_brought_much_comes_back_in_pieces() {
        let folder = tempfile::tempdir().unwrap();
        let all = checkpoints(folder.path());
        let run = all.begin("job", &begun(9), None).unwrap();
        let rows: Vec<u8> = (0..5u64 << 20).flat_map(u64::to_le_bytes).collect();
        run.finished(1, [1; 32], &findings(&rows)).unwrap();
        run.finished(2, [2; 32], &findings(b"12345678")).unwrap();
        let path = folder.path().join("job.run");
        let found = found_in(&all.load("job").unwrap().unwrap());
        let words: Vec<_> = found.iter().map(|(bin, transcript, _)| (*bin, *transcript)).collect();
        assert_eq!(words, [(1, None), (1, None), (1, Some(1)), (2, Some(2))]);
        assert_eq!(found.iter().flat_map(|(bin, _, rows)| (*bin == 1).then_some(rows)).flatten().count(), rows.len());
        // A bin whose last piece is missing is not finished, and nothing of it is taken up.
        OpenOptions::new().write(true).open(&path).unwrap().set_len(35 << 20).unwrap();
        let saved = all.load("job").unwrap().unwrap();
        assert_eq!((saved.marks().count(), found_in(&saved).len()), (0, 0));
    }

    #[test]
    fn what_a_side_is_about_to_enter_is_kept_until_more_is() {
        let folder = tempfile::tempdir().unwrap();
        let all = checkpoints(folder.path());
        let about = Begun { secret: vec![2; 32], commitment: vec![3; 32], ..Begun::default() };
        all.ready("job", &about).unwrap();
        let saved = all.load("job").unwrap().unwrap();
        assert_eq!((&saved.begun, saved.was_agreed(), all.has("job")), (&about, false, false));
        all.begin("job", &begun(9), None).unwrap();
        let saved = all.load("job").unwrap().unwrap();
        assert!(saved.was_agreed() && all.has("job") && !folder.path().join("job.ready").exists());
        all.ready("other", &about).unwrap();
        all.remove("other");
        assert!(all.load("other").unwrap().is_none());
    }

    #[test]
    fn what_was_delivered_is_known_to_the_next_process() {
        let folder = tempfile::tempdir().unwrap();
        let all = checkpoints(folder.path());
        all.begin("job", &begun(9), None).unwrap();
        assert_eq!(all.was_delivered("job").unwrap(), None);
        all.delivered("job", [7; 32]).unwrap();
        let all = checkpoints(folder.path());
        assert_eq!((all.was_delivered("job").unwrap(), all.has("job")), (Some([7; 32]), false));
        // The note of another job says nothing.
        fs::rename(folder.path().join("job.done"), folder.path().join("other.done")).unwrap();
        assert_eq!(all.was_delivered("other").unwrap(), None);
        assert!(fs::read_dir(folder.path()).unwrap().count() == 2, "the key and the note alone");
    }

    #[test]
    fn a_file_that_ends_anywhere_gives_the_bins_before() {
        let folder = tempfile::tempdir().unwrap();
        let all = checkpoints(folder.path());
        let run = all.begin("job", &begun(9), None).unwrap();
        let path = folder.path().join("job.run");
        let begun_at = fs::metadata(&path).unwrap().len();
        run.finished(0, [0; 32], &findings(b"none")).unwrap();
        let first_at = fs::metadata(&path).unwrap().len();
        run.finished(1, [1; 32], &findings(b"one")).unwrap();
        let whole = fs::read(&path).unwrap();
        for end in 0..whole.len() {
            fs::write(&path, &whole[..end]).unwrap();
            let bins = all.load("job").unwrap().map(|saved| saved.marks().count());
            let expected = match end as u64 {
                end if end < begun_at => None,
                end if end < first_at => Some(0),
                _ => Some(1),
            };
            assert_eq!(bins, expected, "{end} of {} bytes", whole.len());
        }
    }

    #[test]
    fn a_changed_byte_ends_what_is_believed() {
        let folder = tempfile::tempdir().unwrap();
        let all = checkpoints(folder.path());
        all.begin("job", &begun(9), None).unwrap().finished(0, [0; 32], &findings(b"31019919850101001X")).unwrap();
        let path = folder.path().join("job.run");
        let whole = fs::read(&path).unwrap();
        assert!(!whole.windows(18).any(|window| window == b"31019919850101001X"));
        for place in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[place] ^= 1;
            fs::write(&path, bytes).unwrap();
            assert!(all.load("job").unwrap().is_none_or(|saved| saved.marks().count() == 0), "byte {place}");
        }
    }

    #[test]
    fn the_key_is_its_owners_alone() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        checkpoints(folder.path());
        let key = folder.path().join("storage.key");
        assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(Checkpoints::open(folder.path()).unwrap_err().to_string().contains("chmod 600"));
    }
}
