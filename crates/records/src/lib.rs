//! Records as departments keep them: how they are read and written, and what of them is matched.
//!
//! Pure: no file, no socket, no clock. Sources and sinks stand behind traits; the `datasets` crate
//! has those that touch disks.
//!
//! A party's way through this crate: a [`RecordSource`] gives [`Record`]s, a [`KeySpec`] gives the
//! key of each, [`keyed_set`] collects the distinct ones, [`commitment`] fixes them before the run,
//! and after it the matched records, read again and held to their [`Fingerprint`], go to a [`RecordSink`].

#![warn(missing_docs)]

pub mod commitment;
pub mod fingerprint;
pub mod key;
pub mod keyed_set;
pub mod label_list;
pub mod record;
pub mod residents;

pub use fingerprint::{Fingerprint, Fingerprinted};
pub use key::{CanonicalKey, KeyError, KeySpec, KeyType};
pub use keyed_set::{KeyColumns, KeyedSet, LabelledSet, RowCounts};
pub use record::{Datasets, Encoding, Record, RecordError, RecordSink, RecordSource, SinkHeader, find_column};
