//! The end of a run whose bins are all finished, in this process or an earlier one.

use std::{mem, time::Instant};

use agreement::{
    Digest, Mode, RunParticipant,
    receipt::{InputFacts, RunFacts},
};

use crate::{
    bins::Tally,
    checkpoint::Checkpoints,
    deliver::{self, Delivered},
    error::RunError,
    findings::Findings,
    plan::Plan,
    prepare,
    resume::{self, Resumption},
    run::{Input, Run, RunReport},
    stop::Stop,
};

/// Delivers what an earlier process found of a run whose bins are all finished: the peer has done its part.
///
/// # Errors
/// [`RunError`], always this side's own.
pub(crate) async fn conclude_alone(run: Run) -> Result<RunReport, RunError> {
    let stop = Stop::new(run.cancel.clone(), run.limits.total);
    let outcome = conclude_until(run, &stop).await;
    if outcome.is_err() {
        stop.settled().await;
    }
    outcome
}

async fn conclude_until(mut run: Run, stop: &Stop) -> Result<RunReport, RunError> {
    let began = Instant::now();
    let resumption = Resumption::look(&run, stop).await?;
    let mut input = mem::replace(&mut run.input, Input::Items(Vec::new()));
    if let Input::Dataset { overwrite, .. } = &mut input {
        *overwrite = true;
    }
    let plan = Plan::new(&run)?;
    let prepared = stop.bound(prepare::prepare(&run, input, resumption.secret.clone(), &plan, stop)).await?;
    resumption.known(&plan, &prepared.commitment, &prepared.source)?;
    let lacks = || RunError::Own("the peer has done its part, and bins are missing here: run the job again".to_owned());
    let saved = resumption.saved.ok_or_else(lacks)?;
    let label_columns = (plan.terms.mode == Mode::Labelled).then_some(plan.terms.label_columns.len());
    let mut findings = Findings::new(prepared.counts.rows, label_columns, &run.space);
    let mut tally = Tally::new(saved.begun.bins);
    let (bins, peer_size) = (saved.begun.bins, saved.begun.peer_size);
    let peer_commitment = <[u8; 32]>::try_from(saved.begun.peer_commitment.as_slice()).map_err(|_| lacks())?;
    let peer = (peer_commitment, peer_size);
    let taking = stop.blocking(move || {
        resume::take_up(&saved, &mut findings, &mut tally)?;
        Ok((findings, tally))
    });
    let (findings, tally) = taking.await?;
    let transcript = tally.transcript().ok_or_else(lacks)?;
    let prepare_seconds = began.elapsed().as_secs_f64();
    let facts = facts(&run, &plan, (prepared.commitment, prepared.padded_size), peer, transcript).await?;
    let delivered = deliver::deliver(findings, prepared.delivery, &plan, run.under.as_ref(), stop).await?;
    if let Some(under) = &run.under {
        under.succeeded(facts.clone(), plan.learns().then_some(delivered)).await?;
    }
    note_delivery(run.checkpoints.clone(), &run.job_id, transcript, stop).await;
    let now = Instant::now();
    let Delivered { matched, withheld, rows_written, unreadable_labels, .. } = delivered;
    Ok(RunReport {
        participant: plan.me.clone(),
        role: plan.own.role,
        peer: plan.peer().clone(),
        mode: plan.terms.mode,
        counts: prepared.counts,
        tally: prepared.tally,
        items: prepared.items,
        padded_size: prepared.padded_size,
        peer_padded_size: peer_size,
        matched,
        withheld,
        facts,
        rows_written,
        unreadable_labels,
        bins,
        resumed_bins: bins,
        transcript,
        phases: tally.phases,
        bytes_sent: 0,
        bytes_received: 0,
        prepare_seconds,
        deliver_seconds: began.elapsed().as_secs_f64() - prepare_seconds,
        seconds: began.elapsed().as_secs_f64(),
        ready: now,
        ended: now,
    })
}

/// What both sides' receipts say alike, from what is kept of the handshake.
async fn facts(
    run: &Run,
    plan: &Plan,
    own: ([u8; 32], u64),
    peer: ([u8; 32], u64),
    transcript: [u8; 32],
) -> Result<RunFacts, RunError> {
    let (own_number, peer_number) = match &run.under {
        Some(under) => (under.signed_use().statement().number, under.number_of(plan.peer()).await?),
        None => (0, 0),
    };
    let input = |participant: &RunParticipant| {
        let ((commitment, padded_size), use_number) =
            if participant.participant == plan.me { (own, own_number) } else { (peer, peer_number) };
        let (participant, commitment) = (participant.participant.clone(), Digest::from_bytes(commitment));
        InputFacts { participant, commitment, padded_size, use_number }
    };
    let inputs = plan.terms.participants.iter().map(input).collect();
    let terms = Digest::from_bytes(plan.terms.digest());
    Ok(RunFacts { terms, inputs, transcript: Digest::from_bytes(transcript) })
}

/// Notes that the result is where it belongs, should this process end before it has said so.
pub(crate) async fn note_delivery(checkpoints: Option<Checkpoints>, job_id: &str, transcript: [u8; 32], stop: &Stop) {
    let Some(checkpoints) = checkpoints else { return };
    let noted_id = job_id.to_owned();
    // The result is there all the same.
    if let Err(error) = stop.blocking(move || checkpoints.delivered(&noted_id, transcript)).await {
        tracing::warn!(job_id, %error, "it could not be noted that the result is delivered");
    }
}
