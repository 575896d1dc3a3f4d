//! A handshake that something changes on its way from Anhui to Shanghai: Shanghai refuses it before any
//! frame, says whose fault it is, tells Anhui, and nothing is delivered.

use agreement::Mode;
use node::{
    RunError,
    link::{Delivered, LinkError},
};
use session::Fault;
use wire::proto::{self, ExchangeMessage, Hello, RunInput, RunTerms, exchange_message::Body};

use crate::sides::{Outcome, Sides, by_hand, identity, meet_over};

/// What becomes of a message.
type Change = Box<dyn FnMut(Body) -> Vec<Delivered> + Send>;

type InTerms = fn(&mut RunTerms);
type InInput = fn(&mut RunInput);

/// Passes a message on.
fn pass(body: Body) -> Vec<Delivered> {
    vec![Ok(ExchangeMessage { body: Some(body) })]
}

fn in_terms(mut change: impl FnMut(&mut RunTerms) + Send + 'static) -> Change {
    Box::new(move |body| match body {
        Body::Hello(Hello { terms: Some(mut terms), input, attempt, signed_use }) => {
            change(&mut terms);
            pass(Body::Hello(Hello { terms: Some(terms), input, attempt, signed_use }))
        }
        other => pass(other),
    })
}

fn in_input(mut change: impl FnMut(&mut RunInput) + Send + 'static) -> Change {
    Box::new(move |body| match body {
        Body::Hello(Hello { terms, input: Some(mut input), attempt, signed_use }) => {
            change(&mut input);
            pass(Body::Hello(Hello { terms, input: Some(input), attempt, signed_use }))
        }
        other => pass(other),
    })
}

/// Runs membership with a change on the way to Shanghai.
async fn changed(mut change: Change) -> (Outcome, Outcome) {
    let sides = Sides::small();
    let each = move |message: ExchangeMessage| message.body.map(&mut change).unwrap_or_default();
    let (shanghai, anhui) = meet_over(sides.both(Mode::Membership), each).await;
    assert!(sides.untouched("shanghai") && sides.untouched("anhui"), "something was delivered");
    (shanghai, anhui)
}

