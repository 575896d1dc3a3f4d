//! The file of one input: its tags, part by part, each part sorted.
//!
//! ```text
//! file      = "yuandang tags v1" ‖ id (16) ‖ directory ‖ block…
//! directory = sealed as block 0: tags of each part (256 times 8, little-endian) ‖ check of the scope (16)
//! block     = up to 32,768 tags of a part, sealed as block (part + 1) · 2^32 + number in the part
//! ```
//!
//! All lengths follow from the directory, so a file that was cut, lengthened or put together from others is noticed when it is
//! opened, and a changed byte when its block is read. The length shows how many tags there are; nothing else does.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use records::commitment::PARTS;

use super::{
    error::GuardError,
    sealed::{FileId, SEAL, Sealing},
    tags::Tag,
};

const MAGIC: &[u8; 16] = b"yuandang tags v1";
const TAG: usize = size_of::<Tag>();
/// Bytes before the first block.
const HEAD: usize = MAGIC.len() + 16 + DIRECTORY + SEAL;
const DIRECTORY: usize = PARTS * 8 + 16;
/// Tags of a block, at the most: half a mebibyte.
const BLOCK: usize = 1 << 15;

/// The name of the file with this id, and the one that it has until it is whole.
fn path_of(folder: &Path, id: FileId, extension: &str) -> PathBuf {
    folder.join(format!("{id}.{extension}"))
}

/// Bytes of so many tags of a part.
fn stretch_bytes(tags: u64) -> Option<u64> {
    let blocks = tags.div_ceil(BLOCK as u64);
    tags.checked_mul(TAG as u64)?.checked_add(blocks.checked_mul(SEAL as u64)?)
}

fn block_number(part: usize, number: usize) -> u64 {
    ((part as u64 + 1) << 32) + number as u64
}

/// Seals the tags of a part, in blocks, after what is in `bytes`.
pub(super) fn seal_stretch(
    sealing: &Sealing,
    part: usize,
    tags: &[Tag],
    bytes: &mut Vec<u8>,
) -> Result<(), GuardError> {
    bytes.reserve(stretch_bytes(tags.len() as u64).and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(0));
    for (number, tags) in tags.chunks(BLOCK).enumerate() {
        let from = bytes.len();
        tags.iter().for_each(|tag| bytes.extend_from_slice(&tag.to_be_bytes()));
        sealing.seal(block_number(part, number), bytes, from)?;
    }
    Ok(())
}

/// A file that is being written. It is gone when it is dropped, unless it was [settled](Self::settle).
pub(super) struct Writing {
    id: FileId,
    sealing: Sealing,
    file: File,
    folder: PathBuf,
    counts: Vec<u64>,
    settled: bool,
}

impl Writing {
    /// A file to come in `folder`, which its owner alone can read.
    pub(super) fn begin(folder: &Path, sealing_key: &[u8; 32]) -> Result<Self, GuardError> {
        let id = FileId::fresh()?;
        let sealing = Sealing::new(sealing_key, id)?;
        let part = path_of(folder, id, "part");
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(part);
        let file = file.map_err(GuardError::of(folder))?;
        let mut writing =
            Self { id, sealing, file, folder: folder.to_owned(), counts: Vec::with_capacity(PARTS), settled: false };
        // The directory comes when it is known.
        writing.file.write_all(&[0; HEAD]).map_err(GuardError::of(folder))?;
        Ok(writing)
    }

    pub(super) fn id(&self) -> FileId {
        self.id
    }

    pub(super) fn sealing(&self) -> &Sealing {
        &self.sealing
    }

    /// Adds the next part, which has so many tags and is [sealed](seal_stretch).
    pub(super) fn put(&mut self, tags: u64, stretch: &[u8]) -> Result<(), GuardError> {
        self.counts.push(tags);
        self.file.write_all(stretch).map_err(GuardError::of(&self.folder))
    }

    /// Ends the file after the last part, durably. It has no name yet.
    pub(super) fn end(&mut self, check: &[u8; 16]) -> Result<(), GuardError> {
        if self.counts.len() != PARTS {
            return Err(GuardError::Fault("a set without all of its parts"));
        }
        let mut head = Vec::with_capacity(HEAD);
        head.extend_from_slice(MAGIC);
        head.extend_from_slice(&self.id.0);
        let from = head.len();
        self.counts.iter().for_each(|count| head.extend_from_slice(&count.to_le_bytes()));
        head.extend_from_slice(check);
        self.sealing.seal(0, &mut head, from)?;
        let written = self.file.write_all_at(&head, 0).and_then(|()| self.file.sync_all());
        written.map_err(GuardError::of(&self.folder))
    }

