//! Tests of [`super`]: known answers of every type, and what must hold of all values.

mod resident_ids;

use proptest::prelude::*;

use super::*;

/// The canonical form and the warnings, or why there is none.
fn canonical(key_type: KeyType, written: impl AsRef<[u8]>) -> Result<(String, Warnings), Flaw> {
    let mut warnings = Warnings::NONE;
    let value = key_type.canonical(written.as_ref(), &Settings::default(), &mut warnings)?;
    Ok((String::from_utf8_lossy(value.as_bytes()).into_owned(), warnings))
}

/// The canonical form.
fn form(key_type: KeyType, written: &str) -> String {
    canonical(key_type, written).unwrap_or_else(|flaw| panic!("{key_type} {written:?}: {flaw:?}")).0
}

/// The warnings.
fn warnings(key_type: KeyType, written: &str) -> Vec<Warning> {
    canonical(key_type, written).unwrap().1.iter().collect()
}

fn assert_refused(key_type: KeyType, written: impl AsRef<[u8]>, reason: Reason) {
    let shown = String::from_utf8_lossy(written.as_ref()).into_owned();
    assert_eq!(canonical(key_type, written).err(), Some(Flaw::Refused(reason)), "{key_type} {shown:?}");
}

#[test]
fn types_are_read_by_name() {
    for key_type in KeyType::ALL {
        assert_eq!(key_type.to_string().parse(), Ok(key_type));
    }
    let error = "Raw".parse::<KeyType>().unwrap_err().to_string();
    assert!(error.starts_with("there is no key type \"Raw\"; the types are: raw, resident-id, uscc,"), "{error}");
}

#[test]
fn the_document_has_every_type_reason_and_warning() {
    let document = include_str!("../../../../docs/DATA-STANDARD.md");
    let explained = Reason::ALL.map(|one| [one.name(), one.english(), one.chinese()]).into_iter();
    for [name, english, chinese] in explained.chain(Warning::ALL.map(|one| [one.name(), one.english(), one.chinese()]))
    {
        assert!(document.contains(&format!("| `{name}` | {english} | {chinese} |")), "{name}");
    }
    assert!(KeyType::ALL.iter().all(|one| document.contains(&format!("| `{one}` |"))));
    assert!(document.contains(&format!("Version `{DATA_STANDARD}`.")));
}

#[test]
fn unified_social_credit_codes() {
    let code = KeyType::Uscc;
    for published in ["91350100M000100Y43", "11310099MB000T018C", "91330199MA000T030Q"] {
        assert_eq!(canonical(code, published), Ok((published.to_owned(), Warnings::NONE)));
    }
    assert_eq!(form(code, " 91350100-m000100y-43"), "91350100M000100Y43");
    assert_refused(code, "91350100M000100Y44", Reason::CheckDigit);
    assert_refused(code, "91350100M000100Y4", Reason::WrongLength);
    for letter in ["I", "O", "S", "V", "Z"] {
        assert_refused(code, format!("91350100M00010{letter}Y43"), Reason::UnexpectedCharacter);
    }
    assert_refused(code, "9135O100M000100Y43", Reason::UnexpectedCharacter);
    assert_refused(code, "9.135E+17", Reason::ScientificNotation);
    assert_refused(code, "911100001000010000", Reason::LostDigits);
    // The published code with another organisation code, and the check over the whole made to fit.
    let alphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY";
    let fits =
        |body: &str| alphabet.chars().map(|check| format!("{body}{check}")).find(|all| canonical(code, all).is_ok());
    assert_eq!(warnings(code, &fits("91350100M000100Y5").unwrap()), [Warning::OrganisationCheck]);
    assert_eq!(warnings(code, &fits("91990100M000100Y4").unwrap()), [Warning::UnknownProvince]);
    assert_eq!(warnings(code, &fits("91100000M000100Y4").unwrap()), []);
}

