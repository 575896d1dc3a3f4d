//! Gated delivery: before a run that delivers, the party that owns the records learns how many keys both sides have in common,
//! and refuses that run if there are fewer than the agreement's smallest result (docs/AGREEMENTS.md, "Gated delivery").
//!
//! The size is asked in a run of its own, mode cardinality with the roles exchanged: the owner is its receiver and learns the number,
//! the other side learns nothing. Both runs are one job and one use, and each side is held to one input in both: the commitment
//! and the padded size must be those of before. Whatever ends in between, the size of another input cannot be asked: both sides
//! keep what was entered, as for any run that goes on.

use agreement::{JobParty, JobSpec, Mode, Protocol, Role};
use zeroize::Zeroizing;

use crate::{
    checkpoint::Checkpoints,
    error::RunError,
    prepare::random,
    quality::Examining,
    run::{Entered, Input, Run, RunReport, Stage},
    stop::Stop,
};

/// What the id of a job is followed by in the run that asks for the size.
const SUFFIX: &str = "-gate";
/// The most bytes of a job's id.
const LONGEST_ID: usize = 64;

/// The id of the run that asks for the size of a job's result.
#[must_use]
pub fn gate_id(job_id: &str) -> String {
    format!("{job_id}{SUFFIX}")
}

/// Whether an id is that of a run that asks for a size.
pub(crate) fn is_gate(id: &str) -> bool {
    id.ends_with(SUFFIX)
}

/// What asks for the size of the result of `spec`.
#[must_use]
pub fn gate_spec(spec: &JobSpec) -> JobSpec {
    let party = |party: &JobParty| JobParty { role: party.role.other(), label_columns: Vec::new(), ..party.clone() };
    JobSpec {
        parties: spec.parties.iter().map(party).collect(),
        mode: Mode::Cardinality,
        protocol: Protocol::Ecdh,
        ..spec.clone()
    }
}

/// The run that asks for the size of the result of `run`, under the same agreement and with the same input.
///
/// # Errors
/// [`RunError::Refused`] if the job's id leaves no room; [`RunError::Own`] if what is kept cannot be read.
pub(crate) async fn gate_of(run: &Run) -> Result<Run, RunError> {
    let job_id = gate_id(&run.job_id);
    if job_id.len() > LONGEST_ID {
        return Err(RunError::Refused("the job's id is too long for gated delivery".to_owned()));
    }
    let input = match &run.input {
        Input::Dataset { datasets, source, examining, .. } => Input::Dataset {
            datasets: datasets.clone(),
            source: source.clone(),
            output: None,
            overwrite: false,
            // What is refused decides the commitment. The run behind the gate tells the rows.
            examining: Examining { rejects: None, ..examining.clone() },
        },
        Input::Items(items) => Input::Items(items.clone()),
    };
    let stage = Stage::Gate(secret_of(run).await?);
    Ok(Run { job_id, spec: gate_spec(&run.spec), input, stage, ..run.clone() })
}

/// The secret of the commitment to this side's input: that under which it was entered before, or a fresh one.
async fn secret_of(run: &Run) -> Result<Zeroizing<[u8; 32]>, RunError> {
    let Some(checkpoints) = run.checkpoints.clone() else { return random() };
    let ids = [run.job_id.clone(), gate_id(&run.job_id)];
    let stop = Stop::new(run.cancel.clone(), run.limits.total);
    let saved = stop.blocking(move || {
        let load = |id: &String| checkpoints.load(id).transpose();
        ids.iter().find_map(load).transpose()
    });
    match saved.await?.and_then(|saved| saved.begun.secret.as_slice().try_into().ok()) {
        Some(secret) => Ok(Zeroizing::new(secret)),
        None => random(),
    }
}

/// The run that delivers, once the size was asked: `asked` and `secret` are of the run that asked.
///
/// # Errors
/// [`RunError::Refused`] if the owner of the records, this side, learned that there are too few; [`RunError::Own`].
pub(crate) fn passed(run: Run, secret: Zeroizing<[u8; 32]>, asked: &RunReport) -> Result<Run, RunError> {
    let fault = |what: &str| RunError::Own(format!("a fault in this program: {what}"));
    let under = run.under.as_ref().ok_or_else(|| fault("a gate without an agreement"))?;
    if asked.role == Role::Receiver {
        under.admit_size(asked.matched.ok_or_else(|| fault("a gate without a size"))?)?;
    }
    let peer = asked.facts.inputs.iter().find(|input| input.participant == asked.peer);
    let peer = peer.ok_or_else(|| fault("a gate without a peer"))?;
    let entered = Entered { secret, peer_commitment: *peer.commitment.as_bytes(), peer_size: peer.padded_size };
    Ok(Run { stage: Stage::Gated(entered), ..run })
}

/// Removes what is kept of the run that asked for the size.
pub(crate) fn forget(checkpoints: &Checkpoints, job_id: &str) {
    checkpoints.remove(&gate_id(job_id));
}
