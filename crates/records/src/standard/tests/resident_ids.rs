//! Resident IDs: vectors, dirt, damage, and what the check character finds.

use super::*;

const TYPE: KeyType = KeyType::ResidentId;

/// Numbers that are valid: published specimens, and made-up ones of the unassigned county 99.
const RESIDENTS: [&str; 13] = [
    "11010519491231002X",
    "440524188001010014",
    "932682198501010017",
    "911124198108030024",
    "31019919850101001X",
    "320199198501010011",
    "330199198501010013",
    "340199198501010015",
    "340199202402290022",
    "810000188501010011",
    "820000188501010013",
    "830000188501010015",
    "931840188501010014",
];

#[test]
fn valid_numbers_are_canonical_as_they_stand() {
    for number in RESIDENTS {
        assert_eq!(canonical(TYPE, number), Ok((number.to_owned(), Warnings::NONE)));
    }
}

#[test]
fn dirt_is_cleaned_with_a_warning() {
    for (written, expected) in [
        ("３１０１９９１９８５０１０１００１ｘ", &[Warning::FullWidth, Warning::LowerCase][..]),
        ("31019919850101001x", &[Warning::LowerCase]),
        (" 310199 19850101 001X ", &[Warning::Spaces]),
        ("310199-19850101-001X", &[Warning::Separators]),
        ("'31019919850101001X", &[Warning::Apostrophe]),
        ("\u{feff}31019919850101001X", &[Warning::Invisible]),
        ("310199850101001", &[Warning::FromFifteen]),
    ] {
        assert_eq!(form(TYPE, written), "31019919850101001X", "{written}");
        assert_eq!(warnings(TYPE, written), expected, "{written}");
    }
}

#[test]
fn fifteen_digits_are_converted_where_they_can_be() {
    assert_eq!(warnings(TYPE, "310199050101996"), [Warning::FromFifteen, Warning::Centenarian]);
    assert_eq!(warnings(TYPE, "310199050101995"), [Warning::FromFifteen]);
    assert_refused(TYPE, "310199850230001", Reason::ImpossibleDate);
    assert_refused(TYPE, "932682850101001", Reason::NotConvertible);
    assert_refused(TYPE, "810000850101001", Reason::NotConvertible);
    assert_refused(TYPE, "31019985010100X", Reason::UnexpectedCharacter);
}

#[test]
fn an_old_card_of_a_foreigner_is_its_own_key() {
    assert_eq!(form(TYPE, "can310080050101"), "CAN310080050101");
    assert_eq!(warnings(TYPE, "CAN310080050101"), [Warning::OldForeignCard]);
    for other in ["CA3100800501010", "CAN3100800501O1"] {
        assert_refused(TYPE, other, Reason::UnexpectedCharacter);
    }
}

#[test]
fn dates_are_of_the_calendar_and_from_1850() {
    assert_refused(TYPE, "310199202302290011", Reason::ImpossibleDate);
    let early = with_check("31019918491231001");
    assert_refused(TYPE, early, Reason::DateTooEarly);
    assert!(canonical(TYPE, with_check("31019918500101001")).is_ok());
}

#[test]
fn a_snapshot_bounds_birth_dates() {
    let settings = Settings { snapshot: CalendarDate::new(2024, 2, 28) };
    let check = |number: &str| TYPE.canonical(number.as_bytes(), &settings, &mut Warnings::NONE.clone()).err();
    assert_eq!(check("340199202402290022"), Some(Flaw::Refused(Reason::DateAfterSnapshot)));
    assert_eq!(check("31019919850101001X"), None);
    assert!(canonical(TYPE, with_check("31019929990101001")).is_ok());
}

#[test]
fn regions_are_never_refused() {
    assert_eq!(warnings(TYPE, &with_check("99019919850101001")), []);
    assert_eq!(warnings(TYPE, &with_check("29019919850101001")), [Warning::UnknownProvince]);
    assert_eq!(warnings(TYPE, &with_check("31999919850101001")), []);
}

