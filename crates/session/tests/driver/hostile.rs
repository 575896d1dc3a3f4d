//! A peer that sends what it must not.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use proptest::prelude::*;
use psi::{
    Outcome,
    party::{Count, Expected, Header, MessageKind},
};
use session::{
    Fault, MAX_FRAME, SessionError, Side,
    frame::{ELEMENTS_OVERHEAD, Frame},
    tampering::{Tamper, Tampering},
};

use crate::{
    parties::{Ended, MODES, Mode, pair, parameters, patient, sets, settings},
    plain::{Plain, Puppet, exactly, header, zeros},
};

/// Says these frames to a party and hangs up: how the party ended, and what it said last.
async fn told(party: Plain, frames: Vec<Bytes>) -> (Ended<u64>, Option<Frame>) {
    let (here, there) = session::in_memory(1);
    let mut peer = Puppet::new(there);
    let talking = async {
        for frame in frames {
            peer.say_bytes(frame).await;
        }
        peer.hang_up().await.pop()
    };
    tokio::join!(session::run(party.boxed(), here, patient(Side::Receiver)), talking)
}

/// The peer is blamed with these words, and hears them.
fn assert_blamed(ended: &Ended<u64>, heard: Option<&Frame>, words: &str, what: &str) {
    let blamed = matches!(ended, Err(SessionError::Peer(why)) if why.contains(words));
    assert!(blamed, "{what}: {ended:?}");
    let heard_it = matches!(heard, Some(Frame::Abort { fault: Fault::Peer, reason }) if reason.contains(words));
    assert!(heard_it, "{what}: {heard:?}");
}

#[tokio::test]
async fn a_frame_beyond_a_mebibyte_never_reaches_a_round() {
    let begin = Frame::Header { message: 0, header: header(1, 1 << 30) }.encode();
    for length in [MAX_FRAME + 1, 4 * MAX_FRAME] {
        let party = Plain::new(None, Some(exactly(1, 1 << 30)));
        let calls = party.calls();
        let (ended, heard) = told(party, vec![begin.clone(), zeros(0, length - ELEMENTS_OVERHEAD).encode()]).await;
        assert_blamed(&ended, heard.as_ref(), "1 MiB", &format!("{length} bytes"));
        assert!(!calls.lock().unwrap().contains(&crate::plain::Call::Absorb), "{length} bytes reached the round");
    }
    let most = MAX_FRAME - ELEMENTS_OVERHEAD;
    let begin = Frame::Header { message: 0, header: header(1, most as u64) }.encode();
    let party = Plain::new(None, Some(exactly(1, most as u64)));
    let calls = party.calls();
    let (ended, _) = told(party, vec![begin, zeros(0, most).encode()]).await;
    assert!(matches!(ended, Err(SessionError::Disconnected(_))), "a frame of 1 MiB is allowed: {ended:?}");
    assert!(calls.lock().unwrap().contains(&crate::plain::Call::Absorb));
}

#[tokio::test]
async fn a_size_that_is_not_agreed_is_refused_before_anything_is_computed() {
    let at_most = Expected { kind: MessageKind::Claims, width: 16, count: Count::AtMost(10) };
    let announced = |kind, width, count| Header { kind, width, count };
    let cases = [
        (exactly(32, 10), header(32, 11)),
        (exactly(32, 10), header(32, 9)),
        (exactly(32, 10), header(32, 0)),
        (exactly(32, 10), header(32, u64::MAX)),
        (exactly(32, 10), header(31, 10)),
        (exactly(32, 10), header(0, 10)),
        (exactly(32, 10), header(u32::MAX, 10)),
        (exactly(32, 10), announced(MessageKind::Blinded, 32, 10)),
        (at_most, announced(MessageKind::Claims, 16, 11)),
        (at_most, announced(MessageKind::Claims, 16, u64::MAX)),
        (at_most, announced(MessageKind::Claims, 8, 10)),
    ];
    for (expected, header) in cases {
        let party = Plain::new(None, Some(expected));
        let calls = party.calls();
        let frames = vec![Frame::Header { message: 0, header }.encode(), zeros(0, 320).encode()];
        let (ended, heard) = told(party, frames).await;
        assert_blamed(&ended, heard.as_ref(), "is agreed", &format!("{header:?}"));
        let calls = calls.lock().unwrap();
        assert!(calls.iter().all(|call| *call == crate::plain::Call::Work), "{header:?}: {calls:?}");
    }
}

