//! Jobs that wait for approvers.

use super::*;

on_both! {
    a_job_that_needs_approval_waits_for_it_and_counts_nothing
}

async fn a_job_that_needs_approval_waits_for_it_and_counts_nothing(home: &Home) {
    let book = home.book("anhui", 2).await;
    let mut terms = terms(5);
    terms.delivery.approval = vec!["anhui".parse().unwrap()];
    for act in consents(&terms) {
        book.keep(&act, 1).await.unwrap();
    }
    assert_eq!(admit(&book, &terms, "a", SPRING).await.unwrap(), Ruling::AwaitsApproval);
    assert_eq!(book.runs(&terms.digest().unwrap()).await.unwrap(), 0);
    assert_eq!(book.receipts(1, 9).await.unwrap(), []);
    // Nothing is asked about a job that nobody started.
    let early = book.approve_job(("b", Question::Job, ""), ("k-1", 2), at(SPRING)).await.unwrap_err();
    assert!(matches!(early, BookError::NotTaken(_)), "{early}");
    assert!(!book.approve_job(("a", Question::Job, ""), ("k-1", 2), at(SPRING)).await.unwrap());
    assert!(
        !book.approve_job(("a", Question::Job, ""), ("k-1", 2), at(SPRING)).await.unwrap(),
        "one person counted twice"
    );
    assert_eq!(admit(&book, &terms, "a", SPRING).await.unwrap(), Ruling::AwaitsApproval);
    assert_eq!(book.questions().await.unwrap()[0].approved_by, ["k-1"]);
    assert_eq!(admit(&book, &terms, "b", SPRING).await.unwrap(), Ruling::AwaitsApproval, "another job was approved");
    assert!(book.approve_job(("a", Question::Job, ""), ("k-2", 2), at(SPRING)).await.unwrap());
    assert_eq!(number_of(&admit(&book, &terms, "a", SPRING).await.unwrap()), 1);
    book.reject_job(("b", Question::Job, ""), ("k-1", "no such case"), at(SPRING)).await.unwrap();
    let rejected = admit(&book, &terms, "b", SPRING).await.unwrap();
    assert!(matches!(&rejected, Ruling::Refused(why) if why.to_string().contains("no such case")), "{rejected:?}");
    assert!(book.questions().await.unwrap().is_empty());
    // What was said of a job under one agreement is not said of it under another.
    let mut others = terms.clone();
    others.nonce = "1".repeat(32);
    for act in consents(&others) {
        book.keep(&act, 1).await.unwrap();
    }
    assert_eq!(admit(&book, &terms, "c", SPRING).await.unwrap(), Ruling::AwaitsApproval);
    book.approve_job(("c", Question::Job, ""), ("k-1", 1), at(SPRING)).await.unwrap();
    let other = admit(&book, &others, "c", SPRING).await.unwrap();
    assert!(matches!(&other, Ruling::Refused(why) if why.to_string().contains("another agreement")), "{other:?}");
    // What is approved may be under way, and is for nobody to reject.
    let late = book.reject_job(("c", Question::Job, ""), ("k-2", "not this one"), at(SPRING)).await.unwrap_err();
    assert!(matches!(late, BookError::NotTaken(_)), "{late}");
    // One that went away before it was answered leaves nobody's word.
    assert_eq!(admit(&book, &terms, "d", SPRING).await.unwrap(), Ruling::AwaitsApproval);
    assert!(!book.approve_job(("d", Question::Job, ""), ("k-1", 2), at(SPRING)).await.unwrap());
    book.given_up("d", "Cancelled", ("an operator's wish", at(SPRING))).await.unwrap();
    assert_eq!(admit(&book, &others, "d", SPRING).await.unwrap(), Ruling::AwaitsApproval);
    assert!(!book.approve_job(("d", Question::Job, ""), ("k-2", 2), at(SPRING)).await.unwrap());
}
