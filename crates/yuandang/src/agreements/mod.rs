//! `yuandang agreement`: what participants agree to, at this participant's own node.

mod show;
mod supervising;
mod supervisor;
mod terms;

use std::path::PathBuf;

use agreement::{Act, Agreement, Digest, Life, Pinned, acts::Change, printable};
use clap::Subcommand;
use tonic::transport::Channel;
use wire::proto::{
    AgreementInfo, DecideAgreementRequest, Decision, GetAgreementRequest, GetAgreementResponse, ListAgreementsRequest,
    RequestAgreementRequest, agreement_service_client::AgreementServiceClient,
};

use crate::{
    desk::{MAX_MESSAGE, Target, ask},
    failure::{Failure, Status},
    screen::{self, Format},
    text::{self, Lang},
    wording::impersonal,
};
use show::ShownAgreement;
use supervising::{Heart, Held};

/// A node's answer without an agreement breaks the contract.
const NONE: &str = "the node answers without an agreement";

/// What to do with agreements.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// Ask all parties for the agreement that a file describes; print its digest
    Request {
        /// The terms: examples/config/agreement.toml is one
        #[arg(long, value_name = "FILE")]
        file: PathBuf,
        /// Which node, and as whom
        #[command(flatten)]
        target: Target,
    },
    /// List agreements, newest first
    List {
        /// The most that are listed
        #[arg(long, default_value_t = 100)]
        limit: u32,
        /// Which node, and as whom
        #[command(flatten)]
        target: Target,
    },
    /// Say in plain words who will learn what
    Show(Named),
    /// Say that this participant would enter it
    Offer(Named),
    /// Approve it; with the last approval that is needed this participant signs
    Approve(Named),
    /// Refuse it
    Reject(Reasoned),
    /// Stop everything under it for now
    Suspend(Held),
    /// Let it go on
    Resume(Held),
    /// Stop everything under it for ever
    Revoke(Held),
    /// Tell nodes, as a supervisor, that somebody watches
    Heartbeat(Heart),
    /// Check here, against the keys that the configuration pins, what was signed about it
    Verify(Named),
}

/// An agreement.
#[derive(Debug, clap::Args)]
pub struct Named {
    /// Its digest, or the first eight digits of it or more
    digest: String,
    /// Which node, and as whom
    #[command(flatten)]
    target: Target,
}

/// An agreement, and why.
#[derive(Debug, clap::Args)]
pub struct Reasoned {
    /// Its digest, or the first eight digits of it or more
    digest: String,
    /// Why, for all parties
    #[arg(long, value_parser = impersonal)]
    reason: String,
    /// Which node, and as whom
    #[command(flatten)]
    target: Target,
}

impl Action {
    /// Does it.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn run(self, lang: Lang) -> Result<(), Failure> {
        ask(self.act(lang))
    }

    async fn act(self, lang: Lang) -> Result<(), Failure> {
        match self {
            Self::Request { file, target } => request(&file, &target, lang).await,
            Self::List { limit, target } => list(limit, &target, lang).await,
            Self::Show(Named { digest, target }) => {
                let (info, terms, _) = get(&digest, &target).await?;
                match target.format {
                    Format::Json => screen::json(&ShownAgreement::of(&info, Some(&terms))),
                    Format::Text => screen::line(&text::agreements::whole(lang, &info, &terms)),
                }
            }
            Self::Verify(Named { digest, target }) => verify(&digest, &target, lang).await,
            Self::Offer(Named { digest, target }) => decide(Decision::Offer, digest, None, &target, lang).await,
            Self::Approve(Named { digest, target }) => decide(Decision::Approve, digest, None, &target, lang).await,
            Self::Reject(Reasoned { digest, reason, target }) => {
                decide(Decision::Reject, digest, Some(reason), &target, lang).await
            }
            Self::Suspend(held) => hold(held, (Decision::Suspend, Change::Suspension), lang).await,
            Self::Resume(held) => hold(held, (Decision::Resume, Change::Resumption), lang).await,
            Self::Revoke(held) => hold(held, (Decision::Revoke, Change::Revocation), lang).await,
            Self::Heartbeat(heart) => heart.beat(lang).await,
        }
    }
}

/// Changes the standing of an agreement, as a person of a participant or as a supervisor.
async fn hold(held: Held, (decision, change): (Decision, Change), lang: Lang) -> Result<(), Failure> {
    match held.target() {
        Some(target) => {
            let (digest, reason) = held.into_words();
            decide(decision, digest, Some(reason), &target, lang).await
        }
        None => held.tell(change, lang).await,
    }
}

async fn client(target: &Target) -> Result<AgreementServiceClient<Channel>, Failure> {
    Ok(AgreementServiceClient::new(target.connect().await?).max_decoding_message_size(MAX_MESSAGE))
}

