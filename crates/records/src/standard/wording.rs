//! Resident IDs in texts that people write: reasons and purposes.

use std::{borrow::Cow, iter, ops::Range};

use unicode_normalization::UnicodeNormalization;

use super::{
    KeyType, Settings, Warnings,
    code::{is_dash, is_invisible, is_space},
};

/// What stands in the place of a number.
const HIDDEN: &str = "[resident-id]";
const LENGTH: usize = 18;

/// A letter or a digit of a text, as ASCII, and where it stands.
struct Sign {
    byte: u8,
    place: Range<usize>,
}

/// `text` with `[resident-id]` in the place of each resident ID of eighteen characters, borrowed if there is none: seventeen digits
/// and the check character that fits them, however wide, with spaces, dashes and what is not seen between them, and with no further digit
/// right beside them. Numbers of fifteen digits have nothing to tell them from other numbers, and stay.
#[must_use]
pub fn without_resident_ids(text: &str) -> Cow<'_, str> {
    let (mut hidden, mut done) = (String::new(), 0);
    for found in resident_ids(text) {
        hidden.push_str(text.get(done..found.start).unwrap_or_default());
        hidden.push_str(HIDDEN);
        done = found.end;
    }
    if done == 0 {
        return Cow::Borrowed(text);
    }
    hidden.push_str(text.get(done..).unwrap_or_default());
    Cow::Owned(hidden)
}

/// Where resident IDs stand, in order.
fn resident_ids(text: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    for run in runs(text) {
        for (number, window) in run.windows(LENGTH).enumerate() {
            let before = number.checked_sub(1).and_then(|before| run.get(before));
            let (Some(first), Some(last), after) = (window.first(), window.last(), run.get(number + LENGTH)) else {
                continue;
            };
            let goes_on =
                before.is_some_and(|sign| goes_on(sign, first)) || after.is_some_and(|sign| goes_on(last, sign));
            let is_behind = found.last().is_none_or(|earlier| earlier.end <= first.place.start);
            if !goes_on && is_behind && is_resident_id(window) {
                found.push(first.place.start..last.place.end);
            }
        }
    }
    found
}

/// Whether two signs are digits of one number.
fn goes_on(one: &Sign, next: &Sign) -> bool {
    one.place.end == next.place.start && one.byte.is_ascii_digit() && next.byte.is_ascii_digit()
}

fn is_resident_id(window: &[Sign]) -> bool {
    let bytes: Vec<u8> = window.iter().map(|sign| sign.byte).collect();
    let starts = bytes.iter().take(LENGTH - 1).all(u8::is_ascii_digit);
    starts && KeyType::ResidentId.canonical(&bytes, &Settings::default(), &mut Warnings::default()).is_ok()
}

/// Letters and digits with nothing between them but what may stand inside of a number.
fn runs(text: &str) -> Vec<Vec<Sign>> {
    let mut runs = vec![Vec::new()];
    for (start, c) in text.char_indices() {
        if let Some(byte) = sign(c) {
            let place = start..start + c.len_utf8();
            runs.last_mut().into_iter().for_each(|run| run.push(Sign { byte, place: place.clone() }));
        } else if !(is_space(c) || is_invisible(c) || is_dash(c)) {
            runs.push(Vec::new());
        }
    }
    runs
}

/// The letter or digit that a character is under compatibility normalization.
fn sign(c: char) -> Option<u8> {
    let mut normal = iter::once(c).nfkc();
    let (first, second) = (normal.next()?, normal.next());
    u8::try_from(first).ok().filter(|byte| second.is_none() && byte.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_hidden_however_it_is_written() {
        for (written, shown) in [
            ("31019919850101001X", "[resident-id]"),
            ("张三，31019919850101001x的申请", "张三，[resident-id]的申请"),
            ("３１０１９９１９８５０１０１００１Ｘ", "[resident-id]"),
            ("310199 19850101 001X", "[resident-id]"),
            ("310199-19850101-001X.", "[resident-id]."),
            ("𝟑10199\u{200b}19850101001X", "[resident-id]"),
            ("ID31019919850101001X", "ID[resident-id]"),
            ("20260301 31019919850101001X 17", "20260301 [resident-id] 17"),
            ("31019919850101001X31019919850101001X", "[resident-id][resident-id]"),
            ("of 31019919850101001X, 31019919850101001X", "of [resident-id], [resident-id]"),
        ] {
            assert_eq!(without_resident_ids(written), shown);
        }
    }

    #[test]
    fn other_texts_stay_as_they_are() {
        for text in [
            "",
            "student aid 2026",
            "沪助〔2026〕17号",
            "310199198501010011",
            "131019919850101001X",
            "SJ-2026-000000000017",
            "JOB202603010001",
            "ABC202600000017",
            "310101260301001",
            "2026-03-01T08:00:00Z",
            "4fb0c6f1d0a1b2c3d4e5f60718293a4b",
        ] {
            assert!(matches!(without_resident_ids(text), Cow::Borrowed(same) if same == text), "{text}");
        }
    }
}
