//! The VOLE engine over the driver: results against a plain join, and peers that leave its messages out,
//! repeat, swap or alter them.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use psi::Outcome;
use session::{
    Channel, FrameReceiver, FrameSender, SessionError, Side,
    frame::Frame,
    tampering::{Capture, Tamper, Tampering},
};

use crate::{
    matching::{SIZES, common, run},
    parties::{Ended, Mode, Party, VOLE_MODES, label, parameters, patient, sets, settings, vole_pair},
};

#[tokio::test]
async fn every_mode_is_a_plain_join_and_both_have_one_transcript() {
    for (left, right, shared) in SIZES {
        let (x, y) = sets(left, right, shared);
        let p = parameters(x.len() + 3, y.len() + 10);
        let (ours, theirs) = (common(&x, &y), common(&y, &x));
        for mode in VOLE_MODES {
            // That the transcripts are equal is checked there.
            let (receiver, sender) = run(vole_pair(mode, &p, Arc::clone(&x), Arc::clone(&y))).await;
            let labelled = || ours.iter().map(|index| (*index, Some(label(&x[*index as usize])))).collect();
            let expected = match mode {
                Mode::Membership => (Outcome::Matched(ours.clone()), Outcome::Nothing),
                Mode::Labelled => (Outcome::Labelled(labelled()), Outcome::Nothing),
                _ => (Outcome::Matched(ours.clone()), Outcome::Matched(theirs.clone())),
            };
            assert!((receiver.output, sender.output) == expected, "{mode:?}: {left} {right} {shared}");
        }
    }
}

/// Both parties of mode both, in which most messages go; always with the same bytes.
fn parties() -> (Party, Party) {
    let (x, y) = sets(300, 200, 40);
    vole_pair(Mode::Both, &parameters(x.len(), y.len()), x, y)
}

fn of(side: Side) -> Party {
    let (receiver, sender) = parties();
    if side == Side::Receiver { receiver } else { sender }
}

/// Frames that mean something, by message; the finish is the last one alone.
type Script = Vec<Vec<Frame>>;

/// What the peer of `side` says in an honest run.
async fn script(side: Side) -> Script {
    let (receiver, sender) = parties();
    let (here, there) = session::in_memory(2);
    let here = Tampering::capturing(here);
    let (sent, received) = here.captures();
    let ends = tokio::join!(
        session::run(receiver, here, patient(Side::Receiver)),
        session::run(sender, there, patient(Side::Sender)),
    );
    assert!(ends.0.is_ok() && ends.1.is_ok());
    by_message(if side == Side::Receiver { &received } else { &sent })
}

fn by_message(capture: &Capture) -> Script {
    let frames = capture.lock().unwrap();
    let frames = frames.iter().map(|frame| Frame::decode(frame).unwrap()).filter(|frame| *frame != Frame::Working);
    let mut script = Script::new();
    for frame in frames {
        match frame {
            Frame::Elements { .. } => script.last_mut().unwrap().push(frame),
            _ => script.push(vec![frame]),
        }
    }
    script
}

/// The frames in order, with messages numbered as they now stand.
fn numbered(script: &[Vec<Frame>]) -> Vec<Frame> {
    let mut frames = script.concat();
    let mut next = 0;
    for frame in &mut frames {
        match frame {
            Frame::Header { message, .. } => {
                *message = next;
                next += 1;
            }
            Frame::Elements { message, .. } => *message = next - 1,
            _ => {}
        }
    }
    frames
}

/// How a session of `side` ends whose peer says these frames, and then hangs up or says nothing more.
async fn told(side: Side, frames: Vec<Frame>, hangs_up: bool) -> Ended<Outcome> {
    let (here, there) = session::in_memory(2);
    let (mut tx, mut rx) = there.split();
    let taking = async { while let Ok(Some(_)) = rx.receive().await {} };
    let saying = async move {
        for frame in frames {
            if tx.send(frame.encode()).await.is_err() {
                return None;
            }
        }
        (!hangs_up).then_some(tx)
    };
    let idle = if hangs_up { Duration::from_secs(20) } else { Duration::from_millis(300) };
    let (ended, ..) = tokio::join!(session::run(of(side), here, settings(side, idle)), taking, saying);
    ended
}

const SIDES: [Side; 2] = [Side::Receiver, Side::Sender];

