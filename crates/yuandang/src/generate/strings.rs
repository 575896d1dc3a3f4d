//! Keys of random text: 1 to 100 characters, distinct, with a known number in both files.
//!
//! A key is random lower-case letters followed by its number in base 36, in digits and capitals. So keys
//! of different numbers differ, none has to be remembered, and the same number gives the same key in
//! both files.

use sha2::{Digest, Sha256};

use crate::failure::Failure;

/// The columns of both files.
pub const STRING_COLUMNS: [&str; 2] = ["id", "payload"];

/// The most characters of a key.
const LONGEST: u64 = 100;

/// The most rows of a file: a party's items are numbered in four bytes.
const MAX_ROWS: u64 = u32::MAX as u64;

/// What the two files look like.
#[derive(Clone, Copy, Debug)]
pub struct StringPlan {
    /// Rows of the receiver's file.
    pub receiver: u64,
    /// Rows of the sender's file.
    pub sender: u64,
    /// Keys that are in both.
    pub shared: u64,
    /// The same seed gives the same files.
    pub seed: u64,
}

impl StringPlan {
    /// The rows of the receiver's and of the sender's file.
    ///
    /// # Errors
    /// If the numbers do not fit together.
    pub fn files(self) -> Result<[impl Iterator<Item = [String; 2]>; 2], Failure> {
        let Self { receiver, sender, shared, .. } = self;
        if shared > receiver.min(sender) {
            return Err(Failure::usage(format_args!(
                "{shared} keys cannot be in both of two files of {receiver} and {sender} rows"
            )));
        }
        if receiver.max(sender) > MAX_ROWS {
            return Err(Failure::usage(format_args!("a file has at most {MAX_ROWS} rows")));
        }
        Ok([(receiver, 0), (sender, 1)].map(|(rows, side)| self.rows(rows, side)))
    }

    fn rows(self, rows: u64, side: u64) -> impl Iterator<Item = [String; 2]> {
        // Steps of a size coprime to the number of rows reach each row once.
        let stride = (rows / 2..=rows).find(|stride| gcd(*stride, rows) == 1).unwrap_or(1);
        (0..rows).map(move |row| {
            let index = row * stride % rows;
            let number = if index < self.shared { index } else { self.shared + 2 * (index - self.shared) + side };
            [key(self.seed, number), format!("{}", digest(self.seed, number, 8 + side).first().copied().unwrap_or(0))]
        })
    }
}

fn gcd(one: u64, other: u64) -> u64 {
    if other == 0 { one } else { gcd(other, one % other) }
}

/// The key of a number.
fn key(seed: u64, number: u64) -> String {
    let numeral = base36(number);
    let draws = (0..4).flat_map(|block| digest(seed, number, block));
    let mut draws = draws.map(u64::from);
    // Those of one digit have no letters, so that there are keys of one character.
    let room = if numeral.len() > 1 { LONGEST + 1 - numeral.len() as u64 } else { 1 };
    let letters = draws.next().map_or(0, |high| (high * 256 + draws.next().unwrap_or(0)) % room);
    let letter = |draw: u64| char::from(b'a' + u8::try_from(draw % 26).unwrap_or(0));
    let mut key: String = draws.take(usize::try_from(letters).unwrap_or(0)).map(letter).collect();
    key.push_str(&numeral);
    key
}

fn base36(mut number: u64) -> String {
    const DIGITS: &[u8; 36] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    let mut digits: Vec<u8> = Vec::new();
    loop {
        digits.extend(usize::try_from(number % 36).ok().and_then(|digit| DIGITS.get(digit)));
        number /= 36;
        if number == 0 {
            break;
        }
    }
    digits.iter().rev().map(|&digit| char::from(digit)).collect()
}

fn digest(seed: u64, number: u64, block: u64) -> [u8; 32] {
    let mut hash = Sha256::new_with_prefix(b"yuandang made-up keys v1");
    for part in [seed, number, block] {
        hash.update(part.to_be_bytes());
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn keys_are_distinct_of_all_lengths_and_overlap_as_asked() {
        let plan = StringPlan { receiver: 3000, sender: 5000, shared: 700, seed: 3 };
        let [receiver, sender] = plan.files().unwrap().map(|rows| rows.map(|[key, _]| key).collect::<BTreeSet<_>>());
        assert_eq!((receiver.len(), sender.len(), receiver.intersection(&sender).count()), (3000, 5000, 700));
        let lengths: BTreeSet<usize> = sender.iter().map(String::len).collect();
        assert_eq!((lengths.first(), lengths.last()), (Some(&1), Some(&100)));
        assert!(lengths.len() > 95);
    }

    #[test]
    fn numbers_that_do_not_fit_are_refused() {
        assert!(StringPlan { receiver: 1, sender: 2, shared: 2, seed: 0 }.files().is_err());
        assert!(StringPlan { receiver: 1, sender: MAX_ROWS + 1, shared: 0, seed: 0 }.files().is_err());
        let mut none = StringPlan { receiver: 0, sender: 0, shared: 0, seed: 0 }.files().unwrap();
        assert!(none[0].next().is_none());
    }
}