#[tokio::test]
async fn frames_after_the_last_message_and_a_false_transcript_are_the_peers_fault() {
    let begin = Frame::Header { message: 0, header: header(1, 2) }.encode();
    let cases = [
        ("another message", Frame::Header { message: 1, header: header(1, 2) }.encode(), "sent more"),
        ("more elements", zeros(2, 1).encode(), "sent more"),
        ("another transcript", Frame::Finish { transcript: [0; 32] }.encode(), "transcripts differ"),
        ("no frame", Bytes::from_static(b"\xff"), "cannot be read"),
        ("nothing", Bytes::new(), "cannot be read"),
    ];
    for (what, last, words) in cases {
        let party = Plain::new(None, Some(exactly(1, 2)));
        let (ended, heard) = told(party, vec![begin.clone(), zeros(0, 2).encode(), last]).await;
        assert_blamed(&ended, heard.as_ref(), words, what);
    }
}

#[tokio::test]
async fn a_peers_abort_is_repeated_in_its_own_words_and_not_answered() {
    let abort = Frame::Abort { fault: Fault::Refused, reason: "not on \u{1b}[31mSundays".to_owned() };
    let (ended, heard) = told(Plain::new(None, Some(exactly(1, 2))), vec![abort.encode()]).await;
    let expected = SessionError::PeerEnded { fault: Fault::Refused, reason: "not on [31mSundays".to_owned() };
    assert_eq!((ended.err(), heard), (Some(expected), None));
}

/// The encoding of the group's generator: elements of which every one can be decoded.
const POINT: [u8; 32] = [
    0xe2, 0xf2, 0xae, 0x0a, 0x6a, 0xbc, 0x4e, 0x71, 0xa8, 0x84, 0xa9, 0x61, 0xc5, 0x00, 0x51, 0x5f, 0x58, 0xe3, 0x0b,
    0x6a, 0xa5, 0x82, 0xdd, 0x8d, 0xb6, 0xa6, 0x59, 0x45, 0xe0, 0x8d, 0x2d, 0x76,
];
/// Items of each party below.
const FEW: u32 = 6;

/// Frames, from plain noise to what is nearly right.
fn frames() -> impl Strategy<Value = Bytes> {
    let width = prop_oneof![4 => Just(32_u32), 1 => any::<u32>(), 1 => 0_u32..40];
    let count = prop_oneof![4 => Just(u64::from(FEW)), 1 => any::<u64>(), 1 => 0_u64..20];
    let kind = (1_u8..=9).prop_filter_map("no kind", MessageKind::from_byte);
    let header = (0_u32..3, kind, width, count).prop_map(|(message, kind, width, count)| {
        let header = Header { kind, width, count };
        Frame::Header { message, header }.encode()
    });
    let content = prop_oneof![
        (1_usize..8).prop_map(|count| POINT.repeat(count)),
        proptest::collection::vec(any::<u8>(), 1..300),
        Just(POINT.repeat(FEW as usize)),
    ];
    let elements = (0_u32..3, prop_oneof![2 => Just(0), 1 => 0_u64..8, 1 => any::<u64>()], content)
        .prop_map(|(message, first, elements)| Frame::Elements { message, first, elements: elements.into() }.encode());
    let finish = any::<[u8; 32]>().prop_map(|transcript| Frame::Finish { transcript }.encode());
    let abort = (1_u8..=6, "\\PC{0,90}").prop_map(|(fault, reason)| {
        let fault = Fault::from_byte(fault).unwrap();
        Frame::Abort { fault, reason }.encode()
    });
    prop_oneof![
        2 => proptest::collection::vec(any::<u8>(), 0..60).prop_map(Bytes::from),
        6 => header,
        6 => elements,
        1 => finish,
        1 => abort,
    ]
}

/// The message that a role of this mode is sent first, whole.
fn right_beginning(mode: Mode, side: Side) -> Vec<Bytes> {
    let kind = match (mode, side) {
        (Mode::Cardinality, Side::Receiver) => MessageKind::Masked,
        (_, Side::Receiver) => MessageKind::Evaluated,
        (_, Side::Sender) => MessageKind::Blinded,
    };
    let header = Header { kind, width: 32, count: FEW.into() };
    let elements = Bytes::from(POINT.repeat(FEW as usize));
    vec![Frame::Header { message: 0, header }.encode(), Frame::Elements { message: 0, first: 0, elements }.encode()]
}

fn now<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
}

/// How a session ends whose peer says these frames and hangs up.
async fn fed(mode: Mode, side: Side, frames: Vec<Bytes>) -> Ended<Outcome> {
    let (x, y) = sets(FEW, FEW, 2);
    let (receiver, sender) = pair(mode, &parameters(x.len(), y.len()), x, y);
    let party = if side == Side::Receiver { receiver } else { sender };
    let (here, there) = session::in_memory(2);
    let feeding = async move {
        let (mut tx, mut rx) = session::Channel::split(there);
        let taking = async { while let Ok(Some(_)) = session::FrameReceiver::receive(&mut rx).await {} };
        let saying = async move {
            for frame in frames {
                if session::FrameSender::send(&mut tx, frame).await.is_err() {
                    return;
                }
            }
        };
        tokio::join!(taking, saying)
    };
    tokio::join!(session::run(party, here, patient(side)), feeding).0
}

