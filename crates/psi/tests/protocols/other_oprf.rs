//! `matching` on an OPRF of another shape: several rounds, a function that the sender has only when they
//! are over, values that are no hashes, in an order of their own, and computed step by step. It hides
//! nothing; it stands for those to come.

use std::sync::Arc;

use proptest::prelude::*;
use psi::item::PaddedItems;
use psi::oprf::{Derive, Derived, OprfOutput, OprfReceiver, OprfRounds, OprfSender, Outputs, Outstanding, Places};
use psi::party::{Count, Expected, Header, MessageKind, Next, Round};
use psi::{Item, PsiError, matching};
use sha2::{Digest, Sha512};

use crate::drive::{Message, run};
use crate::world::{LABEL_SIZE, Mode, World};

/// Items that one step of the toy evaluates.
const STEP: usize = 90;

/// Each side sends the other 32 bytes, one after the other; the key is made of both.
#[derive(Clone, Copy)]
struct Toy {
    own: [u8; 32],
    /// Whether its outputs are hashes.
    hashed: bool,
    /// Whether it goes through the items from the last to the first.
    backwards: bool,
    failure: u128,
}

fn output(key: &[u8; 64], item: &Item) -> OprfOutput {
    let digest: [u8; 64] = Sha512::new().chain_update(key).chain_update(item.as_bytes()).finalize().into();
    digest.into()
}

/// What is left to evaluate.
struct Rest<D: Derive> {
    toy: Toy,
    key: [u8; 64],
    items: Vec<Item>,
    derive: D,
    values: Vec<D::Derived>,
}

impl<D: Derive> Rest<D> {
    fn new(toy: Toy, key: [u8; 64], items: &PaddedItems, derive: D) -> Self {
        let mut items = items.range(0..items.len());
        if toy.backwards {
            items.reverse();
        }
        Self { toy, key, items, derive, values: Vec::new() }
    }
}

impl<D: Derive> Outstanding<D::Derived> for Rest<D> {
    fn step(&mut self) -> Result<bool, PsiError> {
        let items = &self.items[self.values.len()..];
        let items = &items[..items.len().min(STEP)];
        let outputs: Vec<_> = items.iter().map(|item| output(&self.key, item)).collect();
        let values: Vec<_> =
            outputs.iter().map(|output| u128::from_le_bytes(output[..16].try_into().unwrap())).collect();
        self.values.extend(self.derive.derive(match self.toy.hashed {
            true => Outputs::Hashed(&outputs),
            false => Outputs::Unhashed { values: &values, items },
        }));
        Ok(!items.is_empty())
    }

    fn finish(mut self: Box<Self>) -> Result<Derived<D::Derived>, PsiError> {
        while self.step()? {}
        let count = self.values.len() as u32;
        let places = if self.toy.backwards { Places::Permuted((0..count).rev().collect()) } else { Places::InOrder };
        Ok(Derived { values: self.values, places })
    }
}

/// What a side does with the key in the end.
type Then<T> = Box<dyn FnOnce([u8; 64]) -> T + Send>;

struct ToyRound<T> {
    own: [u8; 32],
    peer: Vec<u8>,
    sends: bool,
    sent: bool,
    /// Rounds after this one.
    left: u8,
    receiver: bool,
    then: Then<T>,
}

impl<T: Send + 'static> Round for ToyRound<T> {
    type Output = T;

    fn phase(&self) -> &'static str {
        "toy"
    }

    fn sends(&self) -> Option<Header> {
        self.sends.then_some(Header { kind: MessageKind::Masked, width: 32, count: 1 })
    }

    fn receives(&self) -> Option<Expected> {
        (!self.sends).then_some(Expected { kind: MessageKind::Masked, width: 32, count: Count::Exactly(1) })
    }

    fn produce(&mut self, _: usize) -> Result<Vec<u8>, PsiError> {
        let due = !std::mem::replace(&mut self.sent, true);
        Ok(if due { self.own.to_vec() } else { Vec::new() })
    }

    fn absorb(&mut self, elements: &[u8]) -> Result<(), PsiError> {
        self.peer.extend_from_slice(elements);
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<Next<T>, PsiError> {
        if self.left > 0 {
            self.left -= 1;
            self.sends = !self.sends;
            return Ok(Next::Round(self));
        }
        let parts = if self.receiver { [&self.own, &self.peer[..]] } else { [&self.peer[..], &self.own] };
        Ok(Next::Done((self.then)(parts.concat().try_into().expect("64 bytes"))))
    }
}

