//! Each body is run against SQLite, and against PostgreSQL where it is there.

use std::sync::Arc;

use agreement::{
    Act, Agreement, Digest, Event, IdentityKey, Moment, Pinned, Protocol, Receipt, Role, Signed,
    acts::{Change, Consent, Request, Standing},
    admission::Refusal,
    chain::verify_chain,
    contract::{DatasetVersion, Delivery, FORM, Limits, Party, Reasons, Rows, Validity},
    receipt::{Export, InputFacts, RunFacts},
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

/// Anhui's book with an agreement that both signed.
pub(crate) async fn agreed(home: &Home, runs: u64) -> (Book, Agreement) {
    let (book, terms) = (home.book("anhui", 2).await, terms(runs));
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

mod approvals;
mod held;
mod post;
mod receipts;
mod succession;

on_both! {
    a_job_is_counted_once_however_often_it_is_started
    of_many_starts_at_once_just_so_many_are_admitted
    a_refusal_leaves_one_receipt_and_counts_nothing
    what_others_sign_is_not_kept
    a_suspension_stops_a_job_that_goes_on
    a_use_of_a_peer_is_spent_once
    days_are_counted_apart
    the_chain_of_receipts_has_no_gap
    receipts_that_differ_are_found_whichever_comes_first
    a_job_that_does_not_go_on_is_over_once
    a_result_is_made_with_the_end_of_its_job_and_ends_once
    heartbeats_count_from_supervisors_and_not_from_the_future
    requests_without_end_are_bounded_whoever_signs_them
    uses_are_told_with_their_ends_and_open_ones_apart
    what_was_admitted_is_there_when_the_book_is_opened_again
    an_agreement_is_found_by_its_first_digits
}

async fn a_job_is_counted_once_however_often_it_is_started(home: &Home) {
    let (book, terms) = agreed(home, 2).await;
    let first = admit(&book, &terms, "a", SPRING).await.unwrap();
    assert_eq!(first, admit(&book, &terms, "a", SPRING).await.unwrap());
    assert_eq!(number_of(&first), 1);
    assert_eq!(number_of(&admit(&book, &terms, "b", SPRING).await.unwrap()), 2);
    // Used up, and a job that was admitted goes on.
    let refused = admit(&book, &terms, "c", SPRING).await.unwrap();
    assert!(matches!(&refused, Ruling::Refused(why) if why.to_string().contains("Exhausted")), "{refused:?}");
    assert_eq!(first, admit(&book, &terms, "a", SPRING).await.unwrap());
    book.ended("a", "Succeeded", (Vec::new(), &[]), None).await.unwrap();
    assert_eq!(admit(&book, &terms, "a", SPRING).await.unwrap(), Ruling::Ended("Succeeded".to_owned()));
    assert_eq!(book.runs(&terms.digest().unwrap()).await.unwrap(), 2);
}

async fn of_many_starts_at_once_just_so_many_are_admitted(home: &Home) {
    let (book, terms) = agreed(home, 100).await;
    let mut starts = JoinSet::new();
    for index in 0..1000 {
        let (book, terms) = (book.clone(), terms.clone());
        starts.spawn(async move { admit(&book, &terms, &format!("job-{index}"), SPRING).await });
    }
    let mut numbers = Vec::new();
    while let Some(ended) = starts.join_next().await {
        match ended.unwrap().unwrap() {
            admitted @ Ruling::Admitted(_) => numbers.push(number_of(&admitted)),
            Ruling::Refused(_) => {}
            other => panic!("{other:?}"),
        }
    }
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=100).collect::<Vec<_>>());
    let receipts = book.receipts(1, 2000).await.unwrap();
    assert_eq!(receipts.len(), 1000);
    verify_chain(&receipts, None).unwrap();
}

