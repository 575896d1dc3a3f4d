//! Made-up rounds, and a peer that speaks in frames.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use psi::{
    PsiError,
    party::{Count, Expected, Header, MessageKind, Next, Round},
};
use session::{
    Channel, FrameReceiver, FrameSender, MemoryChannel,
    frame::Frame,
    memory::{MemoryReceiver, MemorySender},
};

/// The calls of a round that run on the compute pool.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Call {
    Produce,
    Absorb,
    Work,
    Finish,
}

/// One round that sends zeros and ends with the elements that it got.
pub(crate) struct Plain {
    sends: Option<Header>,
    receives: Option<Expected>,
    step: usize,
    /// What becomes of the calls; by default nothing.
    hook: Box<dyn Fn(Call) -> bool + Send>,
    calls: Arc<Mutex<Vec<Call>>>,
    got: u64,
}

pub(crate) fn header(width: u32, count: u64) -> Header {
    Header { kind: MessageKind::DoublyMasked, width, count }
}

pub(crate) fn exactly(width: u32, count: u64) -> Expected {
    Expected { kind: MessageKind::DoublyMasked, width, count: Count::Exactly(count) }
}

impl Plain {
    pub(crate) fn new(sends: Option<Header>, receives: Option<Expected>) -> Self {
        Self { sends, receives, step: 4096, hook: Box::new(|_| false), calls: Arc::default(), got: 0 }
    }

    /// Handles so many elements in one call.
    pub(crate) fn in_steps_of(self, step: usize) -> Self {
        Self { step, ..self }
    }

    /// Is told of each call; says whether there is more work to do.
    pub(crate) fn on_call(self, hook: impl Fn(Call) -> bool + Send + 'static) -> Self {
        Self { hook: Box::new(hook), ..self }
    }

    /// The calls so far.
    pub(crate) fn calls(&self) -> Arc<Mutex<Vec<Call>>> {
        Arc::clone(&self.calls)
    }

    fn called(&self, call: Call) -> bool {
        self.calls.lock().unwrap().push(call);
        (self.hook)(call)
    }

    pub(crate) fn boxed(self) -> Box<dyn Round<Output = u64>> {
        Box::new(self)
    }
}

impl Round for Plain {
    type Output = u64;

    fn phase(&self) -> &'static str {
        "plain"
    }

    fn sends(&self) -> Option<Header> {
        self.sends
    }

    fn receives(&self) -> Option<Expected> {
        self.receives
    }

    fn step(&self) -> usize {
        self.step
    }

    fn produce(&mut self, most: usize) -> Result<Vec<u8>, PsiError> {
        self.called(Call::Produce);
        Ok(vec![0; most * self.sends.unwrap().width as usize])
    }

    fn absorb(&mut self, elements: &[u8]) -> Result<(), PsiError> {
        self.called(Call::Absorb);
        self.got += (elements.len() / self.receives.unwrap().width as usize) as u64;
        Ok(())
    }

    fn work(&mut self) -> Result<bool, PsiError> {
        Ok(self.called(Call::Work))
    }

    fn finish(self: Box<Self>) -> Result<Next<u64>, PsiError> {
        self.called(Call::Finish);
        Ok(Next::Done(self.got))
    }
}

/// A peer that the test plays frame by frame.
pub(crate) struct Puppet {
    tx: MemorySender,
    rx: MemoryReceiver,
}

impl Puppet {
    pub(crate) fn new(channel: MemoryChannel) -> Self {
        let (tx, rx) = channel.split();
        Self { tx, rx }
    }

    /// Says something; `false` if nobody listens any more.
    pub(crate) async fn say(&mut self, frame: &Frame) -> bool {
        self.say_bytes(frame.encode()).await
    }

    /// Says bytes, frame or not.
    pub(crate) async fn say_bytes(&mut self, bytes: Bytes) -> bool {
        self.tx.send(bytes).await.is_ok()
    }

    /// Stops talking, and takes what still comes: all of it, in order.
    pub(crate) async fn hang_up(self) -> Vec<Frame> {
        let Self { tx, rx } = self;
        drop(tx);
        drain(rx).await
    }

    /// Says nothing at all, and gives what the other side said until it hung up.
    pub(crate) async fn listen(self) -> Vec<Frame> {
        let Self { tx, rx } = self;
        let heard = drain(rx).await;
        drop(tx);
        heard
    }
}

async fn drain(mut rx: MemoryReceiver) -> Vec<Frame> {
    let mut frames = Vec::new();
    while let Ok(Some(bytes)) = rx.receive().await {
        frames.push(Frame::decode(&bytes).unwrap());
    }
    frames
}

/// Zeros as a part of message 0.
pub(crate) fn zeros(first: u64, bytes: usize) -> Frame {
    Frame::Elements { message: 0, first, elements: vec![0; bytes].into() }
}
