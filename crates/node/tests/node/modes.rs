//! Every mode delivers just the rows that a plain join gives, byte for byte.

use std::{collections::BTreeMap, sync::Arc};

use agreement::{JobSpec, Mode, Protocol};
use node::Input;
use records::CanonicalKey;

use crate::sides::{Sides, VARIANTS, id, meet, run, spec};

/// A row as it stands in a file, and its key and label as they are understood.
type Row = (&'static [u8], &'static [u8], &'static [u8]);

/// Receiver's rows: duplicates, empty keys, bytes that are no UTF-8, quoted commas, quotes and line
/// breaks, spaces that count, a short row.
const SHANGHAI: [Row; 12] = [
    (b"1,Wang", b"1", b""),
    (b"2,Li", b"2", b""),
    (b"\"2\",Li again", b"2", b""),
    (b",nobody", b"", b""),
    (b"\"\",nobody either", b"", b""),
    (b"\xc9\xcf\xba\xa3,GB 18030", b"\xc9\xcf\xba\xa3", b""),
    (b"\"a,b\",comma", b"a,b", b""),
    (b"\"q\"\"q\",\"two\nlines\"", b"q\"q", b""),
    (b" 7,space", b" 7", b""),
    (b"7,no space", b"7", b""),
    (b"9", b"9", b""),
    (b"99,here alone", b"99", b""),
];

const ANHUI: [Row; 10] = [
    (b"2,x", b"2", b"x"),
    (b"2,later", b"2", b"later"),
    (b"\xc9\xcf\xba\xa3,\xb5\xcd\xb1\xa3", b"\xc9\xcf\xba\xa3", b"\xb5\xcd\xb1\xa3"),
    (b"\"a,b\",\"with \"\"quotes\"\", and comma\"", b"a,b", b"with \"quotes\", and comma"),
    (b"\"q\"\"q\",", b"q\"q", b""),
    (b"7,seven", b"7", b"seven"),
    (b",no key", b"", b"no key"),
    (b"9,nine", b"9", b"nine"),
    (b"08,eight", b"08", b"eight"),
    (b"there,alone", b"there", b"alone"),
];

fn file(header: &[u8], rows: &[&[u8]], end: &[u8]) -> Vec<u8> {
    let mut bytes = header.to_vec();
    bytes.extend_from_slice(end);
    for row in rows {
        bytes.extend_from_slice(row);
        bytes.extend_from_slice(end);
    }
    bytes
}

fn raw(rows: &[Row]) -> Vec<&'static [u8]> {
    rows.iter().map(|row| row.0).collect()
}

/// Protocols that have all modes but cardinality.
const PROTOCOLS: [Protocol; 2] = [Protocol::Ecdh, Protocol::Vole];

/// Both sides, Shanghai's file with line ends `end`.
fn sides(end: &[u8]) -> Sides {
    Sides::new(&file(b"id,name", &raw(&SHANGHAI), end), &file(b"id,category", &raw(&ANHUI), b"\n"))
}

/// The rows of `left` whose key stands in `right`, each with the first label of the key there.
fn join(left: &[Row], right: &[Row]) -> Vec<(&'static [u8], &'static [u8])> {
    let mut labels = BTreeMap::new();
    for (_, key, label) in right.iter().filter(|row| !row.1.is_empty()) {
        labels.entry(*key).or_insert(*label);
    }
    left.iter().filter_map(|(raw, key, _)| labels.get(key).map(|label| (*raw, *label))).collect()
}

