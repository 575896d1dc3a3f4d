//! What waits for approvers: an agreement, a job, or an input that is too close to an earlier one.

use std::time::{Duration, Instant};

use agreement::{Act, AgreementState, Digest, Event, JobSpec, JobState, Mode};
use testkit::{World, WorldSpec, agreements::agreement_of, table_pair, world::job_of_two};
use tonic::{Code, Status};
use wire::{
    Duty,
    proto::{DecideJobRequest, Decision, ListWaitingJobsRequest, Question, RequestAgreementRequest, WaitingJob},
};

use crate::desk::{self, until_both};

async fn world() -> World {
    let (students, hardship) = table_pair(61, 40, 30, 12);
    let mut spec = WorldSpec::new(&["shanghai", "anhui"]);
    spec.more = "approvers = 2\nguard_asks_approver = true\n".to_owned();
    World::start(&spec, &[("shanghai", "students", &students), ("anhui", "hardship", &hardship)]).await.unwrap()
}

fn job() -> JobSpec {
    job_of_two(Mode::Membership, ("shanghai", "students", "id"), ("anhui", "hardship", "person"), &[]).unwrap()
}

/// The job under an agreement by which Anhui approves each job.
async fn agreed(world: &World) -> JobSpec {
    world.agree_to(&job(), |agreement| agreement.delivery.approval = vec!["anhui".parse().unwrap()]).await.unwrap()
}

async fn waiting(world: &World, name: &str) -> Vec<WaitingJob> {
    waiting_for(world, name, Duty::Approver).await
}

async fn waiting_for(world: &World, name: &str, duty: Duty) -> Vec<WaitingJob> {
    let mut desk = world.approvals(name, (name, "k-3", duty)).await.unwrap();
    desk.list_waiting_jobs(ListWaitingJobsRequest {}).await.unwrap().into_inner().jobs
}

