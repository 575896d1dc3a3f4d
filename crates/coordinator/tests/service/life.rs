//! A job's life: dispatched, reported, settled.

use wire::proto::{Job, JobState};

use crate::region::{Region, Running, endpoint, job};

const TRANSCRIPT: &[u8] = &[9; 32];

#[tokio::test]
async fn a_job_goes_down_the_stream_of_each_of_its_nodes_and_of_no_other() {
    let region = Region::start().await;
    let mut jiangsu = region.node("jiangsu").await;
    let (mut shanghai, mut anhui) = (region.node("shanghai").await, region.node("anhui").await);
    let mut operator = region.operator("anhui").await;
    let spec = job("shanghai", "anhui");
    let submitted = operator.submit(spec.clone()).await.unwrap();
    assert_eq!((submitted.state(), submitted.submitted_by.as_str()), (JobState::Queued, "anhui"));
    for node in [&mut shanghai, &mut anhui] {
        let start = node.start().await;
        assert_eq!((start.job_id, start.spec.as_ref()), (submitted.job_id.clone(), Some(&spec)));
        assert_eq!(start.listener_endpoint, endpoint("anhui"));
        node.nothing_due().await;
    }
    jiangsu.nothing_due().await;
}

#[tokio::test]
async fn a_job_waits_until_the_last_of_its_nodes_attaches() {
    let region = Region::start().await;
    let mut operator = region.operator("shanghai").await;
    let job_id = operator.submit(job("shanghai", "anhui")).await.unwrap().job_id;
    let mut shanghai = region.node("shanghai").await;
    // Another job's node makes no difference.
    let _jiangsu = region.node("jiangsu").await;
    shanghai.nothing_due().await;
    assert_eq!(operator.get(&job_id).await.unwrap().state(), JobState::Queued);
    let mut anhui = region.node("anhui").await;
    assert_eq!((shanghai.start().await.job_id, anhui.start().await.job_id), (job_id.clone(), job_id));
}

#[tokio::test]
async fn a_job_runs_when_both_have_begun_and_succeeds_when_both_hold_the_same_transcript() {
    let mut running = Running::start().await;
    running.shanghai.started(&running.job_id).await;
    running.shanghai.nothing_due().await;
    assert_eq!(running.state().await, JobState::Queued);
    running.both_started().await;
    running.shanghai.succeeded(&running.job_id, TRANSCRIPT).await;
    running.shanghai.nothing_due().await;
    assert_eq!(running.state().await, JobState::Running);
    running.anhui.succeeded(&running.job_id, TRANSCRIPT).await;
    assert_eq!(running.operator.end(&running.job_id).await, (JobState::Succeeded, String::new()));
    // Nobody is told to stop what is done, and nothing changes it.
    running.anhui.ended(&running.job_id, JobState::Failed, "anhui: no").await;
    running.anhui.nothing_due().await;
    running.shanghai.nothing_due().await;
    assert_eq!(running.state().await, JobState::Succeeded);
}

#[tokio::test]
async fn transcripts_that_differ_or_are_none_fail_the_job() {
    let cases: [(&'static [u8], &'static [u8], &str); 3] = [
        (TRANSCRIPT, &[8; 32], "different transcripts"),
        (&[], &[], "no transcript"),
        (&[1; 31], &[1; 31], "no transcript"),
    ];
    for (ours, theirs, words) in cases {
        let mut running = Running::start().await;
        running.both_started().await;
        running.shanghai.succeeded(&running.job_id, ours).await;
        running.anhui.succeeded(&running.job_id, theirs).await;
        let (state, cause) = running.operator.end(&running.job_id).await;
        assert_eq!(state, JobState::Failed, "{cause}");
        assert!(cause.contains(words), "{cause}");
    }
}

