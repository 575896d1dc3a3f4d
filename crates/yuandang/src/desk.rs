//! This participant's own node, as its people talk to it: which it is, and as whom.

use std::{path::PathBuf, time::Duration};

use agreement::{ParticipantId, Pinned};
use clap::Args;
use node::NodeConfig;
use tonic::transport::Channel;
use tracing::level_filters::LevelFilter;
use wire::{Credentials, Pins};

use crate::{failure::Failure, logs, screen::Format};

/// How long a node may take to answer a dial.
const PATIENCE: Duration = Duration::from_secs(10);
/// The most bytes of an answer.
pub const MAX_MESSAGE: usize = 18 << 20;

/// Runs a command that asks a server, on a runtime of its own; only what is wrong is logged.
///
/// # Errors
/// What the command ended with.
pub fn ask(command: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    logs::to_standard_error(LevelFilter::WARN);
    tokio::runtime::Runtime::new().map_err(Failure::other)?.block_on(command)
}

/// Options of every command that a node answers.
#[derive(Debug, Args)]
pub struct Target {
    /// The configuration of this participant's node: where it is, and whom it has pinned
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// The certificate of the person who asks (yuandang cert issue --person)
    #[arg(long, value_name = "FILE")]
    pub(crate) cert: PathBuf,
    /// Its private key
    #[arg(long, value_name = "FILE")]
    pub(crate) key: PathBuf,
    /// How the answer is printed
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

impl Target {
    /// The node that `config` is of, and the person who has these: a certificate and its private key.
    #[must_use]
    pub fn new(config: PathBuf, (cert, key): (PathBuf, PathBuf), format: Format) -> Self {
        Self { config, cert, key, format }
    }

    fn read(&self) -> Result<NodeConfig, Failure> {
        NodeConfig::load(&self.config).map_err(Failure::usage)
    }

    /// Connects to the node.
    ///
    /// # Errors
    /// [`Failure`] if the credentials are not usable or the node cannot be reached.
    pub async fn connect(&self) -> Result<Channel, Failure> {
        self.connect_to(None).await
    }

    /// Connects to the node of a peer in the configuration, as a supervisor does, or to this participant's own.
    ///
    /// # Errors
    /// As [`connect`](Self::connect), or if there is no such peer.
    pub async fn connect_to(&self, peer: Option<&ParticipantId>) -> Result<Channel, Failure> {
        let config = self.read()?;
        let wrong = |problem: String| Failure::usage(format_args!("{}: {problem}", self.config.display()));
        let (node, identity, endpoint) = match peer.filter(|peer| **peer != config.participant) {
            None => (&config.participant, config.identity, config.endpoint.as_ref()),
            Some(name) => {
                let peer = config.peers.iter().find(|peer| peer.participant == *name);
                let peer = peer.ok_or_else(|| wrong(format!("there is no peer {name}")))?;
                (&peer.participant, peer.identity, peer.endpoint.as_ref())
            }
        };
        let endpoint = endpoint.ok_or_else(|| wrong(format!("the node of {node} has no endpoint")))?;
        let credentials =
            Credentials::read_caller(&config.participant, &self.cert, &self.key).map_err(Failure::usage)?;
        let pins = Pins::new([(node.clone(), identity)]).map_err(Failure::usage)?;
        Ok(wire::client::connect(endpoint, &credentials, &pins, node, PATIENCE).await?.channel)
    }

    /// The participant whose configuration it is.
    ///
    /// # Errors
    /// [`Failure`] if it cannot be read.
    pub fn participant(&self) -> Result<ParticipantId, Failure> {
        Ok(self.read()?.participant)
    }

    /// Whom the configuration has pinned, its own participant among them.
    ///
    /// # Errors
    /// [`Failure`] if it cannot be read.
    pub fn pins(&self) -> Result<Pinned, Failure> {
        let config = self.read()?;
        let peers = config.peers.iter().map(|peer| (peer.participant.clone(), peer.identity));
        let participants = peers.chain([(config.participant.clone(), config.identity)]).collect();
        Ok(Pinned { participants, supervisors: config.supervisors, ..Pinned::default() })
    }
}
