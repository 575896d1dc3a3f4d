//! Entries as files have them.

use proptest::prelude::*;

use super::*;
use crate::catalogue::tests::hardship;

/// The hardship list as a spreadsheet has it, in the words of a Chinese catalogue.
fn fields() -> BTreeMap<Field, String> {
    [
        (Field::Dataset, "hardship"),
        (Field::Version, "1"),
        (Field::Name, "困难群众名单"),
        (Field::Code, "205002/0001"),
        (Field::Class, "主题信息资源"),
        (Field::Division, "社会救助"),
        (Field::Subject, "困难群众"),
        (Field::Domain, "人口"),
        (Field::Department, "civil affairs"),
        (Field::ProviderCode, " 11310099mb000t018c"),
        (Field::Abstract, "who is in need"),
        (Field::Format, "a table"),
        (Field::Items, "id_no:C18；category：字符型；valid_to:日期型"),
        (Field::Sharing, "有条件共享"),
        (Field::Condition, "under an agreement"),
        (Field::SharingMode, "matching"),
        (Field::Open, "否"),
        (Field::UpdateCycle, "每月"),
        (Field::Published, "2026年3月1日"),
        (Field::PersonalData, "敏感个人信息"),
        (Field::Keys, "id_no:身份证号"),
        (Field::Modes, "交集、带标签"),
        (Field::SmallestResult, "5"),
        (Field::Quota, "10"),
    ]
    .map(|(field, text)| (field, text.to_owned()))
    .into()
}

fn with(field: Field, text: &str) -> Result<Entry, Vec<Problem>> {
    let mut fields = fields();
    fields.insert(field, text.to_owned());
    read(&fields, true)
}

#[test]
fn a_row_in_chinese_or_english_is_the_same_entry() {
    assert_eq!(read(&fields(), true), Ok(hardship()));
    let mut english = fields();
    for (field, text) in [
        (Field::Domain, "Natural Persons"),
        (Field::Items, "id_no:text(18);category:C;valid_to:D"),
        (Field::Sharing, "conditional"),
        (Field::Open, "no"),
        (Field::UpdateCycle, "monthly"),
        (Field::Published, "2026-03-01"),
        (Field::PersonalData, "sensitive"),
        (Field::Keys, "id_no:resident-id"),
        (Field::Modes, "membership, labelled"),
    ] {
        english.insert(field, text.to_owned());
    }
    assert_eq!(read(&english, true), Ok(hardship()));
}

#[test]
fn lists_are_read_in_the_ways_that_catalogues_write_them() {
    let items = |text: &str| with(Field::Items, text).unwrap().items[0].clone();
    for (text, item_type, length) in [
        ("id_no:C", ItemType::Text, None),
        ("id_no:C..18", ItemType::Text, Some(18)),
        ("id_no : 字符型（18）", ItemType::Text, Some(18)),
        ("id_no:N(10,2)", ItemType::Number, Some(10)),
        ("id_no:datetime", ItemType::Time, None),
    ] {
        assert_eq!(items(text), Item { name: "id_no".to_owned(), item_type, length }, "{text}");
    }
    let mut bill = fields();
    bill.insert(Field::Items, "code:C8;no:C10;check:C6".to_owned());
    bill.insert(Field::Keys, "code + no + check : 电子票据".to_owned());
    let key = read(&bill, false).unwrap().keys.remove(0);
    assert_eq!((key.columns, key.key_type), (["code", "no", "check"].map(str::to_owned).to_vec(), KeyType::Ebill));
    let mut short = fields();
    short.remove(&Field::Dataset);
    short.remove(&Field::Version);
    let entry = read(&short, false).unwrap();
    assert_eq!((entry.dataset.name.as_str(), entry.dataset.version, entry.sampled), ("205002/0001", 1, false));
}

#[test]
fn what_cannot_be_read_is_named_once_with_what_would_do() {
    for (field, text, words) in [
        (Field::Domain, "shoes", "legal-persons"),
        (Field::Domain, "", "missing"),
        (Field::Sharing, "maybe", "unconditional, conditional, not-shared"),
        (Field::UpdateCycle, "hourly", "half-yearly"),
        (Field::PersonalData, "", "missing"),
        (Field::Published, "2026-02-30", "2026-03-01"),
        (Field::Published, "", "missing"),
        (Field::Open, "perhaps", "yes, no"),
        (Field::Version, "second", "whole number"),
        (Field::Version, "0", "1 or more"),
        (Field::Quota, "-1", "whole number"),
        (Field::SmallestResult, "0", "1 or more"),
        (Field::Items, "id_no", "name:type"),
        (Field::Items, "id_no:X18", "name:type"),
        (Field::Items, "", "missing"),
        (Field::Keys, "id_no:shoe-size", "resident-id"),
        (Field::Keys, "id_no", "column:type"),
        (Field::Keys, "number:resident-id", "one of the data items"),
        (Field::Modes, "guess", "membership"),
        (Field::ProviderCode, "11310099MB000T018D", "check digit"),
        (Field::Code, "", "missing"),
    ] {
        let problems = with(field, text).unwrap_err();
        let named: Vec<Field> = problems.iter().map(|problem| problem.field).collect();
        let only_items_and_keys = field == Field::Items && named == [Field::Items, Field::Keys];
        assert!(named == [field] || only_items_and_keys, "{field} {text:?}: {problems:?}");
        assert!(problems[0].to_string().contains(words), "{field} {text:?}: {}", problems[0]);
    }
}

#[test]
fn an_empty_row_lacks_each_field_that_is_needed_once() {
    let problems = read(&BTreeMap::new(), false).unwrap_err();
    let optional = [
        Field::Detail,
        Field::RelatedCode,
        Field::Condition,
        Field::LegalBasis,
        Field::OpenCondition,
        Field::Dataset,
        Field::Version,
        Field::Keys,
        Field::Modes,
        Field::SmallestResult,
        Field::Quota,
    ];
    let needed: Vec<Field> = Field::ALL.iter().copied().filter(|field| !optional.contains(field)).collect();
    assert_eq!(problems, needed.into_iter().map(|field| Problem::new(field, Fault::Missing)).collect::<Vec<_>>());
}

#[test]
fn every_key_type_and_mode_has_its_name_in_messages() {
    assert_eq!(KEY_NAMES.to_vec(), KeyType::ALL.map(KeyType::name));
    assert_eq!(KEY_TYPES.map(|(_, key_type)| key_type), KeyType::ALL);
    assert_eq!(MODE_NAMES.to_vec(), MODES.map(|(_, mode)| mode.to_string()));
}

proptest! {
    #[test]
    fn no_text_in_any_field_panics_and_what_is_read_can_be(place in 0_usize..28, text in "\\PC{0,60}") {
        let field = Field::ALL[place];
        if let Ok(entry) = with(field, &text) {
            prop_assert_eq!(entry.problems(), []);
        }
    }
}
