//! Records as departments keep them: how they are read and written, and what of them is matched.
//!
//! Pure: no file, no socket, no clock. Sources and sinks stand behind traits; the `datasets` crate
//! has those that touch disks.

pub mod key;
pub mod record;

pub use key::{CanonicalKey, KeyError, KeySpec, KeyType};
pub use record::{Datasets, Record, RecordError, RecordSink, RecordSource, SinkHeader};
