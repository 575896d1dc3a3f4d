//! Where papers come in and go out: statements of peers and supervisors, decisions of this participant's own people, and the post
//! to the other parties.
//!
//! Statements carry their own signatures, so it does not matter who brings one. What is decided here is decided by the
//! duty in the caller's certificate ([`crate::access`]).

mod acting;
mod agreements;
mod approvals;
mod due;
mod errands;
mod identities;
mod receipts;
mod relaying;
mod results;
mod wording;

use std::{sync::Arc, time::Duration};

use agreement::{
    Act, Digest, Life, Receipt, Signed, Statement,
    acts::{Change, Heartbeat},
    statement::kind_of,
};
use tokio::{sync::watch, time::sleep};
use tokio_util::sync::CancellationToken;

pub(crate) use self::{
    agreements::service,
    approvals::approvals,
    errands::run_errands,
    identities::{Doors, identity_service},
    receipts::service as receipt_service,
    relaying::{Relayed, take_relayed},
    results::service as results_service,
};
use crate::{
    book::{Book, BookError, News},
    clock::{now, now_ms},
    config::NodeConfig,
    jobs::Jobs,
    results::ResultsFolder,
};

/// How often it is looked whether something runs that is to be stopped.
const ROUND: Duration = Duration::from_secs(10);

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
    pub(crate) posted: watch::Sender<()>,
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
                    // A supervisor's is handed on.
                    self.posted.send_replace(());
                }
                // Also of one that is known: whoever took it in first may not have come to this.
                self.follow(&act, &digest).await
            }
        }
    }

    /// What follows from a statement: jobs under an agreement that does not stand any more are stopped.
    async fn follow(&self, act: &Act, digest: &Digest) -> Result<(), BookError> {
        match act {
            Act::Standing(standing) if standing.statement().change != Change::Resumption => {
                self.stop_if_held(digest).await
            }
            _ => Ok(()),
        }
    }

    async fn stop_if_held(&self, digest: &Digest) -> Result<(), BookError> {
        let Some(known) = self.book.known(digest).await? else { return Ok(()) };
        let life = Life::of(&known.agreement, digest, &known.acts, &self.book.pinned());
        let Some(reason) = life.held_because() else { return Ok(()) };
        for job in self.book.open_jobs(digest).await? {
            tracing::warn!(job, reason, "a job is stopped");
            self.jobs.stop(&job, &reason).await;
        }
        Ok(())
    }

    /// Stops what runs, or waits to go on, under agreements that are held: now, and from time to time until `shutdown`, should
    /// anything have kept a statement from being followed.
    pub(crate) async fn stop_what_is_held(self: Arc<Self>, shutdown: CancellationToken) {
        loop {
            let round = async {
                for digest in self.book.agreements_in_use().await? {
                    self.stop_if_held(&digest).await?;
                }
                Ok::<_, BookError>(())
            };
            if let Err(error) = round.await {
                tracing::error!(%error, "the book does not say which jobs are to be stopped");
            }
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = sleep(ROUND) => {}
            }
        }
    }

    /// Publishes a statement of this participant's own, with a receipt, unless it has said as much before.
    pub(crate) async fn publish(&self, act: &Act, receipt: Receipt) -> Result<News, BookError> {
        let news = self.book.publish(act, receipt, now_ms()).await?;
        self.posted.send_replace(());
        self.follow(act, &act.agreement()?).await?;
        Ok(news)
    }
}
