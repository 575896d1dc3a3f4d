//! A job that was admitted is run over connections that this node makes or waits for: first the run that asks for the size of
//! the result, where the agreement wants one, then the one that delivers.

use std::{pin::pin, time::Duration};

use tokio::time::timeout;

use super::{Jobs, STOPPING, Start};
use crate::{
    admission::Admitted,
    choice::Approach,
    conclude::conclude_alone,
    conduct::conduct,
    current::Current,
    error::RunError,
    gate::{gate_of, passed},
    lines::{Calling, Expecting, Lines},
    rendezvous::Expectation,
    run::{Bounds, Run, RunReport},
};

/// How long a run that is not to be waits for the connection on which it would have been, to say so.
const COURTESY: Duration = Duration::from_secs(10);

/// Where the peer calls this node for a job; nothing where this node calls.
pub(super) struct Expected {
    /// For the run that asks for the size of the result.
    pub(super) gate: Option<Expectation>,
    /// For the one that delivers.
    pub(super) job: Option<Expectation>,
}

impl Jobs {
    /// Runs a job that was admitted, and ends it when it is told to.
    pub(super) async fn conduct(
        &self,
        start: &Start,
        run: Run,
        admitted: &Admitted,
        (expected, current): (Expected, &Current),
    ) -> Result<RunReport, RunError> {
        let conducting = async {
            if start.peers_done {
                return conclude_alone(run).await;
            }
            let is_gated = run.under.as_ref().is_some_and(|under| under.agreement().delivery.gated);
            if is_gated {
                return self.conduct_gated(start, run, admitted, expected).await;
            }
            self.conduct_over(start, run, admitted, expected.job).await
        };
        // A run that is told to stop still says so to its peer, and ends by itself.
        let mut conducting = pin!(conducting);
        tokio::select! {
            outcome = &mut conducting => return outcome,
            () = self.shutdown.cancelled() => current.because(STOPPING.to_owned()),
        }
        current.cancel.cancel();
        conducting.await
    }

    /// Asks for the size of the result, and delivers if it may be.
    async fn conduct_gated(
        &self,
        start: &Start,
        run: Run,
        admitted: &Admitted,
        expected: Expected,
    ) -> Result<RunReport, RunError> {
        let gate = gate_of(&run).await?;
        let secret = gate.stage.secret().cloned();
        let secret =
            secret.ok_or_else(|| RunError::Own("a fault in this program: a gate without a secret".to_owned()))?;
        let asked = self.conduct_over(start, gate, admitted, expected.gate).await?;
        let under = run.under.clone();
        match passed(run, secret, &asked) {
            Ok(run) => {
                tracing::info!(job_id = start.job_id, "the size of the result was asked, and the run goes on");
                self.conduct_over(start, run, admitted, expected.job).await
            }
            Err(error) => {
                if let Some(under) = under {
                    // Before the peer hears of it.
                    under.withheld(asked.facts, &error).await?;
                }
                self.decline(expected.job, &error).await;
                Err(error)
            }
        }
    }

    async fn conduct_over(
        &self,
        start: &Start,
        run: Run,
        admitted: &Admitted,
        expectation: Option<Expectation>,
    ) -> Result<RunReport, RunError> {
        let bounds = Bounds { rendezvous: self.config.rendezvous, max_items: self.config.max_items };
        match expectation {
            Some(expectation) => conduct(run, bounds, Approach::Called, self.expecting(expectation)).await,
            None => conduct(run, bounds, Approach::Calls(None), self.calling(start, admitted)).await,
        }
    }

    /// Tells a peer that calls for a run why there is none. One that this node would call hears it from the coordinator.
    async fn decline(&self, expectation: Option<Expectation>, error: &RunError) {
        let Some(expectation) = expectation else { return };
        if let Ok(Ok(link)) = timeout(COURTESY, self.expecting(expectation).next()).await {
            link.part(error).await;
        }
    }

    fn expecting(&self, expectation: Expectation) -> Expecting {
        Expecting { expectation, wait: self.config.rendezvous, met: false }
    }

    fn calling<'a>(&'a self, start: &'a Start, admitted: &'a Admitted) -> Calling<'a> {
        Calling {
            me: &self.config.participant,
            peer: &admitted.peer.participant,
            network: None,
            endpoint: admitted.peer.endpoint.as_deref().unwrap_or(&start.listener_endpoint),
            credentials: &self.config.credentials,
            pins: &self.pins,
            wait: self.config.rendezvous,
            measured: None,
        }
    }
}
