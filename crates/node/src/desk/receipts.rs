//! The service of receipts.

use std::sync::Arc;

use agreement::{Digest, Month};
use tonic::{Request, Response, Status};
use wire::proto::{
    Envelope, GetJobReceiptsRequest, GetJobReceiptsResponse, ListReceiptsRequest, ListReceiptsResponse,
    MeterUseRequest, MeterUseResponse, ReceiptChain, ReceiptEntry, UseLine,
    receipt_service_server::{ReceiptService, ReceiptServiceServer},
};

use super::{
    Papers,
    agreements::{Desk, status},
};
use crate::{
    access::Wish,
    book::{Kept, Wanted},
};

/// The most bytes of a request, and of an answer: a page ends before.
const MAX_REQUEST: usize = 4 << 10;
const MAX_ANSWER: usize = 16 << 20;
/// Receipts of a page where the caller does not say, and the most that it may ask for.
const PAGE: u32 = 100;
const LONGEST_PAGE: u32 = 500;
/// Digits of a whole digest.
const WHOLE: usize = 64;

/// The service of a node.
pub(crate) fn service(papers: Arc<Papers>) -> ReceiptServiceServer<Desk> {
    ReceiptServiceServer::new(Desk(papers)).max_decoding_message_size(MAX_REQUEST).max_encoding_message_size(MAX_ANSWER)
}

impl Desk {
    /// What a list is narrowed to.
    async fn wanted_receipts(&self, request: ListReceiptsRequest) -> Result<Wanted, Status> {
        let ListReceiptsRequest { from, upward, page_size, job_id, agreement, event } = request;
        let most = match page_size {
            0 => PAGE,
            size => size.min(LONGEST_PAGE),
        };
        let agreement = match agreement.as_str() {
            "" => None,
            // A job may have been refused under one that is not known here.
            digest if digest.len() == WHOLE => Some(digest.parse::<Digest>().map_err(|error| wrong(&error))?),
            digest => Some(self.named(digest).await?.digest),
        };
        let event = if event.is_empty() { None } else { Some(event.parse().map_err(|error: String| wrong(&error))?) };
        Ok(Wanted { from, upward, most, job: Some(job_id).filter(|job| !job.is_empty()), agreement, event })
    }
}

/// What a caller asks for cannot be.
fn wrong(error: &dyn std::fmt::Display) -> Status {
    Status::invalid_argument(error.to_string())
}

fn envelope(body: String) -> Envelope {
    Envelope { statement: body.into() }
}

fn chain(kept: &Kept) -> ReceiptChain {
    let removed = kept.removed.as_ref();
    ReceiptChain {
        removed_number: removed.map_or(0, |removed| removed.number),
        removed_digest: removed.map(|removed| removed.digest.to_string()).unwrap_or_default(),
        removed_at: removed.map_or(0, |removed| removed.at.seconds()),
        last_number: kept.last,
    }
}

#[tonic::async_trait]
impl ReceiptService for Desk {
    async fn list_receipts(
        &self,
        request: Request<ListReceiptsRequest>,
    ) -> Result<Response<ListReceiptsResponse>, Status> {
        self.wanted(&request, Wish::Audit)?;
        let wanted = self.wanted_receipts(request.into_inner()).await?;
        let page = self.0.book.page(&wanted).await.map_err(status)?;
        let entries = page.entries.into_iter().map(|entry| ReceiptEntry {
            receipt: Some(envelope(entry.receipt)),
            peers: entry.peers.into_iter().map(envelope).collect(),
        });
        let next = page.next.unwrap_or(0);
        Ok(Response::new(ListReceiptsResponse { entries: entries.collect(), next, chain: Some(chain(&page.kept)) }))
    }

    async fn get_job_receipts(
        &self,
        request: Request<GetJobReceiptsRequest>,
    ) -> Result<Response<GetJobReceiptsResponse>, Status> {
        self.wanted(&request, Wish::Audit)?;
        let job = request.into_inner().job_id;
        let (own, peers) = self.0.book.job_receipts(&job).await.map_err(status)?;
        if own.is_empty() && peers.is_empty() {
            return Err(Status::not_found("there is no receipt of such a job here"));
        }
        let all = |bodies: Vec<String>| bodies.into_iter().map(envelope).collect();
        Ok(Response::new(GetJobReceiptsResponse { receipts: all(own), peers: all(peers) }))
    }

    async fn meter_use(&self, request: Request<MeterUseRequest>) -> Result<Response<MeterUseResponse>, Status> {
        self.wanted(&request, Wish::Audit)?;
        let MeterUseRequest { from, to } = request.into_inner();
        let month = |text: &str| text.parse::<Month>().map_err(|error| wrong(&error));
        let meter = self.0.book.meter(month(&from)?, month(&to)?).await.map_err(status)?;
        let lines = meter.into_iter().map(|((month, agreement, peer), counted)| UseLine {
            month: month.to_string(),
            agreement: agreement.to_string(),
            peer: peer.to_string(),
            admitted: counted.admitted,
            succeeded: counted.succeeded,
            own_records: counted.own_records,
            peer_records: counted.peer_records,
        });
        let kept = self.0.book.kept().await.map_err(status)?;
        Ok(Response::new(MeterUseResponse { lines: lines.collect(), chain: Some(chain(&kept)) }))
    }
}
