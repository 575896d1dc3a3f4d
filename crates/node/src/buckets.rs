//! Bytes dealt into numbered buckets, in memory as long as they fit and on disk beyond.
//!
//! What is put into a bucket comes out of it in the same order.

use std::mem;

use crate::{
    error::RunError,
    spill::{Block, Spill},
};

/// Bytes that a bucket's memory grows by, once it has so many: doubling would take twice what is needed.
const STEP: usize = 64 << 10;

/// Bytes of a block, at the most: some of them wait to be written.
const MOST_BLOCK: usize = 8 << 20;

/// Numbered buckets.
pub(crate) struct Buckets {
    buckets: Vec<Bucket>,
    /// Bytes in memory, and how many there may be.
    held: usize,
    most: usize,
    /// Bytes of a block, at the most.
    block: usize,
    spill: Spill,
}

/// What was in a bucket.
pub(crate) struct Taken(Bucket);

#[derive(Default)]
struct Bucket {
    blocks: Vec<Block>,
    /// What is in memory, in its order: pieces that are full, and one that grows.
    full: Vec<Vec<u8>>,
    open: Vec<u8>,
    /// Bytes of both.
    held: usize,
}

impl Bucket {
    fn bytes(&self) -> u64 {
        self.blocks.iter().map(Block::bytes).sum::<u64>() + self.held as u64
    }

    fn read_into(&self, spill: &Spill, bytes: &mut Vec<u8>) -> Result<(), RunError> {
        bytes.reserve(usize::try_from(self.bytes()).unwrap_or(0));
        for block in &self.blocks {
            spill.get(*block, bytes)?;
        }
        self.full.iter().for_each(|piece| bytes.extend_from_slice(piece));
        bytes.extend_from_slice(&self.open);
        Ok(())
    }

    /// Takes what is in memory, piece by piece.
    fn take_held(&mut self) -> Vec<Vec<u8>> {
        let (mut pieces, open) = (mem::take(&mut self.full), mem::take(&mut self.open));
        self.held = 0;
        pieces.push(open);
        pieces
    }
}

impl Buckets {
    /// `count` empty ones, which hold `most` bytes in memory.
    pub(crate) fn new(count: usize, most: usize, spill: Spill) -> Self {
        Self { buckets: (0..count).map(|_| Bucket::default()).collect(), held: 0, most, block: MOST_BLOCK, spill }
    }

    /// Puts bytes into a bucket.
    ///
    /// # Errors
    /// [`RunError::Own`] if the disk does not take what does not fit into memory.
    pub(crate) fn put(&mut self, index: usize, bytes: &[u8]) -> Result<(), RunError> {
        let Some(bucket) = self.buckets.get_mut(index) else {
            return Err(RunError::Own("a fault in this program: there is no such bucket".to_owned()));
        };
        if bucket.open.capacity() - bucket.open.len() < bytes.len() && bucket.open.len() >= STEP {
            bucket.full.push(mem::replace(&mut bucket.open, Vec::with_capacity(STEP.max(bytes.len()))));
        }
        bucket.open.extend_from_slice(bytes);
        bucket.held += bytes.len();
        self.held += bytes.len();
        if self.held > self.most { self.make_room() } else { Ok(()) }
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.buckets.len()
    }

    /// Whether all is in memory.
    pub(crate) fn in_memory(&self) -> bool {
        self.spill.size() == 0
    }

    /// Bytes of the largest bucket.
    pub(crate) fn largest(&self) -> u64 {
        self.buckets.iter().map(Bucket::bytes).max().unwrap_or(0)
    }

    /// Bytes of a bucket, on average.
    pub(crate) fn mean(&self) -> u64 {
        let all: u64 = self.buckets.iter().map(Bucket::bytes).sum();
        all.checked_div(self.buckets.len() as u64).unwrap_or(0)
    }

