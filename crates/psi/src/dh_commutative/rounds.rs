//! The rounds of both parties. The first is the same for both but for the kinds of its messages.

use rayon::slice::ParallelSliceMut;

use super::masking::Masking;
use crate::item::PaddedItems;
use crate::party::{Count, Expected, Header, MessageKind, Next, Round};
use crate::points::{POINT_BYTES, POINT_WIDTH, split, split_rows};
use crate::sorted::{Ascending, Lookup};
use crate::tag::{SortedTags, TagWidth};
use crate::{Outcome, PsiError};

/// Items that one step of work masks, for each thread.
const STEP_PER_THREAD: usize = 1024;

/// Whose rounds they are.
#[derive(Clone, Copy)]
pub(super) enum Side {
    Receiver,
    Sender,
}

/// Own masked items out, the peer's in.
pub(super) struct Exchange {
    side: Side,
    masking: Masking,
    items: PaddedItems,
    /// Own masked items: in the order of the items until all are there, then sorted.
    masked: Vec<[u8; POINT_BYTES]>,
    sorted: bool,
    sent: usize,
    /// Points that the peer has.
    peer: usize,
    order: Ascending<[u8; POINT_BYTES]>,
    /// Tags of the peer's points, masked by both.
    tags: Vec<u128>,
}

impl Exchange {
    pub(super) fn new(side: Side, masking: Masking, items: PaddedItems, peer: usize) -> Self {
        // Both grow with what is there: sizes are only what a party says.
        let (masked, tags) = (Vec::new(), Vec::new());
        Self { side, masking, items, masked, sorted: false, sent: 0, peer, order: Ascending::new(), tags }
    }
}

impl Round for Exchange {
    type Output = Outcome;

    fn phase(&self) -> &'static str {
        "exchange"
    }

    fn sends(&self) -> Option<Header> {
        let kind = match self.side {
            Side::Receiver => MessageKind::Blinded,
            Side::Sender => MessageKind::Masked,
        };
        Some(Header { kind, width: POINT_WIDTH, count: self.items.len() as u64 })
    }

    fn receives(&self) -> Option<Expected> {
        let kind = match self.side {
            Side::Receiver => MessageKind::Masked,
            Side::Sender => MessageKind::Blinded,
        };
        Some(Expected { kind, width: POINT_WIDTH, count: Count::Exactly(self.peer as u64) })
    }

    fn produce(&mut self, most: usize) -> Result<Vec<u8>, PsiError> {
        if !self.sorted {
            return Ok(Vec::new());
        }
        let due = self.masked.get(self.sent..).unwrap_or_default();
        let due = due.get(..most).unwrap_or(due);
        self.sent += due.len();
        Ok(due.as_flattened().to_vec())
    }

    fn absorb(&mut self, elements: &[u8]) -> Result<(), PsiError> {
        let elements = split::<POINT_BYTES>(elements, self.peer - self.tags.len())?;
        elements.iter().try_for_each(|element| self.order.admit(*element))?;
        self.tags.extend(self.masking.tags(elements)?);
        Ok(())
    }

    fn work(&mut self) -> Result<bool, PsiError> {
        if self.sorted {
            return Ok(false);
        }
        if self.masked.len() == self.items.len() {
            self.masked.par_sort_unstable();
            self.sorted = true;
            return Ok(true);
        }
        let first = self.masked.len();
        let items = self.items.range(first..first + STEP_PER_THREAD * rayon::current_num_threads());
        self.masked.extend(self.masking.mask(&items)?);
        Ok(true)
    }

    fn finish(mut self: Box<Self>) -> Result<Next<Outcome>, PsiError> {
        if self.sent != self.items.len() {
            return Err(PsiError::CUT_SHORT);
        }
        if self.tags.len() != self.peer {
            return Err(PsiError::Peer("fewer masked points than agreed"));
        }
        let width = self.masking.width();
        Ok(Next::Round(match self.side {
            Side::Receiver => {
                let own = Lookup::new(self.tags.into_iter().map(|tag| (tag, ())).collect());
                let count = self.items.len();
                Box::new(CountTags { own, order: Ascending::new(), width, count, read: 0, common: 0 })
            }
            Side::Sender => {
                self.tags.par_sort_unstable();
                Box::new(SendTags(SortedTags::new(self.tags, width)))
            }
        }))
    }
}

/// The sender's last round: tags of the receiver's items, sorted, so that none can be told from
/// another.
struct SendTags(SortedTags);

impl Round for SendTags {
    type Output = Outcome;

    fn phase(&self) -> &'static str {
        "count"
    }

    fn sends(&self) -> Option<Header> {
        Some(self.0.header(MessageKind::DoublyMasked))
    }

    fn produce(&mut self, most: usize) -> Result<Vec<u8>, PsiError> {
        Ok(self.0.produce(most))
    }

    fn finish(self: Box<Self>) -> Result<Next<Outcome>, PsiError> {
        if !self.0.are_out() {
            return Err(PsiError::CUT_SHORT);
        }
        Ok(Next::Done(Outcome::Nothing))
    }
}

/// The receiver's last round.
struct CountTags {
    own: Lookup<u128, ()>,
    order: Ascending<u128>,
    width: TagWidth,
    count: usize,
    read: usize,
    common: u64,
}

impl Round for CountTags {
    type Output = Outcome;

    fn phase(&self) -> &'static str {
        "count"
    }

    fn receives(&self) -> Option<Expected> {
        let count = Count::Exactly(self.count as u64);
        Some(Expected { kind: MessageKind::DoublyMasked, width: self.width.on_wire(), count })
    }

    fn absorb(&mut self, elements: &[u8]) -> Result<(), PsiError> {
        for tag in split_rows(elements, self.width.bytes(), self.count - self.read)? {
            let tag = self.width.read(tag);
            self.order.admit(tag)?;
            self.common += u64::from(!self.own.under(tag).is_empty());
            self.read += 1;
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Next<Outcome>, PsiError> {
        if self.read != self.count {
            return Err(PsiError::Peer("fewer tags than agreed"));
        }
        Ok(Next::Done(Outcome::Count(self.common)))
    }
}
