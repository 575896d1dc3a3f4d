//! Agreements as people of two provinces make them, with the program itself: request, offer, approve, reject, run, suspend, resume,
//! revoke, and what is said of them in words.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod support;

use std::fs;

use support::{borrowed, errors, fails, json, site::Site, text, until, yuandang};

/// Both nodes and the coordinator, with people of each.
fn site() -> (Site, Vec<impl Drop>) {
    site_of(400, 200, 50)
}

/// The same with lists of so many, and so many on both.
fn site_of(students: u64, hardship: u64, overlap: u64) -> (Site, Vec<impl Drop>) {
    let site = Site::new(students, hardship, overlap);
    for name in ["shanghai", "anhui"] {
        site.person(name, "k-1", "operator");
        site.person(name, "k-2", "approver");
    }
    let servers = ["coordinator", "shanghai", "anhui"].map(|name| site.start(name));
    (site, servers.into())
}

/// Submits a job as Shanghai's operator, which a node refuses; gives why.
fn is_refused(site: &Site, job: &str) -> String {
    let config = site.path("shanghai/config.toml");
    let watched = yuandang(&["job", "submit", "--watch", "--file", job, "--config", &config]);
    assert_eq!(watched.status.code(), Some(4), "{}", errors(&watched));
    errors(&watched)
}

/// What an `agreement` command that succeeds prints for people.
fn told(site: &Site, lang: &str, (name, duty): (&str, &str), action: &[&str]) -> String {
    let arguments = site.as_person(name, duty, action);
    let plain: Vec<&str> =
        borrowed(&arguments).into_iter().filter(|word| !["--format", "json"].contains(word)).collect();
    let output = yuandang(&[&["--lang", lang], &plain[..]].concat());
    assert_eq!(output.status.code(), Some(0), "{action:?}: {}", errors(&output));
    text(&output)
}

fn sample() -> String {
    fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/config/agreement.toml")).unwrap()
}

/// Waits until an agreement has a state at a node.
fn until_state(site: &Site, name: &str, digest: &str, state: &str) {
    until(&format!("{state} at {name}"), || {
        let listed = site.agreement(name, "operator", &["list"]);
        listed.as_array().unwrap().iter().any(|one| one["digest"] == digest && one["state"] == state).then_some(())
    });
}

#[test]
fn two_provinces_come_to_an_agreement_and_run_under_it_until_it_is_revoked() {
    let (site, _servers) = site();
    let file = site.path("agreement.toml");
    fs::write(&file, sample().replace("runs = 24", "runs = 2")).unwrap();
    let asked = site.agreement("shanghai", "operator", &["request", "--file", &file]);
    assert_eq!(asked["state"], "Requested");
    let digest = asked["digest"].as_str().unwrap().to_owned();
    let short = &digest[..8];

    until_state(&site, "anhui", &digest, "Requested");
    let said = fails(4, &borrowed(&site.as_person("anhui", "operator", &["approve", short])));
    assert!(said.contains("an approver of this participant"), "{said}");
    site.agreement("anhui", "operator", &["offer", short]);
    site.agreement("anhui", "approver", &["approve", short]);
    until_state(&site, "shanghai", &digest, "Offered");
    let half = site.as_person("shanghai", "approver", &["verify", short]);
    assert_eq!(yuandang(&borrowed(&half)).status.code(), Some(4), "shanghai has not signed");
    site.agreement("shanghai", "approver", &["approve", short]);
    for name in ["shanghai", "anhui"] {
        until_state(&site, name, &digest, "Effective");
        let verified = site.agreement(name, "approver", &["verify", short]);
        assert_eq!((&verified["state"], verified["missing"].as_array().unwrap().len()), (&"Effective".into(), 0));
    }

    let job = site.unsigned_job();
    let text = fs::read_to_string(&job).unwrap().replace("\"auto\"", "\"vole\"");
    fs::write(&job, format!("agreement = \"{digest}\"\n{text}")).unwrap();
    let done = site.ask(&["submit", "--watch", "--file", &job]);
    assert_eq!(done["state"], "Succeeded", "{done}");
    let result = site.result("shanghai", done["job_id"].as_str().unwrap());
    assert_eq!(result.lines().count(), 1 + 50);

    site.agreement("anhui", "approver", &["revoke", short, "--reason", "the law has changed"]);
    until_state(&site, "shanghai", &digest, "Revoked");
    let said = is_refused(&site, &job);
    assert!(said.contains("the law has changed"), "{said}");
    let listed = site.agreement("shanghai", "operator", &["list"]);
    assert_eq!((&listed[0]["used"], &listed[0]["runs"]), (&1.into(), &2.into()));
}

