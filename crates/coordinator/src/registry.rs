//! The nodes that are attached, and the way to each.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use agreement::ParticipantId;
use tokio::sync::mpsc;
use tonic::Status;
use wire::proto::{AttachResponse, NodeInfo, attach_response::Directive};

use crate::store::now_ms;

/// Directives that wait for one node.
pub(crate) const QUEUE: usize = 64;

/// What goes down a node's stream.
pub(crate) type Directives = mpsc::Sender<Result<AttachResponse, Status>>;

/// One node, attached or seen before.
struct Entry {
    info: NodeInfo,
    /// Which of its streams this is, so that the end of an old one does not detach a new one.
    stream: u64,
    directives: Option<Directives>,
}

/// The register of nodes.
#[derive(Default)]
pub(crate) struct Registry(Mutex<BTreeMap<ParticipantId, Entry>>);

impl Registry {
    /// Attaches a node; an older stream of it is dropped. Gives the number of the new stream.
    pub(crate) fn attach(&self, participant: &ParticipantId, mut info: NodeInfo, directives: Directives) -> u64 {
        let mut nodes = self.lock();
        let stream = nodes.get(participant).map_or(0, |entry| entry.stream.wrapping_add(1));
        (info.connected, info.last_seen_ms) = (true, now_ms());
        nodes.insert(participant.clone(), Entry { info, stream, directives: Some(directives) });
        stream
    }

    /// Detaches a node, unless it has attached anew since. Says whether it is detached now.
    pub(crate) fn detach(&self, participant: &ParticipantId, stream: u64) -> bool {
        match self.lock().get_mut(participant) {
            Some(entry) if entry.stream == stream => {
                entry.directives = None;
                entry.info.connected = false;
                true
            }
            _ => false,
        }
    }

    /// The node has shown that it is there.
    pub(crate) fn seen(&self, participant: &ParticipantId) {
        if let Some(entry) = self.lock().get_mut(participant) {
            entry.info.last_seen_ms = now_ms();
        }
    }

    /// Whether the node is attached.
    pub(crate) fn is_attached(&self, participant: &ParticipantId) -> bool {
        self.lock().get(participant).is_some_and(|entry| entry.directives.is_some())
    }

    /// Where the node is dialled; empty if it only dials, or never attached.
    pub(crate) fn endpoint(&self, participant: &ParticipantId) -> String {
        self.lock().get(participant).map(|entry| entry.info.endpoint.clone()).unwrap_or_default()
    }

    /// Sends a directive. `false` if the node is not attached, or takes nothing any more.
    pub(crate) fn direct(&self, participant: &ParticipantId, directive: Directive) -> bool {
        let nodes = self.lock();
        let way = nodes.get(participant).and_then(|entry| entry.directives.as_ref());
        way.is_some_and(|way| way.try_send(Ok(AttachResponse { directive: Some(directive) })).is_ok())
    }

    /// All nodes that are or were attached.
    pub(crate) fn list(&self) -> Vec<NodeInfo> {
        self.lock().values().map(|entry| entry.info.clone()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<ParticipantId, Entry>> {
        // The map is whole after every statement, so a panic elsewhere leaves it usable.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
