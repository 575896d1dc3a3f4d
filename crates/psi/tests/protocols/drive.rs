//! A synchronous driver for two parties in one thread, and one for a party against a script.

use std::collections::VecDeque;

use psi::party::{Header, Next, Round};
use psi::{Outcome, PsiError};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// The first round of a party.
pub(crate) type First = Box<dyn Round<Output = Outcome>>;

/// A message, whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) header: Header,
    pub(crate) elements: Vec<u8>,
}

/// What both parties ended with and sent.
pub(crate) struct Run {
    pub(crate) receiver: Outcome,
    pub(crate) sender: Outcome,
    /// By the receiver, in order.
    pub(crate) from_receiver: Vec<Message>,
    /// By the sender, in order.
    pub(crate) from_sender: Vec<Message>,
}

/// One party with what is on its way to it.
struct Party {
    round: Option<First>,
    outcome: Option<Outcome>,
    /// Messages so far; the last may be under way.
    sent: Vec<Message>,
    announced: bool,
    inbox: VecDeque<Message>,
    absorbed: u64,
}

impl Party {
    fn new(first: First) -> Self {
        let inbox = VecDeque::new();
        Self { round: Some(first), outcome: None, sent: Vec::new(), announced: false, inbox, absorbed: 0 }
    }

    fn done(&self) -> bool {
        self.outcome.is_some()
    }

    /// Does one thing; what it sent, if anything; `None` if there was nothing to do.
    fn act(&mut self, random: &mut StdRng) -> Result<Option<Option<Message>>, PsiError> {
        if self.round.is_none() {
            return Ok(None);
        }
        let mut moves = [0, 1, 2];
        moves.swap(0, random.random_range(0..3));
        moves.swap(1, random.random_range(1..3));
        for choice in moves {
            match choice {
                0 if self.absorb(random)? => return Ok(Some(None)),
                1 => {
                    if let Some(piece) = self.produce(random)? {
                        return Ok(Some(Some(piece)));
                    }
                }
                2 if self.round.as_mut().expect("a round").work()? => return Ok(Some(None)),
                _ => {}
            }
        }
        let round = self.round.as_ref().expect("a round");
        let sent = round.sends().is_none_or(|header| {
            self.announced && self.sent.last().is_some_and(|message| complete(message, header.count))
        });
        let received = match round.receives() {
            None => true,
            Some(expected) => self.inbox.front().is_some_and(|message| {
                assert!(expected.admits(&message.header), "{expected:?} does not admit {:?}", message.header);
                self.absorbed == message.header.count
            }),
        };
        if !(sent && received) {
            return Ok(None);
        }
        if round.receives().is_some() {
            self.inbox.pop_front();
        }
        self.absorbed = 0;
        self.announced = false;
        match self.round.take().expect("a round").finish()? {
            Next::Round(next) => self.round = Some(next),
            Next::Done(outcome) => self.outcome = Some(outcome),
        }
        Ok(Some(None))
    }

    fn absorb(&mut self, random: &mut StdRng) -> Result<bool, PsiError> {
        let round = self.round.as_mut().expect("a round");
        let (Some(expected), Some(message)) = (round.receives(), self.inbox.front()) else { return Ok(false) };
        assert!(expected.admits(&message.header), "{expected:?} does not admit {:?}", message.header);
        let width = message.header.width as usize;
        let start = self.absorbed as usize * width;
        let there = (message.elements.len() - start) / width;
        if there == 0 {
            return Ok(false);
        }
        let count = random.random_range(1..=there);
        round.absorb(&message.elements[start..start + count * width])?;
        self.absorbed += count as u64;
        Ok(true)
    }

    fn produce(&mut self, random: &mut StdRng) -> Result<Option<Message>, PsiError> {
        let round = self.round.as_mut().expect("a round");
        let Some(header) = round.sends() else { return Ok(None) };
        if !self.announced {
            self.announced = true;
            let message = Message { header, elements: Vec::new() };
            self.sent.push(message.clone());
            return Ok(Some(message));
        }
        let message = self.sent.last_mut().expect("an announced message");
        if complete(message, header.count) {
            return Ok(None);
        }
        let most = random.random_range(1..500);
        let elements = round.produce(most)?;
        assert!(elements.len() <= most * header.width as usize);
        assert_eq!(elements.len() % header.width as usize, 0);
        message.elements.extend_from_slice(&elements);
        Ok((!elements.is_empty()).then_some(Message { header, elements }))
    }
}

fn complete(message: &Message, count: u64) -> bool {
    message.elements.len() as u64 == count * u64::from(message.header.width)
}

/// Runs two parties to the end. `order` decides who acts when, and where messages are cut.
pub(crate) fn run(receiver: First, sender: First, order: u64) -> Result<Run, PsiError> {
    let mut random = StdRng::seed_from_u64(order);
    let mut parties = [Party::new(receiver), Party::new(sender)];
    while !parties.iter().all(Party::done) {
        let first = random.random_range(0..2);
        let mut idle = true;
        for who in [first, 1 - first] {
            let Some(piece) = parties[who].act(&mut random)? else { continue };
            idle = false;
            if let Some(piece) = piece {
                deliver(&mut parties[1 - who].inbox, piece);
            }
        }
        assert!(!idle, "both parties wait for each other");
    }
    let [receiver, sender] = parties;
    assert!(receiver.inbox.is_empty() && sender.inbox.is_empty(), "elements that nobody absorbed");
    Ok(Run {
        receiver: receiver.outcome.expect("an outcome"),
        sender: sender.outcome.expect("an outcome"),
        from_receiver: receiver.sent,
        from_sender: sender.sent,
    })
}

/// A piece without elements announces a message; others belong to the last one.
fn deliver(inbox: &mut VecDeque<Message>, piece: Message) {
    if piece.elements.is_empty() {
        inbox.push_back(piece);
    } else {
        inbox.back_mut().expect("an announced message").elements.extend(piece.elements);
    }
}

/// Runs one party against messages fixed beforehand. It is given each message only when it has sent
/// its own of the same round.
pub(crate) fn play(first: First, script: &[Message]) -> Result<Outcome, PsiError> {
    play_cut(first, script, usize::MAX)
}

/// The same with messages in pieces of `cut` elements.
pub(crate) fn play_cut(first: First, script: &[Message], cut: usize) -> Result<Outcome, PsiError> {
    let mut script = script.iter();
    let mut round = first;
    loop {
        if let Some(header) = round.sends() {
            let mut due = header.count as usize * header.width as usize;
            while due > 0 {
                let elements = round.produce(1000)?;
                if elements.is_empty() && !round.work()? {
                    break; // what is due depends on what has not come yet
                }
                due -= elements.len();
            }
        }
        if round.receives().is_some() {
            let message = script.next().expect("a message for each round");
            let piece = cut.saturating_mul(message.header.width as usize);
            message.elements.chunks(piece).try_for_each(|piece| round.absorb(piece))?;
        }
        while round.sends().is_some() && (!round.produce(1000)?.is_empty() || round.work()?) {}
        match round.finish()? {
            Next::Round(next) => round = next,
            Next::Done(outcome) => return Ok(outcome),
        }
    }
}
