//! The sums of seven places with AVX-512: eight places at a time are found, and for symbols of 64 bits gathered.
#![allow(unsafe_code)]

use std::arch::x86_64::{
    __m256i, __m512i, _mm_loadu_si128, _mm_storeu_si128, _mm_xor_si128, _mm256_loadu_si256, _mm256_storeu_si256,
    _mm512_add_epi64, _mm512_cvtepi64_epi32, _mm512_cvtepu32_epi64, _mm512_i64gather_epi64, _mm512_loadu_si512,
    _mm512_mul_epu32, _mm512_set1_epi64, _mm512_srli_epi64, _mm512_storeu_si512, _mm512_xor_si512,
};

use super::expand::{GROUP, GROUP_TAPS, Ranges};

fn available() -> bool {
    is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vl")
}

/// Whether every place that the ranges lead to is one of `outputs`. An empty range leads to the one at its start.
fn within(ranges: &Ranges, outputs: usize) -> bool {
    ranges.iter().all(|(start, length)| *start as usize + (*length).max(1) as usize <= outputs)
}

/// Symbols of 64 bits; `false`, and nothing done, where the processor lacks the instructions.
pub(crate) fn add64(parity: &[u64], ranges: &Ranges, draws: &[[u32; GROUP_TAPS]], groups: &mut [[u64; GROUP]]) -> bool {
    let able = available() && within(ranges, parity.len());
    if able {
        // SAFETY: the processor has the features, and the ranges lie within the vector.
        unsafe { gather64(parity, ranges, draws, groups) };
    }
    able
}

/// Symbols of 128 bits; `false`, and nothing done, where the processor lacks the instructions.
pub(crate) fn add128(
    parity: &[u128],
    ranges: &Ranges,
    draws: &[[u32; GROUP_TAPS]],
    groups: &mut [[u128; GROUP]],
) -> bool {
    let able = available() && within(ranges, parity.len());
    if able {
        // SAFETY: the processor has the features, and the ranges lie within the vector.
        unsafe { gather128(parity, ranges, draws, groups) };
    }
    able
}

/// The places that eight draws of a tap stand for: the start and the high half of draw times length, which is
/// below start plus length, or the start where the length is 0.
#[target_feature(enable = "avx512f,avx512vl")]
#[inline]
fn places(draws: &[u32; GROUP], (start, length): (u32, u32)) -> __m512i {
    // SAFETY: eight draws have 32 bytes.
    let draws = unsafe { _mm256_loadu_si256(draws.as_ptr().cast::<__m256i>()) };
    let product = _mm512_mul_epu32(_mm512_cvtepu32_epi64(draws), _mm512_set1_epi64(length.into()));
    _mm512_add_epi64(_mm512_srli_epi64::<32>(product), _mm512_set1_epi64(start.into()))
}

/// # Safety
/// The ranges lie within `parity`.
#[target_feature(enable = "avx512f,avx512vl")]
unsafe fn gather64(parity: &[u64], ranges: &Ranges, draws: &[[u32; GROUP_TAPS]], groups: &mut [[u64; GROUP]]) {
    for (group, draws) in groups.iter_mut().zip(draws) {
        // SAFETY: a group has 64 bytes, and all places are in the vector.
        unsafe {
            let mut sums = _mm512_loadu_si512(group.as_ptr().cast());
            for (draws, range) in draws.as_chunks::<GROUP>().0.iter().zip(ranges) {
                let taps = _mm512_i64gather_epi64::<8>(places(draws, *range), parity.as_ptr().cast());
                sums = _mm512_xor_si512(sums, taps);
            }
            _mm512_storeu_si512(group.as_mut_ptr().cast(), sums);
        }
    }
}

/// # Safety
/// The ranges lie within `parity`.
#[target_feature(enable = "avx512f,avx512vl")]
unsafe fn gather128(parity: &[u128], ranges: &Ranges, draws: &[[u32; GROUP_TAPS]], groups: &mut [[u128; GROUP]]) {
    for (group, draws) in groups.iter_mut().zip(draws) {
        let mut all = [[0u32; GROUP]; GROUP_TAPS / GROUP];
        for ((to, draws), range) in all.iter_mut().zip(draws.as_chunks::<GROUP>().0).zip(ranges) {
            // SAFETY: eight places of 32 bits have 32 bytes.
            unsafe { _mm256_storeu_si256(to.as_mut_ptr().cast(), _mm512_cvtepi64_epi32(places(draws, *range))) };
        }
        for (output, sum) in group.iter_mut().enumerate() {
            // SAFETY: a symbol has 16 bytes, and all places are in the vector.
            unsafe {
                let mut total = _mm_loadu_si128(std::ptr::from_ref(sum).cast());
                for taps in &all {
                    let place = taps.get(output).copied().unwrap_or_default();
                    total = _mm_xor_si128(total, _mm_loadu_si128(parity.as_ptr().add(place as usize).cast()));
                }
                _mm_storeu_si128(std::ptr::from_mut(sum).cast(), total);
            }
        }
    }
}
