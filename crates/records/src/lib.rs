//! Records as departments keep them: how they are read and written, and what of them is matched.
//!
//! Pure: no file, no socket, no clock. Sources and sinks stand behind traits; the `datasets` crate
//! has those that touch disks.
//!
//! A party's way through this crate: a [`RecordSource`] gives [`Record`]s, a [`KeySpec`] gives the
//! key of each by the [data standard](standard), a [`Tally`] counts them, [`commitment`] fixes the distinct ones before the run,
//! and after it the matched records, read again and held to their [`Fingerprint`], go to a [`RecordSink`].

#![warn(missing_docs)]

pub mod commitment;
pub mod fingerprint;
pub mod key;
pub mod label_list;
pub mod record;
pub mod residents;
pub mod standard;
pub mod tally;

pub use fingerprint::{Fingerprint, Fingerprinted};
pub use key::{CanonicalKey, KeyError, KeySpec, Keyed, Refusal, Unkeyed};
pub use record::{Datasets, Encoding, Record, RecordError, RecordSink, RecordSource, SinkHeader, Target, find_column};
pub use standard::{KeyType, Reason, Warning, Warnings};
pub use tally::{RowCounts, Tally};
