//! How much text of others is kept and shown: proto/yuandang/v1 has the same bounds.

/// The most bytes of a job's cause.
pub(crate) const MAX_CAUSE: usize = 512;
/// The most bytes of the reason for which a job is cancelled.
pub(crate) const MAX_REASON: usize = 256;
/// The most bytes of the name of a phase.
pub(crate) const MAX_PHASE: usize = 32;
