//! Receipts as people see them, with the program itself: listed, shown, counted, verified at the node and from a file, and every
//! way in which a file was tampered with found out.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod support;

use std::{fs, sync::Arc};

use agreement::{Digest, Event, IdentityKey, Pinned, Receipt, Signed};
use node::book::Book;
use serde_json::Value;
use support::{borrowed, errors, fails, json, site::Site, text, until, yuandang};

/// Arguments of a `receipts` command as a person with this duty.
fn asked(site: &Site, name: &str, duty: &str, action: &[&str]) -> Vec<String> {
    let path = |file: &str| site.path(&format!("{name}/{file}"));
    let (config, cert, key) = (path("config.toml"), path(&format!("{duty}.crt")), path(&format!("{duty}.key")));
    let who = ["--config", &config, "--cert", &cert, "--key", &key];
    [&["receipts"], action, &who[..]].concat().into_iter().map(str::to_owned).collect()
}

/// What such a command prints for programs.
fn answer(site: &Site, name: &str, duty: &str, action: &[&str]) -> Value {
    json(&borrowed(&asked(site, name, duty, &[action, &["--format", "json"]].concat())))
}

/// Both nodes with people and a supervisor, after two runs of which each side has the other's receipt. Gives the jobs.
fn site() -> (Site, Vec<impl Drop>, [String; 2]) {
    let site = Site::new(400, 200, 50);
    site.supervisor();
    for (name, duty) in [("shanghai", "auditor"), ("anhui", "auditor"), ("supervisor", "supervisor")] {
        site.person(name, "k-1", duty);
    }
    let job = site.job(&[]);
    let servers = ["coordinator", "shanghai", "anhui"].map(|name| site.start(name));
    let jobs = [(); 2].map(|()| {
        let done = site.ask(&["submit", "--watch", "--file", &job]);
        assert_eq!(done["state"], "Succeeded", "{done}");
        done["job_id"].as_str().unwrap().to_owned()
    });
    for (name, job) in [("shanghai", &jobs[0]), ("shanghai", &jobs[1]), ("anhui", &jobs[0]), ("anhui", &jobs[1])] {
        until("the peer's receipt", || {
            let shown = answer(&site, name, "auditor", &["show", "--job", job]);
            (!shown["peers"].as_array().unwrap().is_empty()).then_some(())
        });
    }
    (site, servers.into(), jobs)
}

fn events(listed: &Value) -> Vec<&str> {
    listed.as_array().unwrap().iter().map(|one| one["receipt"]["event"].as_str().unwrap()).collect()
}

