//! The folder of results and the book, with a process killed between the two and a clock that a test turns.

use std::{fs, io::Write};

use agreement::{Agreement, Event};

use super::*;
use crate::book::tests::{Home, SPRING, admit, agreed, at, made};

/// Anhui's book, with a folder of results beside it.
struct Site {
    home: Home,
    book: Book,
    terms: Agreement,
    results: Arc<ResultsFolder>,
}

impl Site {
    async fn new() -> Self {
        let home = Home { folder: tempfile::tempdir().unwrap(), server: None };
        let (book, terms) = agreed(&home, 50).await;
        let results = Arc::new(ResultsFolder::take(&home.folder.path().join("results")).unwrap());
        Self { home, book, terms, results }
    }

    /// A job that was admitted and has written its result, which the book does not know yet.
    async fn written(&self, job: &str) {
        admit(&self.book, &self.terms, job, SPRING).await.unwrap();
        let mut result = self.results.begin(job, false).unwrap();
        result.write_all(b"id\n1\n").unwrap();
        result.commit().unwrap();
    }

    /// One that the book knows.
    async fn delivered(&self, job: &str) {
        self.written(job).await;
        self.book.ended(job, "Succeeded", (Vec::new(), &[]), Some(&made(1))).await.unwrap();
    }

    fn has(&self, job: &str) -> bool {
        self.results.jobs().unwrap().contains(&job.to_owned())
    }

    async fn deletions(&self, job: &str) -> Vec<(Option<String>, Option<String>)> {
        let receipts = self.book.receipts_of(job).await.unwrap();
        let deletions = receipts.iter().map(|receipt| receipt.statement());
        let deletions = deletions.filter(|receipt| receipt.event == Event::Deleted);
        deletions.map(|receipt| (receipt.cause.clone(), receipt.person.clone())).collect()
    }
}

fn said(cause: &str, person: Option<&str>) -> (Option<String>, Option<String>) {
    (Some(cause.to_owned()), person.map(str::to_owned))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_due_is_deleted_with_a_receipt_and_nothing_before() {
    let site = Site::new().await;
    site.delivered("a").await;
    delete_due(&site.book, &site.results, at("2026-03-01T23:59:59Z")).await.unwrap();
    assert!(site.has("a") && site.results.open("a").is_ok());
    for _ in 0..2 {
        delete_due(&site.book, &site.results, at("2026-03-02T00:00:00Z")).await.unwrap();
    }
    assert!(!site.has("a") && site.results.open("a").is_err());
    assert_eq!(site.deletions("a").await, [said("retention ended", None)]);
    assert_eq!(site.book.result("a").await.unwrap().unwrap().keeping, Keeping::Deleted);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_that_cannot_be_deleted_stays_overdue_and_holds_up_no_other() {
    let site = Site::new().await;
    site.delivered("a").await;
    site.delivered("b").await;
    // A folder in the place of the key cannot be overwritten.
    let key = site.home.folder.path().join("results/keys/a.key");
    fs::remove_file(&key).unwrap();
    fs::create_dir(&key).unwrap();
    let late = at("2026-03-02T00:00:01Z");
    delete_due(&site.book, &site.results, late).await.unwrap();
    assert!(!site.has("b"));
    let overdue = site.book.overdue(late, 9).await.unwrap();
    assert_eq!(
        overdue.iter().map(|held| (held.job.as_str(), held.is_overdue(late))).collect::<Vec<_>>(),
        [("a", true)]
    );
    assert!(site.deletions("a").await.is_empty());
    fs::remove_dir(&key).unwrap();
    delete_due(&site.book, &site.results, late).await.unwrap();
    assert_eq!((site.has("a"), site.deletions("a").await), (false, vec![said("retention ended", None)]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_that_was_cut_short_goes_on_for_the_same_reason() {
    let site = Site::new().await;
    site.delivered("a").await;
    // Killed after the book was told, and after the key was destroyed.
    assert!(site.book.deleting("a", "the case is closed", Some("k-2")).await.unwrap());
    fs::remove_file(site.home.folder.path().join("results/keys/a.key")).unwrap();
    look_over(&site.book, &site.results).await.unwrap();
    delete_due(&site.book, &site.results, at(SPRING)).await.unwrap();
    assert_eq!((site.has("a"), site.deletions("a").await), (false, vec![said("the case is closed", Some("k-2"))]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_that_the_book_does_not_know_yet_waits_for_its_run_and_goes_with_it() {
    let site = Site::new().await;
    site.written("a").await;
    look_over(&site.book, &site.results).await.unwrap();
    assert!(site.has("a"), "its run is taken up again");
    site.book.given_up("a", "Cancelled", ("an operator's wish", at(SPRING))).await.unwrap();
    discard(&site.book, &site.results, "a").await.unwrap();
    assert!(!site.has("a"));
    // The same if nobody was there to do it.
    site.written("b").await;
    site.book.given_up("b", "Cancelled", ("an operator's wish", at(SPRING))).await.unwrap();
    look_over(&site.book, &site.results).await.unwrap();
    assert!(!site.has("b"));
    site.delivered("c").await;
    discard(&site.book, &site.results, "c").await.unwrap();
    assert!(site.has("c"), "what was delivered stays");
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_nothing_are_destroyed_and_what_the_book_never_knew_stays() {
    let site = Site::new().await;
    let folder = site.home.folder.path().join("results");
    for job in ["a", "b"] {
        site.written(job).await;
    }
    fs::remove_file(folder.join("a.sealed")).unwrap();
    fs::rename(folder.join("b.sealed"), folder.join("never-heard-of.sealed")).unwrap();
    look_over(&site.book, &site.results).await.unwrap();
    assert_eq!(site.results.jobs().unwrap(), ["never-heard-of"]);
    assert_eq!(fs::read_dir(folder.join("keys")).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_that_comes_back_from_a_backup_is_deleted_again() {
    let site = Site::new().await;
    site.delivered("a").await;
    let (folder, copy) = (site.home.folder.path().join("results"), site.home.folder.path().join("copy"));
    let files = ["a.sealed", "keys/a.key"].map(|name| folder.join(name));
    for (number, file) in files.iter().enumerate() {
        fs::copy(file, copy.with_extension(number.to_string())).unwrap();
    }
    delete_due(&site.book, &site.results, at("2026-04-01T00:00:00Z")).await.unwrap();
    for (number, file) in files.iter().enumerate() {
        fs::copy(copy.with_extension(number.to_string()), file).unwrap();
    }
    assert!(site.has("a"));
    look_over(&site.book, &site.results).await.unwrap();
    assert!(!site.has("a"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_without_its_key_is_reported_and_not_given_up() {
    let site = Site::new().await;
    site.delivered("a").await;
    fs::remove_file(site.home.folder.path().join("results/keys/a.key")).unwrap();
    look_over(&site.book, &site.results).await.unwrap();
    assert_eq!(site.results.lacks("a").unwrap(), Some("its key is missing"));
    assert_eq!(site.book.result("a").await.unwrap().unwrap().keeping, Keeping::Kept);
    delete_due(&site.book, &site.results, at("2026-04-01T00:00:00Z")).await.unwrap();
    assert_eq!((site.has("a"), site.deletions("a").await.len()), (false, 1));
}
