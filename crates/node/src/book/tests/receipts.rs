//! The chain of receipts and what peers say of it, its pages, how long it is kept, and what use is counted from it.

use agreement::{Audit, Month, audit::Found, receipt::Export};

use super::*;

on_both! {
    the_chain_of_receipts_has_no_gap
    receipts_that_differ_are_found_whichever_comes_first
    an_end_that_one_side_calls_a_success_alone_is_found_by_both
    pages_lead_through_the_whole_chain_in_both_directions
    lists_are_narrowed_to_a_job_an_agreement_or_an_event
    receipts_are_removed_after_their_years_and_the_rest_still_proves
    a_clock_that_was_set_back_leaves_no_gap
    calls_and_records_are_counted_by_month_in_china
    no_receipt_holds_a_resident_id_that_others_wrote
    of_a_meter_only_so_many_months_are_asked
}

async fn the_chain_of_receipts_has_no_gap(home: &Home) {
    let (book, terms) = agreed(home, 5).await;
    for id in ["a", "b", "c"] {
        admit(&book, &terms, id, SPRING).await.unwrap();
    }
    let receipts = book.receipts(1, 10).await.unwrap();
    verify_chain(&receipts, None).unwrap();
    verify_chain(&receipts[1..], Some(receipts[0].digest().unwrap())).unwrap();
    assert!(verify_chain(&[receipts[0].clone(), receipts[2].clone()], None).is_err());
    assert!(verify_chain(&receipts[1..], Some(receipts[2].digest().unwrap())).is_err());
    assert_eq!(book.receipts(2, 1).await.unwrap(), receipts[1..2]);
    assert_eq!(book.receipts_of("b").await.unwrap(), receipts[1..2]);
}

async fn receipts_that_differ_are_found_whichever_comes_first(home: &Home) {
    let (book, terms) = agreed(home, 9).await;
    let digest = terms.digest().unwrap();
    let shanghai: ParticipantId = "shanghai".parse().unwrap();
    let succeeded = |job: &str, transcript| Receipt {
        agreement: Some(digest),
        job: Some(job.to_owned()),
        run: Some(run_facts(transcript)),
        ..Receipt::of(Event::Succeeded, at(SPRING))
    };
    let rounds = [("a", true, 7), ("b", false, 7), ("c", true, 4), ("d", false, 4)];
    for (number, (job, theirs_first, transcript)) in (1..).zip(rounds) {
        admit(&book, &terms, job, SPRING).await.unwrap();
        let theirs = sign(Receipt { number: 1, ..succeeded(job, transcript) }, "shanghai", 1);
        assert!(
            matches!(book.compare(&theirs, at(SPRING)).await, Err(BookError::NotTaken(_))),
            "there was no run with it"
        );
        let statement = agreement::receipt::Use { agreement: digest, at: at(SPRING), job: job.to_owned(), number };
        let shown = sign(statement, "shanghai", 1);
        book.admit_use(&shown, (job, &digest, &terms), &shanghai).await.unwrap().unwrap();
        let ours = async {
            for _ in 0..2 {
                book.ended(job, "Succeeded", (vec![succeeded(job, 4)], &[&shanghai]), None).await.unwrap();
            }
            book.compare_all(job, at(SPRING)).await.unwrap()
        };
        let found = if theirs_first {
            assert_eq!(book.compare(&theirs, at(SPRING)).await.unwrap(), None);
            ours.await
        } else {
            assert_eq!(ours.await, None);
            book.compare(&theirs, at(SPRING)).await.unwrap()
        };
        let wanted = (transcript == 7).then_some("the transcript");
        assert_eq!(found, wanted, "{job}");
        // Said again, it is no second finding.
        book.compare(&theirs, at(SPRING)).await.unwrap();
        let receipts = book.receipts_of(job).await.unwrap();
        let disputed = receipts.iter().filter(|receipt| receipt.statement().event == Event::Disputed).count();
        assert_eq!(disputed, usize::from(wanted.is_some()), "{job}");
    }
    verify_chain(&book.receipts(1, 100).await.unwrap(), None).unwrap();
    // Each of the four waits for Shanghai, once.
    assert_eq!(book.waiting(&shanghai, 16).await.unwrap().len(), 4);
}