#[test]
fn receipts_are_listed_shown_counted_and_verified() {
    let (site, _servers, jobs) = site();
    let listed = answer(&site, "shanghai", "auditor", &["list"]);
    let run = ["delivered", "succeeded", "admitted"];
    assert_eq!(events(&listed), [run, run].concat());
    assert!(listed.as_array().unwrap().iter().all(|one| one["pinned"] == true && one["signer"] == "shanghai"));
    let upward = answer(&site, "shanghai", "auditor", &["list", "--from", "2", "--limit", "3"]);
    let numbers: Vec<u64> =
        upward.as_array().unwrap().iter().map(|one| one["receipt"]["number"].as_u64().unwrap()).collect();
    assert_eq!(numbers, [2, 3, 4]);
    let agreement = listed[0]["receipt"]["agreement"].as_str().unwrap();
    for (filter, wanted) in [
        (&["--event", "admitted"][..], 2),
        (&["--job", &jobs[0]], 3),
        (&["--agreement", &agreement[..8]], 6),
        (&["--event", "disputed"], 0),
    ] {
        let found = answer(&site, "shanghai", "auditor", &[&["list"], filter].concat());
        assert_eq!(found.as_array().unwrap().len(), wanted, "{filter:?}");
    }
    let shown = answer(&site, "shanghai", "auditor", &["show", "--job", &jobs[0]]);
    assert_eq!((&shown["peers"][0]["verdict"], &shown["peers"][0]["signer"]), (&"alike".into(), &"anhui".into()));
    for (lang, words) in [
        ("en", ["shanghai entered 400 records", "both sides say the same of the run", "key pinned here"]),
        ("zh", ["shanghai 投入 400 条", "双方关于该次运行的回执一致", "密钥已在本地固定"]),
    ] {
        for action in [&["show", "--job", &jobs[0]][..], &["show", "2"]] {
            let said = asked(&site, "shanghai", "auditor", action);
            let said = text(&yuandang(&[&["--lang", lang], &borrowed(&said)[..]].concat()));
            assert!(words.iter().all(|words| said.contains(words)), "{said}");
        }
    }
    let missing = fails(2, &borrowed(&asked(&site, "shanghai", "auditor", &["show", "7"])));
    assert!(missing.contains("there is no receipt 7 yet"), "{missing}");
    let verified = answer(&site, "shanghai", "auditor", &["verify"]);
    let counts = ["receipts", "runs", "peer_receipts", "alike", "without_peer", "disputed"];
    assert_eq!(counts.map(|count| verified[count].as_u64().unwrap()), [6, 2, 2, 2, 0, 0]);
    let metered = answer(&site, "anhui", "auditor", &["meter", "--from", "2026-01", "--to", "2035-12"]);
    let sum = |field: &str| {
        metered["lines"].as_array().unwrap().iter().map(|line| line[field].as_u64().unwrap()).sum::<u64>()
    };
    assert_eq!(["admitted", "succeeded", "own_records", "peer_records"].map(sum), [2, 2, 400, 800]);
    fails(2, &borrowed(&asked(&site, "anhui", "auditor", &["meter", "--from", "2026-1", "--to", "2026-12"])));
}

#[test]
fn a_supervisor_verifies_a_node_and_a_peers_people_see_nothing() {
    let (site, _servers, _) = site();
    for name in ["shanghai", "anhui"] {
        let verified = answer(&site, "supervisor", "supervisor", &["verify", "--node", name]);
        assert_eq!((&verified["participant"], &verified["alike"]), (&name.into(), &2.into()));
        let last = &verified["last"];
        let seen = format!("{}:{}", last["number"], last["digest"].as_str().unwrap());
        let again = answer(&site, "supervisor", "supervisor", &["verify", "--node", name, "--seen", &seen]);
        assert_eq!(again["holds_earlier"], true);
        let other = format!("{}:{}", last["number"], "7".repeat(64));
        let said = fails(
            5,
            &borrowed(&asked(&site, "supervisor", "supervisor", &["verify", "--node", name, "--seen", &other])),
        );
        assert!(said.contains("is another one than was there before"), "{said}");
    }
    let said = fails(4, &borrowed(&asked(&site, "shanghai", "auditor", &["list", "--node", "anhui"])));
    assert!(said.contains("the node answers") && said.contains("a person of this participant"), "{said}");
    fails(2, &borrowed(&asked(&site, "shanghai", "auditor", &["list", "--node", "hunan"])));
}

fn identity(site: &Site, name: &str) -> IdentityKey {
    IdentityKey::from_pem(&fs::read_to_string(site.path(&format!("{name}/identity.key"))).unwrap()).unwrap()
}

/// Signs a receipt anew, changed, as a participant whose identity key lies at the site, or with another key.
fn signed_anew(site: &Site, line: &str, key: Option<&str>, edit: impl FnOnce(&mut Receipt)) -> String {
    let signed = Signed::<Receipt>::from_bytes(line.as_bytes()).unwrap();
    let key = key.map_or_else(|| IdentityKey::from_seed(&[7; 32].into()), |name| identity(site, name));
    let mut receipt = signed.statement().clone();
    edit(&mut receipt);
    let signed = Signed::sign(receipt, signed.signer(), &key).unwrap();
    String::from_utf8(signed.to_bytes().unwrap()).unwrap()
}

