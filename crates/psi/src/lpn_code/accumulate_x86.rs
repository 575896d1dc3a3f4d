//! The accumulator with GFNI and AVX-512.
//!
//! A plane of a group is eight numbers of 64 bits. *Sliced*, it is 64 bytes, of which each holds one bit of
//! all eight: then a matrix of coefficients acts on the whole group in one instruction, since GF2P8AFFINEQB
//! multiplies each byte by the same eight by eight bits.
#![allow(unsafe_code)]

use std::arch::x86_64::{
    __m512i, _mm512_alignr_epi64, _mm512_gf2p8affine_epi64_epi8, _mm512_loadu_si512, _mm512_permutex2var_epi64,
    _mm512_permutexvar_epi8, _mm512_set_epi64, _mm512_set1_epi64, _mm512_storeu_si512, _mm512_ternarylogic_epi64,
    _mm512_xor_si512,
};

use super::accumulate::State;
use super::coefficients::{GroupCoefficients, Matrix};
use crate::gf::x86::wide::{XOR3, mul64, mul128};

fn available() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vbmi")
        && is_x86_feature_detected!("vpclmulqdq")
        && is_x86_feature_detected!("gfni")
}

/// Symbols of GF(2^64); `false`, and nothing done, where the processor lacks the instructions.
pub(super) fn elements64(
    groups: &mut [[u64; 8]],
    coefficients: &[GroupCoefficients<u64>],
    state: &mut State<u64>,
) -> bool {
    if available() {
        // SAFETY: the processor has the features that the function is compiled for.
        unsafe { run_elements64(groups, coefficients, state) };
    }
    available()
}

/// Symbols of GF(2^64)²; `false`, and nothing done, where the processor lacks the instructions.
pub(super) fn planes64(
    groups: &mut [[u128; 8]],
    coefficients: &[GroupCoefficients<u64>],
    state: &mut State<u128>,
) -> bool {
    if available() {
        // SAFETY: the processor has the features that the function is compiled for.
        unsafe { run_planes64(groups, coefficients, state) };
    }
    available()
}

/// Symbols of GF(2^128); `false`, and nothing done, where the processor lacks the instructions.
pub(super) fn elements128(
    groups: &mut [[u128; 8]],
    coefficients: &[GroupCoefficients<u128>],
    state: &mut State<u128>,
) -> bool {
    if available() {
        // SAFETY: the processor has the features that the function is compiled for.
        unsafe { run_elements128(groups, coefficients, state) };
    }
    available()
}

