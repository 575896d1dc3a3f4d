//! A result as it lies on disk: sealed from front to end, under a key of its own.
//!
//! ```text
//! file  = "yuandang res v1\n" ‖ chunk…
//! chunk = AES-256-GCM(key, nonce: number of the chunk (8, little-endian) ‖ 0 0 0 ‖ 1 for the last or 0,
//!                     bound to: "yuandang res v1\n" ‖ job, at most 64 KiB of the result)
//! ```
//!
//! This is the STREAM construction (Hoang, Reyhanitabar, Rogaway and Vizár, 2015). All chunks but the last are
//! whole. One that was changed, moved or taken out does not open, and neither does the last of a file that was cut
//! off or continued. A key seals one result, so no nonce is used twice under it.

use std::{
    fs::File,
    io::{self, ErrorKind, Read, Write},
};

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

/// What a file begins with.
const MAGIC: &[u8; 16] = b"yuandang res v1\n";
/// Bytes of a result in one chunk.
const CHUNK: usize = 64 << 10;
/// Bytes that sealing adds to a chunk.
const SEAL: usize = 16;

/// Seals and opens the chunks of one result.
struct Sealing {
    key: LessSafeKey,
    bound: Vec<u8>,
}

impl Sealing {
    fn new(key: &[u8; 32], job: &str) -> io::Result<Self> {
        let key = UnboundKey::new(&AES_256_GCM, key).map_err(|_| io::Error::other("a key of the wrong length"))?;
        Ok(Self { key: LessSafeKey::new(key), bound: [MAGIC, job.as_bytes()].concat() })
    }

    fn place(&self, number: u64, is_last: bool) -> (Nonce, Aad<&[u8]>) {
        let mut nonce = [0; 12];
        let parts = number.to_le_bytes().into_iter().chain([0, 0, 0, u8::from(is_last)]);
        nonce.iter_mut().zip(parts).for_each(|(to, byte)| *to = byte);
        (Nonce::assume_unique_for_key(nonce), Aad::from(self.bound.as_slice()))
    }
}

/// Seals what is written to it. Holds one chunk.
pub(super) struct Writer<W> {
    to: W,
    sealing: Sealing,
    chunk: Vec<u8>,
    chunks: u64,
}

impl<W: Write> Writer<W> {
    /// Begins the result of `job`. No other may be sealed under `key`.
    pub(super) fn begin(mut to: W, key: &[u8; 32], job: &str) -> io::Result<Self> {
        to.write_all(MAGIC)?;
        Ok(Self { to, sealing: Sealing::new(key, job)?, chunk: Vec::with_capacity(CHUNK + SEAL), chunks: 0 })
    }

    /// Writes the last chunk, without which the file does not open.
    pub(super) fn finish(mut self) -> io::Result<W> {
        self.seal(true)?;
        Ok(self.to)
    }

    fn seal(&mut self, is_last: bool) -> io::Result<()> {
        let (nonce, bound) = self.sealing.place(self.chunks, is_last);
        let sealed = self.sealing.key.seal_in_place_append_tag(nonce, bound, &mut self.chunk);
        sealed.map_err(|_| io::Error::other("a chunk could not be sealed"))?;
        self.chunks = self.chunks.saturating_add(1);
        let written = self.to.write_all(&self.chunk);
        self.chunk.clear();
        written
    }
}

impl<W: Write> Write for Writer<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Only once more comes is it known that this chunk is not the last.
        if self.chunk.len() == CHUNK && !bytes.is_empty() {
            self.seal(false)?;
        }
        let taken = bytes.get(..CHUNK.saturating_sub(self.chunk.len())).unwrap_or(bytes);
        self.chunk.extend_from_slice(taken);
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// How the bytes of a file are divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Division {
    chunks: u64,
    /// Bytes of the last one, with its seal.
    last: usize,
}

impl Division {
    /// Of a file of so many bytes; nothing if it cannot be a result.
    fn of(length: u64) -> Option<Self> {
        let whole = (CHUNK + SEAL) as u64;
        let sealed = length.checked_sub(MAGIC.len() as u64).filter(|sealed| *sealed > 0)?;
        let chunks = sealed.div_ceil(whole);
        let last = sealed.checked_sub(chunks.checked_sub(1)?.checked_mul(whole)?)?;
        Some(Self { chunks, last: usize::try_from(last).ok().filter(|last| *last >= SEAL)? })
    }

    /// Bytes of the result.
    fn bytes(self) -> u64 {
        let whole = self.chunks.saturating_sub(1).saturating_mul(CHUNK as u64);
        whole.saturating_add(self.last.saturating_sub(SEAL) as u64)
    }
}

/// Bytes of the result in a file of so many.
pub(super) fn bytes_in(length: u64) -> io::Result<u64> {
    Division::of(length).map(Division::bytes).ok_or_else(damaged)
}

/// Gives a result chunk by chunk.
pub(crate) struct Reader {
    file: File,
    sealing: Sealing,
    division: Division,
    next: u64,
}

impl Reader {
    /// Begins at the front.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidData`] if the file is none of a result.
    pub(super) fn open(mut file: File, key: &[u8; 32], job: &str) -> io::Result<Self> {
        let division = Division::of(file.metadata()?.len()).ok_or_else(damaged)?;
        let mut magic = [0; MAGIC.len()];
        file.read_exact(&mut magic)?;
        if magic != *MAGIC {
            return Err(damaged());
        }
        Ok(Self { file, sealing: Sealing::new(key, job)?, division, next: 0 })
    }

