//! The file of one run: what it was begun with, and bin by bin what was found.

use std::{
    fs::File,
    io,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use prost::Message;
use zeroize::Zeroizing;

use super::{
    blocks::{Reader, Writer},
    failed,
};
use crate::{bin_marks::BinMarks, error::RunError, findings::BinFindings};

/// Bytes of rows in one block, about.
const PIECE: usize = 1 << 24;

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

/// A piece of what a bin brought. Those of one bin follow each other, and the bin is finished where its last one is.
#[derive(Clone, PartialEq, Message)]
struct Piece {
    #[prost(uint32, tag = "1")]
    bin: u32,
    /// Of the last piece alone, as what follows it.
    #[prost(bytes = "vec", tag = "2")]
    transcript: Vec<u8>,
    #[prost(uint64, optional, tag = "3")]
    matched: Option<u64>,
    #[prost(uint64, tag = "4")]
    unreadable_labels: u64,
    #[prost(bytes = "vec", tag = "5")]
    rows: Vec<u8>,
}

impl Piece {
    fn transcript(&self) -> Option<[u8; 32]> {
        self.transcript.as_slice().try_into().ok()
    }
}

/// A run that was begun by an earlier process. What its bins brought stays on disk.
pub(crate) struct Saved {
    pub(crate) begun: Begun,
    /// The bins that are finished, and whose findings are wanted.
    marks: BinMarks,
    file: File,
    key: Arc<Zeroizing<[u8; 32]>>,
}

impl Saved {
    /// Reads what was begun, and which bins are finished; nothing if the file cannot be read.
    pub(super) fn read(file: File, key: &Arc<Zeroizing<[u8; 32]>>) -> io::Result<Option<Self>> {
        let Some(mut blocks) = Reader::open(file.try_clone()?, key)? else { return Ok(None) };
        let Some(begun) = blocks.next::<Begun>()? else { return Ok(None) };
        let mut marks = BinMarks::default();
        while let Some(piece) = blocks.next::<Piece>()? {
            if piece.transcript().is_some() {
                marks.mark(piece.bin);
            }
        }
        Ok(Some(Self { begun, marks, file, key: Arc::clone(key) }))
    }

    /// Whether both sides had agreed on the run.
    pub(crate) fn was_agreed(&self) -> bool {
        !self.begun.job_key.is_empty()
    }

    /// The bins that are finished.
    pub(crate) fn marks(&self) -> BinMarks {
        self.marks.clone()
    }

    /// Forgets the bins that are not among `marks`.
    pub(crate) fn keep(&mut self, marks: &BinMarks) {
        self.marks = self.marks.both(marks);
    }

    /// Gives the finished bins piece by piece, the last one of each with its transcript.
    ///
    /// # Errors
    /// [`RunError::Own`] if they cannot be read any more; what `take` says.
    pub(crate) fn each(
        &self,
        mut take: impl FnMut(u32, Option<[u8; 32]>, BinFindings) -> Result<(), RunError>,
    ) -> Result<(), RunError> {
        self.pieces(|piece| {
            let (bin, transcript) = (piece.bin, piece.transcript());
            let Piece { matched, unreadable_labels, rows, .. } = piece;
            take(bin, transcript, BinFindings { matched, unreadable_labels, rows, ..BinFindings::default() })
        })
    }

    fn pieces(&self, mut take: impl FnMut(Piece) -> Result<(), RunError>) -> Result<(), RunError> {
        let failed = |error: io::Error| RunError::Own(format!("what was found before cannot be read: {error}"));
        let blocks = self.file.try_clone().and_then(|file| Reader::open(file, &self.key)).map_err(failed)?;
        let Some(mut blocks) = blocks else { return Ok(()) };
        blocks.next::<Begun>().map_err(failed)?;
        while let Some(piece) = blocks.next::<Piece>().map_err(failed)? {
            if self.marks.has(piece.bin) {
                take(piece)?;
            }
        }
        Ok(())
    }
}

/// The file of a run that goes on.
pub(crate) struct Checkpoint {
    writer: Mutex<Writer>,
    path: PathBuf,
}

impl Checkpoint {
    /// Begins a file, with the bins that were finished before.
    pub(super) fn begin(path: PathBuf, key: &[u8; 32], begun: &Begun, saved: Option<&Saved>) -> Result<Self, RunError> {
        let own = |error: io::Error| failed(&path, &error);
        let mut writer = Writer::create(&path, key).map_err(own)?;
        writer.put(begun).map_err(own)?;
        if let Some(saved) = saved {
            saved.pieces(|piece| writer.put(&piece).map_err(own))?;
        }
        writer.settle(&path).map_err(own)?;
        Ok(Self { writer: Mutex::new(writer), path })
    }

    /// Adds a bin that is finished, durably.
    ///
    /// # Errors
    /// [`RunError::Own`] if it cannot be written.
    pub(crate) fn finished(&self, bin: u32, transcript: [u8; 32], findings: &BinFindings) -> Result<(), RunError> {
        let own = |error: io::Error| failed(&self.path, &error);
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let mut pieces = findings.pieces(PIECE)?.into_iter().peekable();
        while let Some(rows) = pieces.next() {
            let mut piece = Piece { bin, rows: rows.to_vec(), ..Piece::default() };
            if pieces.peek().is_none() {
                piece.transcript = transcript.to_vec();
                piece.matched = findings.matched;
                piece.unreadable_labels = findings.unreadable_labels;
            }
            writer.put(&piece).map_err(own)?;
        }
        writer.sync().map_err(own)
    }
}
