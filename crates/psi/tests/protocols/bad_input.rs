//! What a peer may not send: each ends with an error that names the peer, and none with a panic.

use proptest::prelude::*;
use psi::party::{MessageKind, Next, Round};
use psi::{Outcome, PsiError};

use crate::drive::{First, Message, play, run};
use crate::world::{MODES, Mode, World};

/// Which party is lied to.
#[derive(Clone, Copy, Debug)]
enum Victim {
    Receiver,
    Sender,
}

/// The victim, ready to start, and what an honest peer would send it.
struct Bench {
    world: World,
    mode: Mode,
    victim: Victim,
    script: Vec<Message>,
}

impl Bench {
    fn new(mode: Mode, victim: Victim) -> Self {
        let world = World::new(40, 60, 20, 3, 77);
        let run = run(world.receiver(mode).expect("a receiver"), world.sender(mode).expect("a sender"), 3);
        let run = run.expect("a run to the end");
        let script = match victim {
            Victim::Receiver => run.from_sender,
            Victim::Sender => run.from_receiver,
        };
        Self { world, mode, victim, script }
    }

    fn first(&self) -> First {
        match self.victim {
            Victim::Receiver => self.world.receiver(self.mode),
            Victim::Sender => self.world.sender(self.mode),
        }
        .expect("a first round")
    }

    /// What the victim says when message `index` was changed.
    fn after(&self, index: usize, change: impl FnOnce(&mut Message)) -> Result<Outcome, PsiError> {
        let mut script = self.script.clone();
        change(&mut script[index]);
        play(self.first(), &script)
    }
}

/// Every victim of every mode, and each message that it receives.
fn every_message() -> impl Iterator<Item = (Bench, usize)> {
    MODES
        .into_iter()
        .flat_map(|mode| [Victim::Receiver, Victim::Sender].map(|victim| (mode, victim)))
        .flat_map(|(mode, victim)| (0..Bench::new(mode, victim).script.len()).map(move |index| (mode, victim, index)))
        .map(|(mode, victim, index)| (Bench::new(mode, victim), index))
}

fn is_group_message(message: &Message) -> bool {
    message.header.width == 32
}

/// Whether elements ascend; sets of tags do so in their own way.
fn is_sorted_message(bench: &Bench, index: usize) -> bool {
    let sets = [MessageKind::TagHighs, MessageKind::TagLows];
    let message = &bench.script[index];
    (!is_group_message(message) || bench.mode == Mode::Cardinality) && !sets.contains(&message.header.kind)
}

#[track_caller]
fn assert_names_peer(outcome: &Result<Outcome, PsiError>, bench: &Bench, index: usize) {
    let (mode, victim) = (bench.mode, bench.victim);
    assert!(matches!(outcome, Err(PsiError::Peer(_))), "{mode:?}, {victim:?}, message {index}: {outcome:?}");
}

#[test]
fn honest_messages_pass() {
    for (bench, index) in every_message() {
        let (receiver, sender) = bench.world.expected(bench.mode);
        let expected = match bench.victim {
            Victim::Receiver => receiver,
            Victim::Sender => sender,
        };
        assert_eq!(bench.after(index, |_| ()), Ok(expected));
    }
}

#[test]
fn the_identity_is_refused() {
    for (bench, index) in every_message().filter(|(bench, index)| is_group_message(&bench.script[*index])) {
        // First of all, so that a sorted list stays sorted; and in the middle.
        assert_names_peer(&bench.after(index, |message| message.elements[..32].fill(0)), &bench, index);
        assert_names_peer(&bench.after(index, |message| message.elements[320..352].fill(0)), &bench, index);
    }
}

#[test]
fn encodings_that_are_not_canonical_are_refused() {
    // RFC 9496, Appendix A.2: one of each kind that its decoding rejects.
    let bad = [
        // A field element that is not reduced.
        "00ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "f3ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        // A negative one.
        "0100000000000000000000000000000000000000000000000000000000000000",
        // A non-square.
        "26948d35ca62e643e26a83177332e6b6afeb9d08e4268b650f1f5bbd8d81d371",
        // s = -1, which makes y zero.
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ];
    for (bench, index) in every_message().filter(|(bench, index)| is_group_message(&bench.script[*index])) {
        for bad in bad {
            let bad = hex::decode(bad).expect("hex");
            assert_names_peer(
                &bench.after(index, |message| message.elements[..32].copy_from_slice(&bad)),
                &bench,
                index,
            );
        }
    }
}

