//! Which jobs are admitted, and that each counts once, however many ask at a time.

use agreement::receipt::Use;

use super::*;

on_both! {
    a_job_is_counted_once_however_often_it_is_started
    of_many_starts_at_once_just_so_many_are_admitted
    of_many_starts_at_once_just_so_many_are_admitted_on_each_day
    of_many_starts_at_once_one_is_admitted_in_an_interval
    a_refusal_leaves_one_receipt_and_counts_nothing
    days_are_counted_apart
    heartbeats_count_from_supervisors_and_not_from_the_future
    what_was_admitted_is_there_when_the_book_is_opened_again
}

async fn a_job_is_counted_once_however_often_it_is_started(home: &Home) {
    let (book, terms) = agreed(home, 2).await;
    let first = admit(&book, &terms, "a", SPRING).await.unwrap();
    assert_eq!(first, admit(&book, &terms, "a", SPRING).await.unwrap());
    assert_eq!(number_of(&first), 1);
    assert_eq!(number_of(&admit(&book, &terms, "b", SPRING).await.unwrap()), 2);
    // Used up, and a job that was admitted goes on.
    let refused = admit(&book, &terms, "c", SPRING).await.unwrap();
    assert!(matches!(&refused, Ruling::Refused(why) if why.to_string().contains("Exhausted")), "{refused:?}");
    assert_eq!(first, admit(&book, &terms, "a", SPRING).await.unwrap());
    book.ended("a", "Succeeded", (Vec::new(), &[]), None).await.unwrap();
    assert_eq!(admit(&book, &terms, "a", SPRING).await.unwrap(), Ruling::Ended("Succeeded".to_owned()));
    assert_eq!(book.runs(&terms.digest().unwrap()).await.unwrap(), 2);
}

/// Starts a job at each of the moments, all at once: the uses that were admitted, by number, and why the others were not.
async fn start_at_once(
    (book, terms): (&Book, &Agreement),
    name: &str,
    moments: impl IntoIterator<Item = Moment>,
) -> (Vec<Use>, Vec<Refusal>) {
    let mut starts = JoinSet::new();
    for (place, now) in moments.into_iter().enumerate() {
        let (book, terms, id) = (book.clone(), terms.clone(), format!("{name}-{place}"));
        starts.spawn(async move { admit(&book, &terms, &id, &now.to_string()).await });
    }
    let (mut admitted, mut refused) = (Vec::new(), Vec::new());
    while let Some(ended) = starts.join_next().await {
        match ended.unwrap().unwrap() {
            Ruling::Admitted(admission) => admitted.push(admission.signed_use.statement().clone()),
            Ruling::Refused(refusal) => refused.push(refusal),
            other => panic!("{other:?}"),
        }
    }
    admitted.sort_unstable_by_key(|one| one.number);
    (admitted, refused)
}

fn numbers(uses: &[Use]) -> Vec<u64> {
    uses.iter().map(|one| one.number).collect()
}

async fn of_many_starts_at_once_just_so_many_are_admitted(home: &Home) {
    let (book, terms) = agreed(home, 100).await;
    let (admitted, refused) = start_at_once((&book, &terms), "job", [at(SPRING); 1000]).await;
    assert_eq!(numbers(&admitted), (1..=100).collect::<Vec<_>>());
    assert!(refused.iter().all(|why| why.to_string().contains("Exhausted")), "{refused:?}");
    let receipts = book.receipts(1, 2000).await.unwrap();
    assert_eq!(receipts.len(), 1000);
    verify_chain(&receipts, None).unwrap();
}

async fn of_many_starts_at_once_just_so_many_are_admitted_on_each_day(home: &Home) {
    let (book, terms) = agreed_to(home, 100, |limits| limits.runs_per_day = 7).await;
    // The last second of a day in China and the first of the next in turn: whichever comes first, each day has its own.
    let days = ["2026-03-01T15:59:59Z", "2026-03-01T16:00:00Z"].map(at);
    let (admitted, refused) = start_at_once((&book, &terms), "midnight", days.repeat(25)).await;
    assert_eq!(numbers(&admitted), (1..=14).collect::<Vec<_>>());
    for day in days {
        assert_eq!(admitted.iter().filter(|one| one.at == day).count(), 7, "{day}");
    }
    assert_eq!(refused, vec![Refusal::Today(7); 36]);
    let (admitted, refused) = start_at_once((&book, &terms), "evening", [at("2026-03-02T15:59:59Z"); 50]).await;
    assert_eq!((admitted, refused), (Vec::new(), vec![Refusal::Today(7); 50]));
    let (admitted, _) = start_at_once((&book, &terms), "later", [at("2026-03-02T16:00:00Z"); 50]).await;
    assert_eq!(numbers(&admitted), (15..=21).collect::<Vec<_>>());
    assert_eq!(book.runs(&terms.digest().unwrap()).await.unwrap(), 21);
    verify_chain(&book.receipts(1, 200).await.unwrap(), None).unwrap();
}

