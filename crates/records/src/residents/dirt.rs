//! Dirt: the same resident as another department may have written him or her down, and rows that are past
//! mending.
//!
//! A varied row has the key of the clean one under the [data standard](crate::standard). A damaged row has
//! no key at all, and is refused or, where it is empty, missing. Which rows are dirty depends on the seed
//! alone, and so does how; how many are is exact.

use super::{Draws, check_character, derive, shuffle::Shuffle};

/// Hundredths of a percent of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share(u16);

impl Share {
    /// The share of so many hundredths of a percent, at most 10,000.
    #[must_use]
    pub fn of_basis_points(points: u16) -> Option<Self> {
        (points <= Self::WHOLE).then_some(Self(points))
    }

    const WHOLE: u16 = 10_000;

    /// How many of `rows` it is, rounded down.
    fn of(self, rows: u64) -> u64 {
        let part = u128::from(rows) * u128::from(self.0) / u128::from(Self::WHOLE);
        u64::try_from(part).unwrap_or(rows)
    }
}

/// How much of a list is dirty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dirt {
    /// Rows that are written differently.
    pub variants: Share,
    /// Rows that are damaged.
    pub damaged: Share,
}

/// The dirt of one list.
#[derive(Clone, Debug)]
pub(super) struct DirtyRows {
    seed: [u8; 32],
    variants: u64,
    damaged: u64,
    order: Shuffle,
}

/// What may be dirty of a row.
pub(super) struct Parts<'a> {
    pub(super) id: &'a mut String,
    pub(super) name: &'a mut String,
    pub(super) dates: &'a mut [String],
}

impl DirtyRows {
    /// The dirt of a list of so many `rows`.
    pub(super) fn new(dirt: Dirt, rows: u64, seed: &[u8; 32], list: &str) -> Self {
        let seed = derive(seed, list, 0);
        let order = Shuffle::new(rows, &derive(&seed, "dirty rows", 0));
        let damaged = dirt.damaged.of(rows);
        Self { seed, damaged, variants: dirt.variants.of(rows).min(rows - damaged), order }
    }

    /// Makes row number `row` dirty if it is one of those.
    pub(super) fn soil(&self, row: u64, parts: Parts<'_>) {
        if self.damaged + self.variants == 0 {
            return;
        }
        let place = self.order.at(row);
        if place >= self.damaged + self.variants {
            return;
        }
        let mut draws = Draws { bytes: derive(&self.seed, "dirt", row), next: 0 };
        let Parts { id, name, dates } = parts;
        if place < self.damaged {
            *id = damage_id(id, draws.word());
            return;
        }
        *id = vary_id(id, draws.word());
        *name = vary_name(name, draws.word());
        for date in dates {
            *date = vary_date(date, draws.word());
        }
    }
}

/// A resident ID of eighteen characters in another form, which is never the same.
#[must_use]
pub fn vary_id(id: &str, draw: u32) -> String {
    match draw % 6 {
        0 if id.get(6..8) == Some("19") => {
            id.get(..6).unwrap_or_default().to_owned() + id.get(8..17).unwrap_or_default()
        }
        1 => full_width(id),
        2 if id.ends_with('X') => id.to_lowercase(),
        3 => pieces(id, "-"),
        4 => format!("'{id}"),
        _ if draw.is_multiple_of(5) => format!(" {id}\u{a0}"),
        _ => pieces(id, " "),
    }
}

/// A name in another form, or the same.
#[must_use]
pub fn vary_name(name: &str, draw: u32) -> String {
    let dots = ["\u{2022}", "\u{30fb}", "\u{ff0e}", " \u{b7} ", "\u{2027}"];
    if name.contains('\u{b7}') {
        let dot = dots.get(draw as usize % dots.len()).copied().unwrap_or_default();
        return name.replace('\u{b7}', dot);
    }
    let gap = match draw % 5 {
        0 => "\u{3000}",
        1 => "\u{200b}",
        2 => " ",
        3 => return format!("{name}\u{3000}"),
        _ => return name.to_owned(),
    };
    let mut characters = name.chars();
    characters.next().map_or_else(String::new, |first| format!("{first}{gap}{}", characters.as_str()))
}

/// A date of eight digits in another form.
#[must_use]
pub fn vary_date(date: &str, draw: u32) -> String {
    let part = |from, to| date.get(from..to).unwrap_or_default();
    let (year, month, day) = (part(0, 4), part(4, 6), part(6, 8));
    let short = |part: &str| part.trim_start_matches('0').to_owned();
    match draw % 5 {
        0 => format!("{year}-{month}-{day}"),
        1 => format!("{year}/{}/{}", short(month), short(day)),
        2 => format!("{year}年{}月{}日", short(month), short(day)),
        3 => full_width(date),
        _ => format!("{year}.{month}.{day}"),
    }
}

/// A resident ID of eighteen characters so damaged that it makes no key.
#[must_use]
pub fn damage_id(id: &str, draw: u32) -> String {
    let digits = id.bytes().all(|byte| byte.is_ascii_digit());
    match draw % 5 {
        0 => String::new(),
        1 => impossible_date(id),
        // A number with an X is text to a spreadsheet, which leaves it alone.
        2 if digits => {
            let part = |from, to| id.get(from..to).unwrap_or_default();
            format!("{}.{}E+17", part(0, 1), part(1, 6))
        }
        3 if digits => lost_digits(id).unwrap_or_else(|| wrong_check(id)),
        _ => wrong_check(id),
    }
}

