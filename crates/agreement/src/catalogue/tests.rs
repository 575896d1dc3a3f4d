//! Entries and their names.

use proptest::prelude::*;

use super::*;
use crate::{
    IdentityKey, Signed, StatementError,
    contract::tests::{key as identity, student_aid},
};

/// The hardship list that Anhui enters in the agreement on student aid.
pub(crate) fn hardship() -> Entry {
    let item = |name: &str, item_type, length| Item { name: name.to_owned(), item_type, length };
    Entry {
        form: FORM,
        dataset: DatasetVersion { name: "hardship".to_owned(), version: 1 },
        name: "困难群众名单".to_owned(),
        code: "205002/0001".to_owned(),
        related_code: None,
        classification: Classification {
            class: "主题信息资源".to_owned(),
            division: "社会救助".to_owned(),
            subject: "困难群众".to_owned(),
            detail: None,
        },
        domain: Domain::NaturalPersons,
        provider: Provider { department: "civil affairs".to_owned(), code: "11310099MB000T018C".to_owned() },
        summary: "who is in need".to_owned(),
        format: "a table".to_owned(),
        items: vec![
            item("id_no", ItemType::Text, Some(18)),
            item("category", ItemType::Text, None),
            item("valid_to", ItemType::Date, None),
        ],
        sharing: Sharing {
            sharing_type: SharingType::Conditional,
            condition: Some("under an agreement".to_owned()),
            legal_basis: None,
            mode: "matching".to_owned(),
        },
        openness: Openness { open: false, condition: None },
        update_cycle: UpdateCycle::Monthly,
        published: CalendarDate::new(2026, 3, 1).unwrap(),
        personal_data: PersonalData::Sensitive,
        keys: vec![Key { columns: vec!["id_no".to_owned()], key_type: KeyType::ResidentId }],
        modes: vec![Mode::Membership, Mode::Labelled],
        smallest_result: Some(5),
        quota: Some(10),
        sampled: true,
    }
}

fn withdrawal() -> Withdrawal {
    Withdrawal {
        dataset: DatasetVersion { name: "hardship".to_owned(), version: 1 },
        at: "2026-06-01T00:00:00Z".parse().unwrap(),
        reason: "the department was dissolved".to_owned(),
    }
}

fn anhui() -> crate::ParticipantId {
    "anhui".parse().unwrap()
}

fn signed(entry: Entry) -> Result<Signed<Entry>, StatementError> {
    let key: IdentityKey = identity(2);
    Signed::sign(entry, &anhui(), &key)
}

#[test]
fn the_bytes_of_an_entry_are_pinned() {
    let text = String::from_utf8(crate::canonical::to_canonical(&hardship()).unwrap()).unwrap();
    let fields = [
        r#"{"abstract":"who is in need","classification":{"class":"主题信息资源","division":"社会救助","subject":"困难群众"},"#,
        r#""code":"205002/0001","dataset":{"name":"hardship","version":1},"domain":"natural-persons","form":1,"#,
        r#""format":"a table","items":[{"length":18,"name":"id_no","type":"text"},{"name":"category","type":"text"},"#,
        r#"{"name":"valid_to","type":"date"}],"keys":[{"columns":["id_no"],"type":"resident-id"}],"#,
        r#""modes":["membership","labelled"],"name":"困难群众名单","openness":{"open":false},"#,
        r#""personal_data":"sensitive","provider":{"code":"11310099MB000T018C","department":"civil affairs"},"#,
        r#""published":"2026-03-01","quota":10,"sampled":true,"#,
        r#""sharing":{"condition":"under an agreement","mode":"matching","type":"conditional"},"#,
        r#""smallest_result":5,"update_cycle":"monthly"}"#,
    ];
    assert_eq!(text, fields.concat());
    let text = String::from_utf8(crate::canonical::to_canonical(&withdrawal()).unwrap()).unwrap();
    let fields = [
        r#"{"at":"2026-06-01T00:00:00Z","dataset":{"name":"hardship","version":1},"#,
        r#""reason":"the department was dissolved"}"#,
    ];
    assert_eq!(text, fields.concat());
}

