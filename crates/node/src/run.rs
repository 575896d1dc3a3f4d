//! One run, from an input to a result: with whoever is at the other end of a link, a dialled
//! connection or an accepted call.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use agreement::{IdentityPublicKey, JobSpec, Mode, ParticipantId, Role, receipt::RunFacts};
use records::{CanonicalKey, Datasets, RowCounts, Tally};
use session::{ComputePool, Limits, PhaseReport, settings::ProgressHook};
use tokio_util::sync::CancellationToken;
use wire::Network;
use zeroize::Zeroizing;

use crate::{
    checkpoint::Checkpoints,
    choice::{Approach, ProtocolHook},
    conduct::conduct,
    error::RunError,
    guard::Guard,
    lines::Given,
    link::Link,
    quality::Examining,
    results::ResultsFolder,
    space::Space,
    under::Under,
};

/// One side of one run.
#[derive(Clone)]
pub struct Run {
    /// The job; both sides name the same.
    pub job_id: String,
    /// How often it was begun before.
    pub attempt: u32,
    /// What it is.
    pub spec: JobSpec,
    /// The agreement that it stands under.
    pub under: Option<Under>,
    /// Compares what it enters with earlier runs; nothing where that is not wanted.
    pub guard: Option<Guarding>,
    /// This side.
    pub me: ParticipantId,
    /// The identities of all parties, this side's own included, as they are pinned here.
    pub identities: Vec<(ParticipantId, IdentityPublicKey)>,
    /// What this side enters.
    pub input: Input,
    /// How long the session may wait: for the next frame, and in all, preparation and delivery included.
    pub limits: Limits,
    /// What it may take of the machine.
    pub space: Space,
    /// Where it is kept, if it is to go on after this process.
    pub checkpoints: Option<Checkpoints>,
    /// Where the protocol's steps run.
    pub compute: ComputePool,
    /// Whether it is a whole job, or part of one.
    pub stage: Stage,
    /// Ends the run from this side.
    pub cancel: CancellationToken,
    /// Is told how far the session is.
    pub progress: Option<ProgressHook>,
    /// Names the protocol once this side is ready for its peer; without it, it is the one of the job.
    pub choose: Option<ProtocolHook>,
    /// A network that the connection is shaped to, for measurements; nothing for the one that is there.
    pub network: Option<Network>,
}

/// A guard, and what becomes of an input that is too close to an earlier one.
#[derive(Clone, Debug)]
pub struct Guarding {
    /// It compares.
    pub guard: Guard,
    /// Whether approvers are asked; otherwise it is refused.
    pub asks: bool,
}

/// What a run is to its job.
#[derive(Clone, Default)]
pub enum Stage {
    /// All of it.
    #[default]
    Whole,
    /// It asks for the size of the result before anything is delivered; its input is committed to under this secret.
    Gate(Zeroizing<[u8; 32]>),
    /// It delivers, with the inputs whose size was asked.
    Gated(Entered),
}

/// What both sides entered into the run that asked for the size.
#[derive(Clone)]
pub struct Entered {
    /// The secret of this side's commitment.
    pub(crate) secret: Zeroizing<[u8; 32]>,
    /// The peer's commitment.
    pub(crate) peer_commitment: [u8; 32],
    /// The size of the peer's set, as it told it.
    pub(crate) peer_size: u64,
}

impl Stage {
    /// The secret that this side's input is committed to under, if that is settled.
    pub(crate) fn secret(&self) -> Option<&Zeroizing<[u8; 32]>> {
        match self {
            Self::Whole => None,
            Self::Gate(secret) | Self::Gated(Entered { secret, .. }) => Some(secret),
        }
    }

    /// What the peer has to enter, if that is settled: its commitment and its size.
    pub(crate) fn held(&self) -> Option<([u8; 32], u64)> {
        match self {
            Self::Gated(entered) => Some((entered.peer_commitment, entered.peer_size)),
            Self::Whole | Self::Gate(_) => None,
        }
    }

    /// Whether the run only asks for the size.
    pub(crate) fn is_gate(&self) -> bool {
        matches!(self, Self::Gate(_))
    }
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
        output: Option<Output>,
        /// Whether a result that is there already is replaced.
        overwrite: bool,
        /// How its rows are examined.
        examining: Examining,
    },
    /// Keys without records: the result is a count.
    Items(Vec<CanonicalKey>),
}

/// Where a result goes.
#[derive(Clone, Debug)]
pub enum Output {
    /// In plain, to the place that this address of a dataset names.
    Address(String),
    /// Sealed, into a node's folder of results, under the name of its job.
    Folder(Arc<ResultsFolder>),
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
    /// Why rows of its source have no key, and what was noticed of those that do.
    pub tally: Tally,
    /// Distinct keys among them.
    pub items: u64,
    /// The size of its set that this side told the peer.
    pub padded_size: u64,
    /// The size of its set that the peer told.
    pub peer_padded_size: u64,
    /// Items in common, if this side learned how many.
    pub matched: Option<u64>,
    /// Whether the result has fewer items than the agreement allows, and was not delivered. Nobody else is told.
    pub withheld: bool,
    /// What both sides' receipts say alike of the run.
    pub facts: RunFacts,
    /// Rows of the result, if one was written; 0 where it is a number alone.
    pub rows_written: Option<u64>,
    /// Matches that were delivered with empty labels, because the peer sealed or wrote theirs wrongly. It
    /// is not told: it would learn that they matched.
    pub unreadable_labels: u64,
    /// Into how many bins the sets were cut.
    pub bins: u32,
    /// How many of them an earlier process had finished.
    pub resumed_bins: u32,
    /// SHA-256 over the frames of both directions, bin by bin; the same on both sides.
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
    conduct(run, bounds, Approach::Calls(None), Given(Some(link))).await
}
