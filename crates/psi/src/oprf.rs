//! What `matching` needs of an oblivious pseudorandom function (OPRF), whichever it is.
//!
//! The receiver enters items x and ends with F(x) for each, and learns nothing of F elsewhere; the
//! sender ends with F itself and learns nothing of the items. Both sides are chains of
//! [`Round`]s, as many as the protocol takes, so that functions of one message each way (`dh_oprf`)
//! and of several (VOLE) fit alike.
//!
//! Outputs are 64 bytes for each item and would be most of a party's memory, so none are kept: a
//! [`Derive`] makes of each what is needed, chunk by chunk and in parallel.

use std::sync::Arc;

use zeroize::Zeroizing;

use crate::PsiError;
use crate::item::{Item, PaddedItems};
use crate::party::Round;

/// F(x) for one item: 64 pseudorandom bytes.
pub type OprfOutput = Zeroizing<[u8; 64]>;

/// Makes of an output what is kept of it.
pub trait Derive: Send + Sync + 'static {
    /// What is kept.
    type Derived: Send + Sync + 'static;

    /// Derives it from one output.
    fn derive(&self, output: &OprfOutput) -> Self::Derived;
}

/// The receiver's side of an OPRF, ready to start.
pub trait OprfReceiver: Send + 'static {
    /// The rounds that end in what `derive` makes of the output of each item, in the order of the
    /// items, random ones included.
    ///
    /// # Errors
    /// [`PsiError::Usage`] if the function cannot take so many items.
    fn start<D: Derive>(
        self,
        items: PaddedItems,
        derive: D,
    ) -> Result<Box<dyn Round<Output = Vec<D::Derived>>>, PsiError>;
}

/// The sender's side of an OPRF, ready to start.
pub trait OprfSender: Send + 'static {
    /// What the sender can evaluate the function with.
    type Evaluator: Evaluator;

    /// The rounds that end in the evaluator.
    ///
    /// # Errors
    /// [`PsiError::Usage`] if the function cannot take so many items.
    fn start(self) -> Result<OprfSenderStart<Self::Evaluator>, PsiError>;
}

/// How a sender starts.
pub struct OprfSenderStart<E> {
    /// The rounds with the receiver.
    pub rounds: Box<dyn Round<Output = Arc<E>>>,
    /// The evaluator, where the sender has it before the rounds (a key of its own choice): own items
    /// are then evaluated while the rounds go on.
    pub evaluator: Option<Arc<E>>,
}

/// The pseudorandom function, in the hands of the sender.
pub trait Evaluator: Send + Sync + 'static {
    /// What `derive` makes of the outputs of `items`, in their order. Uses the rayon pool that it is
    /// called in.
    ///
    /// # Errors
    /// [`PsiError`] where the function cannot be evaluated.
    fn evaluate<D: Derive>(&self, items: &[Item], derive: &D) -> Result<Vec<D::Derived>, PsiError>;
}