async fn a_refusal_leaves_one_receipt_and_counts_nothing(home: &Home) {
    let (book, terms) = agreed(home, 1).await;
    for _ in 0..2 {
        let refused = admit(&book, &terms, "early", "2025-12-01T00:00:00Z").await.unwrap();
        assert!(matches!(refused, Ruling::Refused(Refusal::TooEarly { .. })), "{refused:?}");
    }
    let mut unknown = terms.clone();
    unknown.limits.runs = 1000;
    assert_eq!(admit(&book, &unknown, "forged", SPRING).await.unwrap(), Ruling::Refused(Refusal::Unknown));
    let receipts = book.receipts(1, 10).await.unwrap();
    let said: Vec<_> =
        receipts.iter().map(|receipt| (receipt.statement().event, receipt.statement().job.clone())).collect();
    assert_eq!(said, [(Event::Refused, Some("early".to_owned())), (Event::Refused, Some("forged".to_owned()))]);
    assert!(receipts[0].statement().cause.as_ref().unwrap().contains("valid from"));
    assert_eq!(number_of(&admit(&book, &terms, "now", SPRING).await.unwrap()), 1);
}

async fn what_others_sign_is_not_kept(home: &Home) {
    let (book, terms) = agreed(home, 1).await;
    let digest = terms.digest().unwrap();
    let by_jiangsu = standing(&terms, ("jiangsu", 3), Change::Revocation, 1);
    let by_nobody = standing(&terms, ("anhui", 7), Change::Revocation, 1);
    let by_no_supervisor = standing(&terms, ("supervisor", 8), Change::Revocation, 1);
    for act in [by_jiangsu, by_nobody, by_no_supervisor] {
        assert!(matches!(book.keep(&act, 1).await, Err(BookError::NotTaken(_) | BookError::NotNow(_))));
    }
    let mut others = terms.clone();
    others.nonce = "1".repeat(32);
    assert!(matches!(book.keep(&consents(&others)[1], 1).await, Err(BookError::NotNow(_))), "it is not known");
    others.parties[1].participant = "jiangsu".parse().unwrap();
    others.parties[1].identity = key(3).public();
    others.listener = "jiangsu".parse().unwrap();
    assert!(matches!(book.keep(&consents(&others)[0], 1).await, Err(BookError::NotTaken(_))), "anhui is no party");
    assert_eq!(book.known(&digest).await.unwrap().unwrap().acts.len(), 3);
    assert_eq!(book.agreements(10).await.unwrap().len(), 1);
}

async fn a_suspension_stops_a_job_that_goes_on(home: &Home) {
    let (book, terms) = agreed(home, 5).await;
    admit(&book, &terms, "a", SPRING).await.unwrap();
    let keep = |change, number| {
        let (book, act) = (book.clone(), standing(&terms, ("supervisor", 9), change, number));
        async move { book.keep(&act, 1).await.unwrap() }
    };
    assert_eq!(keep(Change::Suspension, 2).await, News::New);
    let refused = admit(&book, &terms, "a", SPRING).await.unwrap();
    assert!(matches!(&refused, Ruling::Refused(why) if why.to_string().contains("by supervisor: a complaint")));
    // An old resumption changes nothing, a new one does, and a revocation is for ever.
    assert_eq!(keep(Change::Resumption, 1).await, News::Known);
    assert!(matches!(admit(&book, &terms, "a", SPRING).await.unwrap(), Ruling::Refused(_)));
    assert_eq!(keep(Change::Resumption, 3).await, News::New);
    assert_eq!(number_of(&admit(&book, &terms, "a", SPRING).await.unwrap()), 1);
    assert_eq!(keep(Change::Revocation, 1).await, News::New);
    assert_eq!(keep(Change::Resumption, 9).await, News::Known);
    assert!(matches!(admit(&book, &terms, "a", SPRING).await.unwrap(), Ruling::Refused(_)));
    let digest = terms.digest().unwrap();
    assert_eq!(book.next_standing(&digest, &"supervisor".parse().unwrap()).await.unwrap(), 2);
    assert_eq!(book.next_standing(&digest, &"anhui".parse().unwrap()).await.unwrap(), 1);
}