#[test]
fn organisation_codes() {
    let code = KeyType::OrganisationCode;
    for known in ["M000100Y4", "MB000T018", "MA000T030"] {
        assert_eq!(canonical(code, known), Ok((known.to_owned(), Warnings::NONE)));
    }
    assert_eq!(form(code, "m000100y-4"), "M000100Y4");
    assert_refused(code, "M000100Y5", Reason::CheckDigit);
    assert_refused(code, "M000100YA", Reason::UnexpectedCharacter);
    assert_refused(code, "M000100Y", Reason::WrongLength);
}

#[test]
fn electronic_bills() {
    let bill = KeyType::Ebill;
    let canonical_form = "34060124|0000000001|1234ab";
    for written in
        [canonical_form, "34060124 0000000001 1234ab", "3406012400000000011234ab", "３４０６０１２４-0000000001-1234ab"]
    {
        assert_eq!(form(bill, written), canonical_form);
    }
    assert_eq!(form(bill, "34060124|0000000001|1234AB"), "34060124|0000000001|1234AB");
    assert_refused(bill, "34060124|1|1234ab", Reason::LostZeros);
    assert_refused(bill, "4060124|0000000001|1234ab", Reason::LostZeros);
    assert_refused(bill, "34060124|0000000001|1234a", Reason::WrongLength);
    assert_refused(bill, "34060124|0000000001|1234a_", Reason::UnexpectedCharacter);
    assert_refused(bill, "3406012A|0000000001|1234ab", Reason::UnexpectedCharacter);
    let mut warnings = Warnings::NONE;
    assert_eq!(
        bill_of_parts([b"34060124", b"0000000001", b" 1234ab"], &mut warnings).unwrap().as_bytes(),
        canonical_form.as_bytes()
    );
    assert!(warnings.contains(Warning::Spaces));
    let place = |parts| bill_of_parts(parts, &mut Warnings::NONE.clone()).err();
    assert_eq!(place([b"3.4E+07", b"0000000001", b"1234ab"]), Some((0, Reason::ScientificNotation)));
    assert_eq!(place([b"34060124", b"1", b"1234ab"]), Some((1, Reason::LostZeros)));
    assert_eq!(place([b"34060124", b"0000000001", b"1234abc"]), Some((2, Reason::WrongLength)));
    assert_eq!(place([b"34060124", b"1.0", b"1234ab"]), Some((1, Reason::DecimalNumber)));
}

#[test]
fn birth_certificates() {
    let certificate = KeyType::BirthCertificate;
    assert_eq!(form(certificate, "r 320000001"), "R320000001");
    assert_eq!(warnings(certificate, "R320000001"), []);
    assert_eq!(warnings(certificate, "R990000001"), [Warning::UnknownProvince]);
    assert_refused(certificate, "320000001", Reason::WrongLength);
    assert_refused(certificate, "3200000011", Reason::UnexpectedCharacter);
    assert_refused(certificate, "RR20000001", Reason::UnexpectedCharacter);
}

#[test]
fn mobile_numbers() {
    let mobile = KeyType::Mobile;
    for written in [
        "13800000000",
        "+86 138-0000-0000",
        "００８６１３８００００００００",
        "8613800000000",
        "(86)13800000000",
        "＋86（138）00000000",
    ] {
        assert_eq!(form(mobile, written), "13800000000", "{written}");
    }
    assert_eq!(warnings(mobile, "+8613800000000"), [Warning::CountryCode]);
    assert_refused(mobile, "12800000000", Reason::NotMobile);
    assert_refused(mobile, "23800000000", Reason::NotMobile);
    assert_refused(mobile, "1380000000", Reason::WrongLength);
    assert_refused(mobile, "8612800000000", Reason::WrongLength);
    assert_refused(mobile, "138+0000000", Reason::UnexpectedCharacter);
    assert_refused(mobile, "1.38E+10", Reason::ScientificNotation);
    assert_refused(mobile, "13800000000.0", Reason::DecimalNumber);
}

