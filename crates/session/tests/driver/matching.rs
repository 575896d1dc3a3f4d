//! Real protocols over the driver: results against a plain join, and a channel that tampers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use bytes::Bytes;
use psi::{
    ErrorBudget, Item, Outcome, Parameters, Seed, Sizes, dh_commutative,
    dh_oprf::{Receiver, Sender},
    matching::{self, Labels},
    party::Round,
};
use session::{
    ComputePool, Finished, Limits, SessionError, Settings, Side,
    tampering::{Tamper, Tampering},
};
use tokio_util::sync::CancellationToken;

type Party = Box<dyn Round<Output = Outcome>>;
fn oprf(p: &Parameters, seed: u8) -> (Receiver, Sender, Seed) {
    let seed = Seed::new([seed; 32]);
    (Receiver::new(p, &seed), Sender::new(p, &seed).unwrap(), seed)
}

fn membership_receiver(p: &Parameters, items: Arc<[Item]>) -> Party {
    let (receiver, _, seed) = oprf(p, 1);
    matching::membership_receiver(receiver, p, items, &seed).unwrap()
}

fn membership_sender(p: &Parameters, items: Arc<[Item]>) -> Party {
    let (_, sender, seed) = oprf(p, 2);
    matching::membership_sender(sender, p, items, &seed).unwrap()
}

fn both_receiver(p: &Parameters, items: Arc<[Item]>) -> Party {
    let (receiver, _, seed) = oprf(p, 1);
    matching::both_receiver(receiver, p, items, &seed).unwrap()
}

fn both_sender(p: &Parameters, items: Arc<[Item]>) -> Party {
    let (_, sender, seed) = oprf(p, 2);
    matching::both_sender(sender, p, items, &seed).unwrap()
}

fn labelled_receiver(p: &Parameters, items: Arc<[Item]>, size: u32) -> Party {
    let (receiver, _, seed) = oprf(p, 1);
    matching::labelled_receiver(receiver, p, items, size, &seed).unwrap()
}

fn labelled_sender(p: &Parameters, items: Arc<[Item]>, labels: Labels) -> Party {
    let (_, sender, seed) = oprf(p, 2);
    matching::labelled_sender(sender, p, items, labels, &seed).unwrap()
}

type Ended = Result<Finished<Outcome>, SessionError>;

fn items(range: std::ops::Range<u32>) -> Arc<[Item]> {
    range.map(|number| Item::from(u128::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c).to_be_bytes())).collect()
}

fn parameters(receiver: usize, sender: usize) -> Parameters {
    Parameters {
        session_id: [5; 32],
        sizes: Sizes { receiver: receiver as u64, sender: sender as u64 },
        budget: ErrorBudget::new(40).unwrap(),
    }
}

fn settings(side: Side, idle: u64) -> Settings {
    Settings {
        session_id: [5; 32],
        side,
        compute: ComputePool::new(1).unwrap(),
        limits: Limits { idle: Duration::from_secs(idle), total: Duration::from_secs(60) },
        cancel: CancellationToken::new(),
        progress: None,
    }
}

async fn run(receiver: Party, sender: Party) -> (Finished<Outcome>, Finished<Outcome>) {
    let (here, there) = session::in_memory(2);
    let ends = tokio::join!(
        session::run(receiver, here, settings(Side::Receiver, 20)),
        session::run(sender, there, settings(Side::Sender, 20)),
    );
    let (receiver, sender) = (ends.0.unwrap(), ends.1.unwrap());
    assert_eq!(receiver.transcript, sender.transcript);
    assert_eq!((receiver.bytes_sent, receiver.bytes_received), (sender.bytes_received, sender.bytes_sent));
    (receiver, sender)
}

fn common(left: &[Item], right: &[Item]) -> Vec<u32> {
    let right: BTreeSet<_> = right.iter().collect();
    (0_u32..).zip(left).filter(|(_, item)| right.contains(item)).map(|(index, _)| index).collect()
}

const SIZES: [(u32, u32, u32); 8] =
    [(0, 0, 0), (0, 5, 0), (5, 0, 0), (1, 1, 1), (2, 63, 1), (64, 65, 30), (5000, 20, 7), (300, 9000, 250)];

fn sets(left: u32, right: u32, shared: u32) -> (Arc<[Item]>, Arc<[Item]>) {
    (items(0..left), items(left - shared..left - shared + right))
}

