//! AES-128 on four blocks an instruction (VAES, AVX-512), eight instructions in flight.
//!
//! Its portable twin is the `aes` crate; the tests of the parent module show them equal.

// Loads and stores through pointers, and calls of functions that need the instructions.
#![allow(unsafe_code)]

use core::arch::x86_64::{
    __m128i, __m512i, __mmask8, _mm_aeskeygenassist_si128, _mm_loadu_si128, _mm_shuffle_epi32, _mm_slli_si128,
    _mm_storeu_si128, _mm_xor_si128, _mm512_aesenc_epi128, _mm512_aesenclast_epi128, _mm512_broadcast_i32x4,
    _mm512_mask_storeu_epi64, _mm512_maskz_loadu_epi64, _mm512_setzero_si512, _mm512_xor_si512,
};

use zeroize::{Zeroize, ZeroizeOnDrop};

/// Blocks of one vector.
const LANES: usize = 4;

/// Vectors in flight: one round takes four cycles, and two of them start in each.
const VECTORS: usize = 8;

/// The mask of a whole vector: two 64-bit halves a block.
const WHOLE: __mmask8 = 0xff;

/// The round keys of one key. There is one only where the processor has the instructions.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub(super) struct Kernel {
    round_keys: [u128; 11],
}

impl Kernel {
    /// The kernel for `key`, where the processor can run it.
    pub(super) fn new(key: &[u8; 16]) -> Option<Self> {
        let able = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("vaes")
            && is_x86_feature_detected!("aes")
            && is_x86_feature_detected!("sse2");
        // SAFETY: the instructions were found just now.
        able.then(|| Self { round_keys: unsafe { expand_key(key) } })
    }

    /// The permutation on `blocks`, in place; with `FEED`, each block is added to its image.
    pub(super) fn in_place<const FEED: bool>(&self, blocks: &mut [u128]) {
        let to = blocks.as_mut_ptr();
        // SAFETY: there is a kernel only where `new` found the instructions. `to` is good for
        // reading and writing the length of `blocks`, which is borrowed mutably.
        unsafe { run::<FEED>(&self.round_keys, to.cast_const(), to, blocks.len()) }
    }

    /// The images of `from` go to `to`, as many as the shorter of both has.
    pub(super) fn apart<const FEED: bool>(&self, from: &[u128], to: &mut [u128]) {
        let count = from.len().min(to.len());
        // SAFETY: as in `in_place`; neither slice is shorter than `count`.
        unsafe { run::<FEED>(&self.round_keys, from.as_ptr(), to.as_mut_ptr(), count) }
    }
}

/// The key schedule of FIPS 197, Section 5.2.
#[target_feature(enable = "aes,sse2")]
fn expand_key(key: &[u8; 16]) -> [u128; 11] {
    // SAFETY: `key` has the 16 bytes that are read; no alignment is asked for.
    let first = unsafe { _mm_loadu_si128(key.as_ptr().cast()) };
    let mut keys = [first; 11];
    let [_, k1, k2, k3, k4, k5, k6, k7, k8, k9, k10] = &mut keys;
    *k1 = next_key(first, _mm_aeskeygenassist_si128::<0x01>(first));
    *k2 = next_key(*k1, _mm_aeskeygenassist_si128::<0x02>(*k1));
    *k3 = next_key(*k2, _mm_aeskeygenassist_si128::<0x04>(*k2));
    *k4 = next_key(*k3, _mm_aeskeygenassist_si128::<0x08>(*k3));
    *k5 = next_key(*k4, _mm_aeskeygenassist_si128::<0x10>(*k4));
    *k6 = next_key(*k5, _mm_aeskeygenassist_si128::<0x20>(*k5));
    *k7 = next_key(*k6, _mm_aeskeygenassist_si128::<0x40>(*k6));
    *k8 = next_key(*k7, _mm_aeskeygenassist_si128::<0x80>(*k7));
    *k9 = next_key(*k8, _mm_aeskeygenassist_si128::<0x1b>(*k8));
    *k10 = next_key(*k9, _mm_aeskeygenassist_si128::<0x36>(*k9));
    let mut words = [0; 11];
    for (word, key) in words.iter_mut().zip(keys) {
        // SAFETY: `word` has the 16 bytes that are written.
        unsafe { _mm_storeu_si128(std::ptr::from_mut(word).cast(), key) };
    }
    words
}