#[test]
fn names() {
    let name = KeyType::Name;
    for written in
        ["阿卜杜拉\u{2022}艾合买提", "阿卜杜拉\u{30fb}艾合买提", "阿卜杜拉\u{ff0e}艾合买提", "阿卜杜拉 \u{b7} 艾合买提"]
    {
        assert_eq!(form(name, written), "阿卜杜拉\u{b7}艾合买提", "{written}");
    }
    let dots = "\u{2022}\u{2027}\u{2219}\u{22c5}\u{30fb}\u{ff65}\u{387}\u{16eb}\u{2e31}\u{25cf}\u{2218}\u{2024}\u{ff0e}.\u{fe52}\u{3002}";
    for dot in dots.chars() {
        assert_eq!(form(name, &format!("买{dot}提")), "买\u{b7}提", "{dot:?}");
        let found = warnings(name, &format!("买{dot}提"));
        assert!(
            matches!(found[..], [Warning::Dots | Warning::FullWidth] | [Warning::FullWidth, Warning::Dots]),
            "{found:?}"
        );
    }
    assert_eq!(form(name, "张\u{3000}三"), "张三");
    assert_eq!(form(name, "\u{f914}\u{200b}山"), "\u{6a02}山");
    assert_eq!(form(name, "ｊｏｈｎ  smith"), "JOHN SMITH");
    assert_eq!(form(name, " O'Brien. "), "O'BRIEN");
    assert_eq!(form(name, "straße"), "STRASSE");
    let private = "\u{e81e}\u{e826}\u{e82b}\u{e82c}\u{e832}\u{e843}\u{e854}\u{e864}";
    assert_eq!(form(name, private), "\u{9fb4}\u{9fb5}\u{9fb6}\u{9fb7}\u{9fb8}\u{9fb9}\u{9fba}\u{9fbb}");
    assert_eq!(warnings(name, "\u{e81e}三"), [Warning::PrivateUse]);
    assert_eq!(warnings(name, "\u{e000}三"), [Warning::PrivateUseLeft]);
    assert_eq!(warnings(name, "张三"), []);
    // Traditional and simplified characters stay apart.
    assert_ne!(form(name, "張三"), form(name, "张三"));
    assert_refused(name, "\u{b7}", Reason::UnexpectedCharacter);
    assert_refused(name, "张?", Reason::LostCharacter);
    assert_refused(name, "张\u{fffd}", Reason::LostCharacter);
    assert_refused(name, "张\u{0}", Reason::UnexpectedCharacter);
    assert_refused(name, b"\xd5\xc5", Reason::InvalidUtf8);
    assert_refused(name, "张".repeat(201), Reason::WrongLength);
    assert_refused(name, " 张".repeat(300), Reason::WrongLength);
}

#[test]
fn dates() {
    let date = KeyType::Date;
    for written in [
        "20240229",
        "2024-2-29",
        "2024/02/29",
        "2024.2.29",
        "2024-0229",
        "202402-29",
        "2024年2月29日",
        "２０２４年２月２９日",
        "2024年 2月29号",
        " '2024-02-29",
        "2024－02－29",
        "2024年0229",
    ] {
        assert_eq!(form(date, written), "20240229", "{written}");
    }
    assert_eq!(warnings(date, "20240229"), []);
    assert_eq!(warnings(date, "2024-02-29"), [Warning::DateForm]);
    assert_eq!(warnings(date, "２０２４０２２９"), [Warning::FullWidth]);
    for written in ["2023/02/29", "20230229", "2024-13-01", "2024-00-01", "2024-1-0", "00000101"] {
        assert_refused(date, written, Reason::ImpossibleDate);
    }
    for written in ["202411", "2024111", "2024-111", "2024年11", "20241-1"] {
        let reason = if written == "2024年11" { Reason::UnexpectedCharacter } else { Reason::AmbiguousDate };
        assert_refused(date, written, reason);
    }
    for written in ["2024月2月29", "2024年2年29", "2024\u{1}2\u{2}29\u{3}", "2024年2日29"] {
        assert_refused(date, written, Reason::UnexpectedCharacter);
    }
    assert_refused(date, "45351", Reason::DayNumber);
    assert_refused(date, "2.02402E+07", Reason::ScientificNotation);
    assert_refused(date, "20240229.0", Reason::DecimalNumber);
    assert_refused(date, "2024-02-29T00:00", Reason::UnexpectedCharacter);
    assert_refused(date, "民国三年", Reason::UnexpectedCharacter);
    assert_refused(date, "29-02-2024", Reason::UnexpectedCharacter);
    assert_refused(date, "202402290", Reason::WrongLength);
}

