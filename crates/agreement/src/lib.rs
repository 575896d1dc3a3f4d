//! Who takes part, in what, under which agreement, and what a run is bound to: models, canonical bytes, digests, signatures,
//! and the rule that admits or refuses a job. Pure.

#![warn(missing_docs)]

pub mod acts;
pub mod admission;
pub mod audit;
pub mod calendar;
pub mod canonical;
pub mod catalogue;
pub mod chain;
pub mod contract;
pub mod identity;
pub mod job;
pub mod life;
pub mod moment;
pub mod month;
pub mod participant;
pub mod printable;
pub mod receipt;
pub mod run;
pub mod settings;
pub mod statement;
pub mod succession;

pub use acts::{Act, Pinned};
pub use audit::{Audit, Flaw};
pub use canonical::Digest;
pub use contract::Agreement;
pub use identity::{IdentityError, IdentityKey, IdentityPublicKey};
pub use job::{ErrorBudget, JobParty, JobSpec, JobSpecError, JobState, Mode, Protocol};
pub use life::{AgreementState, Life};
pub use moment::Moment;
pub use month::Month;
pub use participant::{ParticipantId, Role};
pub use printable::printable;
pub use receipt::{Event, Receipt};
pub use records::KeyType;
pub use run::{Handshake, RunInput, RunParticipant, RunTerms};
pub use statement::{Signed, Signer, Statement, StatementError};
pub use succession::Succession;
