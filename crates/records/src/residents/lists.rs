//! Two plain lists of residents, for large benchmarks: rows of about sixty bytes, made quickly.

use super::{
    ADULTS, Dirt, PopulationError, Province,
    calendar::Day,
    derive,
    dirt::{DirtyRows, Parts},
    ids_in, names,
    number::{CITIES, SEQUENCES, resident_number},
    shuffle::{Shuffle, mix},
};

/// The columns of both lists.
pub const LIST_COLUMNS: [&str; 4] = ["id_no", "name", "region", "note"];

/// The most rows of both lists together: resident IDs of adults of all four provinces.
pub const MAX_LISTED: u64 = ids_in(ADULTS) * PROVINCES;

const PROVINCES: u64 = Province::ALL.len() as u64;

/// What two lists look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListPlan {
    /// Rows of the receiver's list.
    pub receiver: u64,
    /// Rows of the sender's list.
    pub sender: u64,
    /// Residents that are on both.
    pub shared: u64,
}

/// Two lists of adults of the four provinces, with a known overlap.
#[derive(Clone, Debug)]
pub struct ResidentLists {
    plan: ListPlan,
    key: u64,
    ids: Shuffle,
    orders: [Shuffle; 2],
    dirt: [DirtyRows; 2],
}

impl ResidentLists {
    /// The lists that `seed`, `plan` and `dirt` give.
    ///
    /// # Errors
    /// [`PopulationError`] for a plan that cannot be carried out.
    pub fn new(seed: [u8; 32], plan: ListPlan, dirt: Dirt) -> Result<Self, PopulationError> {
        let ListPlan { receiver, sender, shared } = plan;
        if shared > receiver.min(sender) {
            return Err(PopulationError::ListOverlap { shared, receiver, sender });
        }
        let total = receiver.saturating_add(sender);
        if total > MAX_LISTED {
            return Err(PopulationError::TooMany { asked: total, most: MAX_LISTED });
        }
        let shuffle = |size, name| Shuffle::new(size, &derive(&seed, name, 0));
        let key = derive(&seed, "list values", 0).first_chunk().copied().map_or(0, u64::from_be_bytes);
        Ok(Self {
            plan,
            key,
            ids: shuffle(MAX_LISTED, "list ids"),
            orders: [shuffle(receiver, "receiver order"), shuffle(sender, "sender order")],
            dirt: [
                DirtyRows::new(dirt, receiver, &seed, "receiver dirt"),
                DirtyRows::new(dirt, sender, &seed, "sender dirt"),
            ],
        })
    }

    /// The receiver's rows and the sender's, with [`LIST_COLUMNS`].
    pub fn rows(&self) -> [impl Iterator<Item = [String; 4]>; 2] {
        let ListPlan { receiver, sender, shared } = self.plan;
        let [first, second] = &self.orders;
        let [first_dirt, second_dirt] = &self.dirt;
        // Those behind the shared ones have other numbers than the receiver's have.
        [(receiver, first, first_dirt, 0), (sender, second, second_dirt, receiver - shared)].map(
            |(rows, order, dirt, away)| {
                (0..rows).map(move |row| {
                    let index = order.at(row);
                    let [mut id, mut name, region, note] =
                        self.resident(if index < shared { index } else { index + away });
                    dirt.soil(row, Parts { id: &mut id, name: &mut name, dates: &mut [] });
                    [id, name, region, note]
                })
            },
        )
    }

    /// Resident number `index`.
    fn resident(&self, index: u64) -> [String; 4] {
        let number = self.ids.at(index);
        let [first, _] = ADULTS;
        let ids_of_a_day = SEQUENCES * CITIES;
        let (province, number) = (number % PROVINCES, number / PROVINCES);
        let province = usize::try_from(province).ok().and_then(|place| Province::ALL.get(place));
        let birth = Day(first.0 + i64::try_from(number / ids_of_a_day).unwrap_or(0));
        let id = resident_number(province.map_or(31, |province| province.code()), birth, number % ids_of_a_day);
        let draw = mix(self.key ^ mix(index));
        // Of the draw for the second character, two bits say whether there is one.
        let [high, low] = [draw >> 32, draw & 0xffff_ffff].map(|half| u32::try_from(half).unwrap_or(0));
        let name = names::name(high, low & 0xffff, low);
        let region = id.get(..6).unwrap_or_default().to_owned();
        let note = format!("record {:016x}", mix(draw));
        [id, name, region, note]
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::{super::seed_from_number, *};

    fn lists(receiver: u64, sender: u64, shared: u64) -> Result<ResidentLists, PopulationError> {
        ResidentLists::new(seed_from_number(1), ListPlan { receiver, sender, shared }, Dirt::default())
    }

    #[test]
    fn lists_overlap_exactly_and_their_rows_have_sixty_bytes() {
        for (receiver, sender, shared) in [(3_000, 20_000, 1_234), (20_000, 3_000, 0), (700, 700, 700), (0, 5, 0)] {
            let both = lists(receiver, sender, shared).unwrap();
            let [ours, theirs] =
                both.rows().map(|rows| rows.map(|[id, rest @ ..]| (id, rest)).collect::<HashMap<_, _>>());
            assert_eq!((ours.len() as u64, theirs.len() as u64), (receiver, sender));
            let common: Vec<_> = ours.iter().filter(|(id, _)| theirs.contains_key(*id)).collect();
            assert_eq!(common.len() as u64, shared);
            assert!(common.iter().all(|(id, rest)| theirs[*id] == **rest), "a shared resident has one row");
            for (id, [name, region, note]) in ours.iter().chain(&theirs) {
                assert_eq!((id.len(), &id[..6], note.len()), (18, region.as_str(), 23));
                let length = id.len() + name.len() + region.len() + note.len() + 4;
                assert!((57..=63).contains(&length), "{length}");
            }
        }
    }

    #[test]
    fn there_are_residents_for_very_large_lists() {
        assert!(lists(100_000_000, 1_000_000_000, 1).is_ok());
        let error = lists(MAX_LISTED, 1, 0).unwrap_err();
        assert_eq!(error, PopulationError::TooMany { asked: MAX_LISTED + 1, most: MAX_LISTED });
        let error = lists(2, 1, 2).unwrap_err();
        assert_eq!(error.to_string(), "2 residents cannot be on both of two lists of 2 and 1");
    }
}
