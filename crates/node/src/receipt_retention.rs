//! What a node keeps for its years and no longer, looked after once a day.

use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::{
    book::{Book, BookError},
    clock::now,
};

/// How often it is looked after; the first time when the node starts.
const ROUND: Duration = Duration::from_secs(86_400);

/// Removes receipts that are older than `years`, until `shutdown`.
pub(crate) async fn keep_receipts(book: Book, years: u16, shutdown: CancellationToken) {
    loop {
        match remove(&book, years).await {
            Ok(0) => {}
            Ok(removed) => tracing::info!(removed, years, "receipts that were kept for their years are removed"),
            // They stay until tomorrow.
            Err(error) => tracing::error!(%error, "old receipts could not be removed"),
        }
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = sleep(ROUND) => {}
        }
    }
}

async fn remove(book: &Book, years: u16) -> Result<u64, BookError> {
    book.remove_receipts(now()?.years_before(years)).await
}
