//! The sender, whatever the mode: lets the receiver have its outputs, computes its own list
//! meanwhile, sends it.

use std::ops::Range;
use std::sync::Arc;

use crate::item::PaddedItems;
use crate::oprf::{Derive, Evaluator, OprfSender};
use crate::party::{Expected, Header, Next, Round};
use crate::{Outcome, PsiError};

/// Items that one step of work evaluates, for each thread.
const STEP_PER_THREAD: usize = 1024;

/// The list that a mode sends, and what comes after it.
pub(super) trait List: Send + 'static {
    /// What is derived from the output of each own item.
    type Derived: Send + Sync + 'static;

    /// The message that the list is.
    fn header(&self) -> Header;

    /// Takes what was derived, in the order of the items, random ones included, and sorts it.
    fn arrange(&mut self, derived: Vec<Self::Derived>) -> Result<(), PsiError>;

    /// The rows at the places `range`, all of which exist, one after the other. Follows
    /// [`arrange`](List::arrange).
    fn rows(&self, range: Range<usize>) -> Result<Vec<u8>, PsiError>;

    /// What follows the list.
    fn next(self) -> Next<Outcome>;
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
    let start = oprf.start()?;
    let own = OwnOutputs { items, derive, derived: Vec::new(), evaluator: start.evaluator };
    Ok(Box::new(Exchange { oprf: start.rounds, own, list }))
}

/// What is derived from the outputs of one's own items, computed step by step.
struct OwnOutputs<E, D: Derive> {
    items: PaddedItems,
    derive: D,
    derived: Vec<D::Derived>,
    evaluator: Option<Arc<E>>,
}

impl<E: Evaluator, D: Derive> OwnOutputs<E, D> {
    fn complete(&self) -> bool {
        self.derived.len() == self.items.len()
    }

    /// One step; whether there was one to do.
    fn step(&mut self) -> Result<bool, PsiError> {
        let Some(evaluator) = self.evaluator.as_ref().filter(|_| !self.complete()) else { return Ok(false) };
        let first = self.derived.len();
        let items = self.items.range(first..first + STEP_PER_THREAD * rayon::current_num_threads());
        self.derived.extend(evaluator.evaluate(&items, &self.derive)?);
        Ok(true)
    }
}

/// The rounds of the OPRF, with work on the own list in between.
struct Exchange<E, D: Derive, L> {
    oprf: Box<dyn Round<Output = Arc<E>>>,
    own: OwnOutputs<E, D>,
    list: L,
}

impl<E, D, L> Round for Exchange<E, D, L>
where
    E: Evaluator,
    D: Derive,
    L: List<Derived = D::Derived>,
{
    type Output = Outcome;

    fn phase(&self) -> &'static str {
        self.oprf.phase()
    }

    fn sends(&self) -> Option<Header> {
        self.oprf.sends()
    }

    fn receives(&self) -> Option<Expected> {
        self.oprf.receives()
    }

    fn step(&self) -> usize {
        self.oprf.step()
    }

    fn produce(&mut self, most: usize) -> Result<Vec<u8>, PsiError> {
        self.oprf.produce(most)
    }

    fn absorb(&mut self, elements: &[u8]) -> Result<(), PsiError> {
        self.oprf.absorb(elements)
    }

    fn work(&mut self) -> Result<bool, PsiError> {
        Ok(self.oprf.work()? || self.own.step()?)
    }

    fn finish(self: Box<Self>) -> Result<Next<Outcome>, PsiError> {
        let Self { oprf, mut own, list } = *self;
        Ok(Next::Round(match oprf.finish()? {
            Next::Round(oprf) => Box::new(Exchange { oprf, own, list }),
            Next::Done(evaluator) => {
                own.evaluator = Some(evaluator);
                Box::new(Sending { own: Some(own), list, sent: 0 })
            }
        }))
    }
}

/// The round that sends the list.
struct Sending<E, D: Derive, L> {
    /// Until the list is arranged.
    own: Option<OwnOutputs<E, D>>,
    list: L,
    sent: usize,
}

impl<E, D, L> Sending<E, D, L>
where
    E: Evaluator,
    D: Derive,
    L: List<Derived = D::Derived>,
{
    /// One step towards the arranged list; whether there was one to do.
    fn advance(&mut self) -> Result<bool, PsiError> {
        let Some(own) = &mut self.own else { return Ok(false) };
        if own.step()? {
            return Ok(true);
        }
        if let Some(own) = self.own.take_if(|own| own.complete()) {
            self.list.arrange(own.derived)?;
        }
        Ok(self.own.is_none())
    }
}

impl<E, D, L> Round for Sending<E, D, L>
where
    E: Evaluator,
    D: Derive,
    L: List<Derived = D::Derived>,
{
    type Output = Outcome;

    fn phase(&self) -> &'static str {
        "list"
    }

    fn sends(&self) -> Option<Header> {
        Some(self.list.header())
    }

    fn receives(&self) -> Option<Expected> {
        None
    }

    fn produce(&mut self, most: usize) -> Result<Vec<u8>, PsiError> {
        if self.own.is_some() {
            return Ok(Vec::new());
        }
        let count = usize::try_from(self.list.header().count).unwrap_or(usize::MAX);
        let end = self.sent.saturating_add(most).min(count);
        let rows = self.list.rows(self.sent..end)?;
        self.sent = end;
        Ok(rows)
    }

    fn absorb(&mut self, _: &[u8]) -> Result<(), PsiError> {
        Err(PsiError::NOTHING_DUE)
    }

    fn work(&mut self) -> Result<bool, PsiError> {
        self.advance()
    }

    fn finish(mut self: Box<Self>) -> Result<Next<Outcome>, PsiError> {
        // An empty list is whole before any work was asked for.
        if self.list.header().count == 0 {
            self.advance()?;
        }
        if self.own.is_some() || self.sent as u64 != self.list.header().count {
            return Err(PsiError::CUT_SHORT);
        }
        Ok(self.list.next())
    }
}
