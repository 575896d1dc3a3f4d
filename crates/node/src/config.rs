//! A node's configuration: everything is checked before a socket opens.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use agreement::{
    IdentityPublicKey, ParticipantId,
    settings::{self, Problems, Section},
};
use session::Limits;
use wire::{Credentials, Pins};

/// The most items that a peer may enter, unless the configuration says otherwise: a set of this size
/// takes some gigabytes here.
const MAX_ITEMS: u32 = 100_000_000;

/// Another node, as this one pinned it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its name.
    pub participant: ParticipantId,
    /// Its identity.
    pub identity: IdentityPublicKey,
    /// Where it is dialled, whatever the coordinator says.
    pub endpoint: Option<String>,
}

/// A set of records that this node offers to jobs, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dataset {
    /// The name that jobs use.
    pub name: String,
    /// The address of its source.
    pub source: String,
}

/// The coordinator that this node attaches to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoordinatorLink {
    /// Where it is dialled.
    pub endpoint: String,
    /// Its name.
    pub participant: ParticipantId,
    /// Its identity.
    pub identity: IdentityPublicKey,
}

/// A node's configuration.
#[derive(Clone, Debug)]
pub struct NodeConfig {
    /// Who this node is.
    pub participant: ParticipantId,
    /// Where it listens; nothing for a node that only dials.
    pub listen: Option<SocketAddr>,
    /// Where its peers dial it.
    pub endpoint: Option<String>,
    /// Whether jobs without a signed agreement run.
    pub development: bool,
    /// The folder of results.
    pub results: PathBuf,
    /// Threads that compute.
    pub threads: u32,
    /// Sessions at once.
    pub max_sessions: u32,
    /// This node's identity, as its peers pin it.
    pub identity: IdentityPublicKey,
    /// What it shows in a TLS handshake.
    pub credentials: Credentials,
    /// Its coordinator; nothing for a node that is not to attach to one.
    pub coordinator: Option<CoordinatorLink>,
    /// The nodes it runs jobs with.
    pub peers: Vec<Peer>,
    /// The records it offers.
    pub datasets: Vec<Dataset>,
    /// How long a session may wait.
    pub limits: Limits,
    /// How long a party waits for the other one to be ready.
    pub rendezvous: Duration,
    /// The most items that a peer may enter.
    pub max_items: u64,
}

/// What a configuration says, before the files it names are read.
struct Draft {
    participant: ParticipantId,
    listen: Option<SocketAddr>,
    endpoint: Option<String>,
    development: bool,
    results: PathBuf,
    threads: u32,
    max_sessions: u32,
    identity: (PathBuf, PathBuf, IdentityPublicKey),
    coordinator: Option<CoordinatorLink>,
    peers: Vec<Peer>,
    datasets: Vec<Dataset>,
    limits: Limits,
    rendezvous: Duration,
    max_items: u64,
}

impl NodeConfig {
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
            let draft = draft(root, folder);
            let draft = draft?;
            let (certificate, key, identity) = draft.identity;
            let credentials = match Credentials::read(draft.participant.clone(), &certificate, &key) {
                Ok(credentials) => credentials,
                Err(error) => {
                    root.problem("identity", error);
                    return None;
                }
            };
            Some(Self {
                participant: draft.participant,
                listen: draft.listen,
                endpoint: draft.endpoint,
                development: draft.development,
                results: draft.results,
                threads: draft.threads,
                max_sessions: draft.max_sessions,
                identity,
                credentials,
                coordinator: draft.coordinator,
                peers: draft.peers,
                datasets: draft.datasets,
                limits: draft.limits,
                rendezvous: draft.rendezvous,
                max_items: draft.max_items,
            })
        })
    }

    /// Checks the text of a configuration without the files that it names: for samples.
    ///
    /// # Errors
    /// All [`Problems`], each with its line.
    pub fn check(text: &str, place: &str) -> Result<(), Problems> {
        settings::read(text, place, |root| draft(root, Path::new(".")).map(drop))
    }

    /// Pins of the peers.
    ///
    /// # Errors
    /// [`wire::PinError`] if two share a name or key; [`parse`](Self::parse) has refused that.
    pub fn peer_pins(&self) -> Result<Pins, wire::PinError> {
        Pins::new(self.peers.iter().map(|peer| (peer.participant.clone(), peer.identity)))
    }
}

