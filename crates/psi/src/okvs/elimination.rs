//! Gaussian elimination of rows that come by start.
//!
//! A row is kept from its leading column on: bit `i` of its band belongs to the column `lead + i`,
//! bit 0 is 1, and `w` bits are enough, for a row only ever loses columns at the front and gains
//! none beyond its first end. So two rows of one leading column add without a shift. An all-zero
//! band at a column says that no row leads there.

use super::value::Value;

/// A row that leads at the column `lead`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row<V, const W: usize> {
    lead: usize,
    band: [u64; W],
    value: V,
}

/// No vector serves all rows: one of them is a sum of others.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Dependent;

impl<V: Value, const W: usize> Row<V, W> {
    /// The row whose band starts at the column `start`.
    #[inline(always)]
    pub(super) fn new(start: usize, band: [u64; W], value: V) -> Result<Self, Dependent> {
        let mut row = Self { lead: start, band, value };
        row.advance()?;
        Ok(row)
    }

    /// Adds the row that leads at the same column.
    #[inline(always)]
    fn add(&mut self, band: &[u64; W], value: V) -> Result<(), Dependent> {
        self.band.iter_mut().zip(band).for_each(|(to, word)| *to ^= word);
        self.value ^= value;
        self.advance()
    }

    /// Moves on to the first bit that is set.
    #[inline(always)]
    fn advance(&mut self) -> Result<(), Dependent> {
        if lowest(&self.band) == 0 {
            self.advance_words()?;
        }
        let shift = lowest(&self.band).trailing_zeros() & 63;
        self.lead += shift as usize;
        let mut carry = 0;
        for word in self.band.iter_mut().rev() {
            // In two steps, for one of 64 does nothing.
            let out = *word << 1 << (63 - shift);
            *word = *word >> shift | carry;
            carry = out;
        }
        Ok(())
    }

    /// Moves on by whole words, up to one that is not 0.
    #[cold]
    fn advance_words(&mut self) -> Result<(), Dependent> {
        let zeros = self.band.iter().take_while(|word| **word == 0).count();
        if zeros == W {
            return Err(Dependent);
        }
        self.band.rotate_left(zeros);
        self.lead += 64 * zeros;
        Ok(())
    }
}

/// The word of the first 64 columns of a band.
#[inline(always)]
fn lowest<const W: usize>(band: &[u64; W]) -> u64 {
    band.first().copied().unwrap_or(0)
}

/// The rows that lead at some consecutive columns, the first of which is `first`.
pub(super) struct Pivots<'a, V, const W: usize> {
    pub(super) first: usize,
    /// By column.
    pub(super) bands: &'a mut [[u64; W]],
    /// By column, 0 where no row leads.
    pub(super) values: &'a mut [V],
}

impl<V: Value, const W: usize> Pivots<'_, V, W> {
    /// Reduces `row` by the rows that are here and puts it at its leading column, or gives it back
    /// if that is not here.
    #[inline(always)]
    pub(super) fn insert(&mut self, mut row: Row<V, W>) -> Result<Option<Row<V, W>>, Dependent> {
        loop {
            let at = row.lead.wrapping_sub(self.first);
            let (Some(band), Some(value)) = (self.bands.get_mut(at), self.values.get_mut(at)) else {
                return Ok(Some(row));
            };
            if lowest(band) == 0 {
                (*band, *value) = (row.band, row.value);
                return Ok(None);
            }
            row.add(band, *value)?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pivots<'a>(bands: &'a mut [[u64; 2]], values: &'a mut [u64]) -> Pivots<'a, u64, 2> {
        Pivots { first: 100, bands, values }
    }

    #[test]
    fn rows_start_at_their_first_bit() {
        let row = |band| Row::new(100, band, 1u64).map(|row| (row.lead, row.band));
        assert_eq!(row([0b1011, 1]), Ok((100, [0b1011, 1])));
        assert_eq!(row([0b1000, 0b11]), Ok((103, [1 | 0b11 << 61, 0])));
        assert_eq!(row([1 << 63, u64::MAX]), Ok((163, [u64::MAX, 1])));
        assert_eq!(row([0, 0b110]), Ok((165, [0b11, 0])));
        assert_eq!(row([0, 0]), Err(Dependent));
    }

    #[test]
    fn rows_are_reduced_and_find_their_column() {
        let (mut bands, mut values) = ([[0; 2]; 8], [0; 8]);
        let mut pivots = pivots(&mut bands, &mut values);
        let insert = |pivots: &mut Pivots<'_, u64, 2>, start, band, value| {
            pivots.insert(Row::new(start, band, value)?).map(|beyond| beyond.map(|row| (row.lead, row.band, row.value)))
        };
        assert_eq!(insert(&mut pivots, 101, [0b1011, 0], 1), Ok(None));
        assert_eq!(insert(&mut pivots, 101, [0b0001, 1], 2), Ok(None));
        // 1011 + 0001 leaves a band that leads one column on.
        assert_eq!(pivots.values[..4], [0, 1, 3, 0]);
        assert_eq!(pivots.bands[2], [0b101 | 1 << 63, 0]);
        // The sum of both.
        assert_eq!(insert(&mut pivots, 101, [0b1010, 1], 7), Err(Dependent));
        // Past the last column here.
        assert_eq!(insert(&mut pivots, 104, [1 << 10, 0], 9), Ok(Some((114, [1, 0], 9))));
        assert_eq!(insert(&mut pivots, 0, [1, 0], 9), Ok(Some((0, [1, 0], 9))));
    }
}
