//! What became of the rows of a record set: how many have a key, how many have none and why.

use std::collections::BTreeMap;

use crate::{
    key::{Keyed, Refusal, Unkeyed},
    standard::Warning,
};

/// What a pass over a source counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RowCounts {
    /// All rows.
    pub rows: u64,
    /// Rows whose key is empty or missing in at least one column. They are not matched.
    pub missing_keys: u64,
    /// Rows whose key the data standard refuses. They are not matched.
    pub refused_rows: u64,
    /// Rows whose key an earlier row had.
    pub duplicate_rows: u64,
    /// Of those, rows whose labels are not those of the first row with the key.
    pub label_conflicts: u64,
}

/// Counters of a pass over rows. Those of several parts of a set add up to those of the set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    rows: u64,
    keyed: u64,
    missing: u64,
    // A key has few columns and there are few reasons, so this stays small whatever the rows are.
    refused: BTreeMap<Refusal, u64>,
    warnings: [u64; Warning::ALL.len()],
}

impl Tally {
    /// Counts one row by what [`KeySpec::key`](crate::KeySpec::key) gave for it.
    pub fn count(&mut self, row: &Result<Keyed, Unkeyed>) {
        self.rows += 1;
        match row {
            Ok(keyed) => {
                self.keyed += 1;
                if !keyed.warnings.is_empty() {
                    let counters = Warning::ALL.into_iter().zip(&mut self.warnings);
                    counters.for_each(|(warning, count)| *count += u64::from(keyed.warnings.contains(warning)));
                }
            }
            Err(Unkeyed::Missing) => self.missing += 1,
            Err(Unkeyed::Refused(refusal)) => *self.refused.entry(*refusal).or_default() += 1,
        }
    }

    /// Adds the rows of another part.
    pub fn merge(&mut self, other: &Self) {
        self.rows += other.rows;
        self.keyed += other.keyed;
        self.missing += other.missing;
        for (refusal, count) in &other.refused {
            *self.refused.entry(*refusal).or_default() += count;
        }
        self.warnings.iter_mut().zip(&other.warnings).for_each(|(ours, theirs)| *ours += theirs);
    }

    /// All rows.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Rows that have a key.
    #[must_use]
    pub fn keyed(&self) -> u64 {
        self.keyed
    }

    /// Rows with a key column that is empty or not there.
    #[must_use]
    pub fn missing(&self) -> u64 {
        self.missing
    }

    /// Rows that were refused.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused.values().sum()
    }

    /// Rows that were refused, by key column and reason; each row counts once, by the first that was found.
    pub fn refusals(&self) -> impl Iterator<Item = (Refusal, u64)> {
        self.refused.iter().map(|(&refusal, &count)| (refusal, count))
    }

    /// Rows with each warning that there was at least once. A row may count for several.
    pub fn warnings(&self) -> impl Iterator<Item = (Warning, u64)> {
        Warning::ALL.into_iter().zip(self.warnings).filter(|(_, count)| *count > 0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{CanonicalKey, Reason, Warnings};

    fn keyed(warnings: &[Warning]) -> Result<Keyed, Unkeyed> {
        Ok(Keyed { key: CanonicalKey([0; 16]), warnings: warnings.iter().copied().collect() })
    }

    fn refused(column: usize, reason: Reason) -> Result<Keyed, Unkeyed> {
        Err(Unkeyed::Refused(Refusal { column, reason }))
    }

    fn tally(rows: &[Result<Keyed, Unkeyed>]) -> Tally {
        let mut tally = Tally::default();
        rows.iter().for_each(|row| tally.count(row));
        tally
    }

    #[test]
    fn every_row_counts_once() {
        let tally = tally(&[
            keyed(&[]),
            keyed(&[Warning::Spaces, Warning::FullWidth]),
            keyed(&[Warning::Spaces]),
            Err(Unkeyed::Missing),
            refused(1, Reason::CheckDigit),
            refused(0, Reason::CheckDigit),
            refused(1, Reason::CheckDigit),
        ]);
        assert_eq!((tally.rows(), tally.keyed(), tally.missing(), tally.refused()), (7, 3, 1, 3));
        let refusals: Vec<_> = tally.refusals().map(|(refusal, count)| (refusal.column, count)).collect();
        assert_eq!(refusals, [(0, 1), (1, 2)]);
        assert_eq!(tally.warnings().collect::<Vec<_>>(), [(Warning::Spaces, 2), (Warning::FullWidth, 1)]);
    }

    fn row() -> impl Strategy<Value = Result<Keyed, Unkeyed>> {
        let bits = prop::collection::vec(prop::sample::select(Warning::ALL.to_vec()), 0..4);
        prop_oneof![
            bits.prop_map(|bits| keyed(&bits)),
            Just(Err(Unkeyed::Missing)),
            (0_usize..3, prop::sample::select(Reason::ALL.to_vec()))
                .prop_map(|(column, reason)| refused(column, reason)),
        ]
    }

    proptest! {
        #[test]
        fn parts_add_up_to_the_whole(
            rows in prop::collection::vec(row(), 0..40),
            at in any::<prop::sample::Index>(),
        ) {
            let (one, other) = rows.split_at(at.index(rows.len() + 1));
            let mut merged = tally(one);
            merged.merge(&tally(other));
            prop_assert_eq!(&merged, &tally(&rows));
            prop_assert_eq!(merged.rows(), merged.keyed() + merged.missing() + merged.refused());
            let none = rows.iter().flatten().all(|keyed| keyed.warnings == Warnings::NONE);
            prop_assert_eq!(merged.warnings().next().is_none(), none);
        }
    }
}