    /// Puts bytes into a bucket, as [`put`](Self::put), without copying them.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    pub(crate) fn give(&mut self, index: usize, bytes: Vec<u8>) -> Result<(), RunError> {
        self.put(index, &[])?;
        let Some(bucket) = self.buckets.get_mut(index) else { return Ok(()) };
        self.held += bytes.len();
        bucket.held += bytes.len();
        let open = mem::take(&mut bucket.open);
        bucket.full.extend([open, bytes].into_iter().filter(|piece| !piece.is_empty()));
        if self.held > self.most { self.make_room() } else { Ok(()) }
    }

    /// All bytes of a bucket; it keeps them.
    ///
    /// # Errors
    /// [`RunError::Own`] if the disk does not give them back.
    pub(crate) fn read(&self, index: usize) -> Result<Vec<u8>, RunError> {
        let mut bytes = Vec::new();
        self.read_into(index, &mut bytes)?;
        Ok(bytes)
    }

    /// The same, into memory that is there already.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub(crate) fn read_into(&self, index: usize, bytes: &mut Vec<u8>) -> Result<(), RunError> {
        bytes.clear();
        self.buckets.get(index).map_or(Ok(()), |bucket| bucket.read_into(&self.spill, bytes))
    }

    /// Forgets what is in a bucket, if it is in memory.
    pub(crate) fn clear(&mut self, index: usize) {
        if let Some(bucket) = self.buckets.get_mut(index).filter(|bucket| bucket.blocks.is_empty()) {
            self.held = self.held.saturating_sub(bucket.held);
            *bucket = Bucket::default();
        }
    }

    /// All bytes of a bucket. What of them is in memory is given up.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub(crate) fn take(&mut self, index: usize) -> Result<Vec<u8>, RunError> {
        let taken = self.hand_out(index);
        self.fetch(taken)
    }

    /// Empties a bucket. What was in it is [fetched](Self::fetch) later, by several threads at once.
    pub(crate) fn hand_out(&mut self, index: usize) -> Taken {
        let bucket = self.buckets.get_mut(index).map(mem::take).unwrap_or_default();
        self.held = self.held.saturating_sub(bucket.held);
        Taken(bucket)
    }

    /// All bytes of a bucket that was handed out. It is not on disk any more.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub(crate) fn fetch(&self, Taken(mut bucket): Taken) -> Result<Vec<u8>, RunError> {
        if bucket.blocks.is_empty() {
            return Ok(match <[_; 1]>::try_from(bucket.take_held()) {
                Ok([only]) => only,
                Err(pieces) => pieces.concat(),
            });
        }
        let mut bytes = Vec::new();
        bucket.read_into(&self.spill, &mut bytes)?;
        bucket.blocks.iter().for_each(|block| self.spill.free(*block));
        Ok(bytes)
    }

    /// Sends the largest buckets to disk until there is room. One at a time, so that whoever fills them goes on.
    fn make_room(&mut self) -> Result<(), RunError> {
        while self.held > self.most {
            let Some(bucket) = self.buckets.iter_mut().max_by_key(|bucket| bucket.held) else { break };
            self.held = self.held.saturating_sub(bucket.held);
            let (mut pieces, mut bytes) = (Vec::new(), 0);
            for piece in bucket.take_held().into_iter().flat_map(|piece| cut_up(piece, self.block)) {
                if bytes + piece.len() > self.block {
                    bucket.blocks.push(self.spill.put(mem::take(&mut pieces))?);
                    bytes = 0;
                }
                bytes += piece.len();
                pieces.push(piece);
            }
            bucket.blocks.push(self.spill.put(pieces)?);
        }
        Ok(())
    }
}

/// A piece in parts of so many bytes at the most.
fn cut_up(piece: Vec<u8>, most: usize) -> Vec<Vec<u8>> {
    if piece.len() <= most { vec![piece] } else { piece.chunks(most).map(<[u8]>::to_vec).collect() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn buckets(count: usize, most: usize) -> Buckets {
        Buckets::new(count, most, Spill::new(&std::env::temp_dir()))
    }

    #[test]
    fn what_fits_stays_in_memory() {
        let mut buckets = buckets(3, 100);
        buckets.put(1, &[7; 100]).unwrap();
        assert!(buckets.in_memory());
        buckets.put(2, &[8; 1]).unwrap();
        assert!(!buckets.in_memory());
        assert_eq!((buckets.take(1).unwrap(), buckets.take(2).unwrap()), (vec![7; 100], vec![8]));
        assert!(buckets.take(1).unwrap().is_empty() && buckets.put(3, &[1]).is_err());
    }

    proptest! {
        #[test]
        fn buckets_give_what_was_put_in_order(
            puts in prop::collection::vec((0usize..5, prop::collection::vec(any::<u8>(), 0..50)), 0..200),
            most in prop_oneof![Just(0usize), 1usize..2000],
            block in 1usize..100,
        ) {
            let mut buckets = Buckets { block, ..buckets(5, most) };
            let mut expected = vec![Vec::<u8>::new(); 5];
            for (index, bytes) in puts {
                expected[index].extend(&bytes);
                if bytes.len() % 2 == 0 {
                    buckets.put(index, &bytes).unwrap();
                } else {
                    buckets.give(index, bytes).unwrap();
                }
            }
            for (index, expected) in expected.into_iter().enumerate() {
                prop_assert_eq!(&buckets.read(index).unwrap(), &expected);
                prop_assert_eq!(buckets.take(index).unwrap(), expected);
            }
            prop_assert_eq!(buckets.held, 0);
        }
    }
}
