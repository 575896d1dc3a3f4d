//! The guard before a run: an input that differs by too few keys from an earlier one is not entered.

use agreement::KeyType;

use crate::{
    book::Answer,
    clock::now,
    error::RunError,
    guard::{Closeness, Entering, Guard, InputMark, Scope, Verdict},
    plan::Plan,
    prepare::Set,
    run::{Guarding, Run},
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
    // An input that was compared before the size was asked is the same.
    if run.stage.held().is_some() {
        return Ok(set);
    }
    let smallest = run.under.as_ref().and_then(|under| under.agreement().limits.smallest_result);
    let (Some(Guarding { guard, .. }), Some(smallest)) = (run.guard.clone(), smallest) else { return Ok(set) };
    let key: Vec<String> = plan.terms.key_types.iter().map(KeyType::to_string).collect();
    let scope = Scope { peer: plan.peer().clone(), dataset: plan.theirs.dataset.clone(), key: key.join(",") };
    let (set, verdict) = compare(run, (guard.clone(), scope.clone()), (set, items, smallest), None, stop).await?;
    let Verdict::TooClose(closeness) = verdict else { return Ok(set) };
    // For this node's own people alone.
    tracing::warn!(job_id = %run.job_id, %closeness, "an input is too close to an earlier one");
    refuse_or_ask(run, &closeness).await?;
    // Approvers let this very input in. What it is compared with may have changed since they were asked.
    let (set, verdict) = compare(run, (guard, scope), (set, items, smallest), Some(closeness.mark), stop).await?;
    if verdict.admits() { Ok(set) } else { Err(RunError::Refused(TOO_CLOSE.to_owned())) }
}

/// Compares a set with earlier ones, and keeps what it is compared by if it is admitted. Gives it back.
async fn compare(
    run: &Run,
    (guard, scope): (Guard, Scope),
    (set, count, smallest): (Set, u64, u64),
    approved: Option<InputMark>,
    stop: &Stop,
) -> Result<(Set, Verdict), RunError> {
    let (job_id, at, space, part) = (run.job_id.clone(), now()?, run.space.clone(), stop.clone());
    let comparing = run.compute.run(move || {
        let entering = Entering { scope: &scope, job_id: &job_id, at, count, smallest, approved };
        let verdict = guard.admit(&entering, &set, &space, &|| part.check());
        (set, verdict)
    });
    let (set, verdict) = comparing.await.map_err(|error| RunError::Own(error.to_string()))?;
    let verdict = verdict.map_err(|error| {
        tracing::error!(job_id = %run.job_id, %error, "the guard against differencing cannot tell");
        RunError::from(error)
    })?;
    Ok((set, verdict))
}

/// Passes an input that is too close if this node's approvers let it in; they are asked where the node wants that.
async fn refuse_or_ask(run: &Run, closeness: &Closeness) -> Result<(), RunError> {
    let refused = || RunError::Refused(TOO_CLOSE.to_owned());
    let asks = run.guard.as_ref().is_some_and(|guarding| guarding.asks);
    let Some(under) = run.under.as_ref().filter(|_| asks) else { return Err(refused()) };
    let (mark, note) = (closeness.mark.to_string(), closeness.to_string());
    match under.ask_about_input(&run.spec.name, &mark, &note).await? {
        Answer::Approved => Ok(()),
        Answer::Open => Err(RunError::AwaitsApproval),
        Answer::Rejected(_) => Err(refused()),
    }
}
