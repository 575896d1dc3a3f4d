//! Sums over bands.
//!
//! Of eight rows, the bits at the eight columns of a group are an 8x8 matrix over GF(2), and
//! `vgf2p8affineqb` multiplies it with all 64 bytes of a plane. What comes out, byte `b` having bit
//! `b` of the sum of each row, is a plane again.
//!
//! A matrix is 64 bits in which, as the instruction has it, byte `7 - i` is row `i`.

use std::arch::x86_64::*;

use super::planes::{Plane, Sliced, order, slice_group, unslice};
use super::{load, store};
use crate::okvs::record::Record;
use crate::okvs::value::Value;

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vbmi2,gfni,bmi1,bmi2")]
pub(super) fn decode<V: Value, const R: usize>(
    vector: &[Plane],
    band: usize,
    mut starts: &[u32],
    mut records: &[Record<R>],
    mut sums: &mut [V],
) {
    while let Some(first) = starts.first() {
        // As many rows as `R` registers have columns for, from the group of the first start on.
        let origin = first & !7;
        let reach = 512 * R - band;
        let near = starts.iter().take(8).take_while(|start| (**start - origin) as usize <= reach).count();
        let (Some(batch), Some(rows), Some(out)) =
            (starts.split_off(..near), records.split_off(..near), sums.split_off_mut(..near))
        else {
            return;
        };
        let mut placed = [[_mm512_setzero_si512(); R]; 8];
        for ((placed, row), start) in placed.iter_mut().zip(rows).zip(batch) {
            *placed = shift_up(row, (start - origin) as usize);
        }
        let columns = batch.last().map_or(0, |last| last - origin) as usize + band;
        let matrices = matrices(&placed);
        let groups = vector.get(origin as usize / 8 * V::WORDS..).unwrap_or_default();
        let sum = accumulate::<V>(groups, matrices.as_flattened().iter().take(columns.div_ceil(8)));
        for (to, from) in out.iter_mut().zip(unslice::<V>(sum)) {
            *to = from;
        }
    }
}

/// Groups that a [`Window`] takes before what it has to keep moves back, besides that.
const WINDOW: usize = 256;

/// The end of a vector that is found from behind, as far as bands reach.
pub(in crate::okvs) struct Window {
    planes: Vec<Plane>,
    /// Where the first group is.
    at: usize,
    /// How many groups after its own a band reaches that starts at the last column of a group.
    reach: usize,
}

impl Window {
    /// At the end of a vector, where there is nothing but zeros. Bands are of `band` columns.
    pub(in crate::okvs) fn new(band: usize) -> Self {
        Self { planes: Vec::new(), at: 0, reach: (band + 6) / 8 }
    }

    /// The planes from the first group on.
    fn planes(&self) -> &[Plane] {
        self.planes.get(self.at..).unwrap_or_default()
    }

