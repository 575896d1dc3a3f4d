//! The receiver, whatever the mode: gets its outputs from the OPRF, then walks the sender's list.

use super::exchange::Exchange;
use crate::item::PaddedItems;
use crate::oprf::{Derive, Derived, OprfReceiver, Outstanding};
use crate::party::{Expected, MessageKind, Next, Round};
use crate::points::split_rows;
use crate::{Outcome, PsiError};

/// What a mode does with the sender's list.
pub(super) trait Reading: Send + 'static {
    /// What is derived from the output of each own item.
    type Derived: Send + Sync + 'static;

    /// The messages that the list is, in their order. It is at least one, each of a count that is fixed.
    fn expected(&self) -> Vec<Expected>;

    /// Whether the message of `kind` can be read before [`arrange`](Reading::arrange).
    fn reads_early(&self, kind: MessageKind) -> bool;

    /// Takes what was derived from the outputs of all items, random ones included.
    fn arrange(&mut self, derived: Derived<Self::Derived>) -> Result<(), PsiError>;

    /// Takes the next elements of the message of `kind`: whole ones, no more than are expected.
    fn read(&mut self, kind: MessageKind, elements: &[u8]) -> Result<(), PsiError>;

    /// What follows, once the list has been read and own outputs arranged.
    fn next(self) -> Result<Next<Outcome>, PsiError>;
}

/// The receiver's rounds: the OPRF's, and then those of `reading`.
pub(super) fn start<O, D, R>(
    oprf: O,
    items: PaddedItems,
    derive: D,
    reading: R,
) -> Result<Box<dyn Round<Output = Outcome>>, PsiError>
where
    O: OprfReceiver,
    D: Derive,
    R: Reading<Derived = D::Derived>,
{
    let Some(first) = reading.expected().first().copied() else {
        return Err(PsiError::Usage("a list without messages"));
    };
    let then = move |outstanding| -> Box<dyn Round<Output = Outcome>> {
        Box::new(ReadList { outstanding: Some(outstanding), reading, message: 0, expected: first, read: 0 })
    };
    Ok(Box::new(Exchange { oprf: oprf.start(items, derive)?, then }))
}

/// A round in which a message of the sender's list arrives.
struct ReadList<R: Reading> {
    /// Until own outputs are arranged.
    outstanding: Option<Box<dyn Outstanding<R::Derived>>>,
    reading: R,
    /// Messages before this one.
    message: usize,
    expected: Expected,
    /// Elements that were read.
    read: u64,
}

impl<R: Reading> ReadList<R> {
    /// Arranges own outputs, unless that has been done.
    fn arrange(&mut self) -> Result<(), PsiError> {
        match self.outstanding.take() {
            Some(outstanding) => self.reading.arrange(outstanding.finish()?),
            None => Ok(()),
        }
    }
}

impl<R: Reading> Round for ReadList<R> {
    type Output = Outcome;

    fn phase(&self) -> &'static str {
        super::list_phase(self.expected.kind)
    }

    fn receives(&self) -> Option<Expected> {
        Some(self.expected)
    }

    fn absorb(&mut self, elements: &[u8]) -> Result<(), PsiError> {
        let Expected { kind, width, count } = self.expected;
        let due = usize::try_from(count.most().saturating_sub(self.read)).unwrap_or(usize::MAX);
        self.read += split_rows(elements, width as usize, due)?.len() as u64;
        if !self.reading.reads_early(kind) {
            self.arrange()?;
        }
        self.reading.read(kind, elements)
    }

    fn work(&mut self) -> Result<bool, PsiError> {
        let Some(outstanding) = &mut self.outstanding else { return Ok(false) };
        if !outstanding.step()? {
            self.arrange()?;
        }
        Ok(true)
    }

    fn finish(mut self: Box<Self>) -> Result<Next<Outcome>, PsiError> {
        if self.read != self.expected.count.most() {
            return Err(PsiError::Peer("a shorter list than agreed"));
        }
        let message = self.message.saturating_add(1);
        if let Some(expected) = self.reading.expected().get(message) {
            return Ok(Next::Round(Box::new(Self { message, expected: *expected, read: 0, ..*self })));
        }
        self.arrange()?;
        self.reading.next()
    }
}
