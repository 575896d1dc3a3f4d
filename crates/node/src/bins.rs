//! The bins of a run, each a session of its own: one after the other on a lane, several lanes at a time.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use agreement::run::job_transcript;
use psi::{Outcome, Parameters, bins::Bins};
use session::{Finished, Limits, Line, PhaseProgress, PhaseReport, SessionError};
use tokio::task::JoinSet;

use crate::{
    channel::{Closing, Offence},
    checkpoint::Checkpoint,
    engine,
    error::RunError,
    findings::{BinFindings, Findings},
    handshake::Agreed,
    link::Link,
    plan::Plan,
    prepare::{BinSet, Cut, random},
    run::Run,
    stop::Stop,
};

/// What all lanes of a run share.
pub(crate) struct Work {
    pub(crate) run: Run,
    pub(crate) plan: Plan,
    pub(crate) bins: Bins,
    /// The bins that are to be matched, ascending.
    pub(crate) due: Vec<u32>,
    pub(crate) cut: Cut,
    /// Where finished bins are kept, if the run is to go on after this process.
    pub(crate) checkpoint: Option<Checkpoint>,
    pub(crate) findings: Mutex<Findings>,
    pub(crate) tally: Mutex<Tally>,
    pub(crate) stop: Stop,
}

/// A lane: a connection whose handshake is done, and on which sessions run.
pub(crate) struct Lane {
    line: Line,
    closing: Closing,
    offence: Offence,
    agreed: Agreed,
}

impl Lane {
    /// Takes a link, once the handshake on it has come to what is `agreed`.
    pub(crate) fn new(link: Link, agreed: Agreed) -> Self {
        let (channel, closing) = link.into_channel();
        let offence = channel.offence();
        Self { line: Line::open(channel), closing, offence, agreed }
    }

    /// Ends the lane because of an error, which the peer is told.
    pub(crate) async fn break_off(self, error: &RunError) {
        self.line.break_off(error.fault(), error.reason()).await;
        self.closing.wait().await;
    }
}

/// Does `work` before the first session, and shows the peer on all `lanes` meanwhile that this side lives.
pub(crate) async fn busy_with<T>(lanes: &[Lane], idle: Duration, work: impl Future<Output = T>) -> T {
    let lines: Vec<&Line> = lanes.iter().map(|lane| &lane.line).collect();
    Line::busy_with(&lines, idle, work).await
}

/// What the sessions so far came to.
pub(crate) struct Tally {
    /// Of each bin, once it is finished.
    transcripts: Vec<Option<[u8; 32]>>,
    pub(crate) phases: Vec<PhaseReport>,
    pub(crate) bytes_sent: u64,
    pub(crate) bytes_received: u64,
    /// When the last session ended.
    pub(crate) ended: Instant,
}

impl Tally {
    /// Of a run of so many bins.
    pub(crate) fn new(bins: u32) -> Self {
        Self {
            transcripts: vec![None; bins as usize],
            phases: Vec::new(),
            bytes_sent: 0,
            bytes_received: 0,
            ended: Instant::now(),
        }
    }

    /// Notes a bin that was finished, here or before.
    pub(crate) fn finished(&mut self, bin: u32, transcript: [u8; 32]) {
        if let Some(place) = self.transcripts.get_mut(bin as usize) {
            *place = Some(transcript);
        }
    }

    fn add<O>(&mut self, bin: u32, finished: &Finished<O>) {
        self.finished(bin, finished.transcript);
        self.bytes_sent = self.bytes_sent.saturating_add(finished.bytes_sent);
        self.bytes_received = self.bytes_received.saturating_add(finished.bytes_received);
        self.ended = self.ended.max(finished.ended);
        for phase in &finished.phases {
            match self.phases.iter_mut().find(|known| known.phase == phase.phase) {
                Some(known) => {
                    known.seconds += phase.seconds;
                    known.compute_seconds += phase.compute_seconds;
                    known.bytes_sent = known.bytes_sent.saturating_add(phase.bytes_sent);
                    known.bytes_received = known.bytes_received.saturating_add(phase.bytes_received);
                }
                None => self.phases.push(*phase),
            }
        }
    }

    /// The bins that are not finished, ascending.
    pub(crate) fn missing(&self) -> Vec<u32> {
        let missing = (0u32..).zip(&self.transcripts).filter(|(_, transcript)| transcript.is_none());
        missing.map(|(bin, _)| bin).collect()
    }

    fn done(&self) -> u64 {
        self.transcripts.iter().flatten().count() as u64
    }

    /// The transcript of the run, once all bins are finished.
    pub(crate) fn transcript(&self) -> Option<[u8; 32]> {
        let all: Option<Vec<_>> = self.transcripts.iter().copied().collect();
        all.map(|all| job_transcript(&all))
    }
}

/// Matches all bins that are due.
///
/// # Errors
/// The first [`RunError`] of any lane. The others are stopped, and the peer is told.
pub(crate) async fn match_all(work: Arc<Work>, lanes: Vec<Lane>) -> Result<(), RunError> {
    let stop = work.stop.part();
    let count = lanes.len().max(1);
    let mut running = JoinSet::new();
    for (index, lane) in lanes.into_iter().enumerate() {
        let due: Vec<u32> = work.due.iter().skip(index).step_by(count).copied().collect();
        running.spawn(run_lane(Arc::clone(&work), lane, due, stop.clone()));
    }
    let mut outcome = Ok(());
    while let Some(ended) = running.join_next().await {
        let ended = ended.unwrap_or_else(|_| Err(RunError::Own("a fault in this program: a lane failed".to_owned())));
        if let (Ok(()), Err(error)) = (&outcome, ended) {
            outcome = Err(error);
            stop.token().cancel();
        }
    }
    outcome
}