impl Toy {
    fn first<T: Send + 'static>(self, receiver: bool, then: Then<T>) -> Box<dyn Round<Output = T>> {
        let (sends, sent, left) = (receiver, false, 1);
        Box::new(ToyRound { own: self.own, peer: Vec::new(), sends, sent, left, receiver, then })
    }
}

impl OprfReceiver for Toy {
    fn failure(&self) -> u128 {
        self.failure
    }

    fn start<D: Derive>(self, items: PaddedItems, derive: D) -> Result<OprfRounds<D::Derived>, PsiError> {
        Ok(self.first(true, Box::new(move |key| Box::new(Rest::new(self, key, &items, derive)))))
    }
}

impl OprfSender for Toy {
    fn failure(&self) -> u128 {
        self.failure
    }

    fn start<D: Derive>(self, items: PaddedItems, derive: D) -> Result<OprfRounds<D::Derived>, PsiError> {
        Ok(self.first(false, Box::new(move |key| Box::new(Rest::new(self, key, &items, derive)))))
    }
}

/// Runs `mode` on the toy; the messages of the sender.
fn check(world: &World, mode: Mode, toy: Toy, order: u64) -> Vec<Message> {
    let (parameters, [seed, other]) = (&world.parameters, &world.seeds);
    let (items, held) = (Arc::clone(&world.receiver), Arc::clone(&world.sender));
    // Sides go through their items as they like.
    let (here, there) = (Toy { own: [1; 32], ..toy }, Toy { own: [2; 32], backwards: order % 2 == 1, ..toy });
    let labels = matching::Labels::new(LABEL_SIZE, (0..held.len()).map(|index| world.label(index))).expect("labels");
    let (receiver, sender) = match mode {
        Mode::Membership => (
            matching::membership_receiver(here, parameters, items, seed),
            matching::membership_sender(there, parameters, held, other),
        ),
        Mode::Both => (
            matching::both_receiver(here, parameters, items, seed),
            matching::both_sender(there, parameters, held, other),
        ),
        Mode::Labelled => (
            matching::labelled_receiver(here, parameters, items, LABEL_SIZE, seed),
            matching::labelled_sender(there, parameters, held, labels, other),
        ),
        Mode::Cardinality => panic!("a mode without an OPRF"),
    };
    let run = run(receiver.expect("a receiver"), sender.expect("a sender"), order).expect("a run to the end");
    assert!((run.receiver, run.sender) == world.expected(mode), "{mode:?}, {}", toy.hashed);
    run.from_sender
}

const ON_AN_OPRF: [Mode; 3] = [Mode::Membership, Mode::Both, Mode::Labelled];

fn toy(hashed: bool, backwards: bool) -> Toy {
    Toy { own: [0; 32], hashed, backwards, failure: 0 }
}

#[test]
fn every_mode_runs_on_it() {
    let world = World::new(100, 3000, 40, 25, 1);
    for mode in ON_AN_OPRF {
        for (hashed, backwards) in [(false, false), (false, true), (true, false), (true, true)] {
            check(&world, mode, toy(hashed, backwards), 5);
        }
    }
}

#[test]
fn what_it_fails_by_makes_tags_longer() {
    let world = World::new(30, 30, 10, 0, 1);
    let width = |failure| {
        let messages = check(&world, Mode::Membership, Toy { failure, ..toy(false, false) }, 2);
        messages.last().expect("low bits").header.width
    };
    // Three quarters of the budget are gone.
    assert_eq!(width(3 << 87), width(0) + 8 * 2);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn whatever_the_sizes_and_order(
        (receiver, sender) in (0usize..300, 0usize..300),
        shared in 0.0..=1.0,
        padding in 0u64..100,
        (hashed, backwards) in any::<(bool, bool)>(),
        (seed, order) in any::<(u64, u64)>(),
    ) {
        let common = (receiver.min(sender) as f64 * shared) as usize;
        let world = World::new(receiver, sender, common, padding, seed);
        for mode in ON_AN_OPRF {
            check(&world, mode, toy(hashed, backwards), order);
        }
    }
}
