//! A node's configuration: everything is checked before a socket opens.

use std::{
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use agreement::{
    IdentityKey, IdentityPublicKey, ParticipantId, Pinned,
    calendar::Calendar,
    catalogue::Entry,
    settings::{self, Problems, Section},
};
use database::Location;
use records::Datasets;
use session::Limits;
use wire::{Credentials, CredentialsError, Pins};

mod published;
mod signing;

use self::{
    published::{calendar, datasets},
    signing::{database, receipts_years, signing_key, supervisors},
};
use crate::{checkpoint::Checkpoints, quality::Examining, results::ResultsFolder, space::Space};

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
#[derive(Clone, Debug)]
pub struct Dataset {
    /// The name that jobs use.
    pub name: String,
    /// The address of its source.
    pub source: String,
    /// How jobs examine its rows.
    pub examining: Examining,
    /// Its version, which agreements name.
    pub version: u32,
    /// What this participant published of it; nothing if the configuration does not say.
    pub entry: Option<Arc<Entry>>,
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
    /// The folder of results.
    pub results: PathBuf,
    /// The folder of runs that are to go on after this process, and of the key that they are sealed under.
    pub runs: PathBuf,
    /// The folder of what earlier runs entered, by which the guard against differencing compares, for this node alone.
    pub guard: PathBuf,
    /// Whether approvers are asked about an input that is too close to an earlier one; otherwise it is refused.
    pub guard_asks: bool,
    /// Threads that compute.
    pub threads: u32,
    /// Sessions at once.
    pub max_sessions: u32,
    /// This node's identity, as its peers pin it.
    pub identity: IdentityPublicKey,
    /// Its private key, with which it signs uses and receipts; nothing for a node that enters no agreement.
    pub signing_key: Option<Arc<IdentityKey>>,
    /// Where its book is: agreements, uses, receipts.
    pub database: Location,
    /// Those who may suspend and revoke agreements, and whose heartbeat counts.
    pub supervisors: BTreeMap<ParticipantId, IdentityPublicKey>,
    /// Different people of this participant who have to approve an agreement before the node signs it, and a job that waits
    /// for them.
    pub approvers: u32,
    /// Which days are worked on, for replies that are due.
    pub calendar: Calendar,
    /// Seconds within which a heartbeat of one of them has to have been heard before a job is admitted.
    pub heartbeat_seconds: Option<u64>,
    /// Years for which receipts are kept.
    pub receipts_years: u16,
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
    /// What a run may take of the machine.
    pub space: Space,
}

/// How far a configuration is checked.
#[derive(Clone, Copy)]
enum Depth<'a> {
    /// Its text.
    Text,
    /// Its text and the credentials that it names.
    Credentials,
    /// All that a node needs to serve.
    Service(&'a dyn Datasets),
}

impl NodeConfig {
    /// Reads a configuration file and the credentials that it names. Relative paths in it are taken from
    /// its folder.
    ///
    /// # Errors
    /// All [`Problems`], each with its line.
    pub fn load(path: &Path) -> Result<Self, Problems> {
        Self::read(path, Depth::Credentials)
    }

    /// The same for a node that is about to serve: its datasets can be opened, and its folder for results,
    /// which is made if it is not there, can be written to and is no other node's.
    ///
    /// # Errors
    /// All [`Problems`], each with its line.
    pub fn load_to_serve(path: &Path, datasets: &dyn Datasets) -> Result<Self, Problems> {
        Self::read(path, Depth::Service(datasets))
    }

    /// Checks the text of a configuration without the files that it names: for samples.
    ///
    /// # Errors
    /// All [`Problems`], each with its line.
    pub fn check(text: &str, place: &str) -> Result<(), Problems> {
        settings::read(text, place, |root| {
            config(root, Path::new("."), Depth::Text);
            Some(())
        })
    }

    fn read(path: &Path, depth: Depth<'_>) -> Result<Self, Problems> {
        let place = path.display().to_string();
        let text = fs::read_to_string(path).map_err(|error| Problems::of_file(&place, error.to_string()))?;
        settings::read(&text, &place, |root| config(root, path.parent().unwrap_or(Path::new(".")), depth))
    }

    /// Pins of all who may call this node: its peers, supervisors, and its own people.
    ///
    /// # Errors
    /// As [`peer_pins`](Self::peer_pins).
    pub fn caller_pins(&self) -> Result<Pins, wire::PinError> {
        let own = (self.participant.clone(), self.identity);
        let peers = self.peers.iter().map(|peer| (peer.participant.clone(), peer.identity));
        let supervisors = self.supervisors.iter().map(|(supervisor, identity)| (supervisor.clone(), *identity));
        Pins::new(peers.chain(supervisors).chain([own]))
    }

    /// Takes the identities that were accepted in the place of those that stand in the file.
    pub(crate) fn adopt(&mut self, pinned: &Pinned) {
        let peers = self.peers.iter_mut().map(|peer| (&peer.participant, &mut peer.identity));
        let supervisors = self.supervisors.iter_mut();
        for (participant, identity) in peers.chain(supervisors) {
            let known = pinned.participants.get(participant).or_else(|| pinned.supervisors.get(participant));
            if let Some(accepted) = known.filter(|known| *known != identity) {
                tracing::warn!(%participant, %identity, %accepted, "the configuration pins an identity that was replaced");
                *identity = *accepted;
            }
        }
    }

    /// Pins of the peers.
    ///
    /// # Errors
    /// [`wire::PinError`] if two share a name or key; [`load`](Self::load) has refused that.
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

/// Identities so far, with whose they are. One key for two would let the one speak for the other.
#[derive(Default)]
struct Identities(Vec<(String, IdentityPublicKey)>);

impl Identities {
    fn add(&mut self, section: &Section<'_>, key: &str, whose: impl Into<String>, identity: IdentityPublicKey) {
        if let Some((other, _)) = self.0.iter().find(|(_, known)| *known == identity) {
            section.problem(key, format!("{other} has the same identity"));
        }
        self.0.push((whose.into(), identity));
    }
}

/// Notes all that is wrong, as deep as `depth`; credentials are there unless that is the text alone.
fn config(root: &Section<'_>, folder: &Path, depth: Depth<'_>) -> Option<NodeConfig> {
    let participant: Option<ParticipantId> = root.required("participant");
    let me = participant.as_ref();
    let listen: Option<SocketAddr> = root.optional("listen");
    let own_endpoint = endpoint(root, "endpoint");
    let results = folder.join(root.optional("results").unwrap_or_else(|| PathBuf::from("results")));
    if let Depth::Service(_) = depth
        && let Err(error) = ResultsFolder::take(&results)
    {
        root.problem("results", error);
    }
    let runs = folder.join(root.optional("runs").unwrap_or_else(|| PathBuf::from("runs")));
    if let Depth::Service(_) = depth
        && let Err(error) = Checkpoints::open(&runs)
    {
        root.problem("runs", error);
    }
    let guard = folder.join(root.optional("guard").unwrap_or_else(|| PathBuf::from("guard")));
    let cores = std::thread::available_parallelism().map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(1));
    let threads = root.number("threads", 1..=1024, cores);
    let max_sessions = root.number("max_sessions", 1..=1024, 8);
    let mut identities = Identities::default();
    let own = root.required_section("identity", |section| {
        let public: Option<IdentityPublicKey> = section.required("public");
        if let Some(public) = public {
            identities.add(section, "public", "this node", public);
        }
        let credentials = credentials(section, folder, me, public, depth);
        let signing_key = signing_key(section, folder, public, depth);
        Some((public?, credentials?, signing_key))
    });
    let database = database(root, folder);
    let supervisors = supervisors(root, &mut identities);
    let approvers = root.number("approvers", 1..=16, 1);
    let guard_asks = root.flag("guard_asks_approver", false);
    let heartbeat = root.number("heartbeat_seconds", 0..=86_400, 0);
    let receipts_years = receipts_years(root);
    let coordinator = root.section("coordinator", |section| coordinator(section, &mut identities));
    let peers = peers(root, me, &mut identities);
    let calendar = calendar(root);
    let datasets = datasets(root, folder, me.zip(own.as_ref().map(|(public, _, _)| public)), depth);
    let (limits, rendezvous, max_items) =
        root.section("limits", |section| Some(bounds(section))).unwrap_or_else(|| {
            let limits = Limits { idle: Duration::from_secs(60), total: Duration::from_secs(3600) };
            (limits, Duration::from_secs(60), u64::from(MAX_ITEMS))
        });
    let space = space(root, folder, depth);
    let (identity, credentials, signing_key) = own?;
    Some(NodeConfig {
        participant: participant?,
        listen,
        endpoint: own_endpoint,
        results,
        runs,
        guard,
        guard_asks,
        threads,
        max_sessions,
        identity,
        signing_key,
        database: database?,
        supervisors,
        approvers,
        calendar: calendar?,
        // 0 for a node that waits for nobody's heartbeat.
        heartbeat_seconds: (heartbeat > 0).then(|| heartbeat.into()),
        receipts_years,
        credentials,
        coordinator,
        peers,
        datasets,
        limits,
        rendezvous,
        max_items,
        space,
    })
}

/// What a run may take of the machine: section `space`.
fn space(root: &Section<'_>, folder: &Path, depth: Depth<'_>) -> Space {
    let standard = Space::default();
    root.section("space", |section| {
        let memory = section.number("memory_mib", 64..=1 << 20, 1024);
        let in_flight = section.number("in_flight", 1..=64, standard.in_flight);
        // 0 for as many as the memory allows.
        let bin_items = section.number("bin_items", 0..=u32::MAX, 0);
        let own: Option<PathBuf> = section.optional("folder");
        let folder = own.map_or_else(|| standard.folder.clone(), |own| folder.join(own));
        if let Depth::Service(_) = depth
            && let Err(error) = tempfile::tempfile_in(&folder)
        {
            section.problem("folder", format!("no temporary file can be made in {}: {error}", folder.display()));
        }
        Some(Space {
            folder,
            memory: u64::from(memory) << 20,
            in_flight,
            bin_items: (bin_items > 0).then(|| bin_items.into()),
        })
    })
    .unwrap_or(standard)
}

/// What this node shows in a TLS handshake, as far as that can be known: a certificate of `me` that
/// `identity` endorses, and its key.
fn credentials(
    section: &Section<'_>,
    folder: &Path,
    me: Option<&ParticipantId>,
    identity: Option<IdentityPublicKey>,
    depth: Depth<'_>,
) -> Option<Credentials> {
    let (certificate, key): (Option<PathBuf>, Option<PathBuf>) =
        (section.required("certificate"), section.required("key"));
    let (me, certificate, key) = (me?, folder.join(certificate?), folder.join(key?));
    if let Depth::Text = depth {
        return None;
    }
    let credentials = Credentials::read(me.clone(), &certificate, &key).and_then(|credentials| {
        // Peers would turn it away at every connection, and say no more than that.
        identity.map_or(Ok(()), |identity| credentials.verify(&identity, SystemTime::now()))?;
        Ok(credentials)
    });
    credentials.map_err(|error| section.problem(at_fault(&error, &key), error)).ok()
}

/// The key of the configuration that an error of the credentials is about.
fn at_fault(error: &CredentialsError, key: &Path) -> &'static str {
    match error {
        CredentialsError::Key(_) | CredentialsError::Exposed { .. } => "key",
        CredentialsError::File { path, .. } if path == key => "key",
        _ => "certificate",
    }
}

