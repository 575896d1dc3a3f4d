//! The service that operators call.

use std::{pin::Pin, sync::Arc};

use agreement::{JobSpec, printable};
use tokio_stream::{Stream, StreamExt, wrappers::WatchStream};
use tonic::{Request, Response, Status};
use wire::{
    Peer, Pins,
    convert::job_id,
    proto::{
        CancelJobRequest, CancelJobResponse, GetJobRequest, GetJobResponse, Job, ListJobsRequest, ListJobsResponse,
        SubmitJobRequest, SubmitJobResponse, WatchJobRequest, WatchJobResponse, job_service_server::JobService,
    },
};

use crate::{
    access::{Wish, allow},
    dispatch::Dispatcher,
    store::StoreError,
    text::MAX_REASON,
};

/// Jobs that may be open at once, and those of one submitter among them.
const OPEN_JOBS: i64 = 1000;
const OPEN_JOBS_OF_ONE: i64 = 250;
/// Jobs in a list where the caller does not say, and the most that it may ask for.
const PAGE: u32 = 100;
const LONGEST_PAGE: u32 = 500;

/// Answers operators.
pub(crate) struct Jobs {
    pub(crate) pins: Pins,
    pub(crate) dispatcher: Arc<Dispatcher>,
}

fn status(error: StoreError) -> Status {
    match error {
        StoreError::NoJob(_) => Status::not_found("there is no such job"),
        StoreError::Transition { .. } => Status::failed_precondition(error.to_string()),
        other => {
            tracing::error!(error = %other, "the store failed");
            Status::internal("the coordinator's store failed")
        }
    }
}

impl Jobs {
    /// The caller and the job that it names, if it may have its wish.
    async fn wanted<T>(
        &self,
        request: &Request<T>,
        id: &str,
        wish: for<'a> fn(&'a JobSpec) -> Wish<'a>,
    ) -> Result<(Peer, String), Status> {
        let caller = wire::server::peer_of(request)?;
        let id = job_id(id.to_owned()).map_err(|error| Status::invalid_argument(error.to_string()))?;
        let stored = self.dispatcher.store.get(&id).await.map_err(status)?;
        allow(&caller, &self.pins, wish(&stored.spec))?;
        Ok((caller, id))
    }

    async fn job(&self, id: &str) -> Result<Option<Job>, Status> {
        self.dispatcher.job(id).await.map(Some).map_err(status)
    }
}

#[tonic::async_trait]
impl JobService for Jobs {
    type WatchJobStream = Pin<Box<dyn Stream<Item = Result<WatchJobResponse, Status>> + Send>>;

    async fn submit_job(&self, request: Request<SubmitJobRequest>) -> Result<Response<SubmitJobResponse>, Status> {
        let caller = wire::server::peer_of(&request)?;
        let spec = request.into_inner().spec.ok_or_else(|| Status::invalid_argument("there is no job"))?;
        let spec = JobSpec::try_from(spec).map_err(|error| Status::invalid_argument(error.to_string()))?;
        allow(&caller, &self.pins, Wish::Submit(&spec))?;
        spec.validate().map_err(|error| Status::invalid_argument(error.to_string()))?;
        let (open, own) = self.dispatcher.store.open_jobs(&caller.participant).await.map_err(status)?;
        if open >= OPEN_JOBS || own >= OPEN_JOBS_OF_ONE {
            return Err(Status::resource_exhausted("too many jobs are open; cancel some or wait"));
        }
        let mut id = [0; 16];
        getrandom::fill(&mut id).map_err(|_| Status::internal("the system gives no randomness"))?;
        let job = self.dispatcher.submit(&hex::encode(id), &spec, &caller.participant).await.map_err(status)?;
        tracing::info!(job = %job.job_id, by = %caller.holder(), "job submitted");
        Ok(Response::new(SubmitJobResponse { job: Some(job) }))
    }

    async fn get_job(&self, request: Request<GetJobRequest>) -> Result<Response<GetJobResponse>, Status> {
        let (_, id) = self.wanted(&request, &request.get_ref().job_id, |spec| Wish::See(spec)).await?;
        Ok(Response::new(GetJobResponse { job: self.job(&id).await? }))
    }

    async fn list_jobs(&self, request: Request<ListJobsRequest>) -> Result<Response<ListJobsResponse>, Status> {
        let caller = wire::server::peer_of(&request)?;
        allow(&caller, &self.pins, Wish::ListJobs)?;
        let most = match request.get_ref().page_size {
            0 => PAGE,
            size => size.min(LONGEST_PAGE),
        };
        let mut jobs = Vec::new();
        for stored in self.dispatcher.store.of_participant(&caller.participant, most).await.map_err(status)? {
            jobs.extend(self.job(&stored.id).await?);
        }
        Ok(Response::new(ListJobsResponse { jobs }))
    }

    async fn watch_job(&self, request: Request<WatchJobRequest>) -> Result<Response<Self::WatchJobStream>, Status> {
        let (_, id) = self.wanted(&request, &request.get_ref().job_id, |spec| Wish::See(spec)).await?;
        let receiver = self.dispatcher.watch(&id).await.map_err(status)?;
        let receiver = receiver.ok_or_else(|| Status::resource_exhausted("too many jobs are watched"))?;
        let shutdown = self.dispatcher.shutdown.clone();
        let updates = WatchStream::new(receiver).map(|job| Ok(WatchJobResponse { job: Some(job) }));
        let updates = until(updates, shutdown);
        Ok(Response::new(Box::pin(updates)))
    }

    async fn cancel_job(&self, request: Request<CancelJobRequest>) -> Result<Response<CancelJobResponse>, Status> {
        let (caller, id) = self.wanted(&request, &request.get_ref().job_id, |spec| Wish::Cancel(spec)).await?;
        let reason = printable(&request.get_ref().reason, MAX_REASON);
        // The other party is told which participant it was; which person is a matter of that participant's own.
        let by = &caller.participant;
        let cause =
            if reason.is_empty() { format!("cancelled by {by}") } else { format!("cancelled by {by}: {reason}") };
        let job = self.dispatcher.cancel(&id, &cause).await.map_err(status)?;
        tracing::info!(job = %id, by = %caller.holder(), "job cancelled");
        Ok(Response::new(CancelJobResponse { job: Some(job) }))
    }
}

/// Ends a stream when the coordinator stops.
fn until<S: Stream + Send + 'static>(
    stream: S,
    shutdown: tokio_util::sync::CancellationToken,
) -> impl Stream<Item = S::Item> + Send
where
    S::Item: Send,
{
    async_stream::stream! {
        tokio::pin!(stream);
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                item = stream.next() => match item {
                    Some(item) => yield item,
                    None => return,
                },
            }
        }
    }
}