#[tokio::test]
async fn the_first_end_that_is_no_success_settles_the_job_and_stops_the_other_node() {
    for reported in [JobState::Failed, JobState::Rejected, JobState::TimedOut, JobState::Cancelled] {
        let mut running = Running::start().await;
        running.both_started().await;
        running.anhui.ended(&running.job_id, reported, "anhui: no dataset \"residents\"").await;
        let cancel = running.shanghai.cancelled().await;
        assert_eq!(
            (cancel.job_id, cancel.reason.as_str()),
            (running.job_id.clone(), "anhui: no dataset \"residents\"")
        );
        // Who ended it is not told to end it, and a later word changes nothing.
        running.anhui.nothing_due().await;
        running.shanghai.ended(&running.job_id, JobState::Cancelled, "shanghai: told to").await;
        running.shanghai.nothing_due().await;
        let (state, cause) = running.operator.end(&running.job_id).await;
        assert_eq!((state, cause.as_str()), (reported, "anhui: no dataset \"residents\""));
    }
}

#[tokio::test]
async fn a_node_may_fail_before_it_begins() {
    let mut running = Running::start().await;
    running.anhui.ended(&running.job_id, JobState::Rejected, "anhui: not admitted").await;
    running.shanghai.cancelled().await;
    assert_eq!(running.operator.end(&running.job_id).await.0, JobState::Rejected);
}

#[tokio::test]
async fn an_end_that_is_none_is_a_failure() {
    for reported in [JobState::Unspecified, JobState::Queued, JobState::Running, JobState::Suspended] {
        let mut running = Running::start().await;
        running.anhui.ended(&running.job_id, reported, "anhui: odd").await;
        assert_eq!(running.operator.end(&running.job_id).await, (JobState::Failed, "anhui: odd".to_owned()));
    }
}

#[tokio::test]
async fn a_cause_says_whose_word_it_is_and_keeps_to_its_bounds() {
    // What a node says, and what becomes of it.
    let long = "𠮷".repeat(128);
    let cases = [
        ("", "anhui gave no cause".to_owned()),
        ("\u{1b}[31m\n", "anhui reports: [31m".to_owned()),
        ("disk full", "anhui reports: disk full".to_owned()),
        ("anhui: disk full", "anhui: disk full".to_owned()),
        (
            "shanghai misbehaved: it sent the identity",
            "anhui reports: shanghai misbehaved: it sent the identity".to_owned(),
        ),
        (long.as_str(), format!("anhui reports: {}", "𠮷".repeat(124))),
    ];
    for (said, expected) in cases {
        let mut running = Running::start().await;
        running.anhui.ended(&running.job_id, JobState::Failed, said).await;
        let reason = running.shanghai.cancelled().await.reason;
        let (state, cause) = running.operator.end(&running.job_id).await;
        assert_eq!((state, &cause), (JobState::Failed, &expected));
        assert!(cause.len() <= 512 && reason.len() <= 256, "{} and {} bytes", cause.len(), reason.len());
        assert!(!reason.is_empty() && cause.starts_with(&reason), "{reason}");
    }
}

#[tokio::test]
async fn a_list_shows_ones_own_jobs_newest_first() {
    let region = Region::start().await;
    let mut shanghai = region.operator("shanghai").await;
    let mut submitted = Vec::new();
    for sender in ["anhui", "jiangsu", "anhui", "jiangsu"] {
        submitted.push(shanghai.submit(job("shanghai", sender)).await.unwrap().job_id);
    }
    let ids = |jobs: Vec<Job>| jobs.into_iter().map(|job| job.job_id).collect::<Vec<_>>();
    submitted.reverse();
    assert_eq!(ids(shanghai.list(0).await), submitted);
    assert_eq!(ids(shanghai.list(2).await), submitted[..2]);
    assert_eq!(ids(shanghai.list(u32::MAX).await), submitted);
    let mut anhui = region.operator("anhui").await;
    assert_eq!(ids(anhui.list(0).await), [submitted[1].clone(), submitted[3].clone()]);
    assert!(region.operator("zhejiang").await.list(0).await.is_empty());
}
