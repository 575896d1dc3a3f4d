//! The rounds of the OPRF, whichever side: what it leaves to compute goes on into the next round.

use crate::oprf::{OprfRounds, Outstanding};
use crate::party::{Expected, Header, Next, Round};
use crate::{Outcome, PsiError};

/// The rounds of the OPRF, and what follows.
pub(super) struct Exchange<T, F> {
    pub(super) oprf: OprfRounds<T>,
    pub(super) then: F,
}

impl<T, F> Round for Exchange<T, F>
where
    T: Send + 'static,
    F: FnOnce(Box<dyn Outstanding<T>>) -> Box<dyn Round<Output = Outcome>> + Send + 'static,
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
        self.oprf.work()
    }

    fn finish(self: Box<Self>) -> Result<Next<Outcome>, PsiError> {
        Ok(Next::Round(match self.oprf.finish()? {
            Next::Round(oprf) => Box::new(Self { oprf, then: self.then }),
            Next::Done(outstanding) => (self.then)(outstanding),
        }))
    }
}
