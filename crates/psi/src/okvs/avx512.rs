//! Sums over bands with AVX-512 and GFNI.
//!
//! A vector is stored in groups of eight columns, and a group as one *plane* for each 64 bits of an
//! element: byte `b` of a plane has bit `b` of the eight elements, the first column lowest. Of eight
//! rows, the bits at the columns of a group are an 8x8 matrix over GF(2), and `vgf2p8affineqb`
//! multiplies it with all 64 bytes of a plane. What comes out, byte `b` having bit `b` of the sum of
//! each row, is a plane again.
//!
//! A matrix is a `u64` in which, as the instruction has it, byte `7 - i` is row `i`.

// Loads and stores through pointers, and calls of what only runs where the processor can: both need
// `unsafe`, and nothing else here does.
#![allow(unsafe_code)]

use std::arch::x86_64::*;

use super::value::Value;

/// 64 bits of eight elements each, bit by bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, align(64))]
pub(super) struct Plane([u64; 8]);

impl Plane {
    pub(super) const ZERO: Self = Self([0; 8]);
}

/// Proof that the processor has what the kernels need.
#[derive(Clone, Copy, Debug)]
pub(super) struct Avx512(());

/// Groups that [`Avx512::substitute`] keeps before it moves the last ones back, besides those.
const WINDOW: usize = 256;

impl Avx512 {
    /// The kernels, if the processor can run them.
    pub(super) fn detect() -> Option<Self> {
        let detected = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vbmi")
            && is_x86_feature_detected!("avx512vbmi2")
            && is_x86_feature_detected!("gfni")
            && is_x86_feature_detected!("bmi2");
        detected.then_some(Self(()))
    }

    /// The planes of elements, in groups of eight; what is missing in the last group is 0.
    pub(super) fn slice<V: Value>(self, elements: &[V], planes: &mut Vec<Plane>) {
        // SAFETY: `self` exists only where `detect` found the features.
        unsafe { slice(elements, planes) }
    }

    /// The sums of a vector over rows with the bands `bands` at the columns `starts`, which ascend,
    /// into `sums`. No start may be so high that the band ends beyond the vector.
    pub(super) fn decode<V: Value, const W: usize, const Z: usize>(
        self,
        vector: &[Plane],
        starts: &[u32],
        bands: &[[u64; W]],
        sums: &mut [V],
    ) {
        // SAFETY: `self` exists only where `detect` found the features.
        unsafe { decode::<V, W, Z>(vector, starts, bands, sums) }
    }

    /// See [`substitute`](super::substitution::substitute). The columns are a multiple of eight.
    pub(super) fn substitute<V: Value, const W: usize, const Z: usize>(self, bands: &[[u64; W]], values: &mut [V]) {
        // SAFETY: `self` exists only where `detect` found the features.
        unsafe { substitute::<V, W, Z>(bands, values) }
    }
}

