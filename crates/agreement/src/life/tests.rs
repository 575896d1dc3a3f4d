//! States, in whatever order statements come.

use proptest::prelude::*;

use super::*;
use crate::{
    acts::{Consent, Offer, Rejection, Request},
    contract::tests::{key, student_aid},
    statement::{Signed, Statement},
};

fn at(text: &str) -> Moment {
    text.parse().unwrap()
}

const SPRING: &str = "2026-03-01T00:00:00Z";

fn signed<T: Statement>(statement: T, name: &str, seed: u8) -> Signed<T> {
    Signed::sign(statement, &name.parse().unwrap(), &key(seed)).unwrap()
}

fn digest() -> Digest {
    student_aid().digest().unwrap()
}

fn request() -> Act {
    Act::Request(Box::new(signed(Request { agreement: student_aid(), at: at(SPRING) }, "shanghai", 1)))
}

fn offer() -> Act {
    Act::Offer(signed(Offer { agreement: digest(), at: at(SPRING) }, "anhui", 2))
}

pub(crate) fn consent(name: &str, seed: u8) -> Act {
    let statement = Consent { agreement: digest(), at: at(SPRING), approvers: vec!["k-17".to_owned()] };
    Act::Consent(signed(statement, name, seed))
}

fn rejection(name: &str, seed: u8) -> Act {
    let statement = Rejection { agreement: digest(), at: at(SPRING), reason: "no legal basis".to_owned() };
    Act::Rejection(signed(statement, name, seed))
}

pub(crate) fn standing(name: &str, seed: u8, change: Change, number: u64) -> Act {
    let statement =
        Standing { agreement: digest(), at: at(SPRING), change, number, reason: format!("reason {number}") };
    Act::Standing(signed(statement, name, seed))
}

/// Shanghai and Anhui as participants, and the supervisor with key 9.
pub(crate) fn pinned() -> Pinned {
    let name = |name: &str, seed| (name.parse().unwrap(), key(seed).public());
    Pinned {
        participants: [name("shanghai", 1), name("anhui", 2), name("jiangsu", 3)].into(),
        supervisors: [name("supervisor", 9)].into(),
        ..Pinned::default()
    }
}

fn state(acts: &[Act]) -> AgreementState {
    Life::of(&student_aid(), &digest(), acts, &pinned()).state(&student_aid(), 0, at(SPRING), true)
}

fn agreed() -> Vec<Act> {
    vec![request(), offer(), consent("shanghai", 1), consent("anhui", 2)]
}

#[test]
fn a_life_goes_from_request_to_effective() {
    let all = agreed();
    use AgreementState::{Agreed, Effective, Offered, Requested};
    for (count, expected) in [(1, Requested), (2, Offered), (3, Offered), (4, Effective)] {
        assert_eq!(state(&all[..count]), expected, "{count}");
    }
    let life = Life::of(&student_aid(), &digest(), &all, &pinned());
    assert_eq!(life.state(&student_aid(), 0, at(SPRING), false), Agreed);
    assert_eq!(life.agreed_at, Some(at(SPRING)));
    let half = Life::of(&student_aid(), &digest(), &all[..3], &pinned());
    assert_eq!((half.missing, half.agreed_at), (vec!["anhui".parse().unwrap()], None));
}

#[test]
fn time_and_use_end_it() {
    let life = Life::of(&student_aid(), &digest(), &agreed(), &pinned());
    let state = |used, now: &str| life.state(&student_aid(), used, at(now), true);
    assert_eq!(state(9, SPRING), AgreementState::Effective);
    assert_eq!(state(10, SPRING), AgreementState::Exhausted);
    assert_eq!(state(0, "2026-12-31T23:59:59Z"), AgreementState::Effective);
    assert_eq!(state(0, "2027-01-01T00:00:00Z"), AgreementState::Expired);
    let never = Life::of(&student_aid(), &digest(), &agreed()[..2], &pinned());
    assert_eq!(never.state(&student_aid(), 0, at("2027-01-01T00:00:00Z"), true), AgreementState::Expired);
}

