//! Each party's work of a whole run, alone, on recorded messages of the other: milliseconds by phase, with one
//! thread and with two.
//!
//! `cargo bench -p psi --bench party`; `YUANDANG_PARTY_SIZES` (default `20`) are powers of two. For the settings of
//! memory that the parties of `yuandang bench` get, set `GLIBC_TUNABLES` as docs/PERFORMANCE.md has it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::print_stdout, clippy::cast_possible_truncation)]

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use psi::party::{Header, Next, Round};
use psi::{ErrorBudget, Item, Outcome, Parameters, Seed, Sizes, matching, vole_oprf};
use rayon::{ThreadPool, ThreadPoolBuilder};

type First = Box<dyn Round<Output = Outcome>>;

/// Bytes that a frame carries at the most.
const FRAME: usize = (1 << 20) - 13;

/// Runs of each party, of which the fastest counts, phase by phase.
const RUNS: usize = 15;

/// A message, in frames.
type Message = (Header, VecDeque<Vec<u8>>);

struct World {
    parameters: Parameters,
    sets: [Arc<[Item]>; 2],
}

impl World {
    /// Two sets of this size with half of it in common.
    fn new(size: u64) -> Self {
        let set = |own: u128| {
            let owner = |index: u64| if index < size / 2 { 0 } else { own };
            (0..size).map(|index| Item::from((u128::from(index) << 64 | owner(index)).to_be_bytes())).collect()
        };
        let sizes = Sizes { receiver: size, sender: size };
        let parameters = Parameters { session_id: [9; 32], sizes, budget: ErrorBudget::new(40).unwrap() };
        Self { parameters, sets: [set(1), set(2)] }
    }

    fn receiver(&self) -> First {
        let seed = Seed::new([1; 32]);
        let oprf = vole_oprf::Receiver::new(&self.parameters, &seed).unwrap();
        matching::membership_receiver(oprf, &self.parameters, Arc::clone(&self.sets[0]), &seed).unwrap()
    }

    fn sender(&self) -> First {
        let seed = Seed::new([2; 32]);
        let oprf = vole_oprf::Sender::new(&self.parameters, &seed).unwrap();
        matching::membership_sender(oprf, &self.parameters, Arc::clone(&self.sets[1]), &seed).unwrap()
    }
}

/// A party in the middle of a run.
struct Party {
    round: Option<First>,
    outcome: Option<Outcome>,
    inbox: VecDeque<Message>,
    sent: Vec<Message>,
    /// Elements of this round's messages, out and in; nothing before the round began.
    counts: Option<(u64, u64)>,
    phases: Vec<(&'static str, f64)>,
}

impl Party {
    fn new(first: First) -> Self {
        let (inbox, sent, phases) = (VecDeque::new(), Vec::new(), Vec::new());
        Self { round: Some(first), outcome: None, inbox, sent, counts: None, phases }
    }

    /// Does one thing, in the order that a driver does; whether there was one to do.
    fn act(&mut self) -> bool {
        let Some(mut round) = self.round.take() else { return false };
        let (began, phase) = (Instant::now(), round.phase());
        let (sends, receives) = (round.sends(), round.receives());
        let (out, got) = match self.counts {
            Some(counts) => counts,
            None => {
                self.sent.extend(sends.map(|header| (header, VecDeque::new())));
                (0, 0)
            }
        };
        self.counts = Some((out, got));
        let due = sends.map_or(0, |header| header.count - out);
        let missing = receives.map(|expected| match self.inbox.front() {
            Some((header, _)) => header.count - got,
            None => expected.count.most().max(1),
        });
        let frame = self.inbox.front_mut().filter(|_| receives.is_some()).and_then(|(_, frames)| frames.pop_front());
        let mut did = true;
        if let Some(frame) = frame {
            round.absorb(&frame).unwrap();
            self.counts = Some((out, got + frame.len() as u64 / u64::from(receives.unwrap().width)));
        } else if due == 0 && missing.unwrap_or(0) == 0 {
            if receives.is_some() {
                self.inbox.pop_front();
            }
            self.counts = None;
            match round.finish().unwrap() {
                Next::Round(next) => self.round = Some(next),
                Next::Done(outcome) => self.outcome = Some(outcome),
            }
            self.count(phase, began);
            return true;
        } else {
            let width = sends.map_or(1, |header| header.width as usize);
            let most = round.step().clamp(1, FRAME / width).min(due as usize);
            let elements = if due > 0 { round.produce(most).unwrap() } else { Vec::new() };
            if elements.is_empty() {
                did = round.work().unwrap();
            } else {
                self.counts = Some((out + (elements.len() / width) as u64, got));
                self.sent.last_mut().unwrap().1.push_back(elements);
            }
        }
        self.round = Some(round);
        self.count(phase, began);
        did
    }

