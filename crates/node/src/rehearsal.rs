//! Preparing a set as a run does, with no peer: what it takes this machine can be measured alone.

use std::{
    mem,
    time::{Duration, Instant},
};

use psi::bins::Bins;

use crate::{
    error::RunError,
    plan::Plan,
    prepare::{self, random},
    run::{Input, Run},
    stop::Stop,
};

/// What preparing a set took.
#[derive(Clone, Copy, Debug)]
pub struct Rehearsal {
    /// Rows of the source.
    pub rows: u64,
    /// Distinct keys.
    pub items: u64,
    /// Into how many bins they were cut.
    pub bins: u32,
    /// From the first row to the commitment.
    pub prepare: Duration,
    /// From the commitment to the bins.
    pub cut: Duration,
}

/// Reads, normalises, validates, deduplicates, commits, and cuts into the bins of a run against a set of the same
/// size. Nothing leaves, and nothing stays.
///
/// # Errors
/// [`RunError`], always this side's own.
pub async fn rehearse(mut run: Run) -> Result<Rehearsal, RunError> {
    let began = Instant::now();
    let stop = Stop::new(run.cancel.clone(), run.limits.total);
    let plan = Plan::new(&run)?;
    let input = mem::replace(&mut run.input, Input::Items(Vec::new()));
    let prepared = stop.bound(prepare::prepare(&run, input, random()?, &plan, &stop)).await?;
    let prepare = began.elapsed();
    let sizes = psi::Sizes { receiver: prepared.padded_size, sender: prepared.padded_size };
    let bins = Bins::best_count(sizes, run.space.wanted_bin_items(prepared.label_size));
    let (set, space, job_key) = (prepared.set, run.space.clone(), *random()?);
    let cutting = run.compute.run(move || set.cut(&job_key, bins, &space));
    let cut = stop.bound(async { cutting.await.map_err(|error| RunError::Own(error.to_string()))? }).await?;
    let took = began.elapsed().saturating_sub(prepare);
    drop(cut);
    Ok(Rehearsal { rows: prepared.counts.rows, items: prepared.items, bins, prepare, cut: took })
}