#[test]
fn a_saved_file_is_verified_offline_and_tampering_is_found_by_number() {
    let (site, servers, _) = site();
    let file = site.path("receipts.jsonl");
    let saved = answer(&site, "shanghai", "auditor", &["list", "--output", &file]);
    assert_eq!((&saved["receipts"], &saved["peer_receipts"]), (&6.into(), &2.into()));
    fails(2, &borrowed(&asked(&site, "shanghai", "auditor", &["list", "--output", &file])));
    // Nobody is asked from here on.
    drop(servers);
    let whole: Vec<String> = fs::read_to_string(&file).unwrap().lines().map(str::to_owned).collect();
    assert_eq!(whole.len(), 8);
    let config = site.path("supervisor/config.toml");
    let verify = |lines: &[String], more: &[&str]| {
        let place = site.path("tampered.jsonl");
        fs::write(&place, lines.iter().map(|line| format!("{line}\n")).collect::<String>()).unwrap();
        let options = ["receipts", "verify", "--file", &place, "--config", &config, "--node", "shanghai"];
        yuandang(&[&options, more].concat())
    };
    let good = verify(&whole, &["--lang", "zh"]);
    assert_eq!(good.status.code(), Some(0), "{}", errors(&good));
    assert!(text(&good).contains("第 1 至 6 号回执核验通过"), "{}", text(&good));

    let refused = |lines: &[String], more: &[&str], status: i32, wanted: &str| {
        let done = verify(lines, more);
        let said = errors(&done);
        assert_eq!((done.status.code(), said.contains(wanted)), (Some(status), true), "{wanted}: {said}");
    };
    let without = |place: usize| [&whole[..place], &whole[place + 1..]].concat();
    let with = |place: usize, line: String| {
        let mut lines = whole.clone();
        lines[place] = line;
        lines
    };
    // Lines: receipts 1, 2, the peer's, 3, 4, 5, the peer's, 6.
    let edited = whole[4].replacen("\"event\":\"admitted\"", "\"event\":\"refused\"", 1);
    assert_ne!(edited, whole[4]);
    refused(&with(4, edited), &[], 5, "line 5: after receipt 3: the signature");
    for (place, line) in whole.iter().enumerate() {
        let mut bytes = line.clone().into_bytes();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        let damaged = String::from_utf8(bytes).unwrap();
        refused(&with(place, damaged), &[], 5, &format!("line {}", place + 1));
    }
    refused(&without(0), &[], 5, "receipt 2 is not the first");
    refused(&without(3), &[], 5, "line 4: receipt 4 does not follow receipt 2");
    refused(&without(4), &[], 5, "line 5: receipt 5 does not follow receipt 3");
    let mut moved = whole.clone();
    moved.swap(3, 4);
    refused(&moved, &[], 5, "line 4: receipt 4 does not follow receipt 2");
    let anew = |place: usize, key: Option<&str>, edit: fn(&mut Receipt)| {
        with(place, signed_anew(&site, &whole[place], key, edit))
    };
    refused(&anew(4, None, |_| {}), &[], 4, "receipt 4 is signed with a key that is not the one pinned here");
    refused(&anew(2, None, |_| {}), &[], 4, "the receipt of anhui after receipt 2 is signed with a key");
    let rewritten = anew(4, Some("shanghai"), |receipt| receipt.cause = Some("history".to_owned()));
    refused(&rewritten, &[], 5, "receipt 5 names another one before it");
    let of_another = ["receipts", "verify", "--file", &file, "--config", &config, "--node", "anhui"];
    assert!(fails(5, &of_another).contains("the chain is not of anhui"));
    let other_transcript = |receipt: &mut Receipt| {
        receipt.run.as_mut().unwrap().transcript = Digest::from_bytes([7; 32]);
    };
    let disputed = anew(2, Some("anhui"), other_transcript);
    refused(&disputed, &[], 5, "1 disputes");
    let told = text(&verify(&disputed, &[]));
    assert!(told.contains("DISPUTE, receipt 2") && told.contains("anhui says otherwise in the transcript"), "{told}");

    // What was cut off at the end a chain does not show by itself, and says so. Who kept the last digest sees it.
    let cut = verify(&whole[..4], &[]);
    assert_eq!(cut.status.code(), Some(0), "{}", errors(&cut));
    assert!(text(&cut).contains("does not show whether receipts after 3 were cut off"), "{}", text(&cut));
    let digest = |line: &String| Signed::<Receipt>::from_bytes(line.as_bytes()).unwrap().digest().unwrap();
    let last = format!("6:{}", digest(&whole[7]));
    refused(&whole[..4], &["--seen", &last], 5, "ends with receipt 3, and receipt 6 was there before");
    // A part that goes on from an earlier check, or that is said to be one.
    let third = format!("3:{}", digest(&whole[3]));
    for more in [&["--seen", third.as_str()][..], &["--part"]] {
        let part = verify(&whole[4..], more);
        assert_eq!(part.status.code(), Some(0), "{}", errors(&part));
    }
    refused(&[], &[], 3, "no receipt");
    let missing = ["receipts", "verify", "--config", &config, "--file", "/nonexistent/receipts"];
    fails(3, &missing);
}

