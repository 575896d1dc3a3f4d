//! Identities that others take the place of.

use agreement::{Succession, acts::Heartbeat, succession::Old};

use super::*;

on_both! {
    a_receipt_of_a_run_before_the_change_is_compared_after_it
    a_new_key_takes_the_place_at_once_and_after_every_restart
    what_is_no_succession_of_the_pinned_key_changes_nothing
    of_two_successors_one_is_accepted
    what_a_supervisor_held_stays_held_when_its_key_changes
}

/// "The key of seed `new` takes the place of that of `old`", signed by both.
fn succession(name: &str, old: u8, new: u8) -> Succession {
    let about = (at(SPRING), "the year is over");
    Succession::sign(&name.parse().unwrap(), Old::Retired(&key(old)), &key(new), about).unwrap()
}

/// The same by the new key alone.
fn after_a_loss(name: &str, old: u8, new: u8) -> Succession {
    let about = (at(SPRING), "it was stolen");
    Succession::sign(&name.parse().unwrap(), Old::Lost(key(old).public()), &key(new), about).unwrap()
}

async fn accept(book: &Book, succession: &Succession) -> Result<(), BookError> {
    book.succeed(succession, false, (Some("k-1"), at(SPRING))).await
}

fn pinned(book: &Book, name: &str) -> IdentityPublicKey {
    let (pinned, name) = (book.pinned(), name.parse().unwrap());
    *pinned.participants.get(&name).or_else(|| pinned.supervisors.get(&name)).unwrap()
}

/// The same agreement as [`terms`], with another key of Shanghai.
fn terms_with(seed: u8) -> Agreement {
    let mut terms = terms(2);
    terms.parties[0].identity = key(seed).public();
    terms
}

fn consents_with(terms: &Agreement, seed: u8) -> Vec<Act> {
    let agreement = terms.digest().unwrap();
    let consent = |name, seed| {
        let statement = Consent { agreement, at: at(SPRING), approvers: vec!["k-1".to_owned()] };
        Act::Consent(sign(statement, name, seed))
    };
    let request = Request { agreement: terms.clone(), at: at(SPRING) };
    vec![Act::Request(Box::new(sign(request, "shanghai", seed))), consent("shanghai", seed), consent("anhui", 2)]
}

async fn a_new_key_takes_the_place_at_once_and_after_every_restart(home: &Home) {
    let place = home.location("anhui");
    let (book, old_terms) = (open(&place, "anhui", 2).await, terms(2));
    for act in consents(&old_terms) {
        book.keep(&act, 1).await.unwrap();
    }
    assert_eq!(number_of(&admit(&book, &old_terms, "a", SPRING).await.unwrap()), 1);
    let shanghai = "shanghai".parse().unwrap();
    accept(&book, &succession("shanghai", 1, 11)).await.unwrap();
    assert_eq!(pinned(&book, "shanghai"), key(11).public());
    assert_eq!(book.open_jobs_with(&shanghai, &key(1).public()).await.unwrap(), ["a"]);
    assert!(book.open_jobs_with(&shanghai, &key(11).public()).await.unwrap().is_empty());

    // Neither a job that had begun nor another one runs under the old key; nothing new is taken of it.
    for id in ["a", "b"] {
        let ruled = admit(&book, &old_terms, id, SPRING).await.unwrap();
        assert_eq!(ruled, Ruling::Refused(Refusal::Key(shanghai.clone())));
    }
    let late = standing(&old_terms, ("shanghai", 1), Change::Suspension, 1);
    assert!(matches!(book.keep(&late, 1).await.unwrap_err(), BookError::NotTaken(_)));
    let new_terms = terms_with(11);
    for act in consents_with(&new_terms, 11) {
        assert_eq!(book.keep(&act, 1).await.unwrap(), News::New);
    }
    assert_eq!(number_of(&admit(&book, &new_terms, "c", SPRING).await.unwrap()), 1);

    let receipts = book.receipts(1, 10).await.unwrap();
    verify_chain(&receipts, None).unwrap();
    let receipt = receipts.iter().map(Signed::statement).find(|receipt| receipt.event == Event::Succession).unwrap();
    let cause = receipt.cause.as_ref().unwrap();
    for part in [&key(1).public().to_string(), &key(11).public().to_string(), "both keys signed", "the year is over"] {
        assert!(cause.contains(part), "{cause}");
    }
    assert_eq!(receipt.person.as_deref(), Some("k-1"));

    // The configuration still pins the first key; then the last but one.
    let book = open(&place, "anhui", 2).await;
    assert_eq!(pinned(&book, "shanghai"), key(11).public());
    accept(&book, &succession("shanghai", 11, 12)).await.unwrap();
    for configured in [1, 11, 12] {
        let participants = [(shanghai.clone(), key(configured).public())].into();
        let configured = Pinned { participants, ..Pinned::default() };
        let book = Book::open(&place, "anhui".parse().unwrap(), Arc::new(key(2)), configured).await.unwrap();
        assert_eq!(pinned(&book, "shanghai"), key(12).public());
        assert_eq!(pinned(&book, "anhui"), key(2).public());
    }
}