#[test]
fn what_was_signed_is_read_back_and_nothing_else_is() {
    let entry = signed(hardship()).unwrap();
    let bytes = entry.to_bytes().unwrap();
    assert_eq!(Signed::<Entry>::from_bytes(&bytes), Ok(entry.clone()));
    assert!(entry.is_by(&anhui(), &identity(2).public()));
    assert!(matches!(Signed::<Withdrawal>::from_bytes(&bytes), Err(StatementError::Kind { .. })));
    let text = String::from_utf8(bytes).unwrap();
    for (from, to) in [
        ("\"quota\":10", "\"quota\":11"),
        ("\"monthly\"", "\"每月\""),
        ("\"2026-03-01\"", "\"2026-3-1\""),
        ("\"2026-03-01\"", "\"2026-02-30\""),
        ("\"resident-id\"", "\"shoe-size\""),
        ("\"sampled\":true", "\"sampled\":true,\"more\":1"),
    ] {
        assert!(text.contains(from), "{from}");
        assert!(Signed::<Entry>::from_bytes(text.replace(from, to).as_bytes()).is_err(), "{to}");
    }
    let ended = Signed::sign(withdrawal(), &anhui(), &identity(2)).unwrap();
    assert_eq!(Signed::<Withdrawal>::from_bytes(&ended.to_bytes().unwrap()), Ok(ended));
}

