//! Agreements between the nodes of a world: signed at once by all parties, and kept in the books of their nodes.

use std::{
    sync::{Arc, PoisonError},
    time::Duration,
};

use agreement::{
    Act, Agreement, Digest, JobSpec, Pinned, Signed, Signer, Statement,
    acts::{Change, Consent, Request, Standing},
};
use node::{NodeConfig, Under, book::Book, clock::now};
use tonic::transport::Channel;
use wire::{Duty, proto::agreement_service_client::AgreementServiceClient};

use crate::{
    participants::{BoxError, Participant, pins},
    world::World,
};

/// Signs a statement as the participant of this name.
///
/// # Errors
/// If it cannot be.
pub fn sign<T: Statement>(statement: T, name: &str) -> Result<Signed<T>, BoxError> {
    Ok(Signed::sign(statement, &name.parse()?, &Participant::identity_of(name))?)
}

/// Opens the book of a node that this configuration is of, besides the node itself.
pub(crate) async fn book(config: &NodeConfig) -> Result<Book, BoxError> {
    let participants = config.peers.iter().map(|peer| (peer.participant.clone(), peer.identity)).collect();
    let pinned = Pinned { participants, supervisors: config.supervisors.clone() };
    let key: Arc<dyn Signer> = config.signing_key.clone().ok_or("a node without a signing key")?;
    Ok(Book::open(&config.database, config.participant.clone(), key, pinned).await?)
}

/// The agreement of a job between participants of test worlds; `edit` changes it before anybody signs.
///
/// # Errors
/// If the job cannot be.
pub fn agreement_of(spec: &JobSpec, edit: impl FnOnce(&mut Agreement)) -> Result<Agreement, BoxError> {
    let identities: Vec<_> = spec
        .parties
        .iter()
        .map(|party| {
            let identity = Participant::identity_of(party.participant.as_str()).public();
            (party.participant.clone(), identity)
        })
        .collect();
    let mut nonce = [0; 16];
    getrandom::fill(&mut nonce)?;
    let mut agreement = node::made_up_agreement(spec, &identities, nonce, now()?)?;
    edit(&mut agreement);
    Ok(agreement)
}

/// The request of an agreement, and the consents of these parties.
///
/// # Errors
/// If it cannot be signed.
pub fn acts_of(agreement: &Agreement, consenting: &[&str]) -> Result<Vec<Act>, BoxError> {
    let (at, digest) = (now()?, agreement.digest()?);
    let first = agreement.parties.first().ok_or("no party")?.participant.to_string();
    let mut acts = vec![Act::Request(Box::new(sign(Request { agreement: agreement.clone(), at }, &first)?))];
    for name in consenting {
        let consent = Consent { agreement: digest, at, approvers: vec!["k-1".to_owned()] };
        acts.push(Act::Consent(sign(consent, name)?));
    }
    Ok(acts)
}

/// What somebody says of the standing of an agreement.
///
/// # Errors
/// If it cannot be signed.
pub fn standing(name: &str, agreement: Digest, change: Change, number: u64) -> Result<Act, BoxError> {
    let reason = format!("{name} says so");
    Ok(Act::Standing(sign(Standing { agreement, at: now()?, change, number, reason }, name)?))
}

impl World {
    /// Connects to the desk of a node, as a person of its participant, or of the supervisor.
    ///
    /// # Errors
    /// If the node does not let it in.
    pub async fn desk(
        &self,
        name: &str,
        person: (&str, &str, Duty),
    ) -> Result<AgreementServiceClient<Channel>, BoxError> {
        Ok(AgreementServiceClient::new(self.channel(name, person).await?))
    }

    /// Connects to a node as a person of a participant.
    pub(crate) async fn channel(
        &self,
        name: &str,
        (participant, handle, duty): (&str, &str, Duty),
    ) -> Result<Channel, BoxError> {
        let node = self.node(name)?;
        let credentials = Participant::new(participant)?.person(handle, duty)?;
        let (pins, wait) = (pins([&node.participant])?, Duration::from_secs(5));
        let connecting = wire::client::connect(&node.endpoint, &credentials, &pins, &node.participant.id, wait);
        Ok(connecting.await?.channel)
    }

    /// Puts statements into the book of a node.
    ///
    /// # Errors
    /// If it does not take one.
    pub async fn tell(&self, name: &str, acts: &[Act]) -> Result<(), BoxError> {
        for (place, act) in acts.iter().enumerate() {
            self.node(name)?.book.keep(act, i64::try_from(place)?).await?;
        }
        Ok(())
    }

    /// Has all parties of a job agree to it, and gives the job as it is under that agreement.
    ///
    /// # Errors
    /// If the job cannot be.
    pub async fn agree(&self, spec: &JobSpec) -> Result<JobSpec, BoxError> {
        self.agree_to(spec, |_| {}).await
    }

    /// The same to an agreement that `edit` has changed.
    ///
    /// # Errors
    /// If the job or the agreement cannot be.
    pub async fn agree_to(&self, spec: &JobSpec, edit: impl FnOnce(&mut Agreement)) -> Result<JobSpec, BoxError> {
        let agreement = agreement_of(spec, edit)?;
        let names: Vec<&str> = agreement.parties.iter().map(|party| party.participant.as_str()).collect();
        let acts = acts_of(&agreement, &names)?;
        for name in names.into_iter().filter(|name| self.nodes.contains_key(*name)) {
            self.tell(name, &acts).await?;
        }
        let digest = *agreement.digest()?.as_bytes();
        self.agreements.lock().unwrap_or_else(PoisonError::into_inner).insert(digest, agreement);
        Ok(JobSpec { agreement_digest: Some(digest), ..spec.clone() })
    }

    /// The agreement of a job that was [agreed](Self::agree) here, as a party without a node holds it.
    ///
    /// # Errors
    /// If there is none.
    pub(crate) async fn under(&self, name: &str, job_id: &str, spec: &JobSpec) -> Result<Under, BoxError> {
        let agreement = {
            let known = self.agreements.lock().unwrap_or_else(PoisonError::into_inner);
            spec.agreement_digest.and_then(|digest| known.get(&digest).cloned()).ok_or("no agreement")?
        };
        let names: Vec<&str> = agreement.parties.iter().map(|party| party.participant.as_str()).collect();
        let consents = acts_of(&agreement, &names)?.into_iter().filter_map(|act| match act {
            Act::Consent(consent) => Some(consent),
            _ => None,
        });
        let (consents, key) = (consents.collect(), Arc::new(Participant::identity_of(name)));
        Ok(Under::made_up(&name.parse()?, key, agreement, consents, (job_id, spec), now()?).await?)
    }
}
