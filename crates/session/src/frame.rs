//! Frames: how messages are cut for the channel. All numbers are big-endian.
//!
//! | byte 0 | rest |
//! |---|---|
//! | `01` header | message number, 4; kind, 1; width, 4; count, 8 |
//! | `02` elements | message number, 4; index of the first element, 8; whole elements |
//! | `03` finish | transcript hash, 32 |
//! | `04` abort | fault, 1; reason in UTF-8, 256 at most |
//! | `05` working | nothing |
//! | `06` kept | nothing |
//!
//! Messages of one direction are numbered from 0. Number and index together make a frame that is
//! dropped, repeated or moved visible at once. A working frame says that its sender computes and will
//! have more to say; it belongs to no message and is not hashed. A kept frame follows the last session of a
//! line: what its sender learned outlives its process.

use bytes::{BufMut, Bytes, BytesMut};
use psi::party::{Header, MessageKind};

use crate::{channel::MAX_FRAME, error::Fault};

const HEADER: u8 = 1;
const ELEMENTS: u8 = 2;
const FINISH: u8 = 3;
const ABORT: u8 = 4;
const WORKING: u8 = 5;
const KEPT: u8 = 6;

/// Bytes of an elements frame before its elements.
pub const ELEMENTS_OVERHEAD: usize = 13;
/// The most bytes of a reason.
pub const MAX_REASON: usize = 256;

/// One frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// Begins a message.
    Header {
        /// The message's number in its direction.
        message: u32,
        /// What follows.
        header: Header,
    },
    /// A part of a message.
    Elements {
        /// The message's number in its direction.
        message: u32,
        /// Where in the message it stands, in elements.
        first: u64,
        /// Whole elements, one after the other.
        elements: Bytes,
    },
    /// The sender of this frame is done and saw this transcript.
    Finish {
        /// The transcript hash.
        transcript: [u8; 32],
    },
    /// The sender of this frame ends the session.
    Abort {
        /// Whose fault, seen from the sender of this frame.
        fault: Fault,
        /// Why, in plain words and without data.
        reason: String,
    },
    /// The sender of this frame computes, and is not stalling.
    Working,
    /// The sender of this frame has kept what all sessions of the line brought it.
    Kept,
}

/// Bytes that are no frame.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a frame that cannot be read: {0}")]
pub struct FrameError(&'static str);

/// Reads numbers from the front.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], FrameError> {
        let (head, rest) = self.0.split_first_chunk::<N>().ok_or(FrameError("it is too short"))?;
        self.0 = rest;
        Ok(*head)
    }

    fn end(self) -> Result<(), FrameError> {
        if self.0.is_empty() { Ok(()) } else { Err(FrameError("it is too long")) }
    }
}

