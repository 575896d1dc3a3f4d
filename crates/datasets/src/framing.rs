//! Cuts a stream of CSV bytes into records, and keeps the bytes of each as they stood.
//!
//! The parser is csv-core, the engine of the csv crate: it says how many bytes of its input each
//! record took, so the raw record is exactly those bytes without the line terminators around them.
//! Terminators are LF, CR LF and CR; empty lines are skipped.

use std::io::{BufRead, BufReader, ErrorKind, Read};

use csv_core::ReadRecordResult;
use records::Record;

/// Bytes read from the source at once.
const READ_SIZE: usize = 128 * 1024;

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
    input: BufReader<R>,
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
}

impl<R: Read> RecordReader<R> {
    /// Reads from `input`, which stands behind any byte-order mark.
    pub(crate) fn new(input: R) -> Self {
        Self {
            input: BufReader::with_capacity(READ_SIZE, input),
            parser: csv_core::Reader::new(),
            raw: Vec::new(),
            values: vec![0; 1024],
            used: 0,
            ends: vec![0; 32],
            fields: 0,
            lines: LineCount::default(),
            begins: 1,
        }
    }

    /// Reads the next record into `record`; `false` at the end.
    pub(crate) fn next(&mut self, record: &mut Record, limits: RecordLimits) -> Result<bool, FramingError> {
        record.clear();
        self.raw.clear();
        (self.used, self.fields) = (0, 0);
        loop {
            let input = match self.input.fill_buf() {
                Ok(input) => input,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(FramingError::Io(error)),
            };
            // At the end the parser is given a line end of ours: it completes a last record that has
            // none, and does not if quotation marks are still open.
            let at_end = input.is_empty();
            let given = if at_end { b"\n" } else { input };
            let values = self.values.get_mut(self.used..).unwrap_or_default();
            let ends = self.ends.get_mut(self.fields..).unwrap_or_default();
            let (result, taken, copied, ended) = self.parser.read_record(given, values, ends);
            self.used += copied;
            self.fields += ended;
            if !at_end {
                let taken_bytes = input.get(..taken).unwrap_or_default();
                keep(taken_bytes, &mut self.raw, &mut self.lines, &mut self.begins);
                self.input.consume(taken);
            }
            match result {
                ReadRecordResult::Record => {
                    // What was taken is the record and, unless the data ended before one, a single byte
                    // of its terminator: the LF of CR LF is taken with the next record.
                    let length = self.raw.len().saturating_sub(usize::from(!at_end));
                    self.check(length, limits)?;
                    self.give(record, length);
                    return Ok(true);
                }
                ReadRecordResult::InputEmpty if at_end && !self.raw.is_empty() => {
                    return Err(FramingError::Unclosed { line: self.begins });
                }
                ReadRecordResult::InputEmpty if at_end => return Ok(false),
                ReadRecordResult::End => return Ok(false),
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull => self.values.resize(self.values.len() * 2, 0),
                ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
            }
            self.check(self.raw.len(), limits)?;
        }
    }

    /// Whether the bytes that follow begin with LF. After a record that ended in CR this tells
    /// CR LF from CR alone.
    pub(crate) fn line_feed_follows(&mut self) -> Result<bool, FramingError> {
        loop {
            match self.input.fill_buf() {
                Ok(input) => return Ok(input.first() == Some(&b'\n')),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(FramingError::Io(error)),
            }
        }
    }

    fn check(&self, length: usize, limits: RecordLimits) -> Result<(), FramingError> {
        let line = self.begins;
        if length > limits.bytes {
            return Err(FramingError::TooLong { line });
        }
        if self.fields > limits.fields {
            return Err(FramingError::TooManyFields { line });
        }
        Ok(())
    }

    /// Hands over the record, which is the first `length` bytes of what was taken.
    fn give(&self, record: &mut Record, length: usize) {
        record.set_raw(self.raw.get(..length).unwrap_or_default());
        let mut start = 0;
        for &end in self.ends.iter().take(self.fields) {
            record.push_field(self.values.get(start..end).unwrap_or_default());
            start = end;
        }
    }

    /// Whether the record that was given last ended in CR.
    pub(crate) fn ended_in_carriage_return(&self) -> bool {
        self.raw.last() == Some(&b'\r')
    }
}

/// Appends what the parser took to the raw record, without terminators that stand before it.
fn keep(taken: &[u8], raw: &mut Vec<u8>, lines: &mut LineCount, begins: &mut u64) {
    let mut kept = taken;
    if raw.is_empty() {
        let blank = taken.iter().take_while(|&&byte| byte == b'\r' || byte == b'\n').count();
        let (before, record) = taken.split_at(blank);
        lines.pass(before);
        if !record.is_empty() {
            *begins = lines.line;
        }
        kept = record;
    }
    lines.pass(kept);
    raw.extend_from_slice(kept);
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
