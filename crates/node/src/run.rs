//! One run, from an input to a result: with whoever is at the other end of a link, a dialled
//! connection or an accepted call.

use std::{
    fmt,
    future::{Future, ready},
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};

use agreement::{IdentityPublicKey, JobSpec, Mode, ParticipantId, Role};
use records::{CanonicalKey, Datasets};
use session::{ComputePool, Limits, PhaseReport, SessionError, settings::ProgressHook};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::{
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
    /// How long the peer has to become ready: to listen, to dial, to prepare its input.
    pub rendezvous: Duration,
    /// The most items that the peer may enter.
    pub max_items: u64,
    /// Where the protocol's steps run.
    pub compute: ComputePool,
    /// Ends the run from this side.
    pub cancel: CancellationToken,
    /// Is told how far the session is.
    pub progress: Option<ProgressHook>,
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

impl Run {
    /// A run with the customary limits: 60 seconds for a peer to become ready or to send its next frame,
    /// an hour in all.
    #[must_use]
    pub fn new(
        job_id: impl Into<String>,
        spec: JobSpec,
        me: ParticipantId,
        identities: Vec<(ParticipantId, IdentityPublicKey)>,
        input: Input,
        compute: ComputePool,
    ) -> Self {
        Self {
            job_id: job_id.into(),
            spec,
            me,
            identities,
            input,
            limits: Limits { idle: Duration::from_secs(60), total: Duration::from_secs(3600) },
            rendezvous: Duration::from_secs(60),
            max_items: u64::from(u32::MAX),
            compute,
            cancel: CancellationToken::new(),
            progress: None,
        }
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
    /// Rows of this side's source.
    pub rows: u64,
    /// Distinct keys among them.
    pub items: u64,
    /// Rows without a key: not matched.
    pub missing_keys: u64,
    /// Rows whose key an earlier row had.
    pub duplicate_rows: u64,
    /// Of those, a labelled sender's rows whose labels are not those of the first row with the key.
    pub label_conflicts: u64,
    /// The size of its set that this side told the peer.
    pub padded_size: u64,
    /// The size of its set that the peer told.
    pub peer_padded_size: u64,
    /// Items in common, if this side learned how many.
    pub matched: Option<u64>,
    /// Rows of the result, if one was written; 0 where it is a number alone.
    pub rows_written: Option<u64>,
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
}

/// Runs over a link that is there already.
///
/// # Errors
/// [`RunError`], which says whose fault it was. The peer has been told, unless it told us.
pub async fn run_over(run: Run, link: Link) -> Result<RunReport, RunError> {
    conduct(run, ready(Ok(link))).await
}

/// Runs over the link that `link` brings, while the input is being prepared.
pub(crate) async fn conduct(
    run: Run,
    link: impl Future<Output = Result<Link, RunError>>,
) -> Result<RunReport, RunError> {
    let began = Instant::now();
    let stop = Stop::new(run.cancel.clone(), run.limits.total);
    let (plan, prepared, mut link) = meet(&run, &stop, link).await?;
    let prepare_seconds = began.elapsed().as_secs_f64();
    let Prepared { items, counts, padded_size, labels, commitment, delivery } = prepared;
    let (labels, label_size) = labels.map_or((None, 0), |(labels, size)| (Some(labels), size));

    let own = OwnInput { padded_size, commitment, label_size };
    let opened = stop.bound(open(&run, &plan, &mut link, own, engine_parts(&items, labels))).await;
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
    let Delivered { matched, rows_written } =
        deliver::deliver(finished.output, items, delivery, counts, &plan, &stop).await?;
    Ok(RunReport {
        participant: plan.me.clone(),
        role: plan.own.role,
        peer: plan.peer().clone(),
        mode: plan.terms.mode,
        rows: counts.rows,
        items: item_count,
        missing_keys: counts.missing_keys,
        duplicate_rows: counts.duplicate_rows,
        label_conflicts: counts.label_conflicts,
        padded_size,
        peer_padded_size: agreed.peer_size,
        matched,
        rows_written,
        transcript: finished.transcript,
        phases: finished.phases,
        bytes_sent: finished.bytes_sent,
        bytes_received: finished.bytes_received,
        prepare_seconds,
        deliver_seconds: delivering.elapsed().as_secs_f64(),
        seconds: began.elapsed().as_secs_f64(),
    })
}
