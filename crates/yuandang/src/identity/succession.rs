//! `yuandang identity succeed` and `accept`: a key takes the place of another, and a peer's operator accepts it at its node.

use std::{
    fs::OpenOptions,
    io::Write,
    path::{Path, PathBuf},
};

use agreement::{IdentityPublicKey, ParticipantId, Succession, succession::Old};
use clap::Args;
use serde::Serialize;
use tracing::level_filters::LevelFilter;
use wire::proto::{AcceptSuccessionRequest, identity_service_client::IdentityServiceClient};

use super::read_identity;
use crate::{
    desk::{MAX_MESSAGE, Target},
    failure::Failure,
    logs,
    screen::{self, Format},
    text::{self, Lang},
    wording::impersonal,
};

/// Which key takes the place of which.
#[derive(Debug, Args)]
pub struct Succeed {
    /// Whose keys they are
    #[arg(long, value_name = "NAME")]
    participant: ParticipantId,
    /// The private key file that is retired; it signs too
    #[arg(long, value_name = "FILE", required_unless_present = "lost")]
    old_key: Option<PathBuf>,
    /// In its place the public key of one that is lost, or that others may have
    #[arg(long, value_name = "IDENTITY", conflicts_with = "old_key")]
    lost: Option<IdentityPublicKey>,
    /// The private key file that takes its place
    #[arg(long, value_name = "FILE")]
    new_key: PathBuf,
    /// Why, for the operators of all peers
    #[arg(long, value_parser = impersonal)]
    reason: String,
    /// Where the statement goes; an existing file is not replaced
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// How to print it
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// What is accepted, at which node, and as whom.
#[derive(Debug, Args)]
pub struct Accept {
    /// The statement: what `identity succeed` made
    #[arg(long, value_name = "FILE")]
    file: PathBuf,
    /// Accept it; without this it is only shown
    #[arg(long)]
    yes: bool,
    /// Accept it although the old key has not signed it; ask the participant in another way first
    #[arg(long)]
    lost: bool,
    /// Which node, and as whom
    #[command(flatten)]
    target: Target,
}

/// A succession as programs see it.
#[derive(Serialize)]
struct Shown<'a> {
    participant: &'a str,
    old: String,
    new: String,
    at: String,
    reason: &'a str,
    signed_by_old: bool,
    accepted: bool,
}

impl Succeed {
    /// Signs the statement and writes it down.
    ///
    /// # Errors
    /// [`Failure`] if a key cannot be read, or the file cannot be written or is there.
    pub(super) fn run(self, lang: Lang) -> Result<(), Failure> {
        let new = read_identity(&self.new_key)?;
        let retired = self.old_key.as_deref().map(read_identity).transpose()?;
        let old = match (&retired, self.lost) {
            (Some(key), _) => Old::Retired(key),
            (None, Some(identity)) => Old::Lost(identity),
            (None, None) => return Err(Failure::usage("name the old key with --old-key, or --lost")),
        };
        let at = node::clock::now().map_err(Failure::other)?;
        let signed = Succession::sign(&self.participant, old, &new, (at, &self.reason)).map_err(Failure::usage)?;
        write_new(&self.out, &signed.to_bytes().map_err(Failure::other)?)?;
        show(&signed, false, self.format, lang)
    }
}

impl Accept {
    /// Shows the statement, and accepts it at the node if that is said.
    ///
    /// # Errors
    /// [`Failure`] if it is no such statement, it was not said, or the node does not take it.
    pub(super) fn run(self, lang: Lang) -> Result<(), Failure> {
        logs::to_standard_error(LevelFilter::WARN);
        let wrong = |cause: &dyn std::fmt::Display| Failure::usage(format_args!("{}: {cause}", self.file.display()));
        let statement = std::fs::read(&self.file).map_err(|cause| wrong(&cause))?;
        let succession = Succession::from_bytes(&statement).map_err(|error| wrong(&error))?;
        let missing = match (self.yes, succession.is_signed_by_old() || self.lost) {
            (true, true) => None,
            (_, false) => Some(text::identity::not_without_lost(lang, succession.participant())),
            (false, true) => Some(text::identity::not_without_yes(lang).to_owned()),
        };
        if let Some(missing) = missing {
            show(&succession, false, self.target.format, lang)?;
            return Err(Failure::usage(missing));
        }
        let runtime = tokio::runtime::Runtime::new().map_err(Failure::other)?;
        runtime.block_on(async {
            let channel = self.target.connect().await?;
            let mut client = IdentityServiceClient::new(channel).max_decoding_message_size(MAX_MESSAGE);
            let request = AcceptSuccessionRequest { statement: statement.into(), lost: self.lost };
            client.accept_succession(request).await.map_err(Failure::of_node)
        })?;
        show(&succession, true, self.target.format, lang)
    }
}

fn show(succession: &Succession, accepted: bool, format: Format, lang: Lang) -> Result<(), Failure> {
    match format {
        Format::Text => screen::line(&text::identity::succession(lang, succession, accepted)),
        Format::Json => screen::json(&Shown {
            participant: succession.participant().as_str(),
            old: succession.old_key().to_string(),
            new: succession.new_key().to_string(),
            at: succession.at().to_string(),
            reason: succession.reason(),
            signed_by_old: succession.is_signed_by_old(),
            accepted,
        }),
    }
}

fn write_new(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let wrong = |cause: std::io::Error| Failure::usage(format_args!("{}: {cause}", path.display()));
    let mut file = OpenOptions::new().write(true).create_new(true).open(path).map_err(wrong)?;
    file.write_all(bytes).map_err(wrong)
}
