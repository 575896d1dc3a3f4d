//! `--protocol`: a name, or `auto`, which chooses once both sets are prepared and the parties connected.

use std::{fmt, num::NonZero, thread::available_parallelism, time::Duration};

use agreement::{ErrorBudget, JobSpecError, Mode, Protocol, job::built};
use node::Space;
use psi::{
    Sizes,
    cost::{self, Engine, Facts, Reason, Task},
};
use serde::Serializer;

use crate::{
    failure::Failure,
    pair::{Met, Order},
};

/// A protocol, or the best of those that there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProtocolChoice {
    /// Whichever suits.
    Auto,
    /// This one.
    Named(Protocol),
}

impl std::str::FromStr for ProtocolChoice {
    type Err = JobSpecError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "auto" { Ok(Self::Auto) } else { text.parse().map(Self::Named) }
    }
}

impl fmt::Display for ProtocolChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Named(protocol) => write!(f, "{protocol}"),
        }
    }
}

impl ProtocolChoice {
    /// The protocol of the job as it is ordered; where it is left open, one that stands for it until then.
    #[must_use]
    pub fn ordered(self) -> Protocol {
        match self {
            Self::Auto => Protocol::Ecdh,
            Self::Named(protocol) => protocol,
        }
    }
}

/// Chooses for two parties on this machine, from what both know. `order` is either's.
///
/// # Errors
/// [`Failure`] if the mode cannot be answered, or the order says nonsense.
pub fn protocol(order: &Order, receiver: Met, sender: Met) -> Result<(Protocol, Reason), Failure> {
    let task = match order.job.mode {
        Mode::Membership => Task::Membership,
        Mode::Labelled => Task::Labelled(sender.label_size),
        Mode::Both => Task::Both,
        Mode::Cardinality => Task::Cardinality,
        Mode::Sum => return Err(Failure::not_built("mode sum")),
    };
    let round_trip = receiver.round_trip_seconds.or(sender.round_trip_seconds).unwrap_or(0.0);
    let facts = Facts {
        task,
        sizes: Sizes { receiver: receiver.items, sender: sender.items },
        bin_items: Space::from(order.space.clone()).wanted_bin_items(sender.label_size),
        budget: psi::ErrorBudget::new(ErrorBudget::default().lambda).map_err(Failure::other)?,
        threads: order.threads.min(own_cores()),
        round_trip: Duration::try_from_secs_f64(round_trip).map_err(Failure::other)?,
        bits_per_second: order.shaped()?.map(|network| network.bits_per_second()),
    };
    let engines = [(Engine::Ecdh, Protocol::Ecdh), (Engine::Vole, Protocol::Vole)];
    let there: Vec<Engine> =
        engines.iter().filter(|(_, protocol)| built(*protocol)).map(|(engine, _)| *engine).collect();
    let (chosen, reason) = cost::choose(&facts, &there);
    let protocol = engines.iter().find(|(engine, _)| *engine == chosen).map(|(_, protocol)| *protocol);
    Ok((protocol.unwrap_or(Protocol::Ecdh), reason))
}

/// Cores that each of two parties has to itself where both run on this machine.
fn own_cores() -> usize {
    (available_parallelism().map_or(1, NonZero::get) / 2).max(1)
}

/// A reason in JSON: its sentence.
///
/// # Errors
/// Those of the serializer.
pub fn as_sentence<S: Serializer>(reason: &Option<Reason>, to: S) -> Result<S::Ok, S::Error> {
    match reason {
        Some(reason) => to.collect_str(reason),
        None => to.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use agreement::Role;

    use super::*;
    use crate::pair::{PairJob, PartyInput};

    fn order(mode: Mode, network: Option<&str>) -> Order {
        let job = PairJob {
            job_id: "bench-1".to_owned(),
            mode,
            protocol: Protocol::Ecdh,
            key_types: vec!["raw".to_owned()],
            receiver_key: vec!["item".to_owned()],
            sender_key: vec!["item".to_owned()],
            labels: vec![],
        };
        let input = PartyInput::MadeUp { count: 1, shared: 0 };
        let network = network.map(str::to_owned);
        Order { job, role: Role::Receiver, input, threads: 1, space: Space::default().into(), choose: true, network }
    }

    fn met(items: u64, round_trip_seconds: Option<f64>) -> Met {
        Met { items, label_size: 0, round_trip_seconds }
    }

    #[test]
    fn a_choice_is_auto_or_a_name() {
        let named = ProtocolChoice::Named(Protocol::VoleMalicious);
        assert_eq!("auto".parse(), Ok(ProtocolChoice::Auto));
        assert_eq!("vole-malicious".parse(), Ok(named));
        assert!("".parse::<ProtocolChoice>().is_err() && "Auto".parse::<ProtocolChoice>().is_err());
        assert_eq!([ProtocolChoice::Auto.to_string(), named.to_string()], ["auto", "vole-malicious"]);
    }

    #[test]
    fn only_what_is_built_is_chosen_and_with_a_reason() {
        for mode in [Mode::Membership, Mode::Labelled, Mode::Both, Mode::Cardinality] {
            for items in [1, 1 << 20, 1 << 30] {
                let (one, other) = (met(items, Some(0.02)), met(items, None));
                let (protocol, reason) = protocol(&order(mode, Some("20,100")), one, other).unwrap();
                assert!(built(protocol), "{mode} {items}");
                assert!(reason.to_string().starts_with("auto: "));
                assert!(protocol == Protocol::Ecdh || mode != Mode::Cardinality);
            }
        }
    }

    #[test]
    fn nonsense_is_refused() {
        let met = met(1, Some(0.001));
        assert!(protocol(&order(Mode::Sum, None), met, met).is_err());
        assert!(protocol(&order(Mode::Both, Some("far")), met, met).is_err());
        let endless = Met { round_trip_seconds: Some(f64::INFINITY), ..met };
        assert!(protocol(&order(Mode::Both, None), endless, met).is_err());
    }
}
