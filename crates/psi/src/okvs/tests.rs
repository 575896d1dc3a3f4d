//! What goes in comes out, whatever the sizes, the pieces, the threads and the processor.

use std::ops::Range;

use proptest::prelude::*;

use super::avx512::Avx512;
use super::encode::solve;
use super::*;
use crate::{Item, PsiError};

fn items(range: Range<u128>) -> Vec<Item> {
    // Odd multiples of an odd number: distinct, and in no order.
    range
        .map(|i| Item::from((2 * i + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835).to_le_bytes()))
        .collect()
}

fn shapes() -> [Shape; 4] {
    [(Expansion::Percent10, 256), (Expansion::Percent5, 512), (Expansion::Percent10, 320), (Expansion::Percent3, 704)]
        .map(|(expansion, band)| Shape::new(expansion, band).unwrap())
}

fn rows(layout: Layout, seed: u8, items: &[Item]) -> Rows {
    Rows::new(layout, &RowSeed::from([seed; 16]), DistinctItems::new(items).unwrap()).unwrap()
}

/// A store of `keys` keys, and rows of as many items that it does not have.
fn round_trip<V: Value>(keys: u128, shape: Shape) {
    let layout = Layout::new(keys as usize, shape).unwrap();
    let (inside, outside) = (rows(layout, 1, &items(0..keys)), rows(layout, 1, &items(keys..2 * keys)));
    let values = inside.values::<V>();
    let vector = inside.encode(&values).unwrap();
    assert_eq!(vector.len(), layout.columns());
    let mut decoder = Decoder::new(layout);
    decoder.push(&vector).unwrap();
    assert!(decoder.decode(&inside, 0..inside.len()).unwrap() == values);
    let others = decoder.decode(&outside, 0..outside.len()).unwrap();
    let different = others.iter().zip(outside.values::<V>()).all(|(sum, value)| *sum != value);
    assert!(different, "2^-64 for each key");
}

#[test]
fn every_key_gives_its_value_and_no_other_does() {
    for keys in [0, 1, 2, 63, 64, 65, 1000, 100_003] {
        for shape in shapes() {
            round_trip::<u64>(keys, shape);
            round_trip::<u128>(keys, shape);
        }
    }
    round_trip::<u128>(3000, Shape::new(Expansion::Percent5, MAX_BAND).unwrap());
}

#[test]
fn chosen_values_go_in_too() {
    let items = items(0..500);
    let layout = Layout::new(500, shapes()[0]).unwrap();
    let rows = rows(layout, 3, &items);
    let chosen = |place: u32| u128::from(place) << 100 | 7;
    let values: Vec<u128> = rows.order().iter().map(|place| chosen(*place)).collect();
    let mut decoder = Decoder::new(layout);
    decoder.push(&rows.encode(&values).unwrap()).unwrap();
    assert_eq!(decoder.decode(&rows, 100..300).unwrap(), values[100..300]);
    assert_eq!(rows.encode(&values[1..]), Err(EncodeError::Values));
    assert_eq!(rows.encode::<u128>(&[]), Err(EncodeError::Values));
}

#[test]
fn one_row_in_a_long_vector_and_many_in_a_short_one() {
    for (keys, others) in [(50_000, 1), (50_000, 30), (10, 20_000), (0, 500)] {
        for shape in shapes() {
            let layout = Layout::new(keys as usize, shape).unwrap();
            let known = rows(layout, 1, &items(0..keys));
            let vector = known.encode(&known.values::<u128>()).unwrap();
            let rows = rows(layout, 1, &items(keys / 2..keys / 2 + others));
            let mut fast = Decoder::new(layout);
            fast.push(&vector).unwrap();
            let mut plain = Decoder::plain(layout);
            plain.push(&vector).unwrap();
            let sums = fast.decode(&rows, 0..rows.len()).unwrap();
            assert!(sums == plain.decode(&rows, 0..rows.len()).unwrap());
            let right = sums.iter().zip(rows.values()).filter(|(sum, value)| *sum == value).count();
            assert_eq!(right as u128, others.min(keys.div_ceil(2)));
        }
    }
}

#[test]
fn an_unsolvable_store_is_solved_under_another_seed() {
    // Half of all encodings or so fail.
    let layout = Layout::new(2000, Shape::narrow(Expansion::Percent10, 26)).unwrap();
    let items = items(0..2000);
    let outcomes: Vec<bool> = (0..20)
        .map(|seed| {
            let rows = rows(layout, seed, &items);
            match rows.encode(&rows.values::<u64>()) {
                Ok(vector) => {
                    let mut decoder = Decoder::new(layout);
                    decoder.push(&vector).unwrap();
                    assert_eq!(decoder.decode(&rows, 0..rows.len()).unwrap(), rows.values::<u64>());
                    true
                }
                Err(error) => {
                    assert_eq!(error, EncodeError::Unsolvable);
                    false
                }
            }
        })
        .collect();
    assert!(outcomes.contains(&true) && outcomes.contains(&false), "{outcomes:?}");
}

