//! One party against a peer whose messages were changed on the way.

use std::rc::Rc;

use psi::party::MessageKind;
use psi::{Outcome, PsiError};

use crate::drive::{First, Message, play, play_cut, run};
use crate::world::{Engine, Mode, VARIANTS, World};

/// Which party is lied to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Victim {
    Receiver,
    Sender,
}

/// The victim, ready to start, and what an honest peer would send it.
pub(crate) struct Bench {
    pub(crate) world: World,
    pub(crate) engine: Engine,
    pub(crate) mode: Mode,
    pub(crate) victim: Victim,
    pub(crate) script: Vec<Message>,
}

impl Bench {
    pub(crate) fn new(engine: Engine, mode: Mode, victim: Victim) -> Self {
        Self::of(World::new(40, 60, 20, 3, 77), engine, mode, victim)
    }

    pub(crate) fn of(world: World, engine: Engine, mode: Mode, victim: Victim) -> Self {
        let receiver = world.receiver_on(engine, mode).expect("a receiver");
        let sender = world.sender_on(engine, mode).expect("a sender");
        let run = run(receiver, sender, 3).expect("a run to the end");
        let script = match victim {
            Victim::Receiver => run.from_sender,
            Victim::Sender => run.from_receiver,
        };
        Self { world, engine, mode, victim, script }
    }

    pub(crate) fn first(&self) -> First {
        match self.victim {
            Victim::Receiver => self.world.receiver_on(self.engine, self.mode),
            Victim::Sender => self.world.sender_on(self.engine, self.mode),
        }
        .expect("a first round")
    }

    /// What the victim must say if nothing was changed.
    pub(crate) fn expected(&self) -> Outcome {
        let (receiver, sender) = self.world.expected(self.mode);
        match self.victim {
            Victim::Receiver => receiver,
            Victim::Sender => sender,
        }
    }

    /// What the victim says when message `index` was changed.
    pub(crate) fn after(&self, index: usize, change: impl FnOnce(&mut Message)) -> Result<Outcome, PsiError> {
        let mut script = self.script.clone();
        change(&mut script[index]);
        play(self.first(), &script)
    }

    /// The same if elements come one at a time.
    pub(crate) fn after_piecewise(&self, index: usize, change: impl FnOnce(&mut Message)) -> Result<Outcome, PsiError> {
        let mut script = self.script.clone();
        change(&mut script[index]);
        play_cut(self.first(), &script, 1)
    }

    /// The place of the message of this kind.
    pub(crate) fn index_of(&self, kind: MessageKind) -> usize {
        self.script.iter().position(|message| message.header.kind == kind).expect("a message of the kind")
    }

    pub(crate) fn kind(&self, index: usize) -> MessageKind {
        self.script[index].header.kind
    }
}

/// Every victim of every mode on every engine, and each message that it receives.
pub(crate) fn every_message() -> impl Iterator<Item = (Rc<Bench>, usize)> {
    VARIANTS
        .into_iter()
        .flat_map(|variant| [Victim::Receiver, Victim::Sender].map(|victim| (variant, victim)))
        .map(|((engine, mode), victim)| Rc::new(Bench::new(engine, mode, victim)))
        .flat_map(|bench| (0..bench.script.len()).map(move |index| (Rc::clone(&bench), index)))
}

#[track_caller]
pub(crate) fn assert_names_peer(outcome: &Result<Outcome, PsiError>, bench: &Bench, index: usize) {
    let Bench { engine, mode, victim, .. } = bench;
    let kind = bench.kind(index);
    assert!(matches!(outcome, Err(PsiError::Peer(_))), "{engine:?}, {mode:?}, {victim:?}, {kind:?}: {outcome:?}");
}
