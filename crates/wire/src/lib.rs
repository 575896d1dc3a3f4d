//! How nodes and coordinator talk: the gRPC messages generated from proto/, and mutual TLS in which
//! each end is known by a pinned identity key.
//!
//! An identity key acts as the issuer of its participant's TLS certificates, and of those of its persons, so
//! certificates rotate and pins stay. No certificate authority is asked, and no host name counts. Both can change
//! under a running server: a certificate when its files do ([`rotation`]), a pin by [`Pins::replace`].

pub mod bounds;
pub mod client;
mod closing;
pub mod convert;
pub mod credentials;
pub mod endorsement;
pub mod holder;
pub mod person;
pub mod pins;
pub mod rotation;
pub mod server;
pub mod shaping;
mod verify;

/// Messages and services of proto/yuandang/v1.
#[allow(missing_docs, unreachable_pub, unused_qualifications, clippy::all, clippy::pedantic)]
pub mod proto {
    tonic::include_proto!("yuandang.v1");

    /// The compiled description of all messages, for reflection and for tests; it keeps field options.
    pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/yuandang.bin"));
}

pub use bounds::Bounded;
pub use client::{ConnectError, Connection};
pub use convert::ConvertError;
pub use credentials::{Credentials, CredentialsError, write_secret};
pub use endorsement::{EndorsementError, IssuedCertificate, endorse, endorse_person};
pub use holder::Holder;
pub use person::{Duty, Handle, Person, PersonError};
pub use pins::{Peer, PinError, Pins};
pub use shaping::{Network, NetworkError};

/// Bytes that one gRPC message may have where frames travel: a frame of 1 MiB and the few bytes around it.
/// What its other fields may hold stands in [`bounds`].
pub const MAX_MESSAGE: usize = (1 << 20) + 1024;

/// HTTP/2 flow-control window of a stream and of a connection: enough for a gigabit at a quarter of a
/// second's round trip.
pub const WINDOW: u32 = 32 << 20;

/// The label under which both ends of a TLS session derive the channel binding (RFC 8446, 7.5).
pub const EXPORTER_LABEL: &[u8] = b"EXPORTER-Yuandang-Run-V1";