#[test]
fn what_spreadsheets_do_is_named() {
    for written in ["3.10199E+17", "3.10199198501010E+17", "3.1e+17", "'3.10199E+17", "３．１Ｅ＋１７"] {
        assert_refused(TYPE, written, Reason::ScientificNotation);
    }
    for written in ["310199198501010000", "440524188001010000", "3101991985 01010000"] {
        assert_refused(TYPE, written, Reason::LostDigits);
    }
    assert_refused(TYPE, "310199198501010011.0", Reason::DecimalNumber);
    let found = (1..=28).flat_map(|day| (100..1000).step_by(100).map(move |sequence| (day, sequence)));
    let fits = found
        .map(|(day, sequence)| with_check(&format!("310199198501{day:02}{sequence}")))
        .find(|number| number.ends_with("000"))
        .unwrap();
    assert_eq!(warnings(TYPE, &fits), [Warning::EndsInZeros]);
}

#[test]
fn other_shapes_are_refused() {
    for (written, reason) in [
        (&b"31019919850101001"[..], Reason::WrongLength),
        (b"3101991985010100110", Reason::WrongLength),
        (b"31019919850101001Y", Reason::UnexpectedCharacter),
        (b"3101991985O101001X", Reason::UnexpectedCharacter),
        (b"31019919850101001?", Reason::LostCharacter),
        ("无".as_bytes(), Reason::UnexpectedCharacter),
        (b"31019919850101001\xff", Reason::InvalidUtf8),
        (b"-", Reason::WrongLength),
        (b"310199198501010011", Reason::CheckDigit),
        (b"G31019919850101001X", Reason::WrongLength),
    ] {
        assert_refused(TYPE, written, reason);
    }
}

/// `digits` with their check character.
pub(super) fn with_check(digits: &str) -> String {
    format!("{digits}{}", resident_id::check_character(digits.as_bytes().try_into().unwrap()))
}

proptest! {
    #[test]
    fn one_wrong_character_or_two_neighbours_swapped_are_always_refused(
        place in 0_u64..1_000_000, at in 0_usize..18, digit in b'0'..=b'9',
    ) {
        let number = number(place);
        let mut other = number.clone().into_bytes();
        if other[at] != digit {
            other[at] = digit;
            prop_assert!(canonical(TYPE, &other).is_err());
        }
        let mut swapped = number.into_bytes();
        if at < 17 && swapped[at] != swapped[at + 1] {
            swapped.swap(at, at + 1);
            prop_assert!(canonical(TYPE, &swapped).is_err());
        }
    }

    #[test]
    fn however_it_is_written_the_key_is_the_same(
        place in 0_u64..1_000_000, full_width: bool, small: bool, fifteen: bool, apostrophe: bool,
        gaps in prop::collection::vec((0_usize..19, prop::sample::select(vec![' ', '-', '\u{3000}', '\u{200b}', '－', '\t'])), 0..5),
    ) {
        let number = number(place);
        let mut written: Vec<char> = number.chars().collect();
        if fifteen && number[6..].starts_with("19") {
            written.drain(6..8);
            written.pop();
        }
        if small {
            written.iter_mut().for_each(|c| c.make_ascii_lowercase());
        }
        if full_width {
            written.iter_mut().for_each(|c| *c = char::from_u32(u32::from(*c) + 0xfee0).unwrap());
        }
        for (at, gap) in gaps {
            written.insert(at.min(written.len()), gap);
        }
        if apostrophe {
            written.insert(0, '\'');
        }
        let written: String = written.into_iter().collect();
        prop_assert_eq!(form(TYPE, &written), number);
    }
}

/// A made-up number of the four provinces, born 1950 to 2023.
fn number(place: u64) -> String {
    let (province, year) = (31 + place % 4, 1950 + place / 4 % 74);
    let (month, day, sequence) = (1 + place / 7 % 12, 1 + place / 11 % 28, 1 + place / 13 % 995);
    with_check(&format!("{province}0199{year}{month:02}{day:02}{sequence:03}"))
}
