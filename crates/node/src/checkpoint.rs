//! What outlives a process of a run that is cut into bins: which bins are finished, and what they brought.
//!
//! A job has a file of its own. It says what the run is bound to (the job key, both commitments, the secret of this
//! side's own) and then, bin by bin, what was found. A process that takes the job up again prepares its input anew,
//! has to come to the same commitment, and matches the bins that are missing in fresh sessions.
//!
//! ```text
//! file  = "yuandang run v1\n" ‖ salt (32) ‖ block…
//! block = length of what follows (4, little-endian) ‖ nonce (12) ‖ AES-256-GCM(key, nonce, number of the block, message)
//! key   = HKDF-SHA-256(salt, storage key, "yuandang checkpoint v1")
//! ```
//!
//! A block that was half written when the process ended is not there. What is lost with it is a bin, which is then
//! matched again. Files hold numbers of rows and the peer's labels: they are sealed under the node's storage key.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use prost::Message;
use ring::{
    aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    hkdf,
};
use zeroize::Zeroizing;

use crate::{bin_marks::BinMarks, error::RunError, findings::BinFindings, prepare::random};

const MAGIC: &[u8; 16] = b"yuandang run v1\n";
const CONTEXT: &[u8] = b"yuandang checkpoint v1";
/// How long a run is kept that nobody takes up: a day longer than a job waits at the most.
const KEPT: Duration = Duration::from_secs(8 * 86_400);
/// The most bytes of a block: more than a bin can bring.
const MOST_BLOCK: u32 = 1 << 31;

/// Where a node keeps the runs that are to outlive it.
#[derive(Clone, Debug)]
pub struct Checkpoints {
    folder: PathBuf,
    key: Arc<Zeroizing<[u8; 32]>>,
}

/// What a run was begun with.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Begun {
    /// SHA-256 of the terms.
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) terms: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) job_key: Vec<u8>,
    /// The secret of this side's commitment.
    #[prost(bytes = "vec", tag = "3")]
    pub(crate) secret: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    pub(crate) commitment: Vec<u8>,
    #[prost(bytes = "vec", tag = "5")]
    pub(crate) peer_commitment: Vec<u8>,
    #[prost(uint32, tag = "6")]
    pub(crate) bins: u32,
    #[prost(uint64, tag = "7")]
    pub(crate) peer_size: u64,
    /// What the source was, to the last byte of a row: what was found are numbers of its rows.
    #[prost(bytes = "vec", tag = "8")]
    pub(crate) source: Vec<u8>,
}

/// A bin that is finished.
#[derive(Clone, PartialEq, Message)]
struct FinishedBin {
    #[prost(uint32, tag = "1")]
    bin: u32,
    #[prost(bytes = "vec", tag = "2")]
    transcript: Vec<u8>,
    #[prost(uint64, optional, tag = "3")]
    matched: Option<u64>,
    #[prost(uint64, tag = "4")]
    unreadable_labels: u64,
    #[prost(bytes = "vec", tag = "5")]
    rows: Vec<u8>,
}

impl Checkpoints {
    /// Takes the folder at `path`, and makes it and its key if they are not there.
    ///
    /// # Errors
    /// If they cannot be made or read, or others than their owner may read the key.
    pub fn open(path: &Path) -> io::Result<Self> {
        fs::DirBuilder::new().recursive(true).create(path)?;
        sweep(path)?;
        Ok(Self { folder: path.to_owned(), key: Arc::new(storage_key(&path.join("storage.key"))?) })
    }

    /// The run of a job, if it was begun here and can be read. One that cannot is gone.
    ///
    /// # Errors
    /// [`RunError::Own`] if the file cannot be read.
    pub(crate) fn load(&self, job_id: &str) -> Result<Option<Saved>, RunError> {
        let path = self.path(job_id);
        match File::open(&path) {
            Ok(file) => Saved::read(file, &self.key).map_err(|error| failed(&path, &error)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed(&path, &error)),
        }
    }