fn coordinator(section: &Section<'_>, identities: &mut Identities) -> Option<CoordinatorLink> {
    let address: Option<String> = section.required("endpoint");
    let address = address.and_then(|_| endpoint(section, "endpoint"));
    let (participant, identity) = (section.required("participant"), section.required("identity"));
    if let Some(identity) = identity {
        identities.add(section, "identity", "the coordinator", identity);
    }
    Some(CoordinatorLink { endpoint: address?, participant: participant?, identity: identity? })
}

fn bounds(section: &Section<'_>) -> (Limits, Duration, u64) {
    let seconds = |key, most, otherwise| Duration::from_secs(section.number(key, 1..=most, otherwise).into());
    let limits = Limits { idle: seconds("idle_seconds", 3600, 60), total: seconds("total_seconds", 604_800, 3600) };
    let max_items = section.number("max_items", 1..=u32::MAX, MAX_ITEMS);
    (limits, seconds("rendezvous_seconds", 86_400, 60), max_items.into())
}

fn peers(root: &Section<'_>, me: Option<&ParticipantId>, identities: &mut Identities) -> Vec<Peer> {
    let mut names: Vec<ParticipantId> = Vec::new();
    root.sections("peers", |section| {
        let participant: Option<ParticipantId> = section.required("participant");
        let identity: Option<IdentityPublicKey> = section.required("identity");
        let endpoint = endpoint(section, "endpoint");
        if me.is_some() && participant.as_ref() == me {
            section.problem("participant", "this node cannot be its own peer");
        }
        if let Some(identity) = identity {
            let whose = participant.as_ref().map_or("another peer", ParticipantId::as_str);
            identities.add(section, "identity", whose, identity);
        }
        let participant = participant?;
        if names.contains(&participant) {
            section.problem("participant", format!("{participant} is pinned twice"));
        }
        names.push(participant.clone());
        Some(Peer { participant, identity: identity?, endpoint })
    })
}