impl Frame {
    /// The frame as bytes. A reason is cut to [`MAX_REASON`] bytes.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let mut out = BytesMut::new();
        match self {
            Self::Header { message, header } => {
                out.put_u8(HEADER);
                out.put_u32(*message);
                out.put_u8(header.kind as u8);
                out.put_u32(header.width);
                out.put_u64(header.count);
            }
            Self::Elements { message, first, elements } => {
                out.reserve(ELEMENTS_OVERHEAD + elements.len());
                out.put_u8(ELEMENTS);
                out.put_u32(*message);
                out.put_u64(*first);
                out.put_slice(elements);
            }
            Self::Finish { transcript } => {
                out.put_u8(FINISH);
                out.put_slice(transcript);
            }
            Self::Abort { fault, reason } => {
                out.put_u8(ABORT);
                out.put_u8(*fault as u8);
                out.put_slice(shortened(reason).as_bytes());
            }
            Self::Working => out.put_u8(WORKING),
            Self::Kept => out.put_u8(KEPT),
        }
        out.freeze()
    }

    /// Reads a frame. Elements share the memory of `bytes`.
    ///
    /// # Errors
    /// [`FrameError`] for anything that [`encode`](Self::encode) does not write.
    pub fn decode(bytes: &Bytes) -> Result<Self, FrameError> {
        if bytes.len() > MAX_FRAME {
            return Err(FrameError("it is longer than 1 MiB"));
        }
        let mut reader = Reader(bytes);
        let [tag] = reader.take()?;
        match tag {
            HEADER => {
                let message = u32::from_be_bytes(reader.take()?);
                let [kind] = reader.take()?;
                let kind = MessageKind::from_byte(kind).ok_or(FrameError("its kind is unknown"))?;
                let width = u32::from_be_bytes(reader.take()?);
                let count = u64::from_be_bytes(reader.take()?);
                reader.end()?;
                Ok(Self::Header { message, header: Header { kind, width, count } })
            }
            ELEMENTS => {
                let message = u32::from_be_bytes(reader.take()?);
                let first = u64::from_be_bytes(reader.take()?);
                if reader.0.is_empty() {
                    return Err(FrameError("it has no elements"));
                }
                Ok(Self::Elements { message, first, elements: bytes.slice_ref(reader.0) })
            }
            FINISH => {
                let transcript = reader.take()?;
                reader.end()?;
                Ok(Self::Finish { transcript })
            }
            ABORT => {
                let [fault] = reader.take()?;
                let fault = Fault::from_byte(fault).ok_or(FrameError("its fault is unknown"))?;
                if reader.0.len() > MAX_REASON {
                    return Err(FrameError("its reason is too long"));
                }
                let reason = std::str::from_utf8(reader.0).map_err(|_| FrameError("its reason is no text"))?;
                Ok(Self::Abort { fault, reason: reason.chars().filter(|c| !c.is_control()).collect() })
            }
            WORKING => {
                reader.end()?;
                Ok(Self::Working)
            }
            KEPT => {
                reader.end()?;
                Ok(Self::Kept)
            }
            _ => Err(FrameError("its type is unknown")),
        }
    }
}

/// The longest beginning of at most [`MAX_REASON`] bytes that ends with a whole character.
fn shortened(reason: &str) -> &str {
    let mut end = reason.len().min(MAX_REASON);
    while !reason.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    reason.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hex(frame: &Frame) -> String {
        hex::encode(frame.encode())
    }

    #[test]
    fn bytes_are_pinned() {
        let header = Header { kind: MessageKind::DoublyMasked, width: 11, count: 65_536 };
        assert_eq!(
            hex(&Frame::Header { message: 2, header }),
            "01 00000002 07 0000000b 0000000000010000".replace(' ', "")
        );
        let elements = Bytes::from_static(&[0xaa, 0xbb]);
        assert_eq!(
            hex(&Frame::Elements { message: 1, first: 4096, elements }),
            "02 00000001 0000000000001000 aabb".replace(' ', "")
        );
        assert_eq!(hex(&Frame::Finish { transcript: [7; 32] }), format!("03{}", "07".repeat(32)));
        let abort = Frame::Abort { fault: Fault::TimedOut, reason: "slow".to_owned() };
        assert_eq!(hex(&abort), "04 06 736c6f77".replace(' ', ""));
        assert_eq!([hex(&Frame::Working), hex(&Frame::Kept)], ["05", "06"]);
    }

    #[test]
    fn a_long_reason_is_cut_between_characters() {
        let frame = Frame::Abort { fault: Fault::Own, reason: "元".repeat(100) };
        let Frame::Abort { reason, .. } = Frame::decode(&frame.encode()).unwrap() else { panic!() };
        assert_eq!(reason, "元".repeat(85));
    }

    #[test]
    fn control_characters_of_a_peer_do_not_reach_a_terminal() {
        let frame = Frame::decode(&Bytes::from_static(b"\x04\x01a\x1b[2Jb\n")).unwrap();
        assert_eq!(frame, Frame::Abort { fault: Fault::Own, reason: "a[2Jb".to_owned() });
    }

    proptest! {
        #[test]
        fn whatever_decodes_encodes_again(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let bytes = Bytes::from(bytes);
            if let Ok(frame) = Frame::decode(&bytes) {
                let again = Frame::decode(&frame.encode()).unwrap();
                prop_assert_eq!(again, frame);
            }
        }

        #[test]
        fn elements_survive(message: u32, first: u64, elements in proptest::collection::vec(any::<u8>(), 1..200)) {
            let frame = Frame::Elements { message, first, elements: elements.into() };
            prop_assert_eq!(Frame::decode(&frame.encode()), Ok(frame));
        }
    }
}
