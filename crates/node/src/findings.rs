//! What a party learned of its own rows, bin by bin: which of them matched, and with which labels.
//!
//! Findings are kept by the stretch of the source that their rows stand in, so that delivery, which reads the
//! source from its beginning, needs one stretch at a time, however large the whole is.

use psi::Outcome;
use records::label_list;

use crate::{buckets::Buckets, error::RunError, prepare::BinSet, space::Space, spill::Spill};

/// Rows of a stretch, as a binary logarithm.
const STRETCH_BITS: u32 = 20;

/// The length that stands for a label that cannot be read.
const UNREADABLE: u16 = u16::MAX;

/// The findings of a run.
pub(crate) struct Findings {
    stretches: Buckets,
    /// Label columns, if each match has labels.
    label_columns: Option<usize>,
    /// Items in common, if this side learned how many.
    matched: Option<u64>,
    unreadable_labels: u64,
}

/// What a bin brought: what is kept of it if the run is to go on after this process.
#[derive(Default)]
pub(crate) struct BinFindings {
    /// Items in common, if this side learned how many.
    pub(crate) matched: Option<u64>,
    pub(crate) unreadable_labels: u64,
    /// Rows that matched: number (8, little-endian), and where labels travel their length (2, little-endian) and the
    /// label list.
    pub(crate) rows: Vec<u8>,
    /// Whether labels travel.
    pub(crate) labelled: bool,
}

/// A row that matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FoundRow<'a> {
    pub(crate) row: u64,
    /// Its label list; nothing where there is none, or it cannot be read.
    pub(crate) label: Option<&'a [u8]>,
}

impl BinFindings {
    /// Reads the outcome of a bin.
    ///
    /// # Errors
    /// [`RunError::Own`] for what only a fault in this program could bring.
    pub(crate) fn new(outcome: Outcome, set: &BinSet, label_columns: usize) -> Result<Self, RunError> {
        let labelled = matches!(outcome, Outcome::Labelled(_));
        let mut findings = Self { labelled, ..Self::default() };
        let rows = &mut findings.rows;
        match outcome {
            Outcome::Nothing => {}
            Outcome::Count(count) => findings.matched = Some(count),
            Outcome::Matched(matches) => {
                findings.matched = Some(matches.len() as u64);
                set.rows_of(
                    &matches,
                    |index| *index,
                    |_, row| {
                        rows.extend_from_slice(&row.to_le_bytes());
                        Ok(())
                    },
                )?;
            }
            Outcome::Labelled(matches) => {
                findings.matched = Some(matches.len() as u64);
                let is_read = |label: &[u8]| label_list::decode(label, label_columns).is_ok();
                let matches: Vec<_> =
                    matches.into_iter().map(|(index, label)| (index, label.filter(|label| is_read(label)))).collect();
                findings.unreadable_labels = matches.iter().filter(|(_, label)| label.is_none()).count() as u64;
                set.rows_of(
                    &matches,
                    |(index, _)| *index,
                    |(_, label), row| {
                        rows.extend_from_slice(&row.to_le_bytes());
                        push_label(rows, label.as_deref());
                        Ok(())
                    },
                )?;
            }
        }
        Ok(findings)
    }

    /// The rows in pieces of whole rows and little more than `most` bytes; one that is empty where there are none.
    ///
    /// # Errors
    /// [`RunError::Own`] if the bytes are no findings.
    pub(crate) fn pieces(&self, most: usize) -> Result<Vec<&[u8]>, RunError> {
        if self.rows.len() <= most {
            return Ok(vec![&self.rows]);
        }
        let (mut pieces, mut from, mut rest) = (Vec::new(), self.rows.as_slice(), self.rows.as_slice());
        while !rest.is_empty() {
            rest = split(rest, self.labelled)?.1;
            let length = from.len() - rest.len();
            if length >= most || rest.is_empty() {
                pieces.push(from.get(..length).unwrap_or_default());
                from = rest;
            }
        }
        Ok(pieces)
    }
}

