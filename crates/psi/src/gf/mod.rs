//! The binary fields of the fast engine: B, in which it masks, and F over it, of 128 bits, in which its
//! secret Δ lives.
//!
//! | B | modulus | F | Δ·a for a of B |
//! |---|---|---|---|
//! | [`Gf64`], GF(2^64) | X^64 + X^4 + X^3 + X + 1 | B², two planes | plane by plane |
//! | [`Gf128`], GF(2^128) | X^128 + X^7 + X^2 + X + 1 | B | the product |
//!
//! F only has to be a vector space over B with 2^128 elements (docs/PROTOCOLS.md). Bit i of a number is the
//! coefficient of X^i; of an element of B² the low half is the first plane. Addition is XOR.
//!
//! Carry-less products come from VPCLMULQDQ with AVX-512, from PCLMULQDQ, or from integer multiplications,
//! as the processor has it; the results are the same.

mod portable;
#[cfg(target_arch = "x86_64")]
pub(crate) mod x86;

use std::fmt::Debug;
use std::ops::{BitAnd, BitXor, BitXorAssign};

use zeroize::Zeroize;

/// An element as it stands in memory and, with the low byte first, on the wire.
pub trait Element:
    Copy
    + Default
    + Debug
    + Ord
    + Send
    + Sync
    + BitAnd<Output = Self>
    + BitXor<Output = Self>
    + BitXorAssign
    + Zeroize
    + 'static
{
    /// Bytes of an element.
    const BYTES: usize;

    /// Appends the bytes of `elements`.
    fn write(elements: &[Self], to: &mut Vec<u8>);

    /// The elements that `bytes` are; a rest that is no whole element is left out.
    fn read(bytes: &[u8]) -> impl Iterator<Item = Self>;

    /// The low bits of `block`.
    fn truncate(block: u128) -> Self;

    /// `block` cut into elements.
    fn cut(block: u128) -> impl Iterator<Item = Self>;
}

/// What an integer is on the wire.
macro_rules! little_endian {
    () => {
        const BYTES: usize = size_of::<Self>();

        fn write(elements: &[Self], to: &mut Vec<u8>) {
            to.reserve(size_of_val(elements));
            elements.iter().for_each(|element| to.extend_from_slice(&element.to_le_bytes()));
        }

        fn read(bytes: &[u8]) -> impl Iterator<Item = Self> {
            bytes.as_chunks().0.iter().map(|bytes| Self::from_le_bytes(*bytes))
        }
    };
}

impl Element for u64 {
    little_endian!();

    fn truncate(block: u128) -> Self {
        low(block)
    }

    fn cut(block: u128) -> impl Iterator<Item = Self> {
        [low(block), high(block)].into_iter()
    }
}

impl Element for u128 {
    little_endian!();

    fn truncate(block: u128) -> Self {
        block
    }

    fn cut(block: u128) -> impl Iterator<Item = Self> {
        std::iter::once(block)
    }
}

/// The low half.
#[expect(clippy::cast_possible_truncation, reason = "it is the low half that is wanted")]
pub(crate) fn low(block: u128) -> u64 {
    block as u64
}

/// The high half.
pub(crate) fn high(block: u128) -> u64 {
    (block >> 64) as u64
}

/// An element of B² from its planes.
pub(crate) fn join(low: u64, high: u64) -> u128 {
    u128::from(low) | u128::from(high) << 64
}

/// A field B, with the space F over it.
pub trait Field: Copy + Debug + Send + Sync + 'static {
    /// An element of B.
    type Element: Element;
    /// One.
    const ONE: Self::Element;

    /// The product of two elements of B.
    fn mul(a: Self::Element, b: Self::Element) -> Self::Element;

    /// `delta`·`a`, of F.
    fn scale(delta: u128, a: Self::Element) -> u128;

    /// Adds `delta`·`a` for each of `elements` to its counterpart in `sums`.
    fn add_scaled(delta: u128, elements: &[Self::Element], sums: &mut [u128]);

    /// X^(`bit` mod the degree of B), and the plane of F that bit `bit` of Δ is in.
    fn basis(bit: usize) -> (Self::Element, usize);

    /// An element of B as an element of F that is zero outside `plane`.
    fn place(element: Self::Element, plane: usize) -> u128;
}

/// GF(2^64), with F = B².
#[derive(Clone, Copy, Debug)]
pub struct Gf64;

/// GF(2^128), with F = B.
#[derive(Clone, Copy, Debug)]
pub struct Gf128;

impl Field for Gf64 {
    type Element = u64;
    const ONE: u64 = 1;

    fn mul(a: u64, b: u64) -> u64 {
        #[cfg(target_arch = "x86_64")]
        if let Some(product) = x86::narrow::mul64(a, b) {
            return product;
        }
        portable::mul64(a, b)
    }

    fn scale(delta: u128, a: u64) -> u128 {
        join(Self::mul(low(delta), a), Self::mul(high(delta), a))
    }

