//! Cutting a job's sets into bins by a keyed hash, so that each bin is a run of its own.
//!
//! With β bins, item x goes to the bin ⌊β·h/2^64⌋, where h is the first half of AES-128 of x under a key
//! that is fixed once both inputs are committed to. Each set has n items, random ones counted; every bin
//! of it is padded to M, the least number with
//!
//! ```text
//! β · Pr[Bin(n, 1/β) > M] ≤ 2^-(λ+2)
//! ```
//!
//! so that a bin of one side or the other overflows with a probability of at most 2^-(λ+1). The tail is the
//! exact one of the binomial distribution, computed from ratios of neighbouring terms by addition,
//! multiplication and division alone. IEEE 754 rounds these alike on all machines, so both sides get
//! the same M; rounding is covered by a margin of 10^-6.
//!
//! # What it leaks
//! n, β and so M are public. How many items really are in a bin does not show. An item that one side
//! crafts to fill a bin it has to craft before the key is drawn.

use rayon::prelude::*;
use sha2::{Digest, Sha512};

use crate::budget::numerator;
use crate::fixed_key::FixedKey;
use crate::{ErrorBudget, Item, PsiError, Sizes};

/// The most bins of a job.
pub const MOST_BINS: u32 = 1 << 12;

/// Items of a bin that it is best to have, about: enough that what a run costs besides its items does not
/// count, few enough that a bin takes little memory.
pub const BIN_ITEMS: u64 = 1 << 20;

/// Items whose bins are worked out at a time.
const BATCH: usize = 1 << 10;

/// How much larger than computed a tail is taken to be, for rounding.
const MARGIN: f64 = 1.0 + 1e-6;

/// How the sets of a job are cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bins {
    count: u32,
    /// Of one bin.
    sizes: Sizes,
    budget: ErrorBudget,
}

impl Bins {
    /// Sets of these padded sizes in `count` bins, within `budget` for the whole job.
    ///
    /// # Errors
    /// [`PsiError::Usage`] unless there are 1 to [`MOST_BINS`]; [`PsiError::Budget`] if the budget does not
    /// allow for overflows, or for sets of this size.
    pub fn new(sizes: Sizes, count: u32, budget: ErrorBudget) -> Result<Self, PsiError> {
        if !(1..=MOST_BINS).contains(&count) {
            return Err(PsiError::Usage("a job has 1 to 4096 bins"));
        }
        if count == 1 {
            return Ok(Self { count, sizes, budget });
        }
        let bits = budget.lambda().saturating_add(2);
        let most = |items| capacity(items, count, bits);
        let bin = Sizes { receiver: most(sizes.receiver), sender: most(sizes.sender) };
        // Twice 2^-(λ+2).
        let overflow = numerator(2, bits);
        Ok(Self { count, sizes: bin, budget: budget.for_bins(count, sizes, overflow) })
    }

    /// How many bins sets of these sizes are cut into where a bin is to have `items` items, about: as many as
    /// give the larger set so many. A set that has half as many again is not cut in two.
    #[must_use]
    pub fn best_count(sizes: Sizes, items: u64) -> u32 {
        let larger = sizes.receiver.max(sizes.sender);
        if larger <= items.saturating_add(items / 2) {
            return 1;
        }
        u32::try_from(larger.div_ceil(items.max(1))).unwrap_or(u32::MAX).clamp(1, MOST_BINS)
    }

    /// β.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.count
    }

    /// What each bin of either side is padded to.
    #[must_use]
    pub fn sizes(&self) -> Sizes {
        self.sizes
    }

    /// The share of the budget that a run of one bin has.
    #[must_use]
    pub fn budget(&self) -> ErrorBudget {
        self.budget
    }
}

/// Which bin an item belongs to.
pub struct BinHash {
    key: FixedKey,
    count: u32,
}

impl BinHash {
    /// The hash of the job with this key, into `count` bins.
    #[must_use]
    pub fn new(job_key: &[u8; 32], count: u32) -> Self {
        let digest = Sha512::new().chain_update(b"yuandang bins v1").chain_update(job_key).finalize();
        Self { key: FixedKey::new(digest.first_chunk().unwrap_or(&[0; 16])), count }
    }

    /// The bin of each of `items`, in their order. Uses the rayon pool that it is called in.
    #[must_use]
    pub fn bins(&self, items: &[Item]) -> Vec<u32> {
        let mut bins = vec![0; items.len()];
        bins.par_chunks_mut(BATCH).zip(items.par_chunks(BATCH)).for_each(|(bins, items)| {
            let mut blocks: Vec<u128> = items.iter().map(|item| u128::from_le_bytes(*item.as_bytes())).collect();
            self.key.permute(&mut blocks);
            bins.iter_mut().zip(&blocks).for_each(|(bin, block)| *bin = self.bin(*block));
        });
        bins
    }

    #[expect(clippy::cast_possible_truncation, reason = "it is below the number of bins")]
    fn bin(&self, block: u128) -> u32 {
        let half = crate::gf::high(block);
        ((u128::from(half) * u128::from(self.count)) >> 64) as u32
    }
}

