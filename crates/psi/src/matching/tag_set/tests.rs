//! Sets are written by the definition, read back, and refused when they are none.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::{OwnTags, Shape, TagReader, TagSet, mask};
use crate::PsiError;

/// The set of `tags`, which are as many as it has.
fn set(bits: u32, tags: &[u128]) -> TagSet {
    let shape = Shape::new(tags.len(), bits).unwrap();
    TagSet::new(shape, tags, |tag| *tag, || panic!("no tag comes twice")).unwrap()
}

/// Both messages of a set.
fn write(set: &TagSet) -> (Vec<u8>, Vec<u8>) {
    (set.highs(0..usize::MAX), set.lows(0..usize::MAX))
}

/// Reads both messages of a set of `shape`, in pieces of so many elements, beside own tags whose indices are
/// their places.
fn read(shape: Shape, (highs, lows): (&[u8], &[u8]), piece: usize, own: &[u128]) -> Result<Vec<u32>, PsiError> {
    let own = OwnTags::new(shape.tag_bits(), own, |index, tag| Some((*tag, index as u32)))?;
    let mut reader = TagReader::new(shape);
    highs.chunks(8 * piece).try_for_each(|piece| reader.highs(piece))?;
    let mut found = Vec::new();
    for piece in lows.chunks(shape.lows().width as usize * piece) {
        found.extend(reader.lows(piece, &own)?);
    }
    found.extend(reader.finish(&own)?);
    Ok(found)
}

fn is_refused(shape: Shape, highs: &[u8], lows: &[u8]) -> bool {
    matches!(read(shape, (highs, lows), 1000, &[]), Err(PsiError::Peer(_)))
}

/// Bytes of bits, the first the least significant, in elements of so many bits.
fn bytes(bits: &[bool], element: usize) -> Vec<u8> {
    let mut bits = bits.to_vec();
    bits.resize(bits.len().next_multiple_of(element), false);
    bits.chunks(8).map(|bits| bits.iter().rev().fold(0, |byte, bit| byte << 1 | u8::from(*bit))).collect()
}

/// Both messages, as the head of the module has them.
fn by_definition(bits: u32, high_bits: u32, tags: &BTreeSet<u128>) -> (Vec<u8>, Vec<u8>) {
    let low_bits = bits - high_bits;
    let high = |tag: u128| if low_bits == 128 { 0 } else { tag >> low_bits };
    let mut highs = Vec::new();
    for value in 0..1u128 << high_bits {
        highs.extend(tags.iter().filter(|tag| high(**tag) == value).map(|_| true));
        highs.push(false);
    }
    let lows: Vec<bool> = tags.iter().flat_map(|tag| (0..low_bits).map(move |bit| tag >> bit & 1 == 1)).collect();
    let highs = if tags.is_empty() { Vec::new() } else { bytes(&highs, 64) };
    (highs, if low_bits == 0 { Vec::new() } else { bytes(&lows, 64 * low_bits as usize) })
}

/// Different tags of `bits` bits, in no order; what `numbers` hold beyond these bits is cut off.
fn distinct(bits: u32, numbers: Vec<u128>) -> Vec<u128> {
    let mut seen = BTreeSet::new();
    numbers.into_iter().map(|number| number & mask(bits)).filter(|tag| seen.insert(*tag)).collect()
}

#[test]
fn shapes_are_the_smallest() {
    for bits in [1, 2, 5, 20, 41, 81, 128] {
        for count in (0..70).chain([1000, 1 << 20, (1 << 20) + 1, u32::MAX as usize]) {
            let shape = Shape::new(count, bits).unwrap();
            let length = |high: u32| count as u128 * u128::from(bits - high + 1) + (1u128 << high);
            let least = (0..=bits.min(32)).map(length).min().unwrap();
            assert_eq!(length(shape.high_bits), least, "{count} tags of {bits} bits");
        }
    }
    for (count, bits) in [(1, 0), (1, 129), (1 << 32, 40)] {
        assert!(matches!(Shape::new(count, bits), Err(PsiError::Usage(_))));
    }
}

