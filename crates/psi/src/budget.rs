//! From an agreed statistical error to the widths that keep it.
//!
//! A run may err in a few ways that no key protects from: two different items get the same tag, or
//! two different keys the same item. [`ErrorBudget`] says how likely all of them together may be,
//! at most 2^-λ, and [`ErrorBudget::widths`] gives the shortest tags that hold to it.
//!
//! | failure | probability, at most | who sees it |
//! |---|---|---|
//! | an item of the receiver gets the tag of a different item of the sender | n_x·n_y / 2^τ | the receiver has a match too many |
//! | a key of one side gets the digest of a different key of the other | n_x·n_y / 2^128 | both: a match too many |
//! | two keys of one side get the same digest | (n_x² + n_y²) / 2^129 | a row too many or too few |
//! | two items of the sender get the same claim token (mode `both`) | n_y² / 2^129 | the sender: a match too few |
//! | two tags of the receiver coincide (cardinality alone: they must differ) | n_x² / 2^(τ+1) | the run fails |
//! | whatever else an OPRF adds ([`OprfReceiver::failure`](crate::oprf::OprfReceiver::failure)) | as it says | as it says |
//!
//! n_x and n_y are the padded sizes of receiver and sender, τ the bits of a tag. The terms are added
//! up as integers over 2^129, rounded up, so that the bound is strict. Where a job is cut into bins, all terms of
//! all bins are added up, and that a bin may overflow ([`crate::bins`]). Tags of a compressed set have the
//! fewest bits that will do; where a tag is a vector of bytes (cardinality) it has the fewest bytes.

use crate::tag::{MAX_TAG_BYTES, TagWidth};
use crate::{PsiError, Sizes};

/// How likely a statistical error of a job may be: 2^-λ, all causes together. A run of one bin of a job that is
/// cut into several ([`crate::bins`]) has its share of the job's budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorBudget {
    lambda: u32,
    share: Share,
}

/// What the bins of a job have together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Share {
    /// Runs that share the budget.
    runs: u32,
    /// Padded sizes of the job's sets, if they are not those of the run.
    whole: Option<Sizes>,
    /// What fails beside the runs, as a numerator over 2^129.
    beside: u128,
}

/// Widths that keep an [`ErrorBudget`] for some [`Sizes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Widths {
    tag_bits: u32,
    distinct_tag: TagWidth,
}

impl Widths {
    /// Bits of a tag: more than λ, and at most 128.
    #[must_use]
    pub fn tag_bits(&self) -> u32 {
        self.tag_bits
    }

    /// Bytes of a tag where, besides, all tags of the receiver's items must differ (cardinality).
    #[must_use]
    pub fn distinct_tag_bytes(&self) -> usize {
        self.distinct_tag.bytes()
    }

    pub(crate) fn distinct_tag(&self) -> TagWidth {
        self.distinct_tag
    }
}

impl ErrorBudget {
    /// A budget of 2^-`lambda`.
    ///
    /// # Errors
    /// [`PsiError::Usage`] unless `lambda` is from 1 to 100. 40 is the customary choice, 64 where
    /// one release covers many runs.
    pub fn new(lambda: u32) -> Result<Self, PsiError> {
        if (1..=100).contains(&lambda) {
            Ok(Self { lambda, share: Share { runs: 1, whole: None, beside: 0 } })
        } else {
            Err(PsiError::Usage("the error budget must be from 2^-1 to 2^-100"))
        }
    }

    /// λ: the binary logarithm of the error, without the sign.
    #[must_use]
    pub fn lambda(&self) -> u32 {
        self.lambda
    }

    /// The share of one of `runs` runs in the budget of a job with sets of the sizes `whole`, where something
    /// fails beside the runs with probability `beside`/2^129 at most. Widths are then for the sizes of one run.
    #[must_use]
    pub(crate) fn for_bins(self, runs: u32, whole: Sizes, beside: u128) -> Self {
        Self { share: Share { runs, whole: Some(whole), beside }, ..self }
    }

    /// k such that 2^-k for each run is a quarter of the job's budget at the most.
    pub(crate) fn quarter_bits(&self) -> u32 {
        let runs = self.share.runs.max(1);
        self.lambda.saturating_add(2).saturating_add(runs.next_power_of_two().ilog2())
    }

    /// The shortest widths that keep the budget for `sizes`.
    ///
    /// # Errors
    /// [`PsiError::Budget`] if no tag of up to 128 bits does: the digests of the items have no more.
    pub fn widths(&self, sizes: Sizes) -> Result<Widths, PsiError> {
        self.widths_with(sizes, 0)
    }

