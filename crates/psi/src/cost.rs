//! What a run will take, before it is begun: bytes each way, round trips and seconds; and which engine
//! answers a task soonest.
//!
//! Bytes follow from public sizes (docs/PROTOCOLS.md, Costs). Seconds are a model of few terms, with
//! constants that were measured on one machine: good for choosing between engines that differ by a factor,
//! and not for promises. Headers, frames and indices (about 0.01 %), gRPC and TLS are left out.
//!
//! ```text
//! seconds = round trips · round trip time + the longer of computing and transfer
//! ```
//!
//! Nothing here is secret: both parties know the sizes, and either may be told the result.

use std::{fmt, time::Duration};

use crate::bins::Bins;
use crate::matching::tag_set::Shape;
use crate::party::Header;
use crate::vole_oprf::{MOST_ITEMS, Plan};
use crate::{ErrorBudget, Parameters, Sizes};

/// Round trips that every run has: hello, reveal and confirm of the handshake, and the last exchange, half
/// a one each.
const COMMON_ROUND_TRIPS: f64 = 2.0;
/// Blinded elements there, evaluated ones and tags back.
const ECDH_ROUND_TRIPS: f64 = 1.0;
/// Base transfers one way, the masked vector there, tags back.
const VOLE_ROUND_TRIPS: f64 = 1.5;
/// Claims of the receiver, one way.
const CLAIMS_ROUND_TRIPS: f64 = 0.5;

/// Seconds of one thread: the receiver blinds and unblinds an item.
const ECDH_OWN_OF_RECEIVER: f64 = 41e-6;
/// Seconds of one thread: the sender evaluates an item of the receiver.
const ECDH_EVALUATION: f64 = 18e-6;
/// Seconds of one thread: the sender makes a tag of an item of its own.
const ECDH_OWN_OF_SENDER: f64 = 23e-6;
/// Seconds before the sizes count: 256 base OTs at both sides.
const VOLE_FIXED: f64 = 15e-3;
/// Seconds of one thread for an item of the receiver, both sides together.
const VOLE_OF_RECEIVER: f64 = 110e-9;
/// Seconds of one thread for an item of the sender, both sides together.
const VOLE_OF_SENDER: f64 = 90e-9;
/// Seconds of one thread to seal a label.
const LABEL: f64 = 1e-6;

/// Bytes of a group element.
const ELEMENT: u64 = 32;
/// Bytes of a claim.
const CLAIM: u64 = 16;
/// Bytes of a row beside its label: a committing tag and the seal.
const ROW: u64 = 48;
/// A way to match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// Diffie-Hellman over ristretto255.
    Ecdh,
    /// Silent subfield VOLE with an oblivious key-value store.
    Vole,
}

/// What is to be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// The receiver learns which of its items the sender has.
    Membership,
    /// And a label for each, padded to so many bytes.
    Labelled(u32),
    /// Each learns which of its items the other has.
    Both,
    /// The receiver learns how many items both have.
    Cardinality,
}

/// What an estimate rests on.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// What is to be answered.
    pub task: Task,
    /// Padded sizes of the sets.
    pub sizes: Sizes,
    /// How many items a bin is to have, about; the most there is for sets in one piece.
    pub bin_items: u64,
    /// How likely a statistical error may be.
    pub budget: ErrorBudget,
    /// Threads that each party has to itself.
    pub threads: usize,
    /// From a word to its answer.
    pub round_trip: Duration,
    /// Bits that pass in a second each way, if it is known; otherwise transfer counts nothing.
    pub bits_per_second: Option<u64>,
}

/// What a run would take.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// Bytes from the sender to the receiver.
    pub bytes_to_receiver: u64,
    /// Bytes from the receiver to the sender. In mode both every item is taken to match.
    pub bytes_to_sender: u64,
    /// Seconds from two connected parties with their sets in memory to the end.
    pub seconds: f64,
}

/// Why an engine was chosen. Printed, it is one sentence.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reason {
    /// There is no other.
    OnlyOne,
    /// No other can answer the task.
    OnlyForTask(Engine),
    /// The other does not take so many items of the receiver.
    TooMany {
        /// The engine that takes them.
        engine: Engine,
        /// The most that the other takes.
        limit: u64,
    },
    /// It would be done sooner.
    Sooner {
        /// The engine, and the seconds that it would take.
        chosen: (Engine, f64),
        /// The other, with its seconds.
        other: (Engine, f64),
        /// The sizes of both sets.
        sizes: Sizes,
        /// The round trip of the network.
        round_trip: Duration,
        /// Its rate, if it is known.
        bits_per_second: Option<u64>,
    },
}

