//! `match` against a plain join in every mode, and what bad input gets.

mod support;

use support::{Files, borrowed, errors, fails, json, text, yuandang};

#[test]
fn membership_gives_the_rows_of_a_plain_join() {
    let files = Files::new(200);
    let output = files.path("out.csv");
    let summary = json(&borrowed(&files.matching(&["--output", &output, "--format", "json"])));
    assert_eq!(files.read("out.csv"), files.joined_students(false));
    assert_eq!(summary["matched"], files.shared().len());
    assert_eq!((&summary["mode"], &summary["protocol"]), (&"membership".into(), &"ecdh".into()));
    assert_eq!((&summary["receiver_rows"], &summary["sender_rows"]), (&240.into(), &220.into()));
    assert_eq!((&summary["receiver_items"], &summary["receiver_missing_keys"]), (&200.into(), &20.into()));
    assert_eq!(summary["receiver_rows_written"], files.read("out.csv").lines().count() - 1);
    assert!(summary["sender_rows_written"].is_null());
    assert_eq!(summary["transcript"].as_str().map(str::len), Some(64));
    for field in [
        "bytes_to_receiver",
        "bytes_to_sender",
        "seconds",
        "protocol_seconds",
        "receiver_peak_rss_bytes",
        "sender_peak_rss_bytes",
        "receiver_cpu_seconds",
        "sender_cpu_seconds",
    ] {
        assert!(summary[field].as_f64().unwrap() > 0.0, "{field}");
    }
    assert!(!summary["receiver_phases"].as_array().unwrap().is_empty());
}

#[test]
fn labelled_gives_the_rows_with_their_labels() {
    let files = Files::new(150);
    let output = files.path("out.csv");
    let arguments = files.matching(&["--label", "kind", "--output", &output, "--format", "json"]);
    let summary = json(&borrowed(&arguments));
    assert_eq!((&summary["mode"], &summary["matched"]), (&"labelled".into(), &files.shared().len().into()));
    assert_eq!(files.read("out.csv"), files.joined_students(true));
}

#[test]
fn both_gives_each_its_own_rows() {
    let files = Files::new(120);
    let (ours, theirs) = (files.path("ours.csv"), files.path("theirs.csv"));
    let arguments =
        files.matching(&["--mode", "both", "--output", &ours, "--sender-output", &theirs, "--format", "json"]);
    let summary = json(&borrowed(&arguments));
    assert_eq!(summary["matched"], files.shared().len());
    assert_eq!(files.read("ours.csv"), files.joined_students(false));
    assert_eq!(files.read("theirs.csv"), files.joined_list());
}

#[test]
fn cardinality_gives_the_number_alone() {
    let files = Files::new(120);
    let before = files.names();
    let summary = json(&borrowed(&files.matching(&["--mode", "cardinality", "--format", "json"])));
    assert_eq!(summary["matched"], files.shared().len());
    assert_eq!(files.names(), before);
    let output = files.path("out.csv");
    fails(2, &borrowed(&files.matching(&["--mode", "cardinality", "--output", &output])));
}

#[test]
fn auto_takes_what_is_done_sooner_and_says_why() {
    for (size, chosen, other) in [(20, "ecdh", "vole"), (5000, "vole", "ecdh")] {
        let files = Files::new(size);
        let output = files.path("out.csv");
        let run = |protocol| {
            let more = ["--protocol", protocol, "--output", &output, "--overwrite", "--format", "json"];
            json(&borrowed(&files.matching(&more)))
        };
        let summary = run("auto");
        assert_eq!(summary["protocol"], chosen, "{size}");
        let reason = summary["protocol_reason"].as_str().unwrap();
        let names_both = reason.starts_with(&format!("auto: {chosen}, since ")) && reason.contains(other);
        assert!(names_both, "{reason}");
        assert_eq!(files.read("out.csv"), files.joined_students(false));
        // A name overrides it, and needs no reason.
        let named = run(other);
        assert_eq!((&named["protocol"], named["protocol_reason"].is_null()), (&other.into(), true));
        assert_eq!(named["matched"], summary["matched"]);
        assert_eq!(files.read("out.csv"), files.joined_students(false));
    }
}

#[test]
fn counting_runs_on_one_protocol_whatever_the_size() {
    let files = Files::new(2000);
    let summary = json(&borrowed(&files.matching(&["--mode", "cardinality", "--format", "json"])));
    assert_eq!(summary["protocol"], "ecdh");
    assert!(summary["protocol_reason"].as_str().unwrap().contains("the only protocol"), "{summary}");
    let said = fails(2, &borrowed(&files.matching(&["--mode", "cardinality", "--protocol", "vole"])));
    assert!(said.contains("ecdh"), "{said}");
}

