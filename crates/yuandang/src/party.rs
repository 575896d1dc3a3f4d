//! `yuandang party`: one of the two processes of `match` and `bench`. Not for people: it takes its orders
//! from its standard input and answers on its standard output ([`crate::pair`] has the messages).

use std::{
    io::Write,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use agreement::{Digest, IdentityKey, IdentityPublicKey, JobSpec, Moment, ParticipantId, Role, Signed, acts::Consent};
use datasets::Files;
use node::{Facts, Input, Output, ProtocolHook, Run, RunError, RunReport, Under, quality::Examining};
use records::{CanonicalKey, Refusal};
use serde::{Serialize, de::DeserializeOwned};
use session::{ComputePool, Limits, PhaseProgress};
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines, Stdin},
    net::TcpListener,
    sync::mpsc,
};
use tokio_util::sync::CancellationToken;
use wire::{Credentials, Pins};

use crate::{
    failure::{Failure, Status},
    identity::fresh_identity,
    moment::monotonic_nanoseconds,
    pair::{
        Choice, Consented, Go, Met, Order, PartyInput, PartyReport, Phase, RefusedRows, WarnedRows, messages::Event,
        participant,
    },
    resources::Resources,
    stop,
};

/// The other party may read a large file, or compute, for long before its next frame comes. If its
/// process ends, the connection does, and that is noticed at once.
const LIMITS: Limits = Limits { idle: Duration::from_secs(3600), total: Duration::from_secs(7 * 86_400) };

/// How long a run that was told to stop may take to end in order.
const PATIENCE: Duration = Duration::from_secs(10);

/// The least time between two messages of progress.
const BETWEEN_PROGRESS: Duration = Duration::from_millis(100);

/// Takes an order, does it, and says what came of it.
///
/// # Errors
/// Only if the parent cannot be told; every other failure is a message to it.
pub fn run() -> Result<(), Failure> {
    let runtime = tokio::runtime::Runtime::new().map_err(Failure::other)?;
    let outcome = runtime.block_on(take_part());
    let told = match outcome {
        Ok(report) => tell(&Event::Report(Box::new(report))),
        Err(failure) => tell(&Event::Failed { status: failure.status.code(), message: failure.message }),
    };
    // What reads or writes files ends and removes what is half-written; the parent, once told, or its end
    // lets go of our standard input.
    runtime.shutdown_timeout(PATIENCE);
    told
}

async fn take_part() -> Result<PartyReport, Failure> {
    let cancel = stop::on_signal()?;
    let mut orders = BufReader::new(tokio::io::stdin()).lines();
    let order: Order = next_order(&mut orders).await?;
    let me = participant(order.role)?;
    let identity = fresh_identity()?;
    let issued =
        wire::endorse(&identity, &me, SystemTime::now() - Duration::from_secs(3600), 2).map_err(Failure::other)?;
    let credentials = Credentials::from_pem(me.clone(), &issued.cert_pem, &issued.key_pem).map_err(Failure::other)?;

    let listener = match order.role {
        Role::Sender => Some(TcpListener::bind("127.0.0.1:0").await.map_err(Failure::other)?),
        Role::Receiver => None,
    };
    let address = listener.as_ref().map(TcpListener::local_addr).transpose().map_err(Failure::other)?;
    let endpoint = address.map(|address| format!("https://{address}"));
    tell(&Event::Ready { identity: identity.public().to_string(), endpoint })?;

    let go: Go = next_order(&mut orders).await?;
    let peer = (participant(order.role.other())?, go.peer.parse().map_err(Failure::other)?);
    let pins = Pins::new([peer.clone()]).map_err(Failure::other)?;
    let (spec, under) = agree(&order, (&me, identity), &peer, go.made, &mut orders).await?;
    let identities = vec![(me.clone(), under.identity()), peer];
    let choices = heed_parent(orders, cancel.clone());
    let run = Run { under: Some(under), ..the_run(order, spec, (me, identities), choices, cancel)? };
    let cancel = run.cancel.clone();
    let work = async {
        match (listener, go.dial) {
            (Some(listener), _) => Ok(node::listen_once(run, listener, &credentials, &pins).await?),
            (None, Some(endpoint)) => Ok(node::dial(run, &endpoint, &credentials, &pins).await?),
            (None, None) => Err(Failure::other("there is nobody to dial")),
        }
    };
    tokio::select! {
        report = work => report.map(PartyReport::from),
        () = patience_after(cancel) => Err(Failure::stopped()),
    }
}

