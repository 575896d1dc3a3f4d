//! The service of jobs that wait for this participant's approvers.

use std::sync::Arc;

use tonic::{Request, Response, Status};
use wire::{
    convert::job_id,
    proto::{
        DecideJobRequest, DecideJobResponse, ListWaitingJobsRequest, ListWaitingJobsResponse, Question, WaitingJob,
        approval_service_server::{ApprovalService, ApprovalServiceServer},
    },
};

use super::{
    Papers,
    access::Wish,
    service::{Desk, handle, status},
};
use crate::{
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
    }
}

#[tonic::async_trait]
impl ApprovalService for Desk {
    async fn list_waiting_jobs(
        &self,
        request: Request<ListWaitingJobsRequest>,
    ) -> Result<Response<ListWaitingJobsResponse>, Status> {
        self.wanted(&request, Wish::See)?;
        let jobs = self.0.book.questions().await.map_err(status)?.into_iter().map(message).collect();
        Ok(Response::new(ListWaitingJobsResponse { jobs }))
    }

    async fn decide_job(&self, request: Request<DecideJobRequest>) -> Result<Response<DecideJobResponse>, Status> {
        let caller = self.wanted(&request, Wish::Approve)?;
        let person = handle(&caller).ok_or_else(|| Status::permission_denied("only a person approves"))?;
        let DecideJobRequest { job_id: id, approve, reason } = request.into_inner();
        let id = job_id(id).map_err(|error| Status::invalid_argument(error.to_string()))?;
        let (book, at) = (&self.0.book, now().map_err(|error| status(BookError::from(error)))?);
        let is_answered = if approve {
            book.approve_job(&id, (&person, self.0.approvers), at).await.map_err(status)?
        } else {
            book.reject_job(&id, (&person, &reason), at).await.map_err(status)?;
            true
        };
        tracing::info!(job_id = %id, by = %caller.holder(), approve, "an approver decided about a job");
        if is_answered {
            self.0.jobs.answered(&id);
        }
        Ok(Response::new(DecideJobResponse { is_open: !is_answered }))
    }
}
