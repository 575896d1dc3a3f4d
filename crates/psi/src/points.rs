//! Group elements in bulk: at the door, and multiplied and encoded by the batch.
//!
//! Encoding an element takes an inverse square root, and these do not batch; but the encoding of
//! twice an element does (`double_and_compress_batch`). So every multiplication here is by half of
//! the scalar, modulo the order of the group, and the doubling gives back the rest.

use std::slice::ChunksExact;

use curve25519_dalek::ristretto::CompressedRistretto;
use curve25519_dalek::{RistrettoPoint, Scalar};
use rayon::prelude::*;

use crate::PsiError;

/// Bytes of an encoded group element.
pub(crate) const POINT_BYTES: usize = 32;

/// [`POINT_BYTES`] as headers have it.
pub(crate) const POINT_WIDTH: u32 = 32;

/// Elements that share one inversion, and that one thread takes at a time.
pub(crate) const BATCH: usize = 128;

/// Half of a scalar modulo the order of the group: twice the result is `scalar`.
pub(crate) fn half(scalar: &Scalar) -> Scalar {
    scalar.div_by_2()
}

/// Encodings of twice each of `points`.
pub(crate) fn encode_doubled(points: &[RistrettoPoint]) -> Vec<CompressedRistretto> {
    RistrettoPoint::double_and_compress_batch(points)
}

/// A peer's group element: canonically encoded and not the identity.
pub(crate) fn decode(encoding: &[u8; POINT_BYTES]) -> Result<RistrettoPoint, PsiError> {
    // The identity is the one element whose canonical encoding is all zeros.
    if encoding == &[0; POINT_BYTES] {
        return Err(PsiError::Peer("the identity in the place of a group element"));
    }
    CompressedRistretto(*encoding)
        .decompress()
        .ok_or(PsiError::Peer("bytes that are not the canonical encoding of a group element"))
}

/// Elements of `N` bytes each, of which at most `most` are still due.
pub(crate) fn split<const N: usize>(bytes: &[u8], most: usize) -> Result<&[[u8; N]], PsiError> {
    let (elements, rest) = bytes.as_chunks::<N>();
    if !rest.is_empty() {
        return Err(PsiError::Peer("a part of an element"));
    }
    if elements.len() > most {
        return Err(PsiError::Peer("more elements than it declared"));
    }
    Ok(elements)
}

/// Elements of `width` bytes each, of which at most `most` are still due.
pub(crate) fn split_rows(bytes: &[u8], width: usize, most: usize) -> Result<ChunksExact<'_, u8>, PsiError> {
    if width == 0 || !bytes.len().is_multiple_of(width) {
        return Err(PsiError::Peer("a part of an element"));
    }
    if bytes.len() / width > most {
        return Err(PsiError::Peer("more elements than it declared"));
    }
    Ok(bytes.chunks_exact(width))
}

/// Runs `batch` on every [`BATCH`] of `input` in parallel, and strings the results together.
/// It is told where in `input` the batch begins.
pub(crate) fn in_batches<T: Sync, U: Send>(
    input: &[T],
    batch: impl Fn(usize, &[T]) -> Result<Vec<U>, PsiError> + Sync,
) -> Result<Vec<U>, PsiError> {
    let batches: Vec<_> =
        input.par_chunks(BATCH).enumerate().map(|(i, chunk)| batch(i * BATCH, chunk)).collect::<Result<_, _>>()?;
    Ok(batches.into_iter().flatten().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_then_double_is_the_multiplication() {
        let points: Vec<_> = (1u64..300).map(|k| RistrettoPoint::mul_base(&Scalar::from(k * k))).collect();
        // An odd and an even one.
        for scalar in [Scalar::from(12_345_677u64), Scalar::from(2u64).invert()] {
            let halves: Vec<_> = points.iter().map(|point| point * half(&scalar)).collect();
            let expected: Vec<_> = points.iter().map(|point| (point * scalar).compress()).collect();
            assert_eq!(encode_doubled(&halves), expected);
        }
    }

    #[test]
    fn elements_are_cut_and_counted() {
        assert_eq!(split::<2>(&[1, 2, 3, 4], 2).unwrap(), [[1, 2], [3, 4]]);
        assert_eq!(split_rows(&[1, 2, 3, 4], 2, 2).unwrap().collect::<Vec<_>>(), [[1, 2], [3, 4]]);
        assert!(split::<2>(&[], 0).unwrap().is_empty());
        for (bytes, most) in [([1, 2, 3].as_slice(), 2), (&[1, 2, 3, 4], 1), (&[1, 2], 0)] {
            assert!(matches!(split::<2>(bytes, most), Err(PsiError::Peer(_))));
            assert!(matches!(split_rows(bytes, 2, most), Err(PsiError::Peer(_))));
        }
    }

    #[test]
    fn batches_keep_order_and_know_their_place() {
        let input: Vec<usize> = (0..1000).collect();
        let doubled = in_batches(&input, |first, batch| {
            assert_eq!(batch.first(), Some(&first));
            Ok(batch.iter().map(|n| 2 * n).collect())
        });
        assert_eq!(doubled.unwrap(), (0..1000).map(|n| 2 * n).collect::<Vec<_>>());
        let failing = in_batches(&input, |first, _| if first == 0 { Ok(vec![0]) } else { Err(PsiError::NOTHING_DUE) });
        assert!(failing.is_err());
    }
}