/// The last three digits as zeros; nothing if the check character fits them by chance.
fn lost_digits(id: &str) -> Option<String> {
    let damaged = id.get(..15)?.to_owned() + "000";
    (!damaged.ends_with(check_of(&damaged)?)).then_some(damaged)
}

/// Another check character.
fn wrong_check(id: &str) -> String {
    let wrong = match id.chars().last() {
        Some(digit @ '0'..='8') => char::from_u32(u32::from(digit) + 1).unwrap_or('0'),
        _ => '0',
    };
    format!("{}{wrong}", id.get(..17).unwrap_or_default())
}

/// Born on 30 February, with the check character that fits.
fn impossible_date(id: &str) -> String {
    let part = |from, to| id.get(from..to).unwrap_or_default();
    let digits = format!("{}0230{}", part(0, 10), part(14, 17));
    let check = check_of(&digits).unwrap_or('0');
    format!("{digits}{check}")
}

/// The check character of the first seventeen.
fn check_of(id: &str) -> Option<char> {
    id.as_bytes().first_chunk().map(check_character)
}

/// Region, birth date and the rest with `gap` in between.
fn pieces(id: &str, gap: &str) -> String {
    let part = |from, to| id.get(from..to).unwrap_or_default();
    [part(0, 6), part(6, 14), part(14, 18)].join(gap)
}

/// Digits and letters in their full-width forms.
fn full_width(text: &str) -> String {
    const AWAY: u32 = 0xfee0;
    text.chars()
        .map(|c| if c.is_ascii_graphic() { char::from_u32(u32::from(c) + AWAY).unwrap_or(c) } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            calendar::Day,
            number::{CITIES, SEQUENCES, resident_number},
        },
        *,
    };
    use crate::{KeySpec, KeyType, Keyed, Reason, Record, Unkeyed};

    fn key(key_type: KeyType, value: &str) -> Result<Keyed, Unkeyed> {
        let mut record = Record::default();
        record.push_field(value.as_bytes());
        KeySpec::new(&[key_type]).unwrap().key(&record, &[0])
    }

    /// Numbers of all years, of which one in eleven ends in X.
    fn ids() -> impl Iterator<Item = String> {
        (0..3000_u64).map(|place| {
            let birth = Day(Day::first_of(1940, 1).0 + i64::try_from(place * 9).unwrap());
            resident_number(34, birth, place * 7919 % (CITIES * SEQUENCES))
        })
    }

    #[test]
    fn varied_values_keep_their_key_and_look_otherwise() {
        for (draw, id) in (0_u32..).zip(ids()) {
            let varied = vary_id(&id, draw);
            assert_ne!(varied, id);
            let clean = key(KeyType::ResidentId, &id).unwrap().key;
            let dirty = key(KeyType::ResidentId, &varied).unwrap();
            assert!(dirty.key == clean && !dirty.warnings.is_empty(), "{id} {varied}");
        }
        for draw in 0..10 {
            for name in ["张三", "诸葛宁宁", "阿卜杜拉·艾合买提"] {
                let varied = vary_name(name, draw);
                assert_eq!(key(KeyType::Name, &varied).unwrap().key, key(KeyType::Name, name).unwrap().key, "{varied}");
            }
            let varied = vary_date("20250301", draw);
            assert_ne!(varied, "20250301");
            assert_eq!(
                key(KeyType::Date, &varied).unwrap().key,
                key(KeyType::Date, "20250301").unwrap().key,
                "{varied}"
            );
        }
    }

    #[test]
    fn damaged_values_have_no_key() {
        let mut reasons = std::collections::BTreeSet::new();
        let mut missing = 0;
        for (draw, id) in (0_u32..).zip(ids()) {
            match key(KeyType::ResidentId, &damage_id(&id, draw)) {
                Err(Unkeyed::Missing) => missing += 1,
                Err(Unkeyed::Refused(refusal)) => {
                    reasons.insert(refusal.reason);
                }
                Ok(_) => panic!("{id} is damaged by {draw} and has a key"),
            }
        }
        assert_eq!(missing, 600);
        let expected = [Reason::CheckDigit, Reason::ImpossibleDate, Reason::ScientificNotation, Reason::LostDigits];
        assert!(reasons.into_iter().eq(expected), "in the order of their declaration");
    }

    #[test]
    fn so_many_rows_are_dirty_as_was_asked_for() {
        let share = |points| Share::of_basis_points(points).unwrap();
        let dirt = Dirt { variants: share(2_000), damaged: share(55) };
        let rows = DirtyRows::new(dirt, 10_000, &[3; 32], "list");
        let (mut varied, mut damaged) = (0, 0);
        for row in 0..10_000 {
            let clean = "31019919850101001X".to_owned();
            let (mut id, mut name) = (clean.clone(), "张三".to_owned());
            rows.soil(row, Parts { id: &mut id, name: &mut name, dates: &mut [] });
            match key(KeyType::ResidentId, &id) {
                Ok(_) => varied += u32::from(id != clean),
                Err(_) => damaged += 1,
            }
        }
        assert_eq!((varied, damaged), (2_000, 55));
        assert_eq!(Share::of_basis_points(10_001), None);
    }
}
