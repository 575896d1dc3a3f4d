//! A run that is revoked in its middle by an approver of the province whose data it is.

use std::{
    ffi::OsString,
    fs,
    path::Path,
    time::{Duration, Instant},
};

use agreement::{Digest, Event, JobSpec, JobState, Protocol};
use tonic::transport::Channel;
use wire::{
    Duty,
    proto::{
        ListResultsRequest, WatchJobRequest, job_service_client::JobServiceClient,
        result_service_client::ResultServiceClient,
    },
};

use super::{
    agreeing::{self, PATIENCE, connect},
    participants::{Participant, RECEIVER, SENDER, padded},
    submit,
    world::World,
};
use crate::{
    failure::Failure,
    job::{self, description, show::ShownJob},
    match_files::threads,
    receipts,
    text::Lang,
};

/// Items for each thread of a node that keep it busy for some seconds.
const FOR_A_THREAD: u64 = 40 << 10;
/// Threads that are counted: more help less and less.
const MOST_THREADS: usize = 32;
/// How often a node is asked whether it has ended the run.
const LOOK: Duration = Duration::from_millis(50);

/// What became of the run.
pub struct Revoked {
    /// The size that both lists were padded to, so that the run lasts.
    pub items: u64,
    /// Seconds from submitting the job to the revocation.
    pub after: f64,
    /// Of Shanghai's node, then of Anhui's: seconds from the revocation until its receipt says that the run was not done, and why.
    pub ends: [(f64, String); 2],
}

/// Has both sides agree to a long run, begins it, and revokes the agreement while it goes on.
///
/// # Errors
/// [`Failure`] if the run is not stopped, or a result is there.
pub(super) async fn revoke_in_the_middle(world: &World, lang: Lang) -> Result<Revoked, Failure> {
    let reason = lang.pick("the list is being corrected", "名单正在更正");
    let (spec, items, digest) = long_run(world).await?;
    let results = world.folder().join(RECEIVER).join("results");
    let before = names(&results)?;
    let begin = Instant::now();
    let (mut jobs, job) = submit(world, spec).await?;
    until_under_way(&mut jobs, &job.job_id).await?;
    let after = begin.elapsed().as_secs_f64();

    let (receiver, sender) = (world.member(RECEIVER)?, world.member(SENDER)?);
    let asking = (connect(receiver, Duty::Auditor).await?, connect(sender, Duty::Auditor).await?);
    let revoked = Instant::now();
    let (told, ours, theirs) = tokio::join!(
        agreeing::revoke(sender, &digest, reason),
        end((RECEIVER, asking.0), &job.job_id, revoked),
        end((SENDER, asking.1), &job.job_id, revoked),
    );
    told?;
    let ends = [ours?, theirs?];
    let last = job::follow(&mut jobs, job.job_id.clone(), |_| {}).await?;
    if last.state == JobState::Succeeded {
        return Err(Failure::other("the job succeeded though its agreement was revoked"));
    }
    if has_result(receiver, &job.job_id).await? || names(&results)? != before {
        return Err(Failure::other("a result is there though the agreement was revoked"));
    }
    Ok(Revoked { items, after, ends })
}

/// The same question, padded to a size for which this machine needs some seconds; agreed to.
async fn long_run(world: &World) -> Result<(JobSpec, u64, Digest), Failure> {
    let mut spec = description::read(&world.job_file())?;
    "The same, to be revoked".clone_into(&mut spec.name);
    spec.protocol = Protocol::Ecdh;
    let threads = u64::try_from(threads(None).min(MOST_THREADS)).map_err(Failure::other)?;
    let items =
        spec.parties.iter().filter_map(|party| party.padded_size).fold(padded(threads * FOR_A_THREAD), u64::max);
    spec.parties.iter_mut().for_each(|party| party.padded_size = Some(items));
    let digest = world.agree_to(&spec).await?;
    spec.agreement_digest = Some(*digest.as_bytes());
    Ok((spec, items, digest))
}

/// Waits until both nodes tell of a part of the run that they have done.
async fn until_under_way(jobs: &mut JobServiceClient<Channel>, job: &str) -> Result<(), Failure> {
    let mut updates = jobs.watch_job(WatchJobRequest { job_id: job.to_owned() }).await?.into_inner();
    while let Some(update) = updates.message().await? {
        let none = || Failure::other("the coordinator gave no job");
        let job = ShownJob::try_from(update.job.ok_or_else(none)?)?;
        if job.state.is_final() {
            return Err(Failure::other(format_args!("the long run is {} too early: {}", job.state, job.cause)));
        }
        let done = job.progress.iter().filter(|party| party.done > 0).count();
        if job.state == JobState::Running && done == job.parties.len() {
            return Ok(());
        }
    }
    Err(Failure::other("the coordinator stopped telling of the long run"))
}

/// Waits until a node's receipt says that the run was not done: how long after `revoked`, and why.
async fn end((name, node): (&str, Channel), job: &str, revoked: Instant) -> Result<(f64, String), Failure> {
    loop {
        let own = receipts::of_job(node.clone(), job).await?.own;
        if own.iter().any(|signed| matches!(signed.statement().event, Event::Succeeded | Event::Delivered)) {
            return Err(Failure::other("the run was done though its agreement was revoked"));
        }
        if let Some(failed) = own.iter().find(|signed| signed.statement().event == Event::Failed) {
            let cause = failed.statement().cause.clone().unwrap_or_default();
            // Where the node tells of itself, its name stands before the cause.
            let cause = cause.strip_prefix(name).and_then(|cause| cause.strip_prefix(": ")).unwrap_or(&cause);
            return Ok((revoked.elapsed().as_secs_f64(), cause.to_owned()));
        }
        if revoked.elapsed() > PATIENCE {
            return Err(Failure::other("a node did not end the run in time"));
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Whether a node has, or had, a result of a job.
async fn has_result(member: &Participant, job: &str) -> Result<bool, Failure> {
    let mut client = ResultServiceClient::new(connect(member, Duty::Auditor).await?);
    let answer = client.list_results(ListResultsRequest::default()).await.map_err(Failure::of_node)?;
    Ok(answer.into_inner().results.iter().any(|result| result.job_id == job))
}

/// The names in a folder, in order.
fn names(folder: &Path) -> Result<Vec<OsString>, Failure> {
    let entries = fs::read_dir(folder).map_err(Failure::other)?;
    let names = entries.map(|entry| entry.map(|entry| entry.file_name())).collect::<Result<Vec<_>, _>>();
    let mut names = names.map_err(Failure::other)?;
    names.sort();
    Ok(names)
}
