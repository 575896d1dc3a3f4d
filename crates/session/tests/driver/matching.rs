//! Real protocols over the driver: results against a plain join, and a channel that tampers.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use psi::{Item, Outcome};
use session::{
    Finished, PhaseProgress, SessionError, Settings, Side,
    frame::Frame,
    tampering::{Tamper, Tampering},
};

use crate::parties::{Ended, MODES, Mode, Party, label, pair, parameters, patient, sets, settings};

pub(crate) async fn run((receiver, sender): (Party, Party)) -> (Finished<Outcome>, Finished<Outcome>) {
    let (here, there) = session::in_memory(2);
    let ends = tokio::join!(
        session::run(receiver, here, patient(Side::Receiver)),
        session::run(sender, there, patient(Side::Sender)),
    );
    let (receiver, sender) = (ends.0.unwrap(), ends.1.unwrap());
    assert_eq!(receiver.transcript, sender.transcript);
    assert_eq!((receiver.bytes_sent, receiver.bytes_received), (sender.bytes_received, sender.bytes_sent));
    (receiver, sender)
}

pub(crate) fn common(left: &[Item], right: &[Item]) -> Vec<u32> {
    let right: BTreeSet<_> = right.iter().collect();
    (0_u32..).zip(left).filter(|(_, item)| right.contains(item)).map(|(index, _)| index).collect()
}

pub(crate) const SIZES: [(u32, u32, u32); 8] =
    [(0, 0, 0), (0, 5, 0), (5, 0, 0), (1, 1, 1), (2, 63, 1), (64, 65, 30), (5000, 20, 7), (300, 9000, 250)];

#[tokio::test]
async fn membership_is_a_plain_join() {
    for (left, right, shared) in SIZES {
        let (x, y) = sets(left, right, shared);
        let p = parameters(x.len(), y.len());
        let (r, s) = run(pair(Mode::Membership, &p, x.clone(), y.clone())).await;
        assert!(r.output == Outcome::Matched(common(&x, &y)), "{left} {right} {shared}");
        assert!(s.output == Outcome::Nothing);
    }
}

#[tokio::test]
async fn both_sides_learn_their_own() {
    for (left, right, shared) in SIZES {
        let (x, y) = sets(left, right, shared);
        let p = parameters(x.len() + 3, y.len() + 10);
        let (r, s) = run(pair(Mode::Both, &p, x.clone(), y.clone())).await;
        assert!(r.output == Outcome::Matched(common(&x, &y)), "{left} {right} {shared}");
        assert!(s.output == Outcome::Matched(common(&y, &x)), "{left} {right} {shared}");
    }
}

#[tokio::test]
async fn labels_arrive_with_their_items() {
    let (x, y) = sets(300, 200, 120);
    let p = parameters(x.len(), y.len());
    let shared = common(&x, &y);
    let (r, _) = run(pair(Mode::Labelled, &p, x.clone(), y)).await;
    let expected: Vec<_> = shared.into_iter().map(|index| (index, Some(label(&x[index as usize])))).collect();
    assert!(r.output == Outcome::Labelled(expected));
}

#[tokio::test]
async fn cardinality_is_a_number_alone() {
    for (left, right, shared) in SIZES {
        let (x, y) = sets(left, right, shared);
        let p = parameters(x.len(), y.len());
        let (r, s) = run(pair(Mode::Cardinality, &p, x, y)).await;
        assert!(r.output == Outcome::Count(shared.into()), "{left} {right} {shared}");
        assert!(s.output == Outcome::Nothing);
    }
}

/// Tampers with frames that mean something, and numbers them without those that only show life.
fn with_what_counts(mut tamper: Tamper) -> Tamper {
    let mut count = 0;
    Box::new(move |_, frame| {
        if frame == Frame::Working.encode() {
            return vec![frame];
        }
        count += 1;
        tamper(count - 1, frame)
    })
}

/// Runs membership with a channel in which what the receiver or the sender says is tampered with.
async fn tampered(side: Side, tamper: Tamper) -> (Ended<Outcome>, Ended<Outcome>) {
    let (x, y) = sets(4100, 60, 40);
    let p = parameters(x.len(), y.len());
    let (receiver, sender) = pair(Mode::Membership, &p, x, y);
    let (here, there) = session::in_memory(2);
    let (mut of_receiver, mut of_sender): (Tamper, Tamper) =
        (Box::new(|_, frame| vec![frame]), Box::new(|_, frame| vec![frame]));
    let tamper = with_what_counts(tamper);
    match side {
        Side::Receiver => of_receiver = tamper,
        Side::Sender => of_sender = tamper,
    }
    tokio::join!(
        session::run(receiver, Tampering::new(here, of_receiver), settings(Side::Receiver, Duration::from_secs(2))),
        session::run(sender, Tampering::new(there, of_sender), settings(Side::Sender, Duration::from_secs(2))),
    )
}

