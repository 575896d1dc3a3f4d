//! The message that a round receives, checked frame by frame before a byte of it is computed on.

use bytes::Bytes;
use psi::party::{Count, Expected, Header, MessageKind};

use crate::{
    channel::MAX_FRAME,
    error::SessionError,
    frame::{ELEMENTS_OVERHEAD, Frame},
};

/// One message on its way in.
pub(crate) struct Incoming {
    expected: Expected,
    message: u32,
    header: Option<Header>,
    got: u64,
}

fn misbehaved(what: String) -> SessionError {
    SessionError::Peer(what)
}

impl Incoming {
    /// Expects message number `message` of the peer's direction.
    pub(crate) fn new(expected: Expected, message: u32) -> Self {
        Self { expected, message, header: None, got: 0 }
    }

    /// Whether all of it is there.
    pub(crate) fn is_whole(&self) -> bool {
        self.header.is_some_and(|header| header.count == self.got)
    }

    /// What the message is.
    pub(crate) fn kind(&self) -> MessageKind {
        self.expected.kind
    }

    /// Elements so far.
    pub(crate) fn got(&self) -> u64 {
        self.got
    }

    /// Elements that there will be, as far as is known.
    pub(crate) fn total(&self) -> u64 {
        match (self.header, self.expected.count) {
            (Some(header), _) => header.count,
            (None, Count::Exactly(count) | Count::AtMost(count)) => count,
        }
    }

    /// Takes a frame of the message; gives the elements in it, nothing for its header.
    ///
    /// # Errors
    /// [`SessionError::Peer`] for a frame that is not the next one of this message.
    pub(crate) fn take(&mut self, frame: Frame) -> Result<Option<Bytes>, SessionError> {
        match (frame, self.header) {
            (Frame::Header { message, header }, None) if message == self.message => {
                if !self.expected.admits(&header) {
                    return Err(misbehaved(format!(
                        "it announced {} elements of {} bytes ({:?}), where {:?} of {} bytes ({:?}) is agreed",
                        header.count,
                        header.width,
                        header.kind,
                        self.expected.count,
                        self.expected.width,
                        self.expected.kind
                    )));
                }
                self.header = Some(header);
                Ok(None)
            }
            (Frame::Elements { message, first, elements }, Some(header)) if message == self.message => {
                self.elements(header, first, elements).map(Some)
            }
            (Frame::Header { message, .. } | Frame::Elements { message, .. }, _) => Err(misbehaved(format!(
                "it sent a frame of message {message} out of turn, where message {} is due",
                self.message
            ))),
            (Frame::Finish { .. } | Frame::Abort { .. } | Frame::Working | Frame::Kept, _) => {
                Err(misbehaved(format!("it finished while message {} is due", self.message)))
            }
        }
    }

    fn elements(&mut self, header: Header, first: u64, elements: Bytes) -> Result<Bytes, SessionError> {
        let width = header.width as usize;
        let count = match elements.len().checked_div(width) {
            Some(count) if count.checked_mul(width) == Some(elements.len()) => count as u64,
            _ => return Err(misbehaved(format!("{} bytes are no whole elements of {width} bytes", elements.len()))),
        };
        if first != self.got {
            return Err(misbehaved(format!("it sent elements from {first} on, where {} is due", self.got)));
        }
        match self.got.checked_add(count) {
            Some(got) if got <= header.count => self.got = got,
            _ => return Err(misbehaved(format!("it sent more than the {} elements it announced", header.count))),
        }
        Ok(elements)
    }
}

/// The most elements of this width in one frame; nothing if not even one fits.
pub(crate) fn elements_per_frame(width: u32) -> Option<usize> {
    (MAX_FRAME - ELEMENTS_OVERHEAD).checked_div(width as usize).filter(|most| *most > 0)
}

#[cfg(test)]
mod tests {
    use psi::party::MessageKind;

    use super::*;

    const EXPECTED: Expected = Expected { kind: MessageKind::DoublyMasked, width: 4, count: Count::Exactly(3) };

    fn header(message: u32, width: u32, count: u64) -> Frame {
        Frame::Header { message, header: Header { kind: MessageKind::DoublyMasked, width, count } }
    }

    fn elements(message: u32, first: u64, bytes: usize) -> Frame {
        Frame::Elements { message, first, elements: vec![0; bytes].into() }
    }

    fn blamed(frames: Vec<Frame>) -> String {
        let mut incoming = Incoming::new(EXPECTED, 5);
        for frame in frames {
            if let Err(SessionError::Peer(what)) = incoming.take(frame) {
                return what;
            }
        }
        String::new()
    }

    #[test]
    fn a_message_comes_in_parts() {
        let mut incoming = Incoming::new(EXPECTED, 5);
        assert_eq!(incoming.take(header(5, 4, 3)), Ok(None));
        assert_eq!(incoming.take(elements(5, 0, 8)), Ok(Some(vec![0; 8].into())));
        assert!(!incoming.is_whole());
        assert_eq!(incoming.take(elements(5, 2, 4)), Ok(Some(vec![0; 4].into())));
        assert!(incoming.is_whole());
    }

    #[test]
    fn every_frame_out_of_turn_is_named() {
        let out_of_turn = [
            vec![elements(5, 0, 4)],
            vec![header(4, 4, 3)],
            vec![header(6, 4, 3)],
            vec![header(5, 4, 3), header(5, 4, 3)],
            vec![header(5, 4, 3), elements(6, 0, 4)],
        ];
        for frames in out_of_turn {
            assert!(blamed(frames).contains("out of turn"));
        }
        assert!(blamed(vec![header(5, 4, 3), elements(5, 1, 4)]).contains("where 0 is due"));
        assert!(blamed(vec![header(5, 4, 3), elements(5, 0, 4), elements(5, 0, 4)]).contains("where 1 is due"));
        assert!(blamed(vec![header(5, 4, 3), elements(5, 0, 16)]).contains("more than the 3"));
        assert!(blamed(vec![header(5, 4, 3), elements(5, 0, 6)]).contains("no whole elements"));
        for wrong in [header(5, 4, 4), header(5, 4, 2), header(5, 5, 3), header(5, 4, u64::MAX), header(5, 0, 3)] {
            assert!(blamed(vec![wrong]).contains("is agreed"));
        }
        assert!(blamed(vec![Frame::Finish { transcript: [0; 32] }]).contains("finished"));
    }
}