#[test]
fn who_will_learn_what_is_said_for_every_mode_in_both_languages() {
    let site = Site::new(4, 4, 2);
    site.person("shanghai", "k-1", "operator");
    // Nobody but the node that is asked.
    let _servers = ["coordinator", "shanghai"].map(|name| site.start(name));
    let file = site.path("agreement.toml");
    for (mode, english, chinese) in [
        (
            "membership",
            "shanghai learns which of its own keys anhui has, and nothing of others. anhui learns no key.",
            "shanghai 只得知自己的哪些键 anhui 也有，不得知其他键。anhui 不得知任何键。",
        ),
        (
            "labelled",
            "shanghai learns which of its own keys anhui has, and category, valid_to of those. anhui learns no key.",
            "shanghai 得知自己的哪些键 anhui 也有，以及这些键的 category、valid_to。anhui 不得知任何键。",
        ),
        (
            "both",
            "shanghai and anhui each learn which of their own keys the other has, and nothing of others.",
            "shanghai 与 anhui 各自得知自己的哪些键对方也有，不得知其他键。",
        ),
        (
            "cardinality",
            "shanghai learns how many keys both have, and not which. anhui learns no number.",
            "shanghai 只得知双方共有多少键，不得知是哪些。anhui 不得知数目。",
        ),
    ] {
        let mut terms = sample().replace("mode = \"labelled\"", &format!("mode = \"{mode}\""));
        if mode != "labelled" {
            terms = terms.replace("label_columns = [\"category\", \"valid_to\"]", "");
        }
        if mode == "cardinality" {
            terms = terms.replace("\"ecdh\", \"vole\"", "\"ecdh\"");
        }
        fs::write(&file, terms).unwrap();
        let asked = site.agreement("shanghai", "operator", &["request", "--file", &file]);
        let digest = asked["digest"].as_str().unwrap();
        for (lang, wanted) in [("en", english), ("zh", chinese)] {
            let said = told(&site, lang, ("shanghai", "operator"), &["show", digest]);
            assert!(said.lines().any(|line| line.trim() == wanted), "{mode}, {lang}:\n{said}");
        }
    }
}

#[test]
fn a_rejection_is_final_and_all_parties_hear_whose_it_is_and_why() {
    let (site, _servers) = site_of(40, 20, 5);
    let file = site.path("agreement.toml");
    fs::write(&file, sample()).unwrap();
    let ask = || {
        let asked = site.agreement("shanghai", "operator", &["request", "--file", &file]);
        let digest = asked["digest"].as_str().unwrap().to_owned();
        until_state(&site, "anhui", &digest, "Requested");
        digest
    };
    let (digest, signed) = (ask(), ask());
    let refused =
        |status, duty: &str, action: &[&str]| fails(status, &borrowed(&site.as_person("anhui", duty, action)));
    let said = refused(4, "operator", &["reject", &digest, "--reason", "no legal basis"]);
    assert!(said.contains("the node answers: this is for an approver of this participant"), "{said}");
    let said = refused(2, "approver", &["reject", &digest, "--reason", " "]);
    assert!(said.contains("the node answers: a reason is missing"), "{said}");
    let said = refused(2, "approver", &["reject", &digest]);
    assert!(said.contains("--reason"), "{said}");
    let said = refused(2, "approver", &["reject", &"0".repeat(64), "--reason", "no legal basis"]);
    assert!(said.contains("the node answers: there is no such agreement here"), "{said}");

    let said = told(&site, "en", ("anhui", "approver"), &["reject", &digest[..8], "--reason", "no legal basis"]);
    let line = "Rejected  0 of 24 runs  Student aid without application, 2026  anhui: no legal basis";
    assert_eq!(said, format!("{}  {line}\n", &digest[..16]));
    until_state(&site, "shanghai", &digest, "Rejected");
    let said = told(&site, "zh", ("shanghai", "operator"), &["list"]);
    let line = "被拒绝（Rejected）  已运行 0/24 次  Student aid without application, 2026  anhui: no legal basis";
    assert!(said.lines().any(|found| found == format!("{}  {line}", &digest[..16])), "{said}");
    let said = refused(2, "approver", &["approve", &digest]);
    assert!(said.contains("the node answers: this participant has rejected it"), "{said}");
    let job = site.unsigned_job();
    let text = fs::read_to_string(&job).unwrap();
    fs::write(&job, format!("agreement = \"{digest}\"\n{text}")).unwrap();
    let said = is_refused(&site, &job);
    assert!(said.contains("is Rejected by anhui: no legal basis"), "{said}");

    // Who has signed does not reject any more.
    site.agreement("anhui", "approver", &["approve", &signed]);
    let said = refused(2, "approver", &["reject", &signed, "--reason", "no legal basis"]);
    assert!(said.contains("the node answers: this participant has signed it: revoke it"), "{said}");
}