#[test]
fn decoders_refuse_what_does_not_fit() {
    let layout = Layout::new(100, shapes()[0]).unwrap();
    let known = rows(layout, 1, &items(0..100));
    let vector = known.encode(&known.values::<u64>()).unwrap();
    for mut decoder in [Decoder::new(layout), Decoder::plain(layout)] {
        assert_eq!(decoder.decode(&known, 0..0), Ok(vec![]));
        assert!(matches!(decoder.decode(&known, 0..1), Err(PsiError::Usage(_))));
        decoder.push(&vector[1..]).unwrap();
        assert!(matches!(decoder.push(&vector[..2]), Err(PsiError::Peer(_))));
        assert_eq!(decoder.columns(), layout.columns() - 1);
        decoder.push(&vector[..1]).unwrap();
        assert!(matches!(decoder.push(&vector[..1]), Err(PsiError::Peer(_))));
        decoder.push(&[]).unwrap();
        assert!(decoder.decode(&known, 0..100).is_ok());
        assert!(matches!(decoder.decode(&known, 0..101), Err(PsiError::Usage(_))));
        #[expect(clippy::reversed_empty_ranges)]
        let reversed = decoder.decode(&known, 2..1);
        assert!(matches!(reversed, Err(PsiError::Usage(_))));
        let other = rows(Layout::new(110, shapes()[0]).unwrap(), 1, &items(0..100));
        assert!(matches!(decoder.decode(&other, 0..1), Err(PsiError::Usage(_))));
    }
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let run = |threads: usize| {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(|| {
            let layout = Layout::new(150_000, shapes()[0]).unwrap();
            let rows = rows(layout, 9, &items(0..150_000));
            let vector = rows.encode(&rows.values::<u64>()).unwrap();
            let mut decoder = Decoder::new(layout);
            decoder.push(&vector).unwrap();
            let sums = decoder.decode(&rows, 5..rows.len()).unwrap();
            (vector, rows.order().to_vec(), sums)
        })
    };
    assert!(run(1) == run(3));
}

#[test]
fn segments_change_nothing() {
    let layout = Layout::new(20_000, shapes()[0]).unwrap();
    let rows = rows(layout, 2, &items(0..20_000));
    let values = rows.values::<u64>();
    let run = |width, batch| solve::<u64, 1>(&rows, &values, width, batch, Avx512::detect()).unwrap();
    let whole = run(1 << 20, 1);
    for (width, batch) in [(256, 1), (256, 100), (264, 3), (4096, 4), (10_000, 2)] {
        assert!(run(width, batch) == whole);
    }
}

/// A vector in pieces, decoded as far as it goes after each, by `decoder`.
fn in_pieces<V: Value>(mut decoder: Decoder<V>, rows: &Rows, vector: &[V], cuts: &[usize]) -> Vec<V> {
    let (mut sums, mut rest) = (Vec::new(), vector);
    for cut in cuts.iter().copied().chain([usize::MAX]) {
        let (piece, later) = rest.split_at(cut.min(rest.len()));
        decoder.push(piece).unwrap();
        rest = later;
        let decodable = rows.decodable(decoder.columns());
        sums.extend(decoder.decode(rows, sums.len()..decodable).unwrap());
        assert!(decoder.decode(rows, 0..decodable + 1).is_err());
    }
    sums
}

/// What the kernels and their portable twins make of the same rows.
fn compare<V: Value, const R: usize>(keys: u128, band: usize, seed: u8, cuts: &[usize]) {
    let layout = Layout::new(keys as usize, Shape::new(Expansion::Percent10, band).unwrap()).unwrap();
    let rows = rows(layout, seed, &items(0..keys));
    let values = rows.values::<V>();
    let encode = |kernels| solve::<V, R>(&rows, &values, 1024, 2, kernels);
    let Ok(vector) = encode(None) else { return assert!(encode(Avx512::detect()).is_err()) };
    assert!(in_pieces(Decoder::plain(layout), &rows, &vector, cuts) == values);
    let Some(kernels) = Avx512::detect() else { return };
    assert!(encode(Some(kernels)).unwrap() == vector);
    assert!(in_pieces(Decoder::sliced(layout, kernels), &rows, &vector, cuts) == values);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn kernels_and_portable_twins_agree(
        keys in 0u128..3000, seed: u8, cuts in proptest::collection::vec(0usize..400, 0..20),
    ) {
        compare::<u64, 1>(keys, 64, seed, &cuts);
        compare::<u64, 1>(keys, 256, seed, &cuts);
        compare::<u128, 1>(keys, 256, seed, &cuts);
        compare::<u128, 1>(keys, 320, seed, &cuts);
        compare::<u64, 1>(keys, 384, seed, &cuts);
        compare::<u64, 2>(keys, 448, seed, &cuts);
        compare::<u128, 2>(keys, 512, seed, &cuts);
        compare::<u128, 2>(keys, 896, seed, &cuts);
    }
}