    /// The shortest widths that keep the budget for `sizes` where something else fails besides in each run,
    /// with probability `extra`/2^129 at most.
    ///
    /// # Errors
    /// As [`widths`](Self::widths).
    pub fn widths_with(&self, sizes: Sizes, extra: u128) -> Result<Widths, PsiError> {
        let refused = || PsiError::Budget { receiver: sizes.receiver, sender: sizes.sender, lambda: self.lambda };
        let terms = Terms::of(sizes, extra, self.share).ok_or_else(refused)?;
        let mut lengths = 1..=128;
        let tag_bits = lengths.find(|bits| terms.within(self.lambda, terms.pairs, *bits)).ok_or_else(refused)?;
        let within = |width: &TagWidth| terms.within(self.lambda, terms.pairs_and_repeats, 8 * width.on_wire());
        let distinct_tag = (1..=MAX_TAG_BYTES).filter_map(TagWidth::new).find(within).ok_or_else(refused)?;
        Ok(Widths { tag_bits, distinct_tag })
    }
}

/// `count`/2^`bits` as a numerator over 2^129, rounded up; the most there is where that is too large, which
/// no budget admits.
#[must_use]
pub fn numerator(count: u64, bits: u32) -> u128 {
    let count = u128::from(count);
    match 129u32.checked_sub(bits) {
        Some(shift) => 1u128.checked_shl(shift).and_then(|weight| count.checked_mul(weight)),
        None => Some(1u128.checked_shl(bits - 129).map_or(count.min(1), |divisor| count.div_ceil(divisor))),
    }
    .unwrap_or(if count == 0 { 0 } else { u128::MAX })
}

/// Numerators of the failure terms of all runs, all over 2^(τ+1) or 2^129. With β bins of sizes m_x and m_y the
/// first two are β times those of a bin: tags of different bins are not compared. Items of the whole are.
struct Terms {
    /// 2·n_x·n_y.
    pairs: u128,
    /// 2·n_x·n_y + n_x².
    pairs_and_repeats: u128,
    /// What does not depend on tags: 2·n_x·n_y + n_x² + 2·n_y², and what was added.
    fixed: u128,
}

impl Terms {
    fn of(sizes: Sizes, extra: u128, share: Share) -> Option<Self> {
        let runs = u128::from(share.runs);
        let (pairs, repeats) = products(sizes)?;
        let (pairs, repeats) = (pairs.checked_mul(runs)?, repeats.checked_mul(runs)?);
        let whole = share.whole.unwrap_or(sizes);
        let (whole_pairs, whole_repeats) = products(whole)?;
        let senders = u128::from(whole.sender).checked_pow(2)?.checked_mul(2)?;
        let digests = whole_pairs.checked_add(whole_repeats)?.checked_add(senders)?;
        let fixed = digests.checked_add(extra.checked_mul(runs)?)?.checked_add(share.beside)?;
        Some(Self { pairs, pairs_and_repeats: pairs.checked_add(repeats)?, fixed })
    }

    /// Whether tags of `bits` are of λ+1 bits at least, and `tag_terms`/2^(bits + 1) + fixed/2^129 ≤ 2^-λ.
    fn within(&self, lambda: u32, tag_terms: u128, bits: u32) -> bool {
        // In units of 2^-129: a tag term weighs 2^(128 - bits), the budget is 2^(129 - λ).
        let weight = 128u32.checked_sub(bits).and_then(|shift| 1u128.checked_shl(shift));
        let budget = 129u32.checked_sub(lambda).and_then(|shift| 1u128.checked_shl(shift));
        let (Some(weight), Some(budget)) = (weight, budget) else { return false };
        let sum = tag_terms.checked_mul(weight).and_then(|tags| tags.checked_add(self.fixed));
        bits > lambda && sum.is_some_and(|sum| sum <= budget)
    }
}

