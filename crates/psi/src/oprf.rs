//! What `matching` needs of an oblivious pseudorandom function (OPRF), whichever it is.
//!
//! The receiver enters items x and ends with F(x) for each, and learns nothing of F elsewhere; the
//! sender learns nothing of the items, and ends with F(y) for each of its own items y. Both sides are
//! chains of [`Round`]s, as many as the protocol takes, so that functions of one message each way
//! (`dh_oprf`) and of several (VOLE) fit alike.
//!
//! Outputs would be most of a party's memory, so none are kept: a [`Derive`] makes of each what is
//! needed, run by run and in parallel. It says what it makes of an output that is a hash already, and of
//! one that is not.
//!
//! What is left to compute when the last message is whole is [`Outstanding`]: it is done step by step
//! while the peer computes too.

use zeroize::Zeroizing;

use crate::PsiError;
use crate::item::{Item, PaddedItems};
use crate::party::Round;

/// F(x) for one item: 64 pseudorandom bytes.
pub type OprfOutput = Zeroizing<[u8; 64]>;

/// A run of outputs, for as many items.
#[derive(Clone, Copy)]
pub enum Outputs<'a> {
    /// F(x) itself.
    Hashed(&'a [OprfOutput]),
    /// What F(x) is yet to be hashed from. Values and items are as many.
    Unhashed {
        /// For each item a value that only who evaluated the function at it has. Values of different
        /// items may be related, by differences that neither side knows whole: what is derived from
        /// them must be correlation robust.
        values: &'a [u128],
        /// The items that they belong to.
        items: &'a [Item],
    },
}

/// Makes of outputs what is kept of them.
pub trait Derive: Send + Sync + 'static {
    /// What is kept of one output.
    type Derived: Send + Sync + 'static;

    /// Derives it from each of `outputs`, in their order.
    fn derive(&self, outputs: Outputs<'_>) -> Vec<Self::Derived>;
}

/// Where in its caller's list each of a list of values belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Places {
    /// The values are in the order of the list.
    InOrder,
    /// The place of each value. Each place stands once.
    Permuted(Vec<u32>),
}

impl Places {
    /// The place of value `index`; none if there are no so many values, or places.
    #[must_use]
    pub fn of(&self, index: usize) -> Option<u32> {
        match self {
            Self::InOrder => u32::try_from(index).ok(),
            Self::Permuted(places) => places.get(index).copied(),
        }
    }
}

/// What was derived from the outputs of all items of a party.
pub struct Derived<T> {
    /// One value for each item, random ones included.
    pub values: Vec<T>,
    /// The item of each value, by its index: those of random items are
    /// [`PaddedItems::real`] or more.
    pub places: Places,
}

/// What a party can compute without its peer, once the rounds of the OPRF are over.
pub trait Outstanding<T>: Send {
    /// Does one bounded step (tens of milliseconds); whether there was one to do. Uses the rayon pool
    /// that it is called in.
    ///
    /// # Errors
    /// [`PsiError`] where the function cannot be evaluated.
    fn step(&mut self) -> Result<bool, PsiError>;

    /// Does whatever is left, and gives the result.
    ///
    /// # Errors
    /// As [`step`](Outstanding::step).
    fn finish(self: Box<Self>) -> Result<Derived<T>, PsiError>;
}

impl<T: Send> Outstanding<T> for Derived<T> {
    fn step(&mut self) -> Result<bool, PsiError> {
        Ok(false)
    }

    fn finish(self: Box<Self>) -> Result<Derived<T>, PsiError> {
        Ok(*self)
    }
}

/// The rounds of one side of an OPRF, and what they leave to compute.
pub type OprfRounds<T> = Box<dyn Round<Output = Box<dyn Outstanding<T>>>>;

/// The receiver's side of an OPRF, ready to start.
pub trait OprfReceiver: Send + 'static {
    /// The probability of a statistical failure of the function itself, as a numerator over 2^129: of an
    /// output that is wrong, or one that tells what it must not. It follows from public sizes, so that both
    /// sides have the same.
    fn failure(&self) -> u128 {
        0
    }

    /// The rounds that end in what `derive` makes of the output of each item.
    ///
    /// # Errors
    /// [`PsiError::Usage`] if the function cannot take so many items.
    fn start<D: Derive>(self, items: PaddedItems, derive: D) -> Result<OprfRounds<D::Derived>, PsiError>;
}

/// The sender's side of an OPRF, ready to start.
pub trait OprfSender: Send + 'static {
    /// As [`OprfReceiver::failure`].
    fn failure(&self) -> u128 {
        0
    }

    /// The rounds that end in what `derive` makes of the output of each of the sender's own items.
    ///
    /// # Errors
    /// [`PsiError::Usage`] if the function cannot take so many items.
    fn start<D: Derive>(self, items: PaddedItems, derive: D) -> Result<OprfRounds<D::Derived>, PsiError>;
}
