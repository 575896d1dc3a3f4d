//! The guard before a run: an input that differs by too few keys from an earlier one is not entered.

use agreement::KeyType;

use crate::{
    clock::now,
    error::RunError,
    guard::{Entering, Scope, Verdict},
    plan::Plan,
    prepare::Set,
    run::Run,
    stop::Stop,
};

/// What others are told of an input that is too close: neither to which, nor by how much.
const TOO_CLOSE: &str = "the input differs from an earlier one by fewer records than the agreement's smallest result";

/// Compares this side's set of `items` keys with those of earlier runs with this peer, where the agreement has a smallest
/// result, and keeps what it is compared by. Gives the set back.
///
/// # Errors
/// [`RunError::Refused`] if it is too close to one; [`RunError::Own`] if the guard cannot tell.
pub(crate) async fn guard(run: &Run, plan: &Plan, set: Set, items: u64, stop: &Stop) -> Result<Set, RunError> {
    let smallest = run.under.as_ref().and_then(|under| under.agreement().limits.smallest_result);
    let (Some(guard), Some(smallest)) = (run.guard.clone(), smallest) else { return Ok(set) };
    let key: Vec<String> = plan.terms.key_types.iter().map(KeyType::to_string).collect();
    let scope = Scope { peer: plan.peer().clone(), dataset: plan.theirs.dataset.clone(), key: key.join(",") };
    let (job_id, at, space, part) = (run.job_id.clone(), now()?, run.space.clone(), stop.clone());
    let comparing = run.compute.run(move || {
        let entering = Entering { scope: &scope, job_id: &job_id, at, count: items, smallest, approved: None };
        let verdict = guard.admit(&entering, &set, &space, &|| part.check());
        (set, verdict)
    });
    let (set, verdict) = comparing.await.map_err(|error| RunError::Own(error.to_string()))?;
    let verdict = verdict.map_err(|error| {
        tracing::error!(job_id = %run.job_id, %error, "the guard against differencing cannot tell");
        RunError::from(error)
    })?;
    match verdict {
        Verdict::TooClose(closeness) => {
            // For this node's own people alone.
            tracing::warn!(job_id = %run.job_id, %closeness, "an input is too close to an earlier one");
            Err(RunError::Refused(TOO_CLOSE.to_owned()))
        }
        Verdict::Unlike | Verdict::Same | Verdict::Approved(_) => Ok(set),
    }
}