#[tokio::test]
async fn membership_is_a_plain_join() {
    for (left, right, shared) in SIZES {
        let (x, y) = sets(left, right, shared);
        let p = parameters(x.len(), y.len());
        let receiver = membership_receiver(&p, x.clone());
        let (r, s) = run(receiver, membership_sender(&p, y.clone())).await;
        assert!(r.output == Outcome::Matched(common(&x, &y)), "{left} {right} {shared}");
        assert!(s.output == Outcome::Nothing);
    }
}

#[tokio::test]
async fn both_sides_learn_their_own() {
    for (left, right, shared) in SIZES {
        let (x, y) = sets(left, right, shared);
        let p = parameters(x.len() + 3, y.len() + 10);
        let receiver = both_receiver(&p, x.clone());
        let (r, s) = run(receiver, both_sender(&p, y.clone())).await;
        assert!(r.output == Outcome::Matched(common(&x, &y)), "{left} {right} {shared}");
        assert!(s.output == Outcome::Matched(common(&y, &x)), "{left} {right} {shared}");
    }
}

#[tokio::test]
async fn labels_arrive_with_their_items() {
    let (x, y) = sets(300, 200, 120);
    let label = |item: &Item| format!("label of {:?}", item.as_bytes()).into_bytes();
    let labels = Labels::new(128, y.iter().map(label)).unwrap();
    let p = parameters(x.len(), y.len());
    let receiver = labelled_receiver(&p, x.clone(), 128);
    let (r, _) = run(receiver, labelled_sender(&p, y.clone(), labels)).await;
    let expected: Vec<_> = common(&x, &y).into_iter().map(|index| (index, label(&x[index as usize]))).collect();
    assert!(r.output == Outcome::Labelled(expected));
}

#[tokio::test]
async fn cardinality_is_a_number_alone() {
    for (left, right, shared) in SIZES {
        let (x, y) = sets(left, right, shared);
        let p = parameters(x.len(), y.len());
        let receiver = dh_commutative::cardinality_receiver(&p, x, &Seed::new([1; 32])).unwrap();
        let (r, s) = run(receiver, dh_commutative::cardinality_sender(&p, y, &Seed::new([2; 32])).unwrap()).await;
        assert!(r.output == Outcome::Count(shared.into()), "{left} {right} {shared}");
        assert!(s.output == Outcome::Nothing);
    }
}

/// Runs membership with a channel in which what the receiver or the sender says is tampered with.
async fn tampered(side: Side, tamper: Tamper) -> (Ended, Ended) {
    let (x, y) = sets(4100, 60, 40);
    let p = parameters(x.len(), y.len());
    let receiver = membership_receiver(&p, x);
    let sender = membership_sender(&p, y);
    let (here, there) = session::in_memory(2);
    let (mut of_receiver, mut of_sender): (Tamper, Tamper) =
        (Box::new(|_, frame| vec![frame]), Box::new(|_, frame| vec![frame]));
    match side {
        Side::Receiver => of_receiver = tamper,
        Side::Sender => of_sender = tamper,
    }
    tokio::join!(
        session::run(receiver, Tampering::new(here, of_receiver), settings(Side::Receiver, 2)),
        session::run(sender, Tampering::new(there, of_sender), settings(Side::Sender, 2)),
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
    let receiver = membership_receiver(&p, x);
    let sender = membership_sender(&p, y);
    let (here, there) = session::in_memory(2);
    let mine = settings(Side::Receiver, 20);
    let cancel = mine.cancel.clone();
    let hook = cancel.clone();
    let mine = Settings { progress: Some(Arc::new(move |_| hook.cancel())), ..mine };
    let (receiver, sender) =
        tokio::join!(session::run(receiver, here, mine), session::run(sender, there, settings(Side::Sender, 20)));
    assert_eq!(receiver.err(), Some(SessionError::Cancelled));
    let Err(SessionError::PeerEnded { fault, .. }) = sender else { panic!("the sender was not told") };
    assert_eq!(fault, session::Fault::Cancelled);
}

#[tokio::test]
async fn a_peer_that_hangs_up_or_stalls_ends_the_session_in_time() {
    let (x, _) = sets(3000, 3000, 10);
    let p = parameters(x.len(), 10);
    let (here, there) = session::in_memory(2);
    drop(there);
    let receiver = membership_receiver(&p, x.clone());
    let ended = session::run(receiver, here, settings(Side::Receiver, 2)).await;
    assert!(matches!(ended, Err(SessionError::Disconnected(_))), "{:?}", ended.err());
    let (here, _there) = session::in_memory(2);
    let receiver = membership_receiver(&p, x);
    let ended = session::run(receiver, here, settings(Side::Receiver, 1)).await;
    assert!(matches!(ended, Err(SessionError::IdleTimeout { .. })), "{:?}", ended.err());
}