#[test]
fn regions() {
    let region = KeyType::Region;
    assert_eq!(canonical(region, "310199"), Ok(("310199".to_owned(), Warnings::NONE)));
    assert_eq!(form(region, "３１０ 101"), "310101");
    assert_eq!(warnings(region, "990101"), [Warning::UnknownProvince]);
    assert_refused(region, "3101", Reason::WrongLength);
    assert_refused(region, "310101001000", Reason::WrongLength);
    assert_refused(region, "31010A", Reason::UnexpectedCharacter);
    assert_refused(region, "上海市", Reason::UnexpectedCharacter);
}

/// Pieces of which values of all types are made, and dirt.
fn pieces() -> impl Strategy<Value = String> {
    let pieces = "31019919850101001X|310199850101001|13800000000|+86|34060124|0000000001|1234ab|2024|年|月|日|-|/|.|·|\
                  \u{3000}|\u{200b}|\u{e81e}|\u{ff0e}|张|三|a|ｘ|'|E+17|.0|000|R|M000100Y4|ß|\u{390}|\u{301}|\u{149}| |1|2|\u{fffd}";
    let pieces: Vec<&'static str> = pieces.split('|').collect();
    prop::collection::vec(prop::sample::select(pieces), 0..8).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn no_bytes_panic_and_canonical_forms_are_text(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        for key_type in KeyType::ALL {
            let mut warnings = Warnings::NONE;
            if let Ok(value) = key_type.canonical(&bytes, &Settings::default(), &mut warnings) {
                prop_assert!(key_type == KeyType::Raw || str::from_utf8(value.as_bytes()).is_ok());
            }
        }
    }

    #[test]
    fn the_canonical_form_of_a_canonical_form_is_itself(text in prop_oneof![pieces(), any::<String>()]) {
        for key_type in KeyType::ALL {
            if let Ok((once, _)) = canonical(key_type, &text) {
                let (twice, warnings) = canonical(key_type, &once).unwrap();
                prop_assert_eq!(&once, &twice, "{} {:?}", key_type, text);
                let kept = [
                    Warning::Centenarian, Warning::UnknownProvince, Warning::OldForeignCard, Warning::EndsInZeros,
                    Warning::OrganisationCheck, Warning::PrivateUseLeft,
                ];
                let separators = key_type == KeyType::Ebill;
                prop_assert!(
                    warnings.iter().all(|one| kept.contains(&one) || separators && one == Warning::Separators),
                    "{} {:?}: {:?}", key_type, text, warnings
                );
            }
        }
    }

    #[test]
    fn a_name_is_what_the_steps_in_their_order_make(text in prop_oneof!["[a-zß张三·. \u{2022}\u{3000}\u{200b}ｘ]{1,12}", pieces()]) {
        if let Ok((name, _)) = canonical(KeyType::Name, &text) {
            prop_assert!(!name.starts_with(['·', ' ']) && !name.ends_with(['·', ' ']));
            prop_assert!(!name.contains("··") && !name.contains("  ") && !name.contains(" ·") && !name.contains("· "));
            let han = name.chars().any(|c| ('\u{3400}'..='\u{9fff}').contains(&c));
            prop_assert!(!(han && name.contains(' ')));
            prop_assert_eq!(name.to_uppercase(), name);
        }
    }
}