/// A change that makes an entry wrong, the field that is then at fault, and words of the reason.
type Change = (fn(&mut Entry), Field, &'static str);

const CHANGES: [Change; 38] = [
    (|entry| entry.form = 2, Field::Version, "another form"),
    (|entry| entry.dataset.name.clear(), Field::Dataset, "missing"),
    (|entry| entry.dataset.name = "x".repeat(129), Field::Dataset, "more than 128 bytes"),
    (|entry| entry.dataset.version = 0, Field::Version, "1 or more"),
    (|entry| entry.name = " ".to_owned(), Field::Name, "missing"),
    (|entry| entry.name = "a\u{202e}b".to_owned(), Field::Name, "not seen"),
    (|entry| entry.name = "x".repeat(257), Field::Name, "more than 256 bytes"),
    (|entry| entry.code = "205002".to_owned(), Field::Code, "not in its form"),
    (|entry| entry.code = "20500/0001".to_owned(), Field::Code, "not in its form"),
    (|entry| entry.code = "20500a/0001".to_owned(), Field::Code, "not in its form"),
    (|entry| entry.code = "205002/".to_owned(), Field::Code, "not in its form"),
    (|entry| entry.code = "困难群众名/1".to_owned(), Field::Code, "not in its form"),
    (|entry| entry.related_code = Some("x".to_owned()), Field::RelatedCode, "not in its form"),
    (|entry| entry.classification.class.clear(), Field::Class, "missing"),
    (|entry| entry.classification.division.clear(), Field::Division, "missing"),
    (|entry| entry.classification.subject.clear(), Field::Subject, "missing"),
    (|entry| entry.classification.detail = Some(String::new()), Field::Detail, "missing"),
    (|entry| entry.provider.department.clear(), Field::Department, "missing"),
    (|entry| entry.provider.code.clear(), Field::ProviderCode, "missing"),
    (|entry| entry.provider.code = "11310099MB000T018D".to_owned(), Field::ProviderCode, "check digit"),
    (|entry| entry.provider.code = "11310099mb000t018c".to_owned(), Field::ProviderCode, "capitals"),
    (|entry| entry.summary.clear(), Field::Abstract, "missing"),
    (|entry| entry.format.clear(), Field::Format, "missing"),
    (|entry| entry.items.push(entry.items[0].clone()), Field::Items, "stands twice"),
    (|entry| entry.items[0].length = Some(0), Field::Items, "1 or more"),
    (|entry| entry.sharing.condition = None, Field::Condition, "needs its condition"),
    (|entry| entry.sharing.sharing_type = SharingType::Unconditional, Field::Condition, "has no condition"),
    (|entry| entry.sharing.mode.clear(), Field::SharingMode, "missing"),
    (
        |entry| {
            entry.sharing.sharing_type = SharingType::NotShared;
            entry.modes.clear();
        },
        Field::LegalBasis,
        "legal basis",
    ),
    (
        |entry| {
            entry.sharing.sharing_type = SharingType::NotShared;
            entry.sharing.legal_basis = Some("secrecy".to_owned());
        },
        Field::Modes,
        "not shared",
    ),
    (|entry| entry.modes.push(Mode::Membership), Field::Modes, "twice"),
    (|entry| entry.keys.clear(), Field::Keys, "no key"),
    (|entry| entry.keys[0].columns = vec!["name".to_owned()], Field::Keys, "one of the data items"),
    (|entry| entry.keys[0].columns.push("category".to_owned()), Field::Keys, "one column"),
    (|entry| entry.keys.push(entry.keys[0].clone()), Field::Keys, "twice"),
    (|entry| entry.smallest_result = Some(0), Field::SmallestResult, "1 or more"),
    (|entry| entry.quota = Some(1 << 53), Field::Quota, "below 2^53"),
    (
        |entry| {
            let name = |place: u32| format!("{place}{}", "x".repeat(250));
            let item = |place| Item { name: name(place), item_type: ItemType::Memo, length: None };
            entry.items.extend((0..250).map(item));
        },
        Field::Items,
        "as a whole",
    ),
];

#[test]
fn everything_that_is_wrong_is_named_and_cannot_be_signed() {
    assert_eq!(hardship().problems(), []);
    for (change, field, words) in CHANGES {
        let mut entry = hardship();
        change(&mut entry);
        let problems = entry.problems();
        assert_eq!(problems.len(), 1, "{words}: {problems:?}");
        assert_eq!(problems[0].field, field, "{words}: {problems:?}");
        assert!(problems[0].to_string().contains(words), "{words}: {}", problems[0]);
        assert!(!problems[0].fault.chinese().is_ascii(), "{problems:?}");
        assert!(entry.validate().unwrap_err().contains(words));
        assert!(signed(entry).is_err(), "{words}");
    }
    let mut empty = hardship();
    (empty.items, empty.keys, empty.modes) = (Vec::new(), Vec::new(), Vec::new());
    assert_eq!(empty.problems(), [Problem::new(Field::Items, Fault::Missing)]);
}

#[test]
fn several_faults_are_named_at_once() {
    let mut entry = hardship();
    entry.name.clear();
    entry.provider.code = "x".to_owned();
    entry.quota = Some(0);
    let fields: Vec<Field> = entry.problems().iter().map(|problem| problem.field).collect();
    assert_eq!(fields, [Field::Name, Field::ProviderCode, Field::Quota]);
}

#[test]
fn an_entry_that_nothing_can_be_matched_by_is_one_too() {
    let mut entry = hardship();
    (entry.keys, entry.modes) = (Vec::new(), Vec::new());
    entry.sharing = Sharing {
        sharing_type: SharingType::NotShared,
        condition: None,
        legal_basis: Some("state secrets".to_owned()),
        mode: "none".to_owned(),
    };
    assert_eq!(entry.problems(), []);
    let mut bill = hardship();
    bill.keys =
        vec![Key { columns: ["id_no", "category", "valid_to"].map(str::to_owned).into(), key_type: KeyType::Ebill }];
    assert_eq!(bill.problems(), []);
}

#[test]
fn a_withdrawal_names_its_dataset_and_says_why() {
    assert_eq!(withdrawal().validate(), Ok(()));
    let changes: [fn(&mut Withdrawal); 5] = [
        |one| one.dataset.name.clear(),
        |one| one.dataset.version = 0,
        |one| one.reason.clear(),
        |one| one.reason = "x".repeat(513),
        |one| one.reason = "a\nb".to_owned(),
    ];
    for change in changes {
        let mut changed = withdrawal();
        change(&mut changed);
        assert!(changed.validate().is_err(), "{changed:?}");
    }
}

/// What the agreement or the entry has to be for a violation, and its words.
type Step = (fn(&mut Agreement, &mut Entry), &'static str);

use crate::contract::Agreement;

const STEPS: [Step; 12] = [
    (
        |_, entry| entry.dataset.name = "students".to_owned(),
        "is about dataset \"hardship\", and the entry about \"students\"",
    ),
    (|_, entry| entry.dataset.version = 2, "is about version 1 of the dataset, and the entry about version 2"),
    (|agreement, _| agreement.parties[1].dataset.version = 7, "is about version 7"),
    (
        |_, entry| {
            entry.sharing.sharing_type = SharingType::NotShared;
            entry.sharing.legal_basis = Some("state secrets".to_owned());
        },
        "is not shared: state secrets",
    ),
    (|agreement, _| agreement.key_types = vec![KeyType::Mobile], "cannot be matched by keys of type mobile"),
    (|_, entry| entry.keys.clear(), "cannot be matched by keys of type resident-id"),
    (|agreement, _| agreement.mode = Mode::Both, "mode both is not allowed"),
    (|_, entry| entry.modes = vec![Mode::Membership], "mode labelled is not allowed"),
    (|agreement, _| agreement.parties[1].label_columns.push("income".to_owned()), "label column \"income\" is none"),
    (
        |agreement, _| agreement.limits.smallest_result = Some(4),
        "fewer than 5 items, and the agreement only those of fewer than 4",
    ),
    (|agreement, _| agreement.limits.smallest_result = None, "and the agreement has no smallest result"),
    (|agreement, _| agreement.limits.runs = 11, "has 11 runs, and the dataset's quota is 10"),
];

fn within(agreement: &Agreement, entry: &Entry) -> Vec<Violation> {
    violations(agreement, agreement.party_of(&anhui()).unwrap(), entry)
}

#[test]
fn every_way_beyond_an_entry_is_named() {
    assert_eq!(within(&student_aid(), &hardship()), []);
    for (change, words) in STEPS {
        let (mut agreement, mut entry) = (student_aid(), hardship());
        change(&mut agreement, &mut entry);
        let found = within(&agreement, &entry);
        assert_eq!(found.len(), 1, "{words}: {found:?}");
        assert!(found[0].to_string().contains(words), "{words}: {}", found[0]);
    }
}

#[test]
fn what_stays_below_the_limits_of_an_entry_stays_within_it() {
    let (mut agreement, mut entry) = (student_aid(), hardship());
    agreement.limits.smallest_result = Some(6);
    agreement.limits.runs = 1;
    assert_eq!(within(&agreement, &entry), []);
    (entry.smallest_result, entry.quota) = (None, None);
    agreement.limits.smallest_result = None;
    agreement.limits.runs = 1_000_000;
    assert_eq!(within(&agreement, &entry), []);
    // All that is wrong is named, not only the first.
    entry.dataset.version = 3;
    entry.modes.clear();
    entry.items.truncate(1);
    assert_eq!(within(&agreement, &entry).len(), 3);
}

proptest! {
    #[test]
    fn whatever_the_limits_a_quota_and_a_smallest_result_hold(
        runs in 1_u64..40, quota in prop::option::of(1_u64..40),
        wanted in prop::option::of(1_u64..40), least in prop::option::of(1_u64..40),
    ) {
        let (mut agreement, mut entry) = (student_aid(), hardship());
        (agreement.limits.runs, agreement.limits.smallest_result) = (runs, wanted);
        (entry.quota, entry.smallest_result) = (quota, least);
        let beyond = usize::from(quota.is_some_and(|quota| runs > quota))
            + usize::from(least.is_some_and(|least| wanted.unwrap_or(0) < least));
        prop_assert_eq!(within(&agreement, &entry).len(), beyond);
    }

    #[test]
    fn no_text_makes_an_entry_panic(text in "\\PC{0,80}", place in 0_usize..8) {
        let mut entry = hardship();
        let fields = [
            &mut entry.name, &mut entry.code, &mut entry.provider.code, &mut entry.dataset.name, &mut entry.summary,
            &mut entry.classification.class, &mut entry.items[0].name, &mut entry.keys[0].columns[0],
        ];
        *fields.into_iter().nth(place).unwrap() = text;
        // What can be signed can be read again, and nothing else can.
        match signed(entry.clone()) {
            Ok(signed) => prop_assert_eq!(Signed::from_bytes(&signed.to_bytes().unwrap()), Ok(signed)),
            Err(_) => prop_assert!(!entry.problems().is_empty()),
        }
    }
}
