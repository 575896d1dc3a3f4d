//! Tests of [`super`]: the bytes of keys, and which columns they stand in.

use proptest::prelude::*;

use super::*;

fn record(fields: &[&[u8]]) -> Record {
    let mut record = Record::default();
    fields.iter().for_each(|field| record.push_field(field));
    record
}

fn spec(types: &[KeyType]) -> KeySpec {
    KeySpec::new(types).unwrap()
}

fn raw(columns: usize) -> KeySpec {
    spec(&vec![KeyType::Raw; columns])
}

/// The key of a record that has nothing but its key columns.
fn key(types: &[KeyType], fields: &[&str]) -> Result<Keyed, Unkeyed> {
    let bytes: Vec<&[u8]> = fields.iter().map(|field| field.as_bytes()).collect();
    spec(types).key(&record(&bytes), &(0..fields.len()).collect::<Vec<_>>())
}

/// The first half of the SHA-256 of `bytes`.
fn half_digest(bytes: &[u8]) -> CanonicalKey {
    CanonicalKey(Sha256::digest(bytes)[..16].try_into().unwrap())
}

fn refused(column: usize, reason: Reason) -> Result<Keyed, Unkeyed> {
    Err(Unkeyed::Refused(Refusal { column, reason }))
}

#[test]
fn the_bytes_of_a_raw_key_are_pinned() {
    let one = raw(1).key(&record(&[b"31019919850101001X"]), &[0]).unwrap().key;
    assert_eq!(one, half_digest(b"v1|raw|31019919850101001X"));
    assert_eq!(hex::encode(one.0), "1e52134cd87a34453cc243def7eea521");
    let two = raw(2).key(&record(&[b"x", b"ab", b"c"]), &[1, 2]).unwrap().key;
    assert_eq!(two, half_digest(b"v1|raw+raw|\0\0\0\x02ab\0\0\0\x01c"));
}

#[test]
fn the_bytes_of_every_type_are_pinned() {
    for (key_type, written, item) in [
        (KeyType::ResidentId, "310199198501010 01x", "v1|resident-id|31019919850101001X"),
        (KeyType::Uscc, "11310099mb000t018c", "v1|uscc|11310099MB000T018C"),
        (KeyType::OrganisationCode, "MA000T03-0", "v1|organisation-code|MA000T030"),
        (KeyType::Ebill, "34060124-0000000001-1234ab", "v1|ebill|34060124|0000000001|1234ab"),
        (KeyType::BirthCertificate, "r320000001", "v1|birth-certificate|R320000001"),
        (KeyType::Mobile, "+86 138-0000-0000", "v1|mobile|13800000000"),
        (KeyType::Name, "张 三", "v1|name|张三"),
        (KeyType::Date, "2024-2-29", "v1|date|20240229"),
        (KeyType::Region, "310199", "v1|region|310199"),
    ] {
        assert_eq!(key(&[key_type], &[written]).unwrap().key, half_digest(item.as_bytes()), "{item}");
    }
    let both = key(&[KeyType::ResidentId, KeyType::Name], &["31019919850101001X", "张三"]).unwrap().key;
    assert_eq!(both, half_digest("v1|resident-id+name|\0\0\0\x1231019919850101001X\0\0\0\x06张三".as_bytes()));
}

#[test]
fn values_do_not_run_into_each_other() {
    let (spec, columns) = (raw(2), [0, 1]);
    assert_ne!(spec.key(&record(&[b"ab", b"c"]), &columns), spec.key(&record(&[b"a", b"bc"]), &columns));
}

#[test]
fn raw_values_are_taken_as_they_are() {
    let spec = raw(1);
    let plain = spec.key(&record(&[b"7"]), &[0]).unwrap();
    for other in [b" 7".as_slice(), b"7 ", b"07", b"7\0", "７".as_bytes(), b"\xff7", b" "] {
        let key = spec.key(&record(&[other]), &[0]).unwrap();
        assert!(key.key != plain.key && key.warnings.is_empty());
    }
}

