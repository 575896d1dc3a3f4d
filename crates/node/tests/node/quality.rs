//! What is said of a record set before anything of it is matched.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use agreement::Mode;
use datasets::Files;
use node::{
    Input, RunError, Space,
    quality::{Dates, Quality, Question, REJECT_COLUMNS, Rejects, examine},
};
use records::{
    KeyType, Reason, RecordError, Refusal, Warning,
    standard::{CalendarDate, Settings},
};
use session::ComputePool;
use tokio_util::sync::CancellationToken;

use crate::sides::{Sides, meet, spec};

const DIRTY: &str = "id,day,note\n\
    31019919850101001X,20240229,as it should be\n\
    31019919850101001x,2024年2月29日,\"the same, otherwise\"\n\
    310199198501010011,20240229,a wrong check\n\
    ,20240229,nothing\n\
    31019919850101001X,45231,a day of a spreadsheet\n\
    3.10199E+17\n\
    31019919850101001X,20990101,\"a later\nday\"\n";

fn question(source: &Path, rejects: Option<&Path>) -> Question {
    Question {
        source: source.to_str().unwrap().to_owned(),
        key_columns: vec!["id".to_owned(), "day".to_owned()],
        key_types: vec![KeyType::ResidentId, KeyType::Date],
        settings: Settings::default(),
        dates: Some(("day".to_owned(), CalendarDate::new(2026, 3, 1).unwrap())),
        rejects: rejects.map(|path| Rejects {
            address: path.to_str().unwrap().to_owned(),
            overwrite: false,
            explain: Reason::english,
        }),
    }
}

fn ask(question: &Question, space: &Space) -> Result<Quality, RunError> {
    let pool = ComputePool::new(2).unwrap();
    examine(&Files::new(), question, space, &pool, &CancellationToken::new(), &|_| ())
}

#[test]
fn rows_are_counted_and_refused_ones_kept_as_they_stand() {
    let folder = tempfile::tempdir().unwrap();
    let (source, rejects) = (folder.path().join("a.csv"), folder.path().join("rejects.csv"));
    fs::write(&source, DIRTY).unwrap();
    let quality = ask(&question(&source, Some(&rejects)), &Space::default()).unwrap();
    let tally = &quality.tally;
    assert_eq!((tally.rows(), tally.keyed(), tally.missing(), tally.refused()), (7, 3, 2, 2));
    assert_eq!((quality.distinct, quality.duplicate_rows, quality.rejected), (2, 1, Some(2)));
    let refusal = |column, reason| (Refusal { column, reason }, 1);
    let expected = [refusal(0, Reason::CheckDigit), refusal(1, Reason::DayNumber)];
    assert_eq!(tally.refusals().collect::<Vec<_>>(), expected);
    assert!(tally.warnings().any(|(warning, rows)| (warning, rows) == (Warning::LowerCase, 1)));
    let newest = CalendarDate::new(2024, 2, 29);
    assert_eq!(quality.dates, Some(Dates { newest, later: 1, unreadable: 1 }));

    let written = fs::read_to_string(&rejects).unwrap();
    let (check, day) = (Reason::CheckDigit.english(), Reason::DayNumber.english());
    let expected = format!(
        "id,day,note,{}\n310199198501010011,20240229,a wrong check,3,id,check-digit,{check}\n\
         31019919850101001X,45231,a day of a spreadsheet,5,day,spreadsheet-day-number,{day}\n",
        REJECT_COLUMNS.join(",")
    );
    assert_eq!(written, expected);
    assert_eq!(fs::metadata(&rejects).unwrap().permissions().mode() & 0o777, 0o600);

    let error = ask(&question(&source, Some(&rejects)), &Space::default()).unwrap_err();
    assert!(matches!(error, RunError::Records(RecordError::Exists(_))), "{error}");
    assert_eq!(fs::read_to_string(&rejects).unwrap(), written);
}

