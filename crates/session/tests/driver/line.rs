//! Sessions one after the other on a line, and how it ends.

use std::time::Duration;

use session::{Fault, Line, SessionError, Side, frame::Frame};
use tokio::time::sleep;

use crate::{
    parties::{patient, settings},
    plain::{Plain, Puppet, exactly, header},
};

const IDLE: Duration = Duration::from_secs(20);

/// A receiver and a sender of 10 elements.
fn pair() -> (Plain, Plain) {
    (Plain::new(None, Some(exactly(32, 10))), Plain::new(Some(header(32, 10)), None))
}

#[tokio::test]
async fn a_line_ends_when_both_have_kept_what_they_learned() {
    let (here, there) = session::in_memory(1);
    let several = async |mut line: Line, plain: fn((Plain, Plain)) -> Plain, side| {
        for _ in 0..3 {
            line = line.run(plain(pair()).boxed(), patient(side)).await.unwrap().1;
        }
        line.settle(IDLE).await.unwrap();
        line.part().await;
    };
    tokio::join!(
        several(Line::open(here), |(receiver, _)| receiver, Side::Receiver),
        several(Line::open(there), |(_, sender)| sender, Side::Sender),
    );
}

#[tokio::test]
async fn one_that_ends_before_it_has_kept_is_not_taken_for_done() {
    let (here, there) = session::in_memory(1);
    let mut line = Line::open(here);
    let dies = async move { drop(Puppet::new(there)) };
    let (settled, ()) = tokio::join!(line.settle(IDLE), dies);
    assert!(matches!(settled, Err(SessionError::Disconnected(_))), "{settled:?}");

    let (here, there) = session::in_memory(1);
    let (mut line, other) = (Line::open(here), Line::open(there));
    let breaks = other.break_off(Fault::Own, "the disk is full".to_owned());
    let (settled, ()) = tokio::join!(line.settle(IDLE), breaks);
    assert!(matches!(&settled, Err(SessionError::PeerEnded { fault: Fault::Own, reason }) if reason.contains("disk")));
}

#[tokio::test]
async fn what_else_comes_where_a_line_ends_is_the_peers_fault() {
    for frame in [Frame::Finish { transcript: [0; 32] }, Frame::Header { message: 0, header: header(1, 1) }] {
        let (here, there) = session::in_memory(4);
        let (mut line, mut peer) = (Line::open(here), Puppet::new(there));
        peer.say(&frame).await;
        let settled = line.settle(IDLE).await;
        assert!(matches!(&settled, Err(SessionError::Peer(what)) if what.contains("more after")), "{settled:?}");
    }
    // And where it does not end yet.
    let (here, there) = session::in_memory(4);
    let mut peer = Puppet::new(there);
    peer.say(&Frame::Kept).await;
    let ended = session::run(pair().0.boxed(), here, patient(Side::Receiver)).await;
    assert!(matches!(ended, Err(SessionError::Peer(_))), "{ended:?}");
}

#[tokio::test]
async fn a_side_that_is_busy_between_sessions_shows_that_it_lives() {
    let idle = Duration::from_millis(500);
    let (here, there) = session::in_memory(1);
    let (mut busy, mut waiting) = (Line::open(here), Line::open(there));
    let long = idle * 4;
    let slow = async {
        Line::busy_with(&[&busy], idle, sleep(long)).await;
        busy.run(pair().1.boxed(), settings(Side::Sender, idle)).await.unwrap().1.settle(idle).await
    };
    let quick = async {
        let (finished, mut line) = waiting.run(pair().0.boxed(), settings(Side::Receiver, idle)).await.unwrap();
        Line::busy_with(&[&line], idle, sleep(long)).await;
        line.settle(idle).await.unwrap();
        finished.output
    };
    let (slow, received) = tokio::join!(slow, quick);
    assert_eq!((slow, received), (Ok(()), 10));
    // Showing life is not enough for ever.
    let idle = Duration::from_millis(250);
    let (here, there) = session::in_memory(1);
    (busy, waiting) = (Line::open(here), Line::open(there));
    let lines = [&busy];
    let (settled, ()) = tokio::join!(waiting.settle(idle), Line::busy_with(&lines, idle, sleep(idle * 40)));
    assert!(matches!(&settled, Err(SessionError::Peer(what)) if what.contains("at work")), "{settled:?}");
}
