//! Jobs on disk: what is kept, what may change, and several hands on one file.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::{collections::BTreeSet, fs, path::PathBuf};

use agreement::{JobParty, JobSpec, JobState, Mode, ParticipantId, Protocol, Role};
use coordinator::store::{Store, StoreError, StoredJob};
use sqlx::{Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use tempfile::TempDir;

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

/// A database in a folder of its own.
struct File {
    path: PathBuf,
    _folder: TempDir,
}

impl File {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { path: folder.path().join("jobs.sqlite"), _folder: folder }
    }

    async fn open(&self) -> Store {
        Store::open(&self.path).await.unwrap()
    }

    /// Does something that no store would do.
    async fn meddle(&self, statement: &'static str) {
        let options = SqliteConnectOptions::new().filename(&self.path);
        let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
        sqlx::query(statement).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    }
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

#[tokio::test]
async fn jobs_survive_a_reopen() {
    let file = File::new();
    let store = file.open().await;
    store.insert("a", &job("shanghai", "anhui"), &id("anhui")).await.unwrap();
    store.change("a", JobState::Queued, "").await.unwrap();
    let ended = store.change("a", JobState::Failed, "anhui: no such column").await.unwrap();
    store.close().await;
    let store = file.open().await;
    let read = store.get("a").await.unwrap();
    assert_eq!(read, ended);
    assert_eq!((read.spec, read.submitted_by), (job("shanghai", "anhui"), id("anhui")));
    assert_eq!((read.state, read.cause.as_str()), (JobState::Failed, "anhui: no such column"));
    assert!(read.created_ms > 1_700_000_000_000 && read.updated_ms >= read.created_ms);
    assert_eq!(store.history("a").await.unwrap(), [JobState::Pending, JobState::Queued, JobState::Failed]);
    assert!(matches!(store.get("b").await, Err(StoreError::NoJob(name)) if name == "b"));
}

#[tokio::test]
async fn a_file_gets_its_tables_once() {
    let file = File::new();
    fs::write(&file.path, "").unwrap();
    for count in 0..3 {
        let store = file.open().await;
        assert_eq!(store.open_jobs(&id("shanghai")).await.unwrap(), (count, count), "an opening lost a job");
        brought(&store, &format!("job-{count}"), &[]).await;
        store.close().await;
    }
}

#[tokio::test]
async fn a_file_that_is_not_ours_is_refused_and_left_alone() {
    let file = File::new();
    let text = "shanghai,anhui\n".repeat(100);
    fs::write(&file.path, &text).unwrap();
    assert!(matches!(Store::open(&file.path).await, Err(StoreError::Database(_))));
    assert_eq!(fs::read_to_string(&file.path).unwrap(), text);
    assert!(matches!(Store::open(&file.path.join("below")).await, Err(StoreError::Database(_))));
}

#[tokio::test]
async fn a_layout_of_another_version_is_refused() {
    for statement in [
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (2, 'later', TRUE, x'00', 0)",
        "UPDATE _sqlx_migrations SET checksum = x'00'",
    ] {
        let file = File::new();
        file.open().await.close().await;
        file.meddle(statement).await;
        assert!(matches!(Store::open(&file.path).await, Err(StoreError::Migration(_))), "{statement}");
    }
}

#[tokio::test]
async fn a_job_that_cannot_be_read_is_an_error_and_no_panic() {
    for statement in ["UPDATE jobs SET spec = x'ffff'", "UPDATE jobs SET spec = x''", "UPDATE jobs SET state = 'Odd'"] {
        let file = File::new();
        let store = file.open().await;
        brought(&store, "a", &[]).await;
        file.meddle(statement).await;
        assert!(matches!(store.get("a").await, Err(StoreError::Broken(_))), "{statement}");
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

#[tokio::test]
async fn states_move_forward_and_a_final_one_never_changes() {
    let file = File::new();
    let store = file.open().await;
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

#[tokio::test]
async fn a_list_is_of_ones_own_jobs_newest_first_and_no_longer_than_asked() {
    let file = File::new();
    let store = file.open().await;
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

#[tokio::test]
async fn open_jobs_are_those_that_have_not_ended() {
    let file = File::new();
    let store = file.open().await;
    for state in STATES {
        brought(&store, &state.to_string(), &way_to(state)).await;
    }
    store.insert("other", &job("shanghai", "anhui"), &id("anhui")).await.unwrap();
    let open = i64::try_from(STATES.iter().filter(|state| !state.is_final()).count()).unwrap();
    assert_eq!(store.open_jobs(&id("shanghai")).await.unwrap(), (open + 1, open));
    assert_eq!(store.open_jobs(&id("anhui")).await.unwrap(), (open + 1, 1));
    assert_eq!(store.open_jobs(&id("jiangsu")).await.unwrap(), (open + 1, 0));
}

#[tokio::test]
async fn a_job_is_kept_whole_or_not_at_all() {
    let file = File::new();
    let store = file.open().await;
    brought(&store, "a", &[JobState::Queued]).await;
    assert!(matches!(store.insert("a", &job("jiangsu", "anhui"), &id("anhui")).await, Err(StoreError::Database(_))));
    assert_eq!(store.get("a").await.unwrap().spec, job("shanghai", "anhui"));
    assert!(store.of_participant(&id("jiangsu"), 9).await.unwrap().is_empty());
    assert_eq!(store.history("a").await.unwrap(), [JobState::Pending, JobState::Queued]);
    // A party twice: the job itself is written, its second party is not.
    assert!(store.insert("b", &job("anhui", "anhui"), &id("anhui")).await.is_err());
    assert!(matches!(store.get("b").await, Err(StoreError::NoJob(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_file_may_be_opened_by_many_at_once() {
    let file = File::new();
    let opening = (0..8).map(|_| {
        let path = file.path.clone();
        tokio::spawn(async move { Store::open(&path).await })
    });
    for opened in opening.collect::<Vec<_>>() {
        let store = opened.await.unwrap().unwrap();
        assert_eq!(store.open_jobs(&id("anhui")).await.unwrap(), (0, 0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_hands_on_one_job_one_wins() {
    let file = File::new();
    let (left, right) = (file.open().await, file.open().await);
    for number in 0..20 {
        let name = format!("job-{number}");
        brought(&left, &name, &[JobState::Queued]).await;
        let end = |store: &Store, state| {
            let (store, name) = (store.clone(), name.clone());
            tokio::spawn(async move { store.change(&name, state, "").await })
        };
        let (failed, cancelled) = (end(&left, JobState::Failed), end(&right, JobState::Cancelled));
        let ended = [failed.await.unwrap(), cancelled.await.unwrap()];
        let won: Vec<JobState> = ended.iter().filter_map(|end| end.as_ref().ok()).map(|job| job.state).collect();
        let lost = ended.iter().filter(|end| matches!(end, Err(StoreError::Transition { .. }))).count();
        assert_eq!((won.len(), lost), (1, 1), "{ended:?}");
        for store in [&left, &right] {
            assert_eq!(store.get(&name).await.unwrap().state, won[0]);
            assert_eq!(store.history(&name).await.unwrap(), [JobState::Pending, JobState::Queued, won[0]]);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_writers_lose_nothing_of_each_other() {
    let file = File::new();
    let stores = [file.open().await, file.open().await];
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