/// An endpoint as peers dial it.
fn endpoint(section: &Section<'_>, key: &str) -> Option<String> {
    let endpoint: String = section.optional(key)?;
    match endpoint.strip_prefix("https://").and_then(|rest| rest.rsplit_once(':')) {
        Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => Some(endpoint),
        _ => {
            section.problem(key, "an endpoint is written https://host:port");
            None
        }
    }
}

fn draft(root: &Section<'_>, folder: &Path) -> Option<Draft> {
    let participant: Option<ParticipantId> = root.required("participant");
    let listen: Option<SocketAddr> = root.optional("listen");
    let own_endpoint = endpoint(root, "endpoint");
    let development = root.flag("development", false);
    let results = root.optional("results").unwrap_or_else(|| PathBuf::from("results"));
    let cores = std::thread::available_parallelism().map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(1));
    let threads = root.number("threads", 1..=1024, cores);
    let max_sessions = root.number("max_sessions", 1..=1024, 8);
    let identity = root.required_section("identity", |identity| {
        let certificate: Option<PathBuf> = identity.required("certificate");
        let key: Option<PathBuf> = identity.required("key");
        let public: Option<IdentityPublicKey> = identity.required("public");
        Some((folder.join(certificate?), folder.join(key?), public?))
    });
    let coordinator = root.section("coordinator", |section| {
        section.required::<String>("endpoint")?;
        let address = endpoint(section, "endpoint");
        let (participant, identity) = (section.required("participant"), section.required("identity"));
        Some(CoordinatorLink { endpoint: address?, participant: participant?, identity: identity? })
    });
    let peers = peers(root, participant.as_ref());
    let datasets = datasets(root, folder);
    let (limits, rendezvous, max_items) =
        root.section("limits", |section| Some(bounds(section))).unwrap_or_else(|| {
            let limits = Limits { idle: Duration::from_secs(60), total: Duration::from_secs(3600) };
            (limits, Duration::from_secs(60), u64::from(MAX_ITEMS))
        });
    Some(Draft {
        participant: participant?,
        listen,
        endpoint: own_endpoint,
        development,
        results: folder.join(results),
        threads,
        max_sessions,
        identity: identity?,
        coordinator,
        peers,
        datasets,
        limits,
        rendezvous,
        max_items,
    })
}

/// A source's address: paths are taken from the configuration's folder, other addresses stay.
fn beside(folder: &Path, source: String) -> String {
    if source.contains(':') { source } else { folder.join(source).display().to_string() }
}

fn bounds(section: &Section<'_>) -> (Limits, Duration, u64) {
    let seconds = |key, most, otherwise| Duration::from_secs(section.number(key, 1..=most, otherwise).into());
    let limits = Limits { idle: seconds("idle_seconds", 3600, 60), total: seconds("total_seconds", 604_800, 3600) };
    let max_items = section.number("max_items", 1..=u32::MAX, MAX_ITEMS);
    (limits, seconds("rendezvous_seconds", 86_400, 60), max_items.into())
}

fn peers(root: &Section<'_>, me: Option<&ParticipantId>) -> Vec<Peer> {
    let mut seen: Vec<Peer> = Vec::new();
    root.sections("peers", |section| {
        let participant: Option<ParticipantId> = section.required("participant");
        let identity: Option<IdentityPublicKey> = section.required("identity");
        let peer = Peer { endpoint: endpoint(section, "endpoint"), participant: participant?, identity: identity? };
        if me == Some(&peer.participant) {
            section.problem("participant", "this node cannot be its own peer");
        }
        for other in &seen {
            if other.participant == peer.participant {
                section.problem("participant", format!("{} is pinned twice", peer.participant));
            } else if other.identity == peer.identity {
                section.problem("identity", format!("{} has the same identity", other.participant));
            }
        }
        seen.push(peer);
        Some(())
    });
    seen
}

fn datasets(root: &Section<'_>, folder: &Path) -> Vec<Dataset> {
    let mut seen: Vec<Dataset> = Vec::new();
    root.sections("datasets", |section| {
        let name: Option<String> = section.required("name");
        let source: Option<String> = section.required("source");
        let dataset = Dataset { name: name?, source: beside(folder, source?) };
        if seen.iter().any(|other| other.name == dataset.name) {
            section.problem("name", format!("there are two datasets named {:?}", dataset.name));
        }
        seen.push(dataset);
        Some(())
    });
    seen
}
