//! `matching` on an OPRF of another shape: several rounds, and a function that the sender has only when
//! they are over. It hides nothing; it stands for those to come.

use std::sync::Arc;

use psi::item::PaddedItems;
use psi::oprf::{Derive, Evaluator, OprfOutput, OprfReceiver, OprfSender, OprfSenderStart};
use psi::party::{Count, Expected, Header, MessageKind, Next, Round};
use psi::{Item, Outcome, PsiError, matching};
use sha2::{Digest, Sha512};

use crate::drive::run;
use crate::world::{LABEL_SIZE, World};

/// Each side sends the other 32 bytes, one after the other; the key is made of both.
struct Toy {
    own: [u8; 32],
}

fn output(key: &[u8; 64], item: &Item) -> OprfOutput {
    let digest: [u8; 64] = Sha512::new().chain_update(key).chain_update(item.as_bytes()).finalize().into();
    digest.into()
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
    fn start<D: Derive>(
        self,
        items: PaddedItems,
        derive: D,
    ) -> Result<Box<dyn Round<Output = Vec<D::Derived>>>, PsiError> {
        let derive_all = move |key: [u8; 64]| {
            items.range(0..items.len()).iter().map(|item| derive.derive(&output(&key, item))).collect()
        };
        Ok(self.first(true, Box::new(derive_all)))
    }
}

struct Key([u8; 64]);

impl Evaluator for Key {
    fn evaluate<D: Derive>(&self, items: &[Item], derive: &D) -> Result<Vec<D::Derived>, PsiError> {
        Ok(items.iter().map(|item| derive.derive(&output(&self.0, item))).collect())
    }
}

impl OprfSender for Toy {
    type Evaluator = Key;

    fn start(self) -> Result<OprfSenderStart<Key>, PsiError> {
        let rounds = self.first(false, Box::new(|key| Arc::new(Key(key))));
        Ok(OprfSenderStart { rounds, evaluator: None })
    }
}

#[test]
fn every_mode_runs_on_it() {
    let world = World::new(100, 3000, 40, 25, 1);
    let (parameters, [seed, other]) = (&world.parameters, &world.seeds);
    let (items, held) = (|| Arc::clone(&world.receiver), || Arc::clone(&world.sender));
    let (here, there) = (|| Toy { own: [1; 32] }, || Toy { own: [2; 32] });
    let labels = matching::Labels::new(LABEL_SIZE, (0..3000).map(|index| world.label(index))).expect("labels");
    let pairs = [
        (
            crate::world::Mode::Membership,
            matching::membership_receiver(here(), parameters, items(), seed),
            matching::membership_sender(there(), parameters, held(), other),
        ),
        (
            crate::world::Mode::Both,
            matching::both_receiver(here(), parameters, items(), seed),
            matching::both_sender(there(), parameters, held(), other),
        ),
        (
            crate::world::Mode::Labelled,
            matching::labelled_receiver(here(), parameters, items(), LABEL_SIZE, seed),
            matching::labelled_sender(there(), parameters, held(), labels, other),
        ),
    ];
    for (mode, receiver, sender) in pairs {
        let run = run(receiver.expect("a receiver"), sender.expect("a sender"), 5).expect("a run to the end");
        let outcomes: (Outcome, Outcome) = (run.receiver, run.sender);
        assert!(outcomes == world.expected(mode), "{mode:?}");
    }
}
