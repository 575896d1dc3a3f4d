//! The hash over everything that went both ways.

use sha2::{Digest, Sha256};

use crate::settings::Side;

const CONTEXT: &[u8] = b"yuandang transcript v1";

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
        field(&mut self.sent, frame);
    }

    pub(crate) fn received(&mut self, frame: &[u8]) {
        field(&mut self.received, frame);
    }

    /// H(context, session id, H(frames receiver to sender), H(frames sender to receiver)), where H is
    /// SHA-256 over fields, each behind its length (docs/RUN-BINDING.md).
    pub(crate) fn hash(&self, session_id: &[u8; 32]) -> [u8; 32] {
        let (sent, received) = (self.sent.clone().finalize(), self.received.clone().finalize());
        let (to_sender, to_receiver) = match self.side {
            Side::Receiver => (sent, received),
            Side::Sender => (received, sent),
        };
        let mut hash = Sha256::new();
        for part in [CONTEXT, session_id, &to_sender, &to_receiver] {
            field(&mut hash, part);
        }
        hash.finalize().into()
    }
}

/// A field behind its length in eight bytes, so that what stands where cannot be moved about.
fn field(hash: &mut Sha256, field: &[u8]) {
    hash.update((field.len() as u64).to_be_bytes());
    hash.update(field);
}

#[cfg(test)]
mod tests {
    use super::*;

    type Frames<'a> = &'a [&'a [u8]];

    /// What both sides hash that saw these frames to the sender, and these to the receiver.
    fn hashes(to_sender: Frames<'_>, to_receiver: Frames<'_>) -> ([u8; 32], [u8; 32]) {
        let (mut receiver, mut sender) = (Transcript::new(Side::Receiver), Transcript::new(Side::Sender));
        for frame in to_sender {
            receiver.sent(frame);
            sender.received(frame);
        }
        for frame in to_receiver {
            sender.sent(frame);
            receiver.received(frame);
        }
        (receiver.hash(&[5; 32]), sender.hash(&[5; 32]))
    }

    #[test]
    fn bytes_are_pinned_and_the_same_on_both_sides() {
        // SHA-256 over fields, each behind its length in eight bytes (docs/RUN-BINDING.md).
        let (receiver, sender) = hashes(&[b"\x01a", b"\x02bc"], &[b"\x03def"]);
        assert_eq!(hex::encode(receiver), "62a8363ed8927fb9cb913d5097620cd23860dd3ae04e18a59f19b19ec8d211c3");
        assert_eq!(receiver, sender);
    }

    #[test]
    fn whatever_differs_in_the_frames_differs_in_the_hash() {
        let (honest, _) = hashes(&[b"\x01a", b"\x02bc"], &[b"\x03def"]);
        let others: [(&str, Frames<'_>, Frames<'_>); 8] = [
            ("a bit to the sender", &[b"\x01a", b"\x02bb"], &[b"\x03def"]),
            ("a bit to the receiver", &[b"\x01a", b"\x02bc"], &[b"\x02def"]),
            ("a frame less", &[b"\x01a"], &[b"\x03def"]),
            ("a frame twice", &[b"\x01a", b"\x01a", b"\x02bc"], &[b"\x03def"]),
            ("the order", &[b"\x02bc", b"\x01a"], &[b"\x03def"]),
            ("where a frame ends", &[b"\x01a\x02", b"bc"], &[b"\x03def"]),
            ("two frames in one", &[b"\x01a\x02bc"], &[b"\x03def"]),
            ("the directions", &[b"\x03def"], &[b"\x01a", b"\x02bc"]),
        ];
        for (what, to_sender, to_receiver) in others {
            let (receiver, sender) = hashes(to_sender, to_receiver);
            assert!(receiver != honest && sender != honest, "{what} makes no difference");
        }
    }

    #[test]
    fn two_runs_with_the_same_frames_have_different_hashes() {
        let transcript = Transcript::new(Side::Receiver);
        assert_ne!(transcript.hash(&[5; 32]), transcript.hash(&[6; 32]));
    }
}