/// The least M with `bins` · Pr[Bin(`items`, 1/`bins`) > M] ≤ 2^-`bits`.
fn capacity(items: u64, bins: u32, bits: u32) -> u64 {
    if items == 0 || bins <= 1 {
        return items;
    }
    let (n, others) = (items as f64, f64::from(bins - 1));
    let mode = items.saturating_add(1) / u64::from(bins);
    // Pr[k + 1] / Pr[k]; below the mode it is above 1.
    let ratio = |k: u64| (n - k as f64) / ((k as f64 + 1.0) * others);
    let least = power_of_half(bits) / f64::from(bins) / MARGIN;

    // Weights in units of the mode's. Those that cannot change the sum are left out, which makes it smaller
    // and the bound safer.
    let mut sum = 1.0;
    let (mut weight, mut k) = (1.0, mode);
    while k > 0 && weight > 1e-18 {
        k -= 1;
        weight /= ratio(k);
        sum += weight;
    }
    let mut above = Vec::new();
    (weight, k) = (1.0, mode);
    while k < items && weight > least * 1e-9 {
        weight *= ratio(k);
        k += 1;
        above.push(weight);
        sum += weight;
    }
    // What is beyond the last weight is a geometric series at the most.
    let last = ratio(k).max(0.0);
    let mut tail = if k < items { weight * last / (1.0 - last) } else { 0.0 };
    let mut most = k;
    for weight in above.iter().rev() {
        tail += weight;
        if tail > least * sum {
            return most;
        }
        most -= 1;
    }
    most
}

/// 2^-`bits`.
fn power_of_half(bits: u32) -> f64 {
    (0..bits).fold(1.0, |power, _| power / 2.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn capacities_are_those_of_the_tables() {
        // Exact tails at 2^-40, worked out elsewhere with numbers of arbitrary length.
        for (items, bins, most) in [
            (100_000_000, 96, 1_049_451),
            (100_000_000, 24, 4_181_617),
            (800_000_000, 191, 4_204_302),
            (1_000_000_000, 954, 1_056_361),
            (1_000_000_000, 239, 4_199_978),
        ] {
            assert_eq!(capacity(items, bins, 40), most, "{items} in {bins}");
        }
    }

    /// Pr[Bin(n, 1/β) > most] from logarithms of factorials, term by term.
    fn tail(n: u64, bins: u32, most: u64) -> f64 {
        let ln_factorial = |k: u64| (1..=k).map(|i| (i as f64).ln()).sum::<f64>();
        let (p, q) = (1.0 / f64::from(bins), 1.0 - 1.0 / f64::from(bins));
        let term = |k: u64| {
            let choose = ln_factorial(n) - ln_factorial(k) - ln_factorial(n - k);
            (choose + k as f64 * p.ln() + (n - k) as f64 * q.ln()).exp()
        };
        (most + 1..=n).map(term).sum()
    }

    #[test]
    fn the_bound_is_kept_and_one_less_would_not_do() {
        for (items, bins, bits) in [(1, 2, 40), (50, 2, 10), (300, 7, 42), (300, 200, 42), (1000, 3, 20), (777, 32, 66)]
        {
            let most = capacity(items, bins, bits);
            let bound = (-f64::from(bits)).exp2() / f64::from(bins);
            assert!(tail(items, bins, most) <= bound, "{items} in {bins}: {most}");
            assert!(most == 0 || tail(items, bins, most - 1) > bound * 0.999_99, "{items} in {bins}: {most}");
        }
        assert_eq!([capacity(0, 5, 42), capacity(9, 1, 42), capacity(3, 4096, 100)], [0, 9, 3]);
    }

    #[test]
    fn one_bin_is_the_whole() {
        let (sizes, budget) = (Sizes { receiver: 5, sender: 1 << 33 }, ErrorBudget::new(40).unwrap());
        let bins = Bins::new(sizes, 1, budget).unwrap();
        assert_eq!((bins.sizes(), bins.budget()), (sizes, budget));
        assert!(Bins::new(sizes, 0, budget).is_err() && Bins::new(sizes, MOST_BINS + 1, budget).is_err());
    }

    #[test]
    fn sets_are_cut_where_one_run_would_be_too_large() {
        let count = |receiver, sender, items| Bins::best_count(Sizes { receiver, sender }, items);
        assert_eq!(count(0, 0, BIN_ITEMS), 1);
        assert_eq!(count(1 << 20, 1_500_000, BIN_ITEMS), 1);
        assert_eq!(count(1 << 33, 1 << 33, u64::MAX), 1);
        assert_eq!(count(100, 100_000_000, BIN_ITEMS), 96);
        assert_eq!(count(10_000_000, 10_000_000, BIN_ITEMS), 10);
        assert_eq!(count(10_000, 10, 1000), 10);
        assert_eq!([count(u64::MAX, 1, 1), count(2, 0, 0)], [MOST_BINS, 2]);
    }

    #[test]
    fn bins_are_even_and_follow_from_the_key() {
        let items: Vec<Item> = (0..32_000u128).map(|i| Item::from(i.to_le_bytes())).collect();
        let bins = BinHash::new(&[1; 32], 32).bins(&items);
        let mut counts = [0; 32];
        bins.iter().for_each(|bin| counts[*bin as usize] += 1);
        assert!(counts.iter().all(|count| (800..1200).contains(count)), "{counts:?}");
        assert_eq!(bins, BinHash::new(&[1; 32], 32).bins(&items));
        assert_ne!(bins, BinHash::new(&[2; 32], 32).bins(&items));
        assert!(BinHash::new(&[1; 32], 1).bins(&items).iter().all(|bin| *bin == 0));
        assert_eq!(bins[..8], PINNED);
    }

    const PINNED: [u32; 8] = [5, 30, 4, 8, 23, 4, 6, 1];

    proptest! {
        #[test]
        fn capacities_grow_with_items_and_bits(items in 0u64..200_000, bins in 2u32..200, bits in 1u32..100) {
            let most = capacity(items, bins, bits);
            prop_assert!(most <= items && most <= capacity(items + 1, bins, bits));
            prop_assert!(most <= capacity(items, bins, bits + 1));
            prop_assert!(most >= items / u64::from(bins));
        }
    }
}
