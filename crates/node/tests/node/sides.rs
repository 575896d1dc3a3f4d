//! Two participants with identities and folders, the job between them, and ways to let them meet.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use agreement::{ErrorBudget, IdentityKey, JobParty, JobSpec, Mode, ParticipantId, Protocol, Role};
use node::{Input, Link, Run, RunError, RunReport, link::Delivered};
use prost::Message;
use session::{ComputePool, Limits};
use tempfile::TempDir;
use tokio::{net::TcpListener, sync::mpsc};
use tokio_util::sync::CancellationToken;
use wire::{
    Credentials, Peer, Pins,
    proto::{ExchangeMessage, exchange_message::Body},
};

/// Every mode over every protocol that has it.
pub(crate) const VARIANTS: [(Protocol, Mode); 7] = [
    (Protocol::Ecdh, Mode::Membership),
    (Protocol::Ecdh, Mode::Labelled),
    (Protocol::Ecdh, Mode::Both),
    (Protocol::Ecdh, Mode::Cardinality),
    (Protocol::Vole, Mode::Membership),
    (Protocol::Vole, Mode::Labelled),
    (Protocol::Vole, Mode::Both),
];

pub(crate) const JOB: &str = "job-1";

pub(crate) fn id(name: &str) -> ParticipantId {
    name.parse().unwrap()
}

/// The identity of a participant: the same in every test.
pub(crate) fn identity(name: &str) -> IdentityKey {
    let mut seed = [7; 32];
    seed.iter_mut().zip(name.bytes()).for_each(|(slot, byte)| *slot = byte);
    IdentityKey::from_seed(&seed.into())
}

pub(crate) fn credentials(name: &str) -> Credentials {
    let yesterday = SystemTime::now() - Duration::from_secs(86_400);
    let issued = wire::endorse(&identity(name), &id(name), yesterday, 30).unwrap();
    Credentials::from_pem(id(name), &issued.cert_pem, &issued.key_pem).unwrap()
}

pub(crate) fn pins(names: &[&str]) -> Pins {
    Pins::new(names.iter().map(|name| (id(name), identity(name).public()))).unwrap()
}

/// Shanghai receives, Anhui sends and listens; each matches its column `id`.
pub(crate) fn spec(mode: Mode) -> JobSpec {
    let labels: &[&str] = if mode == Mode::Labelled { &["category"] } else { &[] };
    JobSpec {
        name: "test".to_owned(),
        parties: vec![party("shanghai", Role::Receiver, &[]), party("anhui", Role::Sender, labels)],
        mode,
        protocol: Protocol::Ecdh,
        key_types: vec!["raw".parse().unwrap()],
        error_budget: ErrorBudget::default(),
        agreement_digest: None,
        listener: id("anhui"),
        deadline_seconds: None,
    }
}

fn party(name: &str, role: Role, labels: &[&str]) -> JobParty {
    JobParty {
        participant: id(name),
        role,
        dataset: "records".to_owned(),
        key_columns: vec!["id".to_owned()],
        label_columns: labels.iter().map(|&label| label.to_owned()).collect(),
        padded_size: None,
    }
}

/// Folders of both, with the records of each and, after a run, the results.
pub(crate) struct Sides {
    folder: TempDir,
}

impl Sides {
    pub(crate) fn new(shanghai: &[u8], anhui: &[u8]) -> Self {
        let sides = Self { folder: tempfile::tempdir().unwrap() };
        for (name, records) in [("shanghai", shanghai), ("anhui", anhui)] {
            std::fs::create_dir(sides.folder.path().join(name)).unwrap();
            std::fs::write(sides.source(name), records).unwrap();
        }
        sides
    }

    /// Three records here, three there, one key in common.
    pub(crate) fn small() -> Self {
        Self::new(b"id,name\n1,a\n2,b\n3,c\n", b"id,category\n3,x\n4,y\n5,z\n")
    }

    pub(crate) fn source(&self, name: &str) -> PathBuf {
        self.folder.path().join(name).join("records.csv")
    }

    pub(crate) fn output(&self, name: &str) -> PathBuf {
        self.folder.path().join(name).join("result.csv")
    }

    /// The result of `name`, if there is one.
    pub(crate) fn result(&self, name: &str) -> Option<Vec<u8>> {
        std::fs::read(self.output(name)).ok()
    }

    /// Whether a folder holds the records alone: no result, and nothing half-written.
    pub(crate) fn untouched(&self, name: &str) -> bool {
        std::fs::read_dir(self.folder.path().join(name)).unwrap().count() == 1
    }

    /// One side's run of `spec`.
    pub(crate) fn run(&self, name: &str, spec: JobSpec) -> Run {
        let input = Input::Dataset {
            datasets: Arc::new(datasets::Files::new()),
            source: text(&self.source(name)),
            output: Some(node::Output::Address(text(&self.output(name)))),
            overwrite: false,
            examining: node::quality::Examining::default(),
        };
        run(name, spec, input)
    }

    /// Both sides of a run of `mode`.
    pub(crate) fn both(&self, mode: Mode) -> (Run, Run) {
        self.both_over(Protocol::Ecdh, mode)
    }

    /// The same over a protocol.
    pub(crate) fn both_over(&self, protocol: Protocol, mode: Mode) -> (Run, Run) {
        let spec = JobSpec { protocol, ..spec(mode) };
        (self.run("shanghai", spec.clone()), self.run("anhui", spec))
    }
}