#[test]
fn the_summary_speaks_both_languages() {
    let files = Files::new(30);
    let english = yuandang(&borrowed(&files.matching(&["--threads", "1"])));
    assert_eq!(english.status.code(), Some(0), "{}", errors(&english));
    assert!(text(&english).contains("15 keys in common") || text(&english).contains("keys in common"));
    assert!(text(&english).contains("auto:"), "the choice of protocol has its reason");
    let chinese = support::command(&borrowed(&files.matching(&[]))).env("LANG", "zh_CN.UTF-8").output().unwrap();
    assert!(text(&chinese).contains("共有键") && text(&chinese).contains("接收方"));
    let asked = yuandang(&borrowed(&files.matching(&["--lang", "zh"])));
    assert!(text(&asked).contains("共有键"));
}

#[test]
fn several_key_columns_match_together() {
    let files = Files::new(10);
    files.write("a.csv", "first,second\na,b\nab,\nc,d\n");
    files.write("b.csv", "x,y\nb,a\nd,c\n");
    let (a, b) = (files.path("a.csv"), files.path("b.csv"));
    let both =
        ["match", "--receiver", &a, "--sender", &b, "--key", "first,second", "--sender-key", "y,x", "--format", "json"];
    assert_eq!(json(&both)["matched"], 2);
    fails(2, &["match", "--receiver", &a, "--sender", &b, "--key", "first,second", "--sender-key", "y"]);
}

#[test]
fn a_missing_column_is_named_with_those_there_are() {
    let files = Files::new(10);
    let (students, list) = (files.path("students.csv"), files.path("list.csv"));
    let said = fails(2, &["match", "--receiver", &students, "--sender", &list, "--key", "id"]);
    assert!(said.contains("\"id\"") && said.contains("person, kind"), "{said}");
    let said = fails(2, &borrowed(&files.matching(&["--label", "colour"])));
    assert!(said.contains("\"colour\"") && said.contains("person, kind"), "{said}");
}

#[test]
fn bad_data_ends_with_3_and_leaves_nothing() {
    let files = Files::new(10);
    files.write("empty.csv", "");
    files.write("torn.csv", "id,name\n\"S1,x\n");
    let (list, output) = (files.path("list.csv"), files.path("out.csv"));
    for name in ["absent.csv", "empty.csv", "torn.csv"] {
        let path = files.path(name);
        let said = fails(
            3,
            &[
                "match",
                "--receiver",
                &path,
                "--sender",
                &list,
                "--key",
                "id",
                "--sender-key",
                "person",
                "--output",
                &output,
            ],
        );
        assert!(said.contains(name), "{said}");
    }
    assert!(!files.names().iter().any(|name| name.starts_with("out") || name.starts_with('.')), "{:?}", files.names());
}

#[test]
fn a_header_alone_matches_nothing() {
    let files = Files::new(10);
    files.write("none.csv", "id,name\n");
    let (none, list, output) = (files.path("none.csv"), files.path("list.csv"), files.path("out.csv"));
    let arguments = [
        "match",
        "--receiver",
        &none,
        "--sender",
        &list,
        "--key",
        "id",
        "--sender-key",
        "person",
        "--output",
        &output,
        "--format",
        "json",
    ];
    let summary = json(&arguments);
    assert_eq!((&summary["matched"], &summary["receiver_rows"]), (&0.into(), &0.into()));
    assert_eq!(files.read("out.csv"), "id,name\n");
}

#[test]
fn an_output_that_is_there_is_kept() {
    let files = Files::new(20);
    files.write("out.csv", "precious\n");
    let (output, list) = (files.path("out.csv"), files.path("list.csv"));
    assert!(fails(2, &borrowed(&files.matching(&["--output", &output]))).contains("exists already"));
    assert_eq!(files.read("out.csv"), "precious\n");
    let said = fails(2, &borrowed(&files.matching(&["--output", &list, "--overwrite"])));
    assert!(said.contains("one of the inputs"), "{said}");
    fails(2, &borrowed(&files.matching(&["--output", &files.path("no/such/out.csv")])));
    fails(
        2,
        &borrowed(&files.matching(&["--mode", "both", "--output", &output, "--sender-output", &output, "--overwrite"])),
    );
    fails(2, &borrowed(&files.matching(&["--sender-output", &files.path("other.csv")])));
    json(&borrowed(&files.matching(&["--output", &output, "--overwrite", "--format", "json"])));
    assert_eq!(files.read("out.csv"), files.joined_students(false));
}