    /// Puts a group before the others.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vbmi2,gfni,bmi1,bmi2")]
    fn push<V: Value>(&mut self, sliced: Sliced) {
        let keep = self.reach * V::WORDS;
        if self.at == 0 {
            self.at = WINDOW * V::WORDS;
            self.planes.resize(self.at + keep, Plane::ZERO);
            self.planes.copy_within(..keep, self.at);
        }
        self.at -= V::WORDS;
        let group = self.planes.get_mut(self.at..).unwrap_or_default();
        for (plane, sliced) in group.iter_mut().zip(sliced).take(V::WORDS) {
            store(&mut plane.0, sliced);
        }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vbmi2,gfni,bmi1,bmi2")]
pub(super) fn substitute<V: Value, const R: usize>(pivots: &[Record<R>], window: &mut Window, vector: &mut [V]) {
    for (pivots, elements) in pivots.as_chunks::<8>().0.iter().zip(vector.as_chunks_mut::<8>().0).rev() {
        let mut placed = [[_mm512_setzero_si512(); R]; 8];
        let mut values = [V::default(); 8];
        for (column, ((placed, value), pivot)) in placed.iter_mut().zip(&mut values).zip(pivots).enumerate() {
            *placed = shift_up_bits(pivot, column);
            *value = pivot.value();
        }
        let matrices = matrices(&placed);
        let mut matrices = matrices.as_flattened().iter();
        let inverse = invert(matrices.next().copied().unwrap_or(0));
        let mut sum = accumulate::<V>(window.planes(), matrices.take(window.reach));
        for (sum, value) in sum.iter_mut().zip(slice_group(&values)) {
            *sum = times(_mm512_xor_si512(*sum, value), inverse);
        }
        *elements = unslice(sum);
        window.push::<V>(sum);
    }
}

/// The sum of `matrices` times the groups of `vector`, one after the other.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vbmi2,gfni,bmi1,bmi2")]
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

/// The band of a row as bits of `R` registers, from the bit `shift` on. It must have room there.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vbmi2,gfni,bmi1,bmi2")]
fn shift_up<const R: usize>(row: &Record<R>, shift: usize) -> [__m512i; R] {
    let words = (shift / 64) as i64;
    // Word `q` of a register is word `q - words` of the band, and so on.
    let mut index = _mm512_sub_epi64(_mm512_set_epi64(7, 6, 5, 4, 3, 2, 1, 0), _mm512_set1_epi64(words));
    let mut present = ((1u32 << Record::<R>::BAND) - 1) << words;
    let (mut low, mut high) = (_mm512_setzero_si512(), _mm512_setzero_si512());
    if let (Some(first), Some(last)) = (row.0.first(), row.0.last()) {
        (low, high) = (load(first), load(last));
    }
    let mut whole = [_mm512_setzero_si512(); R];
    for register in &mut whole {
        *register = _mm512_maskz_permutex2var_epi64((present & 0xff) as u8, low, index, high);
        present >>= 8;
        index = _mm512_add_epi64(index, _mm512_set1_epi64(8));
    }
    up_by_bits(whole, shift % 64)
}

/// The same for a shift by fewer than 64 bits.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vbmi2,gfni,bmi1,bmi2")]
fn shift_up_bits<const R: usize>(row: &Record<R>, bits: usize) -> [__m512i; R] {
    let mut present = (1u32 << Record::<R>::BAND) - 1;
    let mut whole = [_mm512_setzero_si512(); R];
    for (register, words) in whole.iter_mut().zip(&row.0) {
        *register = _mm512_maskz_mov_epi64((present & 0xff) as u8, load(words));
        present >>= 8;
    }
    up_by_bits(whole, bits)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vbmi2,gfni,bmi1,bmi2")]
fn up_by_bits<const R: usize>(mut registers: [__m512i; R], bits: usize) -> [__m512i; R] {
    let bits = _mm512_set1_epi64(bits as i64);
    let mut below = _mm512_setzero_si512();
    for register in &mut registers {
        let whole = *register;
        *register = _mm512_shldv_epi64(whole, _mm512_alignr_epi64::<7>(whole, below), bits);
        below = whole;
    }
    registers
}

/// The matrices of eight rows, one for each group of columns, that is, each byte of a row.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vbmi2,gfni,bmi1,bmi2")]
fn matrices<const R: usize>(rows: &[[__m512i; R]; 8]) -> [[u64; 64]; R] {
    let [h, g, f, e, d, c, b, a] = rows;
    let mut tiles = [[0; 64]; R];
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
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vbmi2,gfni,bmi1,bmi2")]
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
pub(super) const UNIT: i64 = 0x0102_0408_1020_4080;

/// Every byte of `vectors` times the matrix in the same 64 bits of `matrices`.
#[inline]
#[target_feature(enable = "avx512f,gfni")]
pub(super) fn times(vectors: __m512i, matrices: __m512i) -> __m512i {
    _mm512_gf2p8affine_epi64_epi8::<0>(vectors, matrices)
}
