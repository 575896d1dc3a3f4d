//! Parties of one session draw secrets of their own.

use std::collections::BTreeSet;

use agreement::{ErrorBudget, IdentityKey, JobParty, JobSpec, Mode, ParticipantId, Protocol, Role};
use records::CanonicalKey;
use session::ComputePool;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use wire::{Peer, proto::ExchangeMessage};

use super::*;
use crate::{
    handshake::{self, OwnInput, Patience},
    link::Delivered,
    prepare, proportions,
    run::{Input, Stage},
    space::Space,
};

const WAIT: Duration = Duration::from_secs(60);

fn identity(name: &str) -> IdentityKey {
    let mut seed = [7; 32];
    seed.iter_mut().zip(name.bytes()).for_each(|(slot, byte)| *slot = byte);
    IdentityKey::from_seed(&seed.into())
}

/// One side of a run of made-up items.
fn run(me: &str, (protocol, mode): (Protocol, Mode)) -> Run {
    let names: [ParticipantId; 2] = ["shanghai", "anhui"].map(|name| name.parse().unwrap());
    let party = |participant: &ParticipantId, role| JobParty {
        participant: participant.clone(),
        role,
        dataset: "records".to_owned(),
        key_columns: vec!["id".to_owned()],
        label_columns: Vec::new(),
        padded_size: None,
    };
    let spec = JobSpec {
        name: "test".to_owned(),
        parties: vec![party(&names[0], Role::Receiver), party(&names[1], Role::Sender)],
        mode,
        protocol,
        key_types: vec!["raw".parse().unwrap()],
        error_budget: ErrorBudget::default(),
        agreement_digest: None,
        listener: names[1].clone(),
        deadline_seconds: None,
    };
    Run {
        space: Space::default(),
        checkpoints: None,
        job_id: "job-1".to_owned(),
        attempt: 0,
        spec,
        me: me.parse().unwrap(),
        identities: names.iter().map(|name| (name.clone(), identity(name.as_str()).public())).collect(),
        input: Input::Items(Vec::new()),
        limits: Limits { idle: WAIT, total: WAIT },
        compute: ComputePool::new(1).unwrap(),
        cancel: CancellationToken::new(),
        progress: None,
        under: None,
        guard: None,
        stage: Stage::Whole,
        choose: None,
        network: None,
    }
}

/// One end of a connection between both.
fn link(peer: &str, tx: mpsc::Sender<ExchangeMessage>, rx: mpsc::Receiver<Delivered>) -> Link {
    let (participant, identity) = (peer.parse().unwrap(), identity(peer).public());
    Link::from_queues(Peer { participant, person: None, identity, channel_binding: [9; 32] }, tx, rx)
}

/// Both ends.
fn links() -> (Link, Link) {
    let pipe = || {
        let (to, mut from) = mpsc::channel(16);
        let (tx, rx) = mpsc::channel(16);
        tokio::spawn(async move {
            while let Some(message) = from.recv().await {
                drop(tx.send(Ok(message)).await);
            }
        });
        (to, rx)
    };
    let ((to_anhui, at_anhui), (to_shanghai, at_shanghai)) = (pipe(), pipe());
    (link("anhui", to_anhui, at_shanghai), link("shanghai", to_shanghai, at_anhui))
}

/// A side that has shaken hands, and is about to match its only bin.
async fn ready(run: Run, mut link: Link) -> (Arc<Work>, Agreed) {
    let (plan, stop) = (Plan::new(&run).unwrap(), Stop::new(run.cancel.clone(), run.limits.total));
    let keys = (0..40).map(|number| CanonicalKey([number; 16])).collect();
    let prepared = prepare::prepare(&run, Input::Items(keys), random().unwrap(), &plan, &stop).await.unwrap();
    let own = OwnInput {
        padded_size: prepared.padded_size,
        commitment: prepared.commitment,
        label_size: 0,
        bin_items: u64::MAX,
        in_flight: 1,
        lane: 0,
        under: None,
        held: None,
        known: None,
    };
    let patience = Patience { hello: WAIT, step: WAIT, max_items: 1000 };
    let agreed = handshake::shake(&mut link, &plan, &own, patience).await.unwrap();
    let bins = proportions::bins_of(&plan, &agreed).unwrap();
    assert_eq!(bins.count(), 1);
    let cut = prepared.set.cut(&agreed.job_key, 1, &run.space).unwrap();
    let (findings, tally) = (Mutex::new(Findings::new(0, None, &run.space)), Mutex::new(Tally::new(1)));
    let work = Work { run, plan, bins, due: vec![0], cut, checkpoint: None, findings, tally, stop };
    (Arc::new(work), agreed)
}

/// The elements of the first message that a party of the bin sends, once it has the peer's first one.
async fn first_message(work: &Arc<Work>, agreed: &Agreed, of_peer: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let (mut round, _) = party(work, agreed, 0).await.unwrap();
    if !of_peer.is_empty() {
        assert!(round.receives().is_some());
        round.absorb(&of_peer.concat()).unwrap();
    }
    let header = round.sends().unwrap();
    let (width, count) = (header.width as usize, usize::try_from(header.count).unwrap());
    let mut bytes = Vec::new();
    while bytes.len() < width * count {
        let more = round.produce(count - bytes.len() / width).unwrap();
        assert!(!more.is_empty() || round.work().unwrap(), "it waits for something");
        bytes.extend(more);
    }
    bytes.chunks(width).map(<[u8]>::to_vec).collect()
}

/// The session's id is in all that a party sends, so that two runs differ whatever the secrets are. Here the session is the
/// same one.
#[tokio::test(flavor = "multi_thread")]
async fn two_parties_of_one_session_have_no_secret_in_common() {
    for (protocol, mode) in
        [(Protocol::Ecdh, Mode::Membership), (Protocol::Ecdh, Mode::Cardinality), (Protocol::Vole, Mode::Membership)]
    {
        let (to_anhui, to_shanghai) = links();
        let (shanghai, anhui) = (run("shanghai", (protocol, mode)), run("anhui", (protocol, mode)));
        let ((receiver, received), (sender, sent)) = tokio::join!(ready(shanghai, to_anhui), ready(anhui, to_shanghai));
        let from_receiver = first_message(&receiver, &received, &[]).await;
        for (work, agreed, of_peer) in [(&receiver, &received, &[][..]), (&sender, &sent, &from_receiver)] {
            let one = BTreeSet::from_iter(first_message(work, agreed, of_peer).await);
            let other = BTreeSet::from_iter(first_message(work, agreed, of_peer).await);
            // A key of the base transfers is one element; all others are one for each item or bit.
            assert!(one.iter().chain(&other).all(|element| element.len() == 32), "{protocol} {mode}");
            assert!(one.is_disjoint(&other), "{protocol} {mode}: {} sends the same again", work.plan.me);
        }
    }
}
