//! The short messages: made and gathered whole.

use crate::PsiError;
use crate::party::{Count, Expected, Header, MessageKind};

/// A message that is ready.
pub(super) struct Outgoing {
    kind: MessageKind,
    width: usize,
    bytes: Vec<u8>,
    sent: usize,
}

impl Outgoing {
    /// `bytes` as elements of `width` bytes each.
    pub(super) fn new(kind: MessageKind, width: usize, bytes: Vec<u8>) -> Self {
        Self { kind, width, bytes, sent: 0 }
    }

    pub(super) fn header(&self) -> Header {
        let count = self.bytes.len().checked_div(self.width).unwrap_or(0) as u64;
        Header { kind: self.kind, width: u32::try_from(self.width).unwrap_or(u32::MAX), count }
    }

    /// The next elements, at most `most`.
    pub(super) fn produce(&mut self, most: usize) -> Vec<u8> {
        let due = self.bytes.get(self.sent..).unwrap_or_default();
        let due = due.get(..most.saturating_mul(self.width)).unwrap_or(due).to_vec();
        self.sent += due.len();
        due
    }

    pub(super) fn is_out(&self) -> bool {
        self.sent == self.bytes.len()
    }
}

/// A message that is gathered until it is whole.
pub(super) struct Gathering {
    kind: MessageKind,
    width: usize,
    count: usize,
    bytes: Vec<u8>,
}

impl Gathering {
    /// `count` elements of `width` bytes each.
    pub(super) fn new(kind: MessageKind, width: usize, count: usize) -> Self {
        Self { kind, width, count, bytes: Vec::new() }
    }

    pub(super) fn expected(&self) -> Expected {
        let count = Count::Exactly(self.count as u64);
        Expected { kind: self.kind, width: u32::try_from(self.width).unwrap_or(u32::MAX), count }
    }

    /// Takes the next elements.
    ///
    /// # Errors
    /// [`PsiError::Peer`] if they are more than agreed.
    pub(super) fn absorb(&mut self, elements: &[u8]) -> Result<(), PsiError> {
        if self.bytes.len() + elements.len() > self.width * self.count {
            return Err(PsiError::Peer("more elements than it declared"));
        }
        self.bytes.extend_from_slice(elements);
        Ok(())
    }

    pub(super) fn is_whole(&self) -> bool {
        self.bytes.len() == self.width * self.count
    }

    /// The message.
    ///
    /// # Errors
    /// [`PsiError::Peer`] if it is not whole.
    pub(super) fn finish(self) -> Result<Vec<u8>, PsiError> {
        if self.is_whole() { Ok(self.bytes) } else { Err(SHORT) }
    }
}

/// Fewer elements than the message has.
pub(super) const SHORT: PsiError = PsiError::Peer("a shorter message than agreed");
