//! What a node and its peers are held to, whatever a clock, a file or a race says.

use super::*;

on_both! {
    a_clock_that_is_set_gives_no_run_anew_and_takes_none
    a_peer_is_held_to_what_it_entered_first
    nothing_is_delivered_under_an_agreement_that_is_held_by_then
}

async fn a_clock_that_is_set_gives_no_run_anew_and_takes_none(home: &Home) {
    let (book, terms) =
        (home.book("anhui", 2).await, Agreement { limits: Limits { runs_per_day: 1, ..terms(9).limits }, ..terms(9) });
    for act in consents(&terms) {
        book.keep(&act, 1).await.unwrap();
    }
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
