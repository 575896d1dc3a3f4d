//! Carry-less products with the instructions of x86-64.
#![allow(unsafe_code)]

pub(crate) mod narrow {
    //! One product at a time, with PCLMULQDQ.

    use std::arch::x86_64::{
        __m128i, _mm_clmulepi64_si128, _mm_cvtsi64_si128, _mm_cvtsi128_si64, _mm_set_epi64x, _mm_slli_si128,
        _mm_srli_si128, _mm_unpackhi_epi64, _mm_xor_si128,
    };

    use crate::gf::{high, join, low};

    fn available() -> bool {
        is_x86_feature_detected!("pclmulqdq") && is_x86_feature_detected!("sse2")
    }

    /// The product in GF(2^64), where the processor has the instruction.
    pub(crate) fn mul64(a: u64, b: u64) -> Option<u64> {
        // SAFETY: the processor has the features that the function is compiled for.
        available().then(|| unsafe { product64(a, b) })
    }

    /// The product in GF(2^128), where the processor has the instruction.
    pub(crate) fn mul128(a: u128, b: u128) -> Option<u128> {
        // SAFETY: the processor has the features that the function is compiled for.
        available().then(|| unsafe { product128(a, b) })
    }

    #[target_feature(enable = "pclmulqdq,sse2")]
    fn product64(a: u64, b: u64) -> u64 {
        let modulus = _mm_cvtsi64_si128(0x1b);
        let product = _mm_clmulepi64_si128::<0>(_mm_cvtsi64_si128(a.cast_signed()), _mm_cvtsi64_si128(b.cast_signed()));
        let folded = _mm_clmulepi64_si128::<0x01>(product, modulus);
        let rest = _mm_clmulepi64_si128::<0x01>(folded, modulus);
        _mm_cvtsi128_si64(_mm_xor_si128(_mm_xor_si128(product, folded), rest)).cast_unsigned()
    }

    #[target_feature(enable = "pclmulqdq,sse2")]
    fn product128(a: u128, b: u128) -> u128 {
        let register = |block: u128| _mm_set_epi64x(high(block).cast_signed(), low(block).cast_signed());
        let (a, b, modulus) = (register(a), register(b), _mm_cvtsi64_si128(0x87));
        let middle = _mm_xor_si128(_mm_clmulepi64_si128::<0x01>(a, b), _mm_clmulepi64_si128::<0x10>(a, b));
        let bottom = _mm_xor_si128(_mm_clmulepi64_si128::<0x00>(a, b), _mm_slli_si128::<8>(middle));
        let top = _mm_xor_si128(_mm_clmulepi64_si128::<0x11>(a, b), _mm_srli_si128::<8>(middle));
        let folded = _mm_clmulepi64_si128::<0x01>(top, modulus);
        let rest = _mm_clmulepi64_si128::<0x00>(_mm_xor_si128(top, _mm_srli_si128::<8>(folded)), modulus);
        halves(_mm_xor_si128(_mm_xor_si128(bottom, _mm_slli_si128::<8>(folded)), rest))
    }

    #[target_feature(enable = "sse2")]
    fn halves(register: __m128i) -> u128 {
        let low = _mm_cvtsi128_si64(register).cast_unsigned();
        join(low, _mm_cvtsi128_si64(_mm_unpackhi_epi64(register, register)).cast_unsigned())
    }
}

pub(crate) mod wide {
    //! Many products at a time, with VPCLMULQDQ on registers of 512 bits.

    use std::arch::x86_64::{
        __m512i, _mm512_bslli_epi128, _mm512_bsrli_epi128, _mm512_clmulepi64_epi128, _mm512_loadu_si512,
        _mm512_permutex2var_epi64, _mm512_set_epi64, _mm512_set1_epi64, _mm512_storeu_si512, _mm512_ternarylogic_epi64,
        _mm512_unpacklo_epi64, _mm512_xor_si512,
    };

    use crate::gf::{high, low};

    /// XOR of three, as a truth table.
    pub(crate) const XOR3: i32 = 0x96;

    fn available() -> bool {
        is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("vpclmulqdq")
    }

    /// Products of eight pairs in GF(2^64).
    #[target_feature(enable = "avx512f,avx512bw,vpclmulqdq")]
    #[inline]
    pub(crate) fn mul64(a: __m512i, b: __m512i) -> __m512i {
        let modulus = _mm512_set1_epi64(0x1b);
        let reduced = |product| {
            let folded = _mm512_clmulepi64_epi128::<0x01>(product, modulus);
            let rest = _mm512_clmulepi64_epi128::<0x01>(folded, modulus);
            _mm512_ternarylogic_epi64::<XOR3>(product, folded, rest)
        };
        let even = reduced(_mm512_clmulepi64_epi128::<0x00>(a, b));
        let odd = reduced(_mm512_clmulepi64_epi128::<0x11>(a, b));
        _mm512_unpacklo_epi64(even, odd)
    }

