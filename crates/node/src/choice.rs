//! A protocol that is left open until both sides know how large their sets are and how far the other is.
//!
//! Nothing of it travels between the sides: whoever owns both, as `match` and `bench` do, is told what
//! each knows and names the protocol to each, before either says hello. The terms that both then state
//! carry the protocol as if it had been named from the start, so two sides that were told differently
//! find out in the handshake.

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use agreement::Protocol;
use tokio::sync::oneshot;

use crate::{error::RunError, plan::Plan, run::Run};

/// What one side knows when it is ready for its peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The size of its set that it will tell.
    pub padded_size: u64,
    /// The size of its padded labels; 0 if it gives none.
    pub label_size: u32,
    /// The round trip of its connection, if this side made it: once, end to end, with what the peer took to
    /// look at a certificate. The other side does not measure it, and is not connected before the hello.
    pub round_trip: Option<Duration>,
}

/// A protocol that is being chosen, or why none could be.
pub type Choosing = Pin<Box<dyn Future<Output = Result<Protocol, String>> + Send>>;

/// Is told what this side knows, and names the protocol.
pub type ProtocolHook = Arc<dyn Fn(Facts) -> Choosing + Send + Sync>;

/// Which side makes the connection.
pub(crate) enum Approach {
    /// This one. What the round trip takes is known once it has, if anybody measures it.
    Calls(Option<oneshot::Receiver<Duration>>),
    /// The peer. Its call comes here together with its hello.
    Called,
}

impl Approach {
    /// Whether the peer makes the connection.
    pub(crate) fn is_called(&self) -> bool {
        matches!(self, Self::Called)
    }
}

/// The plan with the protocol that was chosen; unchanged if it was named. `facts` is what this side knows
/// without its connection.
///
/// # Errors
/// [`RunError`] if none could be chosen, or one that this version does not have.
pub(crate) async fn settle(run: &Run, plan: Plan, facts: Facts, approach: Approach) -> Result<Plan, RunError> {
    let Some(choose) = &run.choose else { return Ok(plan) };
    let round_trip = match approach {
        // Without a connection there is no answer; why there is none is said elsewhere.
        Approach::Calls(Some(measured)) => measured.await.ok(),
        Approach::Calls(None) | Approach::Called => None,
    };
    let chosen = choose(Facts { round_trip, ..facts }).await;
    let protocol = chosen.map_err(|why| RunError::Own(format!("no protocol was chosen: {why}")))?;
    plan.by(protocol, &run.spec)
}
