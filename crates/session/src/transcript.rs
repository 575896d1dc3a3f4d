//! The hash over everything that went both ways.

use sha2::{Digest, Sha256};

use crate::settings::Side;

/// Hashes the header and element frames of both directions as they go.
pub(crate) struct Transcript {
    side: Side,
    sent: Sha256,
    received: Sha256,
}

impl Transcript {
    pub(crate) fn new(side: Side) -> Self {
        Self { side, sent: Sha256::new(), received: Sha256::new() }
    }

    pub(crate) fn sent(&mut self, frame: &[u8]) {
        self.sent.update(frame);
    }

    pub(crate) fn received(&mut self, frame: &[u8]) {
        self.received.update(frame);
    }

    /// SHA-256(context, session id, hash of receiver to sender, hash of sender to receiver).
    pub(crate) fn hash(&self, session_id: &[u8; 32]) -> [u8; 32] {
        let (sent, received) = (self.sent.clone().finalize(), self.received.clone().finalize());
        let (to_sender, to_receiver) = match self.side {
            Side::Receiver => (sent, received),
            Side::Sender => (received, sent),
        };
        let mut hash = Sha256::new_with_prefix(b"yuandang transcript v1");
        hash.update(session_id);
        hash.update(to_sender);
        hash.update(to_receiver);
        hash.finalize().into()
    }
}
