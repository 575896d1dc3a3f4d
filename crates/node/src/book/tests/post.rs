//! Statements that wait for peers.

use super::*;

on_both! {
    statements_wait_for_a_peer_until_it_has_taken_them
    what_a_supervisor_said_is_handed_on_once_and_what_a_party_said_is_not
}

async fn statements_wait_for_a_peer_until_it_has_taken_them(home: &Home) {
    let (book, terms) = agreed(home, 1).await;
    let (shanghai, jiangsu): (ParticipantId, ParticipantId) = ("shanghai".parse().unwrap(), "jiangsu".parse().unwrap());
    for number in [1, 2, 1] {
        let act = standing(&terms, ("anhui", 2), Change::Suspension, number);
        let receipt = Receipt { agreement: Some(terms.digest().unwrap()), ..Receipt::of(Event::Suspended, at(SPRING)) };
        book.publish(&act, receipt, 3).await.unwrap();
    }
    let waiting = book.waiting(&shanghai, 9).await.unwrap();
    assert_eq!(waiting.len(), 2, "one that is said twice waits once");
    assert_eq!(book.waiting(&shanghai, 1).await.unwrap(), waiting[..1]);
    assert!(book.waiting(&jiangsu, 9).await.unwrap().is_empty());
    // Place by place, whether the peer has them or not.
    let first = book.waiting_beyond(&shanghai, &(0, String::new()), 1).await.unwrap();
    assert_eq!((&first[0].0.1, &first[0].1), (&waiting[0].0, &waiting[0].1));
    let second = book.waiting_beyond(&shanghai, &first[0].0, 9).await.unwrap();
    assert_eq!(second.iter().map(|(place, _)| &place.1).collect::<Vec<_>>(), [&waiting[1].0]);
    // One that it cannot take yet holds up no other, and stays.
    book.not_yet(&shanghai, &waiting[0].0).await.unwrap();
    assert_eq!(book.waiting(&shanghai, 9).await.unwrap(), waiting[1..]);
    book.taken(&jiangsu, &waiting[1].0).await.unwrap();
    book.taken(&shanghai, &waiting[1].0).await.unwrap();
    assert!(book.waiting(&shanghai, 9).await.unwrap().is_empty());
    assert_eq!(book.waiting_beyond(&shanghai, &(0, String::new()), 9).await.unwrap().len(), 1);
}

async fn what_a_supervisor_said_is_handed_on_once_and_what_a_party_said_is_not(home: &Home) {
    let (book, terms) = agreed(home, 1).await;
    let shanghai: ParticipantId = "shanghai".parse().unwrap();
    book.keep(&standing(&terms, ("shanghai", 1), Change::Suspension, 1), 3).await.unwrap();
    assert!(book.waiting(&shanghai, 9).await.unwrap().is_empty());
    let held = standing(&terms, ("supervisor", 9), Change::Suspension, 2);
    for _ in 0..2 {
        book.keep(&held, 3).await.unwrap();
    }
    // One that counts less than what is known tells nobody anything.
    book.keep(&standing(&terms, ("supervisor", 9), Change::Resumption, 1), 3).await.unwrap();
    let waiting = book.waiting(&shanghai, 9).await.unwrap();
    let bodies: Vec<&Vec<u8>> = waiting.iter().map(|(_, body)| body).collect();
    assert_eq!(bodies, [&held.to_bytes().unwrap()]);
}
