//! The coordinator: keeps the register of nodes, the catalogue and the jobs, sends each job to its nodes, tells
//! whoever watches how far it is, and passes on what parties sign.
//!
//! It sees metadata only. No item, no masked point and no result passes through it, and it cannot
//! compute a protocol step: the protocols are not among its dependencies. What it could do if it
//! turned bad is to delay a job or drop it. It cannot forge one: nodes take part in what
//! parties signed, by keys that they pinned themselves.

#![warn(missing_docs)]

pub mod access;
pub mod catalogue;
pub mod config;
mod coordination;
mod dispatch;
mod jobs;
mod patience;
mod registry;
mod service;
pub mod store;
mod text;
mod watch;

pub use config::CoordinatorConfig;
pub use patience::Patience;
pub use service::{CoordinatorError, serve, serve_with};
