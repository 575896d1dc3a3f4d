//! What both parties agree on before a protocol starts, and what one ends with.

use std::fmt;

use crate::{ErrorBudget, PsiError};

/// Padded sizes of both sets. Both parties know them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Items of the receiver, random ones included.
    pub receiver: u64,
    /// Items of the sender, random ones included.
    pub sender: u64,
}

impl Sizes {
    /// The receiver's size as a length.
    pub(crate) fn receiver_len(&self) -> Result<usize, PsiError> {
        length(self.receiver)
    }

    /// The sender's size as a length.
    pub(crate) fn sender_len(&self) -> Result<usize, PsiError> {
        length(self.sender)
    }
}

/// A size as a length; items have 32-bit indices.
fn length(size: u64) -> Result<usize, PsiError> {
    let length = u32::try_from(size).ok().and_then(|size| usize::try_from(size).ok());
    length.ok_or(PsiError::Usage("a set of 2^32 items or more must be split into bins"))
}

/// What both parties agree on before a protocol starts.
#[derive(Clone, Copy, Debug)]
pub struct Parameters {
    /// Fresh for each run, and bound to everything that the run is bound to. It enters the
    /// derivation of every tag and key.
    pub session_id: [u8; 32],
    /// Padded sizes of the sets.
    pub sizes: Sizes,
    /// How likely a statistical error may be; widths follow from it.
    pub budget: ErrorBudget,
}

/// What a party ends with. Indices are those of its own items, as it passed them in.
#[derive(Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing: this side was to learn nothing.
    Nothing,
    /// The items that the peer holds too, ascending.
    Matched(Vec<u32>),
    /// The items that the peer holds too, ascending, with the label of each. Nothing stands for a label
    /// that cannot be read: the peer sealed it wrongly. To end the run over it would tell the peer that
    /// the item matched.
    Labelled(Vec<(u32, Option<Vec<u8>>)>),
    /// How many items the peer holds too.
    Count(u64),
}

impl fmt::Debug for Outcome {
    /// Says what kind it is, and how much: never which items or labels.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("Nothing"),
            Self::Matched(items) => write!(f, "Matched({} items)", items.len()),
            Self::Labelled(items) => write!(f, "Labelled({} items)", items.len()),
            Self::Count(count) => write!(f, "Count({count})"),
        }
    }
}
