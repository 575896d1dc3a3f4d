//! A node that is asked for its receipts. What it answers is read strictly: each receipt has a valid signature of the key
//! that it names.

use std::time::Duration;

use agreement::{Digest, Moment, Month, ParticipantId, Receipt, Signed};
use tokio::time::timeout;
use tonic::{Response, transport::Channel};
use wire::proto::{
    Envelope, GetJobReceiptsRequest, ListReceiptsRequest, ListReceiptsResponse, MeterUseRequest, ReceiptChain,
    ReceiptEntry, UseLine, receipt_service_client::ReceiptServiceClient,
};

use super::broken;
use crate::{
    desk::{MAX_MESSAGE, Target},
    failure::{Failure, Status},
};

/// How long a node may take to answer: it reads its database.
const ANSWER: Duration = Duration::from_secs(120);

/// The most receipts of a page.
pub(super) const LONGEST_PAGE: u32 = 500;

/// A receipt as it came, and what it says.
#[derive(Debug)]
pub(super) struct Shown {
    pub(super) bytes: Vec<u8>,
    pub(super) signed: Signed<Receipt>,
}

/// A receipt of the node, and those of its peers that belong to it.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) own: Shown,
    pub(super) peers: Vec<Shown>,
}

/// From where to where the node says its chain goes.
#[derive(Debug)]
pub(super) struct Chain {
    pub(super) removed: Option<Removed>,
    pub(super) last: u64,
}

/// The last receipt that the node removed.
#[derive(Debug)]
pub(crate) struct Removed {
    pub(crate) number: u64,
    pub(crate) digest: Digest,
    pub(crate) at: Moment,
}

/// A page of the chain.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) entries: Vec<Entry>,
    pub(super) next: Option<u64>,
    pub(super) chain: Chain,
}

/// A node that answers.
pub(super) struct Node(ReceiptServiceClient<Channel>);

impl Node {
    /// Connects to the node of a peer, or to this participant's own.
    pub(super) async fn connect(target: &Target, peer: Option<&ParticipantId>) -> Result<Self, Failure> {
        Ok(Self::over(target.connect_to(peer).await?))
    }

    /// The node at the other end of a connection.
    pub(super) fn over(channel: Channel) -> Self {
        Self(ReceiptServiceClient::new(channel).max_decoding_message_size(MAX_MESSAGE))
    }

    /// A page of its receipts.
    pub(super) async fn page(&mut self, request: &ListReceiptsRequest) -> Result<Page, Failure> {
        let ListReceiptsResponse { entries, next, chain } = in_time(self.0.list_receipts(request.clone())).await?;
        let entries = entries.into_iter().map(Entry::read).collect::<Result<Vec<_>, _>>()?;
        let onward = if request.upward { next > request.from } else { request.from == 0 || next < request.from };
        if next > 0 && (entries.is_empty() || !onward) {
            return Err(broken("a page that leads nowhere"));
        }
        Ok(Page { entries, next: Some(next).filter(|next| *next > 0), chain: Chain::read(chain)? })
    }

    /// All receipts of a job: its own, and its peers'.
    pub(super) async fn job(&mut self, job_id: String) -> Result<(Vec<Shown>, Vec<Shown>), Failure> {
        let answer = in_time(self.0.get_job_receipts(GetJobReceiptsRequest { job_id })).await?;
        let read = |all: &[Envelope]| all.iter().map(Shown::read).collect::<Result<Vec<_>, _>>();
        Ok((read(&answer.receipts)?, read(&answer.peers)?))
    }

    /// What use it counted.
    pub(super) async fn meter(&mut self, from: Month, to: Month) -> Result<(Vec<UseLine>, Chain), Failure> {
        let request = MeterUseRequest { from: from.to_string(), to: to.to_string() };
        let answer = in_time(self.0.meter_use(request)).await?;
        Ok((answer.lines, Chain::read(answer.chain)?))
    }
}

async fn in_time<T>(call: impl Future<Output = Result<Response<T>, tonic::Status>>) -> Result<T, Failure> {
    let late = |_| Failure::new(Status::Unreachable, "the node does not answer in time");
    let answer = timeout(ANSWER, call).await.map_err(late)?;
    answer.map(Response::into_inner).map_err(Failure::of_node)
}

impl Shown {
    fn read(envelope: &Envelope) -> Result<Self, Failure> {
        let signed = Signed::from_bytes(&envelope.statement).map_err(broken)?;
        Ok(Self { bytes: envelope.statement.to_vec(), signed })
    }
}

impl Entry {
    fn read(entry: ReceiptEntry) -> Result<Self, Failure> {
        let own = entry.receipt.ok_or_else(|| broken("an entry without a receipt"))?;
        Ok(Self { own: Shown::read(&own)?, peers: entry.peers.iter().map(Shown::read).collect::<Result<_, _>>()? })
    }
}

impl Chain {
    fn read(chain: Option<ReceiptChain>) -> Result<Self, Failure> {
        let chain = chain.ok_or_else(|| broken("it does not say where its chain begins and ends"))?;
        let removed = match chain.removed_number {
            0 => None,
            number => Some(Removed {
                number,
                digest: chain.removed_digest.parse().map_err(broken)?,
                at: Moment::from_seconds(chain.removed_at).map_err(broken)?,
            }),
        };
        Ok(Self { removed, last: chain.last_number })
    }
}
