//! The service of jobs that wait for this participant's approvers.

use std::sync::Arc;

use tonic::{Request, Response, Status};
use wire::{
    Duty,
    convert::job_id,
    proto::{
        DecideJobRequest, DecideJobResponse, ListWaitingJobsRequest, ListWaitingJobsResponse, Question, WaitingJob,
        approval_service_server::{ApprovalService, ApprovalServiceServer},
    },
};

use super::{
    Papers,
    agreements::{Desk, handle, status},
    wording::impersonal,
};
use crate::{
    access::Wish,
    book::{BookError, Question as Asked, Waiting},
    clock::now,
};

/// The service of a node.
pub(crate) fn approvals(papers: Arc<Papers>) -> ApprovalServiceServer<Desk> {
    ApprovalServiceServer::new(Desk(papers))
}

fn message(waiting: Waiting) -> WaitingJob {
    WaitingJob {
        job_id: waiting.job,
        name: waiting.name,
        agreement: waiting.agreement.to_string(),
        question: match waiting.question {
            Asked::Job => Question::Job,
            Asked::Input => Question::Input,
        }
        .into(),
        note: waiting.note,
        asked_seconds: waiting.asked.seconds(),
        approved_by: waiting.approved_by,
        mark: waiting.mark,
    }
}

#[tonic::async_trait]
impl ApprovalService for Desk {
    async fn list_waiting_jobs(
        &self,
        request: Request<ListWaitingJobsRequest>,
    ) -> Result<Response<ListWaitingJobsResponse>, Status> {
        let caller = self.wanted(&request, Wish::See)?;
        let approves = caller.person.is_some_and(|person| person.duty == Duty::Approver);
        let shown = |waiting: Waiting| {
            let note = if approves { waiting.note.clone() } else { String::new() };
            message(Waiting { note, ..waiting })
        };
        let jobs = self.0.book.questions().await.map_err(status)?.into_iter().map(shown).collect();
        Ok(Response::new(ListWaitingJobsResponse { jobs }))
    }

    async fn decide_job(&self, request: Request<DecideJobRequest>) -> Result<Response<DecideJobResponse>, Status> {
        let caller = self.wanted(&request, Wish::Approve)?;
        let person = handle(&caller).ok_or_else(|| Status::permission_denied("only a person approves"))?;
        let question = match request.get_ref().question() {
            Question::Job => Asked::Job,
            Question::Input => Asked::Input,
            Question::Unspecified => return Err(Status::invalid_argument("no question was named")),
        };
        let DecideJobRequest { job_id: id, approve, reason, mark, .. } = request.into_inner();
        impersonal("the reason", &reason)?;
        let id = job_id(id).map_err(|error| Status::invalid_argument(error.to_string()))?;
        let at = now().map_err(|error| status(BookError::from(error)))?;
        tracing::info!(job_id = %id, by = %caller.holder(), approve, "an approver decides about a job");
        // Goes on if the caller hangs up.
        let papers = Arc::clone(&self.0);
        let deciding = tokio::spawn(async move {
            let (book, asked) = (&papers.book, (id.as_str(), question, mark.as_str()));
            let is_answered = if approve {
                book.approve_job(asked, (&person, papers.approvers), at).await?
            } else {
                book.reject_job(asked, (&person, &reason), at).await?;
                true
            };
            if is_answered {
                papers.jobs.answered(&id);
            }
            Ok::<_, BookError>(is_answered)
        });
        let decided = deciding.await.map_err(|_| Status::internal("a fault in this program"))?;
        let is_answered = decided.map_err(status)?;
        Ok(Response::new(DecideJobResponse { is_open: !is_answered }))
    }
}