/// Both sides' facts of a run: Shanghai entered 10 records, Anhui 20.
fn facts() -> RunFacts {
    let mut facts = run_facts(4);
    facts.inputs[1].padded_size = 20;
    facts
}

/// A run of Anhui's with Shanghai: admitted and done at `when`; Shanghai's receipt says that it was done at `theirs`.
async fn ran(book: &Book, terms: &Agreement, (job, when): (&str, &str), theirs: Option<&str>) {
    let number = number_of(&admit(book, terms, job, when).await.unwrap());
    let digest = terms.digest().unwrap();
    let done = |when: &str| Receipt {
        agreement: Some(digest),
        job: Some(job.to_owned()),
        run: Some(facts()),
        ..Receipt::of(Event::Succeeded, at(when))
    };
    let shanghai: ParticipantId = "shanghai".parse().unwrap();
    book.ended(job, "Succeeded", (vec![done(when)], &[&shanghai]), None).await.unwrap();
    if let Some(theirs) = theirs {
        let statement = agreement::receipt::Use { agreement: digest, at: at(when), job: job.to_owned(), number };
        let shown = sign(statement, "shanghai", 1);
        book.admit_use(&shown, (job, &digest, terms), &shanghai).await.unwrap().unwrap();
        let receipt = sign(Receipt { number: 1, ..done(theirs) }, "shanghai", 1);
        assert_eq!(book.compare(&receipt, at(when)).await.unwrap(), None);
    }
}

fn upward(from: u64, most: u32) -> Wanted {
    Wanted { from, upward: true, most, ..Wanted::default() }
}

/// All pages of so many, upward from a number.
async fn pages(book: &Book, from: u64, most: u32) -> Vec<Entry> {
    let (mut all, mut next) = (Vec::new(), Some(from));
    while let Some(from) = next {
        let page = book.page(&upward(from, most)).await.unwrap();
        assert!(page.entries.len() <= most as usize);
        (all, next) = ([all, page.entries].concat(), page.next);
    }
    all
}

fn read(body: &str) -> Signed<Receipt> {
    Signed::from_bytes(body.as_bytes()).unwrap()
}

fn numbers(entries: &[Entry]) -> Vec<u64> {
    entries.iter().map(|entry| read(&entry.receipt).statement().number).collect()
}

/// What an audit finds of all that the book shows.
async fn audit(book: &Book) -> Result<Found, agreement::Flaw> {
    let removed = book.kept().await.unwrap().removed;
    let before = removed.map_or((0, None), |removed| (removed.number, Some(removed.digest)));
    let pinned = book.pinned();
    let mut audit = Audit::new("anhui".parse().unwrap(), &pinned, Some(before));
    for entry in pages(book, 0, 2).await {
        audit.take(&read(&entry.receipt))?;
        entry.peers.iter().try_for_each(|peer| audit.take(&read(peer)))?;
    }
    audit.finish()
}

