//! What servers say of persons in their logs: nothing, whatever is asked of them and however much they are to say.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod support;

use std::{collections::BTreeSet, fs, io::Write};

use nix::sys::signal::Signal;
use records::{KeySpec, KeyType, Record};
use support::site::Site;

/// Gives the hardship list labels that can be told from all else, and each list a row whose number has a wrong check digit.
fn prepare(site: &Site) {
    let list = fs::read_to_string(site.path("anhui/hardship.csv")).unwrap();
    let (header, rows) = list.split_once('\n').unwrap();
    assert_eq!(header, "id_no,name,category,cert_no,valid_from,valid_to");
    let mut labelled = format!("{header}\n");
    for (number, row) in rows.lines().enumerate() {
        let mut cells: Vec<&str> = row.split(',').collect();
        let labels = [format!("hardship-kind-{number:03}"), format!("hardship-until-{number:03}")];
        (cells[2], cells[5]) = (&labels[0], &labels[1]);
        labelled += &(cells.join(",") + "\n");
    }
    fs::write(site.path("anhui/hardship.csv"), labelled).unwrap();
    let refused = "342301198502020010,何不收,hardship-kind-900,340000000900,20250101,hardship-until-900\n";
    append(site, "anhui/hardship.csv", refused);
    append(site, "shanghai/students.csv", "G310101199001011230,310101199001011230,何不收,3101990290,8\n");
}

fn append(site: &Site, list: &str, row: &str) {
    let file = fs::OpenOptions::new().append(true).open(site.path(list));
    file.unwrap().write_all(row.as_bytes()).unwrap();
}

/// What the cells of some columns are, in all rows that have them.
fn cells(site: &Site, list: &str, columns: &[usize]) -> Vec<String> {
    let list = fs::read_to_string(site.path(list)).unwrap();
    let rows = list.lines().skip(1).flat_map(|row| {
        let cells: Vec<&str> = row.split(',').collect();
        columns.iter().filter_map(|column| cells.get(*column).map(|&cell| cell.to_owned())).collect::<Vec<_>>()
    });
    rows.collect()
}

/// The key that the protocols work on, if there is one.
fn key(identifier: &str) -> Option<[u8; 16]> {
    let mut record = Record::default();
    record.push_field(identifier.as_bytes());
    KeySpec::new(&[KeyType::ResidentId]).unwrap().key(&record, &[0]).ok().map(|made| made.key.0)
}

/// How bytes may be written in a log: in hex of either case, as a list, and with escapes.
fn forms(bytes: &[u8]) -> [String; 4] {
    let list = format!("{bytes:?}").trim_matches(['[', ']']).to_owned();
    [hex::encode(bytes), hex::encode_upper(bytes), list, bytes.escape_ascii().to_string()]
}

/// Runs the job until it has ended so, and gives its id.
fn ends(site: &Site, state: &str) -> String {
    let id = site.ask(&["submit", "--file", &site.job(&[])])["job_id"].as_str().unwrap().to_owned();
    let shown = site.until_state(&id, &["Succeeded", "Failed", "Rejected", "Cancelled", "TimedOut"]);
    assert_eq!(shown["state"], state, "{shown}");
    id
}

#[test]
fn no_log_holds_an_identifier_or_a_label_of_either_side_however_much_is_logged() {
    let site = Site::new(60, 40, 15);
    prepare(&site);
    let servers = ["coordinator", "shanghai", "anhui"].map(|name| (name, site.start_verbose(name)));

    let job = ends(&site, "Succeeded");
    let result = site.result("shanghai", &job);
    assert!(result.lines().count() == 1 + 15 && result.contains("hardship-kind-0"), "{result}");
    // Names and numbers of persons, and labels.
    let mut persons = cells(&site, "shanghai/students.csv", &[0, 1, 2]);
    persons.extend(cells(&site, "anhui/hardship.csv", &[0, 1, 2, 3, 5]));
    assert_eq!(persons.len(), 61 * 3 + 41 * 5);
    let keys: Vec<_> = persons.iter().filter_map(|cell| key(cell)).collect();
    assert_eq!(keys.len(), 60 + 40, "the rows that are refused have none");

    // A list that has a person where its columns are named, and one with a row that is no row of it.
    let list = fs::read_to_string(site.path("anhui/hardship.csv")).unwrap();
    fs::write(site.path("anhui/hardship.csv"), list.split_once('\n').unwrap().1).unwrap();
    ends(&site, "Failed");
    fs::write(site.path("anhui/hardship.csv"), list).unwrap();
    let row = cells(&site, "shanghai/students.csv", &[0, 1, 2]).join(",");
    append(&site, "shanghai/students.csv", &(row + "\n"));
    ends(&site, "Failed");

    let logs = servers.map(|(name, mut server)| {
        assert_eq!(server.signal(Signal::SIGTERM), Some(0), "{name}");
        server.says("ended in order");
        (name, server.log())
    });
    let written = persons.iter().cloned().chain(persons.iter().flat_map(|cell| forms(cell.as_bytes())));
    let written: BTreeSet<String> = written.chain(keys.iter().flat_map(|key| forms(key))).collect();
    for (name, log) in logs {
        assert!(log.contains(" TRACE ") && log.contains(" DEBUG "), "{name} said too little");
        let own = ["job succeeded", "refused=\"id_no check-digit 1\"", "job ended without a result"];
        for words in own.into_iter().filter(|_| name != "coordinator") {
            assert!(log.contains(words), "{name} did not say {words:?}");
        }
        for one in &written {
            let place = log.find(one.as_str());
            let line = place.and_then(|place| log[..place].lines().next_back());
            assert!(place.is_none(), "the log of {name} holds {one} after {line:?}");
        }
    }
}
