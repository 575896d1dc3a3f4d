//! What was signed about agreements: what is kept of it, and what it holds.

use super::*;

on_both! {
    what_others_sign_is_not_kept
    a_suspension_stops_a_job_that_goes_on
    requests_without_end_are_bounded_whoever_signs_them
    an_agreement_is_found_by_its_first_digits
}

async fn what_others_sign_is_not_kept(home: &Home) {
    let (book, terms) = agreed(home, 1).await;
    let digest = terms.digest().unwrap();
    let by_jiangsu = standing(&terms, ("jiangsu", 3), Change::Revocation, 1);
    let by_nobody = standing(&terms, ("anhui", 7), Change::Revocation, 1);
    let by_no_supervisor = standing(&terms, ("supervisor", 8), Change::Revocation, 1);
    for act in [by_jiangsu, by_nobody, by_no_supervisor] {
        assert!(matches!(book.keep(&act, 1).await, Err(BookError::NotTaken(_) | BookError::NotNow(_))));
    }
    let mut others = terms.clone();
    others.nonce = "1".repeat(32);
    assert!(matches!(book.keep(&consents(&others)[1], 1).await, Err(BookError::NotNow(_))), "it is not known");
    others.parties[1].participant = "jiangsu".parse().unwrap();
    others.parties[1].identity = key(3).public();
    others.listener = "jiangsu".parse().unwrap();
    assert!(matches!(book.keep(&consents(&others)[0], 1).await, Err(BookError::NotTaken(_))), "anhui is no party");
    assert_eq!(book.known(&digest).await.unwrap().unwrap().acts.len(), 3);
    assert_eq!(book.agreements(10).await.unwrap().len(), 1);
}

async fn a_suspension_stops_a_job_that_goes_on(home: &Home) {
    let (book, terms) = agreed(home, 5).await;
    admit(&book, &terms, "a", SPRING).await.unwrap();
    let keep = |change, number| {
        let (book, act) = (book.clone(), standing(&terms, ("supervisor", 9), change, number));
        async move { book.keep(&act, 1).await.unwrap() }
    };
    assert_eq!(keep(Change::Suspension, 2).await, News::New);
    let refused = admit(&book, &terms, "a", SPRING).await.unwrap();
    assert!(matches!(&refused, Ruling::Refused(why) if why.to_string().contains("by supervisor: a complaint")));
    // An old resumption changes nothing, a new one does, and a revocation is for ever.
    assert_eq!(keep(Change::Resumption, 1).await, News::Known);
    assert!(matches!(admit(&book, &terms, "a", SPRING).await.unwrap(), Ruling::Refused(_)));
    assert_eq!(keep(Change::Resumption, 3).await, News::New);
    assert_eq!(number_of(&admit(&book, &terms, "a", SPRING).await.unwrap()), 1);
    assert_eq!(keep(Change::Revocation, 1).await, News::New);
    assert_eq!(keep(Change::Resumption, 9).await, News::Known);
    assert!(matches!(admit(&book, &terms, "a", SPRING).await.unwrap(), Ruling::Refused(_)));
    let digest = terms.digest().unwrap();
    assert_eq!(book.next_standing(&digest, &"supervisor".parse().unwrap()).await.unwrap(), 2);
    assert_eq!(book.next_standing(&digest, &"anhui".parse().unwrap()).await.unwrap(), 1);
}

async fn requests_without_end_are_bounded_whoever_signs_them(home: &Home) {
    let book = home.book("anhui", 2).await;
    let mut refused = None;
    for number in 0..1001 {
        let mut terms = terms(1);
        terms.nonce = format!("{number:032x}");
        let acts = consents(&terms);
        if let Err(error) = book.keep(&acts[0], number).await {
            refused = Some((number, error.to_string()));
            break;
        }
        // Its own consent does not make a request an agreement.
        book.keep(&acts[1], number).await.unwrap();
    }
    assert_eq!(refused, Some((1000, "too many requests wait for an answer here".to_owned())));
}

async fn an_agreement_is_found_by_its_first_digits(home: &Home) {
    let (book, terms) = agreed(home, 2).await;
    let digest = terms.digest().unwrap();
    for digits in [&digest.to_string()[..1], &digest.short(), &digest.to_string()] {
        let found = book.beginning_with(digits).await.unwrap();
        assert_eq!(found.iter().map(|known| known.digest).collect::<Vec<_>>(), [digest], "{digits}");
    }
    assert!(book.beginning_with("g").await.unwrap().is_empty());
}
