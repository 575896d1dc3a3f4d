//! Where the connections of a run come from: its first one, and one for each further lane.

use std::{future::Future, time::Duration};

use agreement::ParticipantId;
use tokio::sync::oneshot;
use wire::{Credentials, Network, Pins};

use crate::{direct::call, error::RunError, link::Link, rendezvous::Expectation};

/// Gives connections, one after the other.
pub(crate) trait Lines: Send {
    /// The most that there are.
    fn most(&self) -> u32;

    /// The next one.
    fn next(&mut self) -> impl Future<Output = Result<Link, RunError>> + Send;
}

/// A connection that is there already, and no other.
pub(crate) struct Given(pub(crate) Option<Link>);

impl Lines for Given {
    fn most(&self) -> u32 {
        1
    }

    async fn next(&mut self) -> Result<Link, RunError> {
        self.0.take().ok_or_else(|| RunError::Own("a fault in this program: there is one connection".to_owned()))
    }
}

/// Connections that the peer makes.
pub(crate) struct Expecting {
    pub(crate) expectation: Expectation,
    pub(crate) wait: Duration,
    pub(crate) met: bool,
}

impl Lines for Expecting {
    fn most(&self) -> u32 {
        u32::MAX
    }

    async fn next(&mut self) -> Result<Link, RunError> {
        if self.met {
            self.expectation.again();
        }
        self.met = true;
        self.expectation.link(self.wait).await
    }
}

/// Connections that this side makes.
pub(crate) struct Calling<'a> {
    pub(crate) me: &'a ParticipantId,
    pub(crate) peer: &'a ParticipantId,
    pub(crate) network: Option<Network>,
    pub(crate) endpoint: &'a str,
    pub(crate) credentials: &'a Credentials,
    pub(crate) pins: &'a Pins,
    pub(crate) wait: Duration,
    /// Is told the round trip of the first one.
    pub(crate) measured: Option<oneshot::Sender<Duration>>,
}

impl Lines for Calling<'_> {
    fn most(&self) -> u32 {
        u32::MAX
    }

    async fn next(&mut self) -> Result<Link, RunError> {
        let parties = (self.me, self.peer);
        let link = call(parties, self.network, self.endpoint, self.credentials, self.pins, self.wait).await?;
        // Nobody asks if the protocol is named.
        if let (Some(measured), Some(round_trip)) = (self.measured.take(), link.round_trip()) {
            let _ = measured.send(round_trip);
        }
        Ok(link)
    }
}