    /// Begins the file of a job, with the bins that were finished before.
    ///
    /// # Errors
    /// [`RunError::Own`] if it cannot be written.
    pub(crate) fn begin(&self, job_id: &str, begun: &Begun, saved: Option<Saved>) -> Result<Checkpoint, RunError> {
        let path = self.path(job_id);
        let written = Writer::create(&path, &self.key).and_then(|mut writer| {
            writer.put(&begun.encode_to_vec())?;
            saved.into_iter().flat_map(|saved| saved.bins).try_for_each(|bin| writer.put(&bin.encode_to_vec()))?;
            writer.settle(&path)?;
            Ok(writer)
        });
        Ok(Checkpoint { writer: Mutex::new(written.map_err(|error| failed(&path, &error))?), path })
    }

    /// Whether a job was begun here.
    pub(crate) fn has(&self, job_id: &str) -> bool {
        self.path(job_id).exists()
    }

    /// Removes the file of a job: it is over.
    pub(crate) fn remove(&self, job_id: &str) {
        // What is left behind cannot be read without the key, and is swept when it is old.
        drop(fs::remove_file(self.path(job_id)));
    }

    /// A job id is a file name: letters, digits and a few signs (`wire::convert::job_id`).
    fn path(&self, job_id: &str) -> PathBuf {
        self.folder.join(format!("{job_id}.run"))
    }
}

/// A run that was begun by an earlier process.
pub(crate) struct Saved {
    pub(crate) begun: Begun,
    bins: Vec<FinishedBin>,
}

impl Saved {
    /// The bins that are finished.
    pub(crate) fn marks(&self) -> BinMarks {
        let mut marks = BinMarks::default();
        self.bins.iter().for_each(|bin| marks.mark(bin.bin));
        marks
    }

    /// Forgets the bins that are not among `marks`.
    pub(crate) fn keep(&mut self, marks: &BinMarks) {
        self.bins.retain(|bin| marks.has(bin.bin));
    }

    /// Each bin with its transcript and what it brought.
    pub(crate) fn findings(&self) -> impl Iterator<Item = (u32, [u8; 32], BinFindings)> + '_ {
        self.bins.iter().map(|bin| {
            let findings =
                BinFindings { matched: bin.matched, unreadable_labels: bin.unreadable_labels, rows: bin.rows.clone() };
            (bin.bin, bin.transcript.as_slice().try_into().unwrap_or_default(), findings)
        })
    }

    fn read(mut file: File, key: &[u8; 32]) -> io::Result<Option<Self>> {
        let mut head = [0; 48];
        if file.read_exact(&mut head).is_err() || !head.starts_with(MAGIC) {
            return Ok(None);
        }
        let salt = head.last_chunk::<32>().copied().unwrap_or_default();
        let key = file_key(key, &salt)?;
        let Some(first) = read_block(&mut file, &key, 0)? else { return Ok(None) };
        let Ok(begun) = Begun::decode(first.as_slice()) else { return Ok(None) };
        let mut bins: Vec<FinishedBin> = Vec::new();
        while let Some(block) = read_block(&mut file, &key, bins.len() as u64 + 1)? {
            let Ok(bin) = FinishedBin::decode(block.as_slice()) else { break };
            bins.push(bin);
        }
        Ok(Some(Self { begun, bins }))
    }
}

/// The file of a run that goes on.
pub(crate) struct Checkpoint {
    writer: Mutex<Writer>,
    path: PathBuf,
}

impl Checkpoint {
    /// Adds a bin that is finished, durably.
    ///
    /// # Errors
    /// [`RunError::Own`] if it cannot be written.
    pub(crate) fn finished(&self, bin: u32, transcript: [u8; 32], findings: &BinFindings) -> Result<(), RunError> {
        let message = FinishedBin {
            bin,
            transcript: transcript.to_vec(),
            matched: findings.matched,
            unreadable_labels: findings.unreadable_labels,
            rows: findings.rows.clone(),
        };
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let written = writer.put(&message.encode_to_vec()).and_then(|()| writer.file.sync_data());
        written.map_err(|error| failed(&self.path, &error))
    }
}

/// Appends blocks.
struct Writer {
    file: File,
    key: LessSafeKey,
    blocks: u64,
    /// The name of the file until it is whole.
    part: PathBuf,
}

