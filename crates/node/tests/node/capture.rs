//! What travels between two nodes holds no identifier: neither as it stands in the records nor as the digest
//! that the protocols work on, of neither side, matched or not; nor does anything random come again in another
//! run. This is the plain text inside TLS.

use std::collections::BTreeSet;

use records::{KeySpec, KeyType, Record};
use wire::proto::{ExchangeMessage, exchange_message::Body};

use crate::sides::{Sides, VARIANTS, meet_captured, meet_recorded};

const SHANGHAI: [&str; 3] = ["310101199001011234", "340199201105050025", "340199201207070037"];
const ANHUI: [&str; 3] = ["340199201105050025", "340199201207070037", "342301198502020016"];
/// The label of every row of Anhui.
const LABEL: &str = "minimum living allowance";

fn digest(identifier: &str) -> [u8; 16] {
    let mut record = Record::default();
    record.push_field(identifier.as_bytes());
    KeySpec::new(&[KeyType::Raw]).unwrap().key(&record, &[0]).unwrap().key.0
}

fn holds(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_message_holds_an_identifier_or_a_label() {
    let shanghai = SHANGHAI.iter().fold("id,name\n".to_owned(), |text, id| text + id + ",x\n");
    let anhui = ANHUI.iter().fold("id,category\n".to_owned(), |text, id| text + id + "," + LABEL + "\n");
    for (protocol, mode) in VARIANTS {
        let sides = Sides::new(shanghai.as_bytes(), anhui.as_bytes());
        let ((one, other), captured) = meet_captured(sides.both_over(protocol, mode)).await;
        assert_eq!((one.unwrap().matched, other.is_ok()), (Some(2), true), "{protocol}, {mode}");
        for (bytes, reader) in captured.iter().zip(["shanghai", "anhui"]) {
            assert!(bytes.len() > 3 * 32, "the capture is not whole");
            assert!(holds(bytes, b"job-1"), "the capture is not of the plain text");
            for identifier in SHANGHAI.iter().chain(&ANHUI) {
                let shown = holds(bytes, identifier.as_bytes());
                let digest = digest(identifier);
                let digested = holds(bytes, &digest) || holds(bytes, hex::encode(digest).as_bytes());
                assert!(!shown && !digested, "{protocol}, {mode}: what went to {reader} holds {identifier}");
            }
            assert!(!holds(bytes, LABEL.as_bytes()), "{protocol}, {mode}: what went to {reader} holds a label");
        }
    }
}

/// What follows in a run from randomness: commitments, nonces, checks and transcripts, each element of the protocol of at
/// least 16 bytes, and of shorter ones the message. What is shorter than that may be equal by chance or is a number.
fn drawn(messages: &[ExchangeMessage]) -> BTreeSet<Vec<u8>> {
    let mut drawn = Vec::new();
    let mut width = 0;
    for message in messages {
        match message.body.as_ref().unwrap() {
            Body::Hello(hello) => {
                let input = hello.input.as_ref().unwrap();
                drawn.extend([input.commitment.to_vec(), input.nonce_commitment.to_vec()]);
            }
            Body::Reveal(reveal) => drawn.push(reveal.nonce.to_vec()),
            Body::Confirm(confirm) => drawn.push(confirm.session_check.to_vec()),
            // As docs/PROTOCOLS.md has them. These messages fit into a frame each.
            Body::Frame(frame) => match frame[0] {
                1 => width = u32::from_be_bytes(frame[6..10].try_into().unwrap()) as usize,
                2 if width < 16 => drawn.push(frame[13..].to_vec()),
                2 => drawn.extend(frame[13..].chunks(width).map(<[u8]>::to_vec)),
                3 => drawn.push(frame[1..].to_vec()),
                _ => {}
            },
            other => panic!("{other:?}"),
        }
    }
    drawn.into_iter().filter(|bytes| bytes.len() >= 16).collect()
}

/// The channel binding of both runs is the same here, so what differs is what the nodes draw. That each also draws the
/// secrets of its protocol anew does not show on the wire, where the session's id changes all of it: see
/// `crates/node/src/bins/tests.rs`.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_is_sent_in_a_run_comes_again_in_the_next_one() {
    for (protocol, mode) in VARIANTS {
        let mut runs = Vec::new();
        for _ in 0..2 {
            let sides = Sides::small();
            let ((one, other), recorded) = meet_recorded(sides.both_over(protocol, mode)).await;
            assert_eq!((one.unwrap().matched, other.is_ok()), (Some(1), true), "{protocol}, {mode}");
            runs.push(recorded.map(|messages| drawn(&messages)));
        }
        for (reader, place) in [("shanghai", 0), ("anhui", 1)] {
            let (first, second) = (&runs[0][place], &runs[1][place]);
            // Commitments, nonce, check and transcript, and something of the protocol.
            assert!(first.len() > 5 && second.len() > 5, "{protocol}, {mode}: the record is not whole");
            let again: Vec<String> = first.intersection(second).map(hex::encode).collect();
            assert!(again.is_empty(), "{protocol}, {mode}: to {reader} in both runs: {again:?}");
        }
    }
}
