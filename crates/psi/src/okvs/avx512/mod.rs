//! Kernels for processors with AVX-512 and GFNI: sums over bands ([`sums`], [`planes`]) and
//! elimination ([`eliminate`]).

// Loads and stores through pointers, and calls of what only runs where the processor can: both need
// `unsafe`, and nothing else here does.
#![allow(unsafe_code)]

mod eliminate;
mod planes;
mod sums;

use std::arch::x86_64::{__m512i, _mm512_loadu_si512, _mm512_storeu_si512};

use super::elimination::{LANES, Queue};
use super::record::{Dependent, Pivots, Record};
use super::value::Value;

pub(super) use planes::Plane;
pub(super) use sums::Window;

/// Proof that the processor has what the kernels need.
#[derive(Clone, Copy, Debug)]
pub(super) struct Avx512(());

impl Avx512 {
    /// The kernels, if the processor can run them.
    pub(super) fn detect() -> Option<Self> {
        let detected = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vbmi")
            && is_x86_feature_detected!("avx512vbmi2")
            && is_x86_feature_detected!("gfni")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2");
        detected.then_some(Self(()))
    }

    /// Appends the planes of `elements`, in groups of eight. What is missing in the last group is 0.
    pub(super) fn slice<V: Value>(self, elements: &[V], planes: &mut Vec<Plane>) {
        // SAFETY: `self` exists only where `detect` found the features.
        unsafe { planes::slice(elements, planes) }
    }

    /// The sums of `vector` over rows whose bands, of `band` columns, start at the columns `starts`,
    /// which ascend. No band reaches beyond the vector.
    pub(super) fn decode<V: Value, const R: usize>(
        self,
        vector: &[Plane],
        band: usize,
        starts: &[u32],
        records: &[Record<R>],
        sums: &mut [V],
    ) {
        // SAFETY: `self` exists only where `detect` found the features.
        unsafe { sums::decode(vector, band, starts, records, sums) }
    }

    /// Finds `vector`, a multiple of eight columns, from the rows that lead at each, with what
    /// `window` has behind it.
    pub(super) fn substitute<V: Value, const R: usize>(
        self,
        pivots: &[Record<R>],
        window: &mut Window,
        vector: &mut [V],
    ) {
        // SAFETY: `self` exists only where `detect` found the features.
        unsafe { sums::substitute(pivots, window, vector) }
    }

    /// Inserts the rows of all queues, as [`Pivots::insert`] does.
    pub(super) fn eliminate<V: Value, const R: usize>(
        self,
        pivots: &mut Pivots<R>,
        queues: &mut [Queue<'_, V, R>; LANES],
    ) -> Result<(), Dependent> {
        // SAFETY: `self` exists only where `detect` found the features.
        unsafe { eliminate::eliminate(pivots, queues) }
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load(words: &[u64; 8]) -> __m512i {
    // SAFETY: the reference is to 64 bytes, and the load takes any alignment.
    unsafe { _mm512_loadu_si512(words.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn store(words: &mut [u64; 8], register: __m512i) {
    // SAFETY: the reference is to 64 bytes, and the store takes any alignment.
    unsafe { _mm512_storeu_si512(words.as_mut_ptr().cast(), register) }
}