fn joined_rows(left: &[Row], right: &[Row]) -> Vec<&'static [u8]> {
    join(left, right).into_iter().map(|(raw, _)| raw).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn membership_gives_the_receivers_rows_as_they_were() {
    for (end, protocol) in [(&b"\n"[..], Protocol::Ecdh), (b"\r\n", Protocol::Ecdh), (b"\n", Protocol::Vole)] {
        let sides = sides(end);
        let (shanghai, anhui) = sides.both_over(protocol, Mode::Membership);
        let (shanghai, anhui) = meet(shanghai, anhui).await;
        let (shanghai, anhui) = (shanghai.unwrap(), anhui.unwrap());
        let expected = joined_rows(&SHANGHAI, &ANHUI);
        assert_eq!(expected.len(), 7, "the sample has too little in it");
        assert_eq!(sides.result("shanghai").unwrap(), file(b"id,name", &expected, end));
        assert!(sides.untouched("anhui"));
        assert_eq!((shanghai.matched, shanghai.rows_written), (Some(6), Some(7)));
        assert_eq!((anhui.matched, anhui.rows_written), (None, None));
        let counts = shanghai.counts;
        assert_eq!((counts.rows, counts.missing_keys, counts.duplicate_rows, shanghai.items), (12, 2, 1, 9));
        assert_eq!((anhui.counts.missing_keys, anhui.items, anhui.peer_padded_size), (1, 8, 9));
        assert_eq!(shanghai.transcript, anhui.transcript);
        assert_eq!((shanghai.bytes_sent, shanghai.bytes_received), (anhui.bytes_received, anhui.bytes_sent));
        assert_eq!(shanghai.peer, id("anhui"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn labelled_adds_the_label_of_the_first_row_with_the_key() {
    for protocol in PROTOCOLS {
        let sides = sides(b"\n");
        let (shanghai, anhui) = sides.both_over(protocol, Mode::Labelled);
        let (shanghai, anhui) = meet(shanghai, anhui).await;
        let mut expected = b"id,name,category\n".to_vec();
        for (raw, label) in join(&SHANGHAI, &ANHUI) {
            expected.extend_from_slice(raw);
            // A short row is filled up before a label is added.
            expected.extend_from_slice(if raw == b"9" { b",," } else { b"," });
            datasets::push_csv_field(&mut expected, label);
            expected.push(b'\n');
        }
        assert_eq!(sides.result("shanghai").unwrap(), expected);
        assert!(sides.untouched("anhui"));
        assert_eq!(shanghai.unwrap().rows_written, Some(7));
        assert_eq!(anhui.unwrap().counts.label_conflicts, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn both_gives_each_side_its_own_rows() {
    for protocol in PROTOCOLS {
        let sides = sides(b"\r\n");
        let (shanghai, anhui) = sides.both_over(protocol, Mode::Both);
        let (shanghai, anhui) = meet(shanghai, anhui).await;
        let (ours, theirs) = (joined_rows(&SHANGHAI, &ANHUI), joined_rows(&ANHUI, &SHANGHAI));
        assert_eq!(sides.result("shanghai").unwrap(), file(b"id,name", &ours, b"\r\n"));
        assert_eq!(sides.result("anhui").unwrap(), file(b"id,category", &theirs, b"\n"));
        assert_eq!((shanghai.unwrap().matched, anhui.unwrap().matched), (Some(6), Some(6)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cardinality_gives_the_number_alone() {
    let sides = sides(b"\n");
    let (shanghai, anhui) = sides.both(Mode::Cardinality);
    let (shanghai, anhui) = meet(shanghai, anhui).await;
    assert_eq!(sides.result("shanghai").unwrap(), b"matched\n6\n");
    assert!(sides.untouched("anhui"));
    assert_eq!(shanghai.unwrap().matched, Some(6));
    assert_eq!(anhui.unwrap().matched, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_receiver_may_be_the_one_that_listens() {
    let sides = sides(b"\n");
    let mut job = spec(Mode::Membership);
    job.listener = id("shanghai");
    let (shanghai, anhui) = meet(sides.run("shanghai", job.clone()), sides.run("anhui", job)).await;
    anhui.unwrap();
    assert_eq!(shanghai.unwrap().rows_written, Some(7));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_padded_size_is_the_only_size_that_the_peer_sees() {
    let sides = sides(b"\n");
    for (protocol, mode) in VARIANTS {
        let mut job = JobSpec { protocol, ..spec(mode) };
        job.parties[0].padded_size = Some(32);
        job.parties[1].padded_size = Some(64);
        let (mut shanghai, mut anhui) = (sides.run("shanghai", job.clone()), sides.run("anhui", job));
        for run in [&mut shanghai, &mut anhui] {
            if let Input::Dataset { overwrite, .. } = &mut run.input {
                *overwrite = true;
            }
        }
        let (shanghai, anhui) = meet(shanghai, anhui).await;
        let (shanghai, anhui) = (shanghai.unwrap(), anhui.unwrap());
        assert_eq!((shanghai.peer_padded_size, anhui.peer_padded_size), (64, 32));
        assert_eq!(shanghai.matched, Some(6), "{protocol}, {mode}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_two_columns_matches_where_both_do() {
    let sides = Sides::new(b"a,b\nx,y\nxy,\nx,z\n", b"b,a,c\ny,x,1\n,xy,2\nx,y,3\n");
    let mut job = spec(Mode::Membership);
    job.key_types.push("raw".parse().unwrap());
    for party in &mut job.parties {
        party.key_columns = vec!["a".to_owned(), "b".to_owned()];
    }
    let (shanghai, anhui) = meet(sides.run("shanghai", job.clone()), sides.run("anhui", job)).await;
    anhui.unwrap();
    assert_eq!(shanghai.unwrap().counts.missing_keys, 1);
    assert_eq!(sides.result("shanghai").unwrap(), b"a,b\nx,y\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn empty_sets_and_no_match_succeed_in_every_mode() {
    for (protocol, mode) in VARIANTS {
        for (ours, theirs) in [("", ""), ("1,a\n", ""), ("", "2,b\n"), ("1,a\n", "2,b\n")] {
            let sides = Sides::new(format!("id,name\n{ours}").as_bytes(), format!("id,category\n{theirs}").as_bytes());
            let (shanghai, anhui) = sides.both_over(protocol, mode);
            let (shanghai, anhui) = meet(shanghai, anhui).await;
            anhui.unwrap();
            assert_eq!(shanghai.unwrap().matched, Some(0), "{protocol}, {mode} of {ours:?} and {theirs:?}");
            let expected: &[u8] = match mode {
                Mode::Labelled => b"id,name,category\n",
                Mode::Cardinality => b"matched\n0\n",
                _ => b"id,name\n",
            };
            assert_eq!(sides.result("shanghai").unwrap(), expected);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_without_records_give_a_count() {
    let keys = |range: std::ops::Range<u8>| Input::Items(range.map(|number| CanonicalKey([number; 16])).collect());
    for (protocol, mode) in VARIANTS.into_iter().filter(|(_, mode)| *mode != Mode::Labelled) {
        let job = JobSpec { protocol, ..spec(mode) };
        let (shanghai, anhui) = (run("shanghai", job.clone(), keys(0..60)), run("anhui", job, keys(40..200)));
        let (shanghai, anhui) = meet(shanghai, anhui).await;
        anhui.unwrap();
        let shanghai = shanghai.unwrap();
        assert_eq!((shanghai.matched, shanghai.rows_written), (Some(20), None), "{protocol}, {mode}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn progress_is_told_and_ends_with_everything_done() {
    let sides = sides(b"\n");
    let (mut shanghai, anhui) = sides.both(Mode::Membership);
    let told = Arc::new(std::sync::Mutex::new(Vec::new()));
    let hook = Arc::clone(&told);
    shanghai.progress = Some(Arc::new(move |progress| hook.lock().unwrap().push(progress)));
    let (shanghai, anhui) = meet(shanghai, anhui).await;
    shanghai.unwrap();
    anhui.unwrap();
    let told = told.lock().unwrap();
    assert!(told.iter().all(|progress| progress.done <= progress.total));
    assert!(told.last().is_some_and(|progress| progress.done == progress.total));
}
