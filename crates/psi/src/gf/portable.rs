//! Carry-less products by integer multiplication, in constant time.
//!
//! A factor is cut into four parts, each with every fourth bit. In a product of two parts the bits of a
//! position add up to 16 at most, so a carry does not reach the next position that counts before the top
//! of the word; what lies above the word comes from the product of the factors read backwards.

use super::{high, join, low};

const PARTS: [u64; 4] = [0x1111_1111_1111_1111, 0x2222_2222_2222_2222, 0x4444_4444_4444_4444, 0x8888_8888_8888_8888];

/// The low 64 bits of the carry-less product.
fn low_product(a: u64, b: u64) -> u64 {
    let [a0, a1, a2, a3] = PARTS.map(|part| a & part);
    let [b0, b1, b2, b3] = PARTS.map(|part| b & part);
    let sum = |pairs: [(u64, u64); 4]| pairs.iter().fold(0, |sum, (a, b)| sum ^ a.wrapping_mul(*b));
    let [p0, p1, p2, p3] = PARTS;
    sum([(a0, b0), (a1, b3), (a2, b2), (a3, b1)]) & p0
        | sum([(a0, b1), (a1, b0), (a2, b3), (a3, b2)]) & p1
        | sum([(a0, b2), (a1, b1), (a2, b0), (a3, b3)]) & p2
        | sum([(a0, b3), (a1, b2), (a2, b1), (a3, b0)]) & p3
}

/// The carry-less product.
fn product(a: u64, b: u64) -> u128 {
    let above = low_product(a.reverse_bits(), b.reverse_bits()).reverse_bits() >> 1;
    join(low_product(a, b), above)
}

/// The product in GF(2^64).
pub(super) fn mul64(a: u64, b: u64) -> u64 {
    let product = product(a, b);
    let folded = self::product(high(product), 0x1b);
    low(product) ^ low(folded) ^ low(self::product(high(folded), 0x1b))
}

/// The product in GF(2^128).
pub(super) fn mul128(a: u128, b: u128) -> u128 {
    let (a0, a1, b0, b1) = (low(a), high(a), low(b), high(b));
    let (bottom, top) = (product(a0, b0), product(a1, b1));
    let middle = product(a0, b1) ^ product(a1, b0);
    let (bottom, top) = (bottom ^ middle << 64, top ^ middle >> 64);
    let folded = product(high(top), 0x87);
    let rest = low(top) ^ high(folded);
    bottom ^ folded << 64 ^ product(rest, 0x87)
}
