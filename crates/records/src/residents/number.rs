//! Resident ID numbers (GB 11643-1999): six digits of region, eight of birth date, three of sequence,
//! and a check character.

use super::calendar::Day;
pub use crate::standard::resident_id::check_character;

/// The third pair of digits of every made-up number: a county code that is not assigned, so that no
/// number is that of a person.
const COUNTY: u64 = 99;

/// The highest sequence number used; those above it are for the very old.
pub(super) const SEQUENCES: u64 = 995;

/// City codes used, from 01.
pub(super) const CITIES: u64 = 20;

/// The number of somebody born on `birth` who is `place`th of that day in `province`: every `place`
/// below [`CITIES`] × [`SEQUENCES`] gives another one.
pub(super) fn resident_number(province: u64, birth: Day, place: u64) -> String {
    let city = place / SEQUENCES + 1;
    let sequence = place % SEQUENCES + 1;
    let mut number = format!("{province:02}{city:02}{COUNTY:02}{}{sequence:03}", birth.compact());
    if let Ok(digits) = number.as_bytes().try_into() {
        number.push(check_character(digits));
    }
    number
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether `number` ends in its own check character.
    fn is_valid(number: &str) -> bool {
        let digits: &[u8; 17] = number.as_bytes()[..17].try_into().unwrap();
        number.len() == 18 && number.ends_with(check_character(digits))
    }

    #[test]
    fn published_numbers_have_their_check_characters() {
        for number in [
            "11010519491231002X",
            "440524188001010014",
            "31019919850101001X",
            "320199198501010011",
            "330199198501010013",
            "340199198501010015",
            "340199202402290022",
            "810000188501010011",
            "932682198501010017",
        ] {
            assert!(is_valid(number), "{number}");
        }
    }

    #[test]
    fn a_wrong_digit_or_two_in_the_wrong_order_are_found() {
        let number = "11010519491231002X";
        for position in 0..17 {
            let original = number.as_bytes()[position];
            for digit in b'0'..=b'9' {
                let mut other = number.as_bytes().to_vec();
                other[position] = digit;
                assert_eq!(is_valid(std::str::from_utf8(&other).unwrap()), digit == original, "{position}");
            }
            let mut swapped = number.as_bytes().to_vec();
            if position < 16 && swapped[position] != swapped[position + 1] {
                swapped.swap(position, position + 1);
                assert!(!is_valid(std::str::from_utf8(&swapped).unwrap()), "{position}");
            }
        }
    }

    #[test]
    fn numbers_are_laid_out_as_the_standard_says() {
        assert_eq!(resident_number(31, Day::first_of(1985, 1), 0), "31019919850101001X");
        assert_eq!(resident_number(34, Day(Day::first_of(2024, 3).0 - 1), 1), "340199202402290022");
        let last = resident_number(33, Day::first_of(2010, 12), CITIES * SEQUENCES - 1);
        assert!(last.starts_with("33209920101201995") && is_valid(&last));
    }
}
