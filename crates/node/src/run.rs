//! One run, from an input to a result: with whoever is at the other end of a link, a dialled
//! connection or an accepted call.

use std::{
    fmt,
    future::{Future, ready},
    mem,
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};

use agreement::{IdentityPublicKey, JobSpec, Mode, ParticipantId, Role};
use psi::{Item, Outcome, matching::Labels};
use records::{CanonicalKey, Datasets, RowCounts};
use session::{ComputePool, Finished, Limits, PhaseReport, SessionError, settings::ProgressHook};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use wire::Network;

use crate::{
    choice::{self, Approach, ProtocolHook},
    deliver::{self, Delivered},
    engine,
    error::RunError,
    handshake::{self, Agreed, OwnInput, Patience},
    link::Link,
    plan::Plan,
    prepare::{self, Prepared, random},
    stop::Stop,
};

/// How long a run that has failed waits for a connection on which to say so.
const COURTESY: Duration = Duration::from_secs(3);

/// One side of one run.
#[derive(Clone)]
pub struct Run {
    /// The job; both sides name the same.
    pub job_id: String,
    /// What it is.
    pub spec: JobSpec,
    /// This side.
    pub me: ParticipantId,
    /// The identities of all parties, this side's own included, as they are pinned here.
    pub identities: Vec<(ParticipantId, IdentityPublicKey)>,
    /// What this side enters.
    pub input: Input,
    /// How long the session may wait: for the next frame, and in all, preparation and delivery included.
    pub limits: Limits,
    /// Where the protocol's steps run.
    pub compute: ComputePool,
    /// Ends the run from this side.
    pub cancel: CancellationToken,
    /// Is told how far the session is.
    pub progress: Option<ProgressHook>,
    /// Names the protocol once this side is ready for its peer; without it, it is the one of the job.
    pub choose: Option<ProtocolHook>,
    /// A network that the connection is shaped to, for measurements; nothing for the one that is there.
    pub network: Option<Network>,
}

/// What a party enters into a run.
#[derive(Clone)]
pub enum Input {
    /// Records of a dataset.
    Dataset {
        /// Opens it.
        datasets: Arc<dyn Datasets>,
        /// Its address.
        source: String,
        /// Where the result goes, if this side gets one and it is to be kept.
        output: Option<String>,
        /// Whether a result that is there already is replaced.
        overwrite: bool,
    },
    /// Keys without records: the result is a count.
    Items(Vec<CanonicalKey>),
}

impl fmt::Debug for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run").field("job_id", &self.job_id).field("me", &self.me).finish_non_exhaustive()
    }
}

/// What a run accepts of its peer besides its [`Limits`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// How long the peer has to become ready: to listen, to dial, to prepare its input.
    pub(crate) rendezvous: Duration,
    /// The most items that it may enter.
    pub(crate) max_items: u64,
}

impl Run {
    /// The bounds of a run that is not a node's: nothing beyond its own limits.
    pub(crate) fn bounds(&self) -> Bounds {
        Bounds { rendezvous: self.limits.idle, max_items: u64::from(u32::MAX) }
    }

    /// The other party, if the job has one.
    pub(crate) fn peer(&self) -> Result<&ParticipantId, RunError> {
        let other = self.spec.parties.iter().find(|party| party.participant != self.me);
        let nobody = || RunError::Configuration(format!("job {} has no other party", self.job_id));
        other.map(|party| &party.participant).ok_or_else(nobody)
    }
}