async fn a_use_of_a_peer_is_spent_once(home: &Home) {
    let (book, terms) = agreed(home, 5).await;
    let digest = terms.digest().unwrap();
    let shanghai: ParticipantId = "shanghai".parse().unwrap();
    let said = |job: &str, number, (name, seed): (&str, u8)| {
        let statement = agreement::receipt::Use { agreement: digest, at: at(SPRING), job: job.to_owned(), number };
        sign(statement, name, seed)
    };
    let ruled = |theirs: Signed<agreement::receipt::Use>, job: &'static str| {
        let (book, terms, shanghai) = (book.clone(), terms.clone(), shanghai.clone());
        async move { book.admit_use(&theirs, (job, &digest, &terms), &shanghai).await.unwrap() }
    };
    let good = said("a", 2, ("shanghai", 1));
    assert_eq!(ruled(good.clone(), "a").await, Ok(()));
    assert_eq!(ruled(good.clone(), "a").await, Ok(()), "it goes on");
    assert_eq!(ruled(said("b", 1, ("shanghai", 1)), "b").await, Ok(()));
    assert_eq!(book.peer_use("a", &shanghai).await.unwrap(), 2);
    let refused = [
        (said("c", 2, ("shanghai", 1)), "c", "restored from a backup"),
        (said("a", 3, ("shanghai", 1)), "a", "the use differs"),
        (good, "d", "the job differs"),
        (said("e", 3, ("shanghai", 7)), "e", "the identity key differs"),
        (said("e", 3, ("anhui", 2)), "e", "the participant differs"),
        (said("f", 6, ("shanghai", 1)), "f", "allows 5 in all"),
    ];
    for (theirs, job, wanted) in refused {
        let why = ruled(theirs, job).await.unwrap_err().to_string();
        assert!(why.contains(wanted), "{wanted}: {why}");
    }
}

async fn days_are_counted_apart(home: &Home) {
    let book = home.book("anhui", 2).await;
    let mut terms = terms(10);
    terms.limits.runs_per_day = 1;
    for act in consents(&terms) {
        book.keep(&act, 1).await.unwrap();
    }
    let admitted = |id: &'static str, now: &'static str| {
        let (book, terms) = (book.clone(), terms.clone());
        async move { matches!(admit(&book, &terms, id, now).await.unwrap(), Ruling::Admitted(_)) }
    };
    assert!(admitted("a", "2026-03-01T15:00:00Z").await);
    assert!(!admitted("b", "2026-03-01T15:59:59Z").await);
    // Midnight in China.
    assert!(admitted("c", "2026-03-01T16:00:00Z").await);
    assert!(!admitted("d", "2026-03-01T17:00:00Z").await);
}

