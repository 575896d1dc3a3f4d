//! Two sides of a run in one process: over loopback with mutual TLS, or over queues with a peer that a
//! test plays by hand.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod bins;
mod capture;
mod choice;
mod configuration;
mod delivery;
mod handshake;
mod modes;
mod quality;
mod sides;
mod vole;