/// Puts receipts of these moments into the book of a node that does not run.
fn signed_before(site: &Site, name: &str, moments: &[&str]) {
    let key = Arc::new(identity(site, name));
    let place = site.path(&format!("{name}/book.sqlite")).parse().unwrap();
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let book = Book::open(&place, name.parse().unwrap(), key, Pinned::default()).await.unwrap();
        for moment in moments {
            book.receipt(Receipt::of(Event::Succession, moment.parse().unwrap())).await.unwrap();
        }
        book.close().await;
    });
}

#[test]
fn what_is_no_longer_kept_is_told_and_the_rest_is_proved() {
    let site = Site::new(40, 20, 5);
    site.person("shanghai", "k-1", "auditor");
    let recent = node::clock::now().unwrap().years_before(1).to_string();
    signed_before(&site, "shanghai", &["2020-01-01T00:00:00Z", "2020-01-02T00:00:00Z", &recent]);
    let _servers = ["coordinator", "shanghai"].map(|name| site.start(name));
    let verified = until("the end of what is old", || {
        let verified = answer(&site, "shanghai", "auditor", &["verify"]);
        (!verified["chain"]["removed"].is_null()).then_some(verified)
    });
    assert_eq!((&verified["receipts"], &verified["first"]["number"]), (&1.into(), &3.into()));
    let removed = &verified["chain"]["removed"];
    assert_eq!((&removed["number"], &removed["at"]), (&2.into(), &"2020-01-02T00:00:00Z".into()));
    assert_eq!(removed["digest"], verified["before"]);
    let said = text(&yuandang(&borrowed(&asked(&site, "shanghai", "auditor", &["verify"]))));
    assert!(said.contains("receipts up to 2, of 2020-01-02T00:00:00Z, are no longer kept"), "{said}");
    let said = fails(2, &borrowed(&asked(&site, "shanghai", "auditor", &["show", "1"])));
    assert!(said.contains("receipts up to 2 are no longer kept"), "{said}");

    let (file, config) = (site.path("receipts.jsonl"), site.path("shanghai/config.toml"));
    answer(&site, "shanghai", "auditor", &["list", "--output", &file]);
    let offline = ["receipts", "verify", "--file", &file, "--config", &config];
    assert!(fails(5, &offline).contains("receipt 3 is not the first"));
    let part = yuandang(&[&offline[..], &["--part"]].concat());
    assert_eq!(part.status.code(), Some(0), "{}", errors(&part));
    assert!(text(&part).contains("those before receipt 3 are not there"), "{}", text(&part));
    // Without a file a node is asked, as somebody.
    fails(2, &["receipts", "verify", "--config", &config]);
}
