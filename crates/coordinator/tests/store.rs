//! Jobs as they are kept: what may change, and several hands on one database. Each body is run against SQLite
//! and against PostgreSQL.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[macro_use]
mod home;

use std::collections::BTreeSet;

use agreement::{JobParty, JobSpec, JobState, Mode, ParticipantId, Protocol, Role};
use coordinator::store::{Store, StoreError, StoredJob};
use database::DatabaseError;
use home::Home;

const STATES: [JobState; 10] = [
    JobState::Pending,
    JobState::AwaitingApproval,
    JobState::Queued,
    JobState::Running,
    JobState::Suspended,
    JobState::Succeeded,
    JobState::Failed,
    JobState::Cancelled,
    JobState::Rejected,
    JobState::TimedOut,
];

fn id(name: &str) -> ParticipantId {
    name.parse().unwrap()
}

/// A job of these two with everything in it that a job may have.
fn job(receiver: &str, sender: &str) -> JobSpec {
    let party = |name, role, labels: &[&str], padded_size| JobParty {
        participant: id(name),
        role,
        dataset: "residents".to_owned(),
        key_columns: vec!["身份证号".to_owned(), "born".to_owned()],
        label_columns: labels.iter().map(|&label| label.to_owned()).collect(),
        padded_size,
    };
    JobSpec {
        name: "学生 & households".to_owned(),
        parties: vec![
            party(receiver, Role::Receiver, &[], None),
            party(sender, Role::Sender, &["category"], Some(4096)),
        ],
        mode: Mode::Labelled,
        protocol: Protocol::Ecdh,
        key_types: vec!["raw".parse().unwrap(); 2],
        error_budget: agreement::ErrorBudget { lambda: 50 },
        agreement_digest: Some([7; 32]),
        listener: id(sender),
        deadline_seconds: Some(600),
    }
}

on_both! {
    jobs_survive_a_reopen
    a_database_gets_its_tables_once
    a_database_of_another_version_or_program_is_refused
    a_job_that_cannot_be_read_is_an_error_and_no_panic
    states_move_forward_and_a_final_one_never_changes
    a_list_is_of_ones_own_jobs_newest_first_and_no_longer_than_asked
    open_jobs_are_those_that_have_not_ended
    a_job_is_kept_whole_or_not_at_all
    of_many_hands_on_one_job_one_wins
    two_writers_lose_nothing_of_each_other
}

/// Keeps a new job and takes it through these states.
async fn brought(store: &Store, name: &str, states: &[JobState]) {
    store.insert(name, &job("shanghai", "anhui"), &id("shanghai")).await.unwrap();
    for state in states {
        store.change(name, *state, "").await.unwrap();
    }
}

fn names(jobs: &[StoredJob]) -> Vec<&str> {
    jobs.iter().map(|job| job.id.as_str()).collect()
}

async fn jobs_survive_a_reopen(home: Home) {
    let store = home.open().await;
    store.insert("a", &job("shanghai", "anhui"), &id("anhui")).await.unwrap();
    store.change("a", JobState::Queued, "").await.unwrap();
    let ended = store.change("a", JobState::Failed, "anhui: no such column").await.unwrap();
    store.close().await;
    let store = home.open().await;
    let read = store.get("a").await.unwrap();
    assert_eq!(read, ended);
    assert_eq!((read.spec, read.submitted_by), (job("shanghai", "anhui"), id("anhui")));
    assert_eq!((read.state, read.cause.as_str()), (JobState::Failed, "anhui: no such column"));
    assert!(read.created_ms > 1_700_000_000_000 && read.updated_ms >= read.created_ms);
    assert_eq!(store.history("a").await.unwrap(), [JobState::Pending, JobState::Queued, JobState::Failed]);
    assert!(matches!(store.get("b").await, Err(StoreError::NoJob(name)) if name == "b"));
}

async fn a_database_gets_its_tables_once(home: Home) {
    for count in 0..3 {
        let store = home.open().await;
        assert_eq!(store.open_jobs(&id("shanghai")).await.unwrap(), (count, count), "an opening lost a job");
        brought(&store, &format!("job-{count}"), &[]).await;
        store.close().await;
    }
}

