//! How the demonstration's provinces come to an agreement: each by its own people, at its own node.

use std::time::{Duration, Instant};

use agreement::{Agreement, Digest, JobSpec, ParticipantId};
use tonic::transport::Channel;
use wire::{
    Credentials, Duty, Holder, Person, Pins,
    proto::{
        AgreementInfo, DecideAgreementRequest, Decision, GetAgreementRequest, RequestAgreementRequest,
        agreement_service_client::AgreementServiceClient,
    },
};

use super::participants::{Participant, RECEIVER, SENDER};
use crate::{cert, failure::Failure, identity::read_identity};

/// How long a statement may take from node to node.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
/// How often it is looked whether one has come.
pub(super) const LOOK: Duration = Duration::from_millis(100);
/// Days that a person's certificate of the demonstration is valid.
const DAYS: u32 = 2;
/// Runs that the agreement allows.
pub(super) const RUNS: u64 = 3;

/// A person at its own node.
struct Desk(AgreementServiceClient<Channel>);

/// Connects to a participant's node as its person with this duty, whose certificate is made if it is not there.
pub(super) async fn connect(member: &Participant, duty: Duty) -> Result<Channel, Failure> {
    let file = |end: &str| member.folder.join(format!("{duty}.{end}"));
    let (cert, key) = (file("crt"), file("key"));
    if !key.exists() {
        let identity = read_identity(&member.folder.join("identity.key"))?;
        let person = Person { handle: "k-17".parse().map_err(Failure::other)?, duty };
        cert::issue(&identity, &Holder { participant: member.id.clone(), person: Some(person) }, &cert, &key, DAYS)?;
    }
    let credentials = Credentials::read_caller(&member.id, &cert, &key).map_err(Failure::other)?;
    let pins = Pins::new([(member.id.clone(), member.identity)]).map_err(Failure::other)?;
    let endpoint = member.endpoint();
    let connecting = wire::client::connect(&endpoint, &credentials, &pins, &member.id, PATIENCE);
    Ok(connecting.await?.channel)
}

impl Desk {
    async fn of(member: &Participant, duty: Duty) -> Result<Self, Failure> {
        Ok(Self(AgreementServiceClient::new(connect(member, duty).await?)))
    }

    async fn decide(&mut self, digest: &Digest, decision: Decision, reason: &str) -> Result<(), Failure> {
        let request =
            DecideAgreementRequest { digest: digest.to_string(), decision: decision.into(), reason: reason.to_owned() };
        self.0.decide_agreement(request).await.map_err(Failure::of_node)?;
        Ok(())
    }

    /// Waits until the agreement is in a state here.
    async fn until(&mut self, digest: &Digest, state: &str) -> Result<AgreementInfo, Failure> {
        let began = Instant::now();
        loop {
            let found = self.0.get_agreement(GetAgreementRequest { digest: digest.to_string() }).await;
            if let Ok(found) = found
                && let Some(info) = found.into_inner().agreement
                && info.state == state
            {
                return Ok(info);
            }
            if began.elapsed() > PATIENCE {
                return Err(Failure::other(format_args!("the agreement did not become {state} in time")));
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

pub(super) fn member<'a>(members: &'a [Participant], name: &str) -> Result<&'a Participant, Failure> {
    let found = members.iter().find(|member| member.id.as_str() == name);
    found.ok_or_else(|| Failure::other(format_args!("there is no {name}")))
}

/// Has both sides agree to what a job asks, and gives the digest of the agreement.
pub(super) async fn agree(members: &[Participant], spec: &JobSpec) -> Result<Digest, Failure> {
    let (receiver, sender) = (member(members, RECEIVER)?, member(members, SENDER)?);
    let terms = terms(spec, &[receiver, sender].map(|one| (one.id.clone(), one.identity)))?;
    let digest = terms.digest().map_err(Failure::other)?;
    let request = RequestAgreementRequest { agreement: terms.to_bytes().map_err(Failure::other)?.into() };
    let mut asking = Desk::of(receiver, Duty::Operator).await?;
    asking.0.request_agreement(request).await.map_err(Failure::of_node)?;
    let mut offering = Desk::of(sender, Duty::Operator).await?;
    offering.until(&digest, "Requested").await?;
    offering.decide(&digest, Decision::Offer, "").await?;
    for side in [sender, receiver] {
        Desk::of(side, Duty::Approver).await?.decide(&digest, Decision::Approve, "").await?;
    }
    for desk in [&mut asking, &mut offering] {
        desk.until(&digest, "Effective").await?;
    }
    Ok(digest)
}

/// Revokes an agreement as an approver of a participant.
pub(super) async fn revoke(member: &Participant, digest: &Digest, reason: &str) -> Result<(), Failure> {
    Desk::of(member, Duty::Approver).await?.decide(digest, Decision::Revoke, reason).await
}

/// Terms that are the job's, with what a job does not say.
fn terms(spec: &JobSpec, identities: &[(ParticipantId, agreement::IdentityPublicKey)]) -> Result<Agreement, Failure> {
    let at = node::clock::now().map_err(Failure::other)?;
    let mut nonce = [0; 16];
    getrandom::fill(&mut nonce).map_err(Failure::other)?;
    let mut terms = node::made_up_agreement(spec, identities, nonce, at)?;
    terms.name.clone_from(&spec.name);
    "student aid that nobody has to apply for".clone_into(&mut terms.reasons.purpose);
    "a demonstration with made-up residents".clone_into(&mut terms.reasons.legal_basis);
    (terms.limits.runs, terms.limits.runs_per_day) = (RUNS, RUNS);
    Ok(terms)
}
