//! Who takes part, in what, and what a run is bound to: models, canonical bytes, digests. Pure.
//!
//! Signed agreements, limits, use records and receipts come here later.

#![warn(missing_docs)]

pub mod identity;
pub mod job;
pub mod participant;
pub mod printable;
pub mod run;
pub mod settings;

pub use identity::{IdentityError, IdentityKey, IdentityPublicKey};
pub use job::{ErrorBudget, JobParty, JobSpec, JobSpecError, JobState, Mode, Protocol};
pub use participant::{ParticipantId, Role};
pub use printable::printable;
pub use records::KeyType;
pub use run::{Handshake, RunInput, RunParticipant, RunTerms};