/// A label list has fewer bytes than 2^16 - 1: padded labels have at most 4096.
fn push_label(bytes: &mut Vec<u8>, label: Option<&[u8]>) {
    let length = label.map_or(UNREADABLE, |label| u16::try_from(label.len()).unwrap_or(UNREADABLE));
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(label.unwrap_or_default());
}

impl Findings {
    /// None so far, of a source of `rows` rows.
    pub(crate) fn new(rows: u64, label_columns: Option<usize>, space: &Space) -> Self {
        let count = usize::try_from((rows >> STRETCH_BITS).saturating_add(1)).unwrap_or(usize::MAX);
        let stretches = Buckets::new(count, space.held() / 4, Spill::new(&space.folder));
        Self { stretches, label_columns, matched: None, unreadable_labels: 0 }
    }

    /// Adds what a bin brought.
    ///
    /// # Errors
    /// [`RunError::Own`] if there is no room, or the bytes are no findings.
    pub(crate) fn add(&mut self, bin: &BinFindings) -> Result<(), RunError> {
        if let Some(matched) = bin.matched {
            self.matched = Some(self.matched.unwrap_or(0).saturating_add(matched));
        }
        self.unreadable_labels = self.unreadable_labels.saturating_add(bin.unreadable_labels);
        let mut rest = bin.rows.as_slice();
        while !rest.is_empty() {
            let (found, after) = split(rest, self.label_columns.is_some())?;
            let bytes = rest.get(..rest.len() - after.len()).unwrap_or_default();
            self.stretches.put(stretch(found.row), bytes)?;
            rest = after;
        }
        Ok(())
    }

    /// Items in common, if this side learned how many.
    pub(crate) fn matched(&self) -> Option<u64> {
        self.matched
    }

    /// Matches whose label the peer sealed or wrote wrongly.
    pub(crate) fn unreadable_labels(&self) -> u64 {
        self.unreadable_labels
    }

    /// Label columns, if each match has labels.
    pub(crate) fn label_columns(&self) -> Option<usize> {
        self.label_columns
    }

    /// The findings of the stretch that row `row` is the first of; nothing if it is not the first of any.
    ///
    /// # Errors
    /// [`RunError::Own`] if they cannot be read back.
    pub(crate) fn stretch_from(&mut self, row: u64) -> Result<Option<Stretch>, RunError> {
        if row & ((1 << STRETCH_BITS) - 1) != 0 {
            return Ok(None);
        }
        Stretch::new(self.stretches.take(stretch(row))?, self.label_columns.is_some()).map(Some)
    }
}

fn stretch(row: u64) -> usize {
    usize::try_from(row >> STRETCH_BITS).unwrap_or(usize::MAX)
}

/// The first row that was found among `bytes`, and the bytes after it.
fn split(bytes: &[u8], labelled: bool) -> Result<(FoundRow<'_>, &[u8]), RunError> {
    let cut_off = || RunError::Own("what was found is cut off".to_owned());
    let (row, rest) = bytes.split_first_chunk::<8>().ok_or_else(cut_off)?;
    let row = u64::from_le_bytes(*row);
    if !labelled {
        return Ok((FoundRow { row, label: None }, rest));
    }
    let (length, rest) = rest.split_first_chunk::<2>().ok_or_else(cut_off)?;
    match u16::from_le_bytes(*length) {
        UNREADABLE => Ok((FoundRow { row, label: None }, rest)),
        length => {
            let (label, rest) = rest.split_at_checked(length.into()).ok_or_else(cut_off)?;
            Ok((FoundRow { row, label: Some(label) }, rest))
        }
    }
}

/// The findings of a stretch of rows, in the order of the rows.
pub(crate) struct Stretch {
    bytes: Vec<u8>,
    /// For each row that was found its number, and where its findings stand; the next one last.
    rows: Vec<(u64, usize)>,
    labelled: bool,
}

