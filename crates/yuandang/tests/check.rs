//! `check` on dirty files: what it counts, what it keeps, and that it says nothing of anybody.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod support;

use std::{collections::BTreeMap, fs, os::unix::fs::PermissionsExt};

use serde_json::Value;
use support::{Files, errors, fails, json, text, yuandang};

/// A file as a department exports it, and for each damage the type, the value and the reason.
const DAMAGES: [(&str, &str, &str); 17] = [
    ("resident-id", "3.10199E+17", "scientific-notation"),
    ("resident-id", "310199198501010000", "lost-last-digits"),
    ("resident-id", "310199198501010011.00", "decimal-number"),
    ("resident-id", "310199198501010011", "check-digit"),
    ("resident-id", "310199198502300019", "impossible-date"),
    ("resident-id", "310199184901010011", "date-too-early"),
    ("resident-id", "810199850101001", "not-convertible"),
    ("resident-id", "3101991985010100", "wrong-length"),
    ("resident-id", "31019919850101001?", "lost-character"),
    ("resident-id", "31019919850101001Y", "unexpected-character"),
    ("mobile", "1.38E+10", "scientific-notation"),
    ("mobile", "13800000000.0", "decimal-number"),
    ("mobile", "12800000000", "not-a-mobile-number"),
    ("ebill", "4060124|0000000001|1234ab", "lost-leading-zeros"),
    ("date", "45231", "spreadsheet-day-number"),
    ("date", "2024111", "ambiguous-date"),
    ("date", "20230229", "impossible-date"),
];

/// All that a program reads of a check.
fn checked(file: &str, key: &str, key_type: &str, more: &[&str]) -> Value {
    let arguments = ["check", file, "--key", key, "--key-type", key_type, "--format", "json"];
    json(&[&arguments[..], more].concat())
}

/// The first column of a file of made-up values, which have no commas but in quotes behind it.
fn first_column(text: &str) -> Vec<String> {
    text.lines().skip(1).map(|line| line.split(',').next().unwrap().trim_matches('"').to_owned()).collect()
}

#[test]
fn every_damage_of_a_spreadsheet_has_its_reason() {
    let files = Files::new(0);
    for (key_type, value, reason) in DAMAGES {
        files.write("one.csv", &format!("key,note\n{value},x\n"));
        let report = checked(&files.path("one.csv"), "key", key_type, &[]);
        let refused = serde_json::json!([{"column": "key", "reason": reason, "rows": 1}]);
        assert_eq!(
            (&report["refused"], &report["rows"], &report["keyed"]),
            (&refused, &1.into(), &0.into()),
            "{value}"
        );
    }
}

