//! A coordinator that stops, and another that finds what it left.

use std::time::Duration;

use coordinator::Patience;
use wire::proto::JobState;

use crate::region::{Region, Running, job};

const TRANSCRIPT: &[u8] = &[9; 32];

#[tokio::test]
async fn a_job_that_was_running_goes_on_where_its_nodes_are_at_it() {
    let mut running = Running::start().await;
    running.both_started().await;
    let (id, mut region) = (running.job_id, running.region);
    // Twice: the second finds what the first left.
    for _ in 0..2 {
        region = region.restarted().await;
        let mut operator = region.operator("anhui").await;
        let job = operator.get(&id).await.unwrap();
        let wanted = (JobState::Queued, "the coordinator restarted while the job was running");
        assert_eq!((job.state(), job.cause.as_str()), wanted);
        let at_it = [(id.as_str(), Some(0))];
        let (mut shanghai, mut anhui) =
            (region.node_with("shanghai", &at_it).await, region.node_with("anhui", &at_it).await);
        for node in [&mut shanghai, &mut anhui] {
            node.started(&id).await;
            node.nothing_due().await;
        }
        assert_eq!(operator.get(&id).await.unwrap().state(), JobState::Running);
    }
    let (mut shanghai, mut anhui) = (region.node("shanghai").await, region.node("anhui").await);
    shanghai.succeeded(&id, TRANSCRIPT).await;
    anhui.succeeded(&id, TRANSCRIPT).await;
    assert_eq!(region.operator("anhui").await.end(&id).await, (JobState::Succeeded, String::new()));
}

#[tokio::test]
async fn a_job_that_a_node_is_no_longer_at_begins_again_under_a_new_number() {
    for at_anhui in [None, Some(7)] {
        let mut running = Running::start().await;
        running.both_started().await;
        let (id, region) = (running.job_id, running.region.restarted().await);
        let mut shanghai = region.node_with("shanghai", &[(&id, Some(0))]).await;
        let mut anhui = region.node_with("anhui", &[(&id, at_anhui)]).await;
        for node in [&mut shanghai, &mut anhui] {
            let start = node.start().await;
            assert_eq!((start.job_id, start.attempt, start.peers_done), (id.clone(), 1, false));
        }
        // What is said of the one before is no news.
        shanghai.interrupted(&id, "the peer is gone", 0).await;
        shanghai.nothing_due().await;
        shanghai.succeeded(&id, TRANSCRIPT).await;
        anhui.succeeded(&id, TRANSCRIPT).await;
        assert_eq!(region.operator("anhui").await.end(&id).await.0, JobState::Succeeded);
    }
}

#[tokio::test]
async fn a_node_that_ends_its_attempt_before_the_other_is_back_is_not_at_it() {
    let mut running = Running::start().await;
    running.both_started().await;
    let (id, region) = (running.job_id, running.region.restarted().await);
    let mut shanghai = region.node_with("shanghai", &[(&id, Some(0))]).await;
    shanghai.interrupted(&id, "the peer is gone", 0).await;
    shanghai.nothing_due().await;
    let mut anhui = region.node_with("anhui", &[(&id, Some(0))]).await;
    assert_eq!((shanghai.start().await.attempt, anhui.start().await.attempt), (1, 1));
}

#[tokio::test]
async fn a_party_that_was_done_before_is_not_asked_again() {
    let mut running = Running::start().await;
    running.both_started().await;
    running.shanghai.succeeded(&running.job_id, TRANSCRIPT).await;
    running.shanghai.nothing_due().await;
    let (id, region) = (running.job_id, running.region.restarted().await);
    let mut anhui = region.node("anhui").await;
    let start = anhui.start().await;
    assert_eq!((start.attempt, start.peers_done), (1, true));
    anhui.succeeded(&id, TRANSCRIPT).await;
    assert_eq!(region.operator("anhui").await.end(&id).await.0, JobState::Succeeded);
}

#[tokio::test]
async fn a_party_that_turns_out_to_be_done_is_not_waited_for_by_the_other() {
    let patience = Patience { sweep: Duration::from_millis(50), ..Patience::default() };
    let mut running = Running::within(Region::patient(patience).await, job("shanghai", "anhui")).await;
    running.both_started().await;
    let (id, region) = (running.job_id, running.region.restarted().await);
    // It was done before it was killed, and could not say so.
    let (mut shanghai, mut anhui) = (region.node("shanghai").await, region.node("anhui").await);
    for node in [&mut shanghai, &mut anhui] {
        assert_eq!(node.start().await.attempt, 1);
    }
    anhui.started(&id).await;
    anhui.nothing_due().await;
    shanghai.succeeded(&id, TRANSCRIPT).await;
    let cancel = anhui.cancelled().await;
    assert!(cancel.begins_again && cancel.reason.contains("shanghai had done its part before"), "{}", cancel.reason);
    let start = anhui.start().await;
    assert_eq!((start.attempt, start.peers_done), (2, true));
    anhui.succeeded(&id, TRANSCRIPT).await;
    assert_eq!(region.operator("anhui").await.end(&id).await.0, JobState::Succeeded);
}