#[test]
fn bench_measures_each_size() {
    let all = json(&["bench", "--sizes", "2^6,100", "--threads", "1", "--format", "json"]);
    let all = all.as_array().unwrap();
    let sizes: Vec<_> = all.iter().map(|one| one["size"].as_u64().unwrap()).collect();
    assert_eq!(sizes, [64, 100]);
    for one in all {
        assert_eq!((&one["protocol"], &one["threads"]), (&"ecdh".into(), &1.into()));
        assert!(one["bits_per_item"].as_f64().unwrap() > 500.0, "{one}");
        for field in ["seconds", "receiver_cpu_seconds", "sender_cpu_seconds", "bytes_to_receiver", "bytes_to_sender"] {
            assert!(one[field].as_f64().unwrap() > 0.0, "{field}");
        }
        // The protocol is part of the whole, which has processes to start besides.
        assert!(one["seconds"].as_f64() < one["total_seconds"].as_f64(), "{one}");
        assert_eq!(one["network"], "lan");
        assert!(one["protocol_reason"].as_str().unwrap().starts_with("auto: "), "{one}");
        assert!(one["receiver_peak_rss_bytes"].as_u64() > Some(0) && one["sender_peak_rss_bytes"].as_u64() > Some(0));
    }
}

#[test]
fn bench_measures_each_protocol_and_gives_no_reason_for_one_that_was_named() {
    let protocols = "ecdh,vole,auto";
    let all = json(&["bench", "--sizes", "2^4,2^5", "--protocol", protocols, "--threads", "1", "--format", "json"]);
    let all = all.as_array().unwrap();
    let seen: Vec<_> =
        all.iter().map(|one| (one["size"].as_u64().unwrap(), one["protocol"].as_str().unwrap())).collect();
    let each = |size| [(size, "ecdh"), (size, "vole"), (size, "ecdh")];
    assert_eq!(seen, [each(16), each(32)].concat());
    let named: Vec<_> = all.iter().map(|one| one["protocol_reason"].is_null()).collect();
    assert_eq!(named, [true, true, false, true, true, false]);
}

#[test]
fn bench_over_a_slow_network_takes_what_the_network_does() {
    let run = |network| {
        let all = json(&["bench", "--sizes", "2^10", "--network", network, "--threads", "1", "--format", "json"]);
        let one = all[0].clone();
        assert_eq!(one["network"], network);
        one
    };
    let one = run("20,100");
    let (seconds, total) = (one["seconds"].as_f64().unwrap(), one["total_seconds"].as_f64().unwrap());
    // Hello, reveal, confirm, blinded there, evaluated and tags back, and the last exchange: half a round trip
    // each at the least.
    assert!(seconds >= 0.060, "{one}");
    // And before that the connection, TLS, the first words of HTTP/2 and the call: a whole one each.
    assert!(total - seconds >= 0.080, "{one}");
    // Here the line is what takes long: the larger direction's bytes, eight bits each at 1 Mbit/s.
    let one = run("0,1");
    let bytes = one["bytes_to_receiver"].as_f64().unwrap();
    assert!(one["seconds"].as_f64().unwrap() >= bytes * 8.0 / 1e6, "{one}");
}

/// Rows that were refused, and what was odd about others, at each side.
#[test]
fn refusals_and_warnings_of_both_sides_are_told() {
    let files = Files::new(0);
    files
        .write("a.csv", "id,day\n31019919850101001X,20240229\n310199198501010011,20240229\n31019919850101001X,45231\n");
    files.write("b.csv", "person,when\n31019919850101001x,2024年2月29日\n,20240229\n3.10199E+17,20240229\n");
    let (ours, theirs) = (files.path("a.csv"), files.path("b.csv"));
    let arguments =
        ["match", "--receiver", &ours, "--sender", &theirs, "--key", "id,day", "--sender-key", "person,when"];
    let typed = [&arguments[..], &["--key-type", "resident-id,date"]].concat();
    let summary = json(&[&typed[..], &["--format", "json"]].concat());
    assert_eq!((&summary["matched"], &summary["sender_missing_keys"]), (&1.into(), &1.into()));
    assert_eq!((&summary["receiver_refused_rows"], &summary["sender_refused_rows"]), (&2.into(), &1.into()));
    let refused = |column, reason| serde_json::json!({"column": column, "reason": reason, "rows": 1});
    let ours = [refused("id", "check-digit"), refused("day", "spreadsheet-day-number")];
    assert_eq!(summary["receiver_refusals"], serde_json::Value::from(ours.to_vec()));
    assert_eq!(summary["sender_refusals"], serde_json::json!([refused("person", "scientific-notation")]));
    assert_eq!(summary["receiver_warnings"], serde_json::json!([]));
    let warned = |warning| serde_json::json!({"warning": warning, "rows": 1});
    assert_eq!(summary["sender_warnings"], serde_json::json!([warned("lower-case"), warned("date-rewritten")]));
    let said = text(&yuandang(&typed));
    assert!(said.contains("receiver: 2 rows are refused and were not matched: id check-digit 1, day"), "{said}");
    assert!(said.contains("sender: odd and matched all the same: lower-case 1, date-rewritten 1"), "{said}");
    let said = text(&yuandang(&[&["--lang", "zh"], &typed[..]].concat()));
    assert!(said.contains("接收方：2 行被拒绝"), "{said}");
}