async fn pages_lead_through_the_whole_chain_in_both_directions(home: &Home) {
    let (book, terms) = agreed(home, 9).await;
    for job in ["a", "b", "c"] {
        ran(&book, &terms, (job, SPRING), Some(SPRING)).await;
    }
    for most in [1, 2, 5, 6, 500] {
        let all = pages(&book, 0, most).await;
        assert_eq!(numbers(&all), [1, 2, 3, 4, 5, 6], "{most}");
        let peers: Vec<usize> = all.iter().map(|entry| entry.peers.len()).collect();
        assert_eq!(peers, [0, 1, 0, 1, 0, 1], "after each receipt that ends a job");
    }
    assert_eq!(numbers(&pages(&book, 4, 2).await), [4, 5, 6]);
    let newest = book.page(&Wanted { most: 4, ..Wanted::default() }).await.unwrap();
    assert_eq!((numbers(&newest.entries), newest.next), (vec![6, 5, 4, 3], Some(2)));
    let rest = book.page(&Wanted { from: 2, most: 4, ..Wanted::default() }).await.unwrap();
    assert_eq!((numbers(&rest.entries), rest.next), (vec![2, 1], None));
    assert_eq!(rest.kept, Kept { removed: None, last: 6 });
    let found = audit(&book).await.unwrap();
    assert_eq!((found.receipts, found.runs, found.alike, found.without_peer), (6, 3, 3, 0));
}

async fn lists_are_narrowed_to_a_job_an_agreement_or_an_event(home: &Home) {
    let (book, terms) = agreed(home, 9).await;
    ran(&book, &terms, ("a", SPRING), None).await;
    ran(&book, &terms, ("b", SPRING), Some(SPRING)).await;
    book.receipt(Receipt::of(Event::Succession, at(SPRING))).await.unwrap();
    let (job, agreement, event) = (Some("b".to_owned()), terms.digest().ok(), Some(Event::Admitted));
    let other = Some(Digest::from_bytes([7; 32]));
    let cases: [(Wanted, &[u64]); 6] = [
        (Wanted { job: job.clone(), ..Wanted::default() }, &[4, 3]),
        (Wanted { agreement, ..Wanted::default() }, &[4, 3, 2, 1]),
        (Wanted { event, ..Wanted::default() }, &[3, 1]),
        (Wanted { job: job.clone(), agreement, event, ..Wanted::default() }, &[3]),
        (Wanted { agreement, event, from: 2, ..Wanted::default() }, &[1]),
        (Wanted { job: job.clone(), agreement: other, ..Wanted::default() }, &[]),
    ];
    for (wanted, expected) in cases {
        let found = book.page(&Wanted { most: 10, ..wanted.clone() }).await.unwrap();
        assert_eq!(numbers(&found.entries), expected, "{wanted:?}");
        let found = book.page(&Wanted { most: 10, from: 0, upward: true, ..wanted.clone() }).await.unwrap();
        let below = if wanted.from == 0 { 99 } else { wanted.from };
        let again: Vec<u64> = numbers(&found.entries).into_iter().filter(|number| *number <= below).rev().collect();
        assert_eq!(again, expected, "upward: {wanted:?}");
    }
    let (own, peers) = book.job_receipts("b").await.unwrap();
    assert_eq!((own.len(), peers.len()), (2, 1));
    assert_eq!(book.job_receipts("never heard of").await.unwrap(), (Vec::new(), Vec::new()));
}

