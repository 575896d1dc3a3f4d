//! Deadlines: one for each wait, one for everything, and what the peer is told.

use std::{thread, time::Duration};

use psi::Outcome;
use session::{Fault, Limits, SessionError, Settings, Side, frame::Frame};
use tokio::time::sleep;

use crate::{
    parties::{Mode, pair, parameters, patient, sets, settings},
    plain::{Call, Plain, Puppet, exactly, header, zeros},
};

const SHORT: Duration = Duration::from_millis(300);

/// Settings in which the whole session has to be done soon.
fn hurried() -> Settings {
    let patient = patient(Side::Receiver);
    Settings { limits: Limits { total: SHORT, ..patient.limits }, ..patient }
}

fn is_told(heard: &[Frame], why: Fault, words: &str) -> bool {
    matches!(heard.last(), Some(Frame::Abort { fault, reason }) if *fault == why && reason.contains(words))
}

#[tokio::test]
async fn the_total_deadline_ends_a_session_whose_peer_keeps_talking() {
    let (here, there) = session::in_memory(1);
    let mut peer = Puppet::new(there);
    let talking = async {
        peer.say(&Frame::Header { message: 0, header: header(1, 1 << 40) }).await;
        let mut first = 0;
        while peer.say(&zeros(first, 1)).await {
            first += 1;
            sleep(Duration::from_millis(10)).await;
        }
        (first, peer.listen().await)
    };
    let party = Plain::new(None, Some(exactly(1, 1 << 40))).boxed();
    let (ended, (said, heard)) = tokio::join!(session::run(party, here, hurried()), talking);
    assert_eq!(ended.err(), Some(SessionError::TotalTimeout { total: SHORT }));
    assert!(said > 1 && is_told(&heard, Fault::TimedOut, "not done after"), "{said} said, {heard:?}");
}

#[tokio::test]
async fn the_total_deadline_ends_a_session_that_never_stops_computing() {
    let (here, there) = session::in_memory(1);
    let party = Plain::new(None, Some(exactly(1, 1))).on_call(|call| {
        thread::sleep(Duration::from_millis(5));
        call == Call::Work
    });
    let (ended, heard) = tokio::join!(session::run(party.boxed(), here, hurried()), Puppet::new(there).listen());
    assert_eq!(ended.err(), Some(SessionError::TotalTimeout { total: SHORT }));
    assert!(is_told(&heard, Fault::TimedOut, "not done after"), "{heard:?}");
}

#[tokio::test]
async fn a_silent_peer_is_named_with_the_phase() {
    let (here, there) = session::in_memory(1);
    let party = Plain::new(Some(header(1, 3)), Some(exactly(1, 3))).boxed();
    let (ended, heard) =
        tokio::join!(session::run(party, here, settings(Side::Sender, SHORT)), Puppet::new(there).listen());
    let error = ended.unwrap_err();
    assert_eq!(error, SessionError::IdleTimeout { idle: SHORT, phase: "plain" });
    assert!(error.to_string().starts_with("the peer was silent"), "{error}");
    assert!(is_told(&heard, Fault::Peer, "silent"), "{heard:?}");
}

#[tokio::test]
async fn a_peer_that_falls_silent_in_the_middle_is_noticed() {
    let beginnings = [
        ("a header", vec![Frame::Header { message: 0, header: header(1, 3) }]),
        ("a part", vec![Frame::Header { message: 0, header: header(1, 3) }, zeros(0, 2)]),
    ];
    for (what, frames) in beginnings {
        let (here, there) = session::in_memory(8);
        let mut peer = Puppet::new(there);
        for frame in &frames {
            assert!(peer.say(frame).await);
        }
        let party = Plain::new(None, Some(exactly(1, 3))).boxed();
        let ended = session::run(party, here, settings(Side::Receiver, SHORT)).await;
        assert_eq!(ended.err(), Some(SessionError::IdleTimeout { idle: SHORT, phase: "plain" }), "after {what}");
    }
}