async fn a_database_of_another_version_or_program_is_refused(home: Home) {
    home.open().await.close().await;
    for statement in [
        "UPDATE yuandang_layout SET digest = '00'",
        "UPDATE yuandang_layout SET description = 'agreements'",
        "UPDATE yuandang_layout SET version = version + 10, description = 'later'",
    ] {
        home.meddle(statement).await;
        let refused = Store::open(&home.location).await.unwrap_err();
        assert!(
            matches!(refused, StoreError::Open(DatabaseError::Changed { .. } | DatabaseError::Foreign { .. })),
            "{statement}: {refused}"
        );
    }
}

async fn a_job_that_cannot_be_read_is_an_error_and_no_panic(home: Home) {
    let store = home.open().await;
    for (name, statement) in [
        ("a", "UPDATE jobs SET spec = 'ffff' WHERE id = 'a'"),
        ("b", "UPDATE jobs SET spec = 'no hex' WHERE id = 'b'"),
        ("c", "UPDATE jobs SET spec = '' WHERE id = 'c'"),
        ("d", "UPDATE jobs SET state = 'Odd' WHERE id = 'd'"),
    ] {
        brought(&store, name, &[]).await;
        home.meddle(statement).await;
        assert!(matches!(store.get(name).await, Err(StoreError::Broken(_))), "{statement}");
        assert!(matches!(store.change(name, JobState::Failed, "").await, Err(StoreError::Broken(_))), "{statement}");
    }
}

/// How a new job comes to be in a state.
fn way_to(state: JobState) -> Vec<JobState> {
    match state {
        JobState::Pending => vec![],
        JobState::Running => vec![JobState::Queued, JobState::Running],
        JobState::Succeeded => vec![JobState::Queued, JobState::Running, JobState::Succeeded],
        other => vec![other],
    }
}

async fn states_move_forward_and_a_final_one_never_changes(home: Home) {
    let store = home.open().await;
    for from in STATES {
        for to in STATES {
            let name = format!("{from}-{to}");
            brought(&store, &name, &way_to(from)).await;
            let (before, history) = (store.get(&name).await.unwrap(), store.history(&name).await.unwrap());
            let changed = store.change(&name, to, "why").await;
            let never = from.is_final() || to == JobState::Pending || to == from;
            assert!(!(never && changed.is_ok()), "{from} became {to}");
            match changed {
                Ok(changed) => {
                    assert!(from.may_become(to), "{from} became {to}");
                    assert_eq!((changed.state, changed.cause.as_str()), (to, "why"));
                    assert_eq!(store.get(&name).await.unwrap(), changed);
                    assert_eq!(store.history(&name).await.unwrap().last(), Some(&to));
                }
                Err(StoreError::Transition { from: was, to: wanted }) => {
                    assert!(!from.may_become(to), "{from} did not become {to}");
                    assert_eq!((was, wanted), (from, to));
                    assert_eq!(store.get(&name).await.unwrap(), before);
                    assert_eq!(store.history(&name).await.unwrap(), history);
                }
                Err(error) => panic!("{from} to {to}: {error}"),
            }
        }
    }
    assert!(matches!(store.change("none", JobState::Failed, "").await, Err(StoreError::NoJob(_))));
}

async fn a_list_is_of_ones_own_jobs_newest_first_and_no_longer_than_asked(home: Home) {
    let store = home.open().await;
    // Names that run against the order of time, and more than one job in a millisecond.
    let of_anhui: Vec<String> = (0..40).map(|number| format!("job-{:02}", 99 - number)).collect();
    for name in &of_anhui {
        store.insert(name, &job("shanghai", "anhui"), &id("shanghai")).await.unwrap();
    }
    store.insert("other", &job("shanghai", "jiangsu"), &id("shanghai")).await.unwrap();
    let newest: Vec<&str> = of_anhui.iter().rev().map(String::as_str).collect();
    for most in [0_u32, 1, 7, 40, 500] {
        let listed = store.of_participant(&id("anhui"), most).await.unwrap();
        assert_eq!(names(&listed), newest[..newest.len().min(most as usize)], "at most {most}");
    }
    assert_eq!(names(&store.of_participant(&id("shanghai"), 2).await.unwrap()), ["other", newest[0]]);
    assert_eq!(names(&store.of_participant(&id("jiangsu"), 9).await.unwrap()), ["other"]);
    assert!(store.of_participant(&id("zhejiang"), 9).await.unwrap().is_empty());
    let oldest: Vec<&str> = of_anhui.iter().map(String::as_str).chain(["other"]).collect();
    assert_eq!(names(&store.in_state(JobState::Pending).await.unwrap()), oldest);
    assert!(store.in_state(JobState::Queued).await.unwrap().is_empty());
}