impl Stretch {
    fn new(bytes: Vec<u8>, labelled: bool) -> Result<Self, RunError> {
        let mut rows = Vec::new();
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let at = bytes.len() - rest.len();
            let (found, after) = split(rest, labelled)?;
            rows.push((found.row, at));
            rest = after;
        }
        rows.sort_unstable_by(|one, other| other.cmp(one));
        Ok(Self { bytes, rows, labelled })
    }

    /// What was found of row `row`. Rows are asked for in their order.
    pub(crate) fn found(&mut self, row: u64) -> Option<FoundRow<'_>> {
        let (_, at) = self.rows.pop_if(|(next, _)| *next == row)?;
        split(self.bytes.get(at..)?, self.labelled).ok().map(|(found, _)| found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(rows: &[(u64, Option<&[u8]>)], labelled: bool) -> BinFindings {
        let mut bytes = Vec::new();
        for (row, label) in rows {
            bytes.extend_from_slice(&row.to_le_bytes());
            if labelled {
                push_label(&mut bytes, *label);
            }
        }
        BinFindings { matched: Some(rows.len() as u64), unreadable_labels: 0, rows: bytes, labelled }
    }

    fn walk(all: &mut Findings, rows: u64) -> Vec<(u64, Option<Vec<u8>>)> {
        let (mut walked, mut stretch) = (Vec::new(), None);
        for row in 0..rows {
            stretch = all.stretch_from(row).unwrap().or(stretch);
            let found = stretch.as_mut().unwrap().found(row);
            walked.extend(found.map(|found| (found.row, found.label.map(<[u8]>::to_vec))));
        }
        walked
    }

    #[test]
    fn rows_of_all_bins_come_in_the_order_of_the_source() {
        let rows = (1 << STRETCH_BITS) + 10;
        for memory in [1 << 30, 0] {
            let space = Space { memory, ..Space::default() };
            let mut all = Findings::new(rows, None, &space);
            assert_eq!(all.matched(), None);
            all.add(&findings(&[(rows - 1, None), (3, None)], false)).unwrap();
            all.add(&findings(&[(0, None), (rows - 3, None), (2, None)], false)).unwrap();
            assert_eq!(all.matched(), Some(5));
            let expected = [0, 2, 3, rows - 3, rows - 1].map(|row| (row, None));
            assert_eq!(walk(&mut all, rows), expected);
        }
    }

    #[test]
    fn labels_stay_with_their_rows() {
        let mut all = Findings::new(10, Some(1), &Space::default());
        all.add(&findings(&[(7, Some(b"seven")), (1, None)], true)).unwrap();
        all.add(&findings(&[(2, Some(b""))], true)).unwrap();
        let expected = vec![(1, None), (2, Some(vec![])), (7, Some(b"seven".to_vec()))];
        assert_eq!(walk(&mut all, 10), expected);
    }

    #[test]
    fn pieces_are_whole_rows_and_together_all_of_them() {
        for labelled in [false, true] {
            let rows: Vec<(u64, Option<&[u8]>)> =
                (0..100).map(|row| (row, (row % 7 > 0).then(|| &b"label"[..(row % 5) as usize]))).collect();
            let all = findings(&rows, labelled);
            for most in [1, 8, 10, 100, 1 << 20] {
                let pieces = all.pieces(most).unwrap();
                assert_eq!(pieces.concat(), all.rows);
                assert!(pieces.iter().all(|piece| piece.len() < most + 8 + 2 + 5), "{most}");
                let count = |piece: &&[u8]| {
                    let (mut rest, mut count) = (*piece, 0);
                    while !rest.is_empty() {
                        (rest, count) = (split(rest, labelled).unwrap().1, count + 1);
                    }
                    count
                };
                assert_eq!(pieces.iter().map(count).sum::<usize>(), 100);
            }
        }
        assert_eq!(BinFindings::default().pieces(10).unwrap(), [&[0_u8; 0][..]; 1]);
    }

    #[test]
    fn what_is_cut_off_is_an_error() {
        let mut bin = findings(&[(7, Some(b"seven"))], true);
        bin.rows.pop();
        assert!(Findings::new(10, Some(1), &Space::default()).add(&bin).is_err());
    }
}
