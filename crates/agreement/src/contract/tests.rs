//! Terms that can be, and those that cannot.

use proptest::prelude::*;
use zeroize::Zeroizing;

use super::*;
use crate::IdentityKey;

pub(crate) fn key(seed: u8) -> IdentityKey {
    IdentityKey::from_seed(&Zeroizing::new([seed; 32]))
}

fn party(name: &str, seed: u8, role: Role, dataset: &str, labels: &[&str]) -> Party {
    Party {
        participant: name.parse().unwrap(),
        identity: key(seed).public(),
        role,
        department: format!("{name} bureau"),
        dataset: DatasetVersion { name: dataset.to_owned(), version: 1 },
        key_columns: vec!["id_no".to_owned()],
        label_columns: labels.iter().map(|&label| label.to_owned()).collect(),
        padded_size: None,
        rows: Rows { least: 1, most: 1_000_000 },
    }
}

/// Student aid between Shanghai, key 1, and Anhui, key 2, in the year 2026.
pub(crate) fn student_aid() -> Agreement {
    Agreement {
        form: FORM,
        name: "student aid 2026".to_owned(),
        nonce: "0123456789abcdef0123456789abcdef".to_owned(),
        parties: vec![
            party("shanghai", 1, Role::Receiver, "students", &[]),
            party("anhui", 2, Role::Sender, "hardship", &["category"]),
        ],
        key_types: vec![KeyType::ResidentId],
        mode: Mode::Labelled,
        protocols: vec![Protocol::Ecdh, Protocol::Vole],
        data_standard: records::standard::DATA_STANDARD.to_owned(),
        lambda: 40,
        listener: "anhui".parse().unwrap(),
        reasons: Reasons {
            purpose: "student aid without application".to_owned(),
            legal_basis: "Decree 809, article 12".to_owned(),
            documents: vec!["cooperation agreement, draft".to_owned()],
            impact_assessment: Some("PIA 2026/7".to_owned()),
        },
        validity: Validity {
            from: "2026-01-01T00:00:00Z".parse().unwrap(),
            until: "2026-12-31T23:59:59Z".parse().unwrap(),
        },
        limits: Limits {
            runs: 10,
            runs_per_day: 2,
            shortest_interval: Some(3600),
            smallest_result: Some(5),
            lookups_per_second: None,
            lookups_per_day: None,
        },
        delivery: Delivery { gated: false, approval: Vec::new(), retention_days: 30 },
    }
}