#[test]
fn messages_have_the_size_of_the_shape() {
    let sizes = |count, bits| {
        let shape = Shape::new(count, bits).unwrap();
        [shape.highs(), shape.lows()].map(|header| (header.width, header.count))
    };
    assert_eq!(sizes(0, 41), [(8, 0), (8 * 41, 0)]);
    assert_eq!(sizes(1, 41), [(8, 1), (8 * 41, 1)]);
    assert_eq!(sizes(1 << 20, 81), [(8, 1 << 15), (8 * 61, 1 << 14)]);
    assert_eq!(sizes(65, 128), [(8, 4), (8 * 121, 2)]);
    // All tags that there are.
    assert_eq!(sizes(8, 3), [(8, 1), (8, 0)]);
}

#[test]
fn bits_that_make_no_set_are_refused() {
    // High bits are 0, 2 and 3: a one and a zero, a zero, a one and a zero, a one and a zero.
    let tags = [0b00_001, 0b10_000, 0b11_111];
    let set = set(5, &tags);
    let (highs, lows) = write(&set);
    assert_eq!(highs, 0b010_1001u64.to_le_bytes());
    let shape = set.shape();
    assert_eq!(read(shape, (&highs, &lows), 1, &tags), Ok(vec![0, 1, 2]));
    let word = |bits: u64| bits.to_le_bytes();
    // A tag too few and too many; one of a value that there is not; ones behind the end.
    for bad in [0b000_1001, 0b011_1001, 0b100_1001, 0b1_0000_1001, 1 << 63 | 0b1001] {
        assert!(is_refused(shape, &word(bad), &lows), "{bad:b}");
    }
    // Nothing at all, and more than there are.
    assert!(is_refused(shape, &[], &lows) && is_refused(shape, &highs, &[]));
    assert!(is_refused(shape, &[highs.clone(), vec![0; 8]].concat(), &lows));
    assert!(is_refused(shape, &highs, &lows.repeat(2)));
    assert!(is_refused(shape, &highs[..7], &lows) && is_refused(shape, &highs, &lows[..lows.len() - 1]));
    // Lows of 3 bits: 001 000 111, then zeros.
    for bit in 9..64 * 3 {
        let mut lows = lows.clone();
        lows[bit / 8] ^= 1 << (bit % 8);
        assert!(is_refused(shape, &highs, &lows), "bit {bit}");
    }
}

#[test]
fn tags_out_of_order_are_refused() {
    // Three elements, and a seam between the tasks of two threads.
    for count in [130u128, 5000] {
        let tags: Vec<u128> = (0..count).collect();
        let set = set(60, &tags);
        let (shape, (highs, lows)) = (set.shape(), write(&set));
        let width = 8 * (60 - shape.high_bits) as usize;
        assert_eq!(read(shape, (&highs, &lows), 7, &tags).unwrap().len(), tags.len());
        for element in [1, lows.len() / width - 1] {
            // All tags have the same high bits, so that elements can change places.
            let mut swapped = lows.clone();
            swapped[(element - 1) * width..(element + 1) * width].rotate_left(width);
            assert!(is_refused(shape, &highs, &swapped), "element {element}");
            let mut repeated = lows.clone();
            repeated.copy_within((element - 1) * width..element * width, element * width);
            assert!(is_refused(shape, &highs, &repeated), "element {element}");
            let pieces = read(shape, (&highs, &repeated), 1, &[]);
            assert!(matches!(pieces, Err(PsiError::Peer(_))), "element {element}");
        }
    }
}

#[test]
fn low_bits_before_the_high_ones_are_refused() {
    let set = set(40, &[1, 2, 3]);
    let own = OwnTags::new(40, &[1u128], |_, tag| Some((*tag, 0))).unwrap();
    let mut reader = TagReader::new(set.shape());
    assert!(matches!(reader.lows(&set.lows(0..1), &own), Err(PsiError::Peer(_))));
}

#[test]
fn empty_sets_are_nothing() {
    for bits in [1, 41, 128] {
        let set = set(bits, &[]);
        assert_eq!(write(&set), (Vec::new(), Vec::new()));
        assert_eq!(read(set.shape(), (&[], &[]), 1, &[0, 1]), Ok(Vec::new()));
        assert!(is_refused(set.shape(), &[0; 8], &[]));
    }
}