async fn receipts_are_removed_after_their_years_and_the_rest_still_proves(home: &Home) {
    let (book, terms) = agreed(home, 9).await;
    for job in ["a", "b"] {
        ran(&book, &terms, (job, "2026-01-02T00:00:00Z"), Some("2026-01-02T00:00:00Z")).await;
    }
    // Its peer's clock was wrong.
    ran(&book, &terms, ("c", SPRING), Some("2026-01-02T00:00:00Z")).await;
    let all = book.receipts(1, 10).await.unwrap();
    assert_eq!(book.remove_receipts(at("2026-01-02T00:00:00Z")).await.unwrap(), 0, "just so old");
    assert_eq!(book.kept().await.unwrap(), Kept { removed: None, last: 6 });
    assert_eq!(book.remove_receipts(at("2026-02-01T00:00:00Z")).await.unwrap(), 4);
    let (number, digest, when) = (4, all[3].digest().unwrap(), all[3].statement().at);
    let removed = Some(Removed { number, digest, at: when });
    assert_eq!(book.kept().await.unwrap(), Kept { removed, last: 6 });
    assert_eq!(book.receipts(1, 10).await.unwrap(), all[4..]);
    for (job, left) in [("a", 0), ("b", 0), ("c", 1)] {
        assert_eq!(book.peer_receipts_of(job).await.unwrap().len(), left, "{job}");
    }
    assert_eq!(book.remove_receipts(at("2026-02-01T00:00:00Z")).await.unwrap(), 0);
    ran(&book, &terms, ("d", SPRING), None).await;
    let found = audit(&book).await.unwrap();
    assert_eq!((found.receipts, found.before, found.first.unwrap().number), (4, Some(digest), 5));
    // A job that ran before is not admitted again, although its receipts are gone.
    assert!(matches!(admit(&book, &terms, "a", SPRING).await.unwrap(), Ruling::Ended(_)));
    // All may go, and the chain goes on.
    assert_eq!(book.remove_receipts(at("2027-01-01T00:00:00Z")).await.unwrap(), 4);
    assert_eq!(audit(&book).await.unwrap().receipts, 0);
    assert!(book.peer_receipts_of("c").await.unwrap().is_empty());
    ran(&book, &terms, ("e", SPRING), None).await;
    assert_eq!(audit(&book).await.unwrap().first.unwrap().number, 9);
}

async fn a_clock_that_was_set_back_leaves_no_gap(home: &Home) {
    let book = home.book("anhui", 2).await;
    for when in ["2021-01-01T00:00:00Z", "2026-01-01T00:00:00Z", "2021-01-02T00:00:00Z", SPRING] {
        book.receipt(Receipt::of(Event::Succession, at(when))).await.unwrap();
    }
    assert_eq!(book.remove_receipts(at("2023-01-01T00:00:00Z")).await.unwrap(), 1);
    assert_eq!(numbers(&pages(&book, 0, 10).await), [2, 3, 4]);
    audit(&book).await.unwrap();
}

async fn calls_and_records_are_counted_by_month_in_china(home: &Home) {
    let (book, terms) = agreed(home, 20).await;
    for job in ["a", "b", "c"] {
        ran(&book, &terms, (job, "2026-02-28T15:59:59Z"), None).await;
    }
    for job in ["d", "e"] {
        ran(&book, &terms, (job, "2026-02-28T16:00:00Z"), None).await;
    }
    admit(&book, &terms, "f", SPRING).await.unwrap();
    book.given_up("f", "Failed", ("a broken line", at(SPRING))).await.unwrap();
    admit(&book, &terms, "too-late", "2027-03-01T00:00:00Z").await.unwrap();
    let month = |text: &str| text.parse::<Month>().unwrap();
    let line = |admitted, succeeded| MeteredUse {
        admitted,
        succeeded,
        own_records: 20 * succeeded,
        peer_records: 10 * succeeded,
    };
    let key = |text: &str| (month(text), terms.digest().unwrap(), "shanghai".parse::<ParticipantId>().unwrap());
    let wanted = Meter::from([(key("2026-02"), line(3, 3)), (key("2026-03"), line(3, 2))]);
    assert_eq!(book.meter(month("2026-01"), month("2027-12")).await.unwrap(), wanted);
    assert_eq!(book.meter(month("2026-02"), month("2026-02")).await.unwrap().len(), 1);
    assert!(book.meter(month("2026-01"), month("2026-01")).await.unwrap().is_empty());
    // What is no longer kept is not counted.
    book.remove_receipts(at("2026-02-28T16:00:00Z")).await.unwrap();
    assert_eq!(book.meter(month("2026-01"), month("2027-12")).await.unwrap().len(), 1);
}

