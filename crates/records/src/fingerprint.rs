//! Whether a source that is read twice is still the same: a hash over all that a pass read of it.

use blake3::Hasher;

use crate::record::{Record, RecordError, RecordSource, SinkHeader};

/// BLAKE3 over the header of a source, its line ends, and every row with its length. Not for others:
/// who can guess the rows can try them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// Its bytes, to be kept where the rows may be known.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// A source whose [`Fingerprint`] is taken while somebody reads it.
pub struct Fingerprinted<S> {
    source: S,
    hash: Hasher,
    /// What the hash has not taken in yet: it is fast on many bytes at a time.
    pending: Vec<u8>,
}

/// Bytes that the hash takes in at a time.
const PENDING: usize = 64 << 10;

impl<S: RecordSource> Fingerprinted<S> {
    /// Begins with the header of `source`, of which nothing has been read yet.
    pub fn new(source: S) -> Self {
        let SinkHeader { raw, crlf, .. } = source.header();
        let mut pending = vec![u8::from(crlf)];
        absorb(&mut pending, &raw);
        Self { source, hash: Hasher::new(), pending }
    }

    /// The fingerprint of what has been read: of the whole source once [`read`](RecordSource::read) has
    /// given `false`.
    #[must_use]
    pub fn fingerprint(mut self) -> Fingerprint {
        Fingerprint(self.hash.update(&self.pending).finalize().into())
    }
}

/// Behind its length, so that no two lists of rows are the same bytes.
fn absorb(pending: &mut Vec<u8>, bytes: &[u8]) {
    // usize is at most 64 bits wide wherever this compiles.
    pending.extend_from_slice(&(bytes.len() as u64).to_be_bytes());
    pending.extend_from_slice(bytes);
}

impl<S: RecordSource> RecordSource for Fingerprinted<S> {
    fn place(&self) -> &str {
        self.source.place()
    }

    fn columns(&self) -> &[String] {
        self.source.columns()
    }

    fn header(&self) -> SinkHeader {
        self.source.header()
    }

    fn read(&mut self, record: &mut Record) -> Result<bool, RecordError> {
        let found = self.source.read(record)?;
        if found {
            absorb(&mut self.pending, record.raw());
            if self.pending.len() >= PENDING {
                self.hash.update(&self.pending);
                self.pending.clear();
            }
        }
        Ok(found)
    }

    fn require_text(&mut self) {
        self.source.require_text();
    }

    fn column(&self, wanted: &str) -> Result<usize, RecordError> {
        self.source.column(wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Rows<'a> {
        header: SinkHeader,
        rows: std::slice::Iter<'a, &'a str>,
    }

    impl RecordSource for Rows<'_> {
        fn place(&self) -> &str {
            "rows"
        }

        fn columns(&self) -> &[String] {
            &[]
        }

        fn header(&self) -> SinkHeader {
            self.header.clone()
        }

        fn read(&mut self, record: &mut Record) -> Result<bool, RecordError> {
            record.clear();
            let Some(row) = self.rows.next() else { return Ok(false) };
            record.set_raw(row.as_bytes());
            Ok(true)
        }
    }

    fn fingerprint(header: &str, crlf: bool, rows: &[&str]) -> Fingerprint {
        let header = SinkHeader { crlf, ..SinkHeader::of_line(header.as_bytes()) };
        let mut source = Fingerprinted::new(Rows { header, rows: rows.iter() });
        let mut record = Record::default();
        while source.read(&mut record).unwrap() {}
        source.fingerprint()
    }

    #[test]
    fn the_bytes_are_pinned() {
        let hashed = b"\x01\0\0\0\0\0\0\0\x02id\0\0\0\0\0\0\0\x01a\0\0\0\0\0\0\0\0";
        assert!(fingerprint("id", true, &["a", ""]).0 == *blake3::hash(hashed).as_bytes());
    }

    #[test]
    fn any_change_of_header_or_rows_is_another_fingerprint() {
        let before = fingerprint("id", false, &["a", "bc", "d"]);
        assert!(before == fingerprint("id", false, &["a", "bc", "d"]));
        for (header, crlf, rows) in [
            ("no", false, &["a", "bc", "d"][..]),
            ("id", true, &["a", "bc", "d"]),
            ("ida", false, &["bc", "d"]),
            ("id", false, &["ab", "c", "d"]),
            ("id", false, &["bc", "a", "d"]),
            ("id", false, &["a", "bc"]),
            ("id", false, &["a", "bc", "d", ""]),
        ] {
            assert!(before != fingerprint(header, crlf, rows), "{header} {crlf} {rows:?}");
        }
    }
}
