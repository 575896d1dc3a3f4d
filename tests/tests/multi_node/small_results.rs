//! A result below the agreement's smallest is withheld in each mode by every node that learns its size, and nothing of it is left
//! anywhere; one that is large enough is delivered.

use std::fs;

use agreement::{Event, JobSpec, JobState, Mode, Protocol, chain::verify_chain};
use testkit::{World, WorldSpec, table_pair, world::job_of_two};
use wire::{Duty, proto::ListResultsRequest};

const SIDES: [&str; 2] = ["shanghai", "anhui"];
/// How many persons the two lists have in common.
const COMMON: usize = 12;

/// What a mode tells whom: the sides that learn the size of the result.
fn learning(mode: Mode) -> &'static [&'static str] {
    if mode == Mode::Both { &SIDES } else { &SIDES[..1] }
}

async fn world() -> World {
    let (students, hardship) = table_pair(96, 40, 30, COMMON);
    let spec = WorldSpec::new(&SIDES);
    World::start(&spec, &[("shanghai", "students", &students), ("anhui", "hardship", &hardship)]).await.unwrap()
}

/// Runs a job under an agreement with this smallest result; it is a success in any case.
async fn run(world: &World, (mode, protocol): (Mode, Protocol), smallest: usize) -> String {
    let labels: &[&str] = if mode == Mode::Labelled { &["category"] } else { &[] };
    let job = job_of_two(mode, ("shanghai", "students", "id"), ("anhui", "hardship", "person"), labels).unwrap();
    let job = JobSpec { protocol, ..job };
    let agreed = world.agree_to(&job, |agreement| agreement.limits.smallest_result = Some(smallest as u64));
    let id = world.submit("shanghai", &agreed.await.unwrap()).await.unwrap();
    let (state, ended) = world.wait("shanghai", &id).await.unwrap();
    assert_eq!((state, ended.cause.as_str()), (JobState::Succeeded, ""), "{mode} {protocol} {smallest}");
    id
}

/// Fails unless a node's receipts of a job are of these events, and no cause or number of matches stands in them.
async fn has_receipts(world: &World, name: &str, job: &str, wanted: &[Event]) {
    let receipts = world.node(name).unwrap().book.receipts_of(job).await.unwrap();
    let said = || receipts.iter().map(agreement::Signed::statement);
    assert_eq!(said().map(|receipt| receipt.event).collect::<Vec<_>>(), wanted, "{name}");
    assert!(said().all(|receipt| receipt.cause.is_none()), "{name}: {receipts:?}");
}

/// Whether a node has anything of the result of a job: a file, a key, or a line in the list.
async fn has_result(world: &World, name: &str, job: &str) -> bool {
    let mut client = world.results(name, (name, "k-3", Duty::Auditor)).await.unwrap();
    let listed = client.list_results(ListResultsRequest::default()).await.unwrap().into_inner().results;
    let folder = world.node(name).unwrap().folder.join("results");
    let in_folders = [folder.clone(), folder.join("keys")].iter().any(|folder| {
        let Ok(entries) = fs::read_dir(folder) else { return false };
        entries.into_iter().any(|entry| entry.unwrap().file_name().to_string_lossy().contains(job))
    });
    let is_listed = listed.iter().any(|result| result.job_id == job);
    assert_eq!(is_listed, in_folders, "{name}: the list and the folder differ");
    is_listed
}

async fn are_withheld_below_the_smallest(runs: &[(Mode, Protocol)]) {
    let world = world().await;
    for &(mode, protocol) in runs {
        for (smallest, event) in [(COMMON, Event::Delivered), (COMMON + 1, Event::Withheld)] {
            let id = run(&world, (mode, protocol), smallest).await;
            for name in SIDES {
                let what = format!("{mode} {protocol} {smallest} at {name}");
                let learns = learning(mode).contains(&name);
                let is_there = learns && event == Event::Delivered;
                assert_eq!(has_result(&world, name, &id).await, is_there, "{what}");
                // An export leaves a receipt of its own.
                let wanted = [Event::Admitted, Event::Succeeded, event];
                has_receipts(&world, name, &id, if learns { &wanted } else { &wanted[..2] }).await;
                assert_eq!(world.result(name, &id).await.unwrap().is_some(), is_there, "{what}");
            }
        }
    }
    for name in SIDES {
        verify_chain(&world.node(name).unwrap().book.receipts(1, 1000).await.unwrap(), None).unwrap();
    }
    world.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_and_labels_below_the_smallest_result_are_withheld_by_the_receivers_node() {
    are_withheld_below_the_smallest(&[
        (Mode::Membership, Protocol::Vole),
        (Mode::Labelled, Protocol::Ecdh),
        (Mode::Labelled, Protocol::Vole),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_both_below_the_smallest_result_are_withheld_by_both_nodes() {
    are_withheld_below_the_smallest(&[(Mode::Both, Protocol::Ecdh), (Mode::Both, Protocol::Vole)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_below_the_smallest_result_is_not_told_to_its_receiver_either() {
    are_withheld_below_the_smallest(&[(Mode::Cardinality, Protocol::Ecdh)]).await;
}