/// The sums of eight rows, or eight elements: a register for each 64 bits.
type Sliced = [__m512i; 2];

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vbmi2,gfni,bmi2")]
fn slice<V: Value>(elements: &[V], planes: &mut Vec<Plane>) {
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

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vbmi2,gfni,bmi2")]
fn decode<V: Value, const W: usize, const Z: usize>(
    vector: &[Plane],
    mut starts: &[u32],
    mut bands: &[[u64; W]],
    mut sums: &mut [V],
) {
    while let Some(first) = starts.first() {
        // As many rows as the columns of the tiles hold, from the group of the first start on.
        let origin = first & !7;
        let reach = origin + (512 * Z - 64 * W) as u32;
        let count = starts.iter().take(8).take_while(|start| **start <= reach).count().max(1);
        let (Some((batch, later)), Some((rows, later_rows)), Some((out, later_sums))) =
            (starts.split_at_checked(count), bands.split_at_checked(count), sums.split_at_mut_checked(count))
        else {
            return;
        };
        let span = batch.last().map_or(0, |last| last - origin) as usize + 64 * W;
        let mut placed = [[_mm512_setzero_si512(); Z]; 8];
        for ((placed, row), start) in placed.iter_mut().zip(rows).zip(batch) {
            *placed = place(row, (start - origin) as usize);
        }
        let tiles = matrices(&placed);
        let groups = vector.get(origin as usize / 8 * V::WORDS..).unwrap_or_default();
        let sum = accumulate::<V>(groups, tiles.as_flattened().iter().take(span.div_ceil(8)));
        for (to, from) in out.iter_mut().zip(unslice::<V>(sum)) {
            *to = from;
        }
        (starts, bands, sums) = (later, later_rows, later_sums);
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vbmi2,gfni,bmi2")]
fn substitute<V: Value, const W: usize, const Z: usize>(bands: &[[u64; W]], values: &mut [V]) {
    // The vector from the present group on, as far as bands reach; it is filled from behind.
    let following = 8 * W * V::WORDS;
    let mut window = vec![Plane::ZERO; WINDOW * V::WORDS + following];
    let mut at = WINDOW * V::WORDS;
    for (bands, values) in bands.as_chunks::<8>().0.iter().zip(values.as_chunks_mut::<8>().0).rev() {
        if at == 0 {
            at = WINDOW * V::WORDS;
            window.copy_within(..following, at);
        }
        let mut placed = [[_mm512_setzero_si512(); Z]; 8];
        for (column, (placed, band)) in placed.iter_mut().zip(bands).enumerate() {
            *placed = place(band, column);
        }
        let tiles = matrices(&placed);
        let mut matrices = tiles.as_flattened().iter();
        let inverse = invert(matrices.next().copied().unwrap_or(0));
        let known = window.get(at..).unwrap_or_default();
        let mut sum = accumulate::<V>(known, matrices.take(8 * W));
        for (sum, value) in sum.iter_mut().zip(slice_group(values)) {
            *sum = times(_mm512_xor_si512(*sum, value), inverse);
        }
        *values = unslice(sum);
        at -= V::WORDS;
        let group = window.get_mut(at..).unwrap_or_default();
        for (plane, sum) in group.iter_mut().zip(sum).take(V::WORDS) {
            store(&mut plane.0, sum);
        }
    }
}

/// The sum of `matrices` times the groups of `vector`, one after the other.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vbmi2,gfni,bmi2")]
fn accumulate<'a, V: Value>(vector: &[Plane], matrices: impl Iterator<Item = &'a u64>) -> Sliced {
    let mut sums = [_mm512_setzero_si512(); 2];
    for (group, matrix) in vector.chunks_exact(V::WORDS).zip(matrices) {
        let matrix = _mm512_set1_epi64(matrix.cast_signed());
        for (sum, plane) in sums.iter_mut().zip(group) {
            *sum = _mm512_xor_si512(*sum, times(load(&plane.0), matrix));
        }
    }
    sums
}

/// A band as bits of `Z` registers, from the bit `shift` on.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vbmi2,gfni,bmi2")]
fn place<const W: usize, const Z: usize>(band: &[u64; W], shift: usize) -> [__m512i; Z] {
    let (low, high) = load_words(band);
    let (words, bits) = ((shift / 64) as i64, _mm512_set1_epi64((shift % 64) as i64));
    let mut present = ((1u64 << W) - 1) << words;
    // Word `q` of a register is word `q - words` of the band, and so on.
    let mut index = _mm512_sub_epi64(_mm512_set_epi64(7, 6, 5, 4, 3, 2, 1, 0), _mm512_set1_epi64(words));
    let mut below = _mm512_setzero_si512();
    let mut placed = [below; Z];
    for register in &mut placed {
        let whole = _mm512_maskz_permutex2var_epi64((present & 0xff) as u8, low, index, high);
        *register = _mm512_shldv_epi64(whole, _mm512_alignr_epi64::<7>(whole, below), bits);
        below = whole;
        present >>= 8;
        index = _mm512_add_epi64(index, _mm512_set1_epi64(8));
    }
    placed
}

/// The matrices of eight rows, one for each group of columns, that is, each byte of a row.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vbmi2,gfni,bmi2")]
fn matrices<const Z: usize>(rows: &[[__m512i; Z]; 8]) -> [[u64; 64]; Z] {
    let [h, g, f, e, d, c, b, a] = rows;
    let mut tiles = [[0; 64]; Z];
    let rows = a.iter().zip(b).zip(c.iter().zip(d)).zip(e.iter().zip(f).zip(g.iter().zip(h)));
    for (tile, (((a, b), (c, d)), ((e, f), (g, h)))) in tiles.iter_mut().zip(rows) {
        let registers = transpose_bytes([*a, *b, *c, *d, *e, *f, *g, *h]);
        let (parts, _) = tile.as_chunks_mut::<8>();
        for (part, register) in parts.iter_mut().zip(registers) {
            store(part, register);
        }
    }
    tiles
}

/// Byte `i` of each of `rows`, for every `i`: eight bytes, 64 times.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vbmi2,gfni,bmi2")]
fn transpose_bytes(rows: [__m512i; 8]) -> [__m512i; 8] {
    // Interleaving goes lane by lane. With the bytes in this order before, lane `l` of register `r`
    // has the bytes 8r + 2l and 8r + 2l + 1 in the end.
    const ORDER: [u64; 8] = order([3, 2, 1, 5, 4, 0], 0);
    let order = load(&ORDER);
    let mut rows = rows;
    for row in &mut rows {
        *row = _mm512_permutexvar_epi8(order, *row);
    }
    let [a, b, c, d, e, f, g, h] = rows;
    let [ab, cd] = [interleave_bytes(a, b), interleave_bytes(c, d)];
    let [ef, gh] = [interleave_bytes(e, f), interleave_bytes(g, h)];
    let [front, back] = [interleave_pairs(ab, cd), interleave_pairs(ef, gh)];
    let mut out = [_mm512_setzero_si512(); 8];
    let (pairs, _) = out.as_chunks_mut::<2>();
    for (pair, (front, back)) in pairs.iter_mut().zip(front.into_iter().zip(back)) {
        *pair = [_mm512_unpacklo_epi32(front, back), _mm512_unpackhi_epi32(front, back)];
    }
    out
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn interleave_bytes(a: __m512i, b: __m512i) -> [__m512i; 2] {
    [_mm512_unpacklo_epi8(a, b), _mm512_unpackhi_epi8(a, b)]
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn interleave_pairs([a, b]: [__m512i; 2], [c, d]: [__m512i; 2]) -> [__m512i; 4] {
    [_mm512_unpacklo_epi16(a, c), _mm512_unpackhi_epi16(a, c), _mm512_unpacklo_epi16(b, d), _mm512_unpackhi_epi16(b, d)]
}

/// The inverse of `rows` once free columns, whose row is 0, have a 1 on the diagonal: then it is
/// unit upper triangular, I + N with N^8 = 0, and (I + N)(I + N^2)(I + N^4) is the inverse.
#[inline]
#[target_feature(enable = "avx512f,gfni")]
fn invert(rows: u64) -> __m512i {
    let unit = _mm512_set1_epi64(UNIT);
    let one = _mm512_or_si512(_mm512_set1_epi64(rows.cast_signed()), unit);
    // A product by rows is the rows of the first times the columns of the second, and by columns the
    // other way round.
    let rows = _mm512_xor_si512(one, unit);
    let columns = times(unit, rows);
    let (rows2, columns2) = (times(rows, columns), times(columns, rows));
    let columns4 = times(columns2, rows2);
    let two = times(one, _mm512_xor_si512(columns2, unit));
    times(two, _mm512_xor_si512(columns4, unit))
}

/// The matrix I.
const UNIT: i64 = 0x0102_0408_1020_4080;

/// The bytes 2^0 to 2^7: times a matrix that is its columns, and byte `j` has bit `j` of each row.
const POWERS: i64 = UNIT.swap_bytes();

/// Every byte of `vectors` times the matrix in the same 64 bits of `matrices`.
#[inline]
#[target_feature(enable = "avx512f,gfni")]
fn times(vectors: __m512i, matrices: __m512i) -> __m512i {
    _mm512_gf2p8affine_epi64_epi8::<0>(vectors, matrices)
}

/// Eight elements, bit by bit.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,gfni")]
fn slice_group<V: Value>(elements: &[V; 8]) -> Sliced {
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
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,gfni")]
fn unslice<V: Value>(sliced: Sliced) -> [V; 8] {
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
const fn order(bits: [u32; 6], flip: u8) -> [u64; 8] {
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

/// Up to 16 words, in two registers.
#[inline]
#[target_feature(enable = "avx512f")]
fn load_words<const W: usize>(words: &[u64; W]) -> (__m512i, __m512i) {
    const { assert!(W <= 16) };
    let present = ((1u32 << W) - 1) & 0xffff;
    let words = words.as_ptr().cast::<i64>();
    // SAFETY: a load touches no word but those in its mask, and these are the first `W`. The second
    // address is only computed where it is not used.
    unsafe {
        (
            _mm512_maskz_loadu_epi64((present & 0xff) as u8, words),
            _mm512_maskz_loadu_epi64((present >> 8) as u8, words.wrapping_add(8)),
        )
    }
}
