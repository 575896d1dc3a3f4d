//! The service of results: this participant's own people list them, take them out and have them deleted.

use std::{sync::Arc, time::Duration};

use agreement::{Moment, printable, receipt::Export};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    task::spawn_blocking,
    time::timeout,
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};
use wire::{
    Peer,
    proto::{
        DeleteResultRequest, DeleteResultResponse, ExportResultRequest, ExportResultResponse, ListResultsRequest,
        ListResultsResponse, ResultInfo, ResultState,
        result_service_server::{ResultService, ResultServiceServer},
    },
};

use super::{
    Papers,
    agreements::{handle, status},
    wording::impersonal,
};
use crate::{
    access::{Wish, allow},
    book::{Held, Keeping},
    clock::now,
    result_retention::{self, RetentionError},
    results::Reader,
};

/// Results of a list where the caller does not say, and the most that it may ask for.
const PAGE: u32 = 100;
const LONGEST_PAGE: u32 = 500;
/// Results that are taken out at once.
const EXPORTS: usize = 4;
/// Chunks that wait for whoever takes a result out.
const QUEUE: usize = 4;
/// How long that may take for one of them.
const PATIENCE: Duration = Duration::from_secs(60);
/// Bytes of a reason.
const REASON: usize = 512;

/// Answers this participant's own people.
pub(crate) struct ResultDesk {
    papers: Arc<Papers>,
    exports: Arc<Semaphore>,
}

/// The service of a node.
pub(crate) fn service(papers: Arc<Papers>) -> ResultServiceServer<ResultDesk> {
    ResultServiceServer::new(ResultDesk { papers, exports: Arc::new(Semaphore::new(EXPORTS)) })
}

impl ResultDesk {
    fn wanted<T>(&self, request: &Request<T>, wish: Wish) -> Result<Peer, Status> {
        let caller = wire::server::peer_of(request)?;
        allow(&caller, (self.papers.book.participant(), &self.papers.book.pinned()), wish)?;
        Ok(caller)
    }

    /// The result of a job that is kept.
    async fn kept(&self, job: &str) -> Result<Held, Status> {
        let held = self.papers.book.result(job).await.map_err(status)?;
        let held = held.ok_or_else(|| Status::not_found("there is no result of such a job here"))?;
        match held.keeping {
            Keeping::Kept => Ok(held),
            Keeping::Deleting => Err(Status::failed_precondition(format!("it is being deleted: {}", held.cause))),
            Keeping::Deleted => Err(Status::failed_precondition(format!("it was deleted: {}", held.cause))),
        }
    }

    /// Results as they are shown, with what is missing of each.
    async fn shown(&self, all: Vec<Held>, now: Moment) -> Result<Vec<ResultInfo>, Status> {
        let results = Arc::clone(&self.papers.results);
        let looking = spawn_blocking(move || {
            let look = |held: &Held| match held.keeping {
                Keeping::Kept => results.lacks(&held.job).unwrap_or(Some("its file cannot be looked at")),
                Keeping::Deleting => Some("it could not be deleted yet"),
                Keeping::Deleted => None,
            };
            all.iter().map(|held| info(held, look(held), now)).collect()
        });
        looking.await.map_err(|_| Status::internal("the folder of results cannot be looked at"))
    }

    /// Opens a result and reads its beginning, which shows whether the key is the right one.
    async fn open(&self, job: &str) -> Result<(Reader, Vec<u8>), Status> {
        let (results, name) = (Arc::clone(&self.papers.results), job.to_owned());
        let opening = spawn_blocking(move || {
            let mut reader = results.open(&name)?;
            let first = reader.next()?.unwrap_or_default();
            Ok::<_, std::io::Error>((reader, first))
        });
        let opened = opening.await.map_err(|_| Status::internal("the result could not be opened"))?;
        opened.map_err(|error| {
            tracing::error!(job_id = job, %error, "a result cannot be read");
            Status::data_loss("the result or its key is missing or damaged; the node's log says more")
        })
    }
}

fn info(held: &Held, problem: Option<&str>, now: Moment) -> ResultInfo {
    let state = match held.keeping {
        Keeping::Kept => ResultState::Kept,
        Keeping::Deleting => ResultState::Deleting,
        Keeping::Deleted => ResultState::Deleted,
    };
    ResultInfo {
        job_id: held.job.clone(),
        agreement: held.agreement.to_string(),
        rows: held.made.rows,
        bytes: held.made.bytes,
        made_s: held.made.at.seconds(),
        due_s: held.made.due.seconds(),
        state: state.into(),
        overdue: held.is_overdue(now),
        exports: held.exports,
        cause: held.cause.clone(),
        problem: problem.unwrap_or_default().to_owned(),
    }
}