/// Ends some time after `cancel`: the run then had time to tell its peer, and to finish or remove what it
/// was writing.
async fn patience_after(cancel: CancellationToken) {
    cancel.cancelled().await;
    tokio::time::sleep(PATIENCE).await;
}

/// Makes up the agreement of this run, as the other party does, and signs it; gives the job under it.
async fn agree(
    order: &Order,
    (me, key): (&ParticipantId, IdentityKey),
    peer: &(ParticipantId, IdentityPublicKey),
    made: i64,
    orders: &mut Lines<BufReader<Stdin>>,
) -> Result<(JobSpec, Under), Failure> {
    let (at, job_id) = (Moment::from_seconds(made).map_err(Failure::other)?, &order.job.job_id);
    let spec = order.job.spec()?;
    let identities = [(me.clone(), key.public()), peer.clone()];
    let nonce = Digest::of(&[job_id.as_bytes()]).as_bytes().first_chunk().copied().unwrap_or_default();
    let agreement = node::made_up_agreement(&spec, &identities, nonce, at)?;
    let digest = agreement.digest().map_err(Failure::usage)?;
    let consent = Consent { agreement: digest, at, approvers: vec!["nobody".to_owned()] };
    let own = Signed::sign(consent, me, &key).map_err(Failure::other)?;
    let statement = String::from_utf8(own.to_bytes().map_err(Failure::other)?).map_err(Failure::other)?;
    tell(&Event::Consented(Consented { statement }))?;
    let Consented { statement } = next_order(orders).await?;
    let theirs = Signed::from_bytes(statement.as_bytes()).map_err(Failure::other)?;
    let spec = JobSpec { agreement_digest: Some(*digest.as_bytes()), ..spec };
    let under = Under::made_up(me, Arc::new(key), agreement, vec![own, theirs], (job_id, &spec), at).await?;
    Ok((spec, under))
}

fn the_run(
    order: Order,
    spec: JobSpec,
    (me, identities): (ParticipantId, Vec<(ParticipantId, IdentityPublicKey)>),
    choices: Choices,
    cancel: CancellationToken,
) -> Result<Run, Failure> {
    Ok(Run {
        attempt: 0,
        under: None,
        guard: None,
        stage: node::Stage::Whole,
        choose: order.choose.then(|| asking_the_parent(choices)),
        network: order.shaped()?,
        job_id: order.job.job_id.clone(),
        spec,
        me,
        identities,
        input: match order.input {
            PartyInput::Dataset { source, output, overwrite } => {
                let output = output.map(Output::Address);
                let datasets = Arc::new(Files::new());
                Input::Dataset { datasets, source, output, overwrite, examining: Examining::default() }
            }
            PartyInput::MadeUp { count, shared } => Input::Items(made_up(order.role, count, shared)),
        },
        limits: LIMITS,
        space: order.space.into(),
        checkpoints: None,
        compute: ComputePool::new(order.threads).map_err(Failure::other)?,
        cancel,
        progress: Some(progress_to_parent()),
    })
}

/// Items of one party: those before `shared` are the same for both.
fn made_up(role: Role, count: u64, shared: u64) -> Vec<CanonicalKey> {
    let own: u64 = match role {
        Role::Receiver => 1,
        Role::Sender => 2,
    };
    let item = |index: u64| {
        let owner = if index < shared { 0 } else { own };
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&index.to_be_bytes());
        bytes[8..].copy_from_slice(&owner.to_be_bytes());
        CanonicalKey(bytes)
    };
    (0..count).map(item).collect()
}

/// What the parent still says: the protocol, if it was left open.
type Choices = mpsc::Receiver<String>;