/// The next round key: each word of the last one added to all after it, and the substituted,
/// rotated last word, which `assist` has at its top, to all.
#[target_feature(enable = "sse2")]
fn next_key(key: __m128i, assist: __m128i) -> __m128i {
    let two = _mm_xor_si128(key, _mm_slli_si128::<4>(key));
    let four = _mm_xor_si128(two, _mm_slli_si128::<8>(two));
    _mm_xor_si128(four, _mm_shuffle_epi32::<0xff>(assist))
}

/// All blocks: whole batches, then the rest with as many vectors as it takes.
///
/// # Safety
/// `from` must be good for reading `count` blocks and `to` for writing them. They may be the same;
/// otherwise they do not overlap.
#[target_feature(enable = "avx512f,vaes,sse2")]
unsafe fn run<const FEED: bool>(round_keys: &[u128; 11], from: *const u128, to: *mut u128, count: usize) {
    let mut keys = [_mm512_setzero_si512(); 11];
    for (key, block) in keys.iter_mut().zip(round_keys) {
        // SAFETY: `block` has the 16 bytes that are read.
        *key = _mm512_broadcast_i32x4(unsafe { _mm_loadu_si128(std::ptr::from_ref(block).cast()) });
    }
    let rest = count % (LANES * VECTORS);
    let whole = count - rest;
    for at in (0..whole).step_by(LANES * VECTORS) {
        // SAFETY: the batch that begins at `at` ends at `whole` or before.
        unsafe { batch::<VECTORS, FEED>(&keys, from.add(at), to.add(at), WHOLE) };
    }
    if rest == 0 {
        return;
    }
    // Blocks of the last vector: 1 to 4.
    let last = WHOLE >> (2 * (LANES - 1 - (rest - 1) % LANES));
    // SAFETY: what is left after `whole` is `rest` blocks, and `last` covers those in the last vector.
    unsafe {
        let (from, to) = (from.add(whole), to.add(whole));
        match rest.div_ceil(LANES) {
            1 => batch::<1, FEED>(&keys, from, to, last),
            2 => batch::<2, FEED>(&keys, from, to, last),
            3 => batch::<3, FEED>(&keys, from, to, last),
            4 => batch::<4, FEED>(&keys, from, to, last),
            5 => batch::<5, FEED>(&keys, from, to, last),
            6 => batch::<6, FEED>(&keys, from, to, last),
            7 => batch::<7, FEED>(&keys, from, to, last),
            _ => batch::<VECTORS, FEED>(&keys, from, to, last),
        }
    }
}

/// `N` vectors, the last of them only as far as `last` goes.
///
/// # Safety
/// `from` must be good for reading the blocks that are covered, and `to` for writing them.
#[inline]
#[target_feature(enable = "avx512f,vaes")]
unsafe fn batch<const N: usize, const FEED: bool>(
    keys: &[__m512i; 11],
    from: *const u128,
    to: *mut u128,
    last: __mmask8,
) {
    let [first_key, keys @ .., last_key] = keys;
    let mask = |i: usize| if i + 1 == N { last } else { WHOLE };
    let mut input = [_mm512_setzero_si512(); N];
    for (i, vector) in input.iter_mut().enumerate() {
        // SAFETY: the caller's; what the mask leaves out is not touched.
        *vector = unsafe { _mm512_maskz_loadu_epi64(mask(i), from.add(LANES * i).cast()) };
    }
    let mut state = input;
    for vector in &mut state {
        *vector = _mm512_xor_si512(*vector, *first_key);
    }
    for key in keys {
        for vector in &mut state {
            *vector = _mm512_aesenc_epi128(*vector, *key);
        }
    }
    for (i, (vector, input)) in state.iter_mut().zip(input).enumerate() {
        // The last round adds its key at its end, and so can add the input with it.
        let key = if FEED { _mm512_xor_si512(*last_key, input) } else { *last_key };
        // SAFETY: the caller's.
        unsafe {
            _mm512_mask_storeu_epi64(to.add(LANES * i).cast(), mask(i), _mm512_aesenclast_epi128(*vector, key));
        }
    }
}