pub(crate) fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

pub(crate) fn run(name: &str, spec: JobSpec, input: Input) -> Run {
    let limits = Limits { idle: Duration::from_secs(30), total: Duration::from_secs(120) };
    let identities = ["shanghai", "anhui"].iter().map(|name| (id(name), identity(name).public())).collect();
    Run {
        space: node::Space::default(),
        checkpoints: None,
        job_id: JOB.to_owned(),
        attempt: 0,
        spec,
        me: id(name),
        identities,
        input,
        limits,
        compute: ComputePool::new(1).unwrap(),
        cancel: CancellationToken::new(),
        progress: None,
        under: None,
        guard: None,
        stage: node::Stage::Whole,
        choose: None,
        network: None,
    }
}

pub(crate) type Outcome = Result<RunReport, RunError>;

/// Lets both run over loopback with mutual TLS; the listener of the job listens.
pub(crate) async fn meet(one: Run, other: Run) -> (Outcome, Outcome) {
    let (one_listens, names) = (one.spec.listener == one.me, (one.me.to_string(), other.me.to_string()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("https://{}", listener.local_addr().unwrap());
    let (credentials, pinned) =
        ((credentials(&names.0), credentials(&names.1)), (pins(&[names.1.as_str()]), pins(&[names.0.as_str()])));
    if one_listens {
        tokio::join!(
            node::listen_once(one, listener, &credentials.0, &pinned.0),
            node::dial(other, &endpoint, &credentials.1, &pinned.1),
        )
    } else {
        tokio::join!(
            node::dial(one, &endpoint, &credentials.0, &pinned.0),
            node::listen_once(other, listener, &credentials.1, &pinned.1),
        )
    }
}

/// What TLS would have proved of a participant.
pub(crate) fn peer(name: &str) -> Peer {
    Peer { participant: id(name), person: None, identity: identity(name).public(), channel_binding: [9; 32] }
}

/// A peer that a test plays by hand.
pub(crate) struct ByHand {
    tx: mpsc::Sender<Delivered>,
    rx: mpsc::Receiver<ExchangeMessage>,
}

/// A link to a peer called `name`, and that peer's end of it.
pub(crate) fn by_hand(name: &str) -> (Link, ByHand) {
    let (tx, theirs) = mpsc::channel(16);
    let (ours, rx) = mpsc::channel(16);
    (Link::from_queues(peer(name), ours, theirs), ByHand { tx, rx })
}

impl ByHand {
    pub(crate) async fn receive(&mut self) -> Option<Body> {
        self.rx.recv().await.and_then(|message| message.body)
    }
}

/// Two links over queues, between Shanghai and Anhui, on which a test may change what goes to each.
fn joined(
    to_shanghai: impl FnMut(ExchangeMessage) -> Vec<Delivered> + Send + 'static,
    to_anhui: impl FnMut(ExchangeMessage) -> Vec<Delivered> + Send + 'static,
) -> (Link, Link) {
    let ((shanghai, at_shanghai), (anhui, at_anhui)) = (by_hand("anhui"), by_hand("shanghai"));
    tokio::spawn(carry(at_shanghai.rx, at_anhui.tx, to_anhui));
    tokio::spawn(carry(at_anhui.rx, at_shanghai.tx, to_shanghai));
    (shanghai, anhui)
}

async fn carry(
    mut from: mpsc::Receiver<ExchangeMessage>,
    to: mpsc::Sender<Delivered>,
    mut change: impl FnMut(ExchangeMessage) -> Vec<Delivered>,
) {
    while let Some(message) = from.recv().await {
        for delivered in change(message) {
            if to.send(delivered).await.is_err() {
                return;
            }
        }
    }
}

/// Lets both run over queues; what goes to Shanghai may be changed.
pub(crate) async fn meet_over(
    (shanghai, anhui): (Run, Run),
    change: impl FnMut(ExchangeMessage) -> Vec<Delivered> + Send + 'static,
) -> (Outcome, Outcome) {
    let (left, right) = joined(change, |message| vec![Ok(message)]);
    tokio::join!(node::run_over(shanghai, left), node::run_over(anhui, right))
}

/// Lets both run over queues, and gives every message that went to each of them.
pub(crate) async fn meet_recorded((shanghai, anhui): (Run, Run)) -> ((Outcome, Outcome), [Vec<ExchangeMessage>; 2]) {
    let recorded: [Arc<Mutex<Vec<ExchangeMessage>>>; 2] = Default::default();
    let tap = |into: &Arc<Mutex<Vec<ExchangeMessage>>>| {
        let into = Arc::clone(into);
        move |message: ExchangeMessage| {
            into.lock().unwrap().push(message.clone());
            vec![Ok(message)]
        }
    };
    let (left, right) = joined(tap(&recorded[0]), tap(&recorded[1]));
    let outcomes = tokio::join!(node::run_over(shanghai, left), node::run_over(anhui, right));
    (outcomes, recorded.map(|messages| messages.lock().unwrap().clone()))
}

/// The same with the bytes of those messages.
pub(crate) async fn meet_captured(runs: (Run, Run)) -> ((Outcome, Outcome), [Vec<u8>; 2]) {
    let (outcomes, recorded) = meet_recorded(runs).await;
    (outcomes, recorded.map(|messages| messages.iter().flat_map(Message::encode_to_vec).collect()))
}
