//! Runs over protocol vole: what both sides must agree on, and bytes that something changes on the way.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use agreement::{
    JobSpec, Mode, Protocol, Role,
    run::{SUITE_RISTRETTO255, SUITE_VOLE},
};
use node::{RunError, link::Delivered};
use session::Fault;
use wire::proto::{self, ExchangeMessage, Hello, RunTerms, exchange_message::Body};

use crate::sides::{Outcome, Sides, id, meet, meet_over, spec};

fn job() -> JobSpec {
    JobSpec { protocol: Protocol::Vole, ..spec(Mode::Both) }
}

#[tokio::test]
async fn sides_that_were_given_different_protocols_are_incompatible() {
    for (ours, theirs) in [(Protocol::Vole, Protocol::Ecdh), (Protocol::Ecdh, Protocol::Vole)] {
        let sides = Sides::small();
        let over = |protocol| JobSpec { protocol, ..spec(Mode::Membership) };
        let (shanghai, anhui) = meet(sides.run("shanghai", over(ours)), sides.run("anhui", over(theirs))).await;
        for (outcome, other) in [(shanghai, "anhui"), (anhui, "shanghai")] {
            let error = outcome.unwrap_err();
            assert_eq!(error.fault(), Fault::Incompatible, "{error}");
            assert!(error.to_string().contains("protocol") && error.to_string().contains(other), "{error}");
        }
        assert!(sides.untouched("shanghai") && sides.untouched("anhui"));
    }
}

#[tokio::test]
async fn the_suite_of_the_protocol_is_part_of_the_terms() {
    let changes: [fn(&mut RunTerms); 4] = [
        |terms| SUITE_RISTRETTO255.clone_into(&mut terms.suite),
        |terms| terms.suite.push('x'),
        |terms| terms.suite.clear(),
        |terms| terms.set_protocol(proto::Protocol::VoleMalicious),
    ];
    for change in changes {
        let sides = Sides::small();
        let change_hello = move |message: ExchangeMessage| {
            let body = match message.body {
                Some(Body::Hello(Hello { terms: Some(mut terms), input, attempt, signed_use })) => {
                    assert_eq!(terms.suite, SUITE_VOLE);
                    change(&mut terms);
                    Some(Body::Hello(Hello { terms: Some(terms), input, attempt, signed_use }))
                }
                other => other,
            };
            vec![Ok(ExchangeMessage { body })]
        };
        let runs = (sides.run("shanghai", job()), sides.run("anhui", job()));
        let (shanghai, anhui) = meet_over(runs, change_hello).await;
        let error = shanghai.unwrap_err();
        assert!(matches!(&error, RunError::Incompatible { peer, .. } if *peer == id("anhui")), "{error:?}");
        let told = anhui.unwrap_err();
        let by_shanghai = matches!(
            &told,
            RunError::PeerEnded { peer, fault: Fault::Incompatible, .. } if *peer == id("shanghai")
        );
        assert!(by_shanghai, "{told:?}");
        assert!(sides.untouched("shanghai") && sides.untouched("anhui"));
    }
}

#[tokio::test]
async fn cardinality_is_refused_before_anything_is_said() {
    let sides = Sides::small();
    let (shanghai, anhui) = sides.both_over(Protocol::Vole, Mode::Cardinality);
    let (shanghai, anhui) = meet(shanghai, anhui).await;
    let error = shanghai.unwrap_err();
    assert!(matches!(error, RunError::Job(_)), "{error:?}");
    assert!(error.to_string().contains("ecdh"), "{error}");
    assert!(anhui.is_err() && sides.untouched("shanghai") && sides.untouched("anhui"));
}

/// Runs mode both; `change` gets each frame on its way to Shanghai, which plays `role`, with its number.
async fn changed(
    role: Role,
    mut change: impl FnMut(usize, Vec<u8>) -> Vec<u8> + Send + 'static,
) -> (Sides, Outcome, Outcome) {
    let sides = Sides::small();
    let mut job = job();
    if role == Role::Sender {
        (job.parties[0].role, job.parties[1].role) = (Role::Sender, Role::Receiver);
    }
    let mut number = 0;
    let each = move |message: ExchangeMessage| -> Vec<Delivered> {
        let body = message.body.map(|body| match body {
            // Frames that only show life are not counted.
            Body::Frame(frame) if frame[..] != [5] => {
                number += 1;
                Body::Frame(change(number - 1, frame.to_vec()).into())
            }
            other => other,
        });
        vec![Ok(ExchangeMessage { body })]
    };
    let runs = (sides.run("shanghai", job.clone()), sides.run("anhui", job));
    let (shanghai, anhui) = meet_over(runs, each).await;
    (sides, shanghai, anhui)
}

#[tokio::test]
async fn a_frame_that_was_changed_ends_the_run_on_both_sides() {
    // Headers and contents of: base choices, corrections (four frames), the set of tags; base key, transfers,
    // masked noise, the number of the seed, the masked vector, claims.
    for (role, frames) in [(Role::Receiver, 11), (Role::Sender, 12)] {
        for number in 0..frames {
            let seen = Arc::new(AtomicBool::new(false));
            let note = Arc::clone(&seen);
            let spoil = move |at, mut frame: Vec<u8>| {
                if at == number {
                    assert!(frame[0] <= 2, "frame {number} is neither a header nor elements");
                    *frame.last_mut().unwrap() ^= 0x10;
                    note.store(true, Ordering::SeqCst);
                }
                frame
            };
            let (sides, shanghai, anhui) = changed(role, spoil).await;
            assert!(seen.load(Ordering::SeqCst));
            for (outcome, other) in [(shanghai, "anhui"), (anhui, "shanghai")] {
                let error = outcome.unwrap_err();
                let by_peer = matches!(error, RunError::Peer { .. } | RunError::PeerEnded { .. });
                assert!(by_peer && error.to_string().contains(other), "{role:?}, frame {number}: {error:?}");
            }
            assert!(sides.untouched("shanghai") && sides.untouched("anhui"), "{role:?}, frame {number}");
        }
    }
}

#[tokio::test]
async fn without_a_change_the_same_runs_deliver() {
    for role in [Role::Receiver, Role::Sender] {
        let (sides, shanghai, anhui) = changed(role, |_, frame| frame).await;
        assert_eq!((shanghai.unwrap().matched, anhui.unwrap().matched), (Some(1), Some(1)));
        assert_eq!(sides.result("shanghai").unwrap(), b"id,name\n3,c\n");
        assert_eq!(sides.result("anhui").unwrap(), b"id,category\n3,x\n");
    }
}

#[tokio::test]
async fn a_set_beyond_the_table_is_refused_by_the_name_of_its_owner() {
    let sides = Sides::small();
    let too_large = |mut job: JobSpec| {
        for party in job.parties.iter_mut().filter(|party| party.role == Role::Receiver) {
            party.padded_size = Some(psi::vole_oprf::MOST_ITEMS + 1);
        }
        job
    };
    let whole = |name| {
        let mut run = sides.run(name, too_large(job()));
        run.space = node::Space::in_one_piece();
        run
    };
    let (shanghai, anhui) = meet(whole("shanghai"), whole("anhui")).await;
    for outcome in [shanghai, anhui] {
        let error = outcome.unwrap_err().to_string();
        assert!(
            error.contains("16777217 items of shanghai are more than the 16777216 that protocol vole takes"),
            "{error}"
        );
    }
    assert!(sides.untouched("shanghai") && sides.untouched("anhui"));
}
