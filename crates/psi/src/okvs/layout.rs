//! How long a vector and how wide a band, and how often that fails to encode.
//!
//! An encoding of `n` keys fails with probability 2^-λ, λ = θ·w − log2 n + c, for bands of `w`
//! columns. Rows queue for columns: they arrive at ρ = n/(m−w+1) to a column and each serves one, so
//! that 2^θ is the root above 1 of ln z = ρ(z−1), the decay of that queue. The θ and c of each
//! [`Expansion`] are in its table; c was fitted to simulated encodings of 2^14 to 2^18 keys that
//! fail with 2^-1 to 2^-10, and is extrapolated from there. The tests repeat a part of that.

use crate::PsiError;

/// Widest band, in columns.
pub const MAX_BAND: usize = 896;

/// Columns for each key, before those that the last band takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Expansion {
    /// 1.03 for a key.
    Percent3,
    /// 1.05 for a key: the short vector.
    Percent5,
    /// 1.07 for a key.
    Percent7,
    /// 1.10 for a key: the fast choice.
    Percent10,
}

/// What is known of an [`Expansion`].
struct Figures {
    percent: usize,
    /// θ at ρ = 1/(1+ε), in ten-thousandths, rounded down.
    slope: u64,
    /// c in tenths.
    offset: u64,
    /// The narrowest band to use, whatever the formula says.
    narrowest: usize,
}

impl Expansion {
    const fn figures(self) -> Figures {
        match self {
            Self::Percent3 => Figures { percent: 3, slope: 848, offset: 86, narrowest: 704 },
            Self::Percent5 => Figures { percent: 5, slope: 1396, offset: 68, narrowest: 512 },
            Self::Percent7 => Figures { percent: 7, slope: 1930, offset: 54, narrowest: 320 },
            Self::Percent10 => Figures { percent: 10, slope: 2707, offset: 43, narrowest: 256 },
        }
    }

    /// (1+ε)·n, rounded up.
    fn columns(self, keys: usize) -> Option<usize> {
        keys.checked_mul(self.figures().percent)?.div_ceil(100).checked_add(keys)
    }
}

/// An expansion and a width of the band that go together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Shape {
    expansion: Expansion,
    band: usize,
}

impl Shape {
    /// Bands of `band` columns.
    ///
    /// # Errors
    /// [`PsiError::Usage`] unless `band` is a multiple of 64 from 64 to [`MAX_BAND`].
    pub fn new(expansion: Expansion, band: usize) -> Result<Self, PsiError> {
        if (64..=MAX_BAND).contains(&band) && band.is_multiple_of(64) {
            Ok(Self { expansion, band })
        } else {
            Err(PsiError::Usage("a band must be 64 to 896 columns wide, in steps of 64"))
        }
    }

    /// The narrowest band with which the encoding of `keys` keys fails with 2^-`bits` at most, and
    /// not under the customary one. `None` if it were wider than [`MAX_BAND`].
    ///
    /// Whole numbers decide, so that two parties arrive at the same.
    #[must_use]
    pub fn for_failure(bits: u32, keys: usize, expansion: Expansion) -> Option<Self> {
        let figures = expansion.figures();
        let log_keys = keys.max(1).checked_next_power_of_two()?.ilog2();
        let tenths = (10 * (u64::from(bits) + u64::from(log_keys))).saturating_sub(figures.offset);
        let band = usize::try_from((tenths * 1000).div_ceil(figures.slope)).ok()?;
        let band = band.max(figures.narrowest).next_multiple_of(64);
        (band <= MAX_BAND).then_some(Self { expansion, band })
    }

    /// λ: an encoding of `keys` keys fails with 2^-λ.
    #[must_use]
    pub fn failure_bits(self, keys: usize) -> f64 {
        let percent = f64::from(u32::try_from(self.expansion.figures().percent).unwrap_or(u32::MAX));
        // For few keys the rounding leaves more columns than this; it is not counted on.
        let slope = slope(100.0 / (100.0 + percent));
        let offset = f64::from(u32::try_from(self.expansion.figures().offset).unwrap_or(0)) / 10.0;
        slope * self.band as f64 - (keys.max(1) as f64).log2() + offset
    }

    /// Bands narrower than any that is of use, to see encodings fail.
    #[cfg(test)]
    pub(super) fn narrow(expansion: Expansion, band: usize) -> Self {
        assert!((1..=MAX_BAND).contains(&band));
        Self { expansion, band }
    }
}

/// θ = log2 z for the root z > 1 of ln z = ρ(z−1), with ρ < 1.
fn slope(load: f64) -> f64 {
    // ln z − ρ(z−1) is 0 at 1, rises up to 1/ρ, and falls from there on through the root.
    let (mut below, mut above) = (1.0 / load, 2.0 / load);
    while above.ln() > load * (above - 1.0) {
        above *= 2.0;
    }
    for _ in 0..100 {
        let middle = f64::midpoint(below, above);
        if middle.ln() > load * (middle - 1.0) {
            below = middle;
        } else {
            above = middle;
        }
    }
    below.log2()
}

/// The public form of a store: both parties derive the same from the number of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Layout {
    columns: usize,
    band: usize,
}

