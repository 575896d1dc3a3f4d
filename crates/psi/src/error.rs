//! Errors of the protocols.

/// Why a protocol step failed. The variant says whose fault it is.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PsiError {
    /// The peer sent what the protocol does not allow.
    #[error("the peer sent {0}")]
    Peer(&'static str),
    /// The caller asked for what the protocol cannot do.
    #[error("{0}")]
    Usage(&'static str),
    /// The sizes, to which both parties agreed, are beyond what the protocol takes in one run.
    #[error("{0}")]
    TooLarge(&'static str),
    /// The sizes are too large for the error budget.
    #[error("no tag width keeps the statistical error of {receiver} x {sender} items within 2^-{lambda}")]
    Budget {
        /// Items of the receiver, padded.
        receiver: u64,
        /// Items of the sender, padded.
        sender: u64,
        /// The budget, in bits.
        lambda: u32,
    },
}

/// What several rounds have to say.
impl PsiError {
    /// Elements for a round that receives none.
    pub(crate) const NOTHING_DUE: Self = Self::Peer("elements where none were due");
    /// The driver broke the contract of `Round`.
    pub(crate) const CUT_SHORT: Self = Self::Usage("a round was ended before its message was out");
}
