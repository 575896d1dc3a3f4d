//! After a job, nothing that one side holds or logs, and nothing that the coordinator keeps, contains
//! an identifier of the other.

use std::{
    fs,
    path::{Path, PathBuf},
};

use agreement::{JobState, Mode, Protocol};
use testkit::{World, WorldSpec, table_pair, world::job_of_two};

fn files_below(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files_below(&path, into) } else { into.push(path) }
    }
}

/// Whether it stands there as it is, or in hex as databases keep messages.
fn holds(haystack: &[u8], needle: &str) -> bool {
    let hex: String = needle.bytes().map(|byte| format!("{byte:02x}")).collect();
    [needle, &hex].iter().any(|needle| haystack.windows(needle.len()).any(|window| window == needle.as_bytes()))
}

#[tokio::test(flavor = "multi_thread")]
async fn no_file_of_one_side_holds_an_identifier_that_is_the_others_alone() {
    let (students, hardship) = table_pair(21, 60, 50, 15);
    let spec = WorldSpec::new(&["shanghai", "anhui"]);
    let datasets = [("shanghai", "students", &students), ("anhui", "hardship", &hardship)];
    let world = World::start(&spec, &datasets).await.unwrap();
    let ecdh = [Mode::Membership, Mode::Labelled, Mode::Both, Mode::Cardinality].map(|mode| (Protocol::Ecdh, mode));
    let vole = [Mode::Membership, Mode::Labelled, Mode::Both].map(|mode| (Protocol::Vole, mode));
    for (protocol, mode) in ecdh.into_iter().chain(vole) {
        let labels: &[&str] = if mode == Mode::Labelled { &["category"] } else { &[] };
        let mut job =
            job_of_two(mode, ("shanghai", "students", "id"), ("anhui", "hardship", "person"), labels).unwrap();
        job.protocol = protocol;
        let id = world.submit("shanghai", &job).await.unwrap();
        let (state, ended) = world.wait("shanghai", &id).await.unwrap();
        assert_eq!(state, JobState::Succeeded, "{}", ended.cause);
        // What is in it is searched with the rest: at its node it is sealed.
        for side in ["shanghai", "anhui"] {
            if let Some(result) = world.result(side, &id).await.unwrap() {
                fs::write(world.folder().join(side).join(format!("{id}.csv")), result).unwrap();
            }
        }
    }
    let (ours, theirs) = (students.keys(), hardship.keys());
    let sides = [
        ("shanghai", theirs.difference(&ours).copied().collect::<Vec<_>>()),
        ("anhui", ours.difference(&theirs).copied().collect()),
        (testkit::world::COORDINATOR, ours.union(&theirs).copied().collect()),
    ];
    for (side, forbidden) in sides {
        assert!(!forbidden.is_empty());
        let mut files = Vec::new();
        files_below(&world.folder().join(side), &mut files);
        assert!(files.len() >= 3, "{side} wrote too little to be worth a search");
        for file in files {
            let content = fs::read(&file).unwrap();
            for identifier in &forbidden {
                assert!(!holds(&content, identifier), "{} holds {identifier}", file.display());
            }
        }
    }
    world.stop().await.unwrap();
}