/// The most items of a receiver that the VOLE engine takes in one run: its noise weights end there.
#[must_use]
pub fn vole_limit() -> u64 {
    MOST_ITEMS
}

/// What a run would take; nothing if the engine cannot do it.
#[must_use]
pub fn estimate(engine: Engine, facts: &Facts) -> Option<Estimate> {
    let bins = bins(facts)?;
    let one = Facts { sizes: bins.sizes(), budget: bins.budget(), bin_items: u64::MAX, ..*facts };
    let estimate = match engine {
        Engine::Ecdh => ecdh(&one),
        Engine::Vole => vole(&one),
    }?;
    let count = u64::from(bins.count());
    Some(Estimate {
        bytes_to_receiver: estimate.bytes_to_receiver.saturating_mul(count),
        bytes_to_sender: estimate.bytes_to_sender.saturating_mul(count),
        seconds: estimate.seconds * count as f64,
    })
}

/// The bins that the sets are cut into; nothing if the budget does not allow for so many.
fn bins(facts: &Facts) -> Option<Bins> {
    let count = match facts.task {
        Task::Cardinality => 1,
        _ => Bins::best_count(facts.sizes, facts.bin_items),
    };
    Bins::new(facts.sizes, count, facts.budget).ok()
}

/// Chooses among `engines`: the one that would be done first, and Diffie-Hellman where they are even. It
/// is also what is left if none can do it: it then says why.
#[must_use]
pub fn choose(facts: &Facts, engines: &[Engine]) -> (Engine, Reason) {
    if !engines.contains(&Engine::Vole) {
        return (Engine::Ecdh, Reason::OnlyOne);
    }
    if facts.task == Task::Cardinality {
        return (Engine::Ecdh, Reason::OnlyForTask(Engine::Ecdh));
    }
    if bins(facts).is_some_and(|bins| bins.sizes().receiver > vole_limit()) {
        return (Engine::Ecdh, Reason::TooMany { engine: Engine::Ecdh, limit: vole_limit() });
    }
    let seconds = |engine| estimate(engine, facts).map(|estimate| (engine, estimate.seconds));
    let (Some(ecdh), Some(vole)) = (seconds(Engine::Ecdh), seconds(Engine::Vole)) else {
        return (Engine::Ecdh, Reason::OnlyForTask(Engine::Ecdh));
    };
    let (chosen, other) = if vole.1 < ecdh.1 { (vole, ecdh) } else { (ecdh, vole) };
    let Facts { sizes, round_trip, bits_per_second, .. } = *facts;
    (chosen.0, Reason::Sooner { chosen, other, sizes, round_trip, bits_per_second })
}

fn ecdh(facts: &Facts) -> Option<Estimate> {
    let Sizes { receiver: x, sender: y } = facts.sizes;
    let evaluated = ELEMENT.saturating_mul(x);
    let bytes_to_receiver = match facts.task {
        Task::Cardinality => {
            let widths = facts.budget.widths(facts.sizes).ok()?;
            let doubly_masked = (widths.distinct_tag_bytes() as u64).saturating_mul(x);
            ELEMENT.saturating_mul(y).saturating_add(doubly_masked)
        }
        _ => evaluated.saturating_add(list(facts, 0)?),
    };
    let bytes_to_sender = ELEMENT.saturating_mul(x).saturating_add(claims(facts));
    let (x, y) = (x as f64, y as f64);
    // Each works while the other does, so the busier one decides. In cardinality both mask both sets.
    let receiver = match facts.task {
        Task::Cardinality => ECDH_OWN_OF_SENDER * x + ECDH_EVALUATION * y,
        _ => ECDH_OWN_OF_RECEIVER * x,
    };
    let sender = ECDH_EVALUATION * x + ECDH_OWN_OF_SENDER * y + sealing(facts);
    let computing = receiver.max(sender) / threads(facts);
    // Both directions are busy at once.
    let transfer = transfer(facts, bytes_to_receiver.max(bytes_to_sender));
    let seconds = waiting(facts, ECDH_ROUND_TRIPS) + computing.max(transfer);
    Some(Estimate { bytes_to_receiver, bytes_to_sender, seconds })
}

