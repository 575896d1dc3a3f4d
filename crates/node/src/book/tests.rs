//! Each body is run against SQLite, and against PostgreSQL where it is there.

use std::sync::Arc;

use agreement::{
    Act, Agreement, Digest, Event, IdentityKey, Moment, Pinned, Protocol, Receipt, Role, Signed,
    acts::{Change, Consent, Request, Standing},
    admission::Refusal,
    chain::verify_chain,
    contract::{DatasetVersion, Delivery, FORM, Limits, Party, Reasons, Rows, Validity},
    receipt::{InputFacts, RunFacts},
};
use database::Location;
use tempfile::TempDir;
use throwaway::Postgres;
use tokio::task::JoinSet;
use zeroize::Zeroizing;

use super::*;

pub(crate) const SPRING: &str = "2026-03-01T00:00:00Z";

pub(crate) fn at(text: &str) -> Moment {
    text.parse().unwrap()
}

fn key(seed: u8) -> IdentityKey {
    IdentityKey::from_seed(&Zeroizing::new([seed; 32]))
}

fn terms(runs: u64) -> Agreement {
    let party = |name: &str, seed, role, dataset: &str| Party {
        participant: name.parse().unwrap(),
        identity: key(seed).public(),
        role,
        department: "bureau".to_owned(),
        dataset: DatasetVersion { name: dataset.to_owned(), version: 1 },
        key_columns: vec!["id_no".to_owned()],
        label_columns: Vec::new(),
        padded_size: None,
        rows: Rows { least: 1, most: 1000 },
    };
    Agreement {
        form: FORM,
        name: "aid".to_owned(),
        nonce: "0".repeat(32),
        parties: vec![party("shanghai", 1, Role::Receiver, "students"), party("anhui", 2, Role::Sender, "hardship")],
        key_types: vec![agreement::KeyType::ResidentId],
        mode: agreement::Mode::Membership,
        protocols: vec![Protocol::Ecdh],
        data_standard: records::standard::DATA_STANDARD.to_owned(),
        lambda: 40,
        listener: "anhui".parse().unwrap(),
        reasons: Reasons {
            purpose: "aid".to_owned(),
            legal_basis: "a law".to_owned(),
            documents: Vec::new(),
            impact_assessment: None,
        },
        validity: Validity { from: at("2026-01-01T00:00:00Z"), until: at("2026-12-31T00:00:00Z") },
        limits: Limits {
            runs,
            runs_per_day: runs,
            shortest_interval: None,
            smallest_result: None,
            lookups_per_second: None,
            lookups_per_day: None,
        },
        delivery: Delivery { gated: false, approval: Vec::new(), retention_days: 30 },
    }
}

/// A place for databases of one test.
pub(crate) struct Home {
    pub(crate) folder: TempDir,
    pub(crate) server: Option<Arc<Postgres>>,
}

impl Home {
    fn location(&self, name: &str) -> Location {
        match &self.server {
            Some(server) => server.database().parse().unwrap(),
            None => Location::File(self.folder.path().join(name)),
        }
    }

    async fn book(&self, name: &str, seed: u8) -> Book {
        open(&self.location(name), name, seed).await
    }
}

async fn open(location: &Location, name: &str, seed: u8) -> Book {
    let pin = |name: &str, seed| (name.parse().unwrap(), key(seed).public());
    let pinned = Pinned {
        participants: [pin("shanghai", 1), pin("anhui", 2), pin("jiangsu", 3)].into(),
        supervisors: [pin("supervisor", 9)].into(),
        ..Pinned::default()
    };
    Book::open(location, name.parse().unwrap(), Arc::new(key(seed)), pinned).await.unwrap()
}

fn sign<T: Statement>(statement: T, name: &str, seed: u8) -> Signed<T> {
    Signed::sign(statement, &name.parse().unwrap(), &key(seed)).unwrap()
}

fn consents(terms: &Agreement) -> Vec<Act> {
    let agreement = terms.digest().unwrap();
    let consent = |name, seed| {
        let statement = Consent { agreement, at: at(SPRING), approvers: vec!["k-1".to_owned()] };
        Act::Consent(sign(statement, name, seed))
    };
    let request = Request { agreement: terms.clone(), at: at(SPRING) };
    vec![Act::Request(Box::new(sign(request, "shanghai", 1))), consent("shanghai", 1), consent("anhui", 2)]
}

fn standing(terms: &Agreement, (name, seed): (&str, u8), change: Change, number: u64) -> Act {
    let agreement = terms.digest().unwrap();
    Act::Standing(sign(
        Standing { agreement, at: at(SPRING), change, number, reason: "a complaint".to_owned() },
        name,
        seed,
    ))
}

/// Anhui's book with an agreement of so many runs that both signed.
pub(crate) async fn agreed(home: &Home, runs: u64) -> (Book, Agreement) {
    agreed_to(home, runs, |_| {}).await
}

/// The same with other limits.
async fn agreed_to(home: &Home, runs: u64, edit: impl FnOnce(&mut Limits)) -> (Book, Agreement) {
    let (book, mut terms) = (home.book("anhui", 2).await, terms(runs));
    edit(&mut terms.limits);
    for act in consents(&terms) {
        assert_eq!(book.keep(&act, 1).await.unwrap(), News::New);
        assert_eq!(book.keep(&act, 2).await.unwrap(), News::Known);
    }
    (book, terms)
}

pub(crate) async fn admit(book: &Book, terms: &Agreement, id: &str, now: &str) -> Result<Ruling, BookError> {
    let spec = terms.job("autumn", Protocol::Ecdh).unwrap();
    let request = JobRequest {
        id,
        spec: &spec,
        now: at(now),
        published: &|name| (name == "hardship").then_some(1),
        heartbeat: None,
    };
    book.admit(request).await
}

fn number_of(ruling: &Ruling) -> u64 {
    match ruling {
        Ruling::Admitted(admission) => admission.signed_use.statement().number,
        other => panic!("{other:?}"),
    }
}

/// What both sides state alike of a run of the agreement, but for the transcript.
fn run_facts(transcript: u8) -> RunFacts {
    let input = |name: &str| InputFacts {
        participant: name.parse().unwrap(),
        commitment: Digest::from_bytes([3; 32]),
        padded_size: 10,
        use_number: 1,
    };
    RunFacts {
        terms: Digest::from_bytes([1; 32]),
        inputs: vec![input("shanghai"), input("anhui")],
        transcript: Digest::from_bytes([transcript; 32]),
    }
}

/// A result that is due a day after it was made.
pub(crate) fn made(rows: u64) -> Made {
    Made { rows, bytes: 10 * rows, at: at(SPRING), due: at("2026-03-02T00:00:00Z") }
}

macro_rules! on_both {
    ($($body:ident)*) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $body() {
                super::$body(&super::Home { folder: tempfile::tempdir().unwrap(), server: None }).await;
            })*
        }

        mod postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $body() {
                if let Some(server) = throwaway::Postgres::shared() {
                    super::$body(&super::Home { folder: tempfile::tempdir().unwrap(), server: Some(server) }).await;
                }
            })*
        }
    };
}

mod admission;
mod approvals;
mod ending;
mod held;
mod papers;
mod post;
mod receipts;
mod succession;
