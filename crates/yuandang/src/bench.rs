//! `yuandang bench`: what a protocol costs, measured with two processes and made-up items.

use agreement::{Mode, Protocol, Role};
use clap::Args;
use psi::cost::Reason;
use serde::Serialize;
use tokio_util::sync::CancellationToken;
use tracing::level_filters::LevelFilter;
use wire::{Network, NetworkError};

use crate::{
    choose::{ProtocolChoice, as_sentence},
    failure::Failure,
    logs,
    match_files::{fresh_hex, same_run, threads},
    pair::{self, Order, PairJob, PairReport, PartyInput, Phase},
    progress::Progress,
    screen::{self, Format},
    space::SpaceArguments,
    stop,
    text::{self, Lang},
};

/// The network that is there: nothing is shaped.
const LAN: &str = "lan";
/// The largest set that is made up: items are numbered in four bytes.
const MAX_SIZE: u64 = 1 << 31;

/// Arguments of `bench`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// How many items each party has: numbers, or powers as 2^16
    #[arg(long, value_name = "N", value_delimiter = ',', default_value = "2^12,2^14,2^16", value_parser = size)]
    sizes: Vec<u64>,
    /// How: auto, ecdh, vole (vole-malicious is not built yet); several are measured one after the other
    #[arg(long, value_name = "P", value_delimiter = ',', default_value = "auto")]
    protocol: Vec<ProtocolChoice>,
    /// What is answered: membership; others are not measured yet
    #[arg(long, default_value = "membership")]
    mode: Mode,
    /// Threads that compute, for each party [default: all cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// The network between the parties: lan (as fast as loopback is), or RTT_MS,MBIT as 20,100: a round trip
    /// of 20 ms and 100 Mbit/s each way
    #[arg(long, default_value = LAN, value_parser = network)]
    network: String,
    #[command(flatten)]
    space: SpaceArguments,
    /// How the figures are printed
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Reads a size: a number, or a power as `2^16`.
fn size(text: &str) -> Result<u64, String> {
    let number = match text.split_once('^') {
        Some((base, exponent)) => {
            let (base, exponent) = (base.parse::<u64>().ok(), exponent.parse::<u32>().ok());
            base.zip(exponent).and_then(|(base, exponent)| base.checked_pow(exponent))
        }
        None => text.parse().ok(),
    };
    match number {
        Some(number) if (1..=MAX_SIZE).contains(&number) => Ok(number),
        _ => Err(format!("a size is a number from 1 to 2^31, or a power as 2^16, not {text:?}")),
    }
}

/// Reads a network, and leaves it as it is written.
fn network(text: &str) -> Result<String, NetworkError> {
    match text {
        LAN => {}
        shaped => drop(shaped.parse::<Network>()?),
    }
    Ok(text.to_owned())
}

/// The figures of one size.
#[derive(Debug, Serialize)]
pub struct Measurement {
    /// The protocol.
    pub protocol: Protocol,
    /// Why this one, where it was left open.
    #[serde(serialize_with = "as_sentence")]
    pub protocol_reason: Option<Reason>,
    /// What was answered.
    pub mode: Mode,
    /// Items of each party.
    pub size: u64,
    /// Threads of each party.
    pub threads: usize,
    /// The network between them, as it was given.
    pub network: String,
    /// Items in common; half of them.
    pub matched: u64,
    /// The protocol alone: from two connected parties with their sets in memory, just before hello, to the
    /// end of the session at the later one. Handshake and base OTs are part of it, making up the items and
    /// the commitment to them are not.
    pub seconds: f64,
    /// From the start of both processes to the end of the later one.
    pub total_seconds: f64,
    /// Processor time of the receiver's process.
    pub receiver_cpu_seconds: f64,
    /// Processor time of the sender's process.
    pub sender_cpu_seconds: f64,
    /// Bytes of protocol frames that went to the receiver.
    pub bytes_to_receiver: u64,
    /// Bytes of protocol frames that went to the sender.
    pub bytes_to_sender: u64,
    /// Into how many bins the sets were cut.
    pub bins: u32,
    /// Bits both ways for each item of one party.
    pub bits_per_item: f64,
    /// The most memory that the receiver's process had at once.
    pub receiver_peak_rss_bytes: u64,
    /// The most memory that the sender's process had at once.
    pub sender_peak_rss_bytes: u64,
    /// The run as the receiver saw it.
    pub receiver_phases: Vec<Phase>,
    /// The run as the sender saw it.
    pub sender_phases: Vec<Phase>,
}

