//! Results at their nodes: sealed, taken out by operators for a purpose and a case, deleted when a person says so.

use std::{
    fs,
    path::{Path, PathBuf},
};

use agreement::{Event, JobState, Mode, Receipt};
use testkit::{Table, World, WorldSpec, plain_join, results::export, table_pair, world::job_of_two};
use tonic::Code;
use wire::{
    Duty,
    proto::{DeleteResultRequest, ListResultsRequest, ResultInfo, ResultState},
};

const WHY: (&str, &str) = ("student aid", "2026/7");

async fn start(students: &Table, hardship: &Table) -> World {
    let spec = WorldSpec::new(&["shanghai", "anhui"]);
    World::start(&spec, &[("shanghai", "students", students), ("anhui", "hardship", hardship)]).await.unwrap()
}

async fn run(world: &World, mode: Mode) -> String {
    let job = job_of_two(mode, ("shanghai", "students", "id"), ("anhui", "hardship", "person"), &[]).unwrap();
    let id = world.submit("shanghai", &job).await.unwrap();
    let (state, ended) = world.wait("shanghai", &id).await.unwrap();
    assert_eq!(state, JobState::Succeeded, "{}", ended.cause);
    id
}

async fn receipts(world: &World, job: &str) -> Vec<Receipt> {
    let receipts = world.node("shanghai").unwrap().book.receipts_of(job).await.unwrap();
    receipts.iter().map(|receipt| receipt.statement().clone()).collect()
}

