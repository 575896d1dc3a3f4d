//! `yuandang demo`: the main job, end to end, on this machine. A coordinator and the nodes of four
//! provinces talk over loopback with mutual TLS; Shanghai's education department finds which of its
//! students stand on Anhui's hardship list; the screen shows what each side learned and what it did not.

mod agreeing;
mod findings;
mod participants;
mod receipts;
mod revoking;
mod world;

use std::{fs, path::PathBuf, time::Instant};

use agreement::{JobParty, JobSpec, JobState, Role};
use clap::Args;
use tonic::transport::Channel;
use tracing::level_filters::LevelFilter;
use wire::proto::{SubmitJobRequest, job_service_client::JobServiceClient};

use crate::{
    failure::Failure,
    job::{self, description, show::ShownJob},
    logs,
    progress::Progress,
    screen, stop,
    text::{self, Lang},
};
use participants::{RECEIVER, SENDER};
use world::World;

pub use findings::{Findings, Sample};
pub use receipts::Shown;
pub use revoking::Revoked;
pub use world::Figures;

/// The seed of the made-up residents: every demonstration has the same ones.
const SEED: u64 = 2025;

/// Arguments of `demo`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Leave everything running until Ctrl-C, and print commands to try
    #[arg(long)]
    keep: bool,
    /// The folder for the participants' files, which stay; otherwise a temporary one is used
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Made-up students in Shanghai
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    students: u64,
    /// Made-up people on Anhui's hardship list
    #[arg(long, value_name = "N", default_value_t = 3_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    hardship: u64,
}

/// How the demonstration's job went.
pub struct Outcome {
    /// The job at its end.
    pub job: ShownJob,
    /// From submitting to the end.
    pub seconds: f64,
}

impl Arguments {
    /// Runs the demonstration.
    ///
    /// # Errors
    /// [`Failure`] if anything fails, or if the result is not that of a plain join.
    pub fn run(self, lang: Lang) -> Result<(), Failure> {
        logs::to_standard_error(LevelFilter::WARN);
        let (folder, _temporary) = self.folder()?;
        let runtime = tokio::runtime::Runtime::new().map_err(Failure::other)?;
        runtime.block_on(async {
            let stop = stop::on_signal()?;
            screen::line(text::demo::opening(lang))?;
            let world = World::start(&folder, self.students, self.hardship, &stop)?;
            let shown = tokio::select! {
                shown = self.show(&world, lang) => shown,
                () = stop.cancelled() => Err(Failure::stopped()),
            };
            if shown.is_ok() && self.keep {
                screen::line(&text::demo::commands(lang, &program(), &folder))?;
                stop.cancelled().await;
            }
            let ended = world.stop().await;
            shown.and(ended)
        })
    }

    /// The folder, and what removes it afterwards if it is temporary.
    fn folder(&self) -> Result<(PathBuf, Option<tempfile::TempDir>), Failure> {
        let Some(dir) = &self.dir else {
            let temporary = tempfile::Builder::new().prefix("yuandang-demo-").tempdir().map_err(Failure::other)?;
            return Ok((temporary.path().to_owned(), Some(temporary)));
        };
        let wrong = |problem: String| Failure::usage(format_args!("{}: {problem}", dir.display()));
        fs::create_dir_all(dir).map_err(|cause| wrong(cause.to_string()))?;
        if fs::read_dir(dir).map_err(|cause| wrong(cause.to_string()))?.next().is_some() {
            return Err(wrong("is not empty; name a folder that is new or empty".to_owned()));
        }
        Ok((fs::canonicalize(dir).map_err(|cause| wrong(cause.to_string()))?, None))
    }

    async fn show(&self, world: &World, lang: Lang) -> Result<(), Failure> {
        screen::line(&text::demo::participants(lang, world.listeners(), world.folder()))?;
        screen::line(&text::demo::question(lang, self.students, self.hardship))?;
        let digest = world.agree().await?;
        screen::line(&text::demo::agreed(lang, &digest.short(), agreeing::RUNS))?;
        let outcome = run_job(world, |_| {}).await?;
        if outcome.job.state != JobState::Succeeded {
            return Err(Failure::other(format_args!("the job is {}: {}", outcome.job.state, outcome.job.cause)));
        }
        let figures = [RECEIVER, SENDER].map(|name| world.figures(name));
        let result = world.take_out(&outcome.job.job_id).await?;
        let findings = Findings::of(world.folder(), (result.as_path(), outcome.seconds), figures)?;
        screen::line(&text::demo::learned(lang, &findings))?;
        findings.check()?;
        screen::line(&text::demo::checked(lang, &findings))?;
        screen::line(&text::demo::receipts(lang, &receipts::of_run(world, &outcome.job.job_id).await?))?;
        // The same, but for a column more: nobody agreed to that.
        let more = run_job(world, |job| job.parties.iter_mut().for_each(ask_for_more)).await?;
        if more.job.state != JobState::Rejected {
            return Err(Failure::other(format_args!("a job that nobody agreed to is {}", more.job.state)));
        }
        screen::line(&text::demo::refused(lang, &more.job.cause))?;
        screen::line(&text::demo::revoked(lang, &revoking::revoke_in_the_middle(world, lang).await?))
    }
}

/// Asks the sender for a column that it did not agree to give.
fn ask_for_more(party: &mut JobParty) {
    if party.role == Role::Sender {
        party.label_columns.push("name".to_owned());
    }
}

/// Submits the job as Shanghai's operator would, and follows it to its end.
async fn run_job(world: &World, change: impl FnOnce(&mut JobSpec)) -> Result<Outcome, Failure> {
    let mut spec = description::read(&world.job_file())?;
    change(&mut spec);
    let begin = Instant::now();
    let (mut jobs, submitted) = submit(world, spec).await?;
    let progress = Progress::to_standard_error();
    let job = job::follow(&mut jobs, submitted.job_id, |job| {
        for party in &job.progress {
            progress.update(&party.participant, &party.phase, party.done, party.total);
        }
    })
    .await?;
    Ok(Outcome { job, seconds: begin.elapsed().as_secs_f64() })
}

/// Submits a job as Shanghai's operator would; gives the job and the connection.
async fn submit(world: &World, spec: JobSpec) -> Result<(JobServiceClient<Channel>, ShownJob), Failure> {
    let mut jobs = JobServiceClient::new(world.connect().await?.channel);
    let answer = jobs.submit_job(SubmitJobRequest { spec: Some(spec.into()) }).await?.into_inner();
    let submitted = ShownJob::try_from(answer.job.ok_or_else(|| Failure::other("the coordinator gave no job"))?)?;
    Ok((jobs, submitted))
}

/// How this program is called, for commands that a person copies.
fn program() -> String {
    std::env::current_exe().map_or_else(|_| "yuandang".to_owned(), |path| path.display().to_string())
}
