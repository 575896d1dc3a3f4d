//! Punctured trees against whole ones, and against trees grown node by node.

use proptest::prelude::*;
use zeroize::Zeroizing;

use super::{Forest, Points, Receiver, Sender};
use crate::choices::Choices;
use crate::fixed_key::FixedKey;
use crate::randomness::Randomness;
use crate::{PsiError, Seed, base_ot, ot_extension};

const SESSION: [u8; 32] = [4; 32];

/// Keys as ideal transfers would give them, and those that the receiver chose.
fn ideal_transfers(forest: &Forest, points: &Points) -> (Vec<[u128; 2]>, Vec<u128>) {
    let pairs: Vec<[u128; 2]> = (0..forest.transfers() as u128).map(|i| [i * i + 7, (i + 1) << 90]).collect();
    let choices = points.choices(forest);
    let chosen = pairs.iter().zip(choices.iter()).map(|(pair, bit)| pair[usize::from(bit.unwrap_u8())]);
    let chosen = chosen.collect();
    (pairs, chosen)
}

fn parties(leaves: usize, places: Vec<u32>) -> (Sender, Vec<[u128; 2]>, Receiver) {
    let forest = Forest::new(&SESSION, places.len(), leaves).unwrap();
    let points = Points::new(&forest, places.into()).unwrap();
    let (pairs, chosen) = ideal_transfers(&forest, &points);
    let sender = Sender::new(forest.clone(), &SESSION, &Seed::new([6; 32]));
    (sender, pairs, Receiver::new(forest, points, chosen.into()).unwrap())
}

fn value(tree: usize) -> u128 {
    (tree as u128 + 1) * 0x1_0000_0000_0000_0001_0000_0001
}

/// All leaves of both sides, and the message.
fn run(leaves: usize, places: Vec<u32>) -> (Vec<u128>, Vec<u128>, Vec<u8>) {
    let trees = places.len();
    let (sender, keys, receiver) = parties(leaves, places);
    let values: Vec<u128> = (0..trees).map(value).collect();
    let mut whole = vec![1; trees * leaves];
    let sums = sender.expand(0, &mut whole).unwrap();
    let message = sender.elements(&sums, &keys, &values).unwrap();
    let mut punctured = vec![2; trees * leaves];
    receiver.reconstruct(0, &message, &mut punctured).unwrap();
    (whole, punctured, message)
}

fn assert_punctured(leaves: usize, places: &[u32]) {
    let (whole, punctured, message) = run(leaves, places.to_vec());
    let depth = leaves.next_power_of_two().ilog2() as usize;
    assert_eq!(message.len(), places.len() * (32 * depth + 16));
    for (tree, place) in places.iter().enumerate() {
        let mut expected = whole[tree * leaves..][..leaves].to_vec();
        expected[*place as usize] ^= value(tree);
        assert_eq!(punctured[tree * leaves..][..leaves], expected, "{leaves} leaves, point {place}");
    }
    let mut distinct = whole;
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), places.len() * leaves);
}

