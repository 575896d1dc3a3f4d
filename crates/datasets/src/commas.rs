//! Where the commas of a row stand. A field is a few bytes long, too short for a search that begins anew at each.

const BYTES: usize = 8;
const EACH: u64 = u64::MAX / 0xff;
const LOW_BITS: u64 = 0x7f * EACH;

/// The places of the commas in a row, ascending.
pub(crate) struct Commas<'a> {
    words: &'a [[u8; BYTES]],
    /// The bytes behind the last whole word, with zeros behind them.
    rest: Option<[u8; BYTES]>,
    /// The place of the word that is looked at, and the highest bit of each of its bytes that is a comma.
    place: usize,
    found: u64,
}

impl<'a> Commas<'a> {
    pub(crate) fn of(row: &'a [u8]) -> Self {
        let (words, behind) = row.as_chunks::<BYTES>();
        let mut rest = [0; BYTES];
        rest.iter_mut().zip(behind).for_each(|(to, from)| *to = *from);
        let mut commas = Self { words, rest: Some(rest), place: 0, found: 0 };
        commas.found = commas.next_word().map_or(0, marked);
        commas
    }

    fn next_word(&mut self) -> Option<[u8; BYTES]> {
        match self.words.split_first() {
            Some((word, words)) => {
                self.words = words;
                Some(*word)
            }
            None => self.rest.take(),
        }
    }
}

impl Iterator for Commas<'_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        while self.found == 0 {
            self.found = marked(self.next_word()?);
            self.place += BYTES;
        }
        let byte = self.found.trailing_zeros() / u8::BITS;
        self.found &= self.found - 1;
        Some(self.place + byte as usize)
    }
}

/// The highest bit of each byte that is a comma, the first byte lowest. Exact: no byte carries into the next.
fn marked(word: [u8; BYTES]) -> u64 {
    let differs = u64::from_le_bytes(word) ^ (u64::from(b',') * EACH);
    !(((differs & LOW_BITS) + LOW_BITS) | differs | LOW_BITS)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn commas_are_where_they_stand(
            row in prop::collection::vec(prop_oneof![Just(b','), Just(b'-'), Just(0xac), any::<u8>()], 0..70)
        ) {
            let expected: Vec<usize> = (0..row.len()).filter(|place| row[*place] == b',').collect();
            prop_assert_eq!(Commas::of(&row).collect::<Vec<_>>(), expected);
        }
    }
}
