//! The end of results: when they are due, when a person says so, and after a process that was killed in between.
//!
//! The book notes that a result is about to be deleted, and why; then its key is destroyed and its file removed; then the
//! book notes that, with a receipt. Whatever ends in between is taken up by the next round.

use std::{io, sync::Arc, time::Duration};

use agreement::Moment;
use tokio::{task::spawn_blocking, time::sleep};
use tokio_util::sync::CancellationToken;

use crate::{
    book::{Book, BookError, Held, JobOf, Keeping},
    clock::now,
    results::ResultsFolder,
};

/// How often it is looked which results are due.
const ROUND: Duration = Duration::from_secs(60);
/// Results that are looked at in one round.
const AT_A_TIME: u32 = 1000;
/// Why a result is deleted that nobody asked to delete.
const ENDED: &str = "retention ended";

/// Why a result could not be deleted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RetentionError {
    /// The book failed.
    #[error(transparent)]
    Book(#[from] BookError),
    /// The folder failed.
    #[error("the folder of results: {0}")]
    Folder(#[from] io::Error),
}

/// Deletes the result of a job, because of `cause`, as `person` wants it if it is one. Whether it was there.
///
/// # Errors
/// [`RetentionError`]; then it is overdue, and a later round tries again.
pub(crate) async fn delete(
    (book, results): (&Book, &Arc<ResultsFolder>),
    job: &str,
    (cause, person): (&str, Option<&str>),
    now: Moment,
) -> Result<bool, RetentionError> {
    let was_kept = book.deleting(job, cause, person).await?;
    destroy(results, job).await?;
    book.deleted(job, now).await?;
    Ok(was_kept)
}

/// Deletes what is due at `now`. What cannot be deleted is logged, and holds up nothing else.
pub(crate) async fn delete_due(book: &Book, results: &Arc<ResultsFolder>, now: Moment) -> Result<(), BookError> {
    for Held { job, made, .. } in book.overdue(now, AT_A_TIME).await? {
        match delete((book, results), &job, (ENDED, None), now).await {
            Ok(_) => tracing::info!(job_id = job, due = %made.due, "the key of a result was destroyed: it was due"),
            Err(error) => {
                tracing::error!(job_id = job, due = %made.due, %error, "A RESULT IS OVERDUE and cannot be deleted");
            }
        }
    }
    Ok(())
}

/// Deletes what is due, now and then, until `shutdown`.
pub(crate) async fn keep_to_agreements(book: Book, results: Arc<ResultsFolder>, shutdown: CancellationToken) {
    loop {
        let round = async {
            let now = now().map_err(BookError::from)?;
            delete_due(&book, &results, now).await
        };
        if let Err(error) = round.await {
            tracing::error!(%error, "the book does not say which results are due");
        }
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = sleep(ROUND) => {}
        }
    }
}

/// Compares the folder with the book, before any job begins, and takes up what an earlier process left.
///
/// | There is | of a job that | and then |
/// |---|---|---|
/// | a file | has not ended | it stays: the run replaces it when it is taken up again |
/// | a key alone | has no result | it is destroyed |
/// | a file or a key | ended without a result | it is destroyed |
/// | a file or a key | is not known | it stays and is reported: the book may be an old one |
/// | a file or a key | has a result that was deleted | it is destroyed again |
/// | no file, or no key | has a result | it is reported, and listed so |
///
/// What cannot be taken up is logged, and holds up nothing else.
///
/// # Errors
/// [`RetentionError`] if one of the two cannot be read.
pub(crate) async fn look_over(book: &Book, results: &Arc<ResultsFolder>) -> Result<(), RetentionError> {
    if !results.is_held() {
        // Another node may be writing in it.
        return Ok(());
    }
    let folder = Arc::clone(results);
    let (jobs, has_plain) = blocking(move || Ok((folder.jobs()?, folder.has_plain()?))).await?;
    if has_plain {
        tracing::warn!(
            "the folder of results has .csv files, which are not sealed and which nothing deletes when they are due"
        );
    }
    for job in jobs {
        if let Err(error) = take_up((book, results), &job).await {
            tracing::error!(job_id = job, %error, "what an earlier process left of a result cannot be taken up");
        }
    }
    for Held { job, .. } in book.results(AT_A_TIME).await?.into_iter().filter(|held| held.keeping == Keeping::Kept) {
        if let Some(what) = lacks(results, &job).await? {
            tracing::error!(job_id = job, what, "a result is not whole");
        }
    }
    Ok(())
}

/// The part of [`look_over`] that is about one job.
async fn take_up((book, results): (&Book, &Arc<ResultsFolder>), job: &str) -> Result<(), RetentionError> {
    let is_whole = lacks(results, job).await?.is_none();
    match book.job_of(job).await? {
        JobOf::Open if is_whole => {}
        JobOf::Result(Keeping::Kept | Keeping::Deleting) => {}
        JobOf::Unknown => tracing::error!(job_id = job, "the folder has a result that the book does not know"),
        JobOf::Open | JobOf::Ended(_) => {
            destroy(results, job).await?;
            tracing::warn!(job_id = job, "removed what an earlier process left of a result");
        }
        JobOf::Result(Keeping::Deleted) => {
            destroy(results, job).await?;
            tracing::warn!(job_id = job, "a result that was deleted was back, as from a backup: it was deleted again");
        }
    }
    Ok(())
}

/// Removes what a run left that ended without a result after it had written one.
pub(crate) async fn discard(book: &Book, results: &Arc<ResultsFolder>, job: &str) -> Result<(), RetentionError> {
    match book.job_of(job).await? {
        JobOf::Ended(_) => destroy(results, job).await,
        _ => Ok(()),
    }
}

async fn destroy(results: &Arc<ResultsFolder>, job: &str) -> Result<(), RetentionError> {
    let (folder, job) = (Arc::clone(results), job.to_owned());
    blocking(move || folder.destroy(&job)).await
}

async fn lacks(results: &Arc<ResultsFolder>, job: &str) -> Result<Option<&'static str>, RetentionError> {
    let (folder, job) = (Arc::clone(results), job.to_owned());
    blocking(move || folder.lacks(&job)).await
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, RetentionError> {
    Ok(spawn_blocking(work).await.map_err(io::Error::other)??)
}

#[cfg(test)]
mod tests;
