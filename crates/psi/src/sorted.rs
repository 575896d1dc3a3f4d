//! Sorted lists: a peer's must ascend, and one's own is searched while the peer's passes by.
//!
//! Both lists are walked once, side by side, so that a lookup costs a comparison or two and a list
//! that is already there needs no table beside it.

use crate::PsiError;

/// Checks that what arrives ascends without repeats.
pub(crate) struct Ascending<K> {
    last: Option<K>,
}

impl<K: Ord + Copy> Ascending<K> {
    pub(crate) fn new() -> Self {
        Self { last: None }
    }

    /// Takes the next one.
    pub(crate) fn admit(&mut self, next: K) -> Result<(), PsiError> {
        if self.last.is_some_and(|last| last >= next) {
            return Err(PsiError::Peer("a sorted list out of order, or with a repeated element"));
        }
        self.last = Some(next);
        Ok(())
    }
}

/// One's own list, walked along a list that ascends.
pub(crate) struct Lookup<K, V> {
    entries: Vec<(K, V)>,
    cursor: usize,
}

impl<K: Ord + Copy + Send, V: Ord + Send> Lookup<K, V> {
    /// Sorts `entries`. Uses the rayon pool that it is called in.
    pub(crate) fn new(mut entries: Vec<(K, V)>) -> Self {
        use rayon::slice::ParallelSliceMut;
        entries.par_sort_unstable();
        Self { entries, cursor: 0 }
    }

    /// The entries under `key`, which is above every key looked up before.
    pub(crate) fn under(&mut self, key: K) -> &[(K, V)] {
        let ahead = self.entries.get(self.cursor..).unwrap_or_default();
        let start = self.cursor + ahead.iter().take_while(|(own, _)| *own < key).count();
        let from = self.entries.get(start..).unwrap_or_default();
        let found = from.iter().take_while(|(own, _)| *own == key).count();
        self.cursor = start + found;
        from.get(..found).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeats_and_descents_are_the_peers_fault() {
        let admit_all = |keys: &[u8]| {
            let mut order = Ascending::new();
            keys.iter().try_for_each(|key| order.admit(*key))
        };
        assert!(admit_all(&[0, 1, 5, 255]).is_ok());
        assert!(matches!(admit_all(&[1, 1]), Err(PsiError::Peer(_))));
        assert!(matches!(admit_all(&[1, 5, 4]), Err(PsiError::Peer(_))));
    }

    #[test]
    fn lookups_find_all_entries_of_a_key() {
        let mut lookup = Lookup::new(vec![(7, 'c'), (3, 'a'), (9, 'd'), (7, 'b')]);
        assert_eq!(lookup.under(1), []);
        assert_eq!(lookup.under(3), [(3, 'a')]);
        assert_eq!(lookup.under(4), []);
        assert_eq!(lookup.under(7), [(7, 'b'), (7, 'c')]);
        assert_eq!(lookup.under(8), []);
        assert_eq!(lookup.under(100), []);
        assert_eq!(lookup.under(101), []);
    }
}