async fn run_lane(work: Arc<Work>, lane: Lane, due: Vec<u32>, stop: Stop) -> Result<(), RunError> {
    let Lane { mut line, closing, offence, agreed } = lane;
    for bin in due {
        match match_bin(&work, &agreed, bin, line, &stop, &offence).await {
            Ok(next) => line = next,
            Err(error) => {
                closing.wait().await;
                return Err(error);
            }
        }
    }
    // From here on neither side can lose what the other no longer has. The run's deadline is no reason to stop: all is
    // there, and the peer may have been told so.
    let settled = tokio::select! {
        biased;
        () = stop.token().cancelled() => Err(RunError::cancelled()),
        settled = line.settle(work.run.limits.idle) => settled.map_err(|error| in_words(&work, error, &offence)),
    };
    match &settled {
        Ok(()) => line.part().await,
        Err(error) => line.break_off(error.fault(), error.reason()).await,
    }
    closing.wait().await;
    settled
}

async fn match_bin(
    work: &Arc<Work>,
    agreed: &Agreed,
    bin: u32,
    line: Line,
    stop: &Stop,
    offence: &Offence,
) -> Result<Line, RunError> {
    let idle = work.run.limits.idle;
    let made = Line::busy_with(&[&line], idle, stop.bound(party(work, agreed, bin))).await;
    let (first, set) = match made {
        Ok(made) => made,
        Err(error) => {
            line.break_off(error.fault(), error.reason()).await;
            return Err(error);
        }
    };
    let several = work.bins.count() > 1;
    let settings = session::Settings {
        session_id: agreed.session_id(bin),
        side: engine::side(work.plan.own.role),
        compute: work.run.compute.clone(),
        limits: Limits { idle, total: stop.left() },
        cancel: stop.token().clone(),
        // Of several bins it is told how many are finished.
        progress: work.run.progress.clone().filter(|_| !several),
    };
    let ran = line.run(first, settings).await;
    let (mut finished, line) = ran.map_err(|error| in_words(work, error, offence))?;
    let outcome = std::mem::replace(&mut finished.output, Outcome::Nothing);
    if let Err(error) = Line::busy_with(&[&line], idle, keep(work, bin, outcome, set, &finished)).await {
        line.break_off(error.fault(), error.reason()).await;
        return Err(error);
    }
    if let Some(progress) = work.run.progress.as_ref().filter(|_| several) {
        let done = work.tally.lock().unwrap_or_else(PoisonError::into_inner).done();
        progress(PhaseProgress { phase: "bins", done, total: work.bins.count().into() });
    }
    Ok(line)
}

/// What ended a session, with the peer's name and what it did.
fn in_words(work: &Work, error: SessionError, offence: &Offence) -> RunError {
    match (error, offence.get()) {
        (SessionError::Peer(_), Some(what)) => RunError::Peer { peer: work.plan.peer().clone(), what: what.clone() },
        (error, _) => RunError::of_session(error, work.plan.peer(), &work.plan.me, work.stop.total()),
    }
}

/// Reads a bin and makes the party that plays its part.
async fn party(work: &Arc<Work>, agreed: &Agreed, bin: u32) -> Result<(engine::First, BinSet), RunError> {
    let parameters =
        Parameters { session_id: agreed.session_id(bin), sizes: work.bins.sizes(), budget: work.bins.budget() };
    let (label_size, seed) = (agreed.label_size, random()?);
    let work_there = Arc::clone(work);
    let made = work.run.compute.run(move || {
        let (plan, own_size) = (&work_there.plan, work_there.own_bin_size());
        let mut set = work_there.cut.bin(bin, label_size)?;
        if set.items.len() as u64 > own_size {
            // Its probability is part of the error budget.
            return Err(RunError::Own("a bin has more items than it can be padded to; run the job again".to_owned()));
        }
        let parts = engine::Parts { items: Arc::clone(&set.items), labels: set.labels.take(), label_size, seed };
        let what = (plan.terms.mode, plan.terms.protocol);
        Ok((engine::party(what, plan.own.role, &parameters, parts)?, set))
    });
    made.await.map_err(|error| RunError::Own(error.to_string()))?
}

impl Work {
    /// What each bin of this side is padded to.
    fn own_bin_size(&self) -> u64 {
        match self.plan.own.role {
            agreement::Role::Receiver => self.bins.sizes().receiver,
            agreement::Role::Sender => self.bins.sizes().sender,
        }
    }
}

/// Keeps what a bin brought.
async fn keep<O>(
    work: &Arc<Work>,
    bin: u32,
    outcome: Outcome,
    set: BinSet,
    finished: &Finished<O>,
) -> Result<(), RunError> {
    let (work_there, transcript) = (Arc::clone(work), finished.transcript);
    let found =
        work.run.compute.run(move || BinFindings::new(outcome, &set, work_there.plan.terms.label_columns.len()));
    let found = found.await.map_err(|error| RunError::Own(error.to_string()))??;
    let work_there = Arc::clone(work);
    work.stop
        .blocking(move || {
            if let Some(checkpoint) = &work_there.checkpoint {
                checkpoint.finished(bin, transcript, &found)?;
            }
            work_there.findings.lock().unwrap_or_else(PoisonError::into_inner).add(&found)
        })
        .await?;
    work.tally.lock().unwrap_or_else(PoisonError::into_inner).add(bin, finished);
    if work.bins.count() > 1 {
        tracing::info!(job_id = work.run.job_id, bin, of = work.bins.count(), "bin finished");
    }
    Ok(())
}

#[cfg(test)]
mod tests;