    /// Products of four pairs in GF(2^128).
    #[target_feature(enable = "avx512f,avx512bw,vpclmulqdq")]
    #[inline]
    pub(crate) fn mul128(a: __m512i, b: __m512i) -> __m512i {
        let modulus = _mm512_set1_epi64(0x87);
        let middle = _mm512_xor_si512(_mm512_clmulepi64_epi128::<0x01>(a, b), _mm512_clmulepi64_epi128::<0x10>(a, b));
        let bottom = _mm512_xor_si512(_mm512_clmulepi64_epi128::<0x00>(a, b), _mm512_bslli_epi128::<8>(middle));
        let top = _mm512_xor_si512(_mm512_clmulepi64_epi128::<0x11>(a, b), _mm512_bsrli_epi128::<8>(middle));
        let folded = _mm512_clmulepi64_epi128::<0x01>(top, modulus);
        let rest = _mm512_xor_si512(top, _mm512_bsrli_epi128::<8>(folded));
        let rest = _mm512_clmulepi64_epi128::<0x00>(rest, modulus);
        _mm512_ternarylogic_epi64::<XOR3>(bottom, _mm512_bslli_epi128::<8>(folded), rest)
    }

    /// Adds `delta`·a in GF(2^64)² to its sum, for each a of the whole groups of eight; gives how many these
    /// are, none where the processor lacks the instructions.
    pub(crate) fn add_scaled_planes(delta: u128, elements: &[u64], sums: &mut [u128]) -> usize {
        let (groups, sums) = (elements.as_chunks().0, sums.as_chunks_mut().0);
        if !available() {
            return 0;
        }
        // SAFETY: the processor has the features that the function is compiled for.
        unsafe { scale_planes(delta, groups, sums) };
        8 * groups.len().min(sums.len())
    }

    /// Adds `delta`·a in GF(2^128) to its sum, for each a of the whole groups of four; gives how many these
    /// are, none where the processor lacks the instructions.
    pub(crate) fn add_scaled(delta: u128, elements: &[u128], sums: &mut [u128]) -> usize {
        let (groups, sums) = (elements.as_chunks().0, sums.as_chunks_mut().0);
        if !available() {
            return 0;
        }
        // SAFETY: the processor has the features that the function is compiled for.
        unsafe { scale(delta, groups, sums) };
        4 * groups.len().min(sums.len())
    }

    #[target_feature(enable = "avx512f,avx512bw,vpclmulqdq")]
    fn scale_planes(delta: u128, groups: &[[u64; 8]], sums: &mut [[u128; 8]]) {
        let [first, second] = [low(delta), high(delta)].map(|plane| _mm512_set1_epi64(plane.cast_signed()));
        // Pairs of planes for the first four elements, and for the others.
        let (front, back) = (_mm512_set_epi64(11, 3, 10, 2, 9, 1, 8, 0), _mm512_set_epi64(15, 7, 14, 6, 13, 5, 12, 4));
        for (group, sums) in groups.iter().zip(sums) {
            // SAFETY: a group is 64 bytes, and its sums are 128.
            unsafe {
                let a = _mm512_loadu_si512(group.as_ptr().cast());
                let ([one, other], sums) = ([mul64(a, first), mul64(a, second)], sums.as_mut_ptr().cast::<__m512i>());
                for (half, order) in [(sums, front), (sums.add(1), back)] {
                    let products = _mm512_permutex2var_epi64(one, order, other);
                    _mm512_storeu_si512(half, _mm512_xor_si512(_mm512_loadu_si512(half), products));
                }
            }
        }
    }

    #[target_feature(enable = "avx512f,avx512bw,vpclmulqdq")]
    fn scale(delta: u128, groups: &[[u128; 4]], sums: &mut [[u128; 4]]) {
        let (l, h) = (low(delta).cast_signed(), high(delta).cast_signed());
        let delta = _mm512_set_epi64(h, l, h, l, h, l, h, l);
        for (group, sums) in groups.iter().zip(sums) {
            // SAFETY: a group is 64 bytes, and so are its sums.
            unsafe {
                let product = mul128(_mm512_loadu_si512(group.as_ptr().cast()), delta);
                let sums = sums.as_mut_ptr().cast::<__m512i>();
                _mm512_storeu_si512(sums, _mm512_xor_si512(_mm512_loadu_si512(sums), product));
            }
        }
    }
}
