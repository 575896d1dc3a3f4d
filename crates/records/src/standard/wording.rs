//! Resident IDs in texts that people write: reasons, purposes, case numbers.

use std::borrow::Cow;

use super::{KeyType, Settings, Warnings};

/// What stands in the place of a number.
const HIDDEN: &str = "[resident-id]";

/// `text` with `[resident-id]` in the place of each resident ID that stands in it in one piece: what
/// [`KeyType::ResidentId`] takes, between characters that are neither Latin letters nor digits. Borrowed if there is none.
#[must_use]
pub fn without_resident_ids(text: &str) -> Cow<'_, str> {
    let (mut hidden, mut rest) = (String::new(), text);
    let mut found = false;
    while !rest.is_empty() {
        let (other, piece, behind) = next_piece(rest);
        hidden.push_str(other);
        let is_one = KeyType::ResidentId.canonical(piece.as_bytes(), &Settings::default(), &mut Warnings::default());
        hidden.push_str(if is_one.is_ok() { HIDDEN } else { piece });
        (rest, found) = (behind, found || is_one.is_ok());
    }
    if found { Cow::Owned(hidden) } else { Cow::Borrowed(text) }
}

/// What is before the first run of letters and digits, that run, and what is behind it.
fn next_piece(text: &str) -> (&str, &str, &str) {
    let (other, from) = text.split_at(text.find(is_of_code).unwrap_or(text.len()));
    let (piece, behind) = from.split_at(from.find(|c| !is_of_code(c)).unwrap_or(from.len()));
    (other, piece, behind)
}

/// Latin letters and digits, of full width too.
fn is_of_code(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '０'..='９' | 'Ａ'..='Ｚ' | 'ａ'..='ｚ')
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
            ("of 310199850101001 and 31019919850101001X.", "of [resident-id] and [resident-id]."),
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
            "a22220041982063000011",
            "2026-03-01T08:00:00Z",
            "4fb0c6f1d0a1b2c3d4e5f60718293a4b",
        ] {
            assert!(matches!(without_resident_ids(text), Cow::Borrowed(same) if same == text), "{text}");
        }
    }
}