async fn until_waiting(world: &World, name: &str, job_id: &str) -> WaitingJob {
    let began = Instant::now();
    loop {
        let found = waiting(world, name).await.into_iter().find(|job| job.job_id == job_id);
        if let (Some(found), JobState::AwaitingApproval) = (found, world.state(name, job_id).await.unwrap()) {
            return found;
        }
        assert!(began.elapsed() < Duration::from_secs(30), "{job_id} does not wait");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Whether more people have to approve.
async fn decide(
    world: &World,
    (name, handle, duty): (&str, &str, Duty),
    job_id: &str,
    reason: Option<&str>,
) -> Result<bool, Status> {
    let mut desk = world.approvals("anhui", (name, handle, duty)).await.unwrap();
    let asked = waiting(world, "anhui").await.into_iter().find(|job| job.job_id == job_id).unwrap_or_default();
    let request = DecideJobRequest {
        question: if asked.question == 0 { Question::Job.into() } else { asked.question },
        mark: asked.mark,
        job_id: job_id.to_owned(),
        approve: reason.is_none(),
        reason: reason.unwrap_or_default().to_owned(),
    };
    desk.decide_job(request).await.map(|answer| answer.into_inner().is_open)
}

async fn events(world: &World, name: &str, id: &str) -> Vec<Event> {
    let receipts = world.node(name).unwrap().book.receipts_of(id).await.unwrap();
    receipts.iter().map(|receipt| receipt.statement().event).collect()
}

/// Whom a node's participant names as the approvers of its consent to an agreement; nobody if it has not consented.
async fn consenting(world: &World, at: &str, name: &str, digest: &Digest) -> Vec<String> {
    let known = world.node(at).unwrap().book.known(digest).await.unwrap().unwrap();
    let consents = known.acts.iter().filter_map(|act| match act {
        Act::Consent(consent) if consent.signer().as_str() == name => Some(consent.statement().approvers.clone()),
        _ => None,
    });
    consents.flatten().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agreement_is_signed_once_as_many_different_people_approved_it_as_it_takes() {
    let world = world().await;
    let terms = agreement_of(&job(), |_| {}).unwrap();
    let digest = terms.digest().unwrap();
    let mut desk = world.desk("shanghai", ("shanghai", "k-9", Duty::Operator)).await.unwrap();
    let request = RequestAgreementRequest { agreement: terms.to_bytes().unwrap().into() };
    desk.request_agreement(request).await.unwrap();
    until_both(&world, &digest, AgreementState::Requested).await;
    let no =
        desk::decide(&world, ("anhui", "k-2", Duty::Approver), &digest, Decision::Reject, "31019919850101001X has aid");
    let refused = no.await.unwrap_err();
    assert!(refused.code() == Code::InvalidArgument && !refused.message().contains("310199"), "{refused}");
    let approve = async |name, handle| {
        let decided = desk::decide(&world, (name, handle, Duty::Approver), &digest, Decision::Approve, "");
        decided.await.unwrap()
    };
    for name in ["shanghai", "anhui"] {
        // One person, however often, is one.
        for _ in 0..3 {
            let shown = approve(name, "k-2").await;
            assert_eq!(shown.state, "Requested", "{name}");
            assert!(shown.missing.iter().any(|missing| missing == name), "{name}: {:?}", shown.missing);
        }
        assert!(consenting(&world, name, name, &digest).await.is_empty(), "{name}");
        approve(name, "k-1").await;
        for later in ["k-1", "k-3"] {
            let decided = desk::decide(&world, (name, later, Duty::Approver), &digest, Decision::Approve, "").await;
            let refused = decided.unwrap_err();
            assert!(refused.message().contains("this participant has signed it already"), "{refused}");
        }
        assert_eq!(consenting(&world, name, name, &digest).await, ["k-1", "k-2"], "{name}");
    }
    until_both(&world, &digest, AgreementState::Effective).await;
    for (at, whose) in [("shanghai", "anhui"), ("anhui", "shanghai")] {
        assert_eq!(consenting(&world, at, whose, &digest).await, ["k-1", "k-2"], "{whose} at {at}");
    }
    // What is left is a receipt of each act, with the person, and one of the signature, which is the participant's.
    for name in ["shanghai", "anhui"] {
        let receipts = world.node(name).unwrap().book.receipts(1, 100).await.unwrap();
        let said = receipts.iter().map(agreement::Signed::statement);
        let said: Vec<_> = said
            .filter(|receipt| receipt.agreement == Some(digest) && receipt.event != Event::Requested)
            .map(|receipt| (receipt.event, receipt.person.as_deref()))
            .collect();
        let by = |person| (Event::Approved, Some(person));
        let wanted = [by("k-2"), by("k-1"), (Event::Consented, None)];
        assert_eq!(said, wanted, "{name}");
    }
    let job = JobSpec { agreement_digest: Some(*digest.as_bytes()), ..job() };
    assert_eq!(world.run("shanghai", &job).await.unwrap().0, JobState::Succeeded);
    world.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_runs_once_as_many_different_people_approved_it_as_it_takes() {
    let world = world().await;
    let id = world.submit("shanghai", &agreed(&world).await).await.unwrap();
    until_waiting(&world, "anhui", &id).await;
    // Nobody else may, and one person does not count twice.
    for (name, duty) in [("anhui", Duty::Operator), ("anhui", Duty::Auditor), ("shanghai", Duty::Approver)] {
        let refused = decide(&world, (name, "k-9", duty), &id, None).await.unwrap_err();
        assert_eq!(refused.code(), Code::PermissionDenied, "{name} {duty:?}");
    }
    for _ in 0..2 {
        assert!(decide(&world, ("anhui", "k-1", Duty::Approver), &id, None).await.unwrap());
    }
    assert_eq!(waiting(&world, "anhui").await[0].approved_by, ["k-1"]);
    assert_eq!(world.state("shanghai", &id).await.unwrap(), JobState::AwaitingApproval);
    assert!(!decide(&world, ("anhui", "k-2", Duty::Approver), &id, None).await.unwrap());
    let (state, ended) = world.wait("shanghai", &id).await.unwrap();
    assert_eq!((state, ended.cause.as_str()), (JobState::Succeeded, ""));
    // Both sides counted it once.
    let told = [Event::Approved, Event::Approved, Event::Admitted, Event::Succeeded];
    assert_eq!(events(&world, "anhui", &id).await, told);
    assert_eq!(events(&world, "shanghai", &id).await, [Event::Admitted, Event::Succeeded, Event::Delivered]);
    assert!(waiting(&world, "anhui").await.is_empty());
    world.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_an_approver_rejects_ends_with_the_reason() {
    let world = world().await;
    let id = world.submit("shanghai", &agreed(&world).await).await.unwrap();
    until_waiting(&world, "anhui", &id).await;
    let without = decide(&world, ("anhui", "k-1", Duty::Approver), &id, Some(" ")).await.unwrap_err();
    assert_eq!(without.code(), Code::FailedPrecondition);
    let personal =
        decide(&world, ("anhui", "k-1", Duty::Approver), &id, Some("310199-19850101-001X has aid")).await.unwrap_err();
    assert_eq!(personal.code(), Code::InvalidArgument, "{personal}");
    decide(&world, ("anhui", "k-1", Duty::Approver), &id, Some("no such case")).await.unwrap();
    let (state, ended) = world.wait("shanghai", &id).await.unwrap();
    assert_eq!(state, JobState::Rejected, "{}", ended.cause);
    assert!(ended.cause.contains("anhui") && ended.cause.contains("no such case"), "{}", ended.cause);
    assert_eq!(events(&world, "anhui", &id).await, [Event::Rejected, Event::Refused]);
    assert!(world.result("shanghai", &id).await.unwrap().is_none());
    // It is over, and nothing is asked about it.
    let late = decide(&world, ("anhui", "k-2", Duty::Approver), &id, None).await.unwrap_err();
    assert_eq!(late.code(), Code::FailedPrecondition);
    world.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_input_that_is_too_close_waits_and_is_entered_once_it_is_approved() {
    let mut world = world().await;
    let agreed = world.agree_to(&job(), |agreement| agreement.limits.smallest_result = Some(5)).await.unwrap();
    assert_eq!(world.run("shanghai", &agreed).await.unwrap().0, JobState::Succeeded);
    // One person fewer.
    let place = world.node("anhui").unwrap().folder.join("hardship.csv");
    let text = std::fs::read_to_string(&place).unwrap();
    let (rest, _) = text.trim_end().rsplit_once('\n').unwrap();
    let last = text.trim_end().rsplit_once('\n').unwrap().1.split(',').next().unwrap().to_owned();
    let fewer: Vec<&str> = rest.lines().filter(|line| line.split(',').next() != Some(last.as_str())).collect();
    std::fs::write(&place, fewer.join("\n") + "\n").unwrap();
    let id = world.submit("shanghai", &agreed).await.unwrap();
    let waits = until_waiting(&world, "anhui", &id).await;
    assert!(waits.note.contains("differs by 1 key"), "{}", waits.note);
    assert_eq!(waiting_for(&world, "anhui", Duty::Auditor).await[0].note, "", "it is for approvers alone");
    // What is asked is not for others.
    let seen = world.job("shanghai", &id).await.unwrap();
    assert!(seen.cause.contains("waits for an approver") && !seen.cause.contains("key"), "{}", seen.cause);
    decide(&world, ("anhui", "k-1", Duty::Approver), &id, None).await.unwrap();
    decide(&world, ("anhui", "k-2", Duty::Approver), &id, None).await.unwrap();
    let (state, ended) = world.wait("shanghai", &id).await.unwrap();
    assert_eq!((state, ended.cause.as_str()), (JobState::Succeeded, ""));
    assert_eq!(events(&world, "shanghai", &id).await, [Event::Admitted, Event::Succeeded, Event::Delivered]);
    world.stop_node("shanghai").await.unwrap();
    world.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_waits_can_be_cancelled_and_is_forgotten() {
    let world = world().await;
    let id = world.submit("shanghai", &agreed(&world).await).await.unwrap();
    until_waiting(&world, "anhui", &id).await;
    world.cancel("shanghai", &id).await.unwrap();
    assert_eq!(world.wait("shanghai", &id).await.unwrap().0, JobState::Cancelled);
    let began = Instant::now();
    while !waiting(&world, "anhui").await.is_empty() {
        assert!(began.elapsed() < Duration::from_secs(30), "it still waits");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    world.stop().await.unwrap();
}
