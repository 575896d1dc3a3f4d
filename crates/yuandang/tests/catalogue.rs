//! `catalogue` as an operator uses it: files with wrong rows, an import of a whole province, and what others then find.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod support;

use std::{fmt::Write as _, fs};

use serde_json::Value;
use support::{Files, errors, fails, json, site::Site, text, yuandang};

const SAMPLE: &str = include_str!("../../../examples/catalogue.csv");

/// The sample with some values of one row changed: the number of the row, from 1, a value, what takes its place.
fn damaged(changes: &[(usize, &str, &str)]) -> String {
    let mut lines: Vec<String> = SAMPLE.lines().map(str::to_owned).collect();
    for (row, from, to) in changes {
        assert!(lines[*row].contains(from), "row {row} has no {from:?}");
        lines[*row] = lines[*row].replacen(from, to, 1);
    }
    lines.join("\n") + "\n"
}

const WRONG: [(usize, &str, &str); 3] =
    [(2, "205002/0001", "205002"), (4, "11330099", "11330098"), (4, "每季度", "每世纪")];

/// So many entries of datasets that are made up.
fn many(number: usize) -> String {
    let (header, rows) = SAMPLE.split_once('\n').unwrap();
    let row = rows.lines().next().unwrap();
    (0..number).fold(format!("{header}\n"), |mut all, one| {
        let row = row.replacen("students", &format!("list-{one}"), 1);
        writeln!(all, "{}", row.replacen("204001/0001", &format!("204001/{one:04}"), 1)).unwrap();
        all
    })
}

fn faults(report: &Value) -> Vec<(u64, &str)> {
    let wrong = report["wrong"].as_array().unwrap();
    wrong.iter().map(|one| (one["row"].as_u64().unwrap(), one["field"].as_str().unwrap())).collect()
}

/// Runs `catalogue` for a participant of the site; status and JSON.
fn catalogue(site: &Site, who: &str, arguments: &[&str]) -> (i32, Value) {
    let config = site.path(&format!("{who}/config.toml"));
    let output = yuandang(&[&["catalogue"], arguments, &["--config", &config, "--format", "json"]].concat());
    let shown = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
    (output.status.code().unwrap(), if shown.is_null() { errors(&output).into() } else { shown })
}

#[test]
fn a_file_is_checked_here_and_every_wrong_field_is_named() {
    let files = Files::new(0);
    files.write("right.csv", SAMPLE);
    let report = json(&["catalogue", "check", &files.path("right.csv"), "--format", "json"]);
    assert_eq!((&report["rows"], &report["right"], &report["dry_run"]), (&12.into(), &12.into(), &true.into()));

    files.write("wrong.csv", &damaged(&WRONG));
    let output = yuandang(&["catalogue", "check", &files.path("wrong.csv"), "--format", "json"]);
    assert_eq!(output.status.code(), Some(3));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(faults(&report), [(2, "code"), (4, "provider_code"), (4, "update_cycle")]);
    assert_eq!((&report["right"], &report["wrong_rows"]), (&10.into(), &2.into()));

    for (lang, words) in [
        (
            "en",
            ["row 2 (hardship): code:", "row 4 (student-aid-register): provider_code:", "half-yearly", "2 of 12 rows"],
        ),
        ("zh", ["第 2 行（hardship），信息资源代码", "校验码不符", "“每世纪”不在取值范围内", "12 行中有 2 行有误"]),
    ] {
        let output = yuandang(&["--lang", lang, "catalogue", "check", &files.path("wrong.csv")]);
        let said = text(&output) + &errors(&output);
        for words in words {
            assert!(said.contains(words), "{words}: {said}");
        }
    }
    fails(3, &["catalogue", "check", &files.path("none.csv")]);
    fails(2, &["catalogue", "show", "anhui"]);
}

