//! The nodes that are attached, and the way to each.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use agreement::ParticipantId;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use wire::proto::{AttachResponse, NodeInfo, Relay, attach_response::Directive};

use crate::store::now_ms;

/// Directives that wait for one node.
pub(crate) const QUEUE: usize = 64;

/// What goes down a node's stream.
pub(crate) type Directives = mpsc::Sender<Result<AttachResponse, Status>>;

/// One node, attached or seen before.
struct Entry {
    info: NodeInfo,
    /// Jobs that it runs at once.
    capacity: usize,
    /// Which process of the node it is.
    instance: Vec<u8>,
    /// The jobs that it said it was at when it attached, with their attempts.
    under_way: BTreeMap<String, u32>,
    /// Which of its streams this is, so that the end of an old one does not detach a new one.
    stream: u64,
    directives: Option<Directives>,
    /// Ends this stream.
    replaced: CancellationToken,
}

/// A node's new stream.
pub(crate) struct Attached {
    /// Its number.
    pub(crate) stream: u64,
    /// Ends when the node attaches anew.
    pub(crate) replaced: CancellationToken,
    /// Whether it is another process than the one before, which knows nothing of that one's jobs.
    pub(crate) restarted: bool,
}

/// The register of nodes.
#[derive(Default)]
pub(crate) struct Registry(Mutex<BTreeMap<ParticipantId, Entry>>);

impl Registry {
    /// Attaches a node that is at these jobs; an older stream of it is ended.
    pub(crate) fn attach(
        &self,
        participant: &ParticipantId,
        mut info: NodeInfo,
        (capacity, instance, under_way): (usize, Vec<u8>, BTreeMap<String, u32>),
        directives: Directives,
    ) -> Attached {
        let mut nodes = self.lock();
        (info.connected, info.last_seen_ms) = (true, now_ms());
        let (mut stream, mut restarted) = (0, false);
        if let Some(older) = nodes.get(participant) {
            older.replaced.cancel();
            stream = older.stream.wrapping_add(1);
            restarted = older.instance != instance;
        }
        let replaced = CancellationToken::new();
        let directives = Some(directives);
        nodes.insert(
            participant.clone(),
            Entry { info, capacity, instance, under_way, stream, directives, replaced: replaced.clone() },
        );
        Attached { stream, replaced, restarted }
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

    /// Whether the node has not attached anew since this stream of it ended.
    pub(crate) fn is_gone(&self, participant: &ParticipantId, stream: u64) -> bool {
        self.lock().get(participant).is_some_and(|entry| entry.stream == stream && entry.directives.is_none())
    }

    /// The node has shown that it is there.
    pub(crate) fn seen(&self, participant: &ParticipantId) {
        if let Some(entry) = self.lock().get_mut(participant) {
            entry.info.last_seen_ms = now_ms();
        }
    }

    /// How many jobs the node runs at once; none while it is not attached.
    pub(crate) fn capacity(&self, participant: &ParticipantId) -> usize {
        let nodes = self.lock();
        nodes.get(participant).filter(|entry| entry.directives.is_some()).map_or(0, |entry| entry.capacity)
    }

    /// Whether the node is at this attempt at a job, as it said when it attached.
    pub(crate) fn is_at(&self, participant: &ParticipantId, job_id: &str, attempt: u32) -> bool {
        let nodes = self.lock();
        let entry = nodes.get(participant).filter(|entry| entry.directives.is_some());
        entry.and_then(|entry| entry.under_way.get(job_id)) == Some(&attempt)
    }

    /// The node is no longer at a job.
    pub(crate) fn leaves(&self, participant: &ParticipantId, job_id: &str) {
        if let Some(entry) = self.lock().get_mut(participant) {
            entry.under_way.remove(job_id);
        }
    }

    /// Whether a directive can be queued for the node now. It cannot be for one that is leaving.
    pub(crate) fn takes_more(&self, participant: &ParticipantId) -> bool {
        let nodes = self.lock();
        let way = nodes.get(participant).and_then(|entry| entry.directives.as_ref());
        way.is_some_and(|way| way.capacity() > 0 && !way.is_closed())
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

    /// Passes a statement on to the node that it is for, if that is attached and there is room for directives besides.
    pub(crate) fn relay(&self, from: &ParticipantId, relay: Relay) {
        let nodes = self.lock();
        let to = relay.participant.parse().ok().and_then(|to: ParticipantId| nodes.get(&to));
        let way = to.and_then(|entry| entry.directives.as_ref()).filter(|way| way.capacity() > QUEUE / 2);
        if let Some(way) = way {
            let relay = Relay { participant: from.to_string(), ..relay };
            // The parties have a way of their own.
            drop(way.try_send(Ok(AttachResponse { directive: Some(Directive::Relay(relay)) })));
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_gone_only_until_it_comes_back() {
        let (registry, anhui) = (Registry::default(), "anhui".parse().unwrap());
        let attach = || registry.attach(&anhui, NodeInfo::default(), (1, vec![7], BTreeMap::new()), mpsc::channel(1).0);
        let Attached { stream: first, replaced, .. } = attach();
        assert!(registry.capacity(&anhui) == 1 && !registry.is_gone(&anhui, first));
        assert!(registry.detach(&anhui, first) && registry.is_gone(&anhui, first));
        let Attached { stream: second, restarted, .. } = attach();
        assert!(!restarted);
        assert!(replaced.is_cancelled() && !registry.is_gone(&anhui, first));
        // The end of the older stream does not detach the newer; and its absence is another one.
        assert!(!registry.detach(&anhui, first) && registry.capacity(&anhui) == 1);
        assert!(registry.detach(&anhui, second) && !registry.is_gone(&anhui, first));
        assert!(registry.is_gone(&anhui, second));
    }

    #[test]
    fn statements_are_passed_on_and_leave_room_for_directives() {
        let (registry, anhui, shanghai) = (Registry::default(), "anhui".parse().unwrap(), "shanghai".parse().unwrap());
        let (directives, mut queued) = mpsc::channel(QUEUE);
        registry.attach(&anhui, NodeInfo::default(), (1, vec![7], BTreeMap::new()), directives);
        let relay = |to: &str| Relay { participant: to.to_owned(), statement: vec![1].into() };
        registry.relay(&shanghai, relay("jiangsu"));
        registry.relay(&shanghai, relay("no name"));
        for _ in 0..2 * QUEUE {
            registry.relay(&shanghai, relay("anhui"));
        }
        assert!(registry.takes_more(&anhui), "nothing else can be said to it");
        let mut passed = 0;
        while let Ok(Ok(AttachResponse { directive: Some(Directive::Relay(relay)) })) = queued.try_recv() {
            assert_eq!(relay, Relay { participant: "shanghai".to_owned(), statement: vec![1].into() });
            passed += 1;
        }
        assert_eq!(passed, QUEUE / 2);
    }

    #[test]
    fn a_node_that_takes_nothing_is_not_waited_for() {
        let (registry, anhui) = (Registry::default(), "anhui".parse().unwrap());
        let (directives, _queued) = mpsc::channel(1);
        registry.attach(&anhui, NodeInfo::default(), (1, vec![7], BTreeMap::new()), directives);
        let heartbeat = || Directive::Heartbeat(wire::proto::Heartbeat::default());
        assert!(registry.direct(&anhui, heartbeat()));
        assert!(!registry.direct(&anhui, heartbeat()));
        assert!(!registry.direct(&"jiangsu".parse().unwrap(), heartbeat()));
    }
}