#[test]
fn tags_without_low_bits_are_read_from_the_high_ones() {
    let tags = [6, 0, 3, 2, 7, 4];
    let set = set(3, &tags);
    assert_eq!(set.shape().low_bits(), 0);
    let (highs, lows) = write(&set);
    assert!(lows.is_empty());
    assert_eq!(read(set.shape(), (&highs, &lows), 1, &[1, 2, 4, 5, 6]), Ok(vec![1, 2, 4]));
    // Here two ones beside each other are the same tag twice.
    let twice = (u64::from_le_bytes(highs.try_into().unwrap()) & !0b1 | 0b110) >> 1;
    assert!(is_refused(set.shape(), &twice.to_le_bytes(), &[]));
}

proptest! {
    #[test]
    fn sets_are_written_by_the_definition_and_read_back(
        bits in 1u32..=128,
        close: bool,
        numbers in prop::collection::vec(any::<u128>(), 0..300),
        own in prop::collection::vec(any::<u128>(), 0..50),
        piece in 1usize..9,
    ) {
        // Far from each other, or nearly all below one high part.
        let numbers = numbers.into_iter().map(|number| if close { number >> 118 } else { number }).collect();
        let tags = distinct(bits, numbers);
        let set = set(bits, &tags);
        let sorted: BTreeSet<u128> = tags.iter().copied().collect();
        let (highs, lows) = write(&set);
        prop_assert_eq!(&(highs.clone(), lows.clone()), &by_definition(bits, set.shape().high_bits, &sorted));

        // Pieces are those of the whole.
        let cut = |bytes: &[u8], width: u32, write: &dyn Fn(usize) -> Vec<u8>| {
            bytes.chunks(piece * width as usize).enumerate().all(|(i, bytes)| write(i * piece) == bytes)
        };
        prop_assert!(cut(&highs, 8, &|first| set.highs(first..first + piece)));
        prop_assert!(cut(&lows, set.shape().lows().width, &|first| set.lows(first..first + piece)));

        // Every second tag is one's own, some twice, and others.
        let own: Vec<u128> = tags.iter().step_by(2).chain(tags.iter().step_by(10)).copied()
            .chain(own.into_iter().map(|number| number & mask(bits))).collect();
        let mut found = read(set.shape(), (&highs, &lows), piece, &own).unwrap();
        found.sort_unstable();
        let expected: Vec<u32> = (0..).zip(&own).filter(|(_, tag)| sorted.contains(tag)).map(|(i, _)| i).collect();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn whatever_is_read_is_refused_or_the_one_way_to_write_a_set(
        bits in 1u32..12,
        numbers in prop::collection::vec(any::<u128>(), 1..70),
        flips in prop::collection::vec(any::<prop::sample::Index>(), 1..4),
    ) {
        let set = set(bits, &distinct(bits, numbers));
        let (highs, lows) = write(&set);
        let mut message = [highs.clone(), lows].concat();
        for flip in &flips {
            let bit = flip.index(8 * message.len());
            message[bit / 8] ^= 1 << (bit % 8);
        }
        let (highs, lows) = message.split_at(highs.len());
        let all: Vec<u128> = (0..1 << bits).collect();
        match read(set.shape(), (highs, lows), 100, &all) {
            Err(error) => prop_assert!(matches!(error, PsiError::Peer(_))),
            Ok(found) => {
                let tags = found.iter().map(|index| u128::from(*index)).collect();
                prop_assert_eq!(by_definition(bits, set.shape().high_bits, &tags), (highs.to_vec(), lows.to_vec()));
            }
        }
    }

    #[test]
    fn random_bytes_make_no_reader_panic(
        (count, bits) in (0usize..200, 1u32..=128),
        highs in prop::collection::vec(any::<u8>(), 0..80),
        lows in prop::collection::vec(any::<u8>(), 0..3000),
    ) {
        let shape = Shape::new(count, bits).unwrap();
        prop_assert!(count == 0 || is_refused(shape, &highs, &lows));
    }
}
