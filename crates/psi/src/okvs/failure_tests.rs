//! How often encodings fail, against [`Shape::failure_bits`]: with bands so narrow that they do.

use rayon::prelude::*;

use super::avx512::Avx512;
use super::elimination::Segment;
use super::*;
use crate::Item;

/// What was seen at one width.
struct Point {
    band: usize,
    /// λ, such that 2^-λ rows in the mean have no column left.
    bits: f64,
    /// Its standard error.
    error: f64,
}

/// Encodes `keys` keys under each of `trials` seeds.
fn measure(expansion: Expansion, keys: usize, band: usize, trials: u64) -> Point {
    let items: Vec<Item> = (0..keys as u128).map(|item| Item::from(item.to_le_bytes())).collect();
    let distinct = DistinctItems::new(&items).unwrap();
    let layout = Layout::new(keys, Shape::narrow(expansion, band)).unwrap();
    let values = vec![0u64; keys];
    let failures = (0..trials)
        .into_par_iter()
        .filter(|trial| {
            let seed = RowSeed::from((u128::from(*trial) << 64 | band as u128).to_le_bytes());
            let rows = Rows::new(layout, &seed, distinct).unwrap();
            Segment::<1>::new().eliminate(0, layout.columns(), &rows, &values, Avx512::detect()).is_err()
        })
        .count();
    let (failures, trials) = (failures as f64, trials as f64);
    let rate = failures / trials;
    // Failures are rare events that come by chance: none of them with probability exp(-μ).
    let mean = -(1.0 - rate).ln();
    let error = (rate / (1.0 - rate) / trials).sqrt() / mean / std::f64::consts::LN_2;
    Point { band, bits: -mean.log2(), error }
}

/// The slope and its standard error of the line through `points`, weighted by their errors.
fn line(points: &[Point]) -> (f64, f64) {
    let sum = |term: &dyn Fn(&Point) -> f64| points.iter().map(|point| term(point) / point.error.powi(2)).sum::<f64>();
    let (weight, x, y) = (sum(&|_| 1.0), sum(&|point| point.band as f64), sum(&|point| point.bits));
    let (xx, xy) = (sum(&|point| (point.band as f64).powi(2)), sum(&|point| point.band as f64 * point.bits));
    let spread = weight * xx - x * x;
    ((weight * xy - x * y) / spread, (weight / spread).sqrt())
}

/// With fewer keys the slope is steeper: there is no time for a long queue to build up.
#[test]
fn failures_get_rarer_with_the_band_as_the_queue_has_it() {
    let bands = [(40, 2000), (44, 2000), (48, 2000), (52, 3000), (56, 5000)];
    the_slope_is_that_of_the_queue(1 << 14, &bands, 0.05);
}

/// Takes a minute: CONTRIBUTING.md names it.
#[test]
#[ignore = "takes a minute"]
fn with_more_keys_within_three_per_cent() {
    let bands = [(48, 8000), (52, 8000), (56, 8000), (60, 12_000), (64, 20_000)];
    the_slope_is_that_of_the_queue(1 << 16, &bands, 0.03);
}

/// Bands with numbers of trials; the slope is right to within a `part` of it.
fn the_slope_is_that_of_the_queue(keys: usize, bands: &[(usize, u64)], part: f64) {
    let points: Vec<Point> =
        bands.iter().map(|(band, trials)| measure(Expansion::Percent10, keys, *band, *trials)).collect();
    let (slope, error) = line(&points);
    let expected = 0.270_77;
    println!("a slope of {slope:.5} ± {error:.5}, where {expected} is expected");
    assert!(error < 0.6 * part * expected, "not enough seen: {error}");
    assert!((slope - expected).abs() < 3.0 * error && (slope - expected).abs() < part * expected, "{slope} ± {error}");
    for point in points {
        let promised = Shape::narrow(Expansion::Percent10, point.band).failure_bits(keys);
        // Up to what chance does, and half a bit to the safe side.
        let more = point.bits - promised;
        assert!((-2.0 * point.error..0.5 + 2.0 * point.error).contains(&more), "{}: {more}", point.band);
    }
}

#[test]
fn no_expansion_promises_too_much() {
    for expansion in [Expansion::Percent3, Expansion::Percent5, Expansion::Percent7, Expansion::Percent10] {
        for (keys, trials) in [(1 << 10, 2000), (1 << 12, 1500), (1 << 14, 500)] {
            // One in four may fail. It is fewer the less time there is for a queue to build up.
            let promised = |band| Shape::narrow(expansion, band).failure_bits(keys);
            let band = (1..MAX_BAND).find(|band| promised(*band) >= 2.0).unwrap();
            let point = measure(expansion, keys, band, trials);
            let (least, most) = (promised(band) - 3.0 * point.error, promised(band) + 4.0);
            assert!((least..most).contains(&point.bits), "{expansion:?}, {keys}, {band}: {}", point.bits);
        }
    }
}
