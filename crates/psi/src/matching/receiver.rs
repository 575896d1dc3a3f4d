//! The receiver, whatever the mode: gets its outputs from the OPRF, then walks the sender's list.

use crate::item::PaddedItems;
use crate::oprf::{Derive, OprfReceiver};
use crate::party::{Expected, Header, Next, Round};
use crate::points::split_rows;
use crate::{Outcome, PsiError};

/// What a mode does with the sender's list.
pub(super) trait Reading: Send + 'static {
    /// The message that the list is.
    fn expected(&self) -> Expected;

    /// Takes the next rows of the list.
    fn read(&mut self, rows: &[u8]) -> Result<(), PsiError>;

    /// What follows, once the list has been read.
    fn next(self) -> Next<Outcome>;
}

/// The receiver's rounds: the OPRF's, and then the one of the reading that `then` makes of what was
/// derived from the outputs of the real items.
pub(super) fn start<O, D, R>(
    oprf: O,
    items: PaddedItems,
    derive: D,
    then: impl FnOnce(Vec<D::Derived>) -> R + Send + 'static,
) -> Result<Box<dyn Round<Output = Outcome>>, PsiError>
where
    O: OprfReceiver,
    D: Derive,
    R: Reading,
{
    let real = items.real();
    let then = move |mut derived: Vec<D::Derived>| {
        derived.truncate(real);
        then(derived)
    };
    Ok(Box::new(Exchange { oprf: oprf.start(items, derive)?, then }))
}

/// The rounds of the OPRF.
struct Exchange<T, F> {
    oprf: Box<dyn Round<Output = T>>,
    then: F,
}

impl<T, R, F> Round for Exchange<T, F>
where
    T: Send + 'static,
    R: Reading,
    F: FnOnce(T) -> R + Send + 'static,
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
            Next::Round(oprf) => Box::new(Exchange { oprf, then: self.then }),
            Next::Done(derived) => {
                let reading = (self.then)(derived);
                Box::new(ReadList { reading, rows: 0 })
            }
        }))
    }
}

/// The round in which the sender's list arrives.
struct ReadList<R> {
    reading: R,
    rows: u64,
}

impl<R: Reading> Round for ReadList<R> {
    type Output = Outcome;

    fn phase(&self) -> &'static str {
        "list"
    }

    fn sends(&self) -> Option<Header> {
        None
    }

    fn receives(&self) -> Option<Expected> {
        Some(self.reading.expected())
    }

    fn produce(&mut self, _: usize) -> Result<Vec<u8>, PsiError> {
        Ok(Vec::new())
    }

    fn absorb(&mut self, elements: &[u8]) -> Result<(), PsiError> {
        let expected = self.reading.expected();
        let due = usize::try_from(expected.count.most().saturating_sub(self.rows)).unwrap_or(usize::MAX);
        self.rows += split_rows(elements, expected.width as usize, due)?.len() as u64;
        self.reading.read(elements)
    }

    fn finish(self: Box<Self>) -> Result<Next<Outcome>, PsiError> {
        if self.rows != self.reading.expected().count.most() {
            return Err(PsiError::Peer("a shorter list than agreed"));
        }
        Ok(self.reading.next())
    }
}
