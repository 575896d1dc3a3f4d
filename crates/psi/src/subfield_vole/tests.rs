//! The correlation, from ideal transfers to outputs.

use super::noise_shares::{Taken, offer};
use super::{Noise, Stretch, code, forest};
use crate::gf::{Gf64, Gf128};
use crate::lpn_code::CodeField;
use crate::lpn_code::noise::Shape;
use crate::{Seed, pprf};

const SESSION: [u8; 32] = [3; 32];
const DELTA: u128 = 0x0123_4567_89ab_cdef_fedc_ba98_7654_3211;

fn shape() -> Shape {
    Shape::insecure(16, 100)
}

/// A′ and C of the receiver, and B of the sender.
fn run<B: CodeField>() -> (Vec<B::Element>, Vec<u128>, Vec<u128>) {
    let (shape, forest) = (shape(), forest(&SESSION, shape()).unwrap());
    let noise = Noise::<B>::draw(&SESSION, shape, &Seed::new([1; 32])).unwrap();

    let pairs: Vec<[u128; 2]> = (0..128).map(|bit| [bit + 1, bit << 70 | 1]).collect();
    let chosen = pairs.iter().enumerate().map(|(bit, pair)| pair[(DELTA >> bit & 1) as usize]).collect::<Vec<_>>();
    let (message, a) = offer::<B>(&pairs, noise.values()).unwrap();
    let mut taken = Taken::<B>::new(DELTA, chosen.into(), shape.blocks()).unwrap();
    taken.absorb(&message).unwrap();
    let b = taken.finish().unwrap();

    let pairs: Vec<[u128; 2]> = (0..forest.transfers() as u128).map(|index| [7 * index, index << 90 | 5]).collect();
    let choices = noise.points().choices(&forest);
    let chosen = pairs.iter().zip(choices.iter()).map(|(pair, bit)| pair[usize::from(bit.unwrap_u8())]);
    let keys = chosen.collect::<Vec<_>>().into();
    let trees = pprf::Sender::new(forest.clone(), &SESSION, &Seed::new([2; 32]));
    let (mut whole, mut punctured) = (vec![0; 1600], vec![0; 1600]);
    let sums = trees.expand(0, &mut whole).unwrap();
    let elements = trees.elements(&sums, &pairs, &b).unwrap();
    pprf::Receiver::new(forest, noise.points().clone(), keys)
        .unwrap()
        .reconstruct(0, &elements, &mut punctured)
        .unwrap();

    let mut masks = noise.masks().unwrap();
    let mut receivers = noise.products(punctured, &a).unwrap();
    let mut senders = Stretch::new(code::<B>(&SESSION, shape).unwrap(), whole).unwrap();
    // In steps of any size.
    while masks.next(77).unwrap().len() + receivers.next(1000).unwrap().len() + senders.next(300).unwrap().len() > 0 {}
    assert_eq!((masks.expanded(), receivers.expanded(), senders.expanded()), (800, 800, 800));
    (masks.outputs(0..800).to_vec(), receivers.outputs(0..900).to_vec(), senders.outputs(0..800).to_vec())
}

fn outputs_are_correlated<B: CodeField>() {
    let (masks, receivers, senders) = run::<B>();
    for ((mask, receiver), sender) in masks.iter().zip(&receivers).zip(&senders) {
        assert_eq!(*receiver, sender ^ B::scale(DELTA, *mask));
    }
    let mut sorted = masks.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(sorted.len(), 800, "masks repeat");
}

#[test]
fn outputs_are_correlated_over_both_fields() {
    outputs_are_correlated::<Gf64>();
    outputs_are_correlated::<Gf128>();
}