/// Byte orders and units, which stay in registers.
#[derive(Clone, Copy)]
struct Constants {
    gather: __m512i,
    scatter: __m512i,
    falling: __m512i,
    rising: __m512i,
}

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,gfni,vpclmulqdq")]
#[inline]
fn constants() -> Constants {
    let order = |of: fn(u8, u8) -> u8| {
        let mut bytes = [0u8; 64];
        bytes.iter_mut().zip(0u8..).for_each(|(byte, index)| *byte = of(index / 8, index % 8));
        // SAFETY: the array has 64 bytes.
        unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) }
    };
    Constants {
        // Byte b of each number together, the last number first; and back.
        gather: order(|byte, place| 8 * (7 - place) + byte),
        scatter: order(|number, byte| 8 * byte + number),
        falling: _mm512_set1_epi64(0x0102_0408_1020_4080),
        rising: _mm512_set1_epi64(0x8040_2010_0804_0201_u64.cast_signed()),
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,gfni,vpclmulqdq")]
#[inline]
fn slice(numbers: __m512i, constants: &Constants) -> __m512i {
    // The instruction's matrix operand is what is transposed; its other operand are the unit vectors.
    _mm512_gf2p8affine_epi64_epi8::<0>(constants.falling, _mm512_permutexvar_epi8(constants.gather, numbers))
}

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,gfni,vpclmulqdq")]
#[inline]
fn unslice(sliced: __m512i, constants: &Constants) -> __m512i {
    _mm512_permutexvar_epi8(constants.scatter, _mm512_gf2p8affine_epi64_epi8::<0>(constants.rising, sliced))
}

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,gfni,vpclmulqdq")]
#[inline]
fn act(matrix: Matrix, sliced: __m512i) -> __m512i {
    _mm512_gf2p8affine_epi64_epi8::<0>(sliced, _mm512_set1_epi64(matrix.0.cast_signed()))
}

/// The groups before the one that is due, of one plane.
#[derive(Clone, Copy)]
struct Plane {
    /// Sliced, one, two and three before.
    sliced: [__m512i; 3],
    /// As numbers, one to four before.
    numbers: [__m512i; 4],
}

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,gfni,vpclmulqdq")]
#[inline]
fn plane(numbers: [__m512i; 4], constants: &Constants) -> Plane {
    let [one, two, three, _] = numbers;
    Plane { sliced: [slice(one, constants), slice(two, constants), slice(three, constants)], numbers }
}

/// `due` with the places 25 before added.
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,gfni,vpclmulqdq")]
#[inline]
fn with_feedback(due: __m512i, plane: &Plane) -> __m512i {
    let [_, _, three, four] = plane.numbers;
    _mm512_xor_si512(due, _mm512_alignr_epi64::<7>(three, four))
}

/// The new group, from what was mixed.
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,gfni,vpclmulqdq")]
#[inline]
fn advance<E>(plane: &mut Plane, mixed: __m512i, group: &GroupCoefficients<E>, constants: &Constants) -> __m512i {
    let ([one, two, three], [m1, m2, m3]) = (plane.sliced, group.before);
    let early = _mm512_ternarylogic_epi64::<XOR3>(slice(mixed, constants), act(m2, two), act(m3, three));
    let sliced = act(group.inside, _mm512_xor_si512(early, act(m1, one)));
    let numbers = unslice(sliced, constants);
    plane.sliced = [sliced, one, two];
    let [n1, n2, n3, _] = plane.numbers;
    plane.numbers = [numbers, n1, n2, n3];
    numbers
}

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,gfni,vpclmulqdq")]
fn run_elements64(groups: &mut [[u64; 8]], coefficients: &[GroupCoefficients<u64>], state: &mut State<u64>) {
    let constants = constants();
    // SAFETY: a group of eight numbers of 64 bits has 64 bytes, and so have its mixers.
    unsafe {
        let load = |group: &[u64; 8]| _mm512_loadu_si512(group.as_ptr().cast());
        let mut before = plane([load(&state[0]), load(&state[1]), load(&state[2]), load(&state[3])], &constants);
        for (group, coefficients) in groups.iter_mut().zip(coefficients) {
            let mixed = mul64(with_feedback(load(group), &before), load(&coefficients.mixers));
            let numbers = advance(&mut before, mixed, coefficients, &constants);
            _mm512_storeu_si512(group.as_mut_ptr().cast(), numbers);
        }
        for (group, numbers) in state.iter_mut().zip(before.numbers) {
            _mm512_storeu_si512(group.as_mut_ptr().cast(), numbers);
        }
    }
}

/// Low and high halves of eight numbers of 128 bits.
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,gfni,vpclmulqdq")]
#[inline]
fn halves(front: __m512i, back: __m512i) -> [__m512i; 2] {
    [
        _mm512_permutex2var_epi64(front, _mm512_set_epi64(14, 12, 10, 8, 6, 4, 2, 0), back),
        _mm512_permutex2var_epi64(front, _mm512_set_epi64(15, 13, 11, 9, 7, 5, 3, 1), back),
    ]
}

/// The first four and the last four of eight numbers, from their halves.
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,gfni,vpclmulqdq")]
#[inline]
fn whole(low: __m512i, high: __m512i) -> [__m512i; 2] {
    [
        _mm512_permutex2var_epi64(low, _mm512_set_epi64(11, 3, 10, 2, 9, 1, 8, 0), high),
        _mm512_permutex2var_epi64(low, _mm512_set_epi64(15, 7, 14, 6, 13, 5, 12, 4), high),
    ]
}

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,gfni,vpclmulqdq")]
#[inline]
fn load_halves(group: &[u128; 8]) -> [__m512i; 2] {
    let group: *const __m512i = group.as_ptr().cast();
    // SAFETY: a group of eight numbers of 128 bits has twice 64 bytes.
    unsafe { halves(_mm512_loadu_si512(group), _mm512_loadu_si512(group.add(1))) }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,gfni,vpclmulqdq")]
#[inline]
fn store_halves(low: __m512i, high: __m512i, group: &mut [u128; 8]) {
    let ([front, back], group) = (whole(low, high), group.as_mut_ptr().cast::<__m512i>());
    // SAFETY: a group of eight numbers of 128 bits has twice 64 bytes.
    unsafe {
        _mm512_storeu_si512(group, front);
        _mm512_storeu_si512(group.add(1), back);
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,gfni,vpclmulqdq")]
fn load_state(state: &State<u128>, constants: &Constants) -> [Plane; 2] {
    let [one, two, three, four] = state.each_ref().map(|group| load_halves(group));
    [plane([one[0], two[0], three[0], four[0]], constants), plane([one[1], two[1], three[1], four[1]], constants)]
}

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,gfni,vpclmulqdq")]
fn store_state(low: &Plane, high: &Plane, state: &mut State<u128>) {
    for (group, (low, high)) in state.iter_mut().zip(low.numbers.into_iter().zip(high.numbers)) {
        store_halves(low, high, group);
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,gfni,vpclmulqdq")]
fn run_planes64(groups: &mut [[u128; 8]], coefficients: &[GroupCoefficients<u64>], state: &mut State<u128>) {
    let constants = constants();
    let [mut first, mut second] = load_state(state, &constants);
    for (group, coefficients) in groups.iter_mut().zip(coefficients) {
        // SAFETY: eight mixers of 64 bits have 64 bytes.
        let mixers = unsafe { _mm512_loadu_si512(coefficients.mixers.as_ptr().cast()) };
        let [low, high] = load_halves(group);
        let (low, high) = (mul64(with_feedback(low, &first), mixers), mul64(with_feedback(high, &second), mixers));
        let low = advance(&mut first, low, coefficients, &constants);
        let high = advance(&mut second, high, coefficients, &constants);
        store_halves(low, high, group);
    }
    store_state(&first, &second, state);
}

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,gfni,vpclmulqdq")]
fn run_elements128(groups: &mut [[u128; 8]], coefficients: &[GroupCoefficients<u128>], state: &mut State<u128>) {
    let constants = constants();
    let [mut first, mut second] = load_state(state, &constants);
    for (group, coefficients) in groups.iter_mut().zip(coefficients) {
        let mixers: *const __m512i = coefficients.mixers.as_ptr().cast();
        let [low, high] = load_halves(group);
        let [front, back] = whole(with_feedback(low, &first), with_feedback(high, &second));
        // SAFETY: eight mixers of 128 bits have twice 64 bytes.
        let (front, back) =
            unsafe { (mul128(front, _mm512_loadu_si512(mixers)), mul128(back, _mm512_loadu_si512(mixers.add(1)))) };
        let [low, high] = halves(front, back);
        let low = advance(&mut first, low, coefficients, &constants);
        let high = advance(&mut second, high, coefficients, &constants);
        store_halves(low, high, group);
    }
    store_state(&first, &second, state);
}
