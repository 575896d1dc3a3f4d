//! The life of an agreement over the wire: asked for, offered, approved by people with certificates of their own, run, suspended and
//! revoked, with statements and receipts going from node to node.

use std::time::{Duration, Instant};

use agreement::{AgreementState, Digest, Event, JobSpec, JobState, Mode, acts::Change};
use testkit::{
    World, WorldSpec,
    agreements::{agreement_of, standing},
    table_pair,
    world::{SUPERVISOR, job_of_two},
};
use wire::{
    Duty,
    proto::{
        AgreementInfo, DecideAgreementRequest, Decision, Envelope, GetAgreementRequest, RequestAgreementRequest,
        TellStatementsRequest,
    },
};

async fn world() -> World {
    world_where(true).await
}

async fn world_where(direct: bool) -> World {
    let (students, hardship) = table_pair(41, 40, 30, 12);
    let spec = WorldSpec { direct, ..WorldSpec::new(&["shanghai", "anhui"]) };
    World::start(&spec, &[("shanghai", "students", &students), ("anhui", "hardship", &hardship)]).await.unwrap()
}

fn job() -> JobSpec {
    job_of_two(Mode::Membership, ("shanghai", "students", "id"), ("anhui", "hardship", "person"), &[]).unwrap()
}

/// Waits for something that comes over the wire.
pub(crate) async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(began.elapsed() < Duration::from_secs(30), "{what} did not come");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

pub(crate) async fn decide(
    world: &World,
    (name, handle, duty): (&str, &str, Duty),
    digest: &Digest,
    decision: Decision,
    reason: &str,
) -> Result<AgreementInfo, tonic::Status> {
    let mut desk = world.desk(name, (name, handle, duty)).await.unwrap();
    let request =
        DecideAgreementRequest { digest: digest.to_string(), decision: decision.into(), reason: reason.to_owned() };
    desk.decide_agreement(request).await.map(|answer| answer.into_inner().agreement.unwrap())
}

/// The state of an agreement at a node, if it knows it.
async fn state(world: &World, name: &str, digest: &Digest) -> Option<AgreementState> {
    let mut desk = world.desk(name, (name, "k-3", Duty::Auditor)).await.unwrap();
    let found = desk.get_agreement(GetAgreementRequest { digest: digest.short() }).await.ok()?;
    Some(found.into_inner().agreement?.state.parse().unwrap())
}

pub(crate) async fn until_both(world: &World, digest: &Digest, wanted: AgreementState) {
    for name in ["shanghai", "anhui"] {
        until(&format!("{wanted} at {name}"), async || {
            (state(world, name, digest).await == Some(wanted)).then_some(())
        })
        .await;
    }
}

