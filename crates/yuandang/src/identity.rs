//! `yuandang identity`: the key that a participant is known by.

mod succession;

use std::{
    fs,
    path::{Path, PathBuf},
};

use agreement::{IdentityKey, IdentityPublicKey, ParticipantId};
use clap::Subcommand;
use serde::Serialize;
use zeroize::Zeroizing;

use crate::{
    failure::{Failure, Status},
    screen::{self, Format},
    text::Lang,
};
use succession::{Accept, Succeed};

/// What to do with identities.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// Make a new identity key; print what peers pin
    New {
        /// Whose key it is
        #[arg(long, value_name = "NAME")]
        participant: ParticipantId,
        /// The folder that gets identity.key (readable by its owner alone) and identity.pub
        #[arg(long, value_name = "DIR")]
        dir: PathBuf,
        /// How to print it
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Print what peers pin for an identity key
    Show {
        /// The private key file
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
        /// How to print it
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Sign that a new key takes the place of an old one, for the operators of all peers
    Succeed(Succeed),
    /// Accept at this participant's node that a peer or a supervisor has a new key
    Accept(Accept),
}

/// What is printed.
#[derive(Serialize)]
struct Shown {
    #[serde(skip_serializing_if = "Option::is_none")]
    participant: Option<ParticipantId>,
    identity: String,
    key: PathBuf,
}

impl Action {
    /// Does it.
    ///
    /// # Errors
    /// [`Failure`] if a file cannot be read or written, or the node does not accept; a key that exists is never replaced.
    pub fn run(self, lang: Lang) -> Result<(), Failure> {
        match self {
            Self::New { participant, dir, format } => {
                let key = dir.join("identity.key");
                let identity = new_identity(&dir)?;
                print(&Shown { participant: Some(participant), identity: identity.public().to_string(), key }, format)
            }
            Self::Show { key, format } => {
                let identity = read_identity(&key)?;
                print(&Shown { participant: None, identity: identity.public().to_string(), key }, format)
            }
            Self::Succeed(succeed) => succeed.run(lang),
            Self::Accept(accept) => accept.run(lang),
        }
    }
}

fn print(shown: &Shown, format: Format) -> Result<(), Failure> {
    match format {
        Format::Json => screen::json(shown),
        Format::Text => screen::line(&shown.identity),
    }
}

/// A fresh identity key.
///
/// # Errors
/// If the system gives no randomness.
pub fn fresh_identity() -> Result<IdentityKey, Failure> {
    let mut seed = Zeroizing::new([0; 32]);
    getrandom::fill(seed.as_mut()).map_err(|cause| Failure::other(format_args!("no randomness: {cause}")))?;
    Ok(IdentityKey::from_seed(&seed))
}

/// Makes an identity key and writes identity.key and identity.pub into `folder`, which is created.
///
/// # Errors
/// If there is a key already, or a file cannot be written.
pub fn new_identity(folder: &Path) -> Result<IdentityKey, Failure> {
    let cannot = |path: &Path, cause| Failure::usage(format_args!("{}: {cause}", path.display()));
    fs::create_dir_all(folder).map_err(|cause| cannot(folder, cause))?;
    let identity = fresh_identity()?;
    let pem = identity.to_pem().map_err(Failure::other)?;
    wire::write_secret(&folder.join("identity.key"), &pem).map_err(Failure::usage)?;
    write_pin(&folder.join("identity.pub"), &identity.public())?;
    Ok(identity)
}

fn write_pin(path: &Path, identity: &IdentityPublicKey) -> Result<(), Failure> {
    fs::write(path, format!("{identity}\n"))
        .map_err(|cause| Failure::usage(format_args!("{}: {cause}", path.display())))
}

/// Reads an identity key.
///
/// # Errors
/// If the file cannot be read, others can read it too, or it is no key.
pub fn read_identity(path: &Path) -> Result<IdentityKey, Failure> {
    let pem = wire::credentials::read_secret(path).map_err(|error| Failure::new(Status::Usage, error))?;
    IdentityKey::from_pem(&pem).map_err(|error| Failure::usage(format_args!("{}: {error}", path.display())))
}
