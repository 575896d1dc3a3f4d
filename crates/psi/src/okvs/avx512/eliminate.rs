//! Elimination without branches that cannot be foretold.
//!
//! Whether another row leads at the column of a row is as good as random, so that a loop over the
//! reductions of one row would be mispredicted once a row. Here a step does the same in either case:
//! it reads the row that leads there, or a zero, writes back that row or its own, and goes on with
//! the sum of both or with the next row, by selection. Several parts of the segment go in turns, so
//! that the steps of one overlap with those of the others.

use std::arch::x86_64::*;

use super::{load, store};
use crate::okvs::elimination::{Ahead, LANES, Queue};
use crate::okvs::record::{Dependent, Pivots, Record};
use crate::okvs::value::Value;

/// A row on its way.
#[derive(Clone, Copy)]
struct Lane<const R: usize> {
    row: [__m512i; R],
    /// Its leading column.
    lead: usize,
    /// Rows taken from those ahead.
    taken: usize,
}

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vbmi2,gfni,bmi1,bmi2")]
pub(super) fn eliminate<V: Value, const R: usize>(
    pivots: &mut Pivots<R>,
    queues: &mut [Queue<'_, V, R>; LANES],
) -> Result<(), Dependent> {
    let mut lanes = [Lane { row: [_mm512_setzero_si512(); R], lead: 0, taken: 0 }; LANES];
    if queues.iter_mut().all(|queue| !queue.ahead().records.is_empty()) {
        for (lane, queue) in lanes.iter_mut().zip(queues.iter_mut()) {
            let ahead = queue.ahead();
            if let (Some(row), Some(start)) = (ahead.records.first(), ahead.starts.first()) {
                lane.lead = *start as usize - ahead.first;
                lane.take(load_row(row))?;
            }
            queue.skip(1);
        }
        while steps(pivots, &mut lanes, &queues.each_mut().map(Queue::ahead))? {
            for (lane, queue) in lanes.iter_mut().zip(queues.iter_mut()) {
                queue.skip(std::mem::take(&mut lane.taken));
            }
        }
        for lane in lanes {
            pivots.insert(lane.lead, store_row(lane.row))?;
        }
    }
    queues.iter_mut().try_for_each(|queue| queue.insert_all(pivots))
}

/// Does as many steps with each lane as there are rows ahead for any. Whether there were some.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vbmi2,gfni,bmi1,bmi2")]
fn steps<const R: usize>(
    pivots: &mut Pivots<R>,
    lanes: &mut [Lane<R>; LANES],
    ahead: &[Ahead<'_, R>; LANES],
) -> Result<bool, Dependent> {
    let steps = ahead.iter().map(|rows| rows.records.len()).min().unwrap_or(0);
    let mut now = *lanes;
    for _ in 0..steps {
        for (lane, ahead) in now.iter_mut().zip(ahead) {
            lane.step(pivots, ahead)?;
        }
    }
    *lanes = now;
    Ok(steps > 0)
}

impl<const R: usize> Lane<R> {
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vbmi2,gfni,bmi1,bmi2")]
    fn step(&mut self, pivots: &mut Pivots<R>, ahead: &Ahead<'_, R>) -> Result<(), Dependent> {
        // A step takes one row at most, so that there is one.
        let (Some(next), Some(start)) = (ahead.records.get(self.taken), ahead.starts.get(self.taken)) else {
            return Err(Dependent);
        };
        let start = *start as usize - ahead.first;
        let Some(pivot) = pivots.rows.get_mut(self.lead) else {
            pivots.beyond.push((self.lead, store_row(self.row)));
            (self.lead, self.taken) = (start, self.taken + 1);
            return self.take_far(load_row(next));
        };
        let led = pivot.front() & 1;
        let mask = (led as u8).wrapping_neg();
        let mut sum = self.row;
        for ((sum, pivot), next) in sum.iter_mut().zip(&mut pivot.0).zip(&next.0) {
            let (row, other) = (*sum, load(pivot));
            store(pivot, _mm512_mask_blend_epi64(mask, row, other));
            *sum = _mm512_mask_blend_epi64(mask, load(next), _mm512_xor_si512(row, other));
        }
        self.lead = if led == 1 { self.lead } else { start };
        self.taken += 1 - led as usize;
        self.take(sum)
    }

    /// Goes on with `row`, which begins at the leading column.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vbmi2,gfni,bmi1,bmi2")]
    fn take(&mut self, row: [__m512i; R]) -> Result<(), Dependent> {
        let front = row.first().map_or(0, |row| _mm_cvtsi128_si64(_mm512_castsi512_si128(*row))).cast_unsigned();
        if front == 0 {
            return self.take_far(row);
        }
        let bits = front.trailing_zeros();
        self.lead += bits as usize;
        self.row = down_by_bits(row, bits);
        Ok(())
    }

    /// The same, also where none of the first 64 columns leads.
    #[cold]
    #[inline(never)]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vbmi2,gfni,bmi1,bmi2")]
    fn take_far(&mut self, row: [__m512i; R]) -> Result<(), Dependent> {
        let mut record = store_row(row);
        self.lead += record.advance()?;
        self.row = load_row(&record);
        Ok(())
    }
}

/// A row with its band moved down by fewer than 64 bits.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vbmi2,gfni,bmi1,bmi2")]
fn down_by_bits<const R: usize>(mut row: [__m512i; R], bits: u32) -> [__m512i; R] {
    let bits = _mm512_set1_epi64(bits.into());
    // Of the last register the last two words are the value.
    let (mut above, mut band, mut inner) = (_mm512_setzero_si512(), 0b0011_1111, 0b0001_1111);
    for register in row.iter_mut().rev() {
        let next = _mm512_maskz_alignr_epi64::<1>(inner, above, *register);
        above = *register;
        *register = _mm512_mask_shrdv_epi64(*register, band, next, bits);
        (band, inner) = (0xff, 0xff);
    }
    row
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vbmi2,gfni,bmi1,bmi2")]
fn load_row<const R: usize>(record: &Record<R>) -> [__m512i; R] {
    let mut row = [_mm512_setzero_si512(); R];
    for (row, words) in row.iter_mut().zip(&record.0) {
        *row = load(words);
    }
    row
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vbmi2,gfni,bmi1,bmi2")]
fn store_row<const R: usize>(row: [__m512i; R]) -> Record<R> {
    let mut record = Record::ZERO;
    for (words, row) in record.0.iter_mut().zip(row) {
        store(words, row);
    }
    record
}
