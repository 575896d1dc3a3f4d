//! Where papers come in and go out: statements of peers and supervisors, decisions of this participant's own people, and the post
//! to the other parties.
//!
//! Statements carry their own signatures, so it does not matter who brings one. What is decided here is decided by the
//! duty in the caller's certificate ([`access`]).

mod access;
mod acting;
mod approvals;
mod due;
mod errands;
mod identities;
mod receipts;
mod relaying;
mod results;
mod service;

use std::sync::Arc;

use agreement::{
    Act, AgreementState, Digest, Receipt, Signed, Statement,
    acts::{Change, Heartbeat},
    statement::kind_of,
};
use tokio::sync::Notify;

pub(crate) use self::{
    approvals::approvals,
    errands::run_errands,
    identities::{Doors, identity_service},
    receipts::service as receipt_service,
    relaying::{Relayed, take_relayed},
    results::service as results_service,
    service::service,
};
use crate::{
    book::{Book, BookError, News},
    clock::{now, now_ms},
    config::NodeConfig,
    jobs::Jobs,
    results::ResultsFolder,
};

/// What the desk of a node works with.
pub(crate) struct Papers {
    pub(crate) book: Book,
    pub(crate) jobs: Arc<Jobs>,
    /// What its runs made.
    pub(crate) results: Arc<ResultsFolder>,
    /// Different people of this participant who have to approve an agreement.
    pub(crate) approvers: usize,
    /// Its datasets with what it published of them, and the days on which it works.
    pub(crate) config: Arc<NodeConfig>,
    /// Where identities are held to their pins.
    pub(crate) doors: Doors,
    /// There is something in the post.
    pub(crate) posted: Notify,
}

impl Papers {
    /// Takes in a statement, whoever brought it, and does what follows from it.
    pub(crate) async fn take_in(&self, statement: &[u8]) -> Result<(), BookError> {
        match kind_of(statement)?.as_str() {
            Heartbeat::KIND => self.book.heard(&Signed::from_bytes(statement)?, now()?).await,
            Receipt::KIND => self.book.compare(&Signed::from_bytes(statement)?, now()?).await.map(drop),
            _ => {
                let act = Act::from_bytes(statement)?;
                let (who, kind, digest) = (act.signer().0.clone(), act.kind(), act.agreement()?);
                if self.book.keep(&act, now_ms()).await? == News::New {
                    tracing::info!(%who, kind, agreement = %digest.short(), "a statement came in");
                    self.follow(&act, &digest).await?;
                }
                Ok(())
            }
        }
    }

    /// What follows from a statement that is new: jobs under an agreement that does not stand any more are stopped.
    async fn follow(&self, act: &Act, digest: &Digest) -> Result<(), BookError> {
        let Act::Standing(standing) = act else { return Ok(()) };
        if standing.statement().change == Change::Resumption {
            return Ok(());
        }
        let Some(known) = self.book.known(digest).await? else { return Ok(()) };
        let (_, state) = known.state(&self.book, self.book.runs(digest).await?, now()?);
        if !matches!(state, AgreementState::Suspended | AgreementState::Revoked) {
            return Ok(());
        }
        let reason = format!("the agreement is {state} by {}: {}", standing.signer(), standing.statement().reason);
        for job in self.book.open_jobs(digest).await? {
            tracing::warn!(job, reason, "a job is stopped");
            self.jobs.stop(&job, &reason).await;
        }
        Ok(())
    }

    /// Keeps a statement of this participant's own, and posts it to the other parties.
    pub(crate) async fn publish(&self, act: &Act) -> Result<(), BookError> {
        let digest = act.agreement()?;
        if self.book.keep(act, now_ms()).await? == News::New {
            self.follow(act, &digest).await?;
        }
        let statement = act.to_bytes()?;
        let parties = self.book.agreement(&digest).await?.map(|agreement| agreement.parties).unwrap_or_default();
        for party in parties.iter().filter(|party| party.participant != *self.book.participant()) {
            self.book.post(&party.participant, &statement).await?;
        }
        self.posted.notify_one();
        Ok(())
    }
}