async fn the_chain_of_receipts_has_no_gap(home: &Home) {
    let (book, terms) = agreed(home, 5).await;
    for id in ["a", "b", "c"] {
        admit(&book, &terms, id, SPRING).await.unwrap();
    }
    let receipts = book.receipts(1, 10).await.unwrap();
    verify_chain(&receipts, None).unwrap();
    verify_chain(&receipts[1..], Some(receipts[0].digest().unwrap())).unwrap();
    assert!(verify_chain(&[receipts[0].clone(), receipts[2].clone()], None).is_err());
    assert!(verify_chain(&receipts[1..], Some(receipts[2].digest().unwrap())).is_err());
    assert_eq!(book.receipts(2, 1).await.unwrap(), receipts[1..2]);
    assert_eq!(book.receipts_of("b").await.unwrap(), receipts[1..2]);
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

async fn receipts_that_differ_are_found_whichever_comes_first(home: &Home) {
    let (book, terms) = agreed(home, 9).await;
    let digest = terms.digest().unwrap();
    let shanghai: ParticipantId = "shanghai".parse().unwrap();
    let succeeded = |job: &str, transcript| Receipt {
        agreement: Some(digest),
        job: Some(job.to_owned()),
        run: Some(run_facts(transcript)),
        ..Receipt::of(Event::Succeeded, at(SPRING))
    };
    let rounds = [("a", true, 7), ("b", false, 7), ("c", true, 4), ("d", false, 4)];
    for (number, (job, theirs_first, transcript)) in (1..).zip(rounds) {
        admit(&book, &terms, job, SPRING).await.unwrap();
        let theirs = sign(Receipt { number: 1, ..succeeded(job, transcript) }, "shanghai", 1);
        assert!(
            matches!(book.compare(&theirs, at(SPRING)).await, Err(BookError::NotTaken(_))),
            "there was no run with it"
        );
        let statement = agreement::receipt::Use { agreement: digest, at: at(SPRING), job: job.to_owned(), number };
        let shown = sign(statement, "shanghai", 1);
        book.admit_use(&shown, (job, &digest, &terms), &shanghai).await.unwrap().unwrap();
        let ours = async {
            for _ in 0..2 {
                book.ended(job, "Succeeded", (vec![succeeded(job, 4)], &[&shanghai]), None).await.unwrap();
            }
            book.compare_all(job, at(SPRING)).await.unwrap()
        };
        let found = if theirs_first {
            assert_eq!(book.compare(&theirs, at(SPRING)).await.unwrap(), None);
            ours.await
        } else {
            assert_eq!(ours.await, None);
            book.compare(&theirs, at(SPRING)).await.unwrap()
        };
        let wanted = (transcript == 7).then_some("the transcript");
        assert_eq!(found, wanted, "{job}");
        // Said again, it is no second finding.
        book.compare(&theirs, at(SPRING)).await.unwrap();
        let receipts = book.receipts_of(job).await.unwrap();
        let disputed = receipts.iter().filter(|receipt| receipt.statement().event == Event::Disputed).count();
        assert_eq!(disputed, usize::from(wanted.is_some()), "{job}");
    }
    verify_chain(&book.receipts(1, 100).await.unwrap(), None).unwrap();
    // Each of the four waits for Shanghai, once.
    assert_eq!(book.waiting(&shanghai, 16).await.unwrap().len(), 4);
}

async fn a_job_that_does_not_go_on_is_over_once(home: &Home) {
    let (book, terms) = agreed(home, 5).await;
    admit(&book, &terms, "a", SPRING).await.unwrap();
    for _ in 0..2 {
        book.given_up("a", "Cancelled", ("an operator's wish", at(SPRING))).await.unwrap();
        book.given_up("never heard of", "Cancelled", ("an operator's wish", at(SPRING))).await.unwrap();
    }
    let said: Vec<_> = book.receipts(1, 9).await.unwrap().iter().map(|receipt| receipt.statement().event).collect();
    assert_eq!(said, [Event::Admitted, Event::Failed]);
    assert_eq!(admit(&book, &terms, "a", SPRING).await.unwrap(), Ruling::Ended("Cancelled".to_owned()));
    assert!(book.open_jobs(&terms.digest().unwrap()).await.unwrap().is_empty());
}

/// A result that is due a day after it was made.
pub(crate) fn made(rows: u64) -> Made {
    Made { rows, bytes: 10 * rows, at: at(SPRING), due: at("2026-03-02T00:00:00Z") }
}

async fn a_result_is_made_with_the_end_of_its_job_and_ends_once(home: &Home) {
    let (book, terms) = agreed(home, 5).await;
    let export = || Export { purpose: "aid".to_owned(), case: "2026/7".to_owned() };
    let by = |now: &str| (Some("k-17".to_owned()), at(now));
    assert_eq!(book.job_of("a").await.unwrap(), JobOf::Unknown);
    admit(&book, &terms, "a", SPRING).await.unwrap();
    admit(&book, &terms, "b", SPRING).await.unwrap();
    assert_eq!(book.job_of("a").await.unwrap(), JobOf::Open);
    assert!(matches!(book.exported("a", export(), by(SPRING)).await, Err(BookError::NotTaken(_))));
    // The end counts once, and the result with it.
    for rows in [3, 4] {
        book.ended("a", "Succeeded", (Vec::new(), &[]), Some(&made(rows))).await.unwrap();
    }
    book.ended("b", "Failed", (Vec::new(), &[]), None).await.unwrap();
    let held = book.result("a").await.unwrap().unwrap();
    assert_eq!((held.agreement, held.made, held.exports), (terms.digest().unwrap(), made(3), 0));
    assert_eq!(book.job_of("a").await.unwrap(), JobOf::Result(Keeping::Kept));
    assert_eq!(book.job_of("b").await.unwrap(), JobOf::Ended("Failed".to_owned()));

    book.exported("a", export(), by(SPRING)).await.unwrap();
    let due = |now: &'static str| async {
        book.overdue(at(now), 9).await.unwrap().iter().map(|held| (held.job.clone(), held.exports)).collect::<Vec<_>>()
    };
    assert_eq!(due("2026-03-01T23:59:59Z").await, []);
    assert_eq!(due("2026-03-02T00:00:00Z").await, [("a".to_owned(), 1)]);
    let late = book.exported("a", export(), by("2026-03-02T00:00:00Z")).await;
    assert!(matches!(late, Err(BookError::NotTaken(_))), "what is due is not taken out, deleted or not");

    assert!(book.deleting("a", "the case is closed", Some("k-2")).await.unwrap());
    assert!(!book.deleting("a", "another reason", None).await.unwrap());
    assert!(matches!(book.exported("a", export(), by(SPRING)).await, Err(BookError::NotTaken(_))));
    assert_eq!(due(SPRING).await, [("a".to_owned(), 1)], "what is half deleted is overdue");
    for _ in 0..2 {
        book.deleted("a", at(SPRING)).await.unwrap();
    }
    assert_eq!(due("2026-12-31T00:00:00Z").await, []);
    let receipts = book.receipts_of("a").await.unwrap();
    let said: Vec<_> = receipts.iter().skip(1).map(|receipt| receipt.statement().clone()).collect();
    assert_eq!(said.iter().map(|receipt| receipt.event).collect::<Vec<_>>(), [Event::Exported, Event::Deleted]);
    assert_eq!((said[0].person.as_deref(), said[0].export.clone()), (Some("k-17"), Some(export())));
    let why = (said[1].person.as_deref(), said[1].cause.as_deref());
    assert_eq!(why, (Some("k-2"), Some("the case is closed")));
    verify_chain(&book.receipts(1, 100).await.unwrap(), None).unwrap();
}

