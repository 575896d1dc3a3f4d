//! Keys, no two of which are equal.

use std::ops::Range;

use rayon::prelude::*;

use crate::{Item, PsiError};

/// Keys that are known to be distinct: a key twice is a row twice, which no vector can serve two
/// values for, and the rows of a store are made of these alone.
#[derive(Clone, Copy)]
pub struct DistinctItems<'a> {
    items: &'a [Item],
}

impl<'a> DistinctItems<'a> {
    /// Checks `items`. That is one pass if they ascend, and a sort of a copy otherwise.
    ///
    /// # Errors
    /// [`PsiError::Usage`] if an item stands twice among them.
    pub fn new(items: &'a [Item]) -> Result<Self, PsiError> {
        if !items.array_windows().all(|[a, b]| a < b) {
            let mut sorted = items.to_vec();
            sorted.par_sort_unstable();
            if sorted.array_windows().any(|[a, b]| a == b) {
                return Err(PsiError::Usage("an item stands twice in the set"));
            }
        }
        Ok(Self { items })
    }

    /// The items of a party with the random ones that pad them. The party's own have been checked, and a
    /// random one is equal to another with a probability that the error budget counts.
    pub(crate) fn of_padded(items: &'a [Item]) -> Self {
        Self { items }
    }

    /// Those at the places `range`, as far as there are any.
    #[must_use]
    pub fn range(&self, range: Range<usize>) -> Self {
        let end = range.end.min(self.items.len());
        Self { items: self.items.get(range.start..end).unwrap_or_default() }
    }

    /// The items, in the order in which they were given.
    #[must_use]
    pub fn as_slice(&self) -> &'a [Item] {
        self.items
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_twice_is_refused_in_any_order() {
        let check = |digests: &[u8]| {
            let items: Vec<Item> = digests.iter().map(|digest| Item::from([*digest; 16])).collect();
            DistinctItems::new(&items).map(|distinct| distinct.as_slice().len())
        };
        assert_eq!(check(&[]), Ok(0));
        assert_eq!(check(&[1]), Ok(1));
        assert_eq!(check(&[1, 2, 3]), Ok(3));
        assert_eq!(check(&[3, 1, 2]), Ok(3));
        for twice in [[1, 1, 2], [1, 2, 2], [2, 1, 2], [2, 2, 1]] {
            assert!(matches!(check(&twice), Err(PsiError::Usage(_))));
        }
    }

    #[test]
    fn ranges_are_cut_at_the_end() {
        let items = [1, 2, 3].map(|digest| Item::from([digest; 16]));
        let distinct = DistinctItems::new(&items).unwrap();
        assert_eq!(distinct.range(1..2).as_slice(), &items[1..2]);
        assert_eq!(distinct.range(2..9).as_slice(), &items[2..]);
        assert!(distinct.range(3..9).as_slice().is_empty());
        assert!(distinct.range(5..9).as_slice().is_empty());
    }
}