    /// Bytes of the whole result.
    pub(crate) fn bytes(&self) -> u64 {
        self.division.bytes()
    }

    /// The next chunk, of [`CHUNK`] bytes at most; nothing after the last.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidData`] if it is not what was sealed with this key; those of the disk.
    pub(crate) fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        let Some(after) = self.division.chunks.checked_sub(self.next).and_then(|left| left.checked_sub(1)) else {
            return Ok(None);
        };
        let is_last = after == 0;
        let mut chunk = vec![0; if is_last { self.division.last } else { CHUNK + SEAL }];
        self.file.read_exact(&mut chunk)?;
        let (nonce, bound) = self.sealing.place(self.next, is_last);
        let length = self.sealing.key.open_in_place(nonce, bound, &mut chunk).map_err(|_| damaged())?.len();
        chunk.truncate(length);
        self.next = self.next.saturating_add(1);
        Ok(Some(chunk))
    }
}

fn damaged() -> io::Error {
    io::Error::new(ErrorKind::InvalidData, "the result is damaged, or its key is not the one that it was sealed with")
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 32] = [7; 32];

    fn sealed(bytes: &[u8]) -> Vec<u8> {
        let mut writer = Writer::begin(Vec::new(), &KEY, "job-1").unwrap();
        writer.write_all(bytes).unwrap();
        writer.finish().unwrap()
    }

    fn reader(sealed: &[u8], key: &[u8; 32], job: &str) -> io::Result<Reader> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(sealed).unwrap();
        io::Seek::rewind(&mut file).unwrap();
        Reader::open(file, key, job)
    }

    fn opened(sealed: &[u8], key: &[u8; 32], job: &str) -> io::Result<Vec<u8>> {
        let mut reader = reader(sealed, key, job)?;
        let mut all = Vec::new();
        while let Some(chunk) = reader.next()? {
            assert!(chunk.len() <= CHUNK);
            all.extend(chunk);
        }
        Ok(all)
    }

    /// A result of so many bytes, of which no two neighbours are alike.
    fn result(length: usize) -> Vec<u8> {
        (0..length).map(|place| u8::try_from(place % 251).unwrap()).collect()
    }

    #[test]
    fn a_result_of_any_size_comes_back() {
        for length in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 3 * CHUNK + 5] {
            let (result, chunks) = (result(length), length.div_ceil(CHUNK).max(1));
            let sealed = sealed(&result);
            assert_eq!(sealed.len(), MAGIC.len() + length + chunks * SEAL);
            assert_eq!(bytes_in(sealed.len() as u64).unwrap(), length as u64);
            assert_eq!(reader(&sealed, &KEY, "job-1").unwrap().bytes(), length as u64);
            assert!(opened(&sealed, &KEY, "job-1").unwrap() == result, "{length}");
        }
    }

    #[test]
    fn many_small_writes_seal_the_same_bytes_as_one() {
        let result = result(2 * CHUNK + 100);
        let mut writer = Writer::begin(Vec::new(), &KEY, "job-1").unwrap();
        for piece in result.chunks(777) {
            writer.write_all(piece).unwrap();
        }
        assert!(writer.finish().unwrap() == sealed(&result));
    }

    #[test]
    fn nothing_of_a_result_shows() {
        let sealed = sealed(&b"31019919850101001X,Wang\n".repeat(10_000));
        for plain in [&b"31019919850101001X"[..], b"Wang"] {
            assert!(!sealed.windows(plain.len()).any(|window| window == plain));
        }
    }

    #[test]
    fn another_key_and_another_job_open_nothing() {
        let sealed = sealed(b"id\n1\n");
        for (key, job) in [([8; 32], "job-1"), (KEY, "job-2")] {
            assert_eq!(opened(&sealed, &key, job).unwrap_err().kind(), ErrorKind::InvalidData);
        }
    }

    #[test]
    fn a_flipped_bit_is_noticed_wherever_it_is() {
        let sealed = sealed(&result(CHUNK + 9));
        let places = [0, 15, 16, 17, CHUNK, MAGIC.len() + CHUNK, MAGIC.len() + CHUNK + SEAL, sealed.len() - 1];
        for place in places {
            let mut changed = sealed.clone();
            changed[place] ^= 1;
            assert!(opened(&changed, &KEY, "job-1").is_err(), "{place}");
        }
    }

    #[test]
    fn chunks_that_were_moved_taken_out_cut_off_or_added_are_noticed() {
        let whole = CHUNK + SEAL;
        let sealed = sealed(&result(3 * CHUNK));
        let (head, body) = sealed.split_at(MAGIC.len());
        let chunk = |number: usize| &body[number * whole..(number + 1) * whole];
        let of = |chunks: &[&[u8]]| [&[head], chunks].concat().concat();
        assert!(opened(&of(&[chunk(0), chunk(1), chunk(2)]), &KEY, "job-1").is_ok());
        for altered in [
            of(&[chunk(1), chunk(0), chunk(2)]),
            of(&[chunk(0), chunk(2)]),
            of(&[chunk(0), chunk(1)]),
            of(&[chunk(0), chunk(1), chunk(2), chunk(2)]),
            of(&[chunk(0), chunk(1), chunk(2), b"x"]),
            of(&[]),
            of(&[chunk(0), chunk(1), &chunk(2)[..whole - 1]]),
            Vec::new(),
        ] {
            assert!(opened(&altered, &KEY, "job-1").is_err());
        }
    }
}
