//! From rows in echelon form to the vector, last column first.

use super::avx512::Avx512;
use super::value::Value;

/// Puts the vector in the place of `values`: the values of the rows that lead at each column, 0
/// where none does, `bands` being those of these rows. Both are by column.
pub(super) fn substitute<V: Value, const W: usize, const Z: usize>(bands: &[[u64; W]], values: &mut [V]) {
    match Avx512::detect() {
        Some(kernels) => kernels.substitute::<V, W, Z>(bands, values),
        None => substitute_portably(bands, values),
    }
}

/// The same column by column.
pub(super) fn substitute_portably<V: Value, const W: usize>(bands: &[[u64; W]], values: &mut [V]) {
    for (column, band) in bands.iter().enumerate().rev() {
        let Some(vector) = values.get_mut(column..) else { continue };
        // While it is 0, the bit of the row at its own column adds nothing.
        let own = vector.first_mut().map(std::mem::take).unwrap_or_default();
        let sum = own ^ dot(band, vector);
        if let Some(value) = vector.first_mut() {
            *value = sum;
        }
    }
}

/// The sum of those elements of `vector` whose bit in `band` is set.
#[inline]
pub(super) fn dot<V: Value>(band: &[u64], vector: &[V]) -> V {
    let mut sum = V::default();
    for (word, elements) in band.iter().zip(vector.chunks(64)) {
        for (bit, element) in elements.iter().enumerate() {
            sum ^= element.masked(word >> bit);
        }
    }
    sum
}