#[test]
fn sorted_lists_out_of_order_are_refused() {
    for (bench, index) in every_message().filter(|(bench, index)| is_sorted_message(bench, *index)) {
        let width = bench.script[index].header.width as usize;
        let swap = |message: &mut Message| message.elements[..2 * width].rotate_left(width);
        assert_names_peer(&bench.after(index, swap), &bench, index);
        let repeat = |message: &mut Message| message.elements.copy_within(..width, width);
        assert_names_peer(&bench.after(index, repeat), &bench, index);
    }
}

#[test]
fn sets_of_tags_that_are_none_are_refused() {
    for (bench, index) in every_message() {
        let kind = bench.script[index].header.kind;
        if kind == MessageKind::TagHighs {
            for bit in 0..8 * bench.script[index].elements.len() {
                // A one more, or one less; what makes up for it elsewhere is a set again.
                let flip = |message: &mut Message| message.elements[bit / 8] ^= 1 << (bit % 8);
                assert_names_peer(&bench.after(index, flip), &bench, index);
            }
        }
        if kind == MessageKind::TagLows {
            // 63 tags are due. The last byte is of one that is not.
            let behind = |message: &mut Message| *message.elements.last_mut().expect("a byte") ^= 0x80;
            assert_names_peer(&bench.after(index, behind), &bench, index);
            assert_names_peer(&bench.after(index, |message| message.elements.fill(0)), &bench, index);
            assert_names_peer(&bench.after(index, |message| message.elements.fill(0xff)), &bench, index);
        }
    }
}

#[test]
fn parts_of_elements_are_refused() {
    for (bench, index) in every_message() {
        let truncated = bench.after(index, |message| message.elements.truncate(message.elements.len() - 1));
        assert_names_peer(&truncated, &bench, index);
        assert_names_peer(&bench.after(index, |message| message.elements.push(1)), &bench, index);
    }
}

#[test]
fn too_few_elements_are_refused() {
    // Claims may be fewer: who sends them decides.
    let fixed = |(bench, index): &(Bench, usize)| !(bench.mode == Mode::Both && *index == 1);
    for (bench, index) in every_message().filter(fixed) {
        let width = bench.script[index].header.width as usize;
        let short = |message: &mut Message| message.elements.truncate(message.elements.len() - width);
        assert_names_peer(&bench.after(index, short), &bench, index);
        assert_names_peer(&bench.after(index, |message| message.elements.clear()), &bench, index);
    }
}

#[test]
fn too_many_elements_are_refused() {
    for (bench, index) in every_message() {
        let much = |message: &mut Message| message.elements = message.elements.repeat(4);
        assert_names_peer(&bench.after(index, much), &bench, index);
    }
}

#[test]
fn an_evaluated_element_that_nothing_was_blinded_for_is_refused() {
    let bench = Bench::new(Mode::Membership, Victim::Receiver);
    let mut first = bench.first();
    assert!(matches!(first.absorb(&bench.script[0].elements[..32]), Err(PsiError::Peer(_))));
}

#[test]
fn a_claim_to_an_item_that_is_not_held_is_refused() {
    let bench = Bench::new(Mode::Both, Victim::Sender);
    assert_names_peer(&bench.after(1, |message| message.elements[8] ^= 1), &bench, 1);
}

#[test]
fn a_label_that_was_altered_is_marked_and_does_not_end_the_run() {
    // An end would tell the sender that the item of an altered row matched. All rows are altered here,
    // those of common items among them.
    let bench = Bench::new(Mode::Labelled, Victim::Receiver);
    let width = bench.script[1].header.width as usize;
    let alter = |message: &mut Message| message.elements.chunks_mut(width).for_each(|row| row[width - 1] ^= 1);
    let (honest, _) = bench.world.expected(Mode::Labelled);
    let Outcome::Labelled(expected) = honest else { panic!("labels") };
    let unreadable = expected.into_iter().map(|(index, _)| (index, None)).collect();
    assert_eq!(bench.after(1, alter), Ok(Outcome::Labelled(unreadable)));
}

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
        for mode in MODES {
            let parties = [world.receiver(mode).expect("a receiver"), world.sender(mode).expect("a sender")];
            for first in parties {
                prop_assert!(matches!(feed(first, &bytes, whole), Err(PsiError::Peer(_))));
            }
            // The last message to the receiver, after honest ones.
            let honest = run(world.receiver(mode).expect("a receiver"), world.sender(mode).expect("a sender"), 1);
            let mut script = honest.expect("a run to the end").from_sender;
            let list = script.last_mut().expect("a list");
            let keep = if last { list.elements.len() / 2 } else { 0 };
            list.elements.truncate(keep);
            list.elements.extend_from_slice(&bytes);
            prop_assert!(matches!(play(world.receiver(mode).expect("a receiver"), &script), Err(PsiError::Peer(_))));
        }
    }
}
