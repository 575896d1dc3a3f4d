//! Blocks of bytes that do not fit into memory: sealed, in a temporary file without a name.
//!
//! The file is unlinked as soon as it is made, so the system takes it back when the process ends, however it
//! ends. Each block is sealed with AES-256-GCM under a key that is drawn for this file and is never written
//! anywhere; its number is the nonce.

use std::{
    fs::File,
    io::{self, ErrorKind},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
};

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

use crate::{error::RunError, prepare::random};

/// Blocks that wait to be written.
const QUEUE: usize = 4;

/// A file of sealed blocks. It is made when the first block comes. A thread of its own seals and writes them.
pub(crate) struct Spill {
    folder: PathBuf,
    store: OnceLock<Store>,
    making: Mutex<()>,
}

struct Store {
    shared: Arc<Shared>,
    writer: Mutex<Appending>,
}

/// Where the next block goes.
struct Appending {
    queue: SyncSender<(Block, Vec<Vec<u8>>)>,
    blocks: u64,
    end: u64,
}

/// What the writer's thread has as well.
struct Shared {
    file: File,
    key: LessSafeKey,
    written: Mutex<Written>,
    changed: Condvar,
}

#[derive(Default)]
struct Written {
    /// Blocks that were put and are not written yet.
    pending: usize,
    /// Why one could not be.
    failure: Option<io::Error>,
}

/// Where a block is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Block {
    number: u64,
    offset: u64,
    length: u32,
}

impl Block {
    /// Bytes on disk.
    pub(crate) fn bytes(&self) -> u64 {
        self.length.into()
    }
}

impl Spill {
    /// A file to come, in `folder`.
    pub(crate) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), store: OnceLock::new(), making: Mutex::new(()) }
    }

    /// Writes a block of these pieces, less than 2^31 bytes in all. Comes back before it is written, unless too many wait for
    /// that.
    ///
    /// # Errors
    /// [`RunError::Own`] if the disk did not take one before.
    pub(crate) fn put(&self, pieces: Vec<Vec<u8>>) -> Result<Block, RunError> {
        let store = self.store()?;
        let length = pieces.iter().map(Vec::len).sum::<usize>().saturating_add(AES_256_GCM.tag_len());
        let length = u32::try_from(length).map_err(|_| self.failed(&ErrorKind::FileTooLarge.into()))?;
        let mut appending = store.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let block = Block { number: appending.blocks, offset: appending.end, length };
        appending.blocks += 1;
        appending.end += u64::from(length);
        let mut written = store.shared.written();
        if let Some(error) = &written.failure {
            return Err(self.failed(error));
        }
        written.pending += 1;
        drop(written);
        let sent = appending.queue.send((block, pieces));
        sent.map(|()| block).map_err(|_| self.failed(&io::Error::other("nobody writes them")))
    }

    /// Appends what is in a block to `bytes`.
    ///
    /// # Errors
    /// [`RunError::Own`] if the disk does not give back what was written.
    pub(crate) fn get(&self, block: Block, bytes: &mut Vec<u8>) -> Result<(), RunError> {
        let (store, before) = (self.store()?, bytes.len());
        self.flushed(&store.shared)?;
        bytes.resize(before + block.length as usize, 0);
        let sealed = bytes.get_mut(before..).unwrap_or_default();
        store.shared.file.read_exact_at(sealed, block.offset).map_err(|error| self.failed(&error))?;
        let opened = store.shared.key.open_in_place(nonce(block.number), Aad::empty(), sealed);
        let length = opened.map_err(|_| self.failed(&io::Error::other("a block is not what was written")))?.len();
        bytes.truncate(before + length);
        Ok(())
    }

    /// Gives back the room of a block that nobody gets any more, on the disk and in the system's memory, where the file system
    /// makes holes. (Some, and Linux before 6.15, write what is not on the disk yet before they do.)
    pub(crate) fn free(&self, block: Block) {
        if let Some(store) = self.store.get() {
            free(&store.shared.file, block);
        }
    }

    /// Bytes on disk, or on their way to it, those that were freed included.
    pub(crate) fn size(&self) -> u64 {
        self.store.get().map_or(0, |store| store.writer.lock().unwrap_or_else(PoisonError::into_inner).end)
    }

    /// Waits until all blocks are written.
    fn flushed(&self, shared: &Shared) -> Result<(), RunError> {
        let written = shared.changed.wait_while(shared.written(), |written| written.pending > 0);
        let written = written.unwrap_or_else(PoisonError::into_inner);
        written.failure.as_ref().map_or(Ok(()), |error| Err(self.failed(error)))
    }

    fn store(&self) -> Result<&Store, RunError> {
        if let Some(store) = self.store.get() {
            return Ok(store);
        }
        // One file, whoever is first.
        let _making = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(store) = self.store.get() {
            return Ok(store);
        }
        let made = self.make()?;
        Ok(self.store.get_or_init(|| made))
    }

    fn make(&self) -> Result<Store, RunError> {
        let file = tempfile::tempfile_in(&self.folder).map_err(|error| self.failed(&error))?;
        let key = UnboundKey::new(&AES_256_GCM, random()?.as_slice())
            .map_err(|_| RunError::Own("a fault in this program: a key of the wrong length".to_owned()))?;
        let (written, changed) = (Mutex::default(), Condvar::new());
        let shared = Arc::new(Shared { file, key: LessSafeKey::new(key), written, changed });
        let (queue, blocks) = sync_channel(QUEUE);
        let theirs = Arc::clone(&shared);
        let writer = thread::Builder::new().name("spill".to_owned());
        writer.spawn(move || theirs.write_all(&blocks)).map_err(|error| self.failed(&error))?;
        Ok(Store { shared, writer: Mutex::new(Appending { queue, blocks: 0, end: 0 }) })
    }

    fn failed(&self, error: &io::Error) -> RunError {
        let folder = self.folder.display();
        RunError::Own(match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
                format!("the disk of the folder for temporary files, {folder}, is full")
            }
            _ => format!("temporary files in {folder}: {error}"),
        })
    }
}