/// What one side has to say of a run that succeeded.
#[derive(Clone, Debug)]
pub struct RunReport {
    /// This side.
    pub participant: ParticipantId,
    /// What it was.
    pub role: Role,
    /// The other side.
    pub peer: ParticipantId,
    /// What the run answered.
    pub mode: Mode,
    /// Rows of this side's source, and which of them have no key or one that stood before.
    pub counts: RowCounts,
    /// Distinct keys among them.
    pub items: u64,
    /// The size of its set that this side told the peer.
    pub padded_size: u64,
    /// The size of its set that the peer told.
    pub peer_padded_size: u64,
    /// Items in common, if this side learned how many.
    pub matched: Option<u64>,
    /// Rows of the result, if one was written; 0 where it is a number alone.
    pub rows_written: Option<u64>,
    /// Matches that were delivered with empty labels, because the peer sealed or wrote theirs wrongly. It
    /// is not told: it would learn that they matched.
    pub unreadable_labels: u64,
    /// SHA-256 over the frames of both directions; the same on both sides.
    pub transcript: [u8; 32],
    /// Seconds and bytes of the session by phase.
    pub phases: Vec<PhaseReport>,
    /// Bytes of frames sent.
    pub bytes_sent: u64,
    /// Bytes of frames received.
    pub bytes_received: u64,
    /// Seconds until the input was prepared and the peer was there.
    pub prepare_seconds: f64,
    /// Seconds in which the result was delivered.
    pub deliver_seconds: f64,
    /// Seconds from beginning to end.
    pub seconds: f64,
    /// When this side was ready: its input prepared, and connected if it makes the connection. The later of
    /// both sides' is when they were two connected parties with their sets in memory.
    pub ready: Instant,
    /// When the session had ended at both sides, as far as this one can tell, and before the result was
    /// delivered.
    pub ended: Instant,
}

/// Runs over a link that is there already.
///
/// # Errors
/// [`RunError`], which says whose fault it was. The peer has been told, unless it told us.
pub async fn run_over(run: Run, link: Link) -> Result<RunReport, RunError> {
    let bounds = run.bounds();
    conduct(run, bounds, Approach::Calls(None), ready(Ok(link))).await
}

/// Runs over the link that `link` brings, while the input is being prepared.
pub(crate) async fn conduct(
    mut run: Run,
    bounds: Bounds,
    approach: Approach,
    link: impl Future<Output = Result<Link, RunError>>,
) -> Result<RunReport, RunError> {
    let began = Instant::now();
    let stop = Stop::new(run.cancel.clone(), run.limits.total);
    // Taken, since a copy of made-up items would be held to the end.
    let input = mem::replace(&mut run.input, Input::Items(Vec::new()));
    let Met { plan, prepared, mut link, ready } = match meet(&run, input, &stop, approach, link).await {
        Ok(met) => met,
        Err(error) => {
            // A result that was begun is gone when the run is.
            stop.settled().await;
            return Err(error);
        }
    };
    let prepare_seconds = began.elapsed().as_secs_f64();
    let Prepared { items, counts, padded_size, labels, commitment, delivery } = prepared;
    let (labels, label_size) = labels.map_or((None, 0), |(labels, size)| (Some(labels), size));

    let own = OwnInput { padded_size, commitment, label_size };
    let opened = stop.bound(open(&run, bounds, &plan, &mut link, own, (Arc::clone(&items), labels))).await;
    let (agreed, first) = match opened {
        Ok(opened) => opened,
        Err(error) => {
            link.part(&error).await;
            return Err(error);
        }
    };
    let finished = converse(&run, &plan, &stop, link, &agreed, first).await?;

    let delivering = Instant::now();
    let item_count = items.len() as u64;
    let Delivered { matched, rows_written, unreadable_labels } =
        deliver::deliver(finished.output, items, delivery, &plan, &stop).await?;
    Ok(RunReport {
        participant: plan.me.clone(),
        role: plan.own.role,
        peer: plan.peer().clone(),
        mode: plan.terms.mode,
        counts,
        items: item_count,
        padded_size,
        peer_padded_size: agreed.peer_size,
        matched,
        rows_written,
        unreadable_labels,
        transcript: finished.transcript,
        phases: finished.phases,
        bytes_sent: finished.bytes_sent,
        bytes_received: finished.bytes_received,
        prepare_seconds,
        deliver_seconds: delivering.elapsed().as_secs_f64(),
        seconds: began.elapsed().as_secs_f64(),
        ready,
        ended: finished.ended,
    })
}

