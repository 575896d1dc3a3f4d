//! Against the `voprf` crate, which shares no line with ours: bytes go back and forth.

use curve25519_dalek::Scalar;
use voprf::{BlindedElement, EvaluationElement, OprfClient, OprfServer, Ristretto255};

use super::rfc9497::{SecretKey, Suite};
use super::{Receiver, Sender};
use crate::item::PaddedItems;
use crate::oprf::{Derive, OprfReceiver, OprfSender, Outputs, Places};
use crate::party::Next;
use crate::randomness::Randomness;
use crate::{ErrorBudget, Item, Parameters, Seed, Sizes};

/// More than a batch, and not a multiple of one.
const COUNT: usize = 131;

struct Whole;

impl Derive for Whole {
    type Derived = [u8; 64];

    fn derive(&self, outputs: Outputs<'_>) -> Vec<[u8; 64]> {
        let Outputs::Hashed(outputs) = outputs else { panic!("outputs are hashes") };
        outputs.iter().map(|output| **output).collect()
    }
}

fn parameters() -> Parameters {
    let sizes = Sizes { receiver: COUNT as u64, sender: 0 };
    Parameters { session_id: [3; 32], sizes, budget: ErrorBudget::new(40).unwrap() }
}

fn items() -> Vec<Item> {
    (0..COUNT as u128).map(|number| Item::from((number * number).to_le_bytes())).collect()
}

fn padded(seed: &Seed, len: usize) -> PaddedItems {
    PaddedItems::new(items().into(), len, Randomness::new(seed, &[3; 32], "padding")).unwrap()
}

fn server_evaluates(server: &OprfServer<Ristretto255>, blinded: &[u8]) -> Vec<u8> {
    server.blind_evaluate(&BlindedElement::deserialize(blinded).unwrap()).serialize().to_vec()
}

#[test]
fn keys_are_derived_alike() {
    for (seed, info) in [([7; 32], b"".as_slice()), ([8; 32], b"some information"), ([9; 32], &[0; 300])] {
        let server = OprfServer::<Ristretto255>::new_from_seed(&seed, info).unwrap();
        assert_eq!(SecretKey::derive(&seed, info).unwrap().bytes().as_slice(), &*server.serialize());
    }
}

#[test]
fn single_functions_agree() {
    let suite = Suite::new().unwrap();
    let key = SecretKey::derive(&[1; 32], b"key").unwrap();
    let server = OprfServer::<Ristretto255>::new_with_key(&key.bytes()).unwrap();
    let blind = Scalar::from_bytes_mod_order([5; 32]);
    let client = OprfClient::<Ristretto255>::deserialize(blind.as_bytes()).unwrap();
    for input in [b"x".as_slice(), &[0; 16], &[0xfe; 1000]] {
        let blinded = suite.blind(input, &blind).unwrap();
        let evaluated = key.blind_evaluate(&blinded).unwrap();
        assert_eq!(server_evaluates(&server, &blinded), evaluated);
        let element = EvaluationElement::deserialize(&evaluated).unwrap();
        let theirs = client.finalize(input, &element).unwrap();
        assert_eq!(suite.finalize(input, &blind, &evaluated).unwrap().as_slice(), &*theirs);
        assert_eq!(suite.evaluate(&key, input).unwrap().as_slice(), &*server.evaluate(input).unwrap());
    }
}

#[test]
fn our_receiver_meets_their_server() {
    let seed = Seed::new([2; 32]);
    let server = OprfServer::<Ristretto255>::new_from_seed(&[4; 32], b"").unwrap();
    let mut round = Receiver::new(&parameters(), &seed).start(padded(&seed, COUNT), Whole).unwrap();
    let blinded = round.produce(COUNT).unwrap();
    let evaluated: Vec<u8> = blinded.chunks(32).flat_map(|element| server_evaluates(&server, element)).collect();
    // Cut where no batch is.
    let (first, second) = evaluated.split_at(32 * 50);
    round.absorb(first).unwrap();
    round.absorb(second).unwrap();
    let Next::Done(outstanding) = round.finish().unwrap() else { panic!("one round") };
    for (item, output) in items().iter().zip(outstanding.finish().unwrap().values) {
        assert_eq!(output.as_slice(), &*server.evaluate(item.as_bytes()).unwrap());
    }
}

#[test]
fn our_sender_meets_their_client() {
    let suite = Suite::new().unwrap();
    let seed = Seed::new([6; 32]);
    // More than a step of work, for each thread.
    let len = COUNT + 1024 * rayon::current_num_threads();
    let mut round = Sender::new(&parameters(), &seed).unwrap().start(padded(&seed, len), Whole).unwrap();
    let blind = |index: usize| Scalar::from(index as u64 + 1);
    let blinded: Vec<u8> =
        (0..).zip(items()).flat_map(|(i, item)| suite.blind(item.as_bytes(), &blind(i)).unwrap()).collect();
    assert!(round.work().unwrap());
    round.absorb(&blinded).unwrap();
    let evaluated = round.produce(COUNT).unwrap();
    let Next::Done(mut outstanding) = round.finish().unwrap() else { panic!("one round") };
    assert!(outstanding.step().unwrap() && !outstanding.step().unwrap());
    let own = outstanding.finish().unwrap();
    assert_eq!((own.values.len(), own.places), (len, Places::InOrder));
    for (index, item) in items().iter().enumerate() {
        let client = OprfClient::<Ristretto255>::deserialize(blind(index).as_bytes()).unwrap();
        let element = EvaluationElement::deserialize(&evaluated[32 * index..][..32]).unwrap();
        let theirs = client.finalize(item.as_bytes(), &element).unwrap();
        assert_eq!(own.values[index].as_slice(), &*theirs);
    }
}
