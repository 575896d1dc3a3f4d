//! Help, names that are fixed, and what is not built yet.

mod support;

use support::{Files, errors, fails, text, yuandang};

#[test]
fn help_names_every_command() {
    let output = yuandang(&["--help"]);
    assert_eq!(output.status.code(), Some(0));
    let help = text(&output);
    for command in [
        "demo",
        "match",
        "bench",
        "coordinator",
        "node",
        "identity",
        "cert",
        "catalogue",
        "agreement",
        "receipts",
        "result",
        "job",
        "lookup",
        "ledger",
        "check",
        "generate",
    ] {
        assert!(help.lines().any(|line| line.trim_start().starts_with(command)), "{command} is missing:\n{help}");
    }
    assert!(!help.lines().any(|line| line.trim_start().starts_with("party ")), "the inner command is for nobody");
    let output = yuandang(&["match", "--help"]);
    for option in ["--receiver", "--sender-key", "--label", "--key-type", "--overwrite", "--sender-output"] {
        assert!(text(&output).contains(option), "{option}");
    }
}

#[test]
fn wrong_usage_ends_with_2() {
    for arguments in [
        &[][..],
        &["nonsense"],
        &["match"],
        &["bench", "--sizes", "0"],
        &["bench", "--network", "far"],
        &["demo", "--students", "0"],
        &["check", "students.csv"],
        &["job", "list"],
        &["catalogue"],
        &["catalogue", "search"],
        &["result", "list"],
        &["result", "export", "7"],
    ] {
        let output = yuandang(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{arguments:?}");
    }
}

#[test]
fn commands_of_later_versions_say_so() {
    for arguments in [
        &["lookup"][..],
        &["lookup", "--id", "7"],
        &["ledger", "verify", "--all"],
        &["job", "suspend", "7"],
        &["job", "resume", "7"],
    ] {
        assert!(fails(2, arguments).contains("not built yet"), "{arguments:?}");
    }
}

#[test]
fn values_of_later_versions_say_so() {
    let files = Files::new(10);
    let arguments = |more: &[&str]| files.matching(more);
    let cases = [
        arguments(&["--mode", "sum"]),
        arguments(&["--protocol", "vole-malicious"]),
        ["bench", "--protocol", "ecdh,vole-malicious"].map(str::to_owned).to_vec(),
        ["bench", "--mode", "cardinality"].map(str::to_owned).to_vec(),
    ];
    for case in &cases {
        let said = fails(2, &support::borrowed(case));
        assert!(said.contains("not built yet"), "{case:?}: {said}");
    }
}

#[test]
fn unknown_values_are_wrong_usage() {
    let files = Files::new(10);
    for more in [&["--mode", "guess"][..], &["--protocol", "magic"], &["--key-type", "shoe-size"], &["--threads", "0"]]
    {
        let arguments = files.matching(more);
        fails(2, &support::borrowed(&arguments));
    }
}

#[test]
fn the_inner_command_is_not_for_people() {
    let output = support::command(&["party"]).stdin(std::process::Stdio::null()).output().unwrap();
    assert!(text(&output).contains("not by hand"), "{}", errors(&output));
}
