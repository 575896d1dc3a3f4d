//! Two sides of a run in one process: over loopback with mutual TLS, or over queues with a peer that a
//! test plays by hand.

mod delivery;
mod modes;
mod sides;
