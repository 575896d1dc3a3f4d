//! An agreement is held in the middle of a run under a coordinator that drops every statement: the nodes hear it from each other,
//! or from a supervisor. Both end the job soon and say why, and nothing of a result is left.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use agreement::{Act, Digest, Event, JobSpec, JobState, Mode, acts::Change};
use testkit::{
    Hostile, World, WorldSpec,
    agreements::standing,
    table_pair,
    world::{SUPERVISOR, job_of_two},
};
use wire::{
    Duty,
    proto::{Decision, Envelope, TellStatementsRequest},
};

use crate::desk::{decide, until};

const SIDES: [&str; 2] = ["shanghai", "anhui"];
const JOB: &str = "a";
/// The claim: from the acceptance of what holds an agreement to the end of its jobs at both nodes.
const SOON: Duration = Duration::from_secs(5);

/// A job that runs, and is far from done.
struct Running {
    world: World,
    coordinator: Hostile,
    digest: Digest,
    job: JobSpec,
}

impl Running {
    async fn begin() -> Self {
        let (students, hardship) = table_pair(81, 100_000, 100_000, 1_000);
        let coordinator = Hostile::default();
        let datasets = [("shanghai", "students", &students), ("anhui", "hardship", &hardship)];
        let world = World::start_under(Some(coordinator.clone()), &WorldSpec::new(&SIDES), &datasets).await.unwrap();
        let job =
            job_of_two(Mode::Membership, ("shanghai", "students", "id"), ("anhui", "hardship", "person"), &[]).unwrap();
        let job = world.agree(&job).await.unwrap();
        let digest = Digest::from_bytes(job.agreement_digest.unwrap());
        let running = Self { world, coordinator, digest, job };
        running.start(0).await;
        // From the first bin on there is something that could be left.
        for name in SIDES {
            let begun = running.folder(name, "runs").join(format!("{JOB}.run"));
            until(&format!("the match at {name}"), async || begun.exists().then_some(())).await;
        }
        running
    }

    /// Has both nodes start the job.
    async fn start(&self, attempt: u32) {
        let endpoint = self.world.node("anhui").unwrap().endpoint.clone();
        for name in SIDES {
            self.coordinator.start(name, (JOB, attempt), &self.job, &endpoint).await.unwrap();
        }
    }

    fn folder(&self, name: &str, which: &str) -> std::path::PathBuf {
        self.world.node(name).unwrap().folder.join(which)
    }

    async fn is_open(&self, name: &str) -> bool {
        !self.world.node(name).unwrap().book.open_jobs(&self.digest).await.unwrap().is_empty()
    }

    /// Fails unless both nodes end the job soon after `accepted`, say that the agreement is `held`, keep nothing of what they found,
    /// and do not begin it again.
    async fn ends_at_both(&self, accepted: Instant, held: &str) {
        for name in SIDES {
            until(&format!("the end at {name}"), async || (!self.is_open(name).await).then_some(())).await;
        }
        let took = accepted.elapsed();
        assert!(took < SOON, "{held}: the nodes went on for {took:?}");
        for name in SIDES {
            let (state, cause) = self.coordinator.end(name, (JOB, 0)).await.unwrap();
            assert_ne!(state, JobState::Succeeded, "{name}: {cause}");
            let receipts = self.world.node(name).unwrap().book.receipts_of(JOB).await.unwrap();
            let events: Vec<Event> = receipts.iter().map(|receipt| receipt.statement().event).collect();
            assert_eq!(events, [Event::Admitted, Event::Failed], "{name}");
            let why = receipts.last().unwrap().statement().cause.clone().unwrap_or_default();
            assert!(why.contains(held), "{name}: {why}");
            until(&format!("an empty folder at {name}"), async || self.is_bare(name).then_some(())).await;
            assert_eq!(self.world.result(name, JOB).await.unwrap(), None, "{name}");
        }
        self.start(1).await;
        for name in SIDES {
            let (state, cause) = self.coordinator.end(name, (JOB, 1)).await.unwrap();
            assert_eq!(state, JobState::Rejected, "{name}: {cause}");
            assert!(cause.contains("has ended here before") && cause.contains(held), "{name}: {cause}");
        }
    }

    /// Whether a node has neither a result nor anything that it found.
    fn is_bare(&self, name: &str) -> bool {
        let runs = names_in(&self.folder(name, "runs"));
        let results = names_in(&self.folder(name, "results"));
        let keys = names_in(&self.folder(name, "results").join("keys"));
        runs == ["storage.key"] && results.iter().all(|entry| entry == "keys") && keys.is_empty()
    }

    async fn end(self) {
        self.world.stop().await.unwrap();
    }
}

/// The names of what lies in a folder, and none if it is not there.
fn names_in(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// A party says it at its own node, and the other node is told by that one.
async fn a_party_holds(decision: Decision, person: (&str, &str, Duty), (event, held): (Event, &str)) {
    let running = Running::begin().await;
    assert!(running.is_open("shanghai").await && running.is_open("anhui").await, "the run was over too soon");
    decide(&running.world, person, &running.digest, decision, "a new law").await.unwrap();
    running.ends_at_both(Instant::now(), held).await;
    let book = &running.world.node("anhui").unwrap().book;
    let receipts = book.receipts(1, 100).await.unwrap();
    let said = receipts.iter().map(agreement::Signed::statement).find(|receipt| receipt.event == event).unwrap();
    assert_eq!((said.person.as_deref(), said.cause.as_deref()), (Some(person.1), Some("a new law")));
    running.end().await;
}

/// A supervisor says it to these nodes itself.
async fn the_supervisor_holds(change: Change, held: &str, told: &[&str]) {
    let running = Running::begin().await;
    let act = standing(SUPERVISOR, running.digest, change, 1).unwrap();
    let mut desks = Vec::new();
    for name in told {
        desks.push(running.world.desk(name, (SUPERVISOR, "k-5", Duty::Supervisor)).await.unwrap());
    }
    assert!(running.is_open("shanghai").await && running.is_open("anhui").await, "the run was over too soon");
    let mut accepted = None;
    for desk in &mut desks {
        let told = desk.tell_statements(telling(&act)).await.unwrap().into_inner();
        assert_eq!(told.refusals, [""]);
        accepted.get_or_insert_with(Instant::now);
    }
    running.ends_at_both(accepted.unwrap(), held).await;
    running.end().await;
}

fn telling(act: &Act) -> TellStatementsRequest {
    let statements = vec![Envelope { statement: act.to_bytes().unwrap().into() }];
    TellStatementsRequest { statements, ..TellStatementsRequest::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_that_the_coordinator_drops_ends_the_run_at_both_nodes_within_five_seconds() {
    let approver = ("anhui", "k-2", Duty::Approver);
    a_party_holds(Decision::Revoke, approver, (Event::Revoked, "Revoked by anhui: a new law")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspension_that_the_coordinator_drops_ends_the_run_at_both_nodes_within_five_seconds() {
    let operator = ("anhui", "k-1", Duty::Operator);
    a_party_holds(Decision::Suspend, operator, (Event::Suspended, "Suspended by anhui: a new law")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_supervisor_revokes_or_suspends_ends_within_five_seconds_without_the_coordinator() {
    the_supervisor_holds(Change::Revocation, "Revoked by supervisor: supervisor says so", &SIDES).await;
    // Whom it does not reach is told by the other party.
    the_supervisor_holds(Change::Suspension, "Suspended by supervisor: supervisor says so", &["shanghai"]).await;
    the_supervisor_holds(Change::Revocation, "Revoked by supervisor: supervisor says so", &["anhui"]).await;
}