#[test]
fn the_bytes_and_the_digest_are_pinned() {
    let text = String::from_utf8(student_aid().to_bytes().unwrap()).unwrap();
    let (shanghai, anhui) = (key(1).public(), key(2).public());
    let fields = [
        r#"{"data_standard":"v1","delivery":{"approval":[],"gated":false,"retention_days":30},"form":1,"#.to_owned(),
        r#""key_types":["resident-id"],"lambda":40,"limits":{"runs":10,"runs_per_day":2,"shortest_interval":3600,"#
            .into(),
        r#""smallest_result":5},"listener":"anhui","mode":"labelled","name":"student aid 2026","#.into(),
        r#""nonce":"0123456789abcdef0123456789abcdef","parties":["#.into(),
        r#"{"dataset":{"name":"students","version":1},"department":"shanghai bureau","#.into(),
        format!(r#""identity":"{shanghai}","key_columns":["id_no"],"label_columns":[],"participant":"shanghai","#),
        r#""role":"receiver","rows":{"least":1,"most":1000000}},"#.into(),
        r#"{"dataset":{"name":"hardship","version":1},"department":"anhui bureau","#.into(),
        format!(r#""identity":"{anhui}","key_columns":["id_no"],"label_columns":["category"],"participant":"anhui","#),
        r#""role":"sender","rows":{"least":1,"most":1000000}}],"protocols":["ecdh","vole"],"#.into(),
        r#""reasons":{"documents":["cooperation agreement, draft"],"impact_assessment":"PIA 2026/7","#.into(),
        r#""legal_basis":"Decree 809, article 12","purpose":"student aid without application"},"#.into(),
        r#""validity":{"from":"2026-01-01T00:00:00Z","until":"2026-12-31T23:59:59Z"}}"#.into(),
    ];
    assert_eq!(text, fields.concat());
    assert_eq!(student_aid().digest().unwrap(), Digest::of(&[b"yuandang agreement v1\0", text.as_bytes()]),);
    assert_eq!(Agreement::from_bytes(text.as_bytes()), Ok(student_aid()));
}

type Edit = (&'static str, fn(&mut Agreement));

/// Edits that leave an agreement that cannot be, with what is said of it.
const IMPOSSIBLE: &[Edit] = &[
    ("form", |a| a.form = 2),
    ("name is empty", |a| a.name = "  ".into()),
    ("not seen", |a| a.name = "aid\u{202e}".into()),
    ("more than 128 bytes", |a| a.name = "x".repeat(129)),
    ("nonce", |a| a.nonce = "0123".into()),
    ("2 to 16 parties", |a| a.parties.truncate(1)),
    ("stands twice", |a| a.parties[1].participant = "shanghai".parse().unwrap()),
    ("one identity key", |a| a.parties[1].identity = key(1).public()),
    ("listener", |a| a.listener = "jiangsu".parse().unwrap()),
    ("receiver", |a| a.parties[0].role = Role::Sender),
    ("sender", |a| a.parties[1].role = Role::Receiver),
    ("versions", |a| a.parties[0].dataset.version = 0),
    ("dataset of shanghai is empty", |a| a.parties[0].dataset.name.clear()),
    ("as many key columns", |a| a.parties[0].key_columns.clear()),
    ("label columns", |a| a.parties[0].label_columns = vec!["x".into()]),
    ("label column", |a| a.parties[1].label_columns.clear()),
    ("label columns", |a| a.mode = Mode::Membership),
    ("most rows", |a| a.parties[0].rows.most = 0),
    ("above its most", |a| a.parties[0].rows = Rows { least: 7, most: 6 }),
    ("padded size", |a| a.parties[0].padded_size = Some(1_000_001)),
    ("padded size", |a| a.parties[0].padded_size = Some(0)),
    ("data standard", |a| a.data_standard = "v0".into()),
    ("lambda", |a| a.lambda = 29),
    ("no protocol", |a| a.protocols.clear()),
    ("protocol stands twice", |a| a.protocols = vec![Protocol::Ecdh, Protocol::Ecdh]),
    ("key needs", |a| a.key_types.clear()),
    ("purpose is empty", |a| a.reasons.purpose.clear()),
    ("legal basis is empty", |a| a.reasons.legal_basis.clear()),
    ("document", |a| a.reasons.documents = vec![String::new()]),
    ("impact assessment", |a| a.reasons.impact_assessment = Some(String::new())),
    ("before it begins", |a| a.validity.until = a.validity.from),
    ("runs is 0", |a| a.limits.runs = 0),
    ("a day is 0", |a| a.limits.runs_per_day = 0),
    ("interval is 0", |a| a.limits.shortest_interval = Some(0)),
    ("smallest result is 0", |a| a.limits.smallest_result = Some(0)),
    ("lookups a second is 0", |a| a.limits.lookups_per_second = Some(0)),
    ("2^53", |a| a.limits.runs = 1 << 53),
    ("kept 1 to", |a| a.delivery.retention_days = 0),
    ("no party", |a| a.delivery.approval = vec!["jiangsu".parse().unwrap()]),
    ("twice", |a| a.delivery.approval = vec!["anhui".parse().unwrap(), "anhui".parse().unwrap()]),
    ("needs a smallest result", |a| {
        a.delivery.gated = true;
        a.limits.smallest_result = None;
    }),
    ("gated delivery goes with", |a| {
        a.delivery.gated = true;
        a.mode = Mode::Both;
        a.parties[1].label_columns.clear();
    }),
];

#[test]
fn what_cannot_be_is_refused_by_name() {
    student_aid().validate().unwrap();
    for (wanted, edit) in IMPOSSIBLE {
        let mut agreement = student_aid();
        edit(&mut agreement);
        let error = agreement.validate().unwrap_err().to_string();
        assert!(error.contains(wanted), "{wanted}: {error}");
    }
}

#[test]
fn unknown_fields_and_other_writings_are_refused() {
    let text = String::from_utf8(student_aid().to_bytes().unwrap()).unwrap();
    for (what, edited) in [
        ("an unknown field", text.replace("\"form\":1", "\"form\":1,\"free\":true")),
        ("an unknown field of a party", text.replace("\"role\":\"sender\"", "\"role\":\"sender\",\"share\":1")),
        ("an unknown key type", text.replace("resident-id", "passport")),
        ("an unknown mode", text.replace("labelled", "everything")),
        ("a limit below zero", text.replace("\"runs\":10", "\"runs\":-1")),
        ("another moment", text.replace("2026-12-31T23:59:59Z", "2026-13-31T23:59:59Z")),
        ("a field less", text.replace("\"lambda\":40,", "")),
        ("space", text.replace("\"form\":1", "\"form\": 1")),
        ("a null", text.replace("\"smallest_result\":5", "\"lookups_per_day\":null,\"smallest_result\":5")),
    ] {
        assert_ne!(edited, text, "{what}");
        let read = Agreement::from_bytes(edited.as_bytes());
        assert!(matches!(read, Err(AgreementError::Form(_))), "{what}: {read:?}");
    }
}

type JobEdit = (&'static str, fn(&mut JobSpec));

#[test]
fn a_job_under_it_has_all_that_it_says_and_differs_by_name() {
    let agreement = student_aid();
    let job = agreement.job("autumn", Protocol::Vole).unwrap();
    job.validate().unwrap();
    assert_eq!(job.agreement_digest, Some(*agreement.digest().unwrap().as_bytes()));
    assert_eq!(agreement.difference(&job), None);
    let edits: [JobEdit; 12] = [
        ("parties or their roles: [\"jiangsu as", |job| job.parties[0].participant = "jiangsu".parse().unwrap()),
        ("parties", |job| job.parties.swap(0, 1)),
        ("parties", |job| drop(job.parties.pop())),
        ("the dataset of anhui: \"payroll\" instead of \"hardship\"", |job| job.parties[1].dataset = "payroll".into()),
        ("key columns of anhui: [\"name\"] instead of", |job| job.parties[1].key_columns = vec!["name".into()]),
        ("label columns of anhui", |job| job.parties[1].label_columns.push("address".into())),
        ("padded size of shanghai: Some(7) instead of None", |job| job.parties[0].padded_size = Some(7)),
        ("key types", |job| job.key_types = vec![KeyType::Raw]),
        ("mode: \"both\" instead of", |job| job.mode = Mode::Both),
        ("protocol: \"vole-malicious\" instead of [", |job| job.protocol = Protocol::VoleMalicious),
        ("error budget: 30 instead of 40", |job| job.error_budget.lambda = 30),
        ("listener: \"shanghai\" instead of", |job| job.listener = "shanghai".parse().unwrap()),
    ];
    for (wanted, edit) in edits {
        let mut job = job.clone();
        edit(&mut job);
        let said = agreement.difference(&job).unwrap();
        assert!(said.contains(wanted), "{said}, and not {wanted}");
    }
    // A coordinator's text is cut, and what would move a terminal's cursor is not in it.
    let mut job = job.clone();
    job.parties[1].dataset = format!("\u{1b}[2J{}", "x".repeat(10_000));
    let said = agreement.difference(&job).unwrap();
    assert!(said.len() < 500 && !said.contains('\u{1b}'), "{said}");
}

#[test]
fn what_is_not_built_can_be_signed_and_not_run() {
    let mut agreement = student_aid();
    agreement.runs().unwrap();
    agreement.parties.push(party("jiangsu", 3, Role::Sender, "hardship", &["category"]));
    agreement.validate().unwrap();
    assert!(matches!(agreement.runs(), Err(JobSpecError::NotBuilt(_))));
}

#[test]
fn a_result_is_due_when_its_days_have_passed() {
    let made: Moment = "2026-02-20T10:00:00Z".parse().unwrap();
    let days = [(1, "2026-02-21T10:00:00Z"), (30, "2026-03-22T10:00:00Z"), (u32::MAX, "9999-12-31T23:59:59Z")];
    for (retention_days, due) in days {
        assert_eq!(Delivery { retention_days, ..student_aid().delivery }.due(made).to_string(), due);
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_no_agreement(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(Agreement::from_bytes(&bytes).is_err());
    }

    #[test]
    fn a_changed_byte_is_another_agreement_or_none(at: prop::sample::Index, bit in 0_u8..8) {
        let mut bytes = student_aid().to_bytes().unwrap();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        if let Ok(other) = Agreement::from_bytes(&bytes) {
            prop_assert_ne!(other.digest().unwrap(), student_aid().digest().unwrap());
        }
    }
}