impl Layout {
    /// The layout for `keys` keys: ⌈(1+ε)·n⌉ + w − 1 columns, rounded up to a multiple of 8. It has
    /// room for a band even without keys.
    ///
    /// # Errors
    /// [`PsiError::Usage`] if there were 2^32 columns or more.
    pub fn new(keys: usize, shape: Shape) -> Result<Self, PsiError> {
        let columns = shape.expansion.columns(keys).and_then(|free| free.max(1).checked_add(shape.band - 1));
        let columns = columns.and_then(|columns| columns.checked_next_multiple_of(8));
        match columns.filter(|columns| u32::try_from(*columns).is_ok()) {
            Some(columns) => Ok(Self { columns, band: shape.band }),
            None => Err(PsiError::Usage("too many keys for one key-value store")),
        }
    }

    /// m: elements of the vector, a multiple of 8.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// w: columns that a band covers.
    #[must_use]
    pub fn band(&self) -> usize {
        self.band
    }

    /// Columns at which a band may start: from 0 on, m−w+1 of them.
    pub(super) fn starts(&self) -> usize {
        self.columns - self.band + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Expansion; 4] = [Expansion::Percent3, Expansion::Percent5, Expansion::Percent7, Expansion::Percent10];

    #[test]
    fn slopes_are_those_of_the_queue() {
        for expansion in ALL {
            let figures = expansion.figures();
            let slope = slope(100.0 / (100.0 + figures.percent as f64));
            let tabled = figures.slope as f64 / 10_000.0;
            assert!((tabled..tabled + 0.0001).contains(&slope), "{expansion:?}: {slope}");
            // It is a root.
            let (z, load) = (slope.exp2(), 100.0 / (100.0 + figures.percent as f64));
            assert!(z > 1.01 && (z.ln() - load * (z - 1.0)).abs() < 1e-12);
        }
    }

    #[test]
    fn bands_for_forty_and_sixty_four_bits() {
        let band = |bits, log_keys: u32, expansion| {
            Shape::for_failure(bits, 1usize << log_keys, expansion).map(|shape| shape.band)
        };
        for log_keys in [0, 1, 10, 16, 20, 24] {
            assert_eq!(band(40, log_keys, Expansion::Percent10), Some(256));
            assert_eq!(band(40, log_keys, Expansion::Percent5), Some(512));
        }
        assert_eq!(band(64, 24, Expansion::Percent10), Some(320));
        assert_eq!(band(64, 24, Expansion::Percent5), Some(640));
        assert_eq!(band(100, 24, Expansion::Percent10), Some(448));
        assert_eq!(band(100, 24, Expansion::Percent3), None);
        assert_eq!(band(u32::MAX, 24, Expansion::Percent10), None);
        assert_eq!(Shape::for_failure(40, usize::MAX, Expansion::Percent10), None);
        assert_eq!(Shape::for_failure(40, 0, Expansion::Percent10).map(|shape| shape.band), Some(256));
    }

    #[test]
    fn a_band_keeps_what_it_was_asked_for() {
        for expansion in ALL {
            for bits in [1, 40, 64, 80] {
                for keys in [0, 1, 2, 1000, 65_537, 1 << 24] {
                    let Some(shape) = Shape::for_failure(bits, keys, expansion) else { continue };
                    assert!(shape.failure_bits(keys) >= f64::from(bits));
                    let narrower = Shape { band: shape.band - 64, ..shape };
                    let at_floor = shape.band == expansion.figures().narrowest;
                    // The logarithm of the keys is rounded up, which is worth a bit.
                    assert!(at_floor || narrower.failure_bits(keys) < f64::from(bits) + 1.0);
                }
            }
        }
    }

    #[test]
    fn figures_of_the_brief() {
        // λ at 2^24 keys.
        let fast = Shape::new(Expansion::Percent10, 256).unwrap();
        let short = Shape::new(Expansion::Percent5, 512).unwrap();
        assert!((fast.failure_bits(1 << 24) - 49.6).abs() < 0.1);
        assert!((short.failure_bits(1 << 24) - 54.3).abs() < 0.1);
    }

    #[test]
    fn columns_for_any_number_of_keys() {
        let columns = |keys, expansion, band| {
            Layout::new(keys, Shape::new(expansion, band).unwrap()).map(|layout| layout.columns())
        };
        assert_eq!(columns(0, Expansion::Percent10, 256), Ok(256));
        assert_eq!(columns(1, Expansion::Percent10, 256), Ok(264));
        assert_eq!(columns(100, Expansion::Percent10, 256), Ok(368));
        assert_eq!(columns(1 << 20, Expansion::Percent10, 256), Ok(1_153_696));
        assert_eq!(columns(1 << 20, Expansion::Percent5, 512), Ok(1_101_520));
        assert!(matches!(columns(usize::MAX, Expansion::Percent5, 512), Err(PsiError::Usage(_))));
        assert!(matches!(columns(1 << 32, Expansion::Percent5, 512), Err(PsiError::Usage(_))));
        for band in [0, 32, 100, 960] {
            assert!(Shape::new(Expansion::Percent10, band).is_err());
        }
    }
}