/// Whether the error is one that a peer alone can bring about.
fn blames_the_peer(error: &SessionError) -> bool {
    matches!(error, SessionError::Peer(_) | SessionError::PeerEnded { .. } | SessionError::Disconnected(_))
}

/// A change that a peer makes to the frame of a number that it sends.
#[derive(Clone, Debug)]
enum Edit {
    Drop,
    Repeat,
    Cut(usize),
    Flip(usize, u8),
    Before(Bytes),
    Instead(Bytes),
}

fn edits() -> impl Strategy<Value = (usize, Edit)> {
    let edit = prop_oneof![
        1 => Just(Edit::Drop),
        1 => Just(Edit::Repeat),
        2 => (0_usize..400).prop_map(Edit::Cut),
        4 => (0_usize..400, 0_u8..8).prop_map(|(at, bit)| Edit::Flip(at, bit)),
        2 => frames().prop_map(Edit::Before),
        2 => frames().prop_map(Edit::Instead),
    ];
    (0_usize..5, edit)
}

impl Edit {
    fn apply(&self, frame: &Bytes) -> Vec<Bytes> {
        let mut bytes = frame.to_vec();
        match self {
            Self::Drop => return vec![],
            Self::Repeat => return vec![frame.clone(), frame.clone()],
            Self::Before(other) => return vec![other.clone(), frame.clone()],
            Self::Instead(other) => return vec![other.clone()],
            Self::Cut(at) => bytes.truncate(at % frame.len()),
            Self::Flip(at, bit) => bytes[at % frame.len()] ^= 1 << bit,
        }
        vec![bytes.into()]
    }
}

/// The frames that mean something: those that say no more than that a side is at work do not.
fn counting(frames: &[Bytes]) -> Vec<Bytes> {
    let counts = |frame: &&Bytes| !matches!(Frame::decode(frame), Ok(Frame::Working));
    frames.iter().filter(counts).cloned().collect()
}

/// Applies the edit to the frame of this number; notes whether it changed what counts, which is
/// everything up to the first finish.
fn tampering(number: usize, edit: Edit) -> (Tamper, Arc<AtomicBool>) {
    let changed = Arc::new(AtomicBool::new(false));
    let note = Arc::clone(&changed);
    let tamper = move |n, frame: Bytes| {
        if n != number {
            return vec![frame];
        }
        let instead = edit.apply(&frame);
        let last = matches!(Frame::decode(&frame), Ok(Frame::Finish { .. }));
        let (before, after) = (counting(&[frame]), counting(&instead));
        note.store(before.first() != after.first() || (before != after && !last), Ordering::SeqCst);
        instead
    };
    (Box::new(tamper), changed)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn arbitrary_frames_end_a_session_with_an_error_that_blames_the_peer(
        mode in proptest::sample::select(MODES.to_vec()),
        side in proptest::sample::select(vec![Side::Receiver, Side::Sender]),
        begins_right: bool,
        mut frames in proptest::collection::vec(frames(), 0..10),
    ) {
        if begins_right {
            frames.splice(0..0, right_beginning(mode, side));
        }
        let ended = now(fed(mode, side, frames));
        prop_assert!(matches!(&ended, Err(error) if blames_the_peer(error)), "{ended:?}");
    }

    #[test]
    fn one_change_to_what_a_peer_sends_ends_the_session_on_both_sides(
        mode in proptest::sample::select(MODES.to_vec()),
        cheat in proptest::sample::select(vec![Side::Receiver, Side::Sender]),
        (number, edit) in edits(),
    ) {
        let (x, y) = sets(FEW, FEW, 2);
        let (receiver, sender) = pair(mode, &parameters(x.len(), y.len()), x, y);
        let (here, there) = session::in_memory(2);
        let (tamper, changed) = tampering(number, edit);
        let honest: Tamper = Box::new(|_, frame| vec![frame]);
        let (of_receiver, of_sender) = if cheat == Side::Receiver { (tamper, honest) } else { (honest, tamper) };
        // Where nothing more comes, both wait: this is how long.
        let idle = Duration::from_millis(250);
        let (receiver, sender) = now(async {
            tokio::join!(
                session::run(receiver, Tampering::new(here, of_receiver), settings(Side::Receiver, idle)),
                session::run(sender, Tampering::new(there, of_sender), settings(Side::Sender, idle)),
            )
        });
        let victim = if cheat == Side::Receiver { &sender } else { &receiver };
        if changed.load(Ordering::SeqCst) {
            let silent = |error: &SessionError| matches!(error, SessionError::IdleTimeout { .. });
            let blamed = matches!(victim, Err(error) if blames_the_peer(error) || silent(error));
            prop_assert!(blamed, "{victim:?}");
        } else {
            prop_assert!(receiver.is_ok() && sender.is_ok(), "{receiver:?}, {sender:?}");
        }
    }
}