/// Says when it goes that nothing more is written, so that nobody waits for it.
struct Ended<'a>(&'a Shared);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        let mut written = self.0.written();
        if written.pending > 0 {
            written.failure = written.failure.take().or_else(|| Some(io::Error::other("nobody writes them")));
            written.pending = 0;
        }
        drop(written);
        self.0.changed.notify_all();
    }
}

impl Shared {
    fn written(&self) -> MutexGuard<'_, Written> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes blocks until no more can come.
    fn write_all(&self, blocks: &Receiver<(Block, Vec<Vec<u8>>)>) {
        let _ended = Ended(self);
        // Used again and again, since fresh memory costs as much as what is done with it.
        let mut bytes = Vec::new();
        for (block, pieces) in blocks {
            bytes.clear();
            bytes.reserve_exact(block.length as usize);
            for piece in pieces {
                bytes.extend_from_slice(&piece);
            }
            let outcome = self.write(block, &mut bytes);
            let mut written = self.written();
            written.pending -= 1;
            // The first failure is the one that is told.
            written.failure = written.failure.take().or(outcome.err());
            drop(written);
            self.changed.notify_all();
        }
    }

    fn write(&self, block: Block, bytes: &mut Vec<u8>) -> io::Result<()> {
        let sealed = self.key.seal_in_place_append_tag(nonce(block.number), Aad::empty(), bytes);
        sealed.map_err(|_| io::Error::other("a block could not be sealed"))?;
        self.file.write_all_at(bytes, block.offset)
    }
}

#[cfg(target_os = "linux")]
fn free(file: &File, block: Block) {
    use nix::fcntl::{FallocateFlags, fallocate};
    let (Ok(offset), Ok(length)) = (block.offset.try_into(), u64::from(block.length).try_into()) else {
        return;
    };
    let hole = FallocateFlags::FALLOC_FL_PUNCH_HOLE | FallocateFlags::FALLOC_FL_KEEP_SIZE;
    // A file system that makes no holes keeps the block until the file goes.
    let _ = fallocate(file, hole, offset, length);
}

#[cfg(not(target_os = "linux"))]
fn free(_: &File, _: Block) {}

