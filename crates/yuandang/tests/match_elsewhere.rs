//! `match` on what is no CSV file of this disk, and what it leaves where it keeps what does not fit into memory.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::fmt::Write;

use records::{Datasets, Record};
use support::{Files, command, errors, json};
use throwaway::{ObjectServer, Postgres, USER};

/// Runs `match` and gives how many keys both have.
fn matched(arguments: &[&str]) -> u64 {
    json(&[&["match"][..], arguments, &["--format", "json"]].concat())["matched"].as_u64().unwrap()
}

/// The names of the columns, and all rows.
fn rows(address: &str) -> Vec<Vec<String>> {
    let mut source = datasets::Files::new().open(address).unwrap();
    let (mut record, mut rows) = (Record::default(), vec![source.columns().to_vec()]);
    while source.read(&mut record).unwrap() {
        rows.push(record.fields().map(|value| String::from_utf8(value.to_vec()).unwrap()).collect());
    }
    rows
}

/// The label stands in no table: the database computes it.
#[test]
fn labels_of_a_query_come_to_a_table() {
    let Some(server) = Postgres::shared() else { return };
    server.sql(
        "CREATE TABLE hardship AS SELECT 'P' || n AS person, n % 9 * 100 AS income FROM generate_series(100, 299) n",
    );
    let (files, mut students) = (Files::new(0), "id,name\n".to_owned());
    let mut expected = vec![["id", "name", "level"].map(str::to_owned).to_vec()];
    for number in 0..200 {
        let (id, name) = (format!("P{number}"), format!("张, {number}"));
        writeln!(students, "{id},\"{name}\"").unwrap();
        let level = match number % 9 {
            0..3 => "severe",
            3..6 => "poor",
            _ => "none",
        };
        if number >= 100 {
            expected.push(vec![id, name, level.to_owned()]);
        }
    }
    files.write("students.csv", &students);

    let database = server.address(USER, "postgres");
    let level = "CASE WHEN income < 300 THEN 'severe' WHEN income < 600 THEN 'poor' ELSE 'none' END AS level";
    let sender = format!("{database}&query=SELECT person, {level} FROM hardship");
    let (receiver, output) = (files.path("students.csv"), format!("{database}&table=public.aid"));
    let sides = ["--receiver", &receiver, "--sender", &sender, "--key", "id", "--sender-key", "person"];
    assert_eq!(matched(&[&sides[..], &["--label", "level", "--output", &output]].concat()), 100);
    // A table has no order.
    let mut written = rows(&output);
    written.sort();
    expected.sort();
    assert_eq!(written, expected);
}

#[test]
fn parquet_goes_out_and_comes_in_at_both_sides() {
    let files = Files::new(120);
    let parquet = |name: &str, key: &str| {
        let (from, to) = (files.path(&format!("{name}.csv")), files.path(&format!("{name}.parquet")));
        // Matched with itself, a file keeps all rows that have a key.
        matched(&["--receiver", &from, "--sender", &from, "--key", key, "--output", &to]);
        to
    };
    let (receiver, sender) = (parquet("students", "id"), parquet("list", "person"));
    let sides = ["--receiver", &receiver, "--sender", &sender, "--key", "id", "--sender-key", "person"];
    for name in ["out.csv", "out.parquet"] {
        let output = files.path(name);
        let found = matched(&[&sides[..], &["--label", "kind", "--output", &output]].concat());
        assert_eq!(found, files.shared().len() as u64, "{name}");
    }
    assert_eq!(files.read("out.csv"), files.joined_students(true));
    assert_eq!(rows(&files.path("out.parquet")), rows(&files.path("out.csv")));
}

/// Runs `match` with what the environment says of two kinds of store, which are one server.
fn matched_in(server: &ObjectServer, arguments: &[&str]) -> std::process::Output {
    let mut command = command(&[&["match"][..], arguments].concat());
    for kind in ["AWS", "OSS"] {
        command.env(format!("{kind}_ENDPOINT"), server.endpoint()).env(format!("{kind}_ACCESS_KEY_ID"), "key");
    }
    command.env("AWS_SECRET_ACCESS_KEY", "secret").env("OSS_ACCESS_KEY_SECRET", "secret");
    command.env("AWS_REGION", "us-east-1").env("OSS_PATH_STYLE", "true").output().unwrap()
}

#[test]
fn objects_go_out_and_come_in_at_both_sides() {
    let Some(server) = ObjectServer::start("aid") else { return };
    let files = Files::new(120);
    // Matched with itself, a source keeps all rows that have a key.
    let copy = |from: &str, key: &str, to: &str| {
        matched_in(&server, &["--receiver", from, "--sender", from, "--key", key, "--output", to])
    };
    for (name, key, to) in
        [("students.csv", "id", "s3://aid/2026/students.csv"), ("list.csv", "person", "oss://aid/list.parquet")]
    {
        let copied = copy(&files.path(name), key, to);
        assert!(copied.status.success(), "{}", errors(&copied));
    }
    let sides =
        ["--receiver", "s3://aid/2026/students.csv", "--sender", "oss://aid/list.parquet", "--sender-key", "person"];
    let out = "s3://aid/out.csv";
    let run = || matched_in(&server, &[&sides[..], &["--key", "id", "--label", "kind", "--output", out]].concat());
    let found = run();
    assert!(found.status.success(), "{}", errors(&found));
    let again = run();
    assert!(again.status.code() == Some(2) && errors(&again).contains(out), "{}", errors(&again));
    assert!(copy(out, "id", &files.path("out.csv")).status.success());
    assert_eq!(files.read("out.csv"), files.joined_students(true));
}