async fn what_is_no_succession_of_the_pinned_key_changes_nothing(home: &Home) {
    let book = home.book("anhui", 2).await;
    let refusals = [
        (succession("anhui", 2, 12), "own identity"),
        (succession("hunan", 1, 11), "no identity is pinned here for hunan"),
        (succession("shanghai", 4, 11), "the statement is about"),
        // The keys of a peer, of a supervisor, and of this node.
        (succession("shanghai", 1, 3), "is the identity of jiangsu"),
        (succession("shanghai", 1, 9), "is the identity of supervisor"),
        (succession("shanghai", 1, 2), "is the identity of anhui"),
        (after_a_loss("shanghai", 1, 11), "the old key has not signed"),
    ];
    for (succession, wanted) in &refusals {
        let refused = accept(&book, succession).await.unwrap_err();
        assert!(matches!(&refused, BookError::NotTaken(why) if why.contains(wanted)), "{wanted}: {refused}");
    }
    assert_eq!(pinned(&book, "shanghai"), key(1).public());
    assert!(book.receipts(1, 10).await.unwrap().is_empty());

    book.succeed(&after_a_loss("shanghai", 1, 11), true, (Some("k-1"), at(SPRING))).await.unwrap();
    let receipt = book.receipts(1, 10).await.unwrap().pop().unwrap();
    assert!(receipt.statement().cause.as_ref().unwrap().contains("the old key is lost"));
    // What was accepted cannot be repeated, and no key comes back: neither to its owner nor to another.
    let again = accept(&book, &after_a_loss("shanghai", 1, 11)).await.unwrap_err();
    assert!(again.to_string().contains("already"), "{again}");
    for back in [succession("shanghai", 11, 1), succession("jiangsu", 3, 1)] {
        let refused = accept(&book, &back).await.unwrap_err();
        assert!(refused.to_string().contains("was an identity here before"), "{refused}");
    }
    assert_eq!(book.receipts(1, 10).await.unwrap().len(), 1);
    assert_eq!((pinned(&book, "shanghai"), pinned(&book, "jiangsu")), (key(11).public(), key(3).public()));
}

async fn of_two_successors_one_is_accepted(home: &Home) {
    let book = home.book("anhui", 2).await;
    let mut accepting = JoinSet::new();
    for seed in 11..21 {
        let book = book.clone();
        accepting.spawn(async move { accept(&book, &succession("shanghai", 1, seed)).await.ok().map(|()| seed) });
    }
    let accepted: Vec<u8> = accepting.join_all().await.into_iter().flatten().collect();
    assert_eq!(accepted.len(), 1, "{accepted:?}");
    assert_eq!(pinned(&book, "shanghai"), key(accepted[0]).public());
    assert_eq!(book.receipts(1, 20).await.unwrap().len(), 1);
}

async fn what_a_supervisor_held_stays_held_when_its_key_changes(home: &Home) {
    let place = home.location("anhui");
    let (book, terms) = (open(&place, "anhui", 2).await, terms(2));
    for act in consents(&terms) {
        book.keep(&act, 1).await.unwrap();
    }
    book.keep(&standing(&terms, ("supervisor", 9), Change::Suspension, 7), 1).await.unwrap();
    accept(&book, &succession("supervisor", 9, 19)).await.unwrap();
    let is_suspended = async |book: &Book, id: &str| {
        let ruled = admit(book, &terms, id, SPRING).await.unwrap();
        assert!(
            matches!(&ruled, Ruling::Refused(why) if why.to_string().contains("Suspended by supervisor")),
            "{ruled:?}"
        );
    };
    is_suspended(&book, "a").await;
    let heartbeat = |seed| sign(Heartbeat { at: at(SPRING) }, "supervisor", seed);
    assert!(matches!(book.heard(&heartbeat(9), at(SPRING)).await.unwrap_err(), BookError::NotTaken(_)));
    book.heard(&heartbeat(19), at(SPRING)).await.unwrap();
    let by_the_old_key = standing(&terms, ("supervisor", 9), Change::Resumption, 8);
    assert!(matches!(book.keep(&by_the_old_key, 1).await.unwrap_err(), BookError::NotTaken(_)));
    // After a restart, whether the configuration has the old key still or the new one.
    for seed in [9, 19] {
        let supervisors = [("supervisor".parse().unwrap(), key(seed).public())].into();
        let participants = [("shanghai".parse().unwrap(), key(1).public())].into();
        let configured = Pinned { participants, supervisors, ..Pinned::default() };
        let book = Book::open(&place, "anhui".parse().unwrap(), Arc::new(key(2)), configured).await.unwrap();
        is_suspended(&book, &format!("after-{seed}")).await;
    }
    // The new key lets it go on, whatever its number.
    book.keep(&standing(&terms, ("supervisor", 19), Change::Resumption, 1), 1).await.unwrap();
    assert_eq!(number_of(&admit(&book, &terms, "b", SPRING).await.unwrap()), 1);
}

async fn a_receipt_of_a_run_before_the_change_is_compared_after_it(home: &Home) {
    let (book, terms) = agreed(home, 9).await;
    let (digest, shanghai): (_, ParticipantId) = (terms.digest().unwrap(), "shanghai".parse().unwrap());
    admit(&book, &terms, "a", SPRING).await.unwrap();
    let said = agreement::receipt::Use { agreement: digest, at: at(SPRING), job: "a".to_owned(), number: 1 };
    let shown = sign(said, "shanghai", 1);
    book.admit_use(&shown, ("a", &digest, &terms), &shanghai).await.unwrap().unwrap();
    accept(&book, &succession("shanghai", 1, 11)).await.unwrap();
    let (job, agreement) = (Some("a".to_owned()), Some(digest));
    let end = Receipt { number: 1, agreement, job, ..Receipt::of(Event::Failed, at(SPRING)) };
    // By the key that it took part with, and no other.
    let by_the_new_key = book.compare(&sign(end.clone(), "shanghai", 11), at(SPRING)).await.unwrap_err();
    assert!(matches!(by_the_new_key, BookError::NotTaken(_)), "{by_the_new_key}");
    book.compare(&sign(end, "shanghai", 1), at(SPRING)).await.unwrap();
    assert_eq!(book.peer_receipts_of("a").await.unwrap().len(), 1);
}