#[tokio::test]
async fn an_honest_peer_that_is_played_back_is_believed() {
    for side in SIDES {
        let script = script(side).await;
        // BaseChoices, Corrections, TagHighs, TagLows; BaseKey, Transfers, MaskedNoise, RowSeed, MaskedVector,
        // Claims. And the finish.
        assert_eq!(script.len(), if side == Side::Receiver { 5 } else { 7 });
        let ended = told(side, numbered(&script), true).await.unwrap();
        assert!(matches!(ended.output, Outcome::Matched(found) if found.len() == 40));
    }
}

#[track_caller]
fn assert_misbehaved(ended: &Ended<Outcome>, what: &str) {
    assert!(matches!(ended, Err(SessionError::Peer(_))), "{what}: {ended:?}");
}

#[tokio::test]
async fn messages_out_of_their_order_are_refused() {
    for side in SIDES {
        let script = script(side).await;
        for first in 0..script.len() - 1 {
            let mut swapped = script.clone();
            swapped.swap(first, first + 1);
            assert_misbehaved(&told(side, numbered(&swapped), true).await, &format!("{side:?}, {first} swapped"));
            let mut repeated = script.clone();
            repeated.insert(first, script[first].clone());
            assert_misbehaved(&told(side, numbered(&repeated), true).await, &format!("{side:?}, {first} twice"));
            let mut lacking = script.clone();
            lacking.remove(first);
            assert_misbehaved(&told(side, numbered(&lacking), true).await, &format!("{side:?}, {first} left out"));
        }
    }
}

#[tokio::test]
async fn frames_that_come_twice_are_refused() {
    for side in SIDES {
        let frames = numbered(&script(side).await);
        for at in 0..frames.len() - 1 {
            let mut repeated = frames.clone();
            repeated.insert(at, frames[at].clone());
            assert_misbehaved(&told(side, repeated, true).await, &format!("{side:?}, {at}"));
        }
    }
}

#[tokio::test]
async fn a_peer_that_stops_in_the_middle_is_noticed() {
    for side in SIDES {
        let frames = numbered(&script(side).await);
        for at in 0..frames.len() {
            let ended = told(side, frames[..at].to_vec(), true).await;
            assert!(matches!(ended, Err(SessionError::Disconnected(_))), "{side:?}, {at}: {ended:?}");
        }
        for at in (0..frames.len()).step_by(3) {
            let ended = told(side, frames[..at].to_vec(), false).await;
            assert!(matches!(ended, Err(SessionError::IdleTimeout { .. })), "{side:?}, {at}: {ended:?}");
        }
    }
}

/// Runs both with a channel on which one byte of frame `number` of `side` is altered.
async fn altered(side: Side, number: usize, byte: impl Fn(usize) -> usize + Send + 'static) -> [Ended<Outcome>; 2] {
    let (receiver, sender) = parties();
    let (here, there) = session::in_memory(2);
    let honest = || -> Tamper { Box::new(|_, frame| vec![frame]) };
    let mut count = 0;
    let tamper: Tamper = Box::new(move |_, frame: Bytes| {
        if frame == Frame::Working.encode() {
            return vec![frame];
        }
        let mut bytes = frame.to_vec();
        if count == number {
            bytes[byte(frame.len())] ^= 1;
        }
        count += 1;
        vec![bytes.into()]
    });
    let (of_receiver, of_sender) = if side == Side::Receiver { (tamper, honest()) } else { (honest(), tamper) };
    let (receiver, sender) = tokio::join!(
        session::run(receiver, Tampering::new(here, of_receiver), patient(Side::Receiver)),
        session::run(sender, Tampering::new(there, of_sender), patient(Side::Sender)),
    );
    [receiver, sender]
}

#[tokio::test]
async fn a_byte_that_was_altered_is_noticed_on_both_sides() {
    for side in SIDES {
        // What this side says is what the other is told.
        let other = if side == Side::Receiver { Side::Sender } else { Side::Receiver };
        let frames = numbered(&script(other).await);
        for (number, frame) in frames.iter().enumerate().take(frames.len() - 1) {
            // The first byte of the content, and the last one of all.
            for byte in [(|_| 13) as fn(usize) -> usize, |length| length - 1] {
                let ends = altered(side, number, byte).await;
                let what = format!("{side:?}, frame {number} of {} bytes", frame.encode().len());
                for end in &ends {
                    let by_peer = matches!(end, Err(SessionError::Peer(_) | SessionError::PeerEnded { .. }));
                    assert!(by_peer, "{what}: {end:?}");
                }
            }
        }
    }
}
