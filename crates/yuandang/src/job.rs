//! `yuandang job`: jobs of a coordinator, submitted, shown, watched and cancelled; and those that wait for this participant's
//! approvers, at its own node.

mod approval;
pub mod connect;
pub mod description;
pub mod show;

use std::path::PathBuf;

use agreement::JobState;
use clap::Subcommand;
use wire::proto::{
    CancelJobRequest, GetJobRequest, ListJobsRequest, SubmitJobRequest, WatchJobRequest,
    job_service_client::JobServiceClient,
};

use crate::{
    desk,
    failure::{Failure, Status},
    not_built,
    progress::Progress,
    screen::{self, Format},
    stop,
    text::Lang,
    wording::impersonal,
};
use connect::Target;
use show::ShownJob;

/// A coordinator's answer without a job breaks the contract.
const NO_JOB: &str = "the coordinator answers without a job";

/// What to do with jobs.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// Submit the job that a file describes; print its id
    Submit {
        /// The description: examples/config/job.toml is one
        #[arg(long, value_name = "FILE")]
        file: PathBuf,
        /// Watch it until it ends
        #[arg(long)]
        watch: bool,
        /// Which coordinator, and as whom
        #[command(flatten)]
        target: Target,
    },
    /// List jobs, newest first
    List {
        /// The most that are listed
        #[arg(long, default_value_t = 100)]
        limit: u32,
        /// Which coordinator, and as whom
        #[command(flatten)]
        target: Target,
    },
    /// Show one job
    Show {
        /// The job's id
        job: String,
        /// Which coordinator, and as whom
        #[command(flatten)]
        target: Target,
    },
    /// Watch a job until it ends; the exit status says how it ended
    Watch {
        /// The job's id
        job: String,
        /// Which coordinator, and as whom
        #[command(flatten)]
        target: Target,
    },
    /// Cancel a job
    Cancel {
        /// The job's id
        job: String,
        /// Why, for everybody who sees the job
        #[arg(long, default_value = "cancelled by an operator", value_parser = impersonal)]
        reason: String,
        /// Which coordinator, and as whom
        #[command(flatten)]
        target: Target,
    },
    /// List the jobs that wait for this participant's approvers
    Waiting {
        /// Which node, and as whom
        #[command(flatten)]
        node: desk::Target,
    },
    /// Approve a job that waits; with the last approval that is needed it runs
    Approve {
        /// The job's id
        job: String,
        /// Which node, and as whom
        #[command(flatten)]
        node: desk::Target,
    },
    /// Reject a job that waits
    Reject {
        /// The job's id
        job: String,
        /// Why, for all parties
        #[arg(long, value_parser = impersonal)]
        reason: String,
        /// Which node, and as whom
        #[command(flatten)]
        node: desk::Target,
    },
    /// Suspend a job (not built yet)
    Suspend(not_built::Arguments),
    /// Resume a job (not built yet)
    Resume(not_built::Arguments),
}

impl Action {
    /// Does it.
    ///
    /// # Errors
    /// [`Failure`]; a watched job that did not succeed is one too.
    pub fn run(self, lang: Lang) -> Result<(), Failure> {
        desk::ask(async {
            // Nothing here is half-written by a signal; but a watch should end in order.
            let stop = stop::on_signal()?;
            tokio::select! {
                outcome = self.act(lang) => outcome,
                () = stop.cancelled() => Err(Failure::other("stopped; the job goes on")),
            }
        })
    }

    async fn act(self, lang: Lang) -> Result<(), Failure> {
        match self {
            Self::Submit { file, watch, target } => {
                let spec = description::read(&file)?;
                let mut jobs = JobServiceClient::new(target.connect().await?.channel);
                let answer = jobs.submit_job(SubmitJobRequest { spec: Some(spec.into()) }).await?.into_inner();
                let job = ShownJob::try_from(answer.job.ok_or_else(no_job)?)?;
                if watch {
                    screen::note(&job.job_id);
                    return self::watch(&mut jobs, job.job_id, target.format, lang).await;
                }
                match target.format {
                    Format::Json => screen::json(&job),
                    Format::Text => screen::line(&job.job_id),
                }
            }
            Self::List { limit, target } => {
                let mut jobs = JobServiceClient::new(target.connect().await?.channel);
                let answer = jobs.list_jobs(ListJobsRequest { page_size: limit }).await?.into_inner();
                let all: Result<Vec<ShownJob>, _> = answer.jobs.into_iter().map(TryInto::try_into).collect();
                show::list(&all?, target.format, lang)
            }
            Self::Show { job, target } => {
                let mut jobs = JobServiceClient::new(target.connect().await?.channel);
                let answer = jobs.get_job(GetJobRequest { job_id: job }).await?.into_inner();
                show::one(&answer.job.ok_or_else(no_job)?.try_into()?, target.format, lang)
            }
            Self::Watch { job, target } => {
                let mut jobs = JobServiceClient::new(target.connect().await?.channel);
                watch(&mut jobs, job, target.format, lang).await
            }
            Self::Cancel { job, reason, target } => {
                let mut jobs = JobServiceClient::new(target.connect().await?.channel);
                let answer = jobs.cancel_job(CancelJobRequest { job_id: job, reason }).await?.into_inner();
                show::one(&answer.job.ok_or_else(no_job)?.try_into()?, target.format, lang)
            }
            Self::Waiting { node } => approval::list(&node, lang).await,
            Self::Approve { job, node } => approval::decide(job, None, &node, lang).await,
            Self::Reject { job, reason, node } => approval::decide(job, Some(reason), &node, lang).await,
            Self::Suspend(rest) => rest.run("job suspend"),
            Self::Resume(rest) => rest.run("job resume"),
        }
    }
}

fn no_job() -> Failure {
    Failure::new(Status::Peer, NO_JOB)
}

/// Follows a job until it ends, with progress on standard error; then shows it as it is.
async fn watch(
    jobs: &mut JobServiceClient<tonic::transport::Channel>,
    job_id: String,
    format: Format,
    lang: Lang,
) -> Result<(), Failure> {
    let progress = Progress::to_standard_error();
    let last = follow(jobs, job_id, |job| {
        for party in &job.progress {
            progress.update(&party.participant, &party.phase, party.done, party.total);
        }
    })
    .await?;
    progress.finish();
    show::one(&last, format, lang)?;
    ending(&last)
}

/// Follows a job until it ends; `seen` is shown each of its changes.
///
/// # Errors
/// If the coordinator cannot be reached, or stops telling before the job has ended.
pub async fn follow(
    jobs: &mut JobServiceClient<tonic::transport::Channel>,
    job_id: String,
    mut seen: impl FnMut(&ShownJob),
) -> Result<ShownJob, Failure> {
    let mut updates = jobs.watch_job(WatchJobRequest { job_id }).await?.into_inner();
    while let Some(update) = updates.message().await? {
        let job = ShownJob::try_from(update.job.ok_or_else(no_job)?)?;
        seen(&job);
        if job.state.is_final() {
            return Ok(job);
        }
    }
    Err(Failure::new(Status::Unreachable, "the coordinator stopped telling before the job had ended"))
}

/// The exit status of a job that was watched to its end.
fn ending(job: &ShownJob) -> Result<(), Failure> {
    let status = match job.state {
        JobState::Succeeded => return Ok(()),
        JobState::Rejected => Status::Refused,
        JobState::TimedOut => Status::Unreachable,
        _ => Status::Other,
    };
    Err(Failure::new(status, format_args!("job {} is {}: {}", job.job_id, job.state, job.cause)))
}