async fn heartbeats_count_from_supervisors_and_not_from_the_future(home: &Home) {
    let (book, terms) = agreed(home, 5).await;
    let beat = |when: &str, (name, seed): (&str, u8)| sign(agreement::acts::Heartbeat { at: at(when) }, name, seed);
    let supervisor = ("supervisor", 9);
    for (heartbeat, now) in [
        (beat(SPRING, ("supervisor", 8)), SPRING),
        (beat(SPRING, ("anhui", 2)), SPRING),
        (beat("2026-03-01T00:00:31Z", supervisor), SPRING),
    ] {
        assert!(matches!(book.heard(&heartbeat, at(now)).await, Err(BookError::NotTaken(_))));
    }
    let spec = terms.job("autumn", Protocol::Ecdh).unwrap();
    let admitted = |id: &'static str, now: &'static str| {
        let (book, spec) = (book.clone(), spec.clone());
        async move {
            let request = JobRequest { id, spec: &spec, now: at(now), published: &|_| Some(1), heartbeat: Some(60) };
            matches!(book.admit(request).await.unwrap(), Ruling::Admitted(_))
        }
    };
    assert!(!admitted("a", SPRING).await);
    book.heard(&beat(SPRING, supervisor), at(SPRING)).await.unwrap();
    // An older one that somebody repeats.
    book.heard(&beat("2026-02-01T00:00:00Z", supervisor), at(SPRING)).await.unwrap();
    assert!(admitted("b", "2026-03-01T00:01:00Z").await);
    assert!(!admitted("c", "2026-03-01T00:01:01Z").await);
}

