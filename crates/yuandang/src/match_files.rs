//! `yuandang match`: two files of one's own, matched by two processes on this machine.

use std::{
    fs,
    path::{Path, PathBuf},
};

use agreement::{KeyType, Mode, Protocol, Role};
use clap::Args;
use datasets::Files;
use psi::cost::Reason;
use records::{Datasets, KeySpec};
use serde::Serialize;
use tracing::level_filters::LevelFilter;

use crate::{
    check::{Refused, Warned},
    choose::{ProtocolChoice, as_sentence},
    failure::Failure,
    logs,
    pair::{self, Order, PairJob, PairReport, PartyInput, PartyReport, Phase, RefusedRows, WarnedRows},
    progress::Progress,
    screen::{self, Format},
    space::SpaceArguments,
    stop,
    text::{self, Lang},
};

/// Arguments of `match`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The receiver's records: a CSV or Parquet file, postgres://…?table=…, s3://… or oss://…
    #[arg(long, value_name = "A")]
    receiver: String,
    /// The sender's records
    #[arg(long, value_name = "B")]
    sender: String,
    /// The columns that identify a record
    #[arg(long, value_name = "COL", value_delimiter = ',', required = true)]
    key: Vec<String>,
    /// The sender's names of these columns, where they differ
    #[arg(long, value_name = "COL", value_delimiter = ',')]
    sender_key: Vec<String>,
    /// The sender's columns that the receiver gets for rows that match
    #[arg(long, value_name = "COL", value_delimiter = ',')]
    label: Vec<String>,
    /// What is answered: membership, labelled, both, cardinality, sum [default: labelled with --label, otherwise membership]
    #[arg(long)]
    mode: Option<Mode>,
    /// How: auto, ecdh, vole (vole-malicious is not built yet)
    #[arg(long, default_value = "auto")]
    protocol: ProtocolChoice,
    /// What the key columns hold, one for each: raw, resident-id, uscc, organisation-code, ebill,
    /// birth-certificate, mobile, name, date, region [default: raw]
    #[arg(long, value_name = "T", value_delimiter = ',')]
    key_type: Vec<KeyType>,
    /// Where the receiver's rows that match go: a file, table or object; without it only the summary is printed
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Where the sender's rows that match go; mode both alone
    #[arg(long, value_name = "FILE")]
    sender_output: Option<PathBuf>,
    /// Replace an output that is there already
    #[arg(long)]
    overwrite: bool,
    /// Threads that compute, for each party [default: all cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    #[command(flatten)]
    space: SpaceArguments,
    /// How the summary is printed
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// How many threads compute where nothing was asked for.
#[must_use]
pub fn threads(asked: Option<u16>) -> usize {
    asked.map_or_else(|| std::thread::available_parallelism().map_or(1, Into::into), usize::from)
}

/// What `match --format json` prints.
#[derive(Debug, Serialize)]
pub struct Summary {
    /// What was answered.
    pub mode: Mode,
    /// How.
    pub protocol: Protocol,
    /// Why this protocol, where it was left open.
    #[serde(serialize_with = "as_sentence")]
    pub protocol_reason: Option<Reason>,
    /// Rows of the receiver's input.
    pub receiver_rows: u64,
    /// Rows of the sender's input.
    pub sender_rows: u64,
    /// Distinct keys of the receiver.
    pub receiver_items: u64,
    /// Distinct keys of the sender.
    pub sender_items: u64,
    /// Rows of the receiver without a key.
    pub receiver_missing_keys: u64,
    /// Rows of the sender without a key.
    pub sender_missing_keys: u64,
    /// Rows of the receiver that were refused.
    pub receiver_refused_rows: u64,
    /// Rows of the sender that were refused.
    pub sender_refused_rows: u64,
    /// The same of the receiver, by key column and reason.
    pub receiver_refusals: Vec<Refused>,
    /// The same of the sender.
    pub sender_refusals: Vec<Refused>,
    /// Rows of the receiver with a key, by what was odd about them.
    pub receiver_warnings: Vec<Warned>,
    /// The same of the sender.
    pub sender_warnings: Vec<Warned>,
    /// Rows of the receiver whose key an earlier row had.
    pub receiver_duplicate_rows: u64,
    /// Rows of the sender whose key an earlier row had.
    pub sender_duplicate_rows: u64,
    /// Of those, rows with other labels than the first row with the key, whose labels count.
    pub label_conflicts: u64,
    /// Keys that both have.
    pub matched: u64,
    /// Rows in the receiver's output, if there is one.
    pub receiver_rows_written: Option<u64>,
    /// Rows in the receiver's output whose labels could not be read: the sender sealed them wrongly.
    pub unreadable_labels: u64,
    /// Rows in the sender's output, if there is one.
    pub sender_rows_written: Option<u64>,
    /// Bytes of protocol frames that went to the receiver.
    pub bytes_to_receiver: u64,
    /// Bytes of protocol frames that went to the sender.
    pub bytes_to_sender: u64,
    /// From the start of both processes to the end of the later one, reading and writing files included.
    pub seconds: f64,
    /// Of those the protocol alone: from two connected parties with their sets in memory to the end of the
    /// session at the later one ([`PairReport::protocol_seconds`]).
    pub protocol_seconds: f64,
    /// Processor time of the receiver's process.
    pub receiver_cpu_seconds: f64,
    /// Processor time of the sender's process.
    pub sender_cpu_seconds: f64,
    /// The most memory that the receiver's process had at once.
    pub receiver_peak_rss_bytes: u64,
    /// The most memory that the sender's process had at once.
    pub sender_peak_rss_bytes: u64,
    /// Into how many bins the sets were cut.
    pub bins: u32,
    /// SHA-256 over all frames of both directions, the same at both parties.
    pub transcript: String,
    /// The run as the receiver saw it.
    pub receiver_phases: Vec<Phase>,
    /// The run as the sender saw it.
    pub sender_phases: Vec<Phase>,
}