#[tokio::test]
async fn a_failure_that_was_not_heard_before_is_heard_when_its_node_is_back() {
    let mut running = Running::start().await;
    running.both_started().await;
    let (id, region) = (running.job_id, running.region.restarted().await);
    let mut shanghai = region.node("shanghai").await;
    shanghai.ended(&id, JobState::Failed, "shanghai: disk full").await;
    shanghai.nothing_due().await;
    let wanted = (JobState::Failed, "shanghai: disk full".to_owned());
    assert_eq!(region.operator("anhui").await.end(&id).await, wanted);
    let mut anhui = region.node_with("anhui", &[(&id, Some(0))]).await;
    assert_eq!(anhui.cancelled().await.reason, "the job is over, Failed: shanghai: disk full");
}

#[tokio::test]
async fn a_node_is_told_which_of_its_open_jobs_are_over() {
    let mut running = Running::start().await;
    running.both_started().await;
    let Running { region, mut operator, shanghai, job_id: id, .. } = running;
    drop(shanghai);
    operator.until_connected(1).await;
    let waits = operator.submit(job("shanghai", "anhui")).await.unwrap().job_id;
    let others = operator.submit(job("shanghai", "jiangsu")).await.unwrap().job_id;
    operator.cancel(&id, "no longer wanted").await.unwrap();
    let open = [(id.as_str(), None), (waits.as_str(), None), (others.as_str(), Some(3)), ("nobody-knows-it", Some(0))];
    let mut zhejiang = region.node_with("zhejiang", &open[1..]).await;
    for id in [&waits, &others, "nobody-knows-it"] {
        let cancel = zhejiang.cancelled().await;
        assert_eq!((cancel.job_id.as_str(), cancel.reason.as_str()), (id, "there is no such job"));
        assert!(!cancel.begins_again);
    }
    let mut shanghai = region.node_with("shanghai", &open).await;
    let cancel = shanghai.cancelled().await;
    assert_eq!(cancel.job_id, id);
    assert!(cancel.reason.contains("Cancelled") && cancel.reason.contains("no longer wanted"), "{}", cancel.reason);
    assert_eq!(shanghai.cancelled().await.job_id, "nobody-knows-it");
    assert_eq!(shanghai.start().await.job_id, waits);
}

#[tokio::test]
async fn a_job_that_was_queued_goes_on() {
    let region = Region::start().await;
    let mut operator = region.operator("shanghai").await;
    let queued = operator.submit(job("shanghai", "anhui")).await.unwrap();
    let region = region.restarted().await;
    let mut operator = region.operator("shanghai").await;
    assert_eq!(operator.get(&queued.job_id).await.unwrap(), queued);
    let (mut shanghai, mut anhui) = (region.node("shanghai").await, region.node("anhui").await);
    for node in [&mut shanghai, &mut anhui] {
        let start = node.start().await;
        assert_eq!((start.job_id, start.spec), (queued.job_id.clone(), queued.spec.clone()));
    }
}

#[tokio::test]
async fn a_job_whose_nodes_were_told_but_had_not_begun_is_told_again() {
    let mut running = Running::start().await;
    running.anhui.started(&running.job_id).await;
    running.anhui.nothing_due().await;
    let region = running.region.restarted().await;
    let (mut shanghai, mut anhui) = (region.node("shanghai").await, region.node("anhui").await);
    for node in [&mut shanghai, &mut anhui] {
        assert_eq!(node.start().await.job_id, running.job_id);
        node.succeeded(&running.job_id, &[9; 32]).await;
    }
    assert_eq!(region.operator("anhui").await.end(&running.job_id).await.0, JobState::Succeeded);
}

#[tokio::test]
async fn jobs_that_have_ended_are_as_they_were() {
    let mut running = Running::start().await;
    running.both_started().await;
    running.anhui.ended(&running.job_id, JobState::Failed, "anhui: disk full").await;
    running.operator.end(&running.job_id).await;
    let before = running.operator.list(0).await;
    let region = running.region.restarted().await;
    assert_eq!(region.operator("shanghai").await.list(0).await, before);
}

#[tokio::test]
async fn streams_end_when_the_coordinator_stops() {
    let mut running = Running::start().await;
    let mut watch = running.operator.watch(&running.job_id).await.unwrap();
    assert!(watch.next().await.is_some());
    let Running { region, shanghai, anhui, .. } = running;
    let (_region, ..) = tokio::join!(region.restarted(), shanghai.refused(), anhui.refused());
    assert_eq!(watch.next().await, None);
}
