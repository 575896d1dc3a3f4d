//! A row as it is kept: its band and its value.

use super::value::Value;

/// A band of up to `64·(8R − 2)` columns, the first one lowest, and above it a value of up to two
/// words: `R` registers of 512 bits.
#[derive(Clone, Copy)]
#[cfg_attr(test, derive(Debug, PartialEq, Eq))]
#[repr(C, align(64))]
pub(super) struct Record<const R: usize>(pub(super) [[u64; 8]; R]);

/// Words of a value in a record.
const VALUE: usize = 2;

/// No vector serves all rows: one of them is a sum of others.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Dependent;

impl<const R: usize> Record<R> {
    pub(super) const ZERO: Self = Self([[0; 8]; R]);

    /// Words of the widest band.
    pub(super) const BAND: usize = 8 * R - VALUE;

    /// The band, word by word.
    #[inline]
    pub(super) fn band(&self) -> &[u64] {
        self.0.as_flattened().split_last_chunk::<VALUE>().map_or(&[], |(band, _)| band)
    }

    /// The band, two words at a time.
    #[inline]
    pub(super) fn band_pairs(&mut self) -> &mut [[u64; 2]] {
        let words = self.0.as_flattened_mut();
        words.split_last_chunk_mut::<VALUE>().map_or(&mut [], |(band, _)| band.as_chunks_mut().0)
    }

    /// The first 64 columns of the band.
    #[inline(always)]
    pub(super) fn front(&self) -> u64 {
        self.0.first().and_then(|words| words.first()).copied().unwrap_or(0)
    }

    #[inline]
    pub(super) fn value<V: Value>(&self) -> V {
        V::from_words(self.0.as_flattened().last_chunk().copied().unwrap_or_default())
    }

    #[inline]
    pub(super) fn set_value<V: Value>(&mut self, value: V) {
        if let Some(words) = self.0.as_flattened_mut().last_chunk_mut() {
            *words = value.words();
        }
    }

    /// Adds another row to this.
    #[inline]
    fn add(&mut self, other: &Self) {
        let words = self.0.as_flattened_mut().iter_mut().zip(other.0.as_flattened());
        words.for_each(|(to, word)| *to ^= word);
    }

    /// Moves the band down to its first bit that is set, and tells by how many columns that is.
    #[inline]
    pub(super) fn advance(&mut self) -> Result<usize, Dependent> {
        let whole = if self.front() == 0 { self.advance_words()? } else { 0 };
        let shift = self.front().trailing_zeros() & 63;
        let Some((band, _)) = self.0.as_flattened_mut().split_last_chunk_mut::<VALUE>() else { return Err(Dependent) };
        let mut carry = 0;
        for word in band.iter_mut().rev() {
            // In two steps, for one of 64 does nothing.
            let out = *word << 1 << (63 - shift);
            *word = *word >> shift | carry;
            carry = out;
        }
        Ok(whole + shift as usize)
    }

    /// The same for the whole words before that bit.
    #[cold]
    fn advance_words(&mut self) -> Result<usize, Dependent> {
        let Some((band, _)) = self.0.as_flattened_mut().split_last_chunk_mut::<VALUE>() else { return Err(Dependent) };
        let zeros = band.iter().take_while(|word| **word == 0).count();
        if zeros == band.len() {
            return Err(Dependent);
        }
        band.rotate_left(zeros);
        Ok(64 * zeros)
    }
}

/// Rows in echelon form.
///
/// A row is kept from its leading column on: bit 0 of its band is 1. As it never gains columns beyond
/// a band from there, nothing is lost; and two rows that lead at the same column add without a shift.
pub(super) struct Pivots<const R: usize> {
    /// By leading column; where no row leads there is a zero.
    pub(super) rows: Vec<Record<R>>,
    /// Rows that lead farther on, and where.
    pub(super) beyond: Vec<(usize, Record<R>)>,
}

impl<const R: usize> Pivots<R> {
    /// Forgets all rows, and makes room for those that lead at the first `columns` columns.
    pub(super) fn reset(&mut self, columns: usize) {
        self.rows.clear();
        self.rows.resize(columns, Record::ZERO);
        self.beyond.clear();
    }

    /// Puts `row`, which begins at the column `lead`, in its place among the others.
    pub(super) fn insert(&mut self, mut lead: usize, mut row: Record<R>) -> Result<(), Dependent> {
        lead += row.advance()?;
        while let Some(pivot) = self.rows.get_mut(lead) {
            if pivot.front() == 0 {
                *pivot = row;
                return Ok(());
            }
            row.add(pivot);
            lead += row.advance()?;
        }
        self.beyond.push((lead, row));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(low: u64, high: u64, value: u128) -> Record<1> {
        let mut record = Record([[low, high, 0, 0, 0, 0, 0, 0]]);
        record.set_value(value);
        record
    }

    #[test]
    fn rows_start_at_their_first_bit() {
        let advance = |low, high| {
            let mut row = record(low, high, 7);
            row.advance().map(|by| (by, row))
        };
        assert_eq!(advance(0b1011, 1), Ok((0, record(0b1011, 1, 7))));
        assert_eq!(advance(0b1000, 0b11), Ok((3, record(1 | 0b11 << 61, 0, 7))));
        assert_eq!(advance(1 << 63, u64::MAX), Ok((63, record(u64::MAX, 1, 7))));
        assert_eq!(advance(0, 0b110), Ok((65, record(0b11, 0, 7))));
        assert_eq!(advance(0, 0), Err(Dependent));
        let mut top = Record::<2>::ZERO;
        top.band_pairs()[6][1] = 1 << 63;
        assert_eq!((top.advance(), top.front(), top.band().len()), (Ok(895), 1, Record::<2>::BAND));
    }

    #[test]
    fn rows_are_reduced_and_find_their_column() {
        let mut pivots = Pivots { rows: Vec::new(), beyond: Vec::new() };
        pivots.reset(8);
        pivots.insert(1, record(0b1011, 0, 1)).unwrap();
        pivots.insert(1, record(0b0001, 1, 2)).unwrap();
        // 1011 + 0001 leaves a band that leads one column on.
        assert_eq!(pivots.rows[1], record(0b1011, 0, 1));
        assert_eq!(pivots.rows[2], record(0b101 | 1 << 63, 0, 3));
        assert!([0, 3, 4, 5, 6, 7].iter().all(|column| pivots.rows[*column] == Record::ZERO));
        // The sum of both.
        assert_eq!(pivots.insert(1, record(0b1010, 1, 7)), Err(Dependent));
        assert!(pivots.beyond.is_empty());
        pivots.insert(4, record(1 << 10, 0, 9)).unwrap();
        assert_eq!(pivots.beyond, [(14, record(1, 0, 9))]);
    }

    #[test]
    fn values_of_one_word_and_of_two() {
        let mut record = Record::<2>::ZERO;
        record.set_value(u128::MAX - 5);
        assert_eq!((record.value::<u128>(), record.value::<u64>()), (u128::MAX - 5, u64::MAX - 5));
        assert!(record.band().iter().all(|word| *word == 0));
        record.set_value(3u64);
        assert_eq!(record.value::<u128>(), 3);
    }
}
