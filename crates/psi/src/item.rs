//! Items, and lists of them padded to a public size.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use rayon::slice::ParallelSliceMut;

use crate::PsiError;
use crate::randomness::Randomness;

/// What enters a protocol for one record: a 16-byte digest of its canonical key.
///
/// A digest of an identifier is as good as the identifier to whoever can try them all, so that
/// `Debug` prints nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Item([u8; 16]);

impl Item {
    /// The bytes of the digest.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl From<[u8; 16]> for Item {
    fn from(digest: [u8; 16]) -> Self {
        Self(digest)
    }
}

impl fmt::Debug for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Item(..)")
    }
}

/// The items of a party, followed by random ones up to the size that the peer is told.
///
/// Random items go through every step that real ones go through, so that neither bytes nor seconds
/// tell them apart.
#[derive(Clone)]
pub struct PaddedItems {
    items: Arc<[Item]>,
    len: usize,
    padding: Randomness,
}

impl PaddedItems {
    /// Checks `items` and pads them to `len`.
    ///
    /// # Errors
    /// [`PsiError::Usage`] if the items are more than `len`, or not distinct.
    pub(crate) fn new(items: Arc<[Item]>, len: usize, padding: Randomness) -> Result<Self, PsiError> {
        if items.len() > len {
            return Err(PsiError::Usage("there are more items than the agreed size"));
        }
        if !are_distinct(&items) {
            return Err(PsiError::Usage("an item stands twice in the set"));
        }
        Ok(Self { items, len, padding })
    }

    /// Items with the random ones.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none, random ones included.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Items without the random ones. They come first.
    #[must_use]
    pub fn real(&self) -> usize {
        self.items.len()
    }

    /// All items, copied only if there are random ones among them.
    pub(crate) fn all(&self) -> Cow<'_, [Item]> {
        if self.len == self.items.len() { Cow::Borrowed(&self.items) } else { Cow::Owned(self.range(0..self.len)) }
    }

    /// The items at the places `range`, as far as there are any.
    #[must_use]
    pub fn range(&self, range: Range<usize>) -> Vec<Item> {
        let end = range.end.min(self.len);
        let real_end = end.min(self.items.len());
        let mut out = self.items.get(range.start..real_end).unwrap_or_default().to_vec();
        let first_random = range.start.max(self.items.len());
        if first_random < end {
            let mut stream = self.padding.stream(first_random as u64);
            out.extend((first_random..end).map(|_| Item(stream.next::<16>())));
        }
        out
    }
}

/// Whether no item stands twice. Prepared sets ascend, and need no sorting to tell.
fn are_distinct(items: &[Item]) -> bool {
    if items.array_windows().all(|[a, b]| a < b) {
        return true;
    }
    let mut sorted = items.to_vec();
    sorted.par_sort_unstable();
    sorted.array_windows().all(|[a, b]| a < b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Seed;

    fn padded(items: &[u8], len: usize) -> Result<PaddedItems, PsiError> {
        let items: Vec<Item> = items.iter().map(|item| Item([*item; 16])).collect();
        PaddedItems::new(items.into(), len, Randomness::new(&Seed::new([1; 32]), &[2; 32], "padding"))
    }

    #[test]
    fn ranges_string_together() {
        let items = padded(&[1, 2, 3], 10).unwrap();
        let whole = items.range(0..10);
        assert_eq!(whole[..3], [1, 2, 3].map(|item| Item([item; 16])));
        for cut in 0..=10 {
            assert_eq!([items.range(0..cut), items.range(cut..100)].concat(), whole);
        }
        assert!(items.range(10..20).is_empty());
        assert_eq!((items.len(), items.real(), items.is_empty()), (10, 3, false));
    }

    #[test]
    fn random_items_are_all_different() {
        let mut whole = padded(&[1], 1000).unwrap().range(0..1000);
        whole.sort_unstable();
        whole.dedup();
        assert_eq!(whole.len(), 1000);
    }

    #[test]
    fn repeated_and_too_many_items_are_refused() {
        assert!(matches!(padded(&[1, 2, 1], 3), Err(PsiError::Usage(_))));
        assert!(matches!(padded(&[1, 2, 2], 3), Err(PsiError::Usage(_))));
        assert!(padded(&[2, 3, 1], 3).is_ok());
        assert!(matches!(padded(&[1, 2, 3], 2), Err(PsiError::Usage(_))));
        assert!(padded(&[], 0).unwrap().is_empty());
    }

    #[test]
    fn items_print_nothing_of_themselves() {
        assert_eq!(format!("{:?}", Item([0x41; 16])), "Item(..)");
    }
}