    /// Gives the file its name.
    pub(super) fn settle(&mut self) -> Result<(), GuardError> {
        let renamed = fs::rename(path_of(&self.folder, self.id, "part"), path_of(&self.folder, self.id, "tags"));
        renamed.map_err(GuardError::of(&self.folder))?;
        self.settled = true;
        Ok(())
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        if !self.settled {
            // What stays is swept when the folder is opened again.
            drop(fs::remove_file(path_of(&self.folder, self.id, "part")));
        }
    }
}

/// Removes a file that is not needed any more. One that stays is swept when the folder is opened again.
pub(super) fn remove(folder: &Path, id: FileId) {
    drop(fs::remove_file(path_of(folder, id, "tags")));
}

/// The tags of an earlier input. Parts are read by several threads at once.
pub(super) struct Stretches {
    path: PathBuf,
    file: File,
    sealing: Sealing,
    /// Where each part begins, and how many tags it has.
    parts: Vec<(u64, u64)>,
}

impl Stretches {
    /// Opens the file with this id, which has `count` tags of the scope with this check.
    pub(super) fn open(
        folder: &Path,
        id: FileId,
        sealing_key: &[u8; 32],
        (count, check): (u64, &[u8; 16]),
    ) -> Result<Self, GuardError> {
        let path = path_of(folder, id, "tags");
        let file = File::open(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => GuardError::unusable(&path, "is missing"),
            _ => GuardError::of(&path)(error),
        })?;
        let sealing = Sealing::new(sealing_key, id)?;
        let mut head = [0; HEAD];
        file.read_exact_at(&mut head, 0).map_err(|error| not_read(&path, error))?;
        let (before, directory) = head.split_at_mut(MAGIC.len() + 16);
        if !before.starts_with(MAGIC) || !before.ends_with(&id.0) {
            return Err(GuardError::unusable(&path, "is another file"));
        }
        let changed = || GuardError::unusable(&path, "was changed, or sealed under another key");
        let directory = sealing.open(0, directory).ok_or_else(changed)?;
        let (counts, of) = directory.as_chunks::<8>().0.split_at_checked(PARTS).ok_or_else(changed)?;
        if of.as_flattened() != check {
            return Err(GuardError::unusable(&path, "is not of these inputs, or of another secret"));
        }
        let counts: Vec<u64> = counts.iter().map(|count| u64::from_le_bytes(*count)).collect();
        let (parts, end) = places(&counts).ok_or_else(changed)?;
        if counts.iter().sum::<u64>() != count {
            return Err(GuardError::unusable(&path, "holds another number of keys"));
        }
        if file.metadata().map_err(GuardError::of(&path))?.len() != end {
            return Err(GuardError::unusable(&path, "was cut or lengthened"));
        }
        Ok(Self { path, file, sealing, parts })
    }

    /// Hands the tags of a part to `take`, block by block and ascending, until it says that it wants no more.
    pub(super) fn read(
        &self,
        part: usize,
        block: &mut Vec<u8>,
        mut take: impl FnMut(&[[u8; TAG]]) -> bool,
    ) -> Result<(), GuardError> {
        let (mut at, mut left) = self.parts.get(part).copied().unwrap_or_default();
        for number in 0.. {
            let tags = left.min(BLOCK as u64);
            if tags == 0 {
                break;
            }
            // At most half a mebibyte, whatever the directory says.
            block.resize(usize::try_from(tags).unwrap_or(BLOCK) * TAG + SEAL, 0);
            self.file.read_exact_at(block, at).map_err(|error| not_read(&self.path, error))?;
            let opened = self.sealing.open(block_number(part, number), block);
            let opened = opened.ok_or_else(|| GuardError::unusable(&self.path, "was changed"))?;
            if !take(opened.as_chunks().0) {
                break;
            }
            at = at.saturating_add(block.len() as u64);
            left -= tags;
        }
        Ok(())
    }
}

/// Where each part begins and how many tags it has, and where the file ends.
fn places(counts: &[u64]) -> Option<(Vec<(u64, u64)>, u64)> {
    let mut end = HEAD as u64;
    let mut parts = Vec::with_capacity(counts.len());
    for count in counts {
        parts.push((end, *count));
        end = end.checked_add(stretch_bytes(*count)?)?;
    }
    Some((parts, end))
}

fn not_read(path: &Path, error: io::Error) -> GuardError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => GuardError::unusable(path, "was cut"),
        _ => GuardError::of(path)(error),
    }
}
