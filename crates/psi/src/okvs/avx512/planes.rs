//! Vectors bit by bit.
//!
//! A vector is stored in groups of eight columns, and a group as one *plane* for each 64 bits of an
//! element: byte `b` of a plane has bit `b` of the eight elements, the first column lowest.

use std::arch::x86_64::{__m512i, _mm512_permutexvar_epi8, _mm512_set1_epi64, _mm512_setzero_si512};

use zeroize::Zeroize;

use super::sums::{UNIT, times};
use super::{load, store};
use crate::okvs::value::Value;

/// 64 bits of eight elements each, bit by bit.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(in crate::okvs) struct Plane(pub(super) [u64; 8]);

impl Plane {
    pub(super) const ZERO: Self = Self([0; 8]);

    /// Overwrites it.
    pub(in crate::okvs) fn erase(&mut self) {
        self.0.zeroize();
    }
}

/// The planes of a group of eight elements, as many as a value has words.
pub(super) type Sliced = [__m512i; 2];

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vbmi2,gfni,bmi1,bmi2")]
pub(super) fn slice<V: Value>(elements: &[V], planes: &mut Vec<Plane>) {
    let (groups, rest) = elements.as_chunks::<8>();
    let mut last = [V::default(); 8];
    last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
    for group in groups.iter().chain((!rest.is_empty()).then_some(&last)) {
        for sliced in slice_group(group).into_iter().take(V::WORDS) {
            let mut plane = Plane::ZERO;
            store(&mut plane.0, sliced);
            planes.push(plane);
        }
    }
}

/// The bytes 2^0 to 2^7: times a matrix that is its columns, and byte `j` has bit `j` of each row.
const POWERS: i64 = UNIT.swap_bytes();

/// Eight elements, bit by bit.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vbmi2,gfni,bmi1,bmi2")]
pub(super) fn slice_group<V: Value>(elements: &[V; 8]) -> Sliced {
    // Byte 8c + 7 - k is byte `c` of element `k`: matrices with an element to the row.
    const ORDER: [u64; 8] = order([2, 1, 0, 5, 4, 3], 0b11_1000);
    let mut words = [[0; 8]; 2];
    let [low, high] = &mut words;
    for (element, (low, high)) in elements.iter().zip(low.iter_mut().zip(high)) {
        [*low, *high] = element.words();
    }
    let mut sliced = [_mm512_setzero_si512(); 2];
    for (sliced, words) in sliced.iter_mut().zip(&words).take(V::WORDS) {
        *sliced = times(_mm512_set1_epi64(POWERS), _mm512_permutexvar_epi8(load(&ORDER), load(words)));
    }
    sliced
}

/// The elements again.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vbmi2,gfni,bmi1,bmi2")]
pub(super) fn unslice<V: Value>(sliced: Sliced) -> [V; 8] {
    const REVERSE: [u64; 8] = order([5, 4, 3, 2, 1, 0], 0b00_0111);
    // Byte 8k + c is byte 8c + k.
    const ORDER: [u64; 8] = order([2, 1, 0, 5, 4, 3], 0);
    let mut words = [[0; 8]; 2];
    for (words, plane) in words.iter_mut().zip(sliced).take(V::WORDS) {
        let rows = _mm512_permutexvar_epi8(load(&REVERSE), plane);
        let elements = times(_mm512_set1_epi64(POWERS), rows);
        store(words, _mm512_permutexvar_epi8(load(&ORDER), elements));
    }
    let [low, high] = words;
    let mut elements = [V::default(); 8];
    for (element, (low, high)) in elements.iter_mut().zip(low.into_iter().zip(high)) {
        *element = V::from_words([low, high]);
    }
    elements
}

/// For each byte of a register the number of the byte that goes there. A number has six bits, and
/// each is one of its place, the highest first, as `bits` counts them; those of `flip` change.
#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler, which sees the bounds")]
pub(super) const fn order(bits: [u32; 6], flip: u8) -> [u64; 8] {
    let mut words = [0; 8];
    let mut place = 0;
    while place < 64 {
        let (mut byte, mut bit) = (0, 0);
        while bit < 6 {
            byte = byte << 1 | place as u64 >> bits[bit] & 1;
            bit += 1;
        }
        words[place / 8] |= (byte ^ flip as u64) << (8 * (place % 8));
        place += 1;
    }
    words
}
