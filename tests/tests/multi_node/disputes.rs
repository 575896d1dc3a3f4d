//! Two sides of a run that sign different ends of it: each node that has both receipts writes down in what they differ, keeps
//! both, and shows them to whoever may see receipts.

use agreement::{Digest, Event, JobSpec, JobState, Mode, Moment, Receipt, receipt::RunFacts};
use node::book::{JobRequest, Ruling};
use testkit::{
    Hostile, Outsider, Table, World, WorldSpec,
    agreements::sign,
    outsider::Tampered,
    table_pair,
    world::{SUPERVISOR, job_of_two},
};
use wire::{
    Duty,
    proto::{
        Envelope, GetJobReceiptsRequest, JobEnded, TellStatementsRequest,
        agreement_service_client::AgreementServiceClient,
    },
};

use crate::{
    desk::until,
    receipts::{audit, read},
};

/// What a side signs instead of what was, and what a finding calls it.
type Lie = (&'static str, fn(&mut Receipt));

const LIES: [Lie; 5] = [
    ("a padded size", |receipt| facts(receipt).inputs[0].padded_size += 1),
    ("an input commitment", |receipt| facts(receipt).inputs[1].commitment = Digest::from_bytes([7; 32])),
    ("a use number", |receipt| facts(receipt).inputs[0].use_number += 1),
    ("the transcript", |receipt| facts(receipt).transcript = Digest::from_bytes([7; 32])),
    ("whether the run was done", |receipt| (receipt.event, receipt.run) = (Event::Failed, None)),
];

fn facts(receipt: &mut Receipt) -> &mut RunFacts {
    receipt.run.as_mut().unwrap()
}

fn now() -> Moment {
    node::clock::now().unwrap()
}

/// Shanghai matches with `sender`.
fn job(sender: &str) -> JobSpec {
    let mut job =
        job_of_two(Mode::Membership, ("shanghai", "students", "id"), (sender, "hardship", "person"), &[]).unwrap();
    job.listener = "shanghai".parse().unwrap();
    job
}

/// The receipt of a side's run, before it is signed.
fn succeeded(digest: Digest, job: &str, run: RunFacts) -> Receipt {
    let (agreement, job) = (Some(digest), Some(job.to_owned()));
    Receipt { number: 1, agreement, job, use_number: Some(1), run: Some(run), ..Receipt::of(Event::Succeeded, now()) }
}

/// The findings about a job in a node's book.
async fn findings(world: &World, name: &str, job: &str) -> Vec<Receipt> {
    let receipts = world.node(name).unwrap().book.receipts_of(job).await.unwrap();
    let disputes = receipts.iter().map(agreement::Signed::statement);
    disputes.filter(|receipt| receipt.event == Event::Disputed).cloned().collect()
}

/// Fails unless a node shows one finding about a job to an auditor and a supervisor, with the receipt that the peer signed, and an
/// audit of its chain finds the same.
async fn is_shown(world: &World, name: &str, (job, peer, what): (&str, &str, &str), disputed: u64) {
    for person in [(name, "k-3", Duty::Auditor), (SUPERVISOR, "k-5", Duty::Supervisor)] {
        let mut receipts = world.receipts(name, person).await.unwrap();
        let request = GetJobReceiptsRequest { job_id: job.to_owned() };
        let shown = receipts.get_job_receipts(request).await.unwrap().into_inner();
        let causes: Vec<String> = shown
            .receipts
            .iter()
            .map(|envelope| read(envelope).statement().clone())
            .filter(|receipt| receipt.event == Event::Disputed)
            .filter_map(|receipt| receipt.cause)
            .collect();
        assert_eq!(causes, [format!("the receipt of {peer} differs from this node's in {what}")], "{name}");
        let signers: Vec<String> = shown.peers.iter().map(|envelope| read(envelope).signer().to_string()).collect();
        assert_eq!(signers, [peer], "{name}");
        let found = audit(&mut receipts, name).await;
        assert_eq!(found.disputed, disputed, "{name}");
        let dispute = found.disputes.iter().find(|dispute| dispute.job.as_deref() == Some(job)).unwrap();
        assert_eq!((dispute.what.as_str(), dispute.noted), (what, true), "{name}");
    }
}

/// Runs a job of Shanghai's node with Jiangsu, which keeps to the protocol; gives the job's id and Jiangsu's own facts of it.
async fn run_with_jiangsu(world: &World, hardship: &Table, agreed: &JobSpec) -> (String, RunFacts) {
    let mut jiangsu = Outsider::attach(world, "jiangsu").await.unwrap();
    let id = world.submit("shanghai", agreed).await.unwrap();
    let start = jiangsu.started().await.unwrap();
    let honest = Box::new(|_, body| Tampered::Send(vec![body]));
    let report = jiangsu.cheat(world, "shanghai", &start, hardship, honest).await.unwrap();
    let state = wire::proto::JobState::Succeeded.into();
    let ended = JobEnded { state, transcript_hash: report.transcript.to_vec().into(), ..JobEnded::default() };
    jiangsu.ended(&id, ended).await.unwrap();
    let (state, ended) = world.wait("shanghai", &id).await.unwrap();
    assert_eq!(state, JobState::Succeeded, "{}", ended.cause);
    (id, report.facts)
}

/// Has Jiangsu bring its receipt to Shanghai's node.
async fn bring(world: &World, receipt: &Receipt) {
    let jiangsu = Outsider::attach(world, "jiangsu").await.unwrap();
    let mut door = AgreementServiceClient::new(jiangsu.connect(world, "shanghai").await.unwrap().channel);
    let statement = sign(receipt.clone(), "jiangsu").unwrap().to_bytes().unwrap().into();
    let request =
        TellStatementsRequest { statements: vec![Envelope { statement }], ..TellStatementsRequest::default() };
    assert_eq!(door.tell_statements(request).await.unwrap().into_inner().refusals, [""]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_signs_another_end_than_was_is_found_out_and_the_finding_is_shown() {
    let (students, hardship) = table_pair(95, 40, 30, 12);
    let spec = WorldSpec { outsiders: vec!["jiangsu".to_owned()], ..WorldSpec::new(&["shanghai"]) };
    let world = World::start(&spec, &[("shanghai", "students", &students)]).await.unwrap();
    for (found, (what, lie)) in (1..).zip(LIES) {
        let agreed = world.agree(&job("jiangsu")).await.unwrap();
        let digest = Digest::from_bytes(agreed.agreement_digest.unwrap());
        let (id, facts) = run_with_jiangsu(&world, &hardship, &agreed).await;
        let mut receipt = succeeded(digest, &id, facts);
        lie(&mut receipt);
        // Said again, it is no second finding.
        for _ in 0..2 {
            bring(&world, &receipt).await;
        }
        let noted = until("the finding", async || findings(&world, "shanghai", &id).await.pop()).await;
        assert_eq!(noted.agreement, Some(digest));
        is_shown(&world, "shanghai", (&id, "jiangsu", what), found).await;
        // The run was done, and what it found is not taken away from who did nothing wrong.
        assert!(world.result("shanghai", &id).await.unwrap().is_some());
    }
    // Who tells the truth is not disputed.
    let agreed = world.agree(&job("jiangsu")).await.unwrap();
    let (id, facts) = run_with_jiangsu(&world, &hardship, &agreed).await;
    bring(&world, &succeeded(Digest::from_bytes(agreed.agreement_digest.unwrap()), &id, facts)).await;
    let book = &world.node("shanghai").unwrap().book;
    assert_eq!(book.peer_receipts_of(&id).await.unwrap().len(), 1);
    assert!(findings(&world, "shanghai", &id).await.is_empty());
    world.stop().await.unwrap();
}

/// What both sides' receipts of a job between Shanghai and Anhui say.
fn made_up_facts() -> RunFacts {
    let input = |name: &str| agreement::receipt::InputFacts {
        participant: name.parse().unwrap(),
        commitment: Digest::from_bytes([3; 32]),
        padded_size: 30,
        use_number: 1,
    };
    RunFacts {
        terms: Digest::from_bytes([1; 32]),
        inputs: vec![input("shanghai"), input("anhui")],
        transcript: Digest::from_bytes([2; 32]),
    }
}

/// Has both nodes admit a job, each with the use of the other, and note how it ended: Anhui's otherwise than it was.
async fn end_at_both(world: &World, (id, job): (&str, &JobSpec), lie: fn(&mut Receipt)) {
    let digest = Digest::from_bytes(job.agreement_digest.unwrap());
    let sides = ["shanghai", "anhui"].map(|name| &world.node(name).unwrap().book);
    let mut uses = Vec::new();
    for book in sides {
        let request = JobRequest { id, spec: job, now: now(), published: &|_| Some(1), heartbeat: None };
        let Ruling::Admitted(admission) = book.admit(request).await.unwrap() else { panic!("{id} was not admitted") };
        uses.push(*admission);
    }
    for (book, theirs) in sides.iter().zip(uses.iter().rev()) {
        let (shown, peer) = (&theirs.signed_use, theirs.signed_use.signer());
        book.admit_use(shown, (id, &digest, &theirs.agreement), peer).await.unwrap().unwrap();
    }
    let honest = succeeded(digest, id, made_up_facts());
    let mut lied = honest.clone();
    lie(&mut lied);
    for (book, (receipt, peer)) in sides.iter().zip([(honest, "anhui"), (lied, "shanghai")]) {
        let outcome = if receipt.event == Event::Succeeded { "Succeeded" } else { "Failed" };
        let peer = peer.parse().unwrap();
        book.ended(id, outcome, (vec![receipt], &[&peer]), None).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ends_that_differ_are_found_by_both_nodes_and_each_shows_what_it_found() {
    // A coordinator that says nothing: one that is told of these jobs would not know them.
    let silent = Some(Hostile::default());
    let world = World::start_under(silent, &WorldSpec::new(&["shanghai", "anhui"]), &[]).await.unwrap();
    for (found, (what, lie)) in (1..).zip(LIES) {
        let agreed = world.agree(&job("anhui")).await.unwrap();
        let id = format!("job-{found}");
        end_at_both(&world, (&id, &agreed), lie).await;
        // Each node brings its receipt to the other.
        for (name, peer) in [("shanghai", "anhui"), ("anhui", "shanghai")] {
            until(&format!("{what} at {name}"), async || findings(&world, name, &id).await.pop()).await;
            is_shown(&world, name, (&id, peer, what), found).await;
        }
    }
    world.stop().await.unwrap();
}
