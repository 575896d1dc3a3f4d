//! How jobs end, and with them their uses and results.

use agreement::receipt::Export;

use super::*;

on_both! {
    a_job_that_does_not_go_on_is_over_once
    a_result_is_made_with_the_end_of_its_job_and_ends_once
    uses_are_told_with_their_ends_and_open_ones_apart
}

async fn a_job_that_does_not_go_on_is_over_once(home: &Home) {
    let (book, terms) = agreed(home, 5).await;
    admit(&book, &terms, "a", SPRING).await.unwrap();
    for _ in 0..2 {
        book.given_up("a", "Cancelled", ("an operator's wish", at(SPRING))).await.unwrap();
        book.given_up("never heard of", "Cancelled", ("an operator's wish", at(SPRING))).await.unwrap();
    }
    let said: Vec<_> = book.receipts(1, 9).await.unwrap().iter().map(|receipt| receipt.statement().event).collect();
    assert_eq!(said, [Event::Admitted, Event::Failed]);
    assert_eq!(admit(&book, &terms, "a", SPRING).await.unwrap(), Ruling::Ended("Cancelled".to_owned()));
    assert!(book.open_jobs(&terms.digest().unwrap()).await.unwrap().is_empty());
}

async fn a_result_is_made_with_the_end_of_its_job_and_ends_once(home: &Home) {
    let (book, terms) = agreed(home, 5).await;
    let export = || Export { purpose: "aid".to_owned(), case: "2026/7".to_owned() };
    let by = |now: &str| (Some("k-17".to_owned()), at(now));
    assert_eq!(book.job_of("a").await.unwrap(), JobOf::Unknown);
    admit(&book, &terms, "a", SPRING).await.unwrap();
    admit(&book, &terms, "b", SPRING).await.unwrap();
    assert_eq!(book.job_of("a").await.unwrap(), JobOf::Open);
    assert!(matches!(book.exported("a", export(), by(SPRING)).await, Err(BookError::NotTaken(_))));
    // The end counts once, and the result with it.
    for rows in [3, 4] {
        book.ended("a", "Succeeded", (Vec::new(), &[]), Some(&made(rows))).await.unwrap();
    }
    book.ended("b", "Failed", (Vec::new(), &[]), None).await.unwrap();
    let held = book.result("a").await.unwrap().unwrap();
    assert_eq!((held.agreement, held.made, held.exports), (terms.digest().unwrap(), made(3), 0));
    assert_eq!(book.job_of("a").await.unwrap(), JobOf::Result(Keeping::Kept));
    assert_eq!(book.job_of("b").await.unwrap(), JobOf::Ended("Failed".to_owned()));

    book.exported("a", export(), by(SPRING)).await.unwrap();
    let due = |now: &'static str| async {
        book.overdue(at(now), 9).await.unwrap().iter().map(|held| (held.job.clone(), held.exports)).collect::<Vec<_>>()
    };
    assert_eq!(due("2026-03-01T23:59:59Z").await, []);
    assert_eq!(due("2026-03-02T00:00:00Z").await, [("a".to_owned(), 1)]);
    let late = book.exported("a", export(), by("2026-03-02T00:00:00Z")).await;
    assert!(matches!(late, Err(BookError::NotTaken(_))), "what is due is not taken out, deleted or not");

    assert!(book.deleting("a", "the case is closed", Some("k-2")).await.unwrap());
    assert!(!book.deleting("a", "another reason", None).await.unwrap());
    assert!(matches!(book.exported("a", export(), by(SPRING)).await, Err(BookError::NotTaken(_))));
    assert_eq!(due(SPRING).await, [("a".to_owned(), 1)], "what is half deleted is overdue");
    for _ in 0..2 {
        book.deleted("a", at(SPRING)).await.unwrap();
    }
    assert_eq!(due("2026-12-31T00:00:00Z").await, []);
    let receipts = book.receipts_of("a").await.unwrap();
    let said: Vec<_> = receipts.iter().skip(1).map(|receipt| receipt.statement().clone()).collect();
    assert_eq!(said.iter().map(|receipt| receipt.event).collect::<Vec<_>>(), [Event::Exported, Event::Deleted]);
    assert_eq!((said[0].person.as_deref(), said[0].export.clone()), (Some("k-17"), Some(export())));
    let why = (said[1].person.as_deref(), said[1].cause.as_deref());
    assert_eq!(why, (Some("k-2"), Some("the case is closed")));
    verify_chain(&book.receipts(1, 100).await.unwrap(), None).unwrap();
}

async fn uses_are_told_with_their_ends_and_open_ones_apart(home: &Home) {
    let (book, terms) = agreed(home, 5).await;
    let digest = terms.digest().unwrap();
    for (id, now) in [("c", SPRING), ("a", "2026-03-01T00:00:01Z"), ("b", "2026-03-01T00:00:01Z")] {
        admit(&book, &terms, id, now).await.unwrap();
    }
    assert_eq!(book.open_uses(9).await.unwrap(), ["c", "a", "b"]);
    assert_eq!(book.open_uses(2).await.unwrap(), ["c", "a"]);
    book.given_up("a", "TimedOut", ("it took too long", at(SPRING))).await.unwrap();
    book.ended("c", "Succeeded", (Vec::new(), &[]), None).await.unwrap();
    assert_eq!(book.open_uses(9).await.unwrap(), ["b"]);
    let told: Vec<_> = book.uses(&digest).await.unwrap();
    let told: Vec<_> = told.iter().map(|one| (one.number, one.job.as_str(), one.outcome.as_str())).collect();
    assert_eq!(told, [(1, "c", "Succeeded"), (2, "a", "TimedOut"), (3, "b", "")]);
    assert_eq!(book.cause_of("a").await.unwrap().as_deref(), Some("it took too long"));
    assert_eq!(book.cause_of("c").await.unwrap(), None);
}