async fn of_many_starts_at_once_one_is_admitted_in_an_interval(home: &Home) {
    let (book, terms) = agreed_to(home, 100, |limits| limits.shortest_interval = Some(60)).await;
    // A second apart: whichever comes first, the others begin less than a minute after it, or before it.
    let (admitted, refused) =
        start_at_once((&book, &terms), "first", (0..50).map(|second| at(SPRING).plus(second))).await;
    assert_eq!((numbers(&admitted), refused.len()), (vec![1], 49));
    assert!(refused.iter().all(|why| matches!(why, Refusal::TooSoon { interval: 60, .. })), "{refused:?}");
    let last = admitted[0].at;
    let (admitted, refused) = start_at_once((&book, &terms), "early", [last.plus(59); 50]).await;
    assert_eq!((admitted, refused), (Vec::new(), vec![Refusal::TooSoon { interval: 60, passed: 59 }; 50]));
    let (admitted, refused) = start_at_once((&book, &terms), "due", [last.plus(60); 50]).await;
    assert_eq!((numbers(&admitted), refused), (vec![2], vec![Refusal::TooSoon { interval: 60, passed: 0 }; 49]));
    verify_chain(&book.receipts(1, 200).await.unwrap(), None).unwrap();
}

async fn a_refusal_leaves_one_receipt_and_counts_nothing(home: &Home) {
    let (book, terms) = agreed(home, 1).await;
    for _ in 0..2 {
        let refused = admit(&book, &terms, "early", "2025-12-01T00:00:00Z").await.unwrap();
        assert!(matches!(refused, Ruling::Refused(Refusal::TooEarly { .. })), "{refused:?}");
    }
    let mut unknown = terms.clone();
    unknown.limits.runs = 1000;
    assert_eq!(admit(&book, &unknown, "forged", SPRING).await.unwrap(), Ruling::Refused(Refusal::Unknown));
    let receipts = book.receipts(1, 10).await.unwrap();
    let said: Vec<_> =
        receipts.iter().map(|receipt| (receipt.statement().event, receipt.statement().job.clone())).collect();
    assert_eq!(said, [(Event::Refused, Some("early".to_owned())), (Event::Refused, Some("forged".to_owned()))]);
    assert!(receipts[0].statement().cause.as_ref().unwrap().contains("valid from"));
    assert_eq!(number_of(&admit(&book, &terms, "now", SPRING).await.unwrap()), 1);
}

async fn days_are_counted_apart(home: &Home) {
    let (book, terms) = agreed_to(home, 10, |limits| limits.runs_per_day = 1).await;
    let admitted = |id: &'static str, now: &'static str| {
        let (book, terms) = (book.clone(), terms.clone());
        async move { matches!(admit(&book, &terms, id, now).await.unwrap(), Ruling::Admitted(_)) }
    };
    assert!(admitted("a", "2026-03-01T15:00:00Z").await);
    assert!(!admitted("b", "2026-03-01T15:59:59Z").await);
    // Midnight in China.
    assert!(admitted("c", "2026-03-01T16:00:00Z").await);
    assert!(!admitted("d", "2026-03-01T17:00:00Z").await);
}

async fn heartbeats_count_from_supervisors_and_not_from_the_future(home: &Home) {
    let (book, terms) = agreed(home, 5).await;
    let beat = |when: &str, (name, seed): (&str, u8)| sign(agreement::acts::Heartbeat { at: at(when) }, name, seed);
    let supervisor = ("supervisor", 9);
    for (heartbeat, now) in [
        (beat(SPRING, ("supervisor", 8)), SPRING),
        (beat(SPRING, ("anhui", 2)), SPRING),
        (beat("2026-03-01T00:00:31Z", supervisor), SPRING),
    ] {
        assert!(matches!(book.heard(&heartbeat, at(now)).await, Err(BookError::NotTaken(_))));
    }
    let spec = terms.job("autumn", Protocol::Ecdh).unwrap();
    let admitted = |id: &'static str, now: &'static str| {
        let (book, spec) = (book.clone(), spec.clone());
        async move {
            let request = JobRequest { id, spec: &spec, now: at(now), published: &|_| Some(1), heartbeat: Some(60) };
            matches!(book.admit(request).await.unwrap(), Ruling::Admitted(_))
        }
    };
    assert!(!admitted("a", SPRING).await);
    book.heard(&beat(SPRING, supervisor), at(SPRING)).await.unwrap();
    // An older one that somebody repeats.
    book.heard(&beat("2026-02-01T00:00:00Z", supervisor), at(SPRING)).await.unwrap();
    assert!(admitted("b", "2026-03-01T00:01:00Z").await);
    assert!(!admitted("c", "2026-03-01T00:01:01Z").await);
}

async fn what_was_admitted_is_there_when_the_book_is_opened_again(home: &Home) {
    let (location, terms) = (home.location("anhui"), terms(2));
    let book = open(&location, "anhui", 2).await;
    for act in consents(&terms) {
        book.keep(&act, 1).await.unwrap();
    }
    let first = admit(&book, &terms, "a", SPRING).await.unwrap();
    book.close().await;
    let book = open(&location, "anhui", 2).await;
    assert_eq!(admit(&book, &terms, "a", SPRING).await.unwrap(), first);
    assert_eq!(number_of(&admit(&book, &terms, "b", SPRING).await.unwrap()), 2);
    assert!(matches!(admit(&book, &terms, "c", SPRING).await.unwrap(), Ruling::Refused(_)));
    verify_chain(&book.receipts(1, 9).await.unwrap(), None).unwrap();
}
