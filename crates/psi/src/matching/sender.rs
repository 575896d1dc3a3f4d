//! The sender, whatever the mode: lets the receiver have its outputs, computes its own list
//! meanwhile, sends it.

use std::ops::Range;

use super::exchange::Exchange;
use crate::item::PaddedItems;
use crate::oprf::{Derive, Derived, OprfSender, Outstanding};
use crate::party::{Header, MessageKind, Next, Round};
use crate::{Outcome, PsiError};

/// The list that a mode sends, and what comes after it.
pub(super) trait List: Send + 'static {
    /// What is derived from the output of each own item.
    type Derived: Send + Sync + 'static;

    /// The messages that the list is, in their order. It is at least one.
    fn headers(&self) -> Vec<Header>;

    /// Elements of a message of `kind` to give at a time.
    fn step(&self, kind: MessageKind) -> usize;

    /// Takes what was derived from the outputs of all items, random ones included, and sorts it.
    fn arrange(&mut self, derived: Derived<Self::Derived>) -> Result<(), PsiError>;

    /// The elements of the message of `kind` at the places `range`, all of which exist, one after the
    /// other. Follows [`arrange`](List::arrange).
    fn rows(&self, kind: MessageKind, range: Range<usize>) -> Result<Vec<u8>, PsiError>;

    /// What follows the list.
    fn next(self) -> Result<Next<Outcome>, PsiError>;
}

/// The sender's rounds in the mode of `list`.
pub(super) fn start<O, D, L>(
    oprf: O,
    items: PaddedItems,
    derive: D,
    list: L,
) -> Result<Box<dyn Round<Output = Outcome>>, PsiError>
where
    O: OprfSender,
    D: Derive,
    L: List<Derived = D::Derived>,
{
    let Some(first) = list.headers().first().copied() else { return Err(PsiError::Usage("a list without messages")) };
    let then = move |outstanding| -> Box<dyn Round<Output = Outcome>> {
        Box::new(Sending { outstanding: Some(outstanding), list, message: 0, header: first, sent: 0 })
    };
    Ok(Box::new(Exchange { oprf: oprf.start(items, derive)?, then }))
}

/// A round that sends a message of the list.
struct Sending<L: List> {
    /// Until the list is arranged.
    outstanding: Option<Box<dyn Outstanding<L::Derived>>>,
    list: L,
    /// Messages before this one.
    message: usize,
    header: Header,
    /// Elements that are out.
    sent: usize,
}

impl<L: List> Sending<L> {
    /// One step towards the arranged list; whether there was one to do.
    fn advance(&mut self) -> Result<bool, PsiError> {
        let Some(outstanding) = &mut self.outstanding else { return Ok(false) };
        if !outstanding.step()?
            && let Some(outstanding) = self.outstanding.take()
        {
            self.list.arrange(outstanding.finish()?)?;
        }
        Ok(true)
    }
}

impl<L: List> Round for Sending<L> {
    type Output = Outcome;

    fn phase(&self) -> &'static str {
        super::list_phase(self.header.kind)
    }

    fn sends(&self) -> Option<Header> {
        Some(self.header)
    }

    fn step(&self) -> usize {
        self.list.step(self.header.kind)
    }

    fn produce(&mut self, most: usize) -> Result<Vec<u8>, PsiError> {
        if self.outstanding.is_some() {
            return Ok(Vec::new());
        }
        let count = usize::try_from(self.header.count).unwrap_or(usize::MAX);
        let end = self.sent.saturating_add(most).min(count);
        let rows = self.list.rows(self.header.kind, self.sent..end)?;
        self.sent = end;
        Ok(rows)
    }

    fn work(&mut self) -> Result<bool, PsiError> {
        self.advance()
    }

    fn finish(mut self: Box<Self>) -> Result<Next<Outcome>, PsiError> {
        // An empty list is whole before any work was asked for.
        while self.header.count == 0 && self.advance()? {}
        if self.outstanding.is_some() || self.sent as u64 != self.header.count {
            return Err(PsiError::CUT_SHORT);
        }
        let message = self.message.saturating_add(1);
        match self.list.headers().get(message) {
            Some(header) => Ok(Next::Round(Box::new(Self { message, header: *header, sent: 0, ..*self }))),
            None => self.list.next(),
        }
    }
}
