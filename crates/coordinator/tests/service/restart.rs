//! A coordinator that stops, and another that finds what it left.

use wire::proto::JobState;

use crate::region::{Region, Running, job};

#[tokio::test]
async fn a_job_that_was_running_is_failed_and_says_why() {
    let mut running = Running::start().await;
    running.both_started().await;
    let region = running.region.restarted().await;
    let mut operator = region.operator("anhui").await;
    let (state, cause) = operator.end(&running.job_id).await;
    assert_eq!((state, cause.as_str()), (JobState::Failed, "the coordinator restarted while the job was running"));
    // The nodes come back and are told that it is over; what they say of it changes nothing.
    let (mut shanghai, mut anhui) = (region.node("shanghai").await, region.node("anhui").await);
    for node in [&mut shanghai, &mut anhui] {
        node.started(&running.job_id).await;
        assert_eq!(node.cancelled().await.reason, "the job is over");
        node.succeeded(&running.job_id, &[9; 32]).await;
        node.nothing_due().await;
    }
    assert_eq!(operator.get(&running.job_id).await.unwrap().state(), JobState::Failed);
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