fn vole(facts: &Facts) -> Option<Estimate> {
    let Sizes { receiver: x, sender: y } = facts.sizes;
    if facts.task == Task::Cardinality {
        return None;
    }
    let plan = Plan::new(&Parameters { session_id: [0; 32], sizes: facts.sizes, budget: facts.budget }).ok()?;
    let bytes_to_sender = plan.bytes_to_sender().saturating_add(claims(facts));
    let bytes_to_receiver = plan.bytes_to_receiver().saturating_add(list(facts, plan.failure)?);

    // The list waits for the vector, and the vector for most of the receiver's work.
    let own = VOLE_OF_RECEIVER * x as f64 + VOLE_OF_SENDER * y as f64 + sealing(facts);
    let computing = VOLE_FIXED + own / threads(facts);
    let transfer = transfer(facts, bytes_to_receiver.saturating_add(bytes_to_sender));
    let seconds = waiting(facts, VOLE_ROUND_TRIPS) + computing.max(transfer);
    Some(Estimate { bytes_to_receiver, bytes_to_sender, seconds })
}

/// Bytes of the sender's list, where the function fails of itself with `failure`/2^129.
fn list(facts: &Facts, failure: u128) -> Option<u64> {
    let widths = facts.budget.widths_with(facts.sizes, failure).ok()?;
    if let Task::Labelled(size) = facts.task {
        return Some(rows(facts.sizes.sender, size));
    }
    let shape = Shape::new(usize::try_from(facts.sizes.sender).ok()?, widths.tag_bits()).ok()?;
    let bytes = |header: Header| u64::from(header.width).saturating_mul(header.count);
    Some(bytes(shape.highs()).saturating_add(bytes(shape.lows())))
}

fn rows(count: u64, label: u32) -> u64 {
    ROW.saturating_add(u64::from(label)).saturating_mul(count)
}

fn claims(facts: &Facts) -> u64 {
    match facts.task {
        Task::Both => CLAIM.saturating_mul(facts.sizes.receiver.min(facts.sizes.sender)),
        _ => 0,
    }
}

fn sealing(facts: &Facts) -> f64 {
    match facts.task {
        Task::Labelled(_) => LABEL * facts.sizes.sender as f64,
        _ => 0.0,
    }
}

fn threads(facts: &Facts) -> f64 {
    facts.threads.max(1) as f64
}

fn waiting(facts: &Facts, round_trips: f64) -> f64 {
    let claims = if facts.task == Task::Both { CLAIMS_ROUND_TRIPS } else { 0.0 };
    (COMMON_ROUND_TRIPS + round_trips + claims) * facts.round_trip.as_secs_f64()
}

fn transfer(facts: &Facts, bytes: u64) -> f64 {
    facts.bits_per_second.map_or(0.0, |rate| bytes as f64 * 8.0 / rate.max(1) as f64)
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ecdh => "ecdh",
            Self::Vole => "vole",
        })
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OnlyOne => f.write_str("auto: the only protocol of this version"),
            Self::OnlyForTask(engine) => write!(f, "auto: {engine}, the only protocol that can answer this"),
            Self::TooMany { engine, limit } => {
                write!(
                    f,
                    "auto: {engine}, since another takes at most {} items of the receiver in a bin",
                    Grouped(*limit)
                )
            }
            Self::Sooner { chosen, other, sizes, round_trip, bits_per_second } => {
                let (receiver, sender) = (Grouped(sizes.receiver), Grouped(sizes.sender));
                write!(
                    f,
                    "auto: {}, since {receiver} × {sender} items would take about {} against {} with {} at a round \
                     trip of {}",
                    chosen.0,
                    About(chosen.1),
                    About(other.1),
                    other.0,
                    About(round_trip.as_secs_f64())
                )?;
                match bits_per_second {
                    Some(rate) => write!(f, " and {} Mbit/s", *rate as f64 / 1e6),
                    None => Ok(()),
                }
            }
        }
    }
}

/// A count with its thousands apart.
struct Grouped(u64);

impl fmt::Display for Grouped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let thousands = self.0 / 1000;
        match thousands {
            0 => write!(f, "{}", self.0),
            _ => write!(f, "{},{:03}", Self(thousands), self.0 % 1000),
        }
    }
}

/// Seconds, as well as an estimate knows them.
#[derive(Clone, Copy, Debug)]
pub struct About(pub f64);

impl fmt::Display for About {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let milliseconds = self.0 * 1e3;
        match self.0 {
            10.0.. => write!(f, "{:.0} s", self.0),
            0.1.. => write!(f, "{:.1} s", self.0),
            0.01.. => write!(f, "{milliseconds:.0} ms"),
            0.0001.. => write!(f, "{milliseconds:.1} ms"),
            _ => write!(f, "{milliseconds:.2} ms"),
        }
    }
}

#[cfg(test)]
#[path = "cost_tests.rs"]
mod tests;