#[test]
fn a_party_suspends_what_it_signed_and_it_alone_resumes_it() {
    let (site, _servers) = site_of(40, 20, 5);
    let job = site.job_under(&[], |agreement| agreement.name = "student aid".to_owned());
    let digest = fs::read_to_string(&job).unwrap().split('"').nth(1).unwrap().to_owned();
    let short = &digest[..8];
    let refused =
        |status, duty: &str, action: &[&str]| fails(status, &borrowed(&site.as_person("anhui", duty, action)));
    for what in ["suspend", "resume"] {
        let said = refused(2, "approver", &[what, short, "--reason", " "]);
        assert!(said.contains("the node answers: a reason is missing"), "{said}");
        let said = refused(2, "approver", &[what, short]);
        assert!(said.contains("--reason"), "{said}");
    }

    let said = told(&site, "en", ("anhui", "operator"), &["suspend", short, "--reason", "a complaint"]);
    assert!(said.starts_with(&format!("{}  Suspended  0 of ", &digest[..16])), "{said}");
    assert!(said.contains(" runs  student aid  anhui: a complaint"), "{said}");
    until_state(&site, "shanghai", &digest, "Suspended");
    let said = is_refused(&site, &job);
    assert!(said.contains("is Suspended by anhui: a complaint"), "{said}");
    let said = refused(4, "operator", &["resume", short, "--reason", "it was answered"]);
    assert!(said.contains("the node answers: this is for an approver of this participant"), "{said}");
    let others = site.agreement("shanghai", "approver", &["resume", short, "--reason", "it was answered"]);
    assert_eq!((&others["state"], &others["why"]), (&"Suspended".into(), &"anhui: a complaint".into()));

    let said = told(&site, "zh", ("anhui", "approver"), &["resume", short, "--reason", "it was answered"]);
    assert!(said.starts_with(&format!("{}  生效（Effective）  已运行 0/", &digest[..16])), "{said}");
    until_state(&site, "shanghai", &digest, "Effective");
    let done = site.ask(&["submit", "--watch", "--file", &job]);
    assert_eq!(done["state"], "Succeeded", "{done}");
}

#[test]
fn a_job_without_an_agreement_and_terms_that_cannot_be_are_refused_with_a_reason() {
    let (site, _servers) = site();
    let said = is_refused(&site, &site.unsigned_job());
    assert!(said.contains("no signed agreement"), "{said}");
    let file = site.path("agreement.toml");
    for (from, to, status, wanted) in [
        ("runs = 24", "runs = 0", 2, "the limit of runs is 0"),
        ("name = \"Student", "colour = 1\nname = \"Student", 2, "unknown field `colour`"),
        ("participant = \"anhui\"", "participant = \"hunan\"", 2, "no identity is pinned for \"hunan\""),
    ] {
        assert!(sample().contains(from));
        fs::write(&file, sample().replacen(from, to, 1)).unwrap();
        let arguments = site.as_person("shanghai", "operator", &["request", "--file", &file]);
        let said = fails(status, &borrowed(&arguments));
        assert!(said.contains(wanted), "{wanted}: {said}");
    }
    assert!(json(&borrowed(&site.as_person("shanghai", "operator", &["list"]))).as_array().unwrap().is_empty());
}

#[test]
fn a_command_that_is_refused_says_whose_answer_it_is() {
    let (site, _servers) = site();
    let (digest, job, output) = ("0".repeat(64), "no-such-job", site.path("out.csv"));
    let file = site.path("agreement.toml");
    fs::write(&file, sample()).unwrap();
    for (duty, command) in [
        ("approver", &["agreement", "request", "--file", &file][..]),
        ("approver", &["agreement", "show", &digest]),
        ("approver", &["agreement", "approve", &digest]),
        ("operator", &["result", "delete", job, "--reason", "a test"]),
        ("operator", &["result", "export", job, "--purpose", "a", "--case", "b", "--output", &output]),
    ] {
        let refused = yuandang(&borrowed(&site.at_node("anhui", duty, command)));
        assert!(errors(&refused).contains("the node answers: "), "{command:?}: {}", errors(&refused));
    }
    let config = site.path("anhui/config.toml");
    let unknown = yuandang(&["job", "show", job, "--config", &config]);
    assert!(errors(&unknown).contains("the coordinator answers: "), "{}", errors(&unknown));
}

