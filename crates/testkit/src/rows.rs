//! Made-up tables from a seed, and the plain join that every result is held against.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::Path,
};

/// A small pseudorandom sequence (SplitMix64, Steele and others 2014): enough to vary test data, and
/// nothing else.
#[derive(Clone, Debug)]
pub struct Sequence(u64);

impl Sequence {
    /// The sequence of `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number below `bound`, which must not be 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound.max(1)
    }
}

/// A table with a key column and one of something else.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// Names of the two columns.
    pub columns: [String; 2],
    /// Rows: key and value. Keys may repeat and may be empty.
    pub rows: Vec<[String; 2]>,
}

impl Table {
    /// Writes the table as CSV. Values of made-up tables need no quotes.
    ///
    /// # Errors
    /// What the system says if the file cannot be written.
    pub fn write_csv(&self, path: &Path) -> io::Result<()> {
        let mut text = self.columns.join(",") + "\n";
        for row in &self.rows {
            text.push_str(&row.join(","));
            text.push('\n');
        }
        fs::write(path, text)
    }

    /// The distinct keys that are not empty.
    #[must_use]
    pub fn keys(&self) -> BTreeSet<&str> {
        self.rows.iter().map(|row| row[0].as_str()).filter(|key| !key.is_empty()).collect()
    }
}

/// Two tables with `shared` keys in common among `left` and `right` distinct ones. Some rows repeat a
/// key and some have none, so both tables have a few more rows than keys.
#[must_use]
pub fn table_pair(seed: u64, left: usize, right: usize, shared: usize) -> (Table, Table) {
    let mut sequence = Sequence::new(seed);
    let tag = sequence.below(1 << 40);
    let make = |side: &str, own: usize, columns: [&str; 2], sequence: &mut Sequence| {
        let mut rows = Vec::new();
        for index in 0..shared {
            rows.push([format!("both-{tag:x}-{index}"), format!("{side}{index}")]);
        }
        for index in shared..own {
            rows.push([format!("{side}-{tag:x}-{index}"), format!("{side}{index}")]);
        }
        for extra in 0..own / 10 {
            let from = usize::try_from(sequence.below(own as u64)).unwrap_or(0);
            let key =
                if extra % 3 == 0 { String::new() } else { rows.get(from).map_or(String::new(), |row| row[0].clone()) };
            rows.push([key, format!("{side}extra{extra}")]);
        }
        for index in (1..rows.len()).rev() {
            let other = usize::try_from(sequence.below(index as u64 + 1)).unwrap_or(0);
            rows.swap(index, other);
        }
        Table { columns: columns.map(str::to_owned), rows }
    };
    let a = make("left", left, ["id", "note"], &mut sequence);
    let b = make("right", right, ["person", "category"], &mut sequence);
    (a, b)
}

/// Rows of `left` whose key stands in `right`, in their order, each with the first value that `right`
/// has for the key.
#[must_use]
pub fn plain_join<'a>(left: &'a Table, right: &'a Table) -> Vec<(&'a [String; 2], &'a str)> {
    let mut first = BTreeMap::new();
    for row in &right.rows {
        first.entry(row[0].as_str()).or_insert(row[1].as_str());
    }
    left.rows
        .iter()
        .filter(|row| !row[0].is_empty())
        .filter_map(|row| first.get(row[0].as_str()).map(|value| (row, *value)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_has_the_keys_it_was_asked_for() {
        let (left, right) = table_pair(7, 50, 80, 20);
        assert_eq!((left.keys().len(), right.keys().len()), (50, 80));
        assert_eq!(left.keys().intersection(&right.keys()).count(), 20);
        assert!(left.rows.len() > 50 && left.rows.iter().any(|row| row[0].is_empty()));
        assert_eq!(table_pair(7, 50, 80, 20).0, left);
        assert_ne!(table_pair(8, 50, 80, 20).0, left);
    }
}
