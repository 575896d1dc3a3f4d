//! What a driver needs to know of a protocol: rounds, messages, and nothing of bytes in flight.
//!
//! A protocol role is a chain of [`Round`]s. A round sends at most one message and receives at most
//! one; [`Round::finish`] consumes it and gives the next one, so that steps cannot be called out of
//! order. A message is a [`Header`] and a vector of elements of one fixed width. Rounds handle
//! elements piece by piece, so that computing overlaps sending, and a driver written once serves
//! every protocol.

use crate::PsiError;

/// What the elements of a message are. The numbers travel (docs/PROTOCOLS.md, Messages). Number 3 was
/// once a list of whole tags, and is not given again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum MessageKind {
    /// Blinded group elements, receiver to sender: 32 bytes each.
    Blinded = 1,
    /// Evaluated group elements, sender to receiver, in the order of the blinded ones: 32 bytes each.
    Evaluated = 2,
    /// Committing tags of the sender's items with their encrypted labels, sorted by tag.
    LabelledTags = 4,
    /// Claim tokens of the matched items, receiver to sender, sorted: 16 bytes each.
    Claims = 5,
    /// The sender's own masked points in cardinality, sorted: 32 bytes each.
    Masked = 6,
    /// Tags of the receiver's items masked by both, sorted.
    DoublyMasked = 7,
    /// How many of the sender's tags begin with each pattern of high bits: words of 8 bytes
    /// ([`tag_set`](crate::matching::tag_set)).
    TagHighs = 8,
    /// The other bits of the sender's tags, sorted: 64 tags an element.
    TagLows = 9,
    /// The element of the base transfers' sender, who is the receiver: 32 bytes.
    BaseKey = 10,
    /// The elements of the base transfers' receiver: 32 bytes for each bit of its secrets.
    BaseChoices = 11,
    /// The receiver's masked choices for the trees: a column for each base transfer of the extension.
    Transfers = 12,
    /// The receiver's masked noise values: a row for each bit of the sender's secret.
    MaskedNoise = 13,
    /// Which of the seeds that follow from the session id the receiver's rows are of: 4 bytes.
    RowSeed = 14,
    /// Sums of the sender's trees, masked: an element for each tree.
    Corrections = 15,
    /// The receiver's encoded items under their mask: an element of the field for each column.
    MaskedVector = 16,
}

impl MessageKind {
    /// The kind that `byte` stands for.
    #[must_use]
    pub fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            1 => Self::Blinded,
            2 => Self::Evaluated,
            4 => Self::LabelledTags,
            5 => Self::Claims,
            6 => Self::Masked,
            7 => Self::DoublyMasked,
            8 => Self::TagHighs,
            9 => Self::TagLows,
            10 => Self::BaseKey,
            11 => Self::BaseChoices,
            12 => Self::Transfers,
            13 => Self::MaskedNoise,
            14 => Self::RowSeed,
            15 => Self::Corrections,
            16 => Self::MaskedVector,
            _ => return None,
        })
    }

    /// Whether the number of elements is that of the matches, and so only for the two parties.
    #[must_use]
    pub fn counts_matches(self) -> bool {
        self == Self::Claims
    }
}

/// The header that goes before the elements of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// What the elements are.
    pub kind: MessageKind,
    /// Bytes of one element, at least 1.
    pub width: u32,
    /// Elements that follow.
    pub count: u64,
}

/// How many elements a message may declare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// Just so many: the count follows from public sizes.
    Exactly(u64),
    /// No more than this: the count is part of what the mode discloses.
    AtMost(u64),
}

impl Count {
    /// The largest number of elements that it allows.
    #[must_use]
    pub fn most(&self) -> u64 {
        match self {
            Self::Exactly(n) | Self::AtMost(n) => *n,
        }
    }
}

/// What a round is ready to receive. A header that differs is the peer's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expected {
    /// What the elements must be.
    pub kind: MessageKind,
    /// Bytes that each element must have.
    pub width: u32,
    /// How many may come.
    pub count: Count,
}

impl Expected {
    /// Whether `header` is one that this round may be sent.
    #[must_use]
    pub fn admits(&self, header: &Header) -> bool {
        header.kind == self.kind
            && header.width == self.width
            && match self.count {
                Count::Exactly(n) => header.count == n,
                Count::AtMost(n) => header.count <= n,
            }
    }
}

/// One round of one role.
///
/// The driver sends the header of [`sends`](Round::sends), and then calls [`produce`](Round::produce)
/// until all elements are out; at the same time it hands what arrives to [`absorb`](Round::absorb).
/// When the message sent and the message received are both whole it calls [`finish`](Round::finish).
/// Calls never overlap; each may use the rayon pool that it is called in.
///
/// What a driver does next, in this order: absorb, if something has arrived; produce, if elements are
/// still due and there is room to queue them; otherwise [`work`](Round::work); and when `work` says
/// that there was nothing to do, wait for the peer (or for room).
pub trait Round: Send {
    /// What the role ends with.
    type Output: Send;

    /// The name under which seconds and bytes of this round are counted.
    fn phase(&self) -> &'static str;

    /// The message that this round sends, if any.
    fn sends(&self) -> Option<Header> {
        None
    }

    /// The message that this round receives, if any.
    fn receives(&self) -> Option<Expected> {
        None
    }

    /// Elements that one call should handle: large enough to keep the cores busy, small enough that
    /// the peer need not wait for it.
    fn step(&self) -> usize {
        4096
    }

    /// Gives the next elements to send: at most `most` of them, one after the other.
    ///
    /// Nothing means that the next ones depend on [`work`](Round::work) that is not yet done, or on
    /// elements that have not yet been absorbed.
    ///
    /// # Errors
    /// [`PsiError`] where the round cannot go on.
    fn produce(&mut self, most: usize) -> Result<Vec<u8>, PsiError> {
        let _ = most;
        Ok(Vec::new())
    }

    /// Takes the next elements received: one or more whole ones, never beyond the count that the
    /// header declared.
    ///
    /// # Errors
    /// [`PsiError::Peer`] if an element is not what it must be.
    fn absorb(&mut self, elements: &[u8]) -> Result<(), PsiError> {
        let _ = elements;
        Err(PsiError::NOTHING_DUE)
    }

    /// Does one bounded step of what the role can compute without the peer: tens of milliseconds, but for the rows
    /// and the vector of a large set in `vole_oprf`, each of which is one step (a few tenths of a second at 2^24).
    ///
    /// `true`: a step was done; [`produce`](Round::produce) may have something now, and there may be
    /// another step. `false`: there was nothing to do, now and until something else is called.
    /// A round whose `produce` gave nothing must be worked until it gives something or `work` says
    /// `false`. Steps that are left when the messages are whole need not be done before
    /// [`finish`](Round::finish): they go over to the next round.
    ///
    /// # Errors
    /// [`PsiError`] where the round cannot go on.
    fn work(&mut self) -> Result<bool, PsiError> {
        Ok(false)
    }

    /// Ends the round.
    ///
    /// # Errors
    /// [`PsiError`] where what was received does not hold together.
    fn finish(self: Box<Self>) -> Result<Next<Self::Output>, PsiError>;
}

/// What follows a round.
pub enum Next<Output> {
    /// Another round.
    Round(Box<dyn Round<Output = Output>>),
    /// The end.
    Done(Output),
}
