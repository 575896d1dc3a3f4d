//! How long a coordinator waits for whom.

use std::time::Duration;

/// How long a coordinator waits for whom. The defaults are for networks between provinces.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// How long a node may be silent.
    pub silence: Duration,
    /// How long a node may be away in the middle of a job.
    pub grace: Duration,
    /// How long a job may wait until all its nodes are there with room for it.
    pub queue: Duration,
    /// How long a job may wait for a party's approvers.
    pub approval: Duration,
    /// How often the queue is gone through.
    pub sweep: Duration,
    /// What a job may take where it does not say.
    pub deadline: Duration,
    /// What the coordinator allows beyond a job's deadline, so that the nodes' own comes first.
    pub allowance: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            silence: Duration::from_secs(20),
            grace: Duration::from_secs(15),
            queue: Duration::from_secs(7 * 86_400),
            approval: Duration::from_secs(30 * 86_400),
            sweep: Duration::from_secs(5),
            deadline: Duration::from_secs(3600),
            allowance: Duration::from_secs(30),
        }
    }
}