/// A job examines its rows as `check` does.
#[tokio::test]
async fn a_job_refuses_who_was_born_later_and_keeps_refused_rows_at_its_own_side() {
    let ours = "id,name\n31019919850101001X,a\n310199198501010011,b\n";
    let sides = Sides::new(ours.as_bytes(), b"id,category\n31019919850101001X,x\n");
    let rejects = sides.output("shanghai").with_file_name("rejects.csv");
    let mut spec = spec(Mode::Membership);
    spec.key_types = vec![KeyType::ResidentId];
    for (year, found) in [(1986, 1), (1984, 0)] {
        let mut shanghai = sides.run("shanghai", spec.clone());
        let Input::Dataset { examining, overwrite, .. } = &mut shanghai.input else { panic!("it has a dataset") };
        *overwrite = true;
        examining.settings.snapshot = CalendarDate::new(year, 1, 1);
        examining.rejects = question(Path::new(""), Some(&rejects)).rejects;
        examining.rejects.as_mut().unwrap().overwrite = true;
        let (shanghai, anhui) = meet(shanghai, sides.run("anhui", spec.clone())).await;
        assert_eq!(shanghai.unwrap().matched, Some(found));
        anhui.unwrap();
        let written = fs::read_to_string(&rejects).unwrap();
        let mut reasons: Vec<&str> = written.lines().skip(1).map(|row| row.split(',').nth(4).unwrap()).collect();
        assert_eq!(reasons.pop(), Some("check-digit"));
        assert_eq!(reasons, if found == 1 { vec![] } else { vec!["date-after-snapshot"] });
    }
    assert!(sides.untouched("anhui"));
}

#[test]
fn the_order_of_rows_and_all_counts_are_the_same_out_of_core() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("large.csv");
    // More than one batch; every seventh row is refused, every tenth of the others repeats a key.
    let rows: String = (0..30_000)
        .map(|row| match row {
            _ if row % 7 == 0 => format!("{row},\n"),
            _ => format!("{row},2024{:02}{:02}\n", 1 + row % 12, 1 + row % 28),
        })
        .collect();
    fs::write(&source, format!("number,day\n{rows}")).unwrap();
    let asked = |name: &str, space: &Space| {
        let rejects = folder.path().join(name);
        let question = Question {
            key_columns: vec!["number".to_owned()],
            key_types: vec![KeyType::Region],
            ..question(&source, Some(&rejects))
        };
        (ask(&question, space).unwrap(), fs::read_to_string(&rejects).unwrap())
    };
    let (in_memory, one) = asked("one.csv", &Space::default());
    let narrow = Space { folder: folder.path().to_owned(), memory: 1 << 10, ..Space::default() };
    let (on_disk, other) = asked("other.csv", &narrow);
    assert!(in_memory == on_disk && one == other);
    let numbers: Vec<u64> =
        other.lines().skip(1).map(|line| line.split(',').nth(2).unwrap().parse().unwrap()).collect();
    assert!(!numbers.is_empty() && numbers.is_sorted());
    assert_eq!(Some(numbers.len() as u64), on_disk.rejected);
}

#[test]
fn who_cancels_or_cannot_read_has_no_reject_file() {
    let folder = tempfile::tempdir().unwrap();
    let (source, rejects) = (folder.path().join("a.csv"), folder.path().join("rejects.csv"));
    fs::write(&source, format!("{DIRTY}one,too,many,fields\n")).unwrap();
    let asked = question(&source, Some(&rejects));
    assert_eq!(ask(&asked, &Space::default()).unwrap_err().exit_code(), 3);
    let cancel = CancellationToken::new();
    cancel.cancel();
    let error =
        examine(&Files::new(), &asked, &Space::default(), &ComputePool::new(1).unwrap(), &cancel, &|_| ()).unwrap_err();
    assert!(matches!(error, RunError::Cancelled(_)), "{error}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    let wrong = Question { key_types: vec![KeyType::Raw], ..asked };
    assert_eq!(ask(&wrong, &Space::default()).unwrap_err().exit_code(), 2);
}

#[test]
fn a_reject_file_has_one_encoding() {
    let folder = tempfile::tempdir().unwrap();
    let (source, rejects) = (folder.path().join("a.csv"), folder.path().join("rejects.csv"));
    // 身份证号 in GBK.
    fs::write(&source, b"\xc9\xed\xb7\xdd\xd6\xa4\xba\xc5\n31\n").unwrap();
    let rejects_to =
        Rejects { address: rejects.to_str().unwrap().to_owned(), overwrite: false, explain: Reason::chinese };
    let asked = Question {
        key_columns: vec!["身份证号".to_owned()],
        key_types: vec![KeyType::ResidentId],
        dates: None,
        rejects: Some(rejects_to),
        source: format!("{}?encoding=gb18030", source.display()),
        ..question(&source, None)
    };
    ask(&asked, &Space::default()).unwrap();
    let written = fs::read(&rejects).unwrap();
    // 长度不对 in GBK.
    let row = b"31,1,\xc9\xed\xb7\xdd\xd6\xa4\xba\xc5,wrong-length,\xb3\xa4\xb6\xc8\xb2\xbb\xb6\xd4\n";
    assert!(written.ends_with(row), "{}", written.escape_ascii());
}
