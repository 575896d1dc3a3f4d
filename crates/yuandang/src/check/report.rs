//! What `check` found, as programs read it.

use node::quality::{Quality, Question};
use records::{Reason, Refusal, Warning, standard::DATA_STANDARD};
use serde::{Serialize, Serializer};

use super::{Age, Estimate};

/// What `check --format json` prints. Counts, names and dates: no value of a record.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The record set.
    pub source: String,
    /// Its key columns.
    pub key: Vec<String>,
    /// What they hold.
    pub key_types: Vec<String>,
    /// The version of the data standard that says so.
    pub data_standard: &'static str,
    /// All rows.
    pub rows: u64,
    /// Rows that have a key.
    pub keyed: u64,
    /// Distinct keys.
    pub distinct: u64,
    /// Rows whose key an earlier row had.
    pub duplicate_rows: u64,
    /// Rows with a key column that is empty or not there.
    pub missing: u64,
    /// Rows that are refused.
    pub refused_rows: u64,
    /// The same by key column and reason, the most frequent first.
    pub refused: Vec<Refused>,
    /// Rows by what is odd about them, the most frequent first. They have a key all the same.
    pub warnings: Vec<Warned>,
    /// How old the data is.
    pub snapshot: Age,
    /// The reject file, if there is one.
    pub rejects: Option<Rejected>,
    /// What a job would take, if one is planned.
    pub estimate: Option<Estimate>,
}

/// Rows that are refused for one reason.
#[derive(Clone, Debug, Serialize)]
pub struct Refused {
    /// The key column.
    pub column: String,
    /// What is wrong with its value.
    #[serde(serialize_with = "as_name")]
    pub reason: Reason,
    /// How many rows.
    pub rows: u64,
}

/// Rows with one warning.
#[derive(Clone, Debug, Serialize)]
pub struct Warned {
    /// What is odd about them.
    #[serde(serialize_with = "as_name")]
    pub warning: Warning,
    /// How many rows.
    pub rows: u64,
}

/// The reject file.
#[derive(Clone, Debug, Serialize)]
pub struct Rejected {
    /// Where it is.
    pub file: String,
    /// Rows in it.
    pub rows: u64,
}

/// A part of the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// How many.
    pub part: u64,
    /// Of how many.
    pub whole: u64,
}

impl Share {
    /// The same in percent; 0 of none.
    #[must_use]
    pub fn percent(self) -> f64 {
        if self.whole == 0 { 0.0 } else { self.part as f64 * 100.0 / self.whole as f64 }
    }
}

impl std::fmt::Display for Share {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.percent() {
            percent if self.part > 0 && percent < 0.1 => f.pad("<0.1 %"),
            // What is nearly all is not all.
            percent if self.part < self.whole && percent > 99.9 => f.pad(">99.9 %"),
            percent => f.pad(&format!("{percent:.1} %")),
        }
    }
}

impl Report {
    /// The answer to `question`.
    #[must_use]
    pub fn new(
        question: &Question,
        quality: Quality,
        snapshot: Age,
        reject_file: Option<String>,
        estimate: Option<Estimate>,
    ) -> Self {
        let Quality { tally, distinct, duplicate_rows, rejected, .. } = quality;
        let name = |column| question.key_columns.get(column).cloned().unwrap_or_default();
        let mut refused: Vec<_> = tally
            .refusals()
            .map(|(Refusal { column, reason }, rows)| Refused { column: name(column), reason, rows })
            .collect();
        refused.sort_by_key(|one| std::cmp::Reverse(one.rows));
        let mut warnings: Vec<_> = tally.warnings().map(|(warning, rows)| Warned { warning, rows }).collect();
        warnings.sort_by_key(|one| std::cmp::Reverse(one.rows));
        Self {
            source: question.source.clone(),
            key: question.key_columns.clone(),
            key_types: question.key_types.iter().map(ToString::to_string).collect(),
            data_standard: DATA_STANDARD,
            rows: tally.rows(),
            keyed: tally.keyed(),
            distinct,
            duplicate_rows,
            missing: tally.missing(),
            refused_rows: tally.refused(),
            refused,
            warnings,
            snapshot,
            rejects: reject_file.zip(rejected).map(|(file, rows)| Rejected { file, rows }),
            estimate,
        }
    }

    /// So many of all rows.
    #[must_use]
    pub fn share(&self, part: u64) -> Share {
        Share { part, whole: self.rows }
    }

    /// Rows that cannot be matched.
    #[must_use]
    pub fn unusable(&self) -> Share {
        self.share(self.missing.saturating_add(self.refused_rows))
    }
}

fn as_name<S: Serializer>(one: &impl ToString, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&one.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_neither_nothing_nor_all_unless_it_is() {
        let shown = |part, whole| Share { part, whole }.to_string();
        assert_eq!([shown(0, 0), shown(0, 9), shown(9, 9), shown(1, 3)], ["0.0 %", "0.0 %", "100.0 %", "33.3 %"]);
        assert_eq!([shown(1, 1_000_000), shown(999_999, 1_000_000)], ["<0.1 %", ">99.9 %"]);
        assert_eq!(format!("{:>8}", Share { part: 1, whole: 2 }), "  50.0 %");
    }
}
