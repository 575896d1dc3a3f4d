//! Nodes that leave or fall silent, and jobs that take too long.

use std::time::Duration;

use coordinator::Patience;
use wire::proto::{JobSpec, JobState};

use crate::region::{Region, Running, job};

/// Short where this says so, and as long as ever elsewhere.
async fn region(change: impl FnOnce(&mut Patience)) -> Region {
    let mut patience = Patience::default();
    change(&mut patience);
    Region::patient(patience).await
}

const SHORT: Duration = Duration::from_millis(300);

#[tokio::test]
async fn a_node_that_leaves_in_the_middle_is_named_and_the_job_begins_again_when_it_is_back() {
    let region = region(|patience| patience.grace = SHORT).await;
    let mut running = Running::within(region, job("shanghai", "anhui")).await;
    running.both_started().await;
    drop(running.anhui);
    let cancel = running.shanghai.cancelled().await;
    assert_eq!(cancel.job_id, running.job_id);
    assert!(cancel.reason.contains("begun again when all nodes are there"), "{}", cancel.reason);
    let waits = running.operator.get(&running.job_id).await.unwrap();
    assert_eq!(
        (waits.state(), waits.cause.as_str()),
        (JobState::Queued, "anhui: its node left in the middle of the job")
    );
    // What shanghai says of the attempt that is over is no news.
    running.shanghai.ended(&running.job_id, JobState::Cancelled, "told to").await;
    let mut anhui = running.region.node("anhui").await;
    for node in [&mut running.shanghai, &mut anhui] {
        let start = node.start().await;
        assert_eq!((start.job_id, start.attempt, start.peers_done), (running.job_id.clone(), 1, false));
        node.started(&running.job_id).await;
        node.succeeded(&running.job_id, &[9; 32]).await;
    }
    assert_eq!(running.operator.end(&running.job_id).await, (JobState::Succeeded, String::new()));
}

#[tokio::test]
async fn who_lost_its_peer_is_waited_with_until_it_is_known_whether_that_left() {
    let region = region(|patience| patience.grace = SHORT).await;
    let mut running = Running::within(region, job("shanghai", "anhui")).await;
    running.both_started().await;
    // Anhui stays: then this is the end.
    running.shanghai.interrupted(&running.job_id, "the connection to anhui was lost", 0).await;
    let (state, cause) = running.operator.end(&running.job_id).await;
    assert_eq!((state, cause.as_str()), (JobState::Failed, "shanghai reports: the connection to anhui was lost"));

    let region = self::region(|patience| patience.grace = SHORT).await;
    let mut running = Running::within(region, job("shanghai", "anhui")).await;
    running.both_started().await;
    running.shanghai.interrupted(&running.job_id, "the connection to anhui was lost", 0).await;
    drop(running.anhui);
    running.shanghai.cancelled().await;
    let mut anhui = running.region.node("anhui").await;
    for node in [&mut running.shanghai, &mut anhui] {
        assert_eq!(node.start().await.attempt, 1);
        node.succeeded(&running.job_id, &[9; 32]).await;
    }
    assert_eq!(running.operator.end(&running.job_id).await.0, JobState::Succeeded);
}

#[tokio::test]
async fn a_party_that_lacks_the_end_alone_is_told_that_its_peer_is_done() {
    let region = region(|patience| patience.grace = SHORT).await;
    let mut running = Running::within(region, job("shanghai", "anhui")).await;
    running.both_started().await;
    running.shanghai.succeeded(&running.job_id, &[9; 32]).await;
    running.shanghai.nothing_due().await;
    drop(running.anhui);
    let queued = async {
        while running.operator.get(&running.job_id).await.unwrap().state() != JobState::Queued {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), queued).await.expect("the job was not interrupted");
    let mut anhui = running.region.node("anhui").await;
    let start = anhui.start().await;
    assert_eq!((start.attempt, start.peers_done), (1, true));
    anhui.succeeded(&running.job_id, &[9; 32]).await;
    assert_eq!(running.operator.end(&running.job_id).await, (JobState::Succeeded, String::new()));
    running.shanghai.nothing_due().await;
}

