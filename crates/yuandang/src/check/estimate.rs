//! What a planned job would take: seconds, bytes each way, memory. Nothing leaves this machine for it.
//!

use std::time::Duration;

use agreement::{ErrorBudget, Mode, Protocol, Role, job::built};
use clap::Args;
use node::{
    Space,
    forecast::{Forecast, forecast},
    quality::Quality,
};
use psi::{
    Sizes,
    cost::{self, Engine, Facts, Reason, Task},
};
use serde::Serialize;
use wire::Network;

use crate::{
    choose::{ProtocolChoice, as_sentence},
    failure::Failure,
};

/// Bytes in a padded label that say how long the label is, and the step of its size.
const LABEL_LENGTH: u32 = 2;
const LABEL_STEP: u32 = 16;

/// The job that is planned.
#[derive(Debug, Args)]
#[command(next_help_heading = "Estimate of a planned job")]
pub(super) struct PlanArguments {
    /// Distinct keys that the other side has, about: estimates seconds, bytes and memory of a job with it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(..=1 << 36))]
    peer_rows: Option<u64>,
    /// What is answered: membership, labelled, both, cardinality
    #[arg(long, default_value = "membership", requires = "peer_rows")]
    mode: Mode,
    /// What this side is: receiver, sender
    #[arg(long, default_value = "receiver", requires = "peer_rows", value_parser = role)]
    role: Role,
    /// How: auto, ecdh, vole
    #[arg(long, default_value = "auto", requires = "peer_rows")]
    protocol: ProtocolChoice,
    /// Round trip in milliseconds and Mbit/s of the line, as 20,100 [default: a line that costs no time]
    #[arg(long, value_name = "RTT_MS,MBIT", requires = "peer_rows")]
    network: Option<Network>,
    /// Bytes of the longest labels of a row; mode labelled alone
    #[arg(long, value_name = "N", default_value_t = 62, requires = "peer_rows",
        value_parser = clap::value_parser!(u32).range(..=4094))]
    label_bytes: u32,
}

/// Reads a role.
fn role(text: &str) -> Result<Role, String> {
    let role = [Role::Receiver, Role::Sender].into_iter().find(|role| role.to_string() == text);
    role.ok_or_else(|| format!("there is no role {text:?}; the roles are: receiver, sender"))
}

/// What a job would take, as well as it can be known beforehand.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Estimate {
    /// What is answered.
    pub mode: Mode,
    /// What this side is.
    pub role: Role,
    /// How.
    pub protocol: Protocol,
    /// Why this protocol, where it was left open.
    #[serde(serialize_with = "as_sentence")]
    pub protocol_reason: Option<Reason>,
    /// Distinct keys of this side.
    pub items: u64,
    /// Distinct keys of the other side.
    pub peer_items: u64,
    /// The line, as `RTT_MS,MBIT`; `lan` for one that costs no time.
    pub network: String,
    /// Threads that each side has.
    pub threads: usize,
    /// Into how many bins the sets are cut.
    pub bins: u32,
    /// Seconds of the protocol.
    pub seconds: f64,
    /// Bytes that this side sends.
    pub bytes_sent: u64,
    /// Bytes that this side receives.
    pub bytes_received: u64,
    /// Bytes of memory that this side needs, at the most, about.
    pub memory_bytes: u64,
}

impl PlanArguments {
    /// Checks what can be checked before a record set is read.
    ///
    /// # Errors
    /// What is wrong with the job, or not built.
    pub(super) fn admits(&self) -> Result<(), Failure> {
        match (self.mode, self.protocol) {
            (Mode::Sum, _) => Err(Failure::not_built("mode sum")),
            (_, ProtocolChoice::Named(protocol)) if !built(protocol) => {
                Err(Failure::not_built(format_args!("protocol {protocol}")))
            }
            (Mode::Cardinality, ProtocolChoice::Named(Protocol::Vole)) => {
                Err(Failure::usage("mode cardinality runs on protocol ecdh alone"))
            }
            _ => Ok(()),
        }
    }

    /// What the job would take with the set that was examined, if one is planned.
    ///
    /// # Errors
    /// [`Failure`] if no protocol can do it.
    pub(super) fn estimate(
        &self,
        quality: &Quality,
        threads: usize,
        space: &Space,
    ) -> Result<Option<Estimate>, Failure> {
        let Some(peer_items) = self.peer_rows else { return Ok(None) };
        let items = quality.distinct;
        let sizes = match self.role {
            Role::Receiver => Sizes { receiver: items, sender: peer_items },
            Role::Sender => Sizes { receiver: peer_items, sender: items },
        };
        let facts = self.facts(sizes, threads)?;
        let (engine, protocol_reason) = match self.protocol {
            ProtocolChoice::Named(Protocol::Ecdh) => (Engine::Ecdh, None),
            ProtocolChoice::Named(_) => (Engine::Vole, None),
            ProtocolChoice::Auto => {
                let (engine, reason) = cost::choose(&facts, &[Engine::Ecdh, Engine::Vole]);
                (engine, Some(reason))
            }
        };
        let rows = quality.tally.keyed();
        let forecast = forecast(engine, &facts, (rows, self.label_size()), space).map_err(Failure::usage)?;
        let Forecast { bins, seconds, to_receiver, to_sender, memory } = forecast.ok_or_else(|| {
            Failure::usage(format_args!("protocol {engine} cannot do this job: name another, or fewer rows"))
        })?;
        let (bytes_sent, bytes_received) = match self.role {
            Role::Receiver => (to_sender, to_receiver),
            Role::Sender => (to_receiver, to_sender),
        };
        Ok(Some(Estimate {
            mode: self.mode,
            role: self.role,
            protocol: match engine {
                Engine::Ecdh => Protocol::Ecdh,
                Engine::Vole => Protocol::Vole,
            },
            protocol_reason,
            items,
            peer_items,
            network: self.network.map_or_else(|| "lan".to_owned(), |network| network.to_string()),
            threads,
            bins,
            seconds,
            bytes_sent,
            bytes_received,
            memory_bytes: memory,
        }))
    }

