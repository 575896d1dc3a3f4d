//! Who gets through the TLS handshake over loopback, and who does not.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod connections;
mod credentials;
mod ends;
mod impostors;
mod persons;
mod refusals;
mod replaced;
mod rotation;