async fn open_jobs_are_those_that_have_not_ended(home: Home) {
    let store = home.open().await;
    for state in STATES {
        brought(&store, &state.to_string(), &way_to(state)).await;
    }
    store.insert("other", &job("shanghai", "anhui"), &id("anhui")).await.unwrap();
    let open = i64::try_from(STATES.iter().filter(|state| !state.is_final()).count()).unwrap();
    assert_eq!(store.open_jobs(&id("shanghai")).await.unwrap(), (open + 1, open));
    assert_eq!(store.open_jobs(&id("anhui")).await.unwrap(), (open + 1, 1));
    assert_eq!(store.open_jobs(&id("jiangsu")).await.unwrap(), (open + 1, 0));
}

async fn a_job_is_kept_whole_or_not_at_all(home: Home) {
    let store = home.open().await;
    brought(&store, "a", &[JobState::Queued]).await;
    assert!(matches!(store.insert("a", &job("jiangsu", "anhui"), &id("anhui")).await, Err(StoreError::Database(_))));
    assert_eq!(store.get("a").await.unwrap().spec, job("shanghai", "anhui"));
    assert!(store.of_participant(&id("jiangsu"), 9).await.unwrap().is_empty());
    assert_eq!(store.history("a").await.unwrap(), [JobState::Pending, JobState::Queued]);
    // A party twice: the job itself is written, its second party is not.
    assert!(store.insert("b", &job("anhui", "anhui"), &id("anhui")).await.is_err());
    assert!(matches!(store.get("b").await, Err(StoreError::NoJob(_))));
}

async fn of_many_hands_on_one_job_one_wins(home: Home) {
    // Two processes: a lock within one does not help.
    let stores = [home.open().await, home.open().await];
    let ends = [JobState::Failed, JobState::Cancelled, JobState::TimedOut, JobState::Rejected];
    for round in 0..3 {
        let name = format!("job-{round}");
        brought(&stores[0], &name, &[JobState::Queued]).await;
        let ending = (0..32).map(|hand| {
            let (store, name, to) = (stores[hand % 2].clone(), name.clone(), ends[hand % 4]);
            tokio::spawn(async move { store.change(&name, to, &format!("hand {hand}")).await })
        });
        let (mut won, mut lost) = (Vec::new(), 0);
        for ended in ending.collect::<Vec<_>>() {
            match ended.await.unwrap() {
                Ok(job) => won.push(job),
                Err(StoreError::Transition { from, .. }) if from.is_final() => lost += 1,
                Err(error) => panic!("{error}"),
            }
        }
        assert_eq!((won.len(), lost), (1, 31), "{won:?}");
        for store in &stores {
            assert_eq!(store.get(&name).await.unwrap(), won[0]);
            assert_eq!(store.history(&name).await.unwrap(), [JobState::Pending, JobState::Queued, won[0].state]);
        }
    }
}

async fn two_writers_lose_nothing_of_each_other(home: Home) {
    let stores = [home.open().await, home.open().await];
    let writing = stores.iter().enumerate().map(|(writer, store)| {
        let store = store.clone();
        tokio::spawn(async move {
            for number in 0..25 {
                brought(&store, &format!("{writer}-{number}"), &[JobState::Queued, JobState::Running]).await;
            }
        })
    });
    for written in writing.collect::<Vec<_>>() {
        written.await.unwrap();
    }
    let running = stores[0].in_state(JobState::Running).await.unwrap();
    assert_eq!(names(&running).into_iter().collect::<BTreeSet<_>>().len(), 50);
}