async fn listed(world: &World) -> Vec<ResultInfo> {
    let mut client = world.results("shanghai", ("shanghai", "k-9", Duty::Auditor)).await.unwrap();
    client.list_results(ListResultsRequest::default()).await.unwrap().into_inner().results
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_is_sealed_and_leaves_in_pieces_after_its_receipt() {
    let (students, hardship) = table_pair(51, 12_000, 11_000, 10_000);
    let world = start(&students, &hardship).await;
    let id = run(&world, Mode::Membership).await;
    let folder = world.node("shanghai").unwrap().folder.join("results");
    let (sealed, key) = (folder.join(format!("{id}.sealed")), folder.join("keys").join(format!("{id}.key")));
    let mut files = files_below(&folder);
    files.sort();
    let mut wanted = [key, sealed.clone()];
    wanted.sort();
    assert_eq!(files, wanted);
    let joined = plain_join(&students, &hardship);
    let content = fs::read(&sealed).unwrap();
    assert!(content.len() > 3 << 16, "too small to leave in pieces");
    for (row, _) in joined.iter().take(100) {
        assert!(!content.windows(row[0].len()).any(|window| window == row[0].as_bytes()), "{}", row[0]);
    }

    let mut client = world.results("shanghai", ("shanghai", "k-17", Duty::Operator)).await.unwrap();
    for (purpose, case) in
        [("", "2026/7"), ("student aid", " "), ("a\nb", "2026/7"), ("aid for 31019919850101001X", "2026/7")]
    {
        let refused = export(&mut client, &id, (purpose, case)).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{purpose:?} {case:?}");
    }
    assert!(receipts(&world, &id).await.iter().all(|receipt| receipt.event != Event::Exported));
    let text = String::from_utf8(export(&mut client, &id, WHY).await.unwrap()).unwrap();
    let rows: Vec<String> = joined.iter().map(|(row, _)| row.join(",")).collect();
    assert!(text.lines().skip(1).eq(rows.iter().map(String::as_str)));
    let receipt = receipts(&world, &id).await.pop().unwrap();
    let named = receipt.export.unwrap();
    assert_eq!((named.purpose.as_str(), named.case.as_str()), WHY);
    assert_eq!((receipt.event, receipt.person.as_deref()), (Event::Exported, Some("k-17")));
    let shown = listed(&world).await.pop().unwrap();
    assert_eq!((shown.job_id, shown.rows, shown.bytes), (id, joined.len() as u64, text.len() as u64));
    assert_eq!((shown.exports, shown.due_s - shown.made_s, shown.overdue), (1, 86_400, false));
    world.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_is_sealed_too() {
    let (students, hardship) = table_pair(52, 40, 30, 12);
    let world = start(&students, &hardship).await;
    let id = run(&world, Mode::Cardinality).await;
    let content = fs::read(world.node("shanghai").unwrap().folder.join(format!("results/{id}.sealed"))).unwrap();
    assert!(!content.windows(7).any(|window| window == b"matched"));
    assert_eq!(world.result("shanghai", &id).await.unwrap().unwrap(), "matched\n12\n");
    assert_eq!(listed(&world).await.pop().unwrap().rows, 0);
    world.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_takes_out_or_deletes_beyond_the_duty_of_a_certificate() {
    let (students, hardship) = table_pair(53, 40, 30, 12);
    let world = start(&students, &hardship).await;
    let id = run(&world, Mode::Membership).await;
    let delete = DeleteResultRequest { job_id: id.clone(), reason: "because".to_owned() };
    for (person, may_list, may_delete) in [
        (("shanghai", "k-2", Duty::Approver), true, true),
        (("shanghai", "k-3", Duty::Auditor), true, false),
        (("anhui", "k-1", Duty::Operator), false, false),
        (("anhui", "k-2", Duty::Approver), false, false),
    ] {
        let mut client = world.results("shanghai", person).await.unwrap();
        let refused = export(&mut client, &id, WHY).await.unwrap_err();
        assert_eq!(refused.code(), Code::PermissionDenied, "{person:?}");
        assert_eq!(client.list_results(ListResultsRequest::default()).await.is_ok(), may_list, "{person:?}");
        if !may_delete {
            let refused = client.delete_result(delete.clone()).await.unwrap_err();
            assert_eq!(refused.code(), Code::PermissionDenied, "{person:?}");
        }
    }
    assert!(world.result("shanghai", &id).await.unwrap().is_some());
    world.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_deleted_is_gone_for_good_and_the_receipt_says_why() {
    let (students, hardship) = table_pair(54, 40, 30, 12);
    let world = start(&students, &hardship).await;
    let id = run(&world, Mode::Membership).await;
    let mut client = world.results("shanghai", ("shanghai", "k-2", Duty::Approver)).await.unwrap();
    let request = |reason: &str| DeleteResultRequest { job_id: id.clone(), reason: reason.to_owned() };
    assert_eq!(client.delete_result(request(" ")).await.unwrap_err().code(), Code::InvalidArgument);
    let deleted = client.delete_result(request("the case is closed")).await.unwrap().into_inner().result.unwrap();
    assert_eq!((deleted.state(), deleted.cause.as_str()), (ResultState::Deleted, "the case is closed"));
    assert!(files_below(&world.node("shanghai").unwrap().folder.join("results")).is_empty());
    let mut operator = world.results("shanghai", ("shanghai", "k-17", Duty::Operator)).await.unwrap();
    let refused = export(&mut operator, &id, WHY).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert!(refused.message().contains("the case is closed"), "{refused}");
    assert_eq!(client.delete_result(request("again")).await.unwrap_err().code(), Code::FailedPrecondition);
    let receipt = receipts(&world, &id).await.pop().unwrap();
    let said = (receipt.event, receipt.cause.as_deref(), receipt.person.as_deref());
    assert_eq!(said, (Event::Deleted, Some("the case is closed"), Some("k-2")));
    let unknown = DeleteResultRequest { job_id: "../keys/x".to_owned(), reason: "because".to_owned() };
    assert_eq!(client.delete_result(unknown).await.unwrap_err().code(), Code::NotFound);
    world.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_result_is_not_taken_for_a_whole_one() {
    let (students, hardship) = table_pair(55, 12_000, 11_000, 10_000);
    let world = start(&students, &hardship).await;
    let id = run(&world, Mode::Membership).await;
    let folder = world.node("shanghai").unwrap().folder.join("results");
    let path = folder.join(format!("{id}.sealed"));
    let whole = fs::read(&path).unwrap();
    let mut client = world.results("shanghai", ("shanghai", "k-17", Duty::Operator)).await.unwrap();
    let mut flipped = whole.clone();
    flipped[100_000] ^= 1;
    // A chunk is 65,552 bytes behind the 16 at the front.
    for (content, receipts_more) in [(flipped, 1), (whole[..16 + 2 * 65_552].to_vec(), 1), (whole[..500].to_vec(), 0)] {
        fs::write(&path, content).unwrap();
        let before = receipts(&world, &id).await.len();
        let broken = export(&mut client, &id, WHY).await.unwrap_err();
        assert_eq!(broken.code(), Code::DataLoss, "{broken}");
        assert_eq!(receipts(&world, &id).await.len(), before + receipts_more);
    }
    fs::write(&path, whole).unwrap();
    fs::remove_file(folder.join("keys").join(format!("{id}.key"))).unwrap();
    assert_eq!(export(&mut client, &id, WHY).await.unwrap_err().code(), Code::DataLoss);
    assert_eq!(listed(&world).await.pop().unwrap().problem, "its key is missing");
    world.stop().await.unwrap();
}
