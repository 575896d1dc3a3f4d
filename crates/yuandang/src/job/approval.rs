//! `yuandang job waiting|approve|reject`: what this participant's approvers are asked, at its own node.

use agreement::printable;
use serde::Serialize;
use tonic::transport::Channel;
use wire::proto::{
    DecideJobRequest, ListWaitingJobsRequest, Question, WaitingJob, approval_service_client::ApprovalServiceClient,
};

use crate::{
    desk::{MAX_MESSAGE, Target},
    failure::{Failure, Status},
    screen::{self, Format},
    text::{self, Lang},
};

/// A job that waits, for programs.
#[derive(Serialize)]
struct Shown {
    job_id: String,
    name: String,
    agreement: String,
    question: &'static str,
    note: String,
    asked_seconds: i64,
    approved_by: Vec<String>,
}

impl From<&WaitingJob> for Shown {
    fn from(job: &WaitingJob) -> Self {
        Self {
            job_id: printable(&job.job_id, 64),
            name: printable(&job.name, 128),
            agreement: printable(&job.agreement, 64),
            question: match job.question() {
                Question::Input => "input",
                _ => "job",
            },
            note: printable(&job.note, 512),
            asked_seconds: job.asked_seconds,
            approved_by: job.approved_by.iter().map(|person| printable(person, 64)).collect(),
        }
    }
}

async fn client(target: &Target) -> Result<ApprovalServiceClient<Channel>, Failure> {
    Ok(ApprovalServiceClient::new(target.connect().await?).max_decoding_message_size(MAX_MESSAGE))
}

/// Lists the jobs that wait.
///
/// # Errors
/// [`Failure`].
pub(super) async fn list(target: &Target, lang: Lang) -> Result<(), Failure> {
    let jobs = client(target)
        .await?
        .list_waiting_jobs(ListWaitingJobsRequest {})
        .await
        .map_err(Failure::of_node)?
        .into_inner()
        .jobs;
    match target.format {
        Format::Json => screen::json(&jobs.iter().map(Shown::from).collect::<Vec<_>>()),
        Format::Text if jobs.is_empty() => screen::line(text::job::none_waits(lang)),
        Format::Text => jobs.iter().try_for_each(|job| screen::line(&text::job::waiting(lang, job))),
    }
}

/// Approves a job, or rejects it for a reason.
///
/// # Errors
/// [`Failure`].
pub(super) async fn decide(job_id: String, reason: Option<String>, target: &Target, lang: Lang) -> Result<(), Failure> {
    let (mut client, approve) = (client(target).await?, reason.is_none());
    let waiting =
        client.list_waiting_jobs(ListWaitingJobsRequest {}).await.map_err(Failure::of_node)?.into_inner().jobs;
    let about: Vec<&WaitingJob> = waiting.iter().filter(|job| job.job_id == job_id).collect();
    // One who lists the jobs sees what is asked; with another question since then it has to be looked at.
    let asked = match about[..] {
        [asked] => asked,
        [] => return Err(Failure::new(Status::Other, "nothing is asked about such a job at this node")),
        _ => return Err(Failure::new(Status::Other, "several things are asked about this job; see job waiting")),
    };
    if target.format == Format::Text {
        screen::note(&text::job::waiting(lang, asked));
    }
    let request = DecideJobRequest {
        approve,
        reason: reason.unwrap_or_default(),
        question: asked.question,
        mark: asked.mark.clone(),
        job_id,
    };
    let answer = client.decide_job(request).await.map_err(Failure::of_node)?.into_inner();
    match target.format {
        Format::Json => screen::json(&serde_json::json!({ "approved": approve, "is_open": answer.is_open })),
        Format::Text => screen::line(text::job::decided(lang, approve, answer.is_open)),
    }
}