/// Shanghai's error has this fault and these words; Anhui, which behaved, was told the same.
async fn refused(change: Change, fault: Fault, words: &str) {
    let (shanghai, anhui) = changed(change).await;
    let error = shanghai.unwrap_err();
    assert!(error.to_string().contains(words), "no {words:?} in: {error}");
    assert_eq!(error.fault(), fault, "{error}");
    match anhui.unwrap_err() {
        RunError::PeerEnded { peer, fault: told, reason, .. } => {
            assert_eq!((peer.as_str(), told), ("shanghai", fault), "{reason}");
        }
        other => panic!("Anhui was not told: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn terms_that_differ_are_named_field_by_field() {
    let table: [(&str, InTerms); 12] = [
        ("contract version", |terms| terms.contract_version += 1),
        ("job id", |terms| terms.job_id = "job-2".to_owned()),
        ("participants", |terms| terms.participants.reverse()),
        ("participants", |terms| {
            terms.participants[0].identity_key = identity("zhejiang").public().as_bytes().to_vec().into();
        }),
        ("mode", |terms| terms.set_mode(proto::Mode::Both)),
        ("protocol", |terms| terms.set_protocol(proto::Protocol::Vole)),
        ("suite", |terms| terms.suite.push('x')),
        ("data standard", |terms| terms.data_standard.push('x')),
        ("key types", |terms| terms.key_types.push("raw".to_owned())),
        ("error budget", |terms| terms.error_budget.as_mut().unwrap().lambda = 30),
        ("agreement", |terms| terms.agreement_digest = vec![1; 32].into()),
        ("bins", |terms| terms.bins = 2),
    ];
    for (words, change) in table {
        refused(in_terms(change), Fault::Incompatible, words).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn inputs_that_cannot_be_are_refused() {
    let table: [(&str, Fault, InInput); 10] = [
        ("says that it is", Fault::Peer, |input| input.participant = "jiangsu".to_owned()),
        ("more than", Fault::Refused, |input| input.padded_size = u64::MAX),
        ("hello", Fault::Peer, |input| input.commitment.truncate(31)),
        ("hello", Fault::Peer, |input| input.nonce_commitment = vec![0; 33].into()),
        ("counts uses", Fault::Peer, |input| input.use_counter = 1),
        ("announces labels", Fault::Peer, |input| input.label_size = 64),
        ("hello", Fault::Peer, |input| input.finished_bins = vec![0; 513].into()),
        ("takes no bins", Fault::Peer, |input| input.bin_items = 0),
        ("takes no bins", Fault::Peer, |input| input.in_flight = 0),
        ("another order", Fault::Peer, |input| input.lane = 1),
    ];
    for (words, fault, change) in table {
        refused(in_input(change), fault, words).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hello_that_lacks_a_part_is_the_peers_fault() {
    for without_terms in [true, false] {
        let change = move |body| match body {
            Body::Hello(hello) if without_terms => pass(Body::Hello(Hello { terms: None, ..hello })),
            Body::Hello(hello) => pass(Body::Hello(Hello { input: None, ..hello })),
            other => pass(other),
        };
        refused(Box::new(change), Fault::Peer, "without terms or input").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_input_that_was_changed_on_the_way_shows_in_the_session() {
    // Each is possible by itself, and so is known only when both sides compare what they derived.
    let table: [InInput; 4] = [
        |input| input.padded_size += 1,
        |input| input.commitment = vec![7; 32].into(),
        |input| input.resumed_job_key_check = vec![1; 32].into(),
        |input| input.bin_items = 1,
    ];
    for change in table {
        let (shanghai, anhui) = changed(in_input(change)).await;
        for error in [shanghai.unwrap_err(), anhui.unwrap_err()] {
            assert_eq!(error.fault(), Fault::Incompatible, "{error}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nonces_and_checks_must_be_those_that_are_due() {
    let nonce = |nonce: Vec<u8>| -> Change {
        Box::new(move |body| match body {
            Body::Reveal(reveal) => pass(Body::Reveal(proto::Reveal { nonce: nonce.clone().into(), ..reveal })),
            other => pass(other),
        })
    };
    refused(nonce(vec![1; 32]), Fault::Peer, "another nonce").await;
    refused(nonce(vec![1; 31]), Fault::Peer, "32 bytes").await;
    let check = |body| match body {
        Body::Confirm(_) => pass(Body::Confirm(proto::Confirm { session_check: vec![1; 32].into() })),
        other => pass(other),
    };
    let (shanghai, _) = changed(Box::new(check)).await;
    assert!(matches!(shanghai, Err(RunError::Incompatible { .. })), "{shanghai:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_out_of_turn_are_the_peers_fault() {
    let frame = |_| pass(Body::Frame(vec![1].into()));
    refused(Box::new(frame), Fault::Peer, "out of turn").await;
    let twice = |body: Body| match body {
        Body::Hello(_) => [pass(body.clone()), pass(body)].concat(),
        other => pass(other),
    };
    refused(Box::new(twice), Fault::Peer, "out of turn").await;
    let garbled = |_| vec![Err(LinkError::Malformed("no message".to_owned()))];
    refused(Box::new(garbled), Fault::Peer, "no message").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_breaks_is_named() {
    for number in 0..3 {
        let mut count = 0;
        let change = move |body| {
            count += 1;
            let broken = || vec![Err(LinkError::Broken("connection reset".to_owned()))];
            if count > number { broken() } else { pass(body) }
        };
        let (shanghai, _) = changed(Box::new(change)).await;
        let error = shanghai.unwrap_err();
        assert!(matches!(&error, RunError::Disconnected { peer, .. } if peer.as_str() == "anhui"), "{error:?}");
        assert!(error.to_string().contains("connection reset"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_else_at_the_other_end_is_sent_nothing() {
    let sides = Sides::small();
    let (shanghai, _) = sides.both(Mode::Membership);
    let (link, mut stranger) = by_hand("zhejiang");
    let (outcome, heard) = tokio::join!(node::run_over(shanghai, link), stranger.receive());
    let error = outcome.unwrap_err();
    assert!(error.to_string().contains("not anhui"), "{error}");
    assert!(matches!(heard, None | Some(Body::Refusal(_))), "{heard:?}");
}
