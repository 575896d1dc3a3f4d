//! A coordinator's configuration: everything is checked before a socket opens.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use agreement::{
    IdentityPublicKey, ParticipantId,
    settings::{self, Problems, Section},
};
use database::Location;
use wire::{Credentials, CredentialsError, Pins};

/// A coordinator's configuration.
#[derive(Clone, Debug)]
pub struct CoordinatorConfig {
    /// Its name as a participant of the network: nodes pin it under this name.
    pub name: ParticipantId,
    /// Where it listens.
    pub listen: SocketAddr,
    /// The database of its jobs.
    pub database: Location,
    /// What it shows in a TLS handshake.
    pub credentials: Credentials,
    /// Who may call it.
    pub participants: Pins,
}

/// What a configuration says, before the files it names are read.
struct Draft {
    name: ParticipantId,
    listen: SocketAddr,
    database: Location,
    certificate: PathBuf,
    key: PathBuf,
    participants: Pins,
}

impl CoordinatorConfig {
    /// Reads a configuration file. Relative paths in it are taken from its folder.
    ///
    /// # Errors
    /// All [`Problems`], each with its line.
    pub fn load(path: &Path) -> Result<Self, Problems> {
        let place = path.display().to_string();
        let text = fs::read_to_string(path).map_err(|error| Problems::of_file(&place, error.to_string()))?;
        Self::parse(&text, &place, path.parent().unwrap_or(Path::new(".")))
    }

    /// Reads a configuration from text; `place` stands in messages, relative paths are taken from
    /// `folder`.
    ///
    /// # Errors
    /// All [`Problems`], each with its line.
    pub fn parse(text: &str, place: &str, folder: &Path) -> Result<Self, Problems> {
        settings::read(text, place, |root| {
            let draft = draft(root)?;
            let database = draft.database.in_folder(folder);
            if matches!(&database, Location::File(path) if !path.parent().is_some_and(Path::is_dir)) {
                root.problem("database", format!("there is no folder for {database}"));
            }
            let (certificate, key) = (folder.join(draft.certificate), folder.join(draft.key));
            let credentials = match Credentials::read(draft.name.clone(), &certificate, &key) {
                Ok(credentials) => credentials,
                Err(error) => {
                    root.problem(at_fault(&error, &key), error);
                    return None;
                }
            };
            Some(Self {
                name: draft.name,
                listen: draft.listen,
                database,
                credentials,
                participants: draft.participants,
            })
        })
    }

    /// Checks the text of a configuration without the files that it names: for samples.
    ///
    /// # Errors
    /// All [`Problems`], each with its line.
    pub fn check(text: &str, place: &str) -> Result<(), Problems> {
        settings::read(text, place, |root| draft(root).map(drop))
    }
}

/// Which of the two keys of the credentials an error is about.
fn at_fault(error: &CredentialsError, key: &Path) -> &'static str {
    match error {
        CredentialsError::Key(_) | CredentialsError::Exposed { .. } => "key",
        CredentialsError::File { path, .. } if path == key => "key",
        _ => "certificate",
    }
}

fn draft(root: &Section<'_>) -> Option<Draft> {
    let name = root.required("name");
    let listen = root.required("listen");
    let database = root.required("database");
    let certificate = root.required("certificate");
    let key = root.required("key");
    let mut entries = 0_usize;
    let pinned = root.sections("participants", |section| {
        entries += 1;
        let id: Option<ParticipantId> = section.required("id");
        let identity: Option<IdentityPublicKey> = section.required("identity");
        Some((id?, identity?))
    });
    if entries == 0 {
        root.problem("participants", "nobody may call this coordinator; pin at least two participants");
    }
    let participants = match Pins::new(pinned) {
        Ok(pins) => Some(pins),
        Err(error) => {
            root.problem("participants", error);
            None
        }
    };
    Some(Draft {
        name: name?,
        listen: listen?,
        database: database?,
        certificate: certificate?,
        key: key?,
        participants: participants?,
    })
}
