//! Bit matrices from columns to rows.

/// Bits of a row, and rows that are made at a time.
pub(super) const WIDTH: usize = 128;

/// Transposes a square of bits, in which bit j of `square[i]` is the element (i, j).
///
/// Ever smaller blocks above and below the diagonal change places, all of one size at once (Warren,
/// Hacker's Delight, Section 7-3).
pub(super) fn transpose(square: &mut [u128; WIDTH]) {
    for block in [64, 32, 16, 8, 4, 2, 1] {
        // The columns of the left block of each pair.
        let left = u128::MAX / ((1 << block) + 1);
        for rows in square.chunks_exact_mut(2 * block) {
            let (upper, lower) = rows.split_at_mut(block);
            for (upper, lower) in upper.iter_mut().zip(lower) {
                let change = ((*upper >> block) ^ *lower) & left;
                *lower ^= change;
                *upper ^= change << block;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn each_bit_goes_to_its_mirror_place(square in prop::collection::vec(any::<u128>(), WIDTH)) {
            let before: [u128; WIDTH] = square.try_into().unwrap();
            let mut after = before;
            transpose(&mut after);
            for (i, row) in after.iter().enumerate() {
                for (j, column) in before.iter().enumerate() {
                    prop_assert_eq!(row >> j & 1, column >> i & 1);
                }
            }
        }
    }
}
