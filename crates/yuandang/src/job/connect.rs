//! Which coordinator a `job` command talks to, and as whom.

use std::{path::PathBuf, time::Duration};

use agreement::{IdentityPublicKey, ParticipantId};
use clap::Args;
use node::NodeConfig;
use wire::{Connection, Credentials, Pins};

use crate::{failure::Failure, screen::Format};

/// How long a coordinator may take to answer a dial.
const PATIENCE: Duration = Duration::from_secs(10);

/// Options of every `job` command.
#[derive(Debug, Args)]
pub struct Target {
    /// Take all of the following from a node's configuration
    #[arg(long, value_name = "FILE", conflicts_with_all =
        ["coordinator", "coordinator_participant", "coordinator_identity", "participant", "cert", "key"])]
    config: Option<PathBuf>,
    /// Where the coordinator listens: https://host:port
    #[arg(long, value_name = "URL", required_unless_present = "config")]
    coordinator: Option<String>,
    /// The coordinator's name
    #[arg(long, value_name = "NAME", default_value = "coordinator")]
    coordinator_participant: ParticipantId,
    /// The coordinator's identity: ed25519:…
    #[arg(long, value_name = "PIN", required_unless_present = "config")]
    coordinator_identity: Option<IdentityPublicKey>,
    /// The participant that asks
    #[arg(long, value_name = "NAME", required_unless_present = "config")]
    participant: Option<ParticipantId>,
    /// The certificate of whoever asks: an operator there, or the node itself
    #[arg(long, value_name = "FILE", required_unless_present = "config")]
    cert: Option<PathBuf>,
    /// Its private key
    #[arg(long, value_name = "FILE", required_unless_present = "config")]
    key: Option<PathBuf>,
    /// How the answer is printed
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

impl Target {
    /// Connects.
    ///
    /// # Errors
    /// [`Failure`] if the credentials are not usable or the coordinator cannot be reached.
    pub async fn connect(&self) -> Result<Connection, Failure> {
        self.connect_from(self.node()?.as_ref()).await
    }

    /// The node's configuration, if one was named.
    ///
    /// # Errors
    /// [`Failure`] if it is not usable.
    pub fn node(&self) -> Result<Option<NodeConfig>, Failure> {
        self.config.as_ref().map(|path| NodeConfig::load(path).map_err(Failure::usage)).transpose()
    }

    /// The participant that asks, of which `config` is what [`node`](Self::node) gave.
    #[must_use]
    pub fn participant<'a>(&'a self, config: Option<&'a NodeConfig>) -> Option<&'a ParticipantId> {
        config.map(|config| &config.participant).or(self.participant.as_ref())
    }

    /// Connects as `config` says, which is what [`node`](Self::node) gave.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub async fn connect_from(&self, config: Option<&NodeConfig>) -> Result<Connection, Failure> {
        if let Some(config) = config {
            let Some(coordinator) = &config.coordinator else {
                return Err(Failure::usage("the node's configuration has no [coordinator]"));
            };
            return connect(&coordinator.endpoint, &coordinator.participant, coordinator.identity, &config.credentials)
                .await;
        }
        let (Some(endpoint), Some(identity), Some(participant), Some(cert), Some(key)) =
            (&self.coordinator, self.coordinator_identity, &self.participant, &self.cert, &self.key)
        else {
            return Err(Failure::usage("name the coordinator, or a node's configuration with --config"));
        };
        let credentials = Credentials::read_caller(participant, cert, key).map_err(Failure::usage)?;
        connect(endpoint, &self.coordinator_participant, identity, &credentials).await
    }
}

/// Connects to a coordinator whose identity is known.
///
/// # Errors
/// [`Failure`] if it cannot be reached or somebody else answers.
pub async fn connect(
    endpoint: &str,
    coordinator: &ParticipantId,
    identity: IdentityPublicKey,
    credentials: &Credentials,
) -> Result<Connection, Failure> {
    let pins = Pins::new([(coordinator.clone(), identity)]).map_err(Failure::usage)?;
    Ok(wire::client::connect(endpoint, credentials, &pins, coordinator, PATIENCE).await?)
}