impl Arguments {
    /// Checks everything, runs both parties, prints the summary.
    ///
    /// # Errors
    /// [`Failure`] with the status that design and README give each kind.
    pub fn run(self, lang: Lang) -> Result<(), Failure> {
        logs::to_standard_error(LevelFilter::WARN);
        let job = self.job()?;
        self.check(&job)?;
        let order = |role| Order {
            job: job.clone(),
            role,
            input: self.input(role),
            threads: threads(self.threads),
            space: self.space.ordered(),
            choose: self.protocol == ProtocolChoice::Auto,
            network: None,
        };
        let (receiver, sender) = (order(Role::Receiver), order(Role::Sender));
        let runtime = tokio::runtime::Runtime::new().map_err(Failure::other)?;
        let report = runtime.block_on(async {
            let stop = stop::on_signal()?;
            pair::run(receiver, sender, &Progress::to_standard_error(), &stop).await
        })?;
        let summary = summary(&job, report)?;
        match self.format {
            Format::Json => screen::json(&summary),
            Format::Text => screen::line(&text::matching::summary(
                lang,
                &summary,
                shown(self.output.as_deref()).as_deref(),
                shown(self.sender_output.as_deref()).as_deref(),
            )),
        }
    }

    fn job(&self) -> Result<PairJob, Failure> {
        let raw = vec![KeyType::Raw; self.key.len()];
        let key_types = if self.key_type.is_empty() { &raw } else { &self.key_type };
        let sender_key = if self.sender_key.is_empty() { &self.key } else { &self.sender_key };
        let key = KeySpec::new(key_types).map_err(Failure::usage)?;
        for (option, columns) in [("--key", &self.key), ("--sender-key", sender_key)] {
            key.admits(columns.len()).map_err(|error| Failure::usage(format_args!("{option}: {error}")))?;
        }
        let job = PairJob {
            job_id: format!("match-{}", fresh_hex()?),
            mode: self.mode.unwrap_or(if self.label.is_empty() { Mode::Membership } else { Mode::Labelled }),
            protocol: self.protocol.ordered(),
            key_types: key_types.iter().map(ToString::to_string).collect(),
            receiver_key: self.key.clone(),
            sender_key: sender_key.clone(),
            labels: self.label.clone(),
        };
        job.spec()?;
        Ok(job)
    }

    /// Checks what can be checked before anything runs: inputs, columns, outputs.
    fn check(&self, job: &PairJob) -> Result<(), Failure> {
        if job.mode == Mode::Cardinality && self.output.is_some() {
            return Err(Failure::usage("mode cardinality gives a number and no rows; leave out --output"));
        }
        if job.mode != Mode::Both && self.sender_output.is_some() {
            return Err(Failure::usage(
                "only in mode both does the sender learn which of its rows match; leave out --sender-output",
            ));
        }
        let outputs: Vec<&Path> = self.output.iter().chain(&self.sender_output).map(PathBuf::as_path).collect();
        for output in &outputs {
            check_output(output, self.overwrite, &[&self.receiver, &self.sender])?;
        }
        if let [one, other] = outputs.as_slice()
            && one == other
        {
            return Err(Failure::usage("--output and --sender-output are the same file"));
        }
        for (address, columns) in
            [(&self.receiver, vec![&job.receiver_key]), (&self.sender, vec![&job.sender_key, &job.labels])]
        {
            let source = Files::new().open(address)?;
            for column in columns.into_iter().flatten() {
                source.column(column)?;
            }
        }
        Ok(())
    }

    fn input(&self, role: Role) -> PartyInput {
        let (source, output) = match role {
            Role::Receiver => (&self.receiver, &self.output),
            Role::Sender => (&self.sender, &self.sender_output),
        };
        let output = output.as_ref().map(|path| path.to_string_lossy().into_owned());
        PartyInput::Dataset { source: source.clone(), output, overwrite: self.overwrite }
    }
}

/// How an output is named on the screen: without what may be secret.
fn shown(output: Option<&Path>) -> Option<PathBuf> {
    output.map(|output| PathBuf::from(datasets::public_name(&output.to_string_lossy())))
}

