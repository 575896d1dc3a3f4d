//! Statements that wait for peers.

use agreement::acts::{Offer, Rejection};

use super::*;

on_both! {
    statements_wait_for_a_peer_until_it_has_taken_them
    what_a_supervisor_holds_is_handed_on_once_and_its_last_word_alone_waits
    what_was_signed_and_is_signed_again_is_brought_again
}

async fn statements_wait_for_a_peer_until_it_has_taken_them(home: &Home) {
    let (book, terms) = agreed(home, 1).await;
    let (shanghai, jiangsu): (ParticipantId, ParticipantId) = ("shanghai".parse().unwrap(), "jiangsu".parse().unwrap());
    let offer = Act::Offer(sign(Offer { agreement: terms.digest().unwrap(), at: at(SPRING) }, "anhui", 2));
    let held = standing(&terms, ("anhui", 2), Change::Suspension, 1);
    for act in [held.clone(), offer, held] {
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

async fn what_a_supervisor_holds_is_handed_on_once_and_its_last_word_alone_waits(home: &Home) {
    let (book, terms) = agreed(home, 1).await;
    let shanghai: ParticipantId = "shanghai".parse().unwrap();
    let supervisor = |change, number| standing(&terms, ("supervisor", 9), change, number);
    book.keep(&standing(&terms, ("shanghai", 1), Change::Suspension, 1), 3).await.unwrap();
    assert!(book.waiting(&shanghai, 9).await.unwrap().is_empty(), "a party tells the others itself");
    for (act, waits) in [
        (supervisor(Change::Suspension, 2), Some(2)),
        (supervisor(Change::Suspension, 2), Some(2)),
        // It counts less than what is known.
        (supervisor(Change::Suspension, 1), Some(2)),
        (supervisor(Change::Suspension, 3), Some(3)),
        // Freed is who is told.
        (supervisor(Change::Resumption, 4), None),
        (supervisor(Change::Revocation, 5), Some(5)),
    ] {
        book.keep(&act, 3).await.unwrap();
        let waiting = book.waiting(&shanghai, 9).await.unwrap();
        let bodies: Vec<&Vec<u8>> = waiting.iter().map(|(_, body)| body).collect();
        let wanted = waits.map(|number| {
            let change = if number == 5 { Change::Revocation } else { Change::Suspension };
            supervisor(change, number).to_bytes().unwrap()
        });
        assert_eq!(bodies, wanted.iter().collect::<Vec<_>>(), "{waits:?}");
    }
}

async fn what_was_signed_and_is_signed_again_is_brought_again(home: &Home) {
    let book = home.book("anhui", 2).await;
    let terms = terms(1);
    let (digest, shanghai): (_, ParticipantId) = (terms.digest().unwrap(), "shanghai".parse().unwrap());
    book.keep(&consents(&terms)[0], 3).await.unwrap();
    let consent = |second: &str| {
        let consent = Consent { agreement: digest, at: at(second), approvers: vec!["k-1".to_owned()] };
        (
            Act::Consent(sign(consent, "anhui", 2)),
            Receipt { agreement: Some(digest), ..Receipt::of(Event::Consented, at(SPRING)) },
        )
    };
    let (first, receipt) = consent(SPRING);
    assert_eq!(book.publish(&first, receipt, 3).await.unwrap(), News::New);
    let lost = async || {
        let waiting = book.waiting(&shanghai, 9).await.unwrap();
        assert_eq!(waiting.iter().map(|(_, body)| body).collect::<Vec<_>>(), [&first.to_bytes().unwrap()]);
        book.taken(&shanghai, &waiting[0].0).await.unwrap();
    };
    lost().await;
    let (again, receipt) = consent("2026-03-01T00:00:07Z");
    assert_eq!(book.publish(&again, receipt, 3).await.unwrap(), News::Known);
    lost().await;
    let refused = book.approve_agreement(&digest, "k-2", at(SPRING)).await.unwrap_err();
    assert!(refused.to_string().contains("has signed it already"), "{refused}");
    lost().await;
    // Nor is it rejected by whoever decides at the same time, and none of this has a receipt.
    let rejection = Rejection { agreement: digest, at: at(SPRING), reason: "no legal basis".to_owned() };
    let rejected = Receipt { agreement: Some(digest), ..Receipt::of(Event::Rejected, at(SPRING)) };
    let refused = book.publish(&Act::Rejection(sign(rejection, "anhui", 2)), rejected, 3).await.unwrap_err();
    assert!(refused.to_string().contains("has signed it: revoke it"), "{refused}");
    assert!(book.waiting(&shanghai, 9).await.unwrap().is_empty());
    assert_eq!(book.receipts(1, 9).await.unwrap().len(), 1);
}