async fn of_a_meter_only_so_many_months_are_asked(home: &Home) {
    let book = home.book("anhui", 2).await;
    let meter = async |from: &str, to: &str| book.meter(from.parse().unwrap(), to.parse().unwrap()).await;
    assert!(meter("2017-01", "2026-12").await.is_ok());
    assert!(meter("9998-12", "9998-12").await.is_ok());
    for (from, to) in [("2016-12", "2026-12"), ("2026-02", "2026-01")] {
        assert!(matches!(meter(from, to).await, Err(BookError::NotTaken(_))), "{from} {to}");
    }
}

async fn an_end_that_one_side_calls_a_success_alone_is_found_by_both(home: &Home) {
    let (book, terms) = agreed(home, 9).await;
    let (digest, shanghai): (_, ParticipantId) = (terms.digest().unwrap(), "shanghai".parse().unwrap());
    let end = |job: &str, event| Receipt {
        number: 1,
        agreement: Some(digest),
        job: Some(job.to_owned()),
        run: (event == Event::Succeeded).then(facts),
        ..Receipt::of(event, at(SPRING))
    };
    let ends =
        [("a", true, Event::Failed, true), ("b", false, Event::Succeeded, true), ("c", false, Event::Failed, false)];
    for (number, (job, is_done_here, theirs, differs)) in (1..).zip(ends) {
        admit(&book, &terms, job, SPRING).await.unwrap();
        let statement = agreement::receipt::Use { agreement: digest, at: at(SPRING), job: job.to_owned(), number };
        let shown = sign(statement, "shanghai", 1);
        book.admit_use(&shown, (job, &digest, &terms), &shanghai).await.unwrap().unwrap();
        if is_done_here {
            let receipts = (vec![end(job, Event::Succeeded)], &[&shanghai][..]);
            book.ended(job, "Succeeded", receipts, None).await.unwrap();
        } else {
            book.given_up(job, "Failed", ("a broken line", at(SPRING))).await.unwrap();
        }
        let found = book.compare(&sign(end(job, theirs), "shanghai", 1), at(SPRING)).await.unwrap();
        assert_eq!(found, differs.then_some("whether the run was done"), "{job}");
        let disputed = book.receipts_of(job).await.unwrap();
        let disputed = disputed.iter().filter(|receipt| receipt.statement().event == Event::Disputed).count();
        assert_eq!(disputed, usize::from(differs), "{job}");
    }
    // Shanghai is told of each end, whichever it was.
    assert_eq!(book.waiting(&shanghai, 16).await.unwrap().len(), 3);
    // One that it never showed a use of is no end of a run with it.
    admit(&book, &terms, "d", SPRING).await.unwrap();
    book.given_up("d", "Cancelled", ("an operator's wish", at(SPRING))).await.unwrap();
    assert_eq!(book.waiting(&shanghai, 16).await.unwrap().len(), 3);
}

async fn no_receipt_holds_a_resident_id_that_others_wrote(home: &Home) {
    let book = home.book("anhui", 2).await;
    let text = |id: &str| format!("{id} has no aid");
    let (purpose, case) = (text("31019919850101001X"), "2026/7".to_owned());
    let (cause, export) = (Some(text("310199-19850101-001X")), Some(Export { purpose, case }));
    let receipt = Receipt { job: Some("a".to_owned()), cause, export, ..Receipt::of(Event::Exported, at(SPRING)) };
    book.receipt(receipt).await.unwrap();
    // Where a cause is cut, half of a number would be as good as all of it.
    let long = format!("{}31019919850101001X", "x".repeat(500));
    book.turned_away("b", &long, at(SPRING)).await.unwrap();
    let cut = book.receipts_of("b").await.unwrap();
    assert!(!cut[0].statement().cause.as_ref().unwrap().contains("310199"));
    let kept = book.receipts(1, 1).await.unwrap();
    let (said, hidden) = (kept[0].statement(), text("[resident-id]"));
    assert_eq!(said.cause.as_ref(), Some(&hidden));
    assert_eq!(said.export, Some(Export { purpose: hidden, case: "2026/7".to_owned() }));
}