/// Refuses an output that cannot be written, or whose writing would destroy something.
///
/// # Errors
/// What is in its way.
pub fn check_output(output: &Path, overwrite: bool, inputs: &[&String]) -> Result<(), Failure> {
    let wrong = |problem: &str| Err(Failure::usage(format_args!("{}: {problem}", output.display())));
    let Some(address) = output.to_str() else {
        return wrong("the name of an output must be UTF-8");
    };
    // A database or a store says itself what is in the way, when the result begins.
    let files = Files::new();
    let Some(path) = files.local_path(address)? else { return Ok(()) };
    if path.is_dir() {
        return wrong("is a folder; name a file");
    }
    if path.exists() && !overwrite {
        return wrong("exists already; name another output or add --overwrite");
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if !folder.unwrap_or(Path::new(".")).is_dir() {
        return wrong("there is no such folder; make it first");
    }
    let place = |path: &Path| fs::canonicalize(path).ok();
    let written = place(&path);
    let same = |input: &String| {
        let input = files.local_path(input).ok().flatten();
        written.is_some() && input.and_then(|path| place(&path)) == written
    };
    if inputs.iter().copied().any(same) {
        return wrong("is one of the inputs; name another output");
    }
    Ok(())
}

/// Sixteen hex digits that no other run has.
///
/// # Errors
/// If the system gives no randomness.
pub fn fresh_hex() -> Result<String, Failure> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(|cause| Failure::other(format_args!("no randomness: {cause}")))?;
    Ok(hex::encode(bytes))
}

/// Checks that both parties saw the same run.
///
/// # Errors
/// If they did not, which is a fault in this program.
pub fn same_run(report: &PairReport) -> Result<(), Failure> {
    let (receiver, sender) = (&report.receiver, &report.sender);
    let differs = if receiver.transcript != sender.transcript {
        "transcripts"
    } else if (receiver.bytes_received, receiver.bytes_sent) != (sender.bytes_sent, sender.bytes_received) {
        "counts of bytes"
    } else if sender.matched.is_some_and(|matched| Some(matched) != receiver.matched) {
        "results"
    } else {
        return Ok(());
    };
    Err(Failure::other(format_args!("the {differs} of the two parties differ")))
}

fn summary(job: &PairJob, report: PairReport) -> Result<Summary, Failure> {
    same_run(&report)?;
    let protocol_seconds = report.protocol_seconds();
    let PairReport { receiver, sender, protocol, reason, total_seconds } = report;
    Ok(Summary {
        mode: job.mode,
        protocol,
        protocol_reason: reason,
        receiver_rows: receiver.rows,
        sender_rows: sender.rows,
        receiver_items: receiver.items,
        sender_items: sender.items,
        receiver_missing_keys: receiver.missing_keys,
        sender_missing_keys: sender.missing_keys,
        receiver_refused_rows: receiver.refusals.iter().map(|one| one.rows).sum(),
        sender_refused_rows: sender.refusals.iter().map(|one| one.rows).sum(),
        receiver_refusals: refusals(&receiver, &job.receiver_key)?,
        sender_refusals: refusals(&sender, &job.sender_key)?,
        receiver_warnings: warnings(&receiver)?,
        sender_warnings: warnings(&sender)?,
        receiver_duplicate_rows: receiver.duplicate_rows,
        sender_duplicate_rows: sender.duplicate_rows,
        label_conflicts: sender.label_conflicts,
        matched: receiver.matched.ok_or_else(|| Failure::other("the receiver learned nothing"))?,
        receiver_rows_written: receiver.rows_written,
        unreadable_labels: receiver.unreadable_labels,
        sender_rows_written: sender.rows_written,
        bytes_to_receiver: receiver.bytes_received,
        bytes_to_sender: receiver.bytes_sent,
        seconds: total_seconds,
        protocol_seconds,
        receiver_cpu_seconds: receiver.resources.cpu_seconds,
        sender_cpu_seconds: sender.resources.cpu_seconds,
        receiver_peak_rss_bytes: receiver.resources.peak_rss_bytes,
        sender_peak_rss_bytes: sender.resources.peak_rss_bytes,
        bins: receiver.bins,
        transcript: receiver.transcript,
        receiver_phases: receiver.phases,
        sender_phases: sender.phases,
    })
}

/// Why rows of a party were refused, with the names of its key columns.
fn refusals(party: &PartyReport, key: &[String]) -> Result<Vec<Refused>, Failure> {
    let named = |one: &RefusedRows| {
        let column = key.get(one.column).cloned().unwrap_or_default();
        Ok(Refused { column, reason: one.reason.parse().map_err(Failure::other)?, rows: one.rows })
    };
    party.refusals.iter().map(named).collect()
}

/// What was odd about rows of a party.
fn warnings(party: &PartyReport) -> Result<Vec<Warned>, Failure> {
    let named = |one: &WarnedRows| Ok(Warned { warning: one.warning.parse().map_err(Failure::other)?, rows: one.rows });
    party.warnings.iter().map(named).collect()
}
