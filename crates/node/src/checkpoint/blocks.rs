//! Files of sealed blocks, written from front to end.
//!
//! ```text
//! file  = "yuandang run v2\n" ‖ salt (32) ‖ block…
//! block = length of what follows (4, little-endian) ‖ nonce (12) ‖ AES-256-GCM(key, nonce, number of the block, message)
//! key   = HKDF-SHA-256(salt, storage key, "yuandang checkpoint v1")
//! ```
//!
//! A block that was half written when its process ended is not there.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufReader, Read, Write},
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use prost::Message;
use ring::{
    aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    hkdf,
};
use zeroize::Zeroizing;

use crate::prepare::random;

const MAGIC: &[u8; 16] = b"yuandang run v2\n";
const CONTEXT: &[u8] = b"yuandang checkpoint v1";
/// Bytes before the first block.
const HEAD: usize = 48;
/// The most bytes of a block.
const MOST_BLOCK: u32 = 1 << 26;

/// Appends blocks to a file that has its name once it is [settled](Self::settle).
pub(super) struct Writer {
    file: File,
    key: LessSafeKey,
    blocks: u64,
    /// The name of the file until it is whole.
    part: PathBuf,
}

impl Writer {
    /// A file to come at `path`, which its owner alone can read.
    pub(super) fn create(path: &Path, key: &[u8; 32]) -> io::Result<Self> {
        let part = path.with_extension("part");
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part)?;
        let salt = fresh()?;
        file.write_all(MAGIC)?;
        file.write_all(salt.as_slice())?;
        Ok(Self { file, key: file_key(key, &salt)?, blocks: 0, part })
    }

    /// Gives the file its name, in the place of an earlier one.
    pub(super) fn settle(&mut self, path: &Path) -> io::Result<()> {
        self.file.sync_all()?;
        fs::rename(&self.part, path)?;
        path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
    }

    /// Adds a block.
    pub(super) fn put(&mut self, message: &impl Message) -> io::Result<()> {
        let nonce: [u8; 12] = fresh()?.first_chunk().copied().unwrap_or_default();
        let mut sealed = message.encode_to_vec();
        let aad = Aad::from(self.blocks.to_le_bytes());
        self.key
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut sealed)
            .map_err(|_| io::Error::other("a block could not be sealed"))?;
        let length = u32::try_from(nonce.len() + sealed.len()).ok().filter(|length| *length < MOST_BLOCK);
        let length = length.ok_or_else(|| io::Error::other("more than a block holds"))?;
        self.blocks += 1;
        self.file.write_all(&[&length.to_le_bytes(), nonce.as_slice(), &sealed].concat())
    }

    /// Makes what was written outlive a loss of power.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

/// Reads blocks from front to end.
pub(super) struct Reader {
    file: BufReader<Counted>,
    key: LessSafeKey,
    blocks: u64,
    end: u64,
}

/// A file that is read from a place of its own, so that several readers can share it.
struct Counted {
    file: File,
    at: u64,
}

impl Read for Counted {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let got = self.file.read_at(bytes, self.at)?;
        self.at += got as u64;
        Ok(got)
    }
}

impl Reader {
    /// Begins at the front; nothing if the file is not one of blocks.
    pub(super) fn open(file: File, key: &[u8; 32]) -> io::Result<Option<Self>> {
        let mut head = [0; HEAD];
        if file.read_exact_at(&mut head, 0).is_err() || !head.starts_with(MAGIC) {
            return Ok(None);
        }
        let salt = head.last_chunk::<32>().copied().unwrap_or_default();
        let end = file.metadata()?.len();
        let file = BufReader::new(Counted { file, at: HEAD as u64 });
        Ok(Some(Self { file, key: file_key(key, &salt)?, blocks: 0, end }))
    }

    /// The next block; nothing where the file ends, or where what follows is no whole block.
    pub(super) fn next<M: Message + Default>(&mut self) -> io::Result<Option<M>> {
        let mut length = [0; 4];
        if !self.read_whole(&mut length)? {
            return Ok(None);
        }
        let length = u32::from_le_bytes(length);
        // Before it is believed: memory for it is taken at once.
        if u64::from(length) > self.end || length >= MOST_BLOCK {
            return Ok(None);
        }
        let mut block = vec![0; length as usize];
        if !self.read_whole(&mut block)? {
            return Ok(None);
        }
        let Some((nonce, sealed)) = block.split_first_chunk_mut::<12>() else { return Ok(None) };
        let (nonce, aad) = (Nonce::assume_unique_for_key(*nonce), Aad::from(self.blocks.to_le_bytes()));
        let Ok(message) = self.key.open_in_place(nonce, aad, sealed) else { return Ok(None) };
        self.blocks += 1;
        Ok(M::decode(&*message).ok())
    }

    fn read_whole(&mut self, bytes: &mut [u8]) -> io::Result<bool> {
        match self.file.read_exact(bytes) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
            Err(error) => Err(error),
        }
    }
}

fn file_key(storage: &[u8; 32], salt: &[u8; 32]) -> io::Result<LessSafeKey> {
    let unusable = |_| io::Error::other("no key could be derived");
    let mut key = Zeroizing::new([0; 32]);
    let derived = hkdf::Salt::new(hkdf::HKDF_SHA256, salt).extract(storage);
    derived.expand(&[CONTEXT], hkdf::HKDF_SHA256).and_then(|okm| okm.fill(key.as_mut_slice())).map_err(unusable)?;
    UnboundKey::new(&AES_256_GCM, key.as_slice()).map(LessSafeKey::new).map_err(unusable)
}

/// 32 bytes that nobody knows.
pub(super) fn fresh() -> io::Result<Zeroizing<[u8; 32]>> {
    random().map_err(|error| io::Error::other(error.to_string()))
}
