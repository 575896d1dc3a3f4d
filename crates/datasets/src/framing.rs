//! Cuts a stream of CSV bytes into records, and keeps the bytes of each as they stood.
//!
//! A row without quotation marks, as nearly all are, is found by its line end and split at its commas.
//! Any other goes through csv-core, the engine of the csv crate, which reads both alike; it says how
//! many bytes it took, so the raw record is exactly those. Terminators are LF, CR LF and CR; empty
//! lines are skipped.

use std::io::{ErrorKind, Read};

use csv_core::ReadRecordResult;
use memchr::memchr3;
use records::Record;

use crate::commas::Commas;

/// Bytes that are held of the source; a plain row that does not fit is read as any other.
const BUFFER: usize = 256 * 1024;

/// Why no record could be cut. Lines count from 1 and are where the record begins.
#[derive(Debug)]
pub(crate) enum FramingError {
    /// The source could not be read.
    Io(std::io::Error),
    /// The record goes on beyond the allowed size.
    TooLong { line: u64 },
    /// The record has more fields than allowed.
    TooManyFields { line: u64 },
    /// The data ends within quotation marks.
    Unclosed { line: u64 },
}

/// How much of a source one record may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RecordLimits {
    pub(crate) bytes: usize,
    pub(crate) fields: usize,
}

/// Reads records one at a time; memory is bounded by the limits, whatever the source holds.
pub(crate) struct RecordReader<R> {
    input: Input<R>,
    parser: csv_core::Reader,
    raw: Vec<u8>,
    /// Decoded fields, one after the other; `used` bytes of it hold something.
    values: Vec<u8>,
    used: usize,
    /// Where each field ends in `values`; `fields` of them are set.
    ends: Vec<usize>,
    fields: usize,
    lines: LineCount,
    /// The line on which the current record begins.
    begins: u64,
    /// Whether the current record was ended by the end of the data.
    open_end: bool,
    /// Whether the current record is known to be UTF-8.
    utf_8: bool,
}

impl<R: Read> RecordReader<R> {
    /// Reads from `input`, which stands behind any byte-order mark.
    pub(crate) fn new(input: R) -> Self {
        let mut parser = csv_core::Reader::new();
        // It would take a byte-order mark off its first record, which need not be the first of the data.
        let _ = parser.read_record(b"\n", &mut [0], &mut [0]);
        Self {
            input: Input {
                source: input,
                buffer: vec![0; BUFFER],
                start: 0,
                end: 0,
                utf_8: 0,
                ended: false,
                failed: None,
            },
            parser,
            raw: Vec::new(),
            values: vec![0; 1024],
            used: 0,
            ends: vec![0; 32],
            fields: 0,
            lines: LineCount::default(),
            begins: 1,
            open_end: false,
            utf_8: false,
        }
    }

    /// Reads the next record into `record`; `false` at the end.
    pub(crate) fn next(&mut self, record: &mut Record, limits: RecordLimits) -> Result<bool, FramingError> {
        if !self.skip_line_ends()? {
            record.clear();
            return Ok(false);
        }
        self.begins = self.lines.line;
        let mut looked_at = 0;
        loop {
            let held = self.input.held();
            let unseen = held.get(looked_at..).unwrap_or_default();
            match memchr3(b'\n', b'\r', b'"', unseen) {
                Some(place) if unseen.get(place) == Some(&b'"') => return self.next_quoted(record, limits),
                Some(place) => return self.give_plain(record, looked_at + place, limits),
                None if self.input.ended => return self.give_plain(record, held.len(), limits),
                None if held.len() >= BUFFER => return self.next_quoted(record, limits),
                None => {
                    looked_at = held.len();
                    self.input.fill().map_err(FramingError::Io)?;
                }
            }
        }
    }

    /// The beginning of what has not been given, as much of it as is held at once.
    pub(crate) fn beginning(&mut self) -> &[u8] {
        self.input.look_ahead();
        self.input.held()
    }

    /// The line on which the record that was given last begins.
    pub(crate) fn line(&self) -> u64 {
        self.begins
    }

    /// Whether the record that was given last had no line end, since the data ended.
    pub(crate) fn open_end(&self) -> bool {
        self.open_end
    }

    /// Whether the record that was given last is known to be UTF-8; others may be it all the same.
    pub(crate) fn is_utf_8(&self) -> bool {
        self.utf_8
    }

    /// Whether the record that was given last ended in CR LF.
    pub(crate) fn ended_in_crlf(&mut self) -> Result<bool, FramingError> {
        while self.input.held().len() < 2 && !self.input.ended {
            self.input.fill().map_err(FramingError::Io)?;
        }
        Ok(self.input.held().starts_with(b"\r\n"))
    }

    /// Goes to where the next record begins; `false` if there is none.
    fn skip_line_ends(&mut self) -> Result<bool, FramingError> {
        loop {
            let held = self.input.held();
            let blank = held.iter().take_while(|&&byte| byte == b'\n' || byte == b'\r').count();
            self.lines.pass(held.get(..blank).unwrap_or_default());
            self.input.start += blank;
            if !self.input.held().is_empty() {
                return Ok(true);
            }
            if self.input.ended {
                return Ok(false);
            }
            self.input.fill().map_err(FramingError::Io)?;
        }
    }

