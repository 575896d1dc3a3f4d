//! Bytes without any meaning in the place of messages: nothing panics, and nothing matches by chance.

use proptest::prelude::*;
use psi::party::{MessageKind, Next, Round};
use psi::{Outcome, PsiError};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::drive::Message;
use crate::victim::{Bench, Victim, every_message};
use crate::world::{Engine, Mode, VARIANTS, World};

/// Gives `first` random bytes wherever it would receive, until it ends.
fn feed(first: Box<dyn Round<Output = Outcome>>, bytes: &[u8], whole: bool) -> Result<Outcome, PsiError> {
    let mut round = first;
    loop {
        while round.sends().is_some() && (!round.produce(64)?.is_empty() || round.work()?) {}
        if let Some(expected) = round.receives() {
            let width = expected.width as usize;
            let length = if whole { bytes.len() - bytes.len() % width } else { bytes.len() };
            round.absorb(&bytes[..length])?;
        }
        match round.finish()? {
            Next::Round(next) => round = next,
            Next::Done(outcome) => return Ok(outcome),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn random_bytes_make_no_party_panic(bytes in prop::collection::vec(any::<u8>(), 0..400), whole: bool, last: bool) {
        let world = World::new(5, 5, 2, 0, 9);
        for (engine, mode) in VARIANTS {
            let sender = world.sender_on(engine, mode).expect("a sender");
            for first in [world.receiver_on(engine, mode).expect("a receiver"), sender] {
                prop_assert!(matches!(feed(first, &bytes, whole), Err(PsiError::Peer(_))));
            }
            // The last message to the receiver, after honest ones.
            let bench = Bench::of(world.clone(), engine, mode, Victim::Receiver);
            let outcome = bench.after(bench.script.len() - 1, |list| {
                list.elements.truncate(if last { list.elements.len() / 2 } else { 0 });
                list.elements.extend_from_slice(&bytes);
            });
            // Bytes that happen to be as many as are due are noise, in which nothing matches.
            prop_assert!(is_harmless(&outcome, &bench.expected()), "{outcome:?}");
        }
    }
}

/// Whether the outcome is an error of the peer's, or names no item that is not common.
fn is_harmless(outcome: &Result<Outcome, PsiError>, expected: &Outcome) -> bool {
    match (outcome, expected) {
        (Err(PsiError::Peer(_)), _) => true,
        (Ok(Outcome::Matched(found)), Outcome::Matched(common)) => found.iter().all(|index| common.contains(index)),
        (Ok(Outcome::Labelled(found)), Outcome::Labelled(common)) => found.iter().all(|(index, label)| {
            let right = common.iter().find(|(other, _)| other == index);
            right.is_some_and(|(_, right)| label.is_none() || label == right)
        }),
        (Ok(Outcome::Count(found)), Outcome::Count(common)) => found <= common,
        (Ok(Outcome::Nothing), Outcome::Nothing) => true,
        _ => false,
    }
}

/// The receiver finds nothing or an error. So does the sender, unless claims of an honest run tell it of
/// common items: those hold as long as its own function is the same.
#[track_caller]
fn assert_matches_nothing(outcome: &Result<Outcome, PsiError>, bench: &Bench, index: usize) {
    let nothing = match outcome {
        Err(error) => matches!(error, PsiError::Peer(_)),
        Ok(Outcome::Matched(found)) => found.is_empty(),
        Ok(Outcome::Labelled(found)) => found.is_empty(),
        Ok(Outcome::Count(found)) => *found == 0,
        Ok(Outcome::Nothing) => true,
    };
    let told = matches!(bench.victim, Victim::Sender) && bench.mode == Mode::Both;
    let harmless = nothing || told && is_harmless(outcome, &bench.expected());
    let (engine, mode, kind) = (bench.engine, bench.mode, bench.kind(index));
    assert!(harmless, "{engine:?}, {mode:?}, {kind:?}: {outcome:?}");
}

#[test]
fn noise_of_the_right_length_matches_nothing() {
    let mut random = StdRng::seed_from_u64(20);
    for (bench, index) in every_message() {
        for fill in [0, 1, 2] {
            let noise = |message: &mut Message| match fill {
                0 => message.elements.fill(0),
                1 => message.elements.fill(0xff),
                _ => random.fill(message.elements.as_mut_slice()),
            };
            // The number of the receiver's seed is 0 as it is.
            if (bench.kind(index), fill) != (MessageKind::RowSeed, 0) {
                assert_matches_nothing(&bench.after(index, noise), &bench, index);
            }
        }
    }
}

/// What is well-formed and means something else: points that are points, sets of tags that are sets.
#[test]
fn messages_of_another_session_match_nothing() {
    for (bench, index) in every_message() {
        let other = World::new(40, 60, 20, 3, 78);
        let mut other = Bench::of(other, bench.engine, bench.mode, bench.victim).script;
        if other[index] != bench.script[index] {
            let outcome = bench.after(index, |message| *message = other.swap_remove(index));
            assert_matches_nothing(&outcome, &bench, index);
        } else {
            assert_eq!(bench.kind(index), MessageKind::RowSeed);
        }
    }
}

#[test]
fn a_seed_that_the_rows_are_not_of_makes_the_sender_fail_or_miss() {
    for mode in [Mode::Membership, Mode::Labelled, Mode::Both] {
        let bench = Bench::new(Engine::Vole, mode, Victim::Sender);
        let index = bench.index_of(MessageKind::RowSeed);
        let told = |attempt: u32| bench.after(index, |message| message.elements = attempt.to_le_bytes().to_vec());
        for attempt in [16, 17, 256, 1 << 31, u32::MAX] {
            assert!(matches!(told(attempt), Err(PsiError::Peer(_))), "{mode:?}, {attempt}");
        }
        for attempt in [1, 15] {
            // Claims of items that match under the right seed alone.
            let refused = matches!(told(attempt), Err(PsiError::Peer(_)));
            assert_eq!(refused, mode == Mode::Both, "{mode:?}, {attempt}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_single_bit_brings_no_item_that_is_not_common(
        (engine, mode) in prop::sample::select(VARIANTS.to_vec()),
        victim in prop::sample::select(vec![Victim::Receiver, Victim::Sender]),
        message: prop::sample::Index,
        bit: prop::sample::Index,
    ) {
        let bench = Bench::new(engine, mode, victim);
        let message = message.index(bench.script.len());
        let bit = bit.index(8 * bench.script[message].elements.len());
        let outcome = bench.after(message, |message| message.elements[bit / 8] ^= 1 << (bit % 8));
        let kind = bench.kind(message);
        prop_assert!(is_harmless(&outcome, &bench.expected()), "{mode:?}, {kind:?}, {bit}: {outcome:?}");
    }
}
