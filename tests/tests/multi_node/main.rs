//! Several nodes and a coordinator in one process: jobs from submission to result, over gRPC with
//! mutual TLS on loopback.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod access;
mod agreements;
mod approvals;
mod attacks;
mod desk;
mod disputes;
mod gated;

mod misbehaviour;
mod modes;
mod privacy;
mod receipts;
mod results;
mod revocations;
mod small_results;
mod statements;
mod succession;
mod wordings;