fn moment() -> Result<Moment, Status> {
    now().map_err(|error| status(error.into()))
}

/// A text that a receipt can have, and that says something.
fn said(what: &str, text: &str) -> Result<String, Status> {
    let text = text.trim();
    if text.is_empty() || printable(text, REASON) != text {
        return Err(Status::invalid_argument(format!("{what} is missing, or has characters that are not seen")));
    }
    Ok(text.to_owned())
}

/// Sends a result of which the first chunk was read. Whoever takes it too slowly gets no more of it.
async fn send(
    mut reader: Reader,
    first: Vec<u8>,
    (to, _permit): (mpsc::Sender<Result<ExportResultResponse, Status>>, OwnedSemaphorePermit),
) {
    let (mut bytes, mut chunk) = (reader.bytes(), first);
    loop {
        let message = ExportResultResponse { bytes: std::mem::take(&mut bytes), chunk: chunk.into() };
        let Ok(Ok(())) = timeout(PATIENCE, to.send(Ok(message))).await else { return };
        let reading = spawn_blocking(move || (reader.next(), reader));
        let Ok((read, back)) = reading.await else { return };
        reader = back;
        chunk = match read {
            Ok(Some(next)) => next,
            Ok(None) => return,
            Err(error) => {
                tracing::error!(%error, "a result cannot be read to its end");
                let broken = Status::data_loss("the result is damaged; what was sent of it is not whole");
                drop(timeout(PATIENCE, to.send(Err(broken))).await);
                return;
            }
        };
    }
}

#[tonic::async_trait]
impl ResultService for ResultDesk {
    type ExportResultStream = ReceiverStream<Result<ExportResultResponse, Status>>;

    async fn list_results(
        &self,
        request: Request<ListResultsRequest>,
    ) -> Result<Response<ListResultsResponse>, Status> {
        self.wanted(&request, Wish::See)?;
        let ListResultsRequest { page_size, overdue } = request.into_inner();
        let most = if page_size == 0 { PAGE } else { page_size.min(LONGEST_PAGE) };
        let (book, now) = (&self.papers.book, moment()?);
        let all = if overdue { book.overdue(now, most).await } else { book.results(most).await };
        let results = self.shown(all.map_err(status)?, now).await?;
        Ok(Response::new(ListResultsResponse { results }))
    }

    async fn export_result(
        &self,
        request: Request<ExportResultRequest>,
    ) -> Result<Response<Self::ExportResultStream>, Status> {
        let caller = self.wanted(&request, Wish::Export)?;
        let ExportResultRequest { job_id, purpose, case_number } = request.into_inner();
        // The number of a case may look like a person's.
        impersonal("the purpose", &purpose)?;
        let export = Export { purpose: said("a purpose", &purpose)?, case: said("a case number", &case_number)? };
        let permit = Arc::clone(&self.exports).try_acquire_owned();
        let permit = permit.map_err(|_| Status::resource_exhausted("other results are being taken out; try again"))?;
        let held = self.kept(&job_id).await?;
        let (reader, first) = self.open(&held.job).await?;
        let by = (handle(&caller), moment()?);
        self.papers.book.exported(&held.job, export, by).await.map_err(status)?;
        tracing::info!(job_id, caller = %caller.holder(), "a result is taken out");
        let (to, from) = mpsc::channel(QUEUE);
        tokio::spawn(send(reader, first, (to, permit)));
        Ok(Response::new(ReceiverStream::new(from)))
    }

    async fn delete_result(
        &self,
        request: Request<DeleteResultRequest>,
    ) -> Result<Response<DeleteResultResponse>, Status> {
        let caller = self.wanted(&request, Wish::Delete)?;
        let DeleteResultRequest { job_id, reason } = request.into_inner();
        impersonal("the reason", &reason)?;
        let reason = said("a reason", &reason)?;
        let (held, now) = (self.kept(&job_id).await?, moment()?);
        let (person, store) = (handle(&caller), (&self.papers.book, &self.papers.results));
        let deleted = result_retention::delete(store, &held.job, (&reason, person.as_deref()), now).await;
        deleted.map_err(|error| match error {
            RetentionError::Book(error) => status(error),
            RetentionError::Folder(error) => {
                tracing::error!(job_id, %error, "a result could not be deleted");
                Status::internal("it could not be deleted yet, and is not taken out any more; the node's log says why")
            }
        })?;
        tracing::info!(job_id, caller = %caller.holder(), "a result was deleted");
        let held = self.papers.book.result(&held.job).await.map_err(status)?;
        let result = self.shown(held.into_iter().collect(), now).await?.pop();
        Ok(Response::new(DeleteResultResponse { result }))
    }
}
