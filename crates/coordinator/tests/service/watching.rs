//! Those who watch a job.

use wire::proto::{JobState, Progress};

use crate::region::{Region, Running, job};

fn progress(participant: &str, phase: &str, done: u64) -> Progress {
    Progress { participant: participant.to_owned(), phase: phase.to_owned(), done, total: 10 }
}

#[tokio::test]
async fn a_watch_shows_every_change_and_ends_with_the_last() {
    let mut running = Running::start().await;
    let mut other = running.region.operator("anhui").await;
    let mut watches =
        [running.operator.watch(&running.job_id).await.unwrap(), other.watch(&running.job_id).await.unwrap()];
    for watch in &mut watches {
        assert_eq!(watch.next().await.unwrap().state(), JobState::Queued);
    }
    running.both_started().await;
    for watch in &mut watches {
        let job = watch.next().await.unwrap();
        assert_eq!((job.state(), job.progress), (JobState::Running, vec![]));
    }
    running.anhui.progress(&running.job_id, progress("anhui", "send", 3)).await;
    running.anhui.nothing_due().await;
    for watch in &mut watches {
        assert_eq!(watch.next().await.unwrap().progress, [progress("anhui", "send", 3)]);
    }
    // Whatever a node writes there: its progress is its own, and a phase is a short word.
    running.shanghai.progress(&running.job_id, progress("anhui", &format!("\n{}", "元".repeat(10)), 5)).await;
    running.shanghai.nothing_due().await;
    for watch in &mut watches {
        let seen = watch.next().await.unwrap().progress;
        assert_eq!(seen, [progress("anhui", "send", 3), progress("shanghai", &"元".repeat(10), 5)]);
    }
    for node in [&mut running.shanghai, &mut running.anhui] {
        node.succeeded(&running.job_id, &[9; 32]).await;
    }
    for watch in &mut watches {
        let job = watch.next().await.unwrap();
        assert_eq!((job.state(), job.cause.as_str()), (JobState::Succeeded, ""));
        assert_eq!(watch.next().await, None);
    }
}

#[tokio::test]
async fn a_watch_of_a_job_that_has_ended_shows_its_end_alone() {
    let region = Region::start().await;
    let mut operator = region.operator("shanghai").await;
    let job_id = operator.submit(job("shanghai", "anhui")).await.unwrap().job_id;
    operator.cancel(&job_id, "").await.unwrap();
    let mut watch = operator.watch(&job_id).await.unwrap();
    assert_eq!(watch.next().await.unwrap().state(), JobState::Cancelled);
    assert_eq!(watch.next().await, None);
}

#[tokio::test]
async fn a_watcher_that_sleeps_misses_steps_but_not_the_end() {
    let mut running = Running::start().await;
    let mut watch = running.operator.watch(&running.job_id).await.unwrap();
    running.both_started().await;
    for done in 0..1000 {
        running.anhui.progress(&running.job_id, progress("anhui", "send", done)).await;
    }
    running.anhui.ended(&running.job_id, JobState::Failed, "anhui: disk full").await;
    running.anhui.nothing_due().await;
    let mut last = None;
    while let Some(job) = watch.next().await {
        last = Some(job);
    }
    assert_eq!(last.unwrap().cause, "anhui: disk full");
}
