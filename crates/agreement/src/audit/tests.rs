//! Chains that hold, and those that do not.

use super::*;
use crate::{
    contract::tests::key,
    receipt::{InputFacts, RunFacts},
};

const ANHUI: (&str, u8) = ("anhui", 2);
const SHANGHAI: (&str, u8) = ("shanghai", 1);

fn pinned() -> Pinned {
    let pin = |(name, seed): (&str, u8)| (name.parse().unwrap(), key(seed).public());
    Pinned { participants: [pin(ANHUI), pin(SHANGHAI)].into(), ..Pinned::default() }
}

fn facts(transcript: u8) -> RunFacts {
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

fn sign(receipt: Receipt, (name, seed): (&str, u8)) -> Signed<Receipt> {
    Signed::sign(receipt, &name.parse().unwrap(), &key(seed)).unwrap()
}

fn of(event: Event, job: &str) -> Receipt {
    let run = (event == Event::Succeeded).then(|| facts(4));
    Receipt { job: Some(job.to_owned()), run, ..Receipt::of(event, "2026-03-01T00:00:00Z".parse().unwrap()) }
}

/// The next receipt of Anhui's chain.
fn add(shown: &mut Vec<Signed<Receipt>>, receipt: Receipt) {
    let last = shown.iter().rev().find(|shown| shown.signer().as_str() == "anhui");
    let number = last.map_or(0, |last| last.statement().number) + 1;
    let previous = last.map(|last| last.digest().unwrap());
    shown.push(sign(Receipt { number, previous, ..receipt }, ANHUI));
}

/// Shanghai's receipt of a job.
fn theirs(job: &str, transcript: u8) -> Signed<Receipt> {
    sign(Receipt { number: 1, run: Some(facts(transcript)), ..of(Event::Succeeded, job) }, SHANGHAI)
}

/// Two runs, with what Shanghai says of each.
fn shown() -> Vec<Signed<Receipt>> {
    let mut shown = Vec::new();
    for job in ["a", "b"] {
        add(&mut shown, of(Event::Admitted, job));
        add(&mut shown, of(Event::Succeeded, job));
        shown.push(theirs(job, 4));
    }
    shown
}

fn audit(shown: &[Signed<Receipt>], earlier: Option<(u64, Digest)>) -> Result<Found, Flaw> {
    let pinned = pinned();
    let mut audit = Audit::new("anhui".parse().unwrap(), &pinned, Some((0, None))).that_holds(earlier);
    shown.iter().try_for_each(|receipt| audit.take(receipt))?;
    audit.finish()
}

/// What is said of receipts that do not hold.
fn says(shown: &[Signed<Receipt>]) -> String {
    audit(shown, None).unwrap_err().to_string()
}

#[test]
fn a_whole_chain_with_what_peers_say_holds() {
    let found = audit(&shown(), None).unwrap();
    assert_eq!((found.receipts, found.runs, found.peer_receipts, found.alike), (4, 2, 2, 2));
    assert_eq!((found.without_peer, found.disputed), (0, 0));
    assert_eq!((found.first.unwrap().number, found.last.unwrap().number, found.before), (1, 4, None));
    assert_eq!(audit(&[], None).unwrap().receipts, 0);
}

#[test]
fn what_is_left_out_moved_or_put_in_is_named_by_its_number() {
    let all = shown();
    let without = |place: usize| [&all[..place], &all[place + 1..]].concat();
    assert_eq!(says(&without(0)), "receipt 2 is not the first, which is missing");
    assert_eq!(says(&without(1)), "the receipt of shanghai after receipt 1 is of no job that ends there");
    assert_eq!(says(&without(3)), "receipt 4 does not follow receipt 2");
    let mut moved = all.clone();
    moved.swap(3, 4);
    assert_eq!(says(&moved), "receipt 4 does not follow receipt 2");
    let mut moved = all.clone();
    moved.swap(2, 5);
    assert_eq!(says(&moved), "the receipt of shanghai after receipt 2 is of another job than that one");
    assert_eq!(says(&all[2..]), "the chain is not of anhui: it begins with a receipt of shanghai");
    let again = [&all[..3], &all[2..]].concat();
    assert_eq!(says(&again), "the receipt of shanghai after receipt 2 stands there twice");
    let again = [&all[..2], &all[1..]].concat();
    assert_eq!(says(&again), "receipt 2 does not follow receipt 2");
}

#[test]
fn receipts_of_other_keys_and_of_strangers_are_refused() {
    let mut all = shown();
    let said = all[3].statement().clone();
    all[3] = sign(said, ("anhui", 7));
    let not_pinned = |what: &str, signer: &str| {
        let (what, signer) = (what.to_owned(), signer.parse().unwrap());
        Err(Flaw::NotPinned { what, signer })
    };
    assert_eq!(audit(&all, None), not_pinned("receipt 3", "anhui"));
    let mut all = shown();
    all[2] = sign(all[2].statement().clone(), ("shanghai", 7));
    assert_eq!(audit(&all, None), not_pinned("the receipt of shanghai after receipt 2", "shanghai"));
    all[2] = sign(all[2].statement().clone(), ("jiangsu", 7));
    assert_eq!(audit(&all, None), not_pinned("the receipt of jiangsu after receipt 2", "jiangsu"));
    // A participant that is known and took no part.
    let mut pinned = pinned();
    pinned.participants.insert("jiangsu".parse().unwrap(), key(7).public());
    let mut audit = Audit::new("anhui".parse().unwrap(), &pinned, None);
    let refused = all.iter().find_map(|receipt| audit.take(receipt).err()).unwrap();
    assert!(refused.to_string().contains("took no part"), "{refused}");
}

#[test]
fn a_history_that_was_signed_anew_is_found_by_who_kept_a_digest() {
    let all = shown();
    let third = Some((3, all[3].digest().unwrap()));
    assert_eq!(audit(&all, third).unwrap().holds_earlier, Some(true));
    let mut other = Vec::new();
    for job in ["a", "c"] {
        add(&mut other, of(Event::Admitted, job));
        add(&mut other, of(Event::Failed, job));
    }
    assert!(audit(&other, None).is_ok(), "a chain of its own");
    let refused = |shown, earlier| audit(shown, earlier).unwrap_err().to_string();
    assert_eq!(refused(&other, third), "receipt 3 is another one than was there before");
    // Cut off at the end: by itself it holds.
    assert!(audit(&all[..2], None).is_ok());
    let said = refused(&all[..2], third);
    assert_eq!(said, "the chain ends with receipt 2, and receipt 3 was there before");
}

#[test]
fn what_is_kept_of_a_chain_holds_from_where_it_begins() {
    let (all, pinned) = (shown(), pinned());
    let second = all[1].digest().unwrap();
    let audit = |before, earlier| {
        let mut audit = Audit::new("anhui".parse().unwrap(), &pinned, before).that_holds(earlier);
        all[3..].iter().try_for_each(|receipt| audit.take(receipt))?;
        audit.finish()
    };
    let found = audit(Some((2, Some(second))), None).unwrap();
    assert_eq!((found.receipts, found.before, found.first.unwrap().number), (2, Some(second), 3));
    assert_eq!(audit(None, None).unwrap(), found);
    assert!(audit(Some((2, Some(all[0].digest().unwrap()))), None).is_err());
    assert!(audit(Some((1, Some(all[0].digest().unwrap()))), None).is_err());
    assert!(audit(Some((0, None)), None).is_err());
    // The last one that is gone is still known by its digest; one before it is not.
    assert_eq!(audit(None, Some((2, second))).unwrap().holds_earlier, Some(true));
    assert!(audit(None, Some((2, all[0].digest().unwrap()))).is_err());
    assert_eq!(audit(None, Some((1, all[0].digest().unwrap()))).unwrap().holds_earlier, None);
}

#[test]
fn disputes_are_named_whether_the_chain_tells_of_them_or_not() {
    let mut all = shown();
    all[2] = theirs("a", 7);
    let found = audit(&all, None).unwrap();
    let dispute = Dispute {
        job: Some("a".to_owned()),
        number: 2,
        peer: Some("shanghai".parse().unwrap()),
        what: "the transcript".to_owned(),
        noted: false,
    };
    assert_eq!((found.disputed, found.alike, &found.disputes[..]), (1, 1, &[dispute.clone()][..]));
    for job in ["a", "z"] {
        add(&mut all, Receipt { cause: Some("it differs".to_owned()), ..of(Event::Disputed, job) });
    }
    let found = audit(&all, None).unwrap();
    let alone =
        Dispute { job: Some("z".to_owned()), number: 6, peer: None, what: "it differs".to_owned(), noted: true };
    assert_eq!(found.disputes, [Dispute { noted: true, ..dispute }, alone]);
}

#[test]
fn ends_that_differ_are_disputes_and_those_that_lack_a_side_are_counted() {
    let mut all = Vec::new();
    let failed = |job: &str| sign(Receipt { number: 1, ..of(Event::Failed, job) }, SHANGHAI);
    add(&mut all, of(Event::Succeeded, "a"));
    add(&mut all, of(Event::Failed, "b"));
    all.push(theirs("b", 4));
    add(&mut all, of(Event::Failed, "c"));
    all.push(failed("c"));
    add(&mut all, of(Event::Succeeded, "d"));
    all.push(failed("d"));
    let found = audit(&all, None).unwrap();
    assert_eq!((found.runs, found.alike, found.without_peer, found.disputed), (2, 1, 1, 2));
    let jobs: Vec<_> =
        found.disputes.iter().map(|dispute| (dispute.job.as_deref().unwrap(), dispute.what.as_str())).collect();
    assert_eq!(jobs, [("b", "whether the run was done"), ("d", "whether the run was done")]);
    // What is of no end is none of them.
    all.pop();
    all.push(sign(Receipt { number: 1, ..of(Event::Admitted, "d") }, SHANGHAI));
    assert!(says(&all).contains("does not say how a run ended"));
}

#[test]
fn a_former_key_signs_what_came_before_the_present_one_and_nothing_after() {
    let former = [("anhui".parse().unwrap(), vec![key(2).public()])].into();
    let mut renewed = Pinned { former_participants: former, ..pinned() };
    renewed.participants.insert("anhui".parse().unwrap(), key(12).public());
    let take = |shown: &[Signed<Receipt>]| {
        let mut audit = Audit::new("anhui".parse().unwrap(), &renewed, Some((0, None)));
        shown.iter().try_for_each(|receipt| audit.take(receipt))?;
        audit.finish()
    };
    let mut all = shown();
    let resign = |receipt: &Signed<Receipt>| sign(receipt.statement().clone(), ("anhui", 12));
    assert_eq!(take(&all).unwrap().receipts, 4);
    // Its last receipt by the new key, and then one by the old.
    let place = all.iter().rposition(|receipt| receipt.signer().as_str() == "anhui").unwrap();
    all[place] = resign(&all[place]);
    assert_eq!(take(&all).unwrap().receipts, 4);
    add(&mut all, of(Event::Admitted, "c"));
    let last = all.len() - 1;
    assert!(matches!(take(&all), Err(Flaw::NotPinned { .. })));
    all[last] = resign(&all[last]);
    assert_eq!(take(&all).unwrap().receipts, 5);
    // Nobody else's former key counts.
    assert!(matches!(audit(&all, None), Err(Flaw::NotPinned { .. })));
}