#[test]
fn an_empty_or_missing_value_makes_no_key() {
    let missing = Err(Unkeyed::Missing);
    assert_eq!(raw(1).key(&record(&[b""]), &[0]), missing);
    assert_eq!(raw(1).key(&record(&[b"a"]), &[1]), missing);
    assert_eq!(raw(2).key(&record(&[b"a", b""]), &[0, 1]), missing);
    for key_type in KeyType::ALL.into_iter().filter(|one| *one != KeyType::Raw) {
        for blank in ["", " ", "\t \u{3000}", "\u{feff}", "\u{200b}\u{a0}"] {
            assert_eq!(key(&[key_type], &[blank]), missing, "{key_type} {blank:?}");
        }
    }
}

#[test]
fn a_refusal_names_the_first_column_unless_one_is_missing() {
    let types = [KeyType::Raw, KeyType::Mobile, KeyType::Date];
    assert_eq!(key(&types, &["a", "12800000000", "2023/02/29"]), refused(1, Reason::NotMobile));
    assert_eq!(key(&types, &["a", "13800000000", "2023/02/29"]), refused(2, Reason::ImpossibleDate));
    assert_eq!(key(&types, &["a", "12800000000", " "]), Err(Unkeyed::Missing));
}

#[test]
fn columns_and_types_must_pair_up() {
    assert_eq!(KeySpec::new(&[]), Err(KeyError::NoColumn));
    assert_eq!(raw(2).admits(2), Ok(()));
    assert_eq!(raw(2).admits(1), Err(KeyError::Count { columns: 1, types: 2 }));
    assert_eq!(raw(2).key(&record(&[b"a", b"b"]), &[0]), Err(Unkeyed::Missing));
    assert_eq!(raw(1).key(&record(&[b"a", b"b"]), &[0, 1]), Err(Unkeyed::Missing));
    let bills = spec(&[KeyType::Ebill, KeyType::Raw, KeyType::Ebill]);
    let admitted: Vec<usize> = (0..12).filter(|columns| bills.admits(*columns).is_ok()).collect();
    assert_eq!(admitted, [3, 7]);
}

#[test]
fn a_bill_has_the_same_key_in_one_column_and_in_three() {
    let types = [KeyType::Ebill];
    let parts = key(&types, &["34060124", "0000000001", "1234ab"]).unwrap();
    for written in [
        "34060124|0000000001|1234ab",
        "34060124-0000000001-1234ab",
        "34060124 0000000001 1234ab",
        "3406012400000000011234ab",
    ] {
        assert_eq!(key(&types, &[written]).unwrap().key, parts.key, "{written}");
    }
    let types = [KeyType::Raw, KeyType::Ebill, KeyType::Raw];
    let one = key(&types, &["a", "34060124|0000000001|1234ab", "b"]).unwrap();
    let three = key(&types, &["a", "34060124", "0000000001", "1234ab", "b"]).unwrap();
    assert_eq!(one.key, three.key);
    assert_eq!(key(&types, &["a", "34060124", "1", "1234ab", "b"]), refused(2, Reason::LostZeros));
    assert_eq!(key(&types, &["a", "34060124", "0000000001", "1234a!", "b"]), refused(3, Reason::UnexpectedCharacter));
    assert_eq!(key(&types, &["a", "34060124", "1", " ", "b"]), Err(Unkeyed::Missing));
    assert_eq!(key(&[KeyType::Ebill], &["34060124", "", "1234ab"]), Err(Unkeyed::Missing));
}

#[test]
fn settings_refuse_and_change_no_key() {
    let columns = [0];
    let spec = spec(&[KeyType::ResidentId]);
    let before = standard::CalendarDate::new(1985, 1, 1);
    let settings = Settings { snapshot: before };
    let born = record(&[b"31019919850101001X"]);
    assert_eq!(spec.key(&born, &columns), spec.clone().with_settings(settings).key(&born, &columns));
    let settings = Settings { snapshot: standard::CalendarDate::new(1984, 12, 31) };
    assert_eq!(spec.with_settings(settings).key(&born, &columns), refused(0, Reason::DateAfterSnapshot));
}

#[test]
fn a_printed_key_shows_nothing() {
    assert_eq!(format!("{:?}", CanonicalKey([7; 16])), "CanonicalKey(..)");
}

proptest! {
    /// At the lengths where one block is no longer enough as well.
    #[test]
    fn the_short_way_hashes_as_the_long_one(value in prop::collection::vec(any::<u8>(), 1..80)) {
        let key = raw(1).key(&record(&[&value]), &[0]).unwrap().key;
        prop_assert_eq!(key, half_digest(&[b"v1|raw|", value.as_slice()].concat()));
    }
}
