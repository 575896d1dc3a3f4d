//! The base transfers against the ideal ones, and what the peer may send.

use curve25519_dalek::RistrettoPoint;
use proptest::prelude::*;

use super::{Receiver, Sender, constant};
use crate::choices::Choices;
use crate::{PsiError, Seed};

const SESSION: [u8; 32] = [5; 32];

struct Run {
    sender_message: [u8; 32],
    receiver_message: Vec<u8>,
    pairs: Vec<[u128; 2]>,
    chosen: Vec<u128>,
}

fn run(session: &[u8; 32], bits: &[bool]) -> Run {
    let (sender, sender_message) = Sender::new(session, &Seed::new([1; 32]), bits.len()).unwrap();
    let choices = Choices::collect(bits.iter().copied(), bits.len());
    let (receiver, receiver_message) = Receiver::new(session, &Seed::new([2; 32]), choices).unwrap();
    let pairs = sender.finish(&receiver_message).unwrap().to_vec();
    let chosen = receiver.finish(&sender_message).unwrap().to_vec();
    Run { sender_message, receiver_message, pairs, chosen }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    /// Each key is the chosen one of its pair, and no key comes twice.
    #[test]
    fn the_receiver_has_the_keys_that_it_chose(bits in prop::collection::vec(any::<bool>(), 0..300)) {
        let run = run(&SESSION, &bits);
        prop_assert_eq!((run.pairs.len(), run.chosen.len()), (bits.len(), bits.len()));
        for ((pair, key), bit) in run.pairs.iter().zip(&run.chosen).zip(&bits) {
            prop_assert_eq!(pair[usize::from(*bit)], *key);
        }
        let mut all = run.pairs.concat();
        all.sort_unstable();
        all.dedup();
        prop_assert_eq!(all.len(), 2 * bits.len());
    }
}

#[test]
fn sessions_have_nothing_in_common() {
    let (one, other) = (run(&[1; 32], &[true, false]), run(&[2; 32], &[true, false]));
    assert_ne!(one.sender_message, other.sender_message);
    assert_ne!(one.receiver_message, other.receiver_message);
    assert!(one.pairs.iter().flatten().all(|key| !other.pairs.concat().contains(key)));
    assert_ne!(constant(&[1; 32]).unwrap(), constant(&[2; 32]).unwrap());
}

#[test]
fn messages_and_keys_are_those_of_the_description() {
    let run = run(&SESSION, &[false, true]);
    let mut sender = crate::randomness::Randomness::new(&Seed::new([1; 32]), &SESSION, "base ot sender").stream(0);
    let mut receiver = crate::randomness::Randomness::new(&Seed::new([2; 32]), &SESSION, "base ot receiver").stream(0);
    let (t, s) = (sender.next_scalar(), [receiver.next_scalar(), receiver.next_scalar()]);
    let constant = constant(&SESSION).unwrap();
    let element = RistrettoPoint::mul_base(&t).compress().to_bytes();
    let zeros = [RistrettoPoint::mul_base(&s[0]), constant - RistrettoPoint::mul_base(&s[1])];
    assert_eq!(run.sender_message, element);
    for (i, zero) in zeros.iter().enumerate() {
        let encoded = zero.compress().to_bytes();
        assert_eq!(run.receiver_message[32 * i..][..32], encoded);
        for (b, point) in [(0, *zero), (1, constant - zero)] {
            let derivation = super::KeyDerivation::new(&SESSION);
            let shared = (point * t).compress().to_bytes();
            assert_eq!(run.pairs[i][usize::from(b)], derivation.key(i, b, &element, &encoded, &shared));
        }
    }
}

#[test]
fn bytes_are_pinned() {
    let run = run(&SESSION, &[false, true]);
    let keys: Vec<String> = run.pairs.concat().iter().map(|key| hex::encode(key.to_le_bytes())).collect();
    assert_eq!(hex::encode(run.sender_message), "ec816f7c88598968b2be284c7d6411c9255a063d38ade4023dbaf9312392ba60");
    assert_eq!(
        hex::encode(&run.receiver_message),
        "9ef31b18192333f80d9231436c3b99938c272ae809aed6b7f7554892af28c003\
         0cb6d39f23b8e49466c5fe224f355562c35cde356e876ce658bff2bb125a0814"
    );
    assert_eq!(
        keys,
        [
            "309077dfd853fd6305bdcd20ab3a05de",
            "8f1e6bf31817649cdc56d1db34c58e23",
            "9c03555edf6da1d7047e4ac0f7c2ea6f",
            "19317d7160905b53bdcb4208141ccf85"
        ]
    );
}

#[test]
fn elements_of_a_peer_are_checked() {
    let (_, good) = Sender::new(&SESSION, &Seed::new([1; 32]), 1).unwrap();
    let refused = |message: &[u8]| {
        let (sender, _) = Sender::new(&SESSION, &Seed::new([1; 32]), 2).unwrap();
        let (receiver, _) = Receiver::new(&SESSION, &Seed::new([2; 32]), Choices::from_blocks(&[3])).unwrap();
        let mut two = good.to_vec();
        two.extend_from_slice(message);
        (
            matches!(sender.finish(&two), Err(PsiError::Peer(_))),
            matches!(receiver.finish(message), Err(PsiError::Peer(_))),
        )
    };
    // The identity, bytes that are no field element, one that encodes nothing, too few, none.
    let mut odd = good;
    odd[0] |= 1;
    for bad in [&[0; 32], &[0xff; 32], &odd, &good[..31], &[]] {
        assert_eq!(refused(bad), (true, true));
    }
    assert_eq!(refused(&good), (false, false));
    assert_eq!(refused(&[good, good].concat()), (true, true));
}

/// A receiver that sends C itself has no key of its own; the others of its batch are not touched.
#[test]
fn the_constant_in_the_place_of_an_element_harms_nobody_else() {
    let honest = run(&SESSION, &[false, true]);
    let mut message = honest.receiver_message[..32].to_vec();
    message.extend_from_slice(constant(&SESSION).unwrap().compress().as_bytes());
    let (sender, _) = Sender::new(&SESSION, &Seed::new([1; 32]), 2).unwrap();
    let pairs = sender.finish(&message).unwrap();
    assert_eq!(pairs[0], honest.pairs[0]);
    let derivation = super::KeyDerivation::new(&SESSION);
    let element: [u8; 32] = message[32..].try_into().unwrap();
    assert_eq!(pairs[1][1], derivation.key(1, 1, &honest.sender_message, &element, &[0; 32]));
}