    fn facts(&self, sizes: Sizes, threads: usize) -> Result<Facts, Failure> {
        Ok(Facts {
            task: match self.mode {
                Mode::Membership | Mode::Sum => Task::Membership,
                Mode::Labelled => Task::Labelled(self.label_size()),
                Mode::Both => Task::Both,
                Mode::Cardinality => Task::Cardinality,
            },
            sizes,
            // Bins are worked out apart.
            bin_items: u64::MAX,
            budget: psi::ErrorBudget::new(ErrorBudget::default().lambda).map_err(Failure::other)?,
            threads,
            round_trip: self.network.map_or(Duration::ZERO, |network| network.round_trip()),
            bits_per_second: self.network.map(|network| network.bits_per_second()),
        })
    }

    /// Bytes of a padded label.
    fn label_size(&self) -> u32 {
        match self.mode {
            Mode::Labelled => self.label_bytes.saturating_add(LABEL_LENGTH).next_multiple_of(LABEL_STEP),
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        plan: PlanArguments,
    }

    fn estimate(distinct: u64, arguments: &str) -> Estimate {
        let words = std::iter::once("check").chain(arguments.split(' '));
        let plan = Line::try_parse_from(words).unwrap().plan;
        plan.admits().unwrap();
        let quality = Quality { distinct, ..Quality::default() };
        plan.estimate(&quality, 2, &Space::default()).unwrap().unwrap()
    }

    #[test]
    fn bytes_are_those_of_the_model_and_turn_with_the_role() {
        let receiver = estimate(1000, "--peer-rows 5000 --protocol ecdh");
        // A group element for each item of the receiver, both ways, and tags back.
        assert_eq!((receiver.bins, receiver.bytes_sent), (1, 32_000));
        assert!(receiver.bytes_received > 32_000 + 5000 * 5);
        let sender = estimate(5000, "--peer-rows 1000 --protocol ecdh --role sender");
        assert_eq!(
            (sender.bytes_sent, sender.bytes_received, sender.seconds),
            (receiver.bytes_received, receiver.bytes_sent, receiver.seconds)
        );
        assert!(receiver.protocol_reason.is_none() && receiver.network == "lan");
    }

    #[test]
    fn a_slow_line_and_labels_cost_more() {
        let plain = estimate(1 << 20, "--peer-rows 1048576 --protocol vole");
        let slow = estimate(1 << 20, "--peer-rows 1048576 --protocol vole --network 20,100");
        assert!(slow.seconds > plain.seconds && slow.bytes_sent == plain.bytes_sent);
        // Bytes over bandwidth and four round trips, as measured (docs/PERFORMANCE.md: 1.55 to 1.75 s).
        assert!((1.2..2.2).contains(&slow.seconds), "{}", slow.seconds);
        let labelled = estimate(1 << 20, "--peer-rows 1048576 --protocol vole --mode labelled");
        assert!(labelled.bytes_received > plain.bytes_received && labelled.memory_bytes > plain.memory_bytes);
    }

    #[test]
    fn large_sets_are_cut_and_memory_stays_bounded() {
        let one = estimate(10_000_000, "--peer-rows 10000000 --protocol vole");
        let other = estimate(100_000_000, "--peer-rows 100000000 --protocol vole");
        assert_eq!((one.bins, other.bins), (10, 96));
        assert!(other.memory_bytes < one.memory_bytes * 2, "{} {}", one.memory_bytes, other.memory_bytes);
        assert!((8.0..11.0).contains(&(other.seconds / one.seconds)));
    }

    #[test]
    fn memory_is_not_below_what_was_measured_nor_far_above() {
        // docs/PERFORMANCE.md, of one bin: receivers of 2^16 and 2^20 under vole, in megabytes.
        for (items, measured) in [(1_u64 << 16, 28), (1 << 20, 174)] {
            let estimate = estimate(items, &format!("--peer-rows {items} --protocol vole")).memory_bytes / 1_000_000;
            assert!((measured..measured * 2).contains(&estimate), "{items}: {estimate}");
        }
    }

    #[test]
    fn what_cannot_be_done_is_said_before_anything_is_read() {
        let refused = |arguments: &str| {
            let words = std::iter::once("check").chain(arguments.split(' '));
            Line::try_parse_from(words).is_ok_and(|line| line.plan.admits().is_ok())
        };
        assert!(!refused("--peer-rows 1 --mode sum") && !refused("--peer-rows 1 --protocol vole-malicious"));
        assert!(!refused("--peer-rows 1 --mode cardinality --protocol vole") && !refused("--mode both"));
    }
}