fn flip(frame: &Bytes, at: usize) -> Bytes {
    let mut bytes = frame.to_vec();
    let at = at.min(bytes.len() - 1);
    bytes[at] ^= 1;
    bytes.into()
}

#[tokio::test]
async fn no_tampering_with_the_receivers_frames_goes_unnoticed() {
    no_tampering_goes_unnoticed(Side::Receiver).await;
}

#[tokio::test]
async fn no_tampering_with_the_senders_frames_goes_unnoticed() {
    no_tampering_goes_unnoticed(Side::Sender).await;
}

async fn no_tampering_goes_unnoticed(side: Side) {
    {
        for number in [0, 1, 2] {
            let mut held: Option<Bytes> = None;
            let tampers: Vec<(&str, Tamper)> = vec![
                ("dropped", Box::new(move |n, frame| if n == number { vec![] } else { vec![frame] })),
                (
                    "repeated",
                    Box::new(move |n, frame| if n == number { vec![frame.clone(), frame] } else { vec![frame] }),
                ),
                (
                    "cut",
                    Box::new(move |n, frame| vec![if n == number { frame.slice(..frame.len() - 1) } else { frame }]),
                ),
                ("altered", Box::new(move |n, frame| vec![if n == number { flip(&frame, 40) } else { frame }])),
                ("renumbered", Box::new(move |n, frame| vec![if n == number { flip(&frame, 4) } else { frame }])),
                (
                    "swapped",
                    Box::new(move |n, frame| {
                        if n == number {
                            held = Some(frame);
                            return vec![];
                        }
                        std::iter::once(frame).chain(held.take()).collect()
                    }),
                ),
            ];
            for (what, tamper) in tampers {
                let (receiver, sender) = tampered(side, tamper).await;
                assert!(receiver.is_err(), "{what} frame {number} of {side:?}: the receiver did not notice");
                assert!(sender.is_err(), "{what} frame {number} of {side:?}: the sender did not notice");
            }
        }
    }
}

#[tokio::test]
async fn an_identity_point_is_named_on_both_sides() {
    let tamper: Tamper = Box::new(|n, frame| {
        let mut bytes = frame.to_vec();
        if n == 1 {
            bytes[13..45].fill(0);
        }
        vec![bytes.into()]
    });
    let (receiver, sender) = tampered(Side::Receiver, tamper).await;
    let Err(SessionError::Peer(what)) = sender else { panic!("the sender let it pass") };
    assert!(what.contains("identity"), "{what}");
    let Err(SessionError::PeerEnded { reason, .. }) = receiver else { panic!("the receiver was not told") };
    assert!(reason.contains("identity"), "{reason}");
}

#[tokio::test]
async fn cancelling_one_side_tells_the_other() {
    let (x, y) = sets(3000, 3000, 10);
    let p = parameters(x.len(), y.len());
    let (receiver, sender) = pair(Mode::Membership, &p, x, y);
    let (here, there) = session::in_memory(2);
    let mine = patient(Side::Receiver);
    let cancel = mine.cancel.clone();
    let hook = cancel.clone();
    let mine = Settings { progress: Some(Arc::new(move |_| hook.cancel())), ..mine };
    let (receiver, sender) =
        tokio::join!(session::run(receiver, here, mine), session::run(sender, there, patient(Side::Sender)));
    assert_eq!(receiver.err(), Some(SessionError::Cancelled));
    let Err(SessionError::PeerEnded { fault, .. }) = sender else { panic!("the sender was not told") };
    assert_eq!(fault, session::Fault::Cancelled);
}

#[tokio::test]
async fn progress_never_says_how_many_matched() {
    for mode in MODES {
        let (x, y) = sets(50, 40, 13);
        let (receiver, sender) = pair(mode, &parameters(x.len(), y.len()), x, y);
        let told = Arc::<Mutex<Vec<PhaseProgress>>>::default();
        let watched = |side| {
            let told = Arc::clone(&told);
            Settings { progress: Some(Arc::new(move |progress| told.lock().unwrap().push(progress))), ..patient(side) }
        };
        let (here, there) = session::in_memory(2);
        let ends = tokio::join!(
            session::run(receiver, here, watched(Side::Receiver)),
            session::run(sender, there, watched(Side::Sender)),
        );
        assert!(ends.0.is_ok() && ends.1.is_ok());
        let told = told.lock().unwrap();
        assert!(!told.is_empty(), "{mode:?}");
        assert!(told.iter().all(|progress| progress.done != 13 && progress.total != 13), "{mode:?}: {told:?}");
    }
}