/// Hears what the parent still says. The end of its orders means that it wants no more of this, or is gone.
fn heed_parent(mut orders: Lines<BufReader<Stdin>>, cancel: CancellationToken) -> Choices {
    let (said, choices) = mpsc::channel(1);
    tokio::spawn(async move {
        while let Ok(Some(line)) = orders.next_line().await {
            // It says one thing at most; nobody waits for more.
            let _ = said.try_send(line);
        }
        cancel.cancel();
    });
    choices
}

/// Tells the parent what this party knows, and waits for the protocol.
fn asking_the_parent(choices: Choices) -> ProtocolHook {
    let choices = Arc::new(tokio::sync::Mutex::new(choices));
    Arc::new(move |Facts { padded_size, label_size, round_trip }| {
        let choices = Arc::clone(&choices);
        let round_trip_seconds = round_trip.map(|round_trip| round_trip.as_secs_f64());
        Box::pin(async move {
            let said = |failure: Failure| failure.message;
            tell(&Event::Met(Met { items: padded_size, label_size, round_trip_seconds })).map_err(said)?;
            let line = choices.lock().await.recv().await.ok_or("the parent is gone")?;
            serde_json::from_str(&line).map(|Choice { protocol }| protocol).map_err(|error| error.to_string())
        })
    })
}

async fn next_order<T: DeserializeOwned>(orders: &mut Lines<BufReader<Stdin>>) -> Result<T, Failure> {
    match orders.next_line().await {
        Ok(Some(line)) => serde_json::from_str(&line).map_err(Failure::usage),
        Ok(None) | Err(_) => Err(Failure::other("this command is started by match and bench, not by hand")),
    }
}

fn tell(event: &impl Serialize) -> Result<(), Failure> {
    let mut line = serde_json::to_vec(event).map_err(Failure::other)?;
    line.push(b'\n');
    let mut out = std::io::stdout().lock();
    out.write_all(&line).and_then(|()| out.flush()).map_err(Failure::other)
}

fn progress_to_parent() -> Arc<dyn Fn(PhaseProgress) + Send + Sync> {
    let last = Mutex::new(None::<Instant>);
    Arc::new(move |progress| {
        let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_some_and(|last| last.elapsed() < BETWEEN_PROGRESS) && progress.done < progress.total {
            return;
        }
        *last = Some(Instant::now());
        let PhaseProgress { phase, done, total } = progress;
        // A parent that is gone shows in the orders.
        let _ = tell(&Event::Progress { phase: phase.to_owned(), done, total });
    })
}

impl From<RunReport> for PartyReport {
    fn from(report: RunReport) -> Self {
        Self {
            rows: report.counts.rows,
            items: report.items,
            missing_keys: report.counts.missing_keys,
            refusals: report
                .tally
                .refusals()
                .map(|(Refusal { column, reason }, rows)| RefusedRows { column, reason: reason.to_string(), rows })
                .collect(),
            warnings: report
                .tally
                .warnings()
                .map(|(warning, rows)| WarnedRows { warning: warning.to_string(), rows })
                .collect(),
            duplicate_rows: report.counts.duplicate_rows,
            label_conflicts: report.counts.label_conflicts,
            matched: report.matched,
            rows_written: report.rows_written,
            unreadable_labels: report.unreadable_labels,
            bins: report.bins,
            transcript: hex::encode(report.transcript),
            bytes_sent: report.bytes_sent,
            bytes_received: report.bytes_received,
            phases: report
                .phases
                .iter()
                .map(|phase| Phase {
                    phase: phase.phase.to_owned(),
                    seconds: phase.seconds,
                    compute_seconds: phase.compute_seconds,
                    bytes_sent: phase.bytes_sent,
                    bytes_received: phase.bytes_received,
                })
                .collect(),
            ready_nanoseconds: monotonic_nanoseconds(report.ready),
            ended_nanoseconds: monotonic_nanoseconds(report.ended),
            resources: Resources::of_this_process(),
        }
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        Self::new(Status::of_code(error.exit_code()), error)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn made_up_items_have_just_so_many_in_common() {
        let set = |role| made_up(role, 100, 40).into_iter().collect::<BTreeSet<_>>();
        let (receiver, sender) = (set(Role::Receiver), set(Role::Sender));
        assert_eq!((receiver.len(), sender.len(), receiver.intersection(&sender).count()), (100, 100, 40));
    }
}