    /// Whether the last message that it sent is not whole yet.
    fn grows(&self) -> bool {
        let sends = self.round.as_ref().and_then(|round| round.sends());
        sends.zip(self.counts).is_some_and(|(header, (out, _))| out < header.count)
    }

    fn count(&mut self, phase: &'static str, began: Instant) {
        let millis = began.elapsed().as_secs_f64() * 1e3;
        match self.phases.iter_mut().find(|(name, _)| *name == phase) {
            Some((_, sum)) => *sum += millis,
            None => self.phases.push((phase, millis)),
        }
    }
}

/// Both parties' messages.
fn record(world: &World) -> [Vec<Message>; 2] {
    let mut parties = [Party::new(world.receiver()), Party::new(world.sender())];
    let mut handed = [0, 0];
    while parties.iter().any(|party| party.outcome.is_none()) {
        for me in 0..2 {
            while parties[me].act() {}
            // Whole messages go over; the last may still grow.
            let whole = parties[me].sent.len() - usize::from(parties[me].grows());
            let due: Vec<_> = parties[me].sent[handed[me]..whole].to_vec();
            handed[me] = whole;
            parties[1 - me].inbox.extend(due);
        }
    }
    parties.map(|party| party.sent)
}

/// Milliseconds of a party by phase, its beginning included.
fn replay(first: impl FnOnce() -> First + Send, messages: &[Message], pool: &ThreadPool) -> Vec<(&'static str, f64)> {
    let mut party = pool.scope(|_| {
        let began = Instant::now();
        let mut party = Party::new(first());
        party.phases.push(("beginning", began.elapsed().as_secs_f64() * 1e3));
        party
    });
    party.inbox = messages.iter().cloned().collect();
    let party = pool.scope(|_| {
        while party.outcome.is_none() {
            assert!(party.act(), "a party waits for more than was recorded");
        }
        party
    });
    party.phases
}

fn main() {
    let sizes = std::env::var("YUANDANG_PARTY_SIZES").unwrap_or_else(|_| "20".to_owned());
    let [alone, pair] = &[1, 2].map(|threads| ThreadPoolBuilder::new().num_threads(threads).build().unwrap());
    for log in sizes.split(',').map(|log| log.trim().parse::<u32>().unwrap()) {
        let world = World::new(1 << log);
        let [from_receiver, from_sender] = record(&world);
        println!("\n2^{log} items of each, milliseconds");
        for (name, is_receiver) in [("receiver", true), ("sender", false)] {
            let run = |pool| match is_receiver {
                true => replay(|| world.receiver(), &from_sender, pool),
                false => replay(|| world.sender(), &from_receiver, pool),
            };
            // In turn, so that what else the machine does meets both alike.
            let (one, two): (Vec<_>, Vec<_>) = (0..RUNS).map(|_| (run(alone), run(pair))).unzip();
            let typical = median(&one) / median(&two);
            let (one, two) = (fastest(&one), fastest(&two));
            for ((phase, one), (_, two)) in one.iter().zip(&two) {
                println!("  {name:9} {phase:16} {one:8.1} {two:8.1}");
            }
            let (one_total, two_total) = (total(&one), total(&two));
            println!(
                "  {name:9} {:16} {one_total:8.1} {two_total:8.1}   {:.2} times as fast with two threads; by medians of whole runs {typical:.2}",
                "in all",
                one_total / two_total
            );
        }
    }
}

/// The least time of each phase: what else the machine does only adds to it.
fn fastest(runs: &[Vec<(&'static str, f64)>]) -> Vec<(&'static str, f64)> {
    let least = |index: usize| runs.iter().map(|run| run[index].1).fold(f64::INFINITY, f64::min);
    runs[0].iter().enumerate().map(|(index, (phase, _))| (*phase, least(index))).collect()
}

/// The median time of a whole run.
fn median(runs: &[Vec<(&'static str, f64)>]) -> f64 {
    let mut totals: Vec<f64> = runs.iter().map(|run| total(run)).collect();
    totals.sort_by(f64::total_cmp);
    totals[totals.len() / 2]
}

fn total(phases: &[(&'static str, f64)]) -> f64 {
    phases.iter().map(|(_, millis)| millis).sum()
}