    fn add_scaled(delta: u128, elements: &[u64], sums: &mut [u128]) {
        #[cfg(target_arch = "x86_64")]
        let done = x86::wide::add_scaled_planes(delta, elements, sums);
        #[cfg(not(target_arch = "x86_64"))]
        let done = 0;
        sums.iter_mut().zip(elements).skip(done).for_each(|(sum, a)| *sum ^= Self::scale(delta, *a));
    }

    fn basis(bit: usize) -> (u64, usize) {
        (1 << (bit % 64), bit / 64)
    }

    fn place(element: u64, plane: usize) -> u128 {
        if plane == 0 { join(element, 0) } else { join(0, element) }
    }
}

impl Field for Gf128 {
    type Element = u128;
    const ONE: u128 = 1;

    fn mul(a: u128, b: u128) -> u128 {
        #[cfg(target_arch = "x86_64")]
        if let Some(product) = x86::narrow::mul128(a, b) {
            return product;
        }
        portable::mul128(a, b)
    }

    fn scale(delta: u128, a: u128) -> u128 {
        Self::mul(delta, a)
    }

    fn add_scaled(delta: u128, elements: &[u128], sums: &mut [u128]) {
        #[cfg(target_arch = "x86_64")]
        let done = x86::wide::add_scaled(delta, elements, sums);
        #[cfg(not(target_arch = "x86_64"))]
        let done = 0;
        sums.iter_mut().zip(elements).skip(done).for_each(|(sum, a)| *sum ^= Self::scale(delta, *a));
    }

    fn basis(bit: usize) -> (u128, usize) {
        (1 << (bit % 128), 0)
    }

    fn place(element: u128, _: usize) -> u128 {
        element
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Shift and add, as the definition has it.
    fn by_definition(a: u128, b: u128, degree: u32, modulus: u128) -> u128 {
        let top = 1u128 << (degree - 1);
        (0..degree).rev().fold(0, |sum, bit| {
            let carry = sum & top != 0;
            let shifted = (sum & !top) << 1 ^ if carry { modulus } else { 0 };
            shifted ^ if b >> bit & 1 == 1 { a } else { 0 }
        })
    }

    #[test]
    fn the_moduli_are_irreducible() {
        // X has order dividing 2^d - 1, and X^(2^(d/2)) is not X, for degrees that are powers of two.
        for (degree, modulus) in [(64, 0x1b), (128, 0x87)] {
            let square = |a| by_definition(a, a, degree, modulus);
            let half = (0..degree / 2).fold(2u128, |a, _| square(a));
            let full = (0..degree / 2).fold(half, |a, _| square(a));
            assert_eq!(full, 2);
            assert_ne!(half, 2);
        }
    }

    proptest! {
        #[test]
        fn products_are_those_of_the_definition(a: u128, b: u128) {
            let (a64, b64) = (low(a), low(b));
            let expected = low(by_definition(a64.into(), b64.into(), 64, 0x1b));
            prop_assert_eq!(portable::mul64(a64, b64), expected);
            prop_assert_eq!(Gf64::mul(a64, b64), expected);
            let expected = by_definition(a, b, 128, 0x87);
            prop_assert_eq!(portable::mul128(a, b), expected);
            prop_assert_eq!(Gf128::mul(a, b), expected);
        }

        #[test]
        fn many_products_are_one_after_the_other(delta: u128, a: Vec<u128>, before: u128) {
            let mut sums = vec![before; a.len()];
            Gf128::add_scaled(delta, &a, &mut sums);
            let expected: Vec<_> = a.iter().map(|a| before ^ portable::mul128(delta, *a)).collect();
            prop_assert_eq!(sums, expected);

            let a: Vec<_> = a.into_iter().map(low).collect();
            let mut sums = vec![before; a.len()];
            Gf64::add_scaled(delta, &a, &mut sums);
            let plane = |delta, a: &u64| portable::mul64(delta, *a);
            let expected: Vec<_> = a.iter().map(|a| before ^ join(plane(low(delta), a), plane(high(delta), a))).collect();
            prop_assert_eq!(sums, expected);
        }

        #[test]
        fn delta_is_the_sum_of_its_bits(delta: u128, a: u128) {
            let sum = |of: fn(usize, u128) -> u128| (0..128).filter(|bit| delta >> bit & 1 == 1).fold(0, |sum, bit| sum ^ of(bit, a));
            let bit64 = |bit, a| { let (x, plane) = Gf64::basis(bit); Gf64::place(Gf64::mul(low(a), x), plane) };
            let bit128 = |bit, a| { let (x, plane) = Gf128::basis(bit); Gf128::place(Gf128::mul(a, x), plane) };
            prop_assert_eq!(sum(bit64), Gf64::scale(delta, low(a)));
            prop_assert_eq!(sum(bit128), Gf128::scale(delta, a));
        }
    }

    #[test]
    fn elements_go_out_and_come_back() {
        let mut bytes = Vec::new();
        u64::write(&[0x0102, 3], &mut bytes);
        assert_eq!(hex::encode(&bytes), "02010000000000000300000000000000");
        assert_eq!(u64::read(&bytes).collect::<Vec<_>>(), [0x0102, 3]);
        assert_eq!(u128::read(&bytes).collect::<Vec<_>>(), [0x0102 | 3 << 64]);
    }
}