/// Asks for an agreement at Shanghai's node and has both sides agree to it; gives the job under it.
async fn agree(world: &World) -> (Digest, JobSpec) {
    let terms = agreement_of(&job(), |agreement| agreement.limits.runs = 5).unwrap();
    let digest = terms.digest().unwrap();
    let mut desk = world.desk("shanghai", ("shanghai", "k-1", Duty::Operator)).await.unwrap();
    let request = RequestAgreementRequest { agreement: terms.to_bytes().unwrap().into() };
    let info = desk.request_agreement(request).await.unwrap().into_inner().agreement.unwrap();
    assert_eq!((info.state.as_str(), info.digest), ("Requested", digest.to_string()));
    until_both(world, &digest, AgreementState::Requested).await;
    decide(world, ("anhui", "k-1", Duty::Operator), &digest, Decision::Offer, "").await.unwrap();
    until_both(world, &digest, AgreementState::Offered).await;
    for name in ["shanghai", "anhui"] {
        decide(world, (name, "k-2", Duty::Approver), &digest, Decision::Approve, "").await.unwrap();
    }
    until_both(world, &digest, AgreementState::Effective).await;
    (digest, JobSpec { agreement_digest: Some(*digest.as_bytes()), ..job() })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agreement_is_asked_for_offered_approved_and_run_and_receipts_are_compared() {
    let world = world().await;
    let (_, job) = agree(&world).await;
    let id = world.submit("shanghai", &job).await.unwrap();
    assert_eq!(world.wait("shanghai", &id).await.unwrap().0, JobState::Succeeded);
    for (name, peer) in [("shanghai", "anhui"), ("anhui", "shanghai")] {
        let book = &world.node(name).unwrap().book;
        let theirs = until("the peer's receipt", async || book.peer_receipts_of(&id).await.unwrap().pop()).await;
        assert_eq!((theirs.signer().as_str(), theirs.statement().event), (peer, Event::Succeeded));
        let own = book.receipts_of(&id).await.unwrap();
        assert!(own.iter().all(|receipt| receipt.statement().event != Event::Disputed));
        let own = own.iter().find_map(|receipt| receipt.statement().run.clone()).unwrap();
        assert_eq!(own.difference(theirs.statement().run.as_ref().unwrap()), None);
    }
    world.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_come_by_way_of_the_coordinator_where_peers_cannot_be_called() {
    let world = world_where(false).await;
    let (digest, job) = agree(&world).await;
    let id = world.submit("shanghai", &job).await.unwrap();
    assert_eq!(world.wait("shanghai", &id).await.unwrap().0, JobState::Succeeded);
    for (name, peer) in [("shanghai", "anhui"), ("anhui", "shanghai")] {
        let book = &world.node(name).unwrap().book;
        until("the peer's receipt", async || book.peer_receipts_of(&id).await.unwrap().pop()).await;
        // The coordinator's word takes nothing out of the post.
        assert!(!book.waiting(&peer.parse().unwrap(), 9).await.unwrap().is_empty());
    }
    decide(&world, ("anhui", "k-2", Duty::Approver), &digest, Decision::Revoke, "a new law").await.unwrap();
    until_both(&world, &digest, AgreementState::Revoked).await;
    world.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejection_is_final_and_who_has_signed_revokes_instead() {
    let world = world().await;
    let terms = agreement_of(&job(), |_| {}).unwrap();
    let digest = terms.digest().unwrap();
    let mut desk = world.desk("shanghai", ("shanghai", "k-1", Duty::Operator)).await.unwrap();
    let request = RequestAgreementRequest { agreement: terms.to_bytes().unwrap().into() };
    desk.request_agreement(request).await.unwrap();
    until_both(&world, &digest, AgreementState::Requested).await;
    let (one, other) = (("anhui", "k-2", Duty::Approver), ("anhui", "k-3", Duty::Approver));
    decide(&world, one, &digest, Decision::Reject, "no basis in law").await.unwrap();
    let late = decide(&world, other, &digest, Decision::Approve, "").await.unwrap_err();
    assert!(late.message().contains("has rejected it"), "{}", late.message());
    until_both(&world, &digest, AgreementState::Rejected).await;
    let (signed, _) = agree(&world).await;
    let late = decide(&world, other, &signed, Decision::Reject, "no basis in law").await.unwrap_err();
    assert!(late.message().contains("revoke it"), "{}", late.message());
    until_both(&world, &signed, AgreementState::Effective).await;
    world.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_decides_beyond_the_duty_of_a_certificate() {
    let world = world().await;
    let (digest, _) = agree(&world).await;
    for (duty, decision) in [
        (Duty::Operator, Decision::Approve),
        (Duty::Operator, Decision::Revoke),
        (Duty::Approver, Decision::Offer),
        (Duty::Auditor, Decision::Suspend),
    ] {
        let refused = decide(&world, ("anhui", "k-9", duty), &digest, decision, "because").await.unwrap_err();
        assert_eq!(refused.code(), tonic::Code::PermissionDenied, "{duty:?} {decision:?}");
    }
    let missing = decide(&world, ("anhui", "k-2", Duty::Approver), &digest, Decision::Revoke, " ").await.unwrap_err();
    assert!(missing.message().contains("reason"), "{missing}");
    // An approver of a peer has nothing to say here.
    let mut desk = world.desk("anhui", ("shanghai", "k-2", Duty::Approver)).await.unwrap();
    let request = DecideAgreementRequest { digest: digest.to_string(), ..DecideAgreementRequest::default() };
    assert!(desk.decide_agreement(request).await.is_err());
    assert_eq!(state(&world, "anhui", &digest).await, Some(AgreementState::Effective));
    world.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspension_reaches_the_peer_and_a_resumption_ends_it() {
    let world = world().await;
    let (digest, job) = agree(&world).await;
    decide(&world, ("anhui", "k-1", Duty::Operator), &digest, Decision::Suspend, "a complaint").await.unwrap();
    until_both(&world, &digest, AgreementState::Suspended).await;
    let (ended, shown) = world.run("shanghai", &job).await.unwrap();
    assert_eq!(ended, JobState::Rejected);
    assert!(shown.cause.contains("Suspended by anhui: a complaint"), "{}", shown.cause);
    decide(&world, ("anhui", "k-2", Duty::Approver), &digest, Decision::Resume, "it was settled").await.unwrap();
    until_both(&world, &digest, AgreementState::Effective).await;
    assert_eq!(world.run("shanghai", &job).await.unwrap().0, JobState::Succeeded);
    world.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_supervisor_revokes_in_the_middle_of_a_run() {
    let (students, hardship) = table_pair(43, 60_000, 60_000, 1_000);
    let spec = WorldSpec::new(&["shanghai", "anhui"]);
    let tables = [("shanghai", "students", &students), ("anhui", "hardship", &hardship)];
    let world = World::start(&spec, &tables).await.unwrap();
    let (digest, job) = agree(&world).await;
    let id = world.submit("shanghai", &job).await.unwrap();
    let book = &world.node("anhui").unwrap().book;
    until("the run", async || (!book.open_jobs(&digest).await.unwrap().is_empty()).then_some(())).await;
    let act = standing(SUPERVISOR, digest, Change::Revocation, 1).unwrap();
    let statements = vec![Envelope { statement: act.to_bytes().unwrap().into() }];
    // The coordinator is not asked, and Anhui is not told.
    let mut desk = world.desk("shanghai", (SUPERVISOR, "k-5", Duty::Supervisor)).await.unwrap();
    let told =
        desk.tell_statements(TellStatementsRequest { statements, ..TellStatementsRequest::default() }).await.unwrap();
    assert_eq!(told.into_inner().refusals, [""]);
    let (ended, shown) = world.wait("shanghai", &id).await.unwrap();
    assert_ne!(ended, JobState::Succeeded);
    assert!(shown.cause.contains("Revoked by supervisor"), "{}", shown.cause);
    assert_eq!(world.result("shanghai", &id).await.unwrap(), None);
    // What was found so far is gone at both, and each has noted that the job is over.
    for name in ["shanghai", "anhui"] {
        let node = world.node(name).unwrap();
        until("the end of what is kept", async || {
            let kept = std::fs::read_dir(node.folder.join("runs")).unwrap();
            kept.into_iter().all(|file| file.unwrap().file_name() == "storage.key").then_some(())
        })
        .await;
        until("the end in the book", async || node.book.open_jobs(&digest).await.unwrap().is_empty().then_some(()))
            .await;
        let last = node.book.receipts_of(&id).await.unwrap().pop().unwrap();
        assert_eq!(last.statement().event, Event::Failed, "{name}");
    }
    world.stop().await.unwrap();
}