/// What does not fit into memory, and what becomes of it when the run does not end well.
#[cfg(target_os = "linux")]
mod spilling {
    use std::{
        fs,
        path::{Path, PathBuf},
        process::{Child, Stdio},
    };

    use nix::{
        sys::signal::{Signal, kill},
        unistd::Pid,
    };

    use super::support::{Files, borrowed, command, fails, until};

    /// Rows of the sender, and bytes of each label: twice the 8 MiB that may wait in memory.
    const ROWS: usize = 16_000;
    const LABEL: usize = 1000;

    /// Two files, and a folder for what is spilled, by the name that the system knows it by.
    fn site() -> (Files, PathBuf) {
        let files = Files::new(0);
        let ids = |count: usize, after: &str| (0..count).map(|id| format!("P{id}{after}\n")).collect::<String>();
        files.write("ours.csv", &format!("id\n{}", ids(500, "")));
        files.write("theirs.csv", &format!("id,note\n{}", ids(ROWS, &format!(",{}", "x".repeat(LABEL)))));
        fs::create_dir(files.path("spilled")).unwrap();
        let folder = fs::canonicalize(files.path("spilled")).unwrap();
        (files, folder)
    }

    /// Arguments of `match` on these files, with as little memory as it takes.
    fn arguments(files: &Files, folder: &Path) -> Vec<String> {
        let (ours, theirs) = (files.path("ours.csv"), files.path("theirs.csv"));
        let sides = ["match", "--receiver", &ours, "--sender", &theirs, "--key", "id", "--label", "note"];
        let space = ["--memory", "16", "--threads", "1", "--protocol", "ecdh", "--temp-dir", folder.to_str().unwrap()];
        sides.iter().chain(&space).map(|&argument| argument.to_owned()).collect()
    }

    fn start(arguments: &[String]) -> Child {
        let mut command = command(&[]);
        command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// A process that has a file in the folder open which has no name there (proc(5), fd).
    fn holder(folder: &Path) -> Option<i32> {
        for entry in fs::read_dir("/proc").unwrap().flatten() {
            let Some(process) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else { continue };
            // It may have ended just now, or be somebody else's.
            let Ok(open) = fs::read_dir(entry.path().join("fd")) else { continue };
            let mut targets = open.flatten().filter_map(|file| fs::read_link(file.path()).ok());
            if targets.any(|file| file.starts_with(folder) && file.to_string_lossy().ends_with(" (deleted)")) {
                return Some(process);
            }
        }
        None
    }

    /// Waits until a party of the run has spilled, and gives its number.
    fn until_spilled(run: &mut Child, folder: &Path) -> i32 {
        until("a file that was spilled", || {
            let found = holder(folder);
            assert!(found.is_some() || run.try_wait().unwrap().is_none(), "it ended and was not seen to spill");
            found
        })
    }

    fn assert_empty(folder: &Path) {
        let left: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(left.is_empty(), "{left:?}");
    }

    #[test]
    fn nothing_is_left_of_it_by_a_kill() {
        let (files, folder) = site();
        let mut run = start(&arguments(&files, &folder));
        let party = until_spilled(&mut run, &folder);
        // Both at once, so that nobody is there to tidy up.
        kill(Pid::from_raw(party), Signal::SIGKILL).unwrap();
        run.kill().unwrap();
        run.wait().unwrap();
        until("the party's end", || holder(&folder).is_none().then_some(()));
        assert_empty(&folder);
    }

    #[test]
    fn nothing_is_left_of_it_by_a_failure() {
        let (files, folder) = site();
        fs::create_dir(files.path("results")).unwrap();
        let mut writing = arguments(&files, &folder);
        writing.extend(["--output".to_owned(), files.path("results/out.csv")]);
        let mut run = start(&writing);
        until_spilled(&mut run, &folder);
        // The result has nowhere to go any more.
        fs::rename(files.path("results"), files.path("elsewhere")).unwrap();
        assert!(run.wait().unwrap().code().is_some_and(|code| code > 0));
        assert_empty(&folder);

        // The last row is torn: most of those before it went to disk.
        let theirs = files.read("theirs.csv") + "P1,\"x\n";
        files.write("theirs.csv", &theirs);
        let arguments = arguments(&files, &folder);
        let said = fails(3, &borrowed(&arguments));
        assert!(said.contains("theirs.csv"), "{said}");
        assert_empty(&folder);
    }
}