#[test]
fn a_job_waits_until_an_approver_of_the_owner_says_yes_or_no() {
    let (site, _servers) = site();
    let file = site.job_under(&[], |agreement| agreement.delivery.approval = vec!["anhui".parse().unwrap()]);
    let submit = || site.ask(&["submit", "--file", &file])["job_id"].as_str().unwrap().to_owned();
    let asked = |duty: &str, command: &[&str]| site.at_node("anhui", duty, command);
    for approve in [true, false] {
        let job = submit();
        let shown = site.until_state(&job, &["AwaitingApproval"]);
        assert!(shown["cause"].as_str().unwrap().contains("waits for an approver"), "{shown}");
        let waiting = json(&borrowed(&asked("operator", &["job", "waiting"])));
        assert_eq!((&waiting[0]["job_id"], &waiting[0]["question"]), (&job.as_str().into(), &"job".into()));
        let said = fails(4, &borrowed(&asked("operator", &["job", "approve", &job])));
        assert!(said.contains("the node answers: this is for an approver of this participant"), "{said}");
        if approve {
            let answer = json(&borrowed(&asked("approver", &["job", "approve", &job])));
            assert_eq!(answer["is_open"], false);
            site.until_state(&job, &["Succeeded"]);
        } else {
            json(&borrowed(&asked("approver", &["job", "reject", &job, "--reason", "no such case"])));
            let ended = site.until_state(&job, &["Rejected"]);
            assert!(ended["cause"].as_str().unwrap().contains("no such case"), "{ended}");
        }
    }
    assert!(json(&borrowed(&asked("operator", &["job", "waiting"]))).as_array().unwrap().is_empty());
}

#[test]
fn what_goes_beyond_the_catalogue_is_not_offered_and_a_reply_is_due_in_time() {
    let site = Site::new(40, 20, 5);
    for name in ["shanghai", "anhui"] {
        site.person(name, "k-1", "operator");
        site.person(name, "k-2", "approver");
    }
    let coordinator = site.start("coordinator");
    let (config, entry) = (site.path("anhui/config.toml"), site.path("anhui/hardship.json"));
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/catalogue.csv");
    json(&["catalogue", "publish", file, "--dataset", "hardship", "--config", &config, "--format", "json"]);
    json(&["catalogue", "show", "anhui/hardship", "--save", &entry, "--config", &config, "--format", "json"]);
    let with_entry = |name: &str, source: &str| {
        let path = site.path(&format!("{name}/config.toml"));
        let text = fs::read_to_string(&path).unwrap();
        let line = format!("source = \"{source}\"\n");
        assert!(text.contains(&line));
        let changed = text.replace(&line, &format!("{line}catalogue = \"{entry}\"\n"));
        fs::write(&path, changed).unwrap();
        text
    };
    // Another node's entry is none of its own.
    let before = with_entry("shanghai", "students.csv");
    let said = fails(2, &["node", "--config", &site.path("shanghai/config.toml")]);
    assert!(said.contains("datasets.catalogue") && said.contains("not signed by this node's identity"), "{said}");
    fs::write(site.path("shanghai/config.toml"), before).unwrap();
    with_entry("anhui", "hardship.csv");
    let nodes = ["shanghai", "anhui"].map(|name| site.start(name));

    let terms = site.path("agreement.toml");
    let ask = |from: &str, to: &str| {
        assert!(sample().contains(from));
        fs::write(&terms, sample().replace(from, to)).unwrap();
        let asked = site.agreement("shanghai", "operator", &["request", "--file", &terms]);
        let digest = asked["digest"].as_str().unwrap().to_owned();
        until_state(&site, "anhui", &digest, "Requested");
        digest
    };
    let greedy = ask("runs = 24", "runs = 25");
    for (duty, decision) in [("operator", "offer"), ("approver", "approve")] {
        let said = fails(2, &borrowed(&site.as_person("anhui", duty, &[decision, &greedy])));
        assert!(said.contains("goes beyond what anhui published") && said.contains("quota is 24"), "{said}");
    }
    let calendar = agreement::calendar::Calendar::default();
    let now = || node::clock::now().unwrap();
    let days = |number| [calendar.due(now(), number).to_string()];
    let mut replies = days(10).to_vec();
    let fair = ask("runs = 24", "runs = 23");
    replies.extend(days(10));
    let owed = |name: &str| {
        let listed = site.agreement(name, "operator", &["list"]);
        listed.as_array().unwrap().iter().find(|one| one["digest"] == fair.as_str()).unwrap()["owed"].clone()
    };
    // Anhui was asked, and its list is shared on conditions.
    let due = owed("anhui");
    assert_eq!((&due["what"], &due["overdue"]), (&"reply".into(), &false.into()));
    assert!(replies.contains(&due["due"].as_str().unwrap().to_owned()), "{due}: {replies:?}");
    assert!(owed("shanghai").is_null());
    site.agreement("anhui", "operator", &["offer", &fair]);
    site.agreement("anhui", "approver", &["approve", &fair]);
    site.agreement("shanghai", "approver", &["approve", &fair]);
    until_state(&site, "anhui", &fair, "Effective");
    let due = owed("anhui");
    assert_eq!((&due["what"], &due["overdue"]), (&"first-run".into(), &false.into()));
    assert!(owed("shanghai").is_null());
    drop((nodes, coordinator));
}