/// 2·n_x·n_y and n_x².
fn products(sizes: Sizes) -> Option<(u128, u128)> {
    let (x, y) = (u128::from(sizes.receiver), u128::from(sizes.sender));
    Some((x.checked_mul(y)?.checked_mul(2)?, x.checked_mul(x)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bits of a tag, and bytes of a distinct one.
    fn widths(lambda: u32, receiver: u64, sender: u64) -> Result<(u32, usize), PsiError> {
        let widths = ErrorBudget::new(lambda)?.widths(Sizes { receiver, sender })?;
        Ok((widths.tag_bits(), widths.distinct_tag_bytes()))
    }

    #[test]
    fn empty_sets_have_tags_too() {
        // λ+1 bits at the least.
        assert_eq!(widths(40, 0, 0), Ok((41, 6)));
        assert_eq!(widths(40, 1, 0), Ok((41, 6)));
        assert_eq!(widths(39, 0, 0), Ok((40, 5)));
    }

    #[test]
    fn widths_grow_with_the_sets() {
        // Both terms of a distinct tag are 2^-41 with 6 bytes, and the digests add to them.
        assert_eq!(widths(40, 1 << 4, 1 << 3), Ok((48, 7)));
        assert_eq!(widths(40, 227_000, 886_000), Ok((78, 10)));
        assert_eq!(widths(40, 100_000_000, 100_000_000), Ok((94, 12)));
        assert_eq!(widths(64, 100_000_000, 100_000_000), Ok((118, 15)));
        // Here the receiver's own tags are what makes them longer.
        assert_eq!(widths(40, 1 << 30, 1), Ok((71, 13)));
    }

    #[test]
    fn the_bound_is_strict() {
        // 2^20 · 2^20 / 2^80 is 2^-40 sharp, and the digests add to it.
        assert_eq!(widths(40, 1 << 20, 1 << 20), Ok((81, 11)));
        assert_eq!(widths(40, 1 << 20, (1 << 20) - 1), Ok((80, 11)));
    }

    #[test]
    fn what_an_oprf_adds_counts() {
        let budget = ErrorBudget::new(40).unwrap();
        let sizes = Sizes { receiver: 1 << 10, sender: 1 << 10 };
        let bits = |extra| budget.widths_with(sizes, extra).map(|widths| widths.tag_bits());
        assert_eq!(bits(0), budget.widths(sizes).map(|widths| widths.tag_bits()));
        // With half of the budget gone a tag needs a bit more, with seven eighths three.
        assert_eq!([0, 4, 7].map(|eighths| bits(eighths << 86)), [Ok(61), Ok(62), Ok(64)]);
        assert!(matches!(bits(8 << 86), Err(PsiError::Budget { .. })));
        assert!(matches!(bits(u128::MAX), Err(PsiError::Budget { .. })));
    }

    #[test]
    fn bins_share_a_budget() {
        let (whole, lambda) = (Sizes { receiver: 96_000_000, sender: 96_000_000 }, 40);
        let bins = crate::bins::Bins::new(whole, 96, ErrorBudget::new(lambda).unwrap()).unwrap();
        let (bin, extra) = (bins.sizes(), 1 << 78);
        let tag = bins.budget().widths_with(bin, extra).unwrap().tag_bits();
        let (x, y, n) = (bin.receiver as f64, bin.sender as f64, whole.sender as f64);
        let sum = |bits: u32| {
            let runs = 96.0 * (x * y / f64::from(bits).exp2() + (extra as f64) / 129f64.exp2());
            runs + 2.0 * (-f64::from(lambda + 2)).exp2() + 5.0 * n * n / 129f64.exp2()
        };
        assert!(sum(tag) <= (-f64::from(lambda)).exp2() && sum(tag - 1) > (-f64::from(lambda)).exp2());
        // Each bin alone would do with fewer bits, and the whole in one would need more.
        assert!(ErrorBudget::new(lambda).unwrap().widths(bin).unwrap().tag_bits() < tag);
        assert!(tag < ErrorBudget::new(lambda).unwrap().widths(whole).unwrap().tag_bits());
        assert_eq!([bins.budget().quarter_bits(), ErrorBudget::new(lambda).unwrap().quarter_bits()], [49, 42]);
    }

    #[test]
    fn probabilities_have_their_numerators() {
        assert_eq!([numerator(1, 129), numerator(3, 128), numerator(5, 64)], [1, 6, 5 << 65]);
        assert_eq!([numerator(1, 130), numerator(4, 131), numerator(5, 131), numerator(7, 400)], [1, 1, 2, 1]);
        assert_eq!(
            [numerator(0, 0), numerator(0, 500), numerator(1, 1), numerator(2, 2)],
            [0, 0, u128::MAX, u128::MAX]
        );
        // Not one bit may be lost on the way up.
        assert_eq!(
            [numerator(1, 2), numerator(u64::MAX, 65), numerator(u64::MAX, 64)],
            [1 << 127, u128::from(u64::MAX) << 64, u128::MAX]
        );
    }

    #[test]
    fn impossible_budgets_are_refused() {
        let refused = Err(PsiError::Budget { receiver: 1 << 32, sender: 1 << 32, lambda: 64 });
        assert_eq!(widths(64, 1 << 32, 1 << 32), refused);
        assert!(matches!(widths(40, u64::MAX, u64::MAX), Err(PsiError::Budget { .. })));
        assert!(matches!(widths(40, 1, 1 << 46), Err(PsiError::Budget { .. })));
        assert!(matches!(ErrorBudget::new(0), Err(PsiError::Usage(_))));
        assert!(matches!(ErrorBudget::new(101), Err(PsiError::Usage(_))));
    }

    #[test]
    fn all_terms_together_stay_within_the_budget() {
        for lambda in [1, 20, 40, 64, 80] {
            for (x, y) in [(1, 1), (1000, 3), (3, 1000), (65_536, 65_536), (5_000_000, 200_000)] {
                let Ok((tag, distinct)) = widths(lambda, x, y) else { continue };
                let (x, y) = (x as f64, y as f64);
                let digests = (2.0 * x * y + x * x + 2.0 * y * y) / 129f64.exp2();
                let error = |bits: f64| x * y / bits.exp2() + digests;
                let budget = (-f64::from(lambda)).exp2();
                let (bits, distinct_bits) = (f64::from(tag), 8.0 * distinct as f64);
                assert!(error(bits) <= budget);
                assert!(error(distinct_bits) + x * x / (distinct_bits + 1.0).exp2() <= budget);
                // And one bit less would not do, be it only for the least length. Where it would be sharp,
                // the digests are lost in the rounding here.
                assert!(error(bits - 1.0) >= budget || tag - 1 <= lambda);
            }
        }
    }
}
