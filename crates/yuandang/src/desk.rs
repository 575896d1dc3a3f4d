//! This participant's own node, as its people talk to it: which it is, and as whom.

use std::{path::PathBuf, time::Duration};

use agreement::Pinned;
use clap::Args;
use node::NodeConfig;
use tonic::transport::Channel;
use wire::{Credentials, Pins};

use crate::{failure::Failure, screen::Format};

/// How long a node may take to answer a dial.
const PATIENCE: Duration = Duration::from_secs(10);
/// The most bytes of an answer.
pub const MAX_MESSAGE: usize = 18 << 20;

/// Options of every command that a node answers.
#[derive(Debug, Args)]
pub struct Target {
    /// The configuration of this participant's node: where it is, and whom it has pinned
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The certificate of the person who asks (yuandang cert issue --person)
    #[arg(long, value_name = "FILE")]
    cert: PathBuf,
    /// Its private key
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
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
        let config = self.read()?;
        let nowhere = || Failure::usage(format_args!("{}: the node has no endpoint", self.config.display()));
        let endpoint = config.endpoint.clone().ok_or_else(nowhere)?;
        let credentials =
            Credentials::read_caller(&config.participant, &self.cert, &self.key).map_err(Failure::usage)?;
        let pins = Pins::new([(config.participant.clone(), config.identity)]).map_err(Failure::usage)?;
        let connection = wire::client::connect(&endpoint, &credentials, &pins, &config.participant, PATIENCE).await?;
        Ok(connection.channel)
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