#[test]
fn every_point_of_small_trees() {
    for leaves in 1..=40u32 {
        assert_punctured(leaves as usize, &(0..leaves).collect::<Vec<_>>());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn all_leaves_but_one_are_equal(
        leaves in prop::sample::select(vec![1u32, 2, 3, 5, 8, 100, 1000]),
        places in prop::collection::vec(any::<u32>(), 0..20),
    ) {
        assert_punctured(leaves as usize, &places.iter().map(|place| place % leaves).collect::<Vec<_>>());
    }
}

/// The tree of the description, node by node.
fn node(keys: &[FixedKey; 2], root: u128, widths: &[usize], place: usize) -> u128 {
    let [widths @ .., _] = widths else { return root };
    let Some(width) = widths.last() else { return root };
    let right = place >= *width;
    let parent = node(keys, root, widths, if right { place - width } else { place });
    let mut child = [parent];
    keys[usize::from(right)].permute(&mut child);
    child[0] ^ parent
}

#[test]
fn trees_and_elements_are_those_of_the_description() {
    let (leaves, widths) = (11, [1, 2, 3, 6, 11]);
    let (whole, _, message) = run(leaves, vec![3, 10]);
    for tree in 0..2 {
        let [left, right, leaf_key] = [0, 1, 2].map(|index| {
            let mut key = [3 * tree as u128 + index];
            FixedKey::public(&SESSION, "pprf trees").permute(&mut key);
            FixedKey::new(&key[0].to_le_bytes())
        });
        let keys = [left, right];
        let roots = Randomness::new(&Seed::new([6; 32]), &SESSION, "pprf roots");
        let root = u128::from_le_bytes(roots.stream(tree as u64).next());
        let own = &whole[tree * leaves..][..leaves];
        for (place, leaf) in own.iter().enumerate() {
            let node = node(&keys, root, &widths, place);
            let mut expected = [node];
            leaf_key.permute(&mut expected);
            assert_eq!(*leaf, expected[0] ^ node);
        }
        let element = &message[tree * 144..][..144];
        let block = |at: usize| u128::from_le_bytes(element[16 * at..][..16].try_into().unwrap());
        for level in 1..=4 {
            let sum_of = |range: std::ops::Range<usize>| {
                range.fold(0, |sum, place| sum ^ node(&keys, root, &widths[..=level], place))
            };
            let transfer = (4 * tree + level - 1) as u128;
            let left = sum_of(0..widths[level - 1]) ^ (transfer * transfer + 7);
            let right = sum_of(widths[level - 1]..widths[level]) ^ (transfer + 1) << 90;
            assert_eq!((block(2 * level - 2), block(2 * level - 1)), (left, right));
        }
        assert_eq!(block(8), own.iter().fold(value(tree), |sum, leaf| sum ^ leaf));
    }
}

#[test]
fn runs_of_trees_are_parts_of_the_whole() {
    let (leaves, places) = (13, (0..10).collect::<Vec<u32>>());
    let (whole, punctured, message) = run(leaves, places.clone());
    let (sender, keys, receiver) = parties(leaves, places);
    let width = 16 * 9;
    for (first, count) in [(0, 0), (0, 3), (3, 6), (9, 1), (10, 0)] {
        let values: Vec<u128> = (first..first + count).map(value).collect();
        let (mut own, mut their) = (vec![0; count * leaves], vec![0; count * leaves]);
        let sums = sender.expand(first, &mut own).unwrap();
        let elements = sender.elements(&sums, &keys[4 * first..][..4 * count], &values).unwrap();
        assert_eq!(elements, message[first * width..][..count * width]);
        assert_eq!(own, whole[first * leaves..][..count * leaves]);
        receiver.reconstruct(first, &elements, &mut their).unwrap();
        assert_eq!(their, punctured[first * leaves..][..count * leaves]);
    }
}

/// The whole way, from base transfers on, in a pool of `threads`.
fn whole_way(threads: usize) -> (Vec<u128>, Vec<u128>, Vec<u8>, Vec<u32>) {
    let (own, their) = (Seed::new([11; 32]), Seed::new([12; 32]));
    let delta = 0x5555_0123_4567_89ab_cdef_aaaa_0000_ffffu128;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    pool.install(|| {
        // Who sends trees receives the base transfers; the first 128 of them are of other use.
        let (base_sender, to_base_receiver) = base_ot::Sender::new(&SESSION, &their, 256).unwrap();
        let choices = Choices::from_blocks(&[1, delta]);
        let (base_receiver, to_base_sender) = base_ot::Receiver::new(&SESSION, &own, choices).unwrap();
        let base_pairs = base_sender.finish(&to_base_sender).unwrap();
        let base_keys = base_receiver.finish(&to_base_receiver).unwrap();

        let forest = Forest::new(&SESSION, 9, 77).unwrap();
        let points = Points::draw(&forest, &SESSION, &their).unwrap();
        let (chosen, columns) = ot_extension::receive(&SESSION, &base_pairs[128..], &points.choices(&forest)).unwrap();
        let pairs = ot_extension::send(&SESSION, &base_keys[128..], delta, forest.transfers(), &columns).unwrap();

        let places = points.places().to_vec();
        let (mut whole, mut punctured) = (vec![0; 9 * 77], vec![0; 9 * 77]);
        let values: Vec<u128> = (0..9).map(value).collect();
        let sender = Sender::new(forest.clone(), &SESSION, &own);
        let sums = sender.expand(0, &mut whole).unwrap();
        let message = sender.elements(&sums, &pairs, &values).unwrap();
        Receiver::new(forest, points, chosen).unwrap().reconstruct(0, &message, &mut punctured).unwrap();
        (whole, punctured, message, places)
    })
}

#[test]
fn from_base_transfers_to_leaves_on_any_number_of_threads() {
    let (mut whole, punctured, message, places) = whole_way(1);
    assert_eq!(whole_way(3), (whole.clone(), punctured.clone(), message, places.clone()));
    for (tree, place) in places.iter().enumerate() {
        whole[tree * 77 + *place as usize] ^= value(tree);
    }
    assert_eq!(punctured, whole);
}

#[test]
fn bytes_are_pinned() {
    let (whole, _, message) = run(3, vec![2]);
    assert_eq!(
        hex::encode(&message),
        "c5eb88dcb486c1909dd1cdb20753d7d33519b36fe22a05c74f9f36a2cf724289\
         05defb209803c224562cf6d89b06c3a17d363f468e200f198854e3856cc921b8\
         b70b7e62dfc763eaf19443d4bcc18391"
    );
    assert_eq!(hex::encode(whole[0].to_le_bytes()), "67237d38e01a19455cb0431550893268");
}

#[test]
fn points_are_uniform_and_follow_from_the_seed() {
    let forest = Forest::new(&SESSION, 30_000, 3).unwrap();
    let draw = |seed| Points::draw(&forest, &SESSION, &Seed::new([seed; 32])).unwrap();
    assert_eq!(draw(1).places(), draw(1).places());
    assert_ne!(draw(1).places(), draw(2).places());
    for place in 0..3 {
        let count = draw(1).places().iter().filter(|other| **other == place).count();
        // 10,000 are expected, with a standard deviation of 82.
        assert!((9_500..10_500).contains(&count));
    }
}

#[test]
fn lengths_are_checked() {
    let (sender, keys, receiver) = parties(5, vec![0, 4, 2]);
    let mut leaves = vec![0; 15];
    let sums = sender.expand(0, &mut leaves).unwrap();
    let message = sender.elements(&sums, &keys, &[1, 2, 3]).unwrap();
    let refused = |first, elements: &[u8]| {
        let trees = elements.len() / (16 * 7);
        matches!(receiver.reconstruct(first, elements, &mut vec![0; 5 * trees]), Err(PsiError::Peer(_)))
    };
    assert!(!refused(0, &message));
    assert!(refused(0, &message[1..]));
    assert!(refused(1, &message));
    assert!(refused(4, &message));
    assert!(refused(0, &[message.clone(), message.clone()].concat()));
    let usage = |result: Result<_, PsiError>| matches!(result, Err(PsiError::Usage(_)));
    assert!(usage(receiver.reconstruct(0, &message, &mut leaves[1..])));
    assert!(usage(sender.expand(0, &mut leaves[1..]).map(|_| ())));
    assert!(usage(sender.expand(1, &mut leaves).map(|_| ())));
    assert!(usage(sender.expand(usize::MAX, &mut leaves).map(|_| ())));
    assert!(usage(sender.elements(&sums, &keys, &[1, 2]).map(|_| ())));
    assert!(usage(sender.elements(&sums[1..], &keys, &[1, 2, 3]).map(|_| ())));
    assert!(usage(sender.elements(&sums, &keys[1..], &[1, 2, 3]).map(|_| ())));
}

#[test]
fn shapes_are_checked() {
    let forest = Forest::new(&SESSION, 2, 5).unwrap();
    assert_eq!((forest.trees(), forest.leaves(), forest.depth(), forest.transfers()), (2, 5, 3, 6));
    let points = |places: &[u32]| Points::new(&forest, Zeroizing::new(places.to_vec()));
    assert!(points(&[0, 4]).is_ok());
    assert!(points(&[0, 5]).is_err());
    assert!(points(&[0]).is_err());
    assert!(Receiver::new(forest.clone(), points(&[0, 4]).unwrap(), vec![0; 5].into()).is_err());
    for (trees, leaves) in [(1, 0), (1, (1 << 31) + 1), (1 << 20, 1 << 28), (usize::MAX, 2)] {
        assert!(matches!(Forest::new(&SESSION, trees, leaves), Err(PsiError::Usage(_))));
    }
}