#[tokio::test]
async fn a_node_that_comes_back_in_time_keeps_its_job() {
    let region = region(|patience| patience.grace = Duration::from_secs(2)).await;
    let mut running = Running::within(region, job("shanghai", "anhui")).await;
    running.both_started().await;
    // A second job, whose node stays away: when that interrupts it, the grace of the first is over too.
    let (mut jiangsu, mut zhejiang) = (running.region.node("jiangsu").await, running.region.node("zhejiang").await);
    let mut other = running.region.operator("jiangsu").await;
    let lost = other.submit(job("jiangsu", "zhejiang")).await.unwrap().job_id;
    jiangsu.start().await;
    zhejiang.start().await;
    drop(running.anhui);
    let mut anhui = running.region.node("anhui").await;
    drop(zhejiang);
    assert_eq!(jiangsu.cancelled().await.job_id, lost);
    anhui.succeeded(&running.job_id, &[9; 32]).await;
    running.shanghai.succeeded(&running.job_id, &[9; 32]).await;
    assert_eq!(running.operator.end(&running.job_id).await, (JobState::Succeeded, String::new()));
}

#[tokio::test]
async fn a_node_that_has_done_its_part_may_leave() {
    let region = region(|patience| patience.grace = SHORT).await;
    let mut running = Running::within(region, job("shanghai", "anhui")).await;
    running.both_started().await;
    running.anhui.succeeded(&running.job_id, &[9; 32]).await;
    running.anhui.nothing_due().await;
    // A second job of the same node shows when its grace is over.
    let mut jiangsu = running.region.node("jiangsu").await;
    let mut other = running.region.operator("jiangsu").await;
    let lost = other.submit(job("jiangsu", "anhui")).await.unwrap().job_id;
    jiangsu.start().await;
    drop(running.anhui);
    assert_eq!(jiangsu.cancelled().await.job_id, lost);
    running.shanghai.succeeded(&running.job_id, &[9; 32]).await;
    assert_eq!(running.operator.end(&running.job_id).await.0, JobState::Succeeded);
}

#[tokio::test]
async fn a_node_that_falls_silent_is_detached() {
    let region = region(|patience| patience.silence = SHORT).await;
    region.node("anhui").await.refused().await;
    region.unregistered("jiangsu").await.refused().await;
    region.operator("anhui").await.until_connected(0).await;
}

#[tokio::test]
async fn a_job_beyond_its_deadline_is_timed_out_and_its_nodes_are_stopped() {
    let second = JobSpec { deadline_seconds: 1, ..job("shanghai", "anhui") };
    for (spec, deadline, begun, cause) in [
        (second.clone(), Duration::from_secs(3600), true, "the job was not done after 1 seconds"),
        (second, Duration::from_secs(3600), false, "the job was not done after 1 seconds"),
        (job("shanghai", "anhui"), SHORT, true, "the job was not done after 0 seconds"),
    ] {
        let region = region(|patience| (patience.allowance, patience.deadline) = (SHORT, deadline)).await;
        let mut running = Running::within(region, spec).await;
        if begun {
            running.shanghai.started(&running.job_id).await;
            running.anhui.started(&running.job_id).await;
        }
        for node in [&mut running.shanghai, &mut running.anhui] {
            assert_eq!(node.cancelled().await.reason, cause);
        }
        assert_eq!(running.operator.end(&running.job_id).await, (JobState::TimedOut, cause.to_owned()));
    }
}

#[tokio::test]
async fn a_deadline_counts_from_the_start_not_from_the_queue() {
    let region = region(|patience| (patience.allowance, patience.deadline) = (Duration::ZERO, SHORT)).await;
    let mut operator = region.operator("jiangsu").await;
    let waits = operator.submit(job("jiangsu", "zhejiang")).await.unwrap().job_id;
    let mut running = Running::within(region, job("shanghai", "anhui")).await;
    assert_eq!(running.operator.end(&running.job_id).await.0, JobState::TimedOut);
    assert_eq!(operator.get(&waits).await.unwrap().state(), JobState::Queued);
}