impl Writer {
    fn create(path: &Path, key: &[u8; 32]) -> io::Result<Self> {
        let part = path.with_extension("part");
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part)?;
        let salt = fresh()?;
        file.write_all(MAGIC)?;
        file.write_all(salt.as_slice())?;
        Ok(Self { file, key: file_key(key, &salt)?, blocks: 0, part })
    }

    /// Gives the file its name, in the place of an earlier one.
    fn settle(&mut self, path: &Path) -> io::Result<()> {
        self.file.sync_all()?;
        fs::rename(&self.part, path)?;
        path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
    }

    fn put(&mut self, message: &[u8]) -> io::Result<()> {
        let nonce: [u8; 12] = fresh()?.first_chunk().copied().unwrap_or_default();
        let mut sealed = message.to_vec();
        let aad = Aad::from(self.blocks.to_le_bytes());
        self.key
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut sealed)
            .map_err(|_| io::Error::other("a block could not be sealed"))?;
        let length = u32::try_from(nonce.len() + sealed.len()).ok().filter(|length| *length < MOST_BLOCK);
        let length = length.ok_or_else(|| io::Error::other("a bin brought more than a block holds"))?;
        self.blocks += 1;
        self.file.write_all(&[&length.to_le_bytes(), nonce.as_slice(), &sealed].concat())
    }
}

/// The next block; nothing where the file ends, or where what follows is no whole block.
fn read_block(file: &mut File, key: &LessSafeKey, number: u64) -> io::Result<Option<Vec<u8>>> {
    let (at, end) = (file.stream_position()?, file.metadata()?.len());
    let mut length = [0; 4];
    if end.saturating_sub(at) < 4 {
        return Ok(None);
    }
    file.read_exact(&mut length)?;
    let length = u32::from_le_bytes(length);
    if u64::from(length) > end.saturating_sub(at + 4) || length >= MOST_BLOCK {
        file.seek(SeekFrom::Start(at))?;
        return Ok(None);
    }
    let mut block = vec![0; length as usize];
    file.read_exact(&mut block)?;
    let Some((nonce, sealed)) = block.split_first_chunk_mut::<12>() else { return Ok(None) };
    let opened = key.open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(number.to_le_bytes()), sealed);
    Ok(opened.ok().map(|message| message.to_vec()))
}

fn file_key(storage: &[u8; 32], salt: &[u8; 32]) -> io::Result<LessSafeKey> {
    let unusable = |_| io::Error::other("no key could be derived");
    let mut key = Zeroizing::new([0; 32]);
    let derived = hkdf::Salt::new(hkdf::HKDF_SHA256, salt).extract(storage);
    derived.expand(&[CONTEXT], hkdf::HKDF_SHA256).and_then(|okm| okm.fill(key.as_mut_slice())).map_err(unusable)?;
    UnboundKey::new(&AES_256_GCM, key.as_slice()).map(LessSafeKey::new).map_err(unusable)
}

/// Removes what is half-written, and runs that nobody has taken up for long.
fn sweep(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        let old = || entry.metadata().and_then(|found| found.modified()).ok().and_then(|at| at.elapsed().ok());
        let is_over = match path.extension().and_then(|extension| extension.to_str()) {
            Some("part") => true,
            Some("run") => old().is_some_and(|age| age > KEPT),
            _ => false,
        };
        if is_over {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

/// The key at `path`, which is made if it is not there.
fn storage_key(path: &Path) -> io::Result<Zeroizing<[u8; 32]>> {
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

fn fresh() -> io::Result<Zeroizing<[u8; 32]>> {
    random().map_err(|error| io::Error::other(error.to_string()))
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

    fn begun(bins: u32) -> Begun {
        Begun { job_key: vec![1; 32], secret: vec![2; 32], bins, ..Begun::default() }
    }

    fn findings(rows: &[u8]) -> BinFindings {
        BinFindings { matched: Some(rows.len() as u64), unreadable_labels: 1, rows: rows.to_vec() }
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
        let run = all.begin("job", &begun(9), Some(saved)).unwrap();
        run.finished(4, [4; 32], &findings(b"four")).unwrap();
        let saved = all.load("job").unwrap().unwrap();
        let found: Vec<_> = saved.findings().map(|(bin, transcript, found)| (bin, transcript[0], found.rows)).collect();
        assert_eq!(found, [(3, 3, b"three".to_vec()), (4, 4, b"four".to_vec())]);
        all.remove("job");
        assert!(all.load("job").unwrap().is_none());
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
            let bins = all.load("job").unwrap().map(|saved| saved.bins.len());
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
            assert!(all.load("job").unwrap().is_none_or(|saved| saved.bins.is_empty()), "byte {place}");
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
