//! Signing for a participant, and handing what was signed to a coordinator.

use std::{path::PathBuf, sync::Arc};

use agreement::{
    IdentityKey, ParticipantId, Signed, Statement,
    catalogue::{Entry, Withdrawal},
    contract::DatasetVersion,
};
use clap::Args;
use node::NodeConfig;
use tonic::{Code, transport::Channel};
use wire::proto::{
    EntryKey, GetEntryRequest, PublishEntryRequest, WithdrawEntryRequest,
    catalogue_service_client::CatalogueServiceClient,
};

use crate::{failure::Failure, identity::read_identity, job::connect::Target};

/// Who signs.
#[derive(Clone, Debug, Args)]
pub struct Signing {
    /// The provider's identity key [default: the signing key of the node's configuration]
    #[arg(long, value_name = "FILE")]
    identity: Option<PathBuf>,
}

/// A participant that signs what it publishes.
pub(super) struct Publisher {
    participant: ParticipantId,
    key: Arc<IdentityKey>,
}

/// What became of an entry at the coordinator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// It is in the catalogue now.
    New,
    /// It was there already.
    Known,
    /// The coordinator has a reason that concerns this entry alone.
    Refused(String),
}

impl Publisher {
    pub(super) fn new(signing: &Signing, target: &Target, config: Option<&NodeConfig>) -> Result<Self, Failure> {
        let key = match (&signing.identity, config.and_then(|config| config.signing_key.clone())) {
            (Some(path), _) => Arc::new(read_identity(path)?),
            (None, Some(key)) => key,
            (None, None) => {
                return Err(Failure::usage(
                    "nothing signs: name the provider's identity key with --identity, or identity.signing_key in the \
                     node's configuration",
                ));
            }
        };
        let participant = target.participant(config).cloned();
        let participant = participant.ok_or_else(|| Failure::usage("name the participant that publishes"))?;
        Ok(Self { participant, key })
    }

    fn sign<T: Statement>(&self, statement: T) -> Result<Vec<u8>, Failure> {
        let signed = Signed::sign(statement, &self.participant, self.key.as_ref()).map_err(Failure::other)?;
        signed.to_bytes().map_err(Failure::other)
    }

    /// Signs an entry and publishes it.
    pub(super) async fn publish(
        &self,
        client: &mut CatalogueServiceClient<Channel>,
        entry: Entry,
    ) -> Result<Taken, Failure> {
        let envelope = self.sign(entry)?.into();
        match client.publish_entry(PublishEntryRequest { envelope }).await {
            Ok(answer) if answer.get_ref().known => Ok(Taken::Known),
            Ok(_) => Ok(Taken::New),
            Err(status) => match status.code() {
                Code::AlreadyExists | Code::FailedPrecondition | Code::InvalidArgument => {
                    Ok(Taken::Refused(Failure::from(status).message))
                }
                _ => Err(status.into()),
            },
        }
    }

    /// Signs a withdrawal of a dataset and hands it in; gives the version that was withdrawn.
    pub(super) async fn withdraw(
        &self,
        client: &mut CatalogueServiceClient<Channel>,
        (dataset, version): (String, Option<u32>),
        reason: String,
    ) -> Result<u32, Failure> {
        let version = match version {
            Some(version) => version,
            None => {
                let participant = self.participant.to_string();
                let key = EntryKey { participant, dataset: dataset.clone(), version: 0 };
                client.get_entry(GetEntryRequest { key: Some(key) }).await?.into_inner().newest_version
            }
        };
        let dataset = DatasetVersion { name: dataset, version };
        let envelope =
            self.sign(Withdrawal { dataset, at: node::clock::now().map_err(Failure::other)?, reason })?.into();
        client.withdraw_entry(WithdrawEntryRequest { envelope }).await?;
        Ok(version)
    }
}
