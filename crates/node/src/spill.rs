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
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

use crate::{error::RunError, prepare::random};

/// A file of sealed blocks. It is made when the first block comes.
pub(crate) struct Spill {
    folder: PathBuf,
    store: OnceLock<Store>,
    making: Mutex<()>,
}

struct Store {
    file: File,
    key: LessSafeKey,
    blocks: AtomicU64,
    end: AtomicU64,
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

    /// Writes a block, of less than 2^31 bytes.
    ///
    /// # Errors
    /// [`RunError::Own`] if the disk does not take it.
    pub(crate) fn put(&self, mut bytes: Vec<u8>) -> Result<Block, RunError> {
        let store = self.store()?;
        let number = store.blocks.fetch_add(1, Ordering::Relaxed);
        let sealed = store.key.seal_in_place_append_tag(nonce(number), Aad::empty(), &mut bytes);
        sealed.map_err(|_| RunError::Own("a fault in this program: a block could not be sealed".to_owned()))?;
        let length = u32::try_from(bytes.len()).map_err(|_| self.failed(&ErrorKind::FileTooLarge.into()))?;
        let offset = store.end.fetch_add(length.into(), Ordering::Relaxed);
        store.file.write_all_at(&bytes, offset).map_err(|error| self.failed(&error))?;
        Ok(Block { number, offset, length })
    }

    /// Reads a block.
    ///
    /// # Errors
    /// [`RunError::Own`] if the disk does not give back what was written.
    pub(crate) fn get(&self, block: Block) -> Result<Vec<u8>, RunError> {
        let store = self.store()?;
        let mut bytes = vec![0; block.length as usize];
        store.file.read_exact_at(&mut bytes, block.offset).map_err(|error| self.failed(&error))?;
        let opened = store.key.open_in_place(nonce(block.number), Aad::empty(), &mut bytes).map(|opened| opened.len());
        let length = opened.map_err(|_| self.failed(&io::Error::other("a block is not what was written")))?;
        bytes.truncate(length);
        Ok(bytes)
    }

    /// Bytes on disk.
    pub(crate) fn size(&self) -> u64 {
        self.store.get().map_or(0, |store| store.end.load(Ordering::Relaxed))
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
        Ok(Store { file, key: LessSafeKey::new(key), blocks: AtomicU64::new(0), end: AtomicU64::new(0) })
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
        let blocks: Vec<_> = (0..20u8).map(|n| spill.put(vec![n; usize::from(n) * 1000]).unwrap()).collect();
        for (n, block) in (0..20u8).zip(&blocks).rev() {
            assert_eq!(spill.get(*block).unwrap(), vec![n; usize::from(n) * 1000]);
        }
        assert_eq!(spill.size(), 190_000 + 20 * 16);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "the file has no name");
    }

    #[test]
    fn what_is_on_disk_is_sealed_and_a_changed_byte_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let spill = Spill::new(folder.path());
        let secret = b"31019919850101001X".repeat(100);
        let block = spill.put(secret.clone()).unwrap();
        let file = &spill.store.get().unwrap().file;
        let mut bytes = vec![0; block.length as usize];
        file.read_exact_at(&mut bytes, 0).unwrap();
        assert!(!bytes.windows(18).any(|window| window == b"31019919850101001X"));
        file.write_all_at(&[bytes[7] ^ 1], 7).unwrap();
        assert!(spill.get(block).unwrap_err().to_string().contains("not what was written"));
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let error = Spill::new(Path::new("/nowhere/at/all")).put(vec![1]).unwrap_err().to_string();
        assert!(error.contains("/nowhere/at/all"), "{error}");
    }

    #[test]
    fn a_full_disk_is_named() {
        let spill = Spill::new(Path::new("/tmp"));
        let error = spill.failed(&io::Error::from(ErrorKind::StorageFull)).to_string();
        assert!(error.contains("/tmp") && error.contains("full"), "{error}");
    }
}