#[test]
fn either_party_or_a_supervisor_holds_it() {
    use Change::{Resumption, Revocation, Suspension};
    let with = |more: &[Act]| state(&[agreed(), more.to_vec()].concat());
    for (name, seed) in [("shanghai", 1), ("anhui", 2), ("supervisor", 9)] {
        let says = |change, number| standing(name, seed, change, number);
        assert_eq!(with(&[says(Suspension, 1)]), AgreementState::Suspended);
        assert_eq!(with(&[says(Suspension, 1), says(Resumption, 2)]), AgreementState::Effective);
        assert_eq!(with(&[says(Revocation, 1)]), AgreementState::Revoked);
        // For ever, whatever is said later.
        assert_eq!(with(&[says(Revocation, 1), says(Resumption, 2)]), AgreementState::Revoked);
        // An old resumption that somebody repeats.
        assert_eq!(with(&[says(Resumption, 2), says(Suspension, 3)]), AgreementState::Suspended);
        assert_eq!(with(&[says(Suspension, 3), says(Resumption, 2)]), AgreementState::Suspended);
        // Two of one number.
        assert_eq!(with(&[says(Suspension, 3), says(Resumption, 3)]), AgreementState::Suspended);
    }
    // One does not resume what another holds.
    assert_eq!(
        with(&[standing("anhui", 2, Suspension, 1), standing("shanghai", 1, Resumption, 2)]),
        AgreementState::Suspended
    );
}

#[test]
fn what_others_say_does_not_count() {
    let with = |more: Act| state(&[agreed(), vec![more]].concat());
    // A participant that is no party, a party's name with another key, the supervisor's name with another key.
    for (name, seed) in [("jiangsu", 3), ("anhui", 7), ("supervisor", 8)] {
        assert_eq!(with(standing(name, seed, Change::Revocation, 1)), AgreementState::Effective, "{name}");
        assert_eq!(with(rejection(name, seed)), AgreementState::Effective, "{name}");
    }
    // A supervisor has no say in who agrees.
    assert_eq!(with(rejection("supervisor", 9)), AgreementState::Effective);
    assert_eq!(state(&[request(), offer(), consent("shanghai", 1), consent("anhui", 7)]), AgreementState::Offered);
    // The key of the agreement is not the one that is pinned.
    let mut other = pinned();
    other.participants.insert("anhui".parse().unwrap(), key(7).public());
    let life = Life::of(&student_aid(), &digest(), &agreed(), &other);
    assert_eq!(life.state(&student_aid(), 0, at(SPRING), true), AgreementState::Requested);
    // About another agreement.
    let mut another = student_aid();
    another.limits.runs = 1000;
    let life = Life::of(&another, &another.digest().unwrap(), &agreed(), &pinned());
    assert_eq!(life.missing.len(), 2);
}

#[test]
fn a_rejection_ends_it() {
    assert_eq!(state(&[request(), rejection("anhui", 2)]), AgreementState::Rejected);
    assert_eq!(state(&[request(), offer(), consent("anhui", 2), rejection("shanghai", 1)]), AgreementState::Rejected);
}

#[test]
fn acts_are_read_as_they_are_written() {
    for act in
        [request(), offer(), consent("anhui", 2), rejection("anhui", 2), standing("anhui", 2, Change::Suspension, 4)]
    {
        let read = Act::from_bytes(&act.to_bytes().unwrap()).unwrap();
        assert_eq!(read, act);
        assert_eq!(read.agreement().unwrap(), digest());
        assert_eq!(read.at(), at(SPRING));
    }
    let heartbeat = signed(crate::acts::Heartbeat { at: at(SPRING) }, "supervisor", 9);
    assert!(Act::from_bytes(&heartbeat.to_bytes().unwrap()).is_err());
    assert_eq!(standing("anhui", 2, Change::Suspension, 4).number(), 4);
}

