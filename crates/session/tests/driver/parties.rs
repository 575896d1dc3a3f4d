//! Parties of the real protocols, with what every session needs.

use std::{
    ops::Range,
    sync::{Arc, LazyLock},
    time::Duration,
};

use psi::{
    ErrorBudget, Item, Outcome, Parameters, Seed, Sizes, dh_commutative, dh_oprf,
    matching::{self, Labels},
    oprf::{OprfReceiver, OprfSender},
    party::Round,
    vole_oprf,
};
use session::{ComputePool, Finished, Limits, SessionError, Settings, Side};
use tokio_util::sync::CancellationToken;

pub(crate) type Party = Box<dyn Round<Output = Outcome>>;
pub(crate) type Ended<O> = Result<Finished<O>, SessionError>;

/// Bytes of a padded label in these tests.
pub(crate) const LABEL: u32 = 128;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Mode {
    Membership,
    Labelled,
    Both,
    Cardinality,
}

pub(crate) const MODES: [Mode; 4] = [Mode::Membership, Mode::Labelled, Mode::Both, Mode::Cardinality];

/// The label of an item.
pub(crate) fn label(item: &Item) -> Vec<u8> {
    format!("label of {:?}", item.as_bytes()).into_bytes()
}

/// Both parties of a mode; their randomness follows from fixed seeds.
pub(crate) fn pair(mode: Mode, p: &Parameters, x: Arc<[Item]>, y: Arc<[Item]>) -> (Party, Party) {
    let (ours, theirs) = seeds();
    over(dh_oprf::Receiver::new(p, &ours), dh_oprf::Sender::new(p, &theirs).unwrap(), mode, p, x, y)
}

/// Modes that run on the VOLE engine too.
pub(crate) const VOLE_MODES: [Mode; 3] = [Mode::Membership, Mode::Labelled, Mode::Both];

/// The same parties on the VOLE engine.
pub(crate) fn vole_pair(mode: Mode, p: &Parameters, x: Arc<[Item]>, y: Arc<[Item]>) -> (Party, Party) {
    let (ours, theirs) = seeds();
    let (receiver, sender) = (vole_oprf::Receiver::new(p, &ours), vole_oprf::Sender::new(p, &theirs));
    over(receiver.unwrap(), sender.unwrap(), mode, p, x, y)
}

fn seeds() -> (Seed, Seed) {
    (Seed::new([1; 32]), Seed::new([2; 32]))
}

fn over(
    receiver: impl OprfReceiver,
    sender: impl OprfSender,
    mode: Mode,
    p: &Parameters,
    x: Arc<[Item]>,
    y: Arc<[Item]>,
) -> (Party, Party) {
    let (ours, theirs) = seeds();
    match mode {
        Mode::Membership => (
            matching::membership_receiver(receiver, p, x, &ours).unwrap(),
            matching::membership_sender(sender, p, y, &theirs).unwrap(),
        ),
        Mode::Labelled => {
            let labels = Labels::new(LABEL, y.iter().map(label)).unwrap();
            (
                matching::labelled_receiver(receiver, p, x, LABEL, &ours).unwrap(),
                matching::labelled_sender(sender, p, y, labels, &theirs).unwrap(),
            )
        }
        Mode::Both => (
            matching::both_receiver(receiver, p, x, &ours).unwrap(),
            matching::both_sender(sender, p, y, &theirs).unwrap(),
        ),
        Mode::Cardinality => (
            dh_commutative::cardinality_receiver(p, x, &ours).unwrap(),
            dh_commutative::cardinality_sender(p, y, &theirs).unwrap(),
        ),
    }
}

pub(crate) fn items(range: Range<u32>) -> Arc<[Item]> {
    range.map(|number| Item::from(u128::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c).to_be_bytes())).collect()
}

/// Two sets of these sizes that share so many items.
pub(crate) fn sets(left: u32, right: u32, shared: u32) -> (Arc<[Item]>, Arc<[Item]>) {
    (items(0..left), items(left - shared..left - shared + right))
}

pub(crate) fn parameters(receiver: usize, sender: usize) -> Parameters {
    Parameters {
        session_id: [5; 32],
        sizes: Sizes { receiver: receiver as u64, sender: sender as u64 },
        budget: ErrorBudget::new(40).unwrap(),
    }
}

/// The pool of all tests: one thread, so that a step that never ended would be noticed.
static POOL: LazyLock<ComputePool> = LazyLock::new(|| ComputePool::new(1).unwrap());

pub(crate) fn settings(side: Side, idle: Duration) -> Settings {
    Settings {
        session_id: [5; 32],
        side,
        compute: POOL.clone(),
        limits: Limits { idle, total: Duration::from_secs(60) },
        cancel: CancellationToken::new(),
        progress: None,
    }
}

/// Settings of a side whose peer is expected to answer.
pub(crate) fn patient(side: Side) -> Settings {
    settings(side, Duration::from_secs(20))
}