fn none() -> Failure {
    Failure::new(Status::Peer, NONE)
}

fn print(info: Option<AgreementInfo>, format: Format, lang: Lang) -> Result<(), Failure> {
    let info = info.ok_or_else(none)?;
    match format {
        Format::Json => screen::json(&ShownAgreement::of(&info, None)),
        Format::Text => screen::line(&text::agreements::line(lang, &info)),
    }
}

async fn request(file: &std::path::Path, target: &Target, lang: Lang) -> Result<(), Failure> {
    let terms = terms::read(file, &target.pins()?)?;
    let agreement = terms.to_bytes().map_err(Failure::usage)?.into();
    let answer = client(target)
        .await?
        .request_agreement(RequestAgreementRequest { agreement })
        .await
        .map_err(Failure::of_node)?;
    let info = answer.into_inner().agreement.ok_or_else(none)?;
    match target.format {
        Format::Json => screen::json(&ShownAgreement::of(&info, None)),
        Format::Text => {
            // The whole digest alone on standard output: jobs name it, and a shell takes it up.
            screen::note(&text::agreements::line(lang, &info));
            screen::line(&printable(&info.digest, 64))
        }
    }
}

async fn list(limit: u32, target: &Target, lang: Lang) -> Result<(), Failure> {
    let request = ListAgreementsRequest { page_size: limit };
    let all = client(target).await?.list_agreements(request).await.map_err(Failure::of_node)?.into_inner().agreements;
    match target.format {
        Format::Json => screen::json(&all.iter().map(|info| ShownAgreement::of(info, None)).collect::<Vec<_>>()),
        Format::Text if all.is_empty() => screen::line(text::agreements::none(lang)),
        Format::Text => all.iter().try_for_each(|info| screen::line(&text::agreements::line(lang, info))),
    }
}

async fn decide(
    decision: Decision,
    digest: String,
    reason: Option<String>,
    target: &Target,
    lang: Lang,
) -> Result<(), Failure> {
    let request = DecideAgreementRequest { digest, decision: decision.into(), reason: reason.unwrap_or_default() };
    let answer = client(target).await?.decide_agreement(request).await.map_err(Failure::of_node)?;
    print(answer.into_inner().agreement, target.format, lang)
}

/// An agreement with what was signed about it, each statement with a valid signature of the key that it names.
async fn get(digest: &str, target: &Target) -> Result<(AgreementInfo, Agreement, Vec<Act>), Failure> {
    let request = GetAgreementRequest { digest: digest.to_owned() };
    let answer = client(target).await?.get_agreement(request).await.map_err(Failure::of_node)?.into_inner();
    let GetAgreementResponse { agreement, terms, statements } = answer;
    let broken = |error: &dyn std::fmt::Display| Failure::new(Status::Peer, format_args!("the node's answer: {error}"));
    let terms = Agreement::from_bytes(&terms).map_err(|error| broken(&error))?;
    let acts = statements
        .iter()
        .map(|envelope| Act::from_bytes(&envelope.statement).map_err(|error| broken(&error)))
        .collect::<Result<_, _>>()?;
    Ok((agreement.ok_or_else(none)?, terms, acts))
}

/// Checks an agreement without believing the node: the digest, each signature, and whose keys they are.
async fn verify(digest: &str, target: &Target, lang: Lang) -> Result<(), Failure> {
    let (_, terms, acts) = get(digest, target).await?;
    let named: Digest = terms.digest().map_err(Failure::other)?;
    if !named.to_string().starts_with(digest) {
        return Err(Failure::new(Status::Peer, "the node shows another agreement than it was asked for"));
    }
    let pinned: Pinned = target.pins()?;
    let now = node::clock::now().map_err(Failure::other)?;
    let life = Life::of(&terms, &named, &acts, &pinned);
    let state = life.state(&terms, 0, now, true);
    let lines = text::agreements::verified(lang, &named, &terms, &acts, &pinned, &life);
    match target.format {
        Format::Json => screen::json(&show::Verified::of(&named, &acts, &pinned, &life, state))?,
        Format::Text => screen::line(&lines)?,
    }
    let strangers = terms.parties.iter().find(|party| !pinned.is_participant((&party.participant, &party.identity)));
    match (strangers, life.missing.first()) {
        (Some(party), _) => Err(Failure::new(
            Status::Refused,
            format_args!("the agreement names another key for {} than the one that is pinned here", party.participant),
        )),
        (None, Some(missing)) => {
            Err(Failure::new(Status::Refused, format_args!("the signed consent of {missing} is missing")))
        }
        (None, None) => Ok(()),
    }
}