/// Numbers are not used twice under one key.
fn nonce(number: u64) -> Nonce {
    let mut bytes = [0; 12];
    for (to, from) in bytes.iter_mut().zip(number.to_le_bytes()) {
        *to = from;
    }
    Nonce::assume_unique_for_key(bytes)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn blocks_come_back_and_leave_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let spill = Spill::new(folder.path());
        assert_eq!(spill.size(), 0);
        let blocks: Vec<_> = (0..20u8).map(|n| spill.put(vec![vec![n; usize::from(n) * 1000]]).unwrap()).collect();
        for (n, block) in (0..20u8).zip(&blocks).rev() {
            let mut bytes = vec![7; 3];
            spill.get(*block, &mut bytes).unwrap();
            assert_eq!(bytes, [vec![7; 3], vec![n; usize::from(n) * 1000]].concat());
        }
        assert_eq!(spill.size(), 190_000 + 20 * 16);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "the file has no name");
    }

    #[test]
    fn a_block_that_is_freed_takes_no_other_with_it_and_gives_its_room_back() {
        let folder = tempfile::tempdir().unwrap();
        let spill = Spill::new(folder.path());
        let blocks: Vec<_> = (0..9u8).map(|n| spill.put(vec![vec![n; 100_000]]).unwrap()).collect();
        // A block is read before it is freed, and written before it is read.
        blocks.iter().for_each(|block| spill.get(*block, &mut Vec::new()).unwrap());
        let room = |spill: &Spill| {
            use std::os::unix::fs::MetadataExt;
            let file = &spill.store.get().unwrap().shared.file;
            file.sync_all().unwrap();
            file.metadata().unwrap().blocks() * 512
        };
        let before = room(&spill);
        blocks.iter().skip(1).step_by(2).for_each(|block| spill.free(*block));
        for (n, block) in (0..9u8).zip(&blocks).step_by(2) {
            let mut bytes = Vec::new();
            spill.get(*block, &mut bytes).unwrap();
            assert_eq!(bytes, vec![n; 100_000]);
        }
        let after = room(&spill);
        if after == before {
            // Not every file system makes holes.
            throwaway::skipped(&format!("the file system gives no room of {before} bytes back"));
        } else {
            assert!(after + 350_000 < before && after > 400_000, "{before} bytes, then {after}");
        }
    }

    #[test]
    fn what_is_on_disk_is_sealed_and_a_changed_byte_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let spill = Spill::new(folder.path());
        let secret = b"31019919850101001X".repeat(100);
        let block = spill.put(vec![secret.clone()]).unwrap();
        spill.get(block, &mut Vec::new()).unwrap();
        let file = &spill.store.get().unwrap().shared.file;
        let mut bytes = vec![0; block.length as usize];
        file.read_exact_at(&mut bytes, 0).unwrap();
        assert!(!bytes.windows(18).any(|window| window == b"31019919850101001X"));
        file.write_all_at(&[bytes[7] ^ 1], 7).unwrap();
        assert!(spill.get(block, &mut Vec::new()).unwrap_err().to_string().contains("not what was written"));
    }

    #[test]
    fn a_block_that_was_not_written_is_told_to_whoever_comes_next() {
        let folder = tempfile::tempdir().unwrap();
        let mut spill = Spill::new(folder.path());
        let block = spill.put(vec![vec![1; 100]]).unwrap();
        // A file that cannot be written, as on a full disk.
        let store = spill.store.get_mut().unwrap();
        store.shared.written().failure = Some(ErrorKind::StorageFull.into());
        assert!(spill.get(block, &mut Vec::new()).unwrap_err().to_string().contains("full"));
        assert!(spill.put(vec![vec![1; 100]]).unwrap_err().to_string().contains("full"));
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let error = Spill::new(Path::new("/nowhere/at/all")).put(vec![vec![1]]).unwrap_err().to_string();
        assert!(error.contains("/nowhere/at/all"), "{error}");
    }

    #[test]
    fn a_full_disk_is_named() {
        let spill = Spill::new(Path::new("/tmp"));
        let error = spill.failed(&io::Error::from(ErrorKind::StorageFull)).to_string();
        assert!(error.contains("/tmp") && error.contains("full"), "{error}");
    }
}
