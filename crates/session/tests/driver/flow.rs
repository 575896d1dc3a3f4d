//! How frames are cut and flow, and what a broken round does.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use session::{
    Fault, MAX_FRAME, SessionError, Side,
    frame::{ELEMENTS_OVERHEAD, Frame},
    tampering::Tampering,
};

use crate::{
    parties::{Ended, patient},
    plain::{Call, Plain, Puppet, exactly, header, zeros},
};

/// Runs a receiver against a sender over a channel that holds one frame in each direction.
async fn run(receiver: Plain, sender: Plain) -> (Ended<u64>, Ended<u64>) {
    let (here, there) = session::in_memory(1);
    tokio::join!(
        session::run(receiver.boxed(), here, patient(Side::Receiver)),
        session::run(sender.boxed(), there, patient(Side::Sender)),
    )
}

#[tokio::test]
async fn two_sides_that_send_megabytes_at_once_do_not_block_each_other() {
    let count = 8 << 15;
    for (ours, theirs) in [(4096, 4096), (usize::MAX, usize::MAX), (1000, usize::MAX)] {
        let party = |step| Plain::new(Some(header(32, count)), Some(exactly(32, count))).in_steps_of(step);
        let (receiver, sender) = run(party(ours), party(theirs)).await;
        let (receiver, sender) = (receiver.unwrap(), sender.unwrap());
        assert_eq!((receiver.output, sender.output), (count, count), "steps of {ours} and {theirs}");
        assert!(receiver.bytes_sent > 8 << 20 && sender.bytes_sent > 8 << 20);
    }
}

/// What a party sends that gives as much as it may, in elements of this width: the lengths of its frames.
async fn lengths(width: u32, count: u64) -> Vec<usize> {
    let (here, there) = session::in_memory(1);
    let here = Tampering::capturing(here);
    let (sent, _) = here.captures();
    let sender = Plain::new(Some(header(width, count)), None).in_steps_of(usize::MAX);
    let receiver = Plain::new(None, Some(exactly(width, count)));
    let (sender, receiver) = tokio::join!(
        session::run(sender.boxed(), here, patient(Side::Sender)),
        session::run(receiver.boxed(), there, patient(Side::Receiver)),
    );
    assert_eq!((sender.unwrap().output, receiver.unwrap().output), (0, count));
    sent.lock().unwrap().iter().map(Bytes::len).collect()
}

#[tokio::test]
async fn no_frame_is_longer_than_a_mebibyte() {
    let widest = u32::try_from(MAX_FRAME - ELEMENTS_OVERHEAD).unwrap();
    for (width, count) in [(1, 3 << 20), (11, 250_000), (32, 100_000), (4098, 600), (widest - 1, 3), (widest, 3)] {
        let lengths = lengths(width, count).await;
        let fullest = ELEMENTS_OVERHEAD + (MAX_FRAME - ELEMENTS_OVERHEAD) / width as usize * width as usize;
        assert!(fullest <= MAX_FRAME);
        assert_eq!(lengths.iter().max(), Some(&fullest), "elements of {width} bytes");
        assert!(lengths.len() > 3, "elements of {width} bytes in {} frames", lengths.len());
    }
}

#[tokio::test]
async fn elements_that_fit_no_frame_are_ones_own_fault() {
    let width = u32::try_from(MAX_FRAME - ELEMENTS_OVERHEAD).unwrap() + 1;
    let (receiver, sender) =
        run(Plain::new(None, Some(exactly(width, 1))), Plain::new(Some(header(width, 1)), None)).await;
    assert!(matches!(&sender, Err(SessionError::Own(what)) if what.contains("fit no frame")), "{sender:?}");
    assert!(matches!(receiver, Err(SessionError::PeerEnded { fault: Fault::Own, .. })), "{receiver:?}");
}

#[tokio::test]
async fn a_step_that_panics_ends_the_session_and_the_peer_hears_of_it() {
    let message = [Frame::Header { message: 0, header: header(32, 100) }, zeros(0, 3200)];
    let party = || Plain::new(Some(header(32, 100)), Some(exactly(32, 100))).in_steps_of(10);
    // A party works ahead while its peer says nothing.
    for (faulty, said) in [(Call::Produce, 2), (Call::Absorb, 2), (Call::Work, 0), (Call::Finish, 2)] {
        let (here, there) = session::in_memory(2);
        let mut peer = Puppet::new(there);
        for frame in &message[..said] {
            peer.say(frame).await;
        }
        let panicking = party().on_call(move |call| {
            assert!(call != faulty, "this panic is part of the test");
            false
        });
        let (ended, heard) =
            tokio::join!(session::run(panicking.boxed(), here, patient(Side::Receiver)), peer.listen());
        assert_eq!(ended.err(), Some(SessionError::Own("a computing step panicked".to_owned())), "{faulty:?}");
        assert!(matches!(heard.last(), Some(Frame::Abort { fault: Fault::Own, .. })), "{faulty:?}: {heard:?}");
        // The pool has lost no thread.
        let (receiver, sender) = run(party(), party()).await;
        assert_eq!((receiver.unwrap().output, sender.unwrap().output), (100, 100), "after a panic in {faulty:?}");
    }
}

#[tokio::test]
async fn a_round_that_fails_on_its_own_account_blames_itself() {
    struct Short;
    impl psi::party::Round for Short {
        type Output = u64;
        fn phase(&self) -> &'static str {
            "short"
        }
        fn sends(&self) -> Option<psi::party::Header> {
            Some(header(32, 10))
        }
        fn receives(&self) -> Option<psi::party::Expected> {
            None
        }
        fn produce(&mut self, _: usize) -> Result<Vec<u8>, psi::PsiError> {
            Ok(vec![0; 33])
        }
        fn absorb(&mut self, _: &[u8]) -> Result<(), psi::PsiError> {
            Ok(())
        }
        fn finish(self: Box<Self>) -> Result<psi::party::Next<u64>, psi::PsiError> {
            Err(psi::PsiError::Usage("not reached"))
        }
    }
    let (here, there) = session::in_memory(1);
    let receiver = Plain::new(None, Some(exactly(32, 10))).boxed();
    let (sender, receiver) = tokio::join!(
        session::run(Box::new(Short), here, patient(Side::Sender)),
        session::run(receiver, there, patient(Side::Receiver)),
    );
    assert!(matches!(&sender, Err(SessionError::Own(what)) if what.contains("other elements")), "{sender:?}");
    assert!(matches!(receiver, Err(SessionError::PeerEnded { fault: Fault::Own, .. })), "{receiver:?}");
}

#[tokio::test]
async fn progress_goes_up_to_what_is_public() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let hook = Arc::clone(&seen);
    let mut settings = patient(Side::Receiver);
    settings.progress = Some(Arc::new(move |progress| hook.lock().unwrap().push((progress.done, progress.total))));
    let (here, there) = session::in_memory(1);
    let party = || Plain::new(Some(header(1, 30)), Some(exactly(1, 20))).in_steps_of(10);
    let peer = Plain::new(Some(header(1, 20)), Some(exactly(1, 30))).in_steps_of(10);
    let (receiver, sender) = tokio::join!(
        session::run(party().boxed(), here, settings),
        session::run(peer.boxed(), there, patient(Side::Sender)),
    );
    assert_eq!((receiver.unwrap().output, sender.unwrap().output), (20, 30));
    let seen = seen.lock().unwrap();
    assert!(seen.is_sorted() && seen.iter().all(|(_, total)| *total == 50), "{seen:?}");
    assert_eq!(seen.last(), Some(&(50, 50)));
}