#[test]
fn an_import_takes_what_is_right_and_others_find_it_until_it_is_withdrawn() {
    let site = Site::new(40, 20, 5);
    let _coordinator = site.start("coordinator");
    let (identity, file) = (site.path("anhui/identity.key"), site.path("catalogue.csv"));
    fs::write(&file, damaged(&WRONG)).unwrap();
    let import = |more: &[&str]| {
        catalogue(&site, "anhui", &[&["import", &file, "--identity", &identity, "--no-sample"], more].concat())
    };
    let search = |more: &[&str]| catalogue(&site, "shanghai", &[&["search"], more].concat()).1;

    // Nothing changes.
    let (status, report) = import(&["--dry-run"]);
    assert_eq!((status, &report["dry_run"], &report["published"]), (3, &true.into(), &0.into()));
    assert_eq!(search(&[])["total"], 0);

    let (status, report) = import(&[]);
    assert_eq!(status, 3);
    assert_eq!((&report["published"], &report["wrong_rows"]), (&10.into(), &2.into()));
    assert_eq!(faults(&report), [(2, "code"), (4, "provider_code"), (4, "update_cycle")]);
    assert_eq!(search(&[])["total"], 10);

    let (status, report) = import(&["--partial"]);
    assert_eq!((status, &report["published"], &report["known"]), (0, &0.into(), &10.into()));
    fs::write(&file, SAMPLE).unwrap();
    let (status, report) = import(&[]);
    assert_eq!((status, &report["known"], &report["published"]), (0, &10.into(), &2.into()), "{report}");
    // The hardship list is at this node, so a sample of it was taken whatever was said.
    let (_, shown) = catalogue(&site, "shanghai", &["show", "anhui/hardship"]);
    assert_eq!(shown["entry"]["sampled"], true);

    let found = search(&["公积金", "--domain", "housing", "--key-type", "resident-id"]);
    assert_eq!((&found["total"], &found["entries"][0]["dataset"]), (&1.into(), &"fund-withdrawals".into()));
    assert_eq!(search(&["--sharing", "not-shared"])["total"], 1);
    assert_eq!(search(&["--provider", "shanghai"])["total"], 0);

    let (status, shown) = catalogue(&site, "shanghai", &["show", "anhui/fund-withdrawals"]);
    assert_eq!((status, &shown["pinned"], &shown["published"]), (0, &true.into(), &true.into()));
    assert_eq!((&shown["entry"]["sampled"], &shown["entry"]["quota"]), (&false.into(), &366.into()));

    let reason = ["withdraw", "fund-withdrawals", "--identity", &identity, "--reason", "moved"];
    let (status, withdrawn) = catalogue(&site, "anhui", &reason);
    assert_eq!((status, &withdrawn["version"]), (0, &1.into()), "{withdrawn}");
    assert_eq!(search(&["公积金提取"])["total"], 0);
    let (_, shown) = catalogue(&site, "shanghai", &["show", "anhui/fund-withdrawals"]);
    assert_eq!((&shown["published"], &shown["withdrawn_because"]), (&false.into(), &"moved".into()));
    // What was withdrawn does not come back under its version, and the row says so.
    let (status, report) = import(&["--partial"]);
    assert_eq!((status, faults(&report)), (0, vec![(8, "dataset")]));

    // A key that is not pinned for the participant publishes nothing.
    let other = site.path("shanghai/identity.key");
    let (status, said) = catalogue(&site, "anhui", &["import", &file, "--identity", &other, "--no-sample"]);
    assert_eq!(status, 4, "{said}");
    // Nor does a node that has no key to sign with.
    let path = site.path("anhui/config.toml");
    let config = fs::read_to_string(&path).unwrap();
    fs::write(&path, config.replace("signing_key = \"identity.key\"\n", "")).unwrap();
    let (status, said) = catalogue(&site, "anhui", &["import", &file, "--no-sample"]);
    assert_eq!(status, 2, "{said}");
}

#[test]
fn six_hundred_entries_are_imported_and_paged_through() {
    let site = Site::new(40, 20, 5);
    let _coordinator = site.start("coordinator");
    let (identity, file) = (site.path("anhui/identity.key"), site.path("catalogue.csv"));
    fs::write(&file, many(600)).unwrap();
    let (status, report) = catalogue(&site, "anhui", &["import", &file, "--identity", &identity, "--no-sample"]);
    assert_eq!((status, &report["published"], &report["wrong"]), (0, &600.into(), &Value::Array(Vec::new())));
    let (mut seen, mut page) = (0, 0);
    loop {
        let number = page.to_string();
        let (_, found) = catalogue(&site, "shanghai", &["search", "--limit", "100", "--page", &number]);
        assert_eq!(found["total"], 600);
        seen += found["entries"].as_array().unwrap().len();
        match found["next_page"].as_u64() {
            Some(next) => page = next,
            None => break,
        }
    }
    assert_eq!(seen, 600);
}

#[test]
fn a_dataset_of_this_node_is_published_only_if_its_rows_conform() {
    let site = Site::new(200, 100, 10);
    let _coordinator = site.start("coordinator");
    let (identity, file, list) =
        (site.path("anhui/identity.key"), site.path("one.csv"), site.path("anhui/hardship.csv"));
    let (header, rows) = SAMPLE.split_once('\n').unwrap();
    let source = fs::read_to_string(&list).unwrap();
    let columns: Vec<&str> = source.lines().next().unwrap().split(',').collect();
    let items = columns.iter().map(|column| format!("{column}:C")).collect::<Vec<_>>().join(";");
    let mut row: Vec<String> = rows.lines().nth(1).unwrap().split(',').map(str::to_owned).collect();
    let place = header.split(',').position(|name| name == "信息项").unwrap();
    row[place] = items;
    fs::write(&file, format!("{header}\n{}\n", row.join(","))).unwrap();
    let publish =
        |more: &[&str]| catalogue(&site, "anhui", &[&["publish", &file, "--identity", &identity], more].concat());

    // One row in ten gets a number that cannot be.
    let dirty = source.lines().enumerate().map(|(number, line)| match line.split_once(',') {
        Some((_, rest)) if number % 10 == 1 => format!("310199198501010011,{rest}\n"),
        _ => format!("{line}\n"),
    });
    assert_eq!(columns[0], "id_no");
    fs::write(&list, dirty.collect::<String>()).unwrap();
    // That nobody wants a sample does not help where the data is here.
    for more in [&[][..], &["--no-sample"]] {
        let (status, said) = publish(more);
        let said = said.as_str().unwrap();
        assert_eq!(status, 3, "{said}");
        assert!(said.contains("10 of 100 sampled rows") && said.contains("more than 5 percent"), "{said}");
    }
    let (status, published) = publish(&["--fail-above", "10"]);
    assert_eq!((status, &published["sampled"], &published["known"]), (0, &true.into(), &false.into()), "{published}");
    let (_, shown) = catalogue(&site, "shanghai", &["show", "anhui/hardship", "--version", "1"]);
    assert_eq!((&shown["entry"]["sampled"], &shown["entry"]["dataset"]["version"]), (&true.into(), &1.into()));
}