#[test]
fn statements_that_cannot_be_are_not_signed() {
    let refused = |standing: Standing| Signed::sign(standing, &"anhui".parse().unwrap(), &key(2)).unwrap_err();
    let standing = |number, reason: &str| Standing {
        agreement: digest(),
        at: at(SPRING),
        change: Change::Suspension,
        number,
        reason: reason.to_owned(),
    };
    for bad in [standing(0, "x"), standing(1, " "), standing(1, &"x".repeat(513)), standing(1, "a\u{1b}[2J")] {
        refused(bad);
    }
    let sign = |approvers: &[&str]| {
        let approvers = approvers.iter().map(|&approver| approver.to_owned()).collect();
        let consent = Consent { agreement: digest(), at: at(SPRING), approvers };
        Signed::sign(consent, &"anhui".parse().unwrap(), &key(2))
    };
    assert!(sign(&["a", "b"]).is_ok());
    for bad in [&[][..], &["b", "a"], &["a", "a"], &["Wang Wei"], &[""]] {
        assert!(sign(bad).is_err(), "{bad:?}");
    }
}

fn any_act() -> impl Strategy<Value = Act> {
    let change = prop_oneof![Just(Change::Suspension), Just(Change::Resumption), Just(Change::Revocation)];
    let who = prop_oneof![Just(("shanghai", 1)), Just(("anhui", 2)), Just(("supervisor", 9)), Just(("jiangsu", 3))];
    prop_oneof![
        1 => Just(request()),
        1 => Just(offer()),
        2 => who.clone().prop_map(|(name, seed)| consent(name, seed)),
        1 => who.clone().prop_map(|(name, seed)| rejection(name, seed)),
        6 => (who, change, 1_u64..4).prop_map(|((name, seed), change, number)| standing(name, seed, change, number)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn order_and_repetition_do_not_matter(
        acts in prop::collection::vec(any_act(), 0..8),
        order in any::<prop::sample::Index>(),
        again in any::<prop::sample::Index>(),
    ) {
        let expected = Life::of(&student_aid(), &digest(), &acts, &pinned());
        let state = |life: &Life| life.state(&student_aid(), 0, at(SPRING), true);
        let mut other = acts.clone();
        if !acts.is_empty() {
            other.rotate_left(order.index(acts.len()));
            other.push(acts[again.index(acts.len())].clone());
        }
        let life = Life::of(&student_aid(), &digest(), &other, &pinned());
        prop_assert_eq!(state(&life), state(&expected));
        prop_assert_eq!(life.missing, expected.missing);
        prop_assert_eq!(life.holds.len(), expected.holds.len());
    }
}

#[test]
fn what_a_supervisor_held_by_an_earlier_key_stays_held_until_the_new_one_speaks() {
    let supervisor: ParticipantId = "supervisor".parse().unwrap();
    let former = [(supervisor.clone(), vec![key(8).public()])].into();
    let renewed = Pinned { former_supervisors: former, ..pinned() };
    let state = |acts: &[Act], pinned: &Pinned| {
        let all = [agreed(), acts.to_vec()].concat();
        Life::of(&student_aid(), &digest(), &all, pinned).state(&student_aid(), 0, at(SPRING), true)
    };
    let by = |seed, change, number| standing("supervisor", seed, change, number);
    use AgreementState::{Effective, Revoked, Suspended};
    use Change::{Resumption, Revocation, Suspension};
    let held = by(8, Suspension, 5);
    assert_eq!(state(std::slice::from_ref(&held), &renewed), Suspended);
    // Nothing that a key said counts if it was never the supervisor's.
    assert_eq!(state(std::slice::from_ref(&held), &pinned()), Effective);
    // The new key decides, whatever the numbers.
    assert_eq!(state(&[held.clone(), by(9, Resumption, 1)], &renewed), Effective);
    assert_eq!(state(&[by(8, Resumption, crate::canonical::MOST), by(9, Suspension, 1)], &renewed), Suspended);
    for number in [1, 9] {
        assert_eq!(state(&[by(8, Revocation, 5), by(9, Resumption, number)], &renewed), Revoked);
    }
}
