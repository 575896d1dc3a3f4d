//! What a node and its peers are held to, whatever a clock, a file or a race says.

use super::*;

on_both! {
    a_clock_that_is_set_gives_no_run_anew_and_takes_none
    a_use_of_a_peer_is_spent_once
    a_peer_is_held_to_what_it_entered_first
    nothing_is_delivered_under_an_agreement_that_is_held_by_then
}

async fn a_clock_that_is_set_gives_no_run_anew_and_takes_none(home: &Home) {
    let (book, terms) = agreed_to(home, 9, |limits| limits.runs_per_day = 1).await;
    for (id, now, admitted) in [
        ("a", "2026-03-01T15:59:00Z", true),
        ("b", "2026-03-01T16:01:00Z", true),
        // Before midnight in China again.
        ("c", "2026-03-01T15:59:30Z", false),
        ("d", "2026-03-02T16:01:00Z", true),
        // One that was far ahead for an hour takes nothing from the days between.
        ("e", "2026-06-02T16:01:00Z", true),
        ("f", "2026-03-03T16:01:00Z", true),
        ("g", "2026-03-03T16:02:00Z", false),
        ("h", "2026-06-02T17:01:00Z", false),
    ] {
        let ruling = admit(&book, &terms, id, now).await.unwrap();
        assert_eq!(matches!(ruling, Ruling::Admitted(_)), admitted, "{id}: {ruling:?}");
    }
}

async fn a_use_of_a_peer_is_spent_once(home: &Home) {
    let (book, terms) = agreed(home, 5).await;
    let digest = terms.digest().unwrap();
    let shanghai: ParticipantId = "shanghai".parse().unwrap();
    let said = |job: &str, number, (name, seed): (&str, u8)| {
        let statement = agreement::receipt::Use { agreement: digest, at: at(SPRING), job: job.to_owned(), number };
        sign(statement, name, seed)
    };
    let ruled = |theirs: Signed<agreement::receipt::Use>, job: &'static str| {
        let (book, terms, shanghai) = (book.clone(), terms.clone(), shanghai.clone());
        async move { book.admit_use(&theirs, (job, &digest, &terms), &shanghai).await.unwrap() }
    };
    let good = said("a", 2, ("shanghai", 1));
    assert_eq!(ruled(good.clone(), "a").await, Ok(()));
    assert_eq!(ruled(good.clone(), "a").await, Ok(()), "it goes on");
    assert_eq!(ruled(said("b", 1, ("shanghai", 1)), "b").await, Ok(()));
    assert_eq!(book.peer_use("a", &shanghai).await.unwrap(), 2);
    let refused = [
        (said("c", 2, ("shanghai", 1)), "c", "restored from a backup"),
        (said("a", 3, ("shanghai", 1)), "a", "the use differs"),
        (good, "d", "the job differs"),
        (said("e", 3, ("shanghai", 7)), "e", "the identity key differs"),
        (said("e", 3, ("anhui", 2)), "e", "the participant differs"),
        (said("f", 6, ("shanghai", 1)), "f", "allows 5 in all"),
    ];
    for (theirs, job, wanted) in refused {
        let why = ruled(theirs, job).await.unwrap_err().to_string();
        assert!(why.contains(wanted), "{wanted}: {why}");
    }
}

async fn a_peer_is_held_to_what_it_entered_first(home: &Home) {
    let book = home.book("anhui", 2).await;
    let (shanghai, jiangsu) = ("shanghai".parse().unwrap(), "jiangsu".parse().unwrap());
    for (job, peer, commitment, size, same) in [
        ("a", &shanghai, [1; 32], 9, true),
        ("a", &shanghai, [1; 32], 9, true),
        ("a", &shanghai, [2; 32], 9, false),
        ("a", &shanghai, [1; 32], 8, false),
        ("b", &shanghai, [2; 32], 8, true),
        ("a", &jiangsu, [3; 32], 7, true),
    ] {
        assert_eq!(book.hold_input((job, peer), (&commitment, size)).await.unwrap(), same, "{job} {peer} {size}");
    }
    book.close().await;
}

async fn nothing_is_delivered_under_an_agreement_that_is_held_by_then(home: &Home) {
    let (book, terms) = agreed(home, 5).await;
    for id in ["a", "b"] {
        admit(&book, &terms, id, SPRING).await.unwrap();
    }
    book.keep(&standing(&terms, ("supervisor", 9), Change::Suspension, 1), 3).await.unwrap();
    let held = book.ended("a", "Succeeded", (Vec::new(), &[]), None).await.unwrap();
    assert!(matches!(&held, Ended::Held(why) if why.contains("supervisor: a complaint")), "{held:?}");
    assert_eq!(book.open_uses(9).await.unwrap(), ["a", "b"]);
    assert_eq!(book.ended("a", "Cancelled", (Vec::new(), &[]), None).await.unwrap(), Ended::Now);
    assert_eq!(book.ended("a", "Cancelled", (Vec::new(), &[]), None).await.unwrap(), Ended::Before);
    book.keep(&standing(&terms, ("supervisor", 9), Change::Resumption, 2), 4).await.unwrap();
    assert_eq!(book.ended("b", "Succeeded", (Vec::new(), &[]), None).await.unwrap(), Ended::Now);
    assert_eq!(book.ended("never heard of", "Succeeded", (Vec::new(), &[]), None).await.unwrap(), Ended::Before);
}