    /// Gives the next `length` bytes, which have no quotation mark and no line end.
    fn give_plain(&mut self, record: &mut Record, length: usize, limits: RecordLimits) -> Result<bool, FramingError> {
        let held = self.input.held();
        self.open_end = length == held.len();
        let raw = held.get(..length).unwrap_or_default();
        if raw.len() > limits.bytes {
            return Err(FramingError::TooLong { line: self.begins });
        }
        // One comma more than there may be is enough to refuse it.
        record.set_plain(raw, Commas::of(raw).take(limits.fields));
        if record.len() > limits.fields {
            return Err(FramingError::TooManyFields { line: self.begins });
        }
        self.lines.after_carriage_return = false;
        self.input.start += length;
        self.utf_8 = self.input.start <= self.input.utf_8;
        Ok(true)
    }

    /// Reads a record that may have quotation marks, or not fit the buffer.
    fn next_quoted(&mut self, record: &mut Record, limits: RecordLimits) -> Result<bool, FramingError> {
        self.raw.clear();
        (self.used, self.fields, self.utf_8) = (0, 0, false);
        loop {
            if self.input.held().is_empty() && !self.input.ended {
                self.input.fill().map_err(FramingError::Io)?;
                continue;
            }
            // At the end the parser is given a line end of ours: it completes a last record that has
            // none, and does not if quotation marks are still open.
            let at_end = self.input.held().is_empty();
            let given = if at_end { b"\n" } else { self.input.held() };
            let values = self.values.get_mut(self.used..).unwrap_or_default();
            let ends = self.ends.get_mut(self.fields..).unwrap_or_default();
            let (result, taken, copied, ended) = self.parser.read_record(given, values, ends);
            self.used += copied;
            self.fields += ended;
            if !at_end {
                // The line end of a record stays, to be skipped and counted with any others.
                let of_record = taken - usize::from(matches!(result, ReadRecordResult::Record));
                let taken = given.get(..of_record).unwrap_or_default();
                self.lines.pass(taken);
                self.raw.extend_from_slice(taken);
                self.input.start += of_record;
            }
            match result {
                ReadRecordResult::Record => {
                    self.check(limits)?;
                    self.open_end = at_end;
                    self.give(record);
                    return Ok(true);
                }
                ReadRecordResult::InputEmpty | ReadRecordResult::End if at_end => {
                    return Err(FramingError::Unclosed { line: self.begins });
                }
                ReadRecordResult::InputEmpty | ReadRecordResult::End => {}
                ReadRecordResult::OutputFull => self.values.resize(self.values.len() * 2, 0),
                ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
            }
            self.check(limits)?;
        }
    }

    fn check(&self, limits: RecordLimits) -> Result<(), FramingError> {
        let line = self.begins;
        if self.raw.len() > limits.bytes {
            return Err(FramingError::TooLong { line });
        }
        if self.fields > limits.fields {
            return Err(FramingError::TooManyFields { line });
        }
        Ok(())
    }

    /// Hands over the record that was parsed.
    fn give(&self, record: &mut Record) {
        record.clear();
        record.set_raw(&self.raw);
        let mut start = 0;
        for &end in self.ends.iter().take(self.fields) {
            record.push_field(self.values.get(start..end).unwrap_or_default());
            start = end;
        }
    }
}

/// A piece of the source at a time.
struct Input<R> {
    source: R,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// What is held up to here is UTF-8.
    utf_8: usize,
    ended: bool,
    /// What a look ahead met; whoever needs the bytes gets it.
    failed: Option<std::io::Error>,
}

impl<R: Read> Input<R> {
    fn held(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    /// Reads more behind what is held, once.
    fn fill(&mut self) -> std::io::Result<()> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        if self.start > 0 && (self.start == self.end || self.end == self.buffer.len()) {
            // What is left is mostly part of one row.
            self.buffer.copy_within(self.start..self.end, 0);
            self.utf_8 = self.utf_8.saturating_sub(self.start);
            (self.start, self.end) = (0, self.end - self.start);
        }
        let room = self.buffer.get_mut(self.end..).unwrap_or_default();
        if room.is_empty() {
            return Ok(());
        }
        loop {
            match self.source.read(room) {
                Ok(0) => self.ended = true,
                Ok(read) => {
                    self.end += read;
                    self.know_text();
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            }
            return Ok(());
        }
    }

    /// Finds out how far what is held is UTF-8, by the piece, since rows are too short for vector instructions. Where
    /// a piece is not, its rows are not known to be.
    fn know_text(&mut self) {
        // Rows begin and end between characters, and so does what is known.
        let from = self.utf_8.max(self.start);
        let unknown = self.buffer.get(from..self.end).unwrap_or_default();
        // A character has at most three bytes that continue it.
        let cut = unknown.iter().rev().take(4).position(|byte| byte & 0xc0 != 0x80).map_or(0, |back| back + 1);
        let ends_whole = unknown.last().is_none_or(u8::is_ascii);
        let whole = unknown.len() - if ends_whole { 0 } else { cut };
        if simdutf8::basic::from_utf8(unknown.get(..whole).unwrap_or_default()).is_ok() {
            self.utf_8 = from + whole;
        }
    }

    /// Reads ahead until as much is held as can be; a failure is kept for whoever reads so far.
    fn look_ahead(&mut self) {
        while !self.ended && self.failed.is_none() && self.held().len() < self.buffer.len() {
            self.failed = self.fill().err();
        }
    }
}

/// Counts lines that end in LF, CR LF or CR.
struct LineCount {
    line: u64,
    after_carriage_return: bool,
}

impl Default for LineCount {
    fn default() -> Self {
        Self { line: 1, after_carriage_return: false }
    }
}

impl LineCount {
    fn pass(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            let ends_line = byte == b'\r' || (byte == b'\n' && !self.after_carriage_return);
            self.line += u64::from(ends_line);
            self.after_carriage_return = byte == b'\r';
        }
    }
}