#[test]
fn a_dirty_list_is_counted_and_its_refused_rows_kept() {
    let files = Files::new(0);
    let dir = files.folder().to_str().unwrap();
    let generate = ["generate", "--residents", "--receiver", "10", "--sender", "1000", "--overlap", "5"];
    let output = yuandang(&[&generate[..], &["--dirt", "40,2.5", "--out-dir", dir]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    let [file, rejects, page] = ["sender.csv", "rejects.csv", "report.html"].map(|name| files.path(name));
    let more = ["--rejects", &rejects, "--output", &page];
    let report = checked(&file, "id_no", "resident-id", &more);

    assert_eq!((&report["rows"], &report["keyed"], &report["distinct"]), (&1000.into(), &975.into(), &975.into()));
    assert_eq!(report["duplicate_rows"], 0);
    let refused_rows = report["refused_rows"].as_u64().unwrap();
    assert_eq!(refused_rows + report["missing"].as_u64().unwrap(), 25);
    let by_reason = report["refused"].as_array().unwrap();
    assert_eq!(by_reason.iter().map(|one| one["rows"].as_u64().unwrap()).sum::<u64>(), refused_rows);
    assert_eq!(report["rejects"], serde_json::json!({"file": rejects, "rows": refused_rows}));
    assert!(!report["warnings"].as_array().unwrap().is_empty());

    // Just the rows whose value has no canonical form, in their order, each as it stood.
    let source = files.read("sender.csv");
    let expected: Vec<(usize, &str)> =
        source.lines().skip(1).enumerate().filter(|(_, row)| is_refused(row)).map(|(at, row)| (at + 1, row)).collect();
    let kept = files.read("rejects.csv");
    let mut kept = kept.lines();
    let header =
        source.lines().next().unwrap().to_owned() + ",reject_row,reject_column,reject_reason,reject_explanation";
    assert_eq!(kept.next(), Some(header.as_str()));
    let kept: Vec<&str> = kept.collect();
    assert_eq!((kept.len(), kept.len() as u64), (expected.len(), refused_rows));
    for ((number, row), kept) in expected.into_iter().zip(kept) {
        assert!(kept.starts_with(&format!("{row},{number},id_no,")), "row {number}");
    }
    assert_eq!(fs::metadata(&rejects).unwrap().permissions().mode() & 0o777, 0o600);

    // In words, and as a page: no value of any row.
    let output = yuandang(&["check", &file, "--key", "id_no", "--key-type", "resident-id"]);
    assert_eq!(output.status.code(), Some(0));
    let said = text(&output);
    assert!(said.lines().all(|line| line.chars().count() <= 80), "{said}");
    assert!(!said.contains('\u{1b}') && said.contains("█"), "{said}");
    let told = [said, report.to_string(), files.read("report.html"), errors(&output)].concat();
    for row in source.lines().skip(1) {
        for value in row.split(',').filter(|value| value.chars().count() > 1) {
            assert!(!told.contains(value), "a value is told");
        }
    }
    assert_eq!(fails(2, &["check", &file, "--key", "id_no", "--rejects", &rejects]).lines().count(), 1);
    assert_eq!(fails(2, &["check", &file, "--key", "id_no", "--output", &page]).lines().count(), 1);
    for same in [&file, &format!("file:{file}"), &format!("file://localhost{file}")] {
        let arguments = ["check", &file, "--key", "id_no", "--rejects", same, "--overwrite"];
        assert!(fails(2, &arguments).contains("inputs"), "{same}");
    }
    assert_eq!(files.read("sender.csv"), source);
    let replaced = checked(&file, "id_no", "resident-id", &[&more[..], &["--overwrite"]].concat());
    assert_eq!(replaced["rejects"], report["rejects"]);
}

/// Whether the data standard refuses the first value of a row.
fn is_refused(row: &str) -> bool {
    let value = &first_column(&format!("\n{row}"))[0];
    let (settings, mut warnings) = (records::standard::Settings::default(), records::Warnings::NONE);
    let canonical = records::KeyType::ResidentId.canonical(value.as_bytes(), &settings, &mut warnings);
    matches!(canonical, Err(records::standard::Flaw::Refused(_)))
}

#[test]
fn several_columns_are_told_apart_and_repeats_counted() {
    let files = Files::new(0);
    let rows = [
        "31019919850101001X,张三",
        "３１０１９９１９８５０１０１００１x,张 三",
        "310199198501010011,李四",
        "31019919850101001X,",
        "31019919850101001X,a?",
    ];
    files.write("list.csv", &format!("id,name\n{}\n", rows.join("\n")));
    let report = checked(&files.path("list.csv"), "id,name", "resident-id,name", &[]);
    assert_eq!((&report["distinct"], &report["duplicate_rows"], &report["missing"]), (&1.into(), &1.into(), &1.into()));
    let refused: BTreeMap<&str, &str> = report["refused"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["column"].as_str().unwrap(), one["reason"].as_str().unwrap()))
        .collect();
    assert_eq!(refused, BTreeMap::from([("id", "check-digit"), ("name", "lost-character")]));
    fails(2, &["check", &files.path("list.csv"), "--key", "id,name", "--key-type", "resident-id"]);
    assert!(fails(2, &["check", &files.path("list.csv"), "--key", "number"]).contains("the columns are: id, name"));
    fails(3, &["check", &files.path("none.csv"), "--key", "id"]);
}

#[test]
fn it_speaks_chinese_on_screen_and_page() {
    let files = Files::new(0);
    files.write("list.csv", "证号,<b>\n3.10199E+17,x\n'31019919850101001X,x\n");
    let (file, page) = (files.path("list.csv"), files.path("报告.html"));
    let arguments =
        ["--lang", "zh", "check", &file, "--key", "证号,<b>", "--key-type", "resident-id,name", "--output", &page];
    let output = yuandang(&arguments);
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    let said = text(&output);
    for word in ["行数", "被拒绝的行", "被电子表格转成科学计数法", "文本标记（前导撇号）", "文件最后修改时间"]
    {
        assert!(said.contains(word), "{word}: {said}");
    }
    let page = files.read("报告.html");
    assert!(page.contains("lang=\"zh-Hans\"") && page.contains("数据质量报告") && page.contains("不含任何记录的内容"));
    // A name is text wherever it stands, and nothing is fetched.
    assert!(page.contains("&lt;b&gt;") && !page.contains("<code><b>"));
    assert!(!page.contains("http:") && !page.contains("https:") && !page.contains("<script") && !page.contains("url("));
}

#[test]
fn the_age_is_that_of_the_file_a_column_or_as_given() {
    let files = Files::new(0);
    files.write("list.csv", "id,day\n1,20240229\n2,2023-01-01\n3,29990101\n4,soon\n");
    let file = files.path("list.csv");
    let snapshot = |more: &[&str]| checked(&file, "id", "raw", more)["snapshot"].clone();
    let of_file = snapshot(&[]);
    assert_eq!(of_file["from"], "file-modified");
    assert!(of_file["age_days"].as_i64().is_some_and(|days| (0..=1).contains(&days)), "{of_file}");
    let of_column = snapshot(&["--snapshot-date", "day"]);
    assert_eq!((&of_column["from"], &of_column["date"]), (&"column".into(), &"2024-02-29".into()));
    assert_eq!((&of_column["later_dates"], &of_column["unreadable_dates"]), (&1.into(), &1.into()));
    assert_eq!(snapshot(&["--snapshot-date", "20240301"])["date"], "2024-03-01");
    fails(2, &["check", &file, "--key", "id", "--snapshot-date", "daz"]);
    assert!(fails(2, &["check", &file, "--key", "id", "--snapshot-date", "29990101"]).contains("future"));
    // Nobody in it is born later.
    files.write("born.csv", "id\n31019919850101001X\n");
    let refused =
        |day| checked(&files.path("born.csv"), "id", "resident-id", &["--snapshot-date", day])["refused"].clone();
    assert_eq!(refused("19841231")[0]["reason"], "date-after-snapshot");
    assert_eq!(refused("19850101"), serde_json::json!([]));
}

#[test]
fn too_many_rows_of_no_use_fail_once_they_are_told() {
    let files = Files::new(0);
    files.write("list.csv", "id\n31019919850101001X\n310199198501010011\n \n3.10199E+17\n");
    let file = files.path("list.csv");
    let status = |most| {
        let arguments = ["check", &file, "--key", "id", "--key-type", "resident-id", "--fail-above", most];
        let output = yuandang(&arguments);
        assert!(text(&output).contains("check-digit"));
        output.status.code()
    };
    assert_eq!((status("75"), status("74.9"), status("0")), (Some(0), Some(3), Some(3)));
    files.write("list.csv", "id\n");
    let report = checked(&file, "id", "resident-id", &["--fail-above", "0"]);
    assert_eq!((&report["rows"], &report["refused"]), (&0.into(), &serde_json::json!([])));
}

#[test]
fn a_planned_job_is_estimated_before_anything_leaves() {
    let files = Files::new(100);
    let file = files.path("students.csv");
    let plan = ["--peer-rows", "100000000", "--mode", "labelled", "--role", "sender", "--protocol", "vole"];
    let report = checked(&file, "id", "raw", &[&plan[..], &["--network", "20,100", "--threads", "2"]].concat());
    let estimate = &report["estimate"];
    assert_eq!((&estimate["items"], &estimate["peer_items"]), (&report["distinct"], &100_000_000.into()));
    assert_eq!((&estimate["bins"], &estimate["network"]), (&96.into(), &"20,100".into()));
    for field in ["seconds", "bytes_sent", "bytes_received", "memory_bytes"] {
        assert!(estimate[field].as_f64().unwrap() > 0.0, "{field}");
    }
    assert!(checked(&file, "id", "raw", &[])["estimate"].is_null());
    let output = yuandang(&[&["check", &file, "--key", "id"], &plan[..]].concat());
    assert!(text(&output).contains("memory here"), "{}", text(&output));
    fails(2, &["check", &file, "--key", "id", "--peer-rows", "5", "--mode", "sum"]);
    fails(2, &["check", &file, "--key", "id", "--mode", "both"]);
}
