//! Results as people of a province list them, take them out and delete them, with the program itself.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod support;

use std::{fs, os::unix::fs::PermissionsExt};

use support::{
    borrowed, errors, fails,
    site::{Site, names},
    text, yuandang,
};

/// Arguments of a `result` command as somebody at Shanghai's node.
fn result(site: &Site, duty: &str, action: &[&str]) -> Vec<String> {
    let mut arguments = site.as_person("shanghai", duty, action);
    arguments[0] = "result".to_owned();
    arguments
}

#[test]
fn a_result_is_listed_taken_out_and_deleted() {
    let site = Site::new(400, 200, 50);
    site.person("shanghai", "k-1", "operator");
    site.person("shanghai", "k-2", "approver");
    let _servers = ["coordinator", "shanghai", "anhui"].map(|name| site.start(name));
    assert!(site.results("shanghai", &["list"]).as_array().unwrap().is_empty());
    let done = site.ask(&["submit", "--watch", "--file", &site.job(&[])]);
    let job = done["job_id"].as_str().unwrap();
    let listed = site.results("shanghai", &["list"]);
    assert_eq!(
        (&listed[0]["job_id"], &listed[0]["rows"], &listed[0]["state"]),
        (&job.into(), &50.into(), &"kept".into())
    );
    assert!(site.results("shanghai", &["list", "--overdue"]).as_array().unwrap().is_empty());

    // Not without a purpose, not by an approver, not over a file that is there; and then nothing is there.
    let output = site.path("aid.csv");
    let why = ["--purpose", "student aid", "--case", "2026/7", "--output", &output];
    let said = fails(2, &borrowed(&result(&site, "operator", &["export", job, "--output", &output])));
    assert!(said.contains("--purpose") && said.contains("--case"), "{said}");
    let said = fails(4, &borrowed(&result(&site, "approver", &[&["export", job], &why[..]].concat())));
    assert!(said.contains("an operator of this participant"), "{said}");
    assert!(!names(&site.path("")).iter().any(|name| name.contains("aid")));
    fs::write(&output, "precious").unwrap();
    let said = fails(2, &borrowed(&result(&site, "operator", &[&["export", job], &why[..]].concat())));
    assert!(said.contains("exists already"), "{said}");
    assert_eq!(site.results("shanghai", &["list"])[0]["exports"], 0);

    let taken = site.results("shanghai", &[&["export", job, "--overwrite"], &why[..]].concat());
    assert_eq!((&taken["rows"], &taken["output"]), (&50.into(), &output.as_str().into()));
    let content = fs::read_to_string(&output).unwrap();
    assert_eq!((content.lines().count(), fs::metadata(&output).unwrap().permissions().mode() & 0o777), (51, 0o600));
    let parquet = site.path("aid.parquet");
    let why = ["--purpose", "student aid", "--case", "2026/7", "--output", &parquet];
    site.results("shanghai", &[&["export", job], &why[..]].concat());
    assert!(fs::read(&parquet).unwrap().starts_with(b"PAR1"));
    assert_eq!(site.results("shanghai", &["list"])[0]["exports"], 2);

    let plain = result(&site, "operator", &["list"]);
    let plain: Vec<&str> = borrowed(&plain).into_iter().filter(|word| *word != "--format" && *word != "json").collect();
    for (lang, wanted) in [("en", "kept until"), ("zh", "保留至")] {
        let said = text(&yuandang(&[&["--lang", lang], &plain[..]].concat()));
        assert!(said.contains(wanted) && said.contains(job), "{said}");
    }

    let deleted = yuandang(&borrowed(&result(&site, "approver", &["delete", job, "--reason", "the case is closed"])));
    assert_eq!(deleted.status.code(), Some(0), "{}", errors(&deleted));
    assert!(site.sealed("shanghai").is_empty() && names(&site.path("shanghai/results/keys")).is_empty());
    let why = ["--purpose", "student aid", "--case", "2026/8", "--output", "never.csv"];
    let said = fails(2, &borrowed(&result(&site, "operator", &[&["export", job], &why[..]].concat())));
    assert!(said.contains("the case is closed"), "{said}");
    let listed = site.results("shanghai", &["list"]);
    assert_eq!((&listed[0]["state"], &listed[0]["cause"]), (&"deleted".into(), &"the case is closed".into()));
}