#[tokio::test]
async fn a_peer_that_never_confirms_the_transcript_gives_no_result() {
    let (here, there) = session::in_memory(1);
    let party = Plain::new(Some(header(1, 3)), None).boxed();
    let (ended, heard) =
        tokio::join!(session::run(party, here, settings(Side::Sender, SHORT)), Puppet::new(there).listen());
    assert_eq!(ended.err(), Some(SessionError::IdleTimeout { idle: SHORT, phase: "finish" }));
    assert!(heard.iter().any(|frame| matches!(frame, Frame::Finish { .. })), "{heard:?}");
}

#[tokio::test]
async fn a_peer_that_takes_nothing_is_as_good_as_silent() {
    let (here, _there) = session::in_memory(1);
    let party = Plain::new(Some(header(32, 1 << 20)), Some(exactly(1, 1))).boxed();
    let ended = session::run(party, here, settings(Side::Sender, SHORT)).await;
    assert_eq!(ended.err(), Some(SessionError::IdleTimeout { idle: SHORT, phase: "plain" }));
}

#[tokio::test]
async fn a_slow_peer_is_not_a_silent_one() {
    let idle = Duration::from_secs(2);
    let (here, there) = session::in_memory(1);
    let mut peer = Puppet::new(there);
    let talking = async {
        peer.say(&Frame::Header { message: 0, header: header(1, 8) }).await;
        for first in 0..8 {
            sleep(Duration::from_millis(300)).await;
            assert!(peer.say(&zeros(first, 1)).await, "not heard after {first} elements");
        }
        peer.hang_up().await
    };
    let party = Plain::new(None, Some(exactly(1, 8)));
    let calls = party.calls();
    let (ended, _) = tokio::join!(session::run(party.boxed(), here, settings(Side::Receiver, idle)), talking);
    // All of the message came; only the last word is missing.
    assert!(matches!(ended, Err(SessionError::Disconnected(_))), "{ended:?}");
    assert_eq!(calls.lock().unwrap().last(), Some(&Call::Finish));
}

#[tokio::test]
async fn a_peer_that_hangs_up_ends_the_session_at_once() {
    let (x, y) = sets(300, 10, 1);
    let p = parameters(x.len(), y.len());
    for side in [Side::Receiver, Side::Sender] {
        let (receiver, sender) = pair(Mode::Membership, &p, x.clone(), y.clone());
        let party = if side == Side::Receiver { receiver } else { sender };
        let (here, there) = session::in_memory(2);
        drop(there);
        let ended: Result<session::Finished<Outcome>, _> = session::run(party, here, patient(side)).await;
        assert!(matches!(ended, Err(SessionError::Disconnected(_))), "{side:?}: {ended:?}");
    }
}

#[tokio::test]
async fn a_party_that_computes_for_long_shows_that_it_lives() {
    let (here, there) = session::in_memory(1);
    let slow = Plain::new(Some(header(1, 1)), None).on_call(|call| {
        if call == Call::Produce {
            thread::sleep(3 * SHORT);
        }
        false
    });
    let waiting = Plain::new(None, Some(exactly(1, 1)));
    let (slow, waiting) = tokio::join!(
        session::run(slow.boxed(), here, settings(Side::Sender, SHORT)),
        session::run(waiting.boxed(), there, settings(Side::Receiver, SHORT)),
    );
    assert_eq!((slow.err(), waiting.err()), (None, None));
}

#[tokio::test]
async fn a_peer_that_only_says_that_it_works_is_blamed() {
    let idle = Duration::from_millis(20);
    let (here, there) = session::in_memory(1);
    let mut peer = Puppet::new(there);
    let stalling = async {
        while peer.say(&Frame::Working).await {
            sleep(Duration::from_millis(5)).await;
        }
        peer.listen().await
    };
    let party = Plain::new(None, Some(exactly(1, 1))).boxed();
    let (ended, heard) = tokio::join!(session::run(party, here, settings(Side::Receiver, idle)), stalling);
    assert!(matches!(&ended, Err(SessionError::Peer(what)) if what.contains("at work")), "{ended:?}");
    assert!(is_told(&heard, Fault::Peer, "at work"), "{heard:?}");
}