async fn requests_without_end_are_bounded_whoever_signs_them(home: &Home) {
    let book = home.book("anhui", 2).await;
    let mut refused = None;
    for number in 0..1001 {
        let mut terms = terms(1);
        terms.nonce = format!("{number:032x}");
        let acts = consents(&terms);
        if let Err(error) = book.keep(&acts[0], number).await {
            refused = Some((number, error.to_string()));
            break;
        }
        // Its own consent does not make a request an agreement.
        book.keep(&acts[1], number).await.unwrap();
    }
    assert_eq!(refused, Some((1000, "too many requests wait for an answer here".to_owned())));
}

async fn uses_are_told_with_their_ends_and_open_ones_apart(home: &Home) {
    let (book, terms) = agreed(home, 5).await;
    let digest = terms.digest().unwrap();
    for (id, now) in [("c", SPRING), ("a", "2026-03-01T00:00:01Z"), ("b", "2026-03-01T00:00:01Z")] {
        admit(&book, &terms, id, now).await.unwrap();
    }
    assert_eq!(book.open_uses(9).await.unwrap(), ["c", "a", "b"]);
    assert_eq!(book.open_uses(2).await.unwrap(), ["c", "a"]);
    book.given_up("a", "TimedOut", ("it took too long", at(SPRING))).await.unwrap();
    book.ended("c", "Succeeded", (Vec::new(), &[]), None).await.unwrap();
    assert_eq!(book.open_uses(9).await.unwrap(), ["b"]);
    let told: Vec<_> = book.uses(&digest).await.unwrap();
    let told: Vec<_> = told.iter().map(|one| (one.number, one.job.as_str(), one.outcome.as_str())).collect();
    assert_eq!(told, [(1, "c", "Succeeded"), (2, "a", "TimedOut"), (3, "b", "")]);
    assert_eq!(book.cause_of("a").await.unwrap().as_deref(), Some("it took too long"));
    assert_eq!(book.cause_of("c").await.unwrap(), None);
}

async fn what_was_admitted_is_there_when_the_book_is_opened_again(home: &Home) {
    let (location, terms) = (home.location("anhui"), terms(2));
    let book = open(&location, "anhui", 2).await;
    for act in consents(&terms) {
        book.keep(&act, 1).await.unwrap();
    }
    let first = admit(&book, &terms, "a", SPRING).await.unwrap();
    book.close().await;
    let book = open(&location, "anhui", 2).await;
    assert_eq!(admit(&book, &terms, "a", SPRING).await.unwrap(), first);
    assert_eq!(number_of(&admit(&book, &terms, "b", SPRING).await.unwrap()), 2);
    assert!(matches!(admit(&book, &terms, "c", SPRING).await.unwrap(), Ruling::Refused(_)));
    verify_chain(&book.receipts(1, 9).await.unwrap(), None).unwrap();
}

async fn an_agreement_is_found_by_its_first_digits(home: &Home) {
    let (book, terms) = agreed(home, 2).await;
    let digest = terms.digest().unwrap();
    for digits in [&digest.to_string()[..1], &digest.short(), &digest.to_string()] {
        let found = book.beginning_with(digits).await.unwrap();
        assert_eq!(found.iter().map(|known| known.digest).collect::<Vec<_>>(), [digest], "{digits}");
    }
    assert!(book.beginning_with("g").await.unwrap().is_empty());
}
