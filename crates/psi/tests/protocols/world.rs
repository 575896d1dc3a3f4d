//! Two sets with a known overlap, and both parties of each mode over them.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use psi::oprf::{OprfReceiver, OprfSender};
use psi::{
    ErrorBudget, Item, Outcome, Parameters, PsiError, Seed, Sizes, dh_commutative, dh_oprf, matching, vole_oprf,
};
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};

use crate::drive::First;

/// Size of padded labels here.
pub(crate) const LABEL_SIZE: u32 = 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Membership,
    Labelled,
    Both,
    Cardinality,
}

pub(crate) const MODES: [Mode; 4] = [Mode::Membership, Mode::Labelled, Mode::Both, Mode::Cardinality];

/// Which oblivious pseudorandom function carries a mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    DiffieHellman,
    Vole,
}

/// Every mode on every engine that has it.
pub(crate) const VARIANTS: [(Engine, Mode); 7] = [
    (Engine::DiffieHellman, Mode::Membership),
    (Engine::DiffieHellman, Mode::Labelled),
    (Engine::DiffieHellman, Mode::Both),
    (Engine::DiffieHellman, Mode::Cardinality),
    (Engine::Vole, Mode::Membership),
    (Engine::Vole, Mode::Labelled),
    (Engine::Vole, Mode::Both),
];

/// Modes that run on an oblivious pseudorandom function.
pub(crate) const SHARED_MODES: [Mode; 3] = [Mode::Membership, Mode::Labelled, Mode::Both];

/// The sets of both parties, and what they agreed on.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) parameters: Parameters,
    pub(crate) receiver: Arc<[Item]>,
    pub(crate) sender: Arc<[Item]>,
    pub(crate) seeds: [Seed; 2],
}

impl World {
    /// Sets of the sizes, with `common` items in both, in random order. `padding` more are announced.
    pub(crate) fn new(receiver: usize, sender: usize, common: usize, padding: u64, seed: u64) -> Self {
        assert!(common <= receiver.min(sender));
        let mut random = StdRng::seed_from_u64(seed);
        let mut draw =
            |count: usize| -> Vec<Item> { (0..count).map(|_| Item::from(random.random::<[u8; 16]>())).collect() };
        let shared = draw(common);
        let mut receiver_items = [shared.clone(), draw(receiver - common)].concat();
        let mut sender_items = [shared, draw(sender - common)].concat();
        receiver_items.shuffle(&mut random);
        sender_items.shuffle(&mut random);
        Self {
            parameters: Parameters {
                session_id: random.random(),
                sizes: Sizes { receiver: receiver as u64 + padding, sender: sender as u64 + padding },
                budget: ErrorBudget::new(40).expect("a budget"),
            },
            receiver: receiver_items.into(),
            sender: sender_items.into(),
            seeds: [random.random::<[u8; 32]>().into(), random.random::<[u8; 32]>().into()],
        }
    }

    /// The label of the sender's item `index`. Some are empty, some as long as can be.
    pub(crate) fn label(&self, index: usize) -> Vec<u8> {
        let digest = self.sender[index].as_bytes();
        digest.iter().cycle().take(index % (LABEL_SIZE as usize - 1)).copied().collect()
    }

    pub(crate) fn sender(&self, mode: Mode) -> Result<First, PsiError> {
        self.sender_on(Engine::DiffieHellman, mode)
    }

    pub(crate) fn receiver_on(&self, engine: Engine, mode: Mode) -> Result<First, PsiError> {
        let (parameters, seed) = (&self.parameters, &self.seeds[0]);
        match engine {
            Engine::DiffieHellman => self.receiver_with(dh_oprf::Receiver::new(parameters, seed), mode),
            Engine::Vole => self.receiver_with(vole_oprf::Receiver::new(parameters, seed)?, mode),
        }
    }

    pub(crate) fn sender_on(&self, engine: Engine, mode: Mode) -> Result<First, PsiError> {
        let (parameters, seed) = (&self.parameters, &self.seeds[1]);
        match engine {
            Engine::DiffieHellman => self.sender_with(dh_oprf::Sender::new(parameters, seed)?, mode),
            Engine::Vole => self.sender_with(vole_oprf::Sender::new(parameters, seed)?, mode),
        }
    }

    fn receiver_with(&self, oprf: impl OprfReceiver, mode: Mode) -> Result<First, PsiError> {
        let (parameters, items, seed) = (&self.parameters, Arc::clone(&self.receiver), &self.seeds[0]);
        match mode {
            Mode::Membership => matching::membership_receiver(oprf, parameters, items, seed),
            Mode::Labelled => matching::labelled_receiver(oprf, parameters, items, LABEL_SIZE, seed),
            Mode::Both => matching::both_receiver(oprf, parameters, items, seed),
            Mode::Cardinality => dh_commutative::cardinality_receiver(parameters, items, seed),
        }
    }

    fn sender_with(&self, oprf: impl OprfSender, mode: Mode) -> Result<First, PsiError> {
        let (parameters, items, seed) = (&self.parameters, Arc::clone(&self.sender), &self.seeds[1]);
        match mode {
            Mode::Membership => matching::membership_sender(oprf, parameters, items, seed),
            Mode::Labelled => {
                let labels = matching::Labels::new(LABEL_SIZE, (0..items.len()).map(|index| self.label(index)))?;
                matching::labelled_sender(oprf, parameters, items, labels, seed)
            }
            Mode::Both => matching::both_sender(oprf, parameters, items, seed),
            Mode::Cardinality => dh_commutative::cardinality_sender(parameters, items, seed),
        }
    }

    /// What both parties must end with, by plain comparison.
    pub(crate) fn expected(&self, mode: Mode) -> (Outcome, Outcome) {
        let found = |own: &[Item], other: &[Item]| -> Vec<u32> {
            let other: HashSet<&Item> = other.iter().collect();
            let held = |(_, item): &(u32, &Item)| other.contains(item);
            (0..).zip(own).filter(held).map(|(index, _)| index).collect()
        };
        let matched = found(&self.receiver, &self.sender);
        match mode {
            Mode::Membership => (Outcome::Matched(matched), Outcome::Nothing),
            Mode::Both => (Outcome::Matched(matched), Outcome::Matched(found(&self.sender, &self.receiver))),
            Mode::Cardinality => (Outcome::Count(matched.len() as u64), Outcome::Nothing),
            Mode::Labelled => {
                let places: HashMap<&Item, usize> = self.sender.iter().zip(0..).collect();
                let label = |index: u32| (index, Some(self.label(places[&self.receiver[index as usize]])));
                (Outcome::Labelled(matched.into_iter().map(label).collect()), Outcome::Nothing)
            }
        }
    }
}