impl Arguments {
    /// Measures each size, one after the other.
    ///
    /// # Errors
    /// [`Failure`] if a run fails or gives a wrong result.
    pub fn run(self, lang: Lang) -> Result<(), Failure> {
        logs::to_standard_error(LevelFilter::WARN);
        if self.mode != Mode::Membership {
            return Err(Failure::not_built(format_args!("bench --mode {}", self.mode)));
        }
        // What is not built is said before anything is measured.
        self.protocol.iter().try_for_each(|protocol| self.job(*protocol).map(drop))?;
        let runtime = tokio::runtime::Runtime::new().map_err(Failure::other)?;
        let all = runtime.block_on(async {
            let stop = stop::on_signal()?;
            let mut all = Vec::new();
            let runs = self.sizes.iter().flat_map(|size| self.protocol.iter().map(move |protocol| (*size, *protocol)));
            for (size, protocol) in runs {
                let one = self.measure(size, protocol, &stop).await?;
                if self.format == Format::Text {
                    screen::line(&text::matching::measurement(lang, &one))?;
                }
                all.push(one);
            }
            Ok::<_, Failure>(all)
        })?;
        if self.format == Format::Json { screen::json(&all) } else { Ok(()) }
    }

    fn job(&self, protocol: ProtocolChoice) -> Result<PairJob, Failure> {
        let job = PairJob {
            job_id: format!("bench-{}", fresh_hex()?),
            mode: self.mode,
            protocol: protocol.ordered(),
            key_types: vec!["raw".to_owned()],
            receiver_key: vec!["item".to_owned()],
            sender_key: vec!["item".to_owned()],
            labels: vec![],
        };
        job.spec()?;
        Ok(job)
    }

    async fn measure(
        &self,
        size: u64,
        protocol: ProtocolChoice,
        stop: &CancellationToken,
    ) -> Result<Measurement, Failure> {
        let job = self.job(protocol)?;
        let (threads, shared) = (threads(self.threads), size / 2);
        let order = |role| Order {
            job: job.clone(),
            role,
            input: PartyInput::MadeUp { count: size, shared },
            threads,
            space: self.space.ordered_whole(),
            choose: protocol == ProtocolChoice::Auto,
            network: Some(self.network.clone()).filter(|network| network != LAN),
        };
        let report =
            pair::run(order(Role::Receiver), order(Role::Sender), &Progress::to_standard_error(), stop).await?;
        same_run(&report)?;
        let seconds = report.protocol_seconds();
        let PairReport { receiver, sender, protocol, reason, total_seconds } = report;
        if receiver.matched != Some(shared) {
            return Err(Failure::other(format_args!(
                "{shared} items are in common, and {:?} were found",
                receiver.matched
            )));
        }
        let both_ways = receiver.bytes_received.saturating_add(receiver.bytes_sent);
        Ok(Measurement {
            protocol,
            protocol_reason: reason,
            mode: self.mode,
            size,
            threads,
            network: self.network.clone(),
            matched: shared,
            seconds,
            total_seconds,
            receiver_cpu_seconds: receiver.resources.cpu_seconds,
            sender_cpu_seconds: sender.resources.cpu_seconds,
            bytes_to_receiver: receiver.bytes_received,
            bytes_to_sender: receiver.bytes_sent,
            bins: receiver.bins,
            // Exact below 2^53 bytes.
            bits_per_item: both_ways as f64 * 8.0 / size as f64,
            receiver_peak_rss_bytes: receiver.resources.peak_rss_bytes,
            sender_peak_rss_bytes: sender.resources.peak_rss_bytes,
            receiver_phases: receiver.phases,
            sender_phases: sender.phases,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_numbers_or_powers() {
        assert_eq!(size("1000"), Ok(1000));
        assert_eq!(size("2^16"), Ok(65_536));
        assert_eq!(size("10^3"), Ok(1000));
        for wrong in ["", "0", "2^32", "2^", "^2", "-1", "2^999", "many"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_network_stays_as_it_is_written() {
        for right in ["lan", "20,100", "0.2,1000"] {
            assert_eq!(network(right).as_deref(), Ok(right));
        }
        for wrong in ["", "wan", "20", "20;100", "20,-1"] {
            assert!(network(wrong).is_err(), "{wrong}");
        }
    }
}