/// A side that can say hello.
struct Met {
    plan: Plan,
    prepared: Prepared,
    link: Link,
    /// See [`RunReport::ready`].
    ready: Instant,
}

/// Prepares the input and waits for the link, both at once. Whichever side cannot go on, the other is told.
async fn meet(
    run: &Run,
    input: Input,
    stop: &Stop,
    approach: Approach,
    link: impl Future<Output = Result<Link, RunError>>,
) -> Result<Met, RunError> {
    let called = approach.is_called();
    let preparing = async {
        let plan = Plan::new(run)?;
        let prepared = prepare::prepare(run, input, &plan, stop).await?;
        let plan = choice::settle(run, plan, prepared.facts(), approach).await?;
        Ok((plan, prepared, Instant::now()))
    };
    let mut preparing = pin!(stop.bound(preparing));
    let mut link = pin!(stop.bound(link));
    let prepared = tokio::select! {
        prepared = &mut preparing => prepared,
        arrived = &mut link => {
            let mut link = arrived?;
            let prepared = tokio::select! {
                prepared = preparing => prepared,
                error = link.gone(&run.me) => Err(error),
            };
            return match prepared {
                Ok((plan, prepared, ready)) => Ok(Met { plan, prepared, link, ready }),
                Err(error) => {
                    link.part(&error).await;
                    Err(error)
                }
            };
        }
    };
    match prepared {
        Ok((plan, prepared, prepared_at)) => {
            let link = link.await?;
            // A call that comes to us has been open since before the peer was ready.
            let ready = if called { prepared_at } else { Instant::now() };
            Ok(Met { plan, prepared, link, ready })
        }
        Err(error) => {
            // The peer may be about to arrive: better that it hears why than that it waits in vain. Once
            // the run is stopped there is no link to be had.
            if let Ok(Ok(link)) = timeout(COURTESY, link).await {
                link.part(&error).await;
            }
            Err(error)
        }
    }
}

/// The handshake, and the party that it leads to.
async fn open(
    run: &Run,
    bounds: Bounds,
    plan: &Plan,
    link: &mut Link,
    own: OwnInput,
    (items, labels): (Arc<[Item]>, Option<Labels>),
) -> Result<(Agreed, engine::First), RunError> {
    let patience = Patience { hello: bounds.rendezvous, step: run.limits.idle, max_items: bounds.max_items };
    engine::takes(plan, &plan.me, plan.own.role, own.padded_size)?;
    let agreed = handshake::shake(link, plan, own, patience).await?;
    engine::takes(plan, plan.peer(), plan.theirs.role, agreed.peer_size)?;
    let parameters = engine::parameters(plan, &agreed)?;
    let (what, role) = ((plan.terms.mode, plan.terms.protocol), plan.own.role);
    let parts = engine::Parts { items, labels, label_size: agreed.label_size, seed: random()? };
    let party = run.compute.run(move || engine::party(what, role, &parameters, parts)).await;
    let first = party.map_err(|error| RunError::Own(error.to_string()))??;
    Ok((agreed, first))
}

/// The session itself.
async fn converse(
    run: &Run,
    plan: &Plan,
    stop: &Stop,
    link: Link,
    agreed: &Agreed,
    first: engine::First,
) -> Result<Finished<Outcome>, RunError> {
    let settings = session::Settings {
        session_id: agreed.session_id,
        side: engine::side(plan.own.role),
        compute: run.compute.clone(),
        limits: Limits { idle: run.limits.idle, total: stop.left() },
        cancel: run.cancel.clone(),
        progress: run.progress.clone(),
    };
    let (channel, closing) = link.into_channel();
    let offence = channel.offence();
    let finished = session::run(first, channel, settings).await;
    closing.wait().await;
    finished.map_err(|error| match (error, offence.get()) {
        (SessionError::Peer(_), Some(what)) => RunError::Peer { peer: plan.peer().clone(), what: what.clone() },
        (error, _) => RunError::of_session(error, plan.peer(), &plan.me, stop.total()),
    })
}
