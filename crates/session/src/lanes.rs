//! The two directions of a channel, each with a task of its own and a short queue, so that computing
//! overlaps sending and receiving.

use std::time::Duration;

use bytes::Bytes;
use tokio::{
    sync::mpsc::{self, error::TryRecvError},
    task::JoinHandle,
    time::timeout,
};

use crate::channel::{Channel, ChannelError, FrameReceiver, FrameSender};

/// Frames that wait in each direction.
const QUEUE: usize = 4;
/// How long a last word to the peer may take.
const PARTING: Duration = Duration::from_secs(2);

/// Queues frames for the writing task.
pub(crate) struct Outbox {
    queue: mpsc::Sender<Bytes>,
    writer: JoinHandle<Result<(), ChannelError>>,
}

/// Takes frames from the reading task.
pub(crate) struct Inbox {
    queue: mpsc::Receiver<Result<Bytes, ChannelError>>,
    reader: JoinHandle<()>,
}

/// Starts both tasks. They end when the session does.
pub(crate) fn open<C: Channel>(channel: C) -> (Outbox, Inbox) {
    let (mut tx, mut rx) = channel.split();
    let (queue, mut frames) = mpsc::channel::<Bytes>(QUEUE);
    let writer = tokio::spawn(async move {
        while let Some(frame) = frames.recv().await {
            tx.send(frame).await?;
        }
        Ok(())
    });
    let outbox = Outbox { queue, writer };
    let (arrived, queue) = mpsc::channel(QUEUE);
    let reader = tokio::spawn(async move {
        loop {
            let frame = match rx.receive().await {
                Ok(Some(frame)) => Ok(frame),
                Ok(None) => return,
                Err(error) => Err(error),
            };
            let last = frame.is_err();
            if arrived.send(frame).await.is_err() || last {
                return;
            }
        }
    });
    (outbox, Inbox { queue, reader })
}

impl Outbox {
    /// Whether a frame can be queued now.
    pub(crate) fn has_room(&self) -> bool {
        self.queue.capacity() > 0
    }

    /// Waits for room without queueing.
    pub(crate) async fn room(&self) -> Result<(), ChannelError> {
        self.queue.reserve().await.map(drop).map_err(|_| ChannelError::Closed)
    }

    /// Queues a frame, once there is room.
    pub(crate) async fn send(&self, frame: Bytes) -> Result<(), ChannelError> {
        self.queue.send(frame).await.map_err(|_| ChannelError::Closed)
    }

    /// Says a last word, waits a little until it is out, and ends this direction.
    pub(crate) async fn part(self, last: Option<Bytes>) {
        let Self { queue, mut writer } = self;
        let parting = async {
            if let Some(frame) = last {
                // A peer that is gone need not hear it.
                drop(queue.send(frame).await);
            }
            drop(queue);
            drop((&mut writer).await);
        };
        if timeout(PARTING, parting).await.is_err() {
            writer.abort();
        }
    }
}

impl Inbox {
    /// A frame that is there already.
    pub(crate) fn ready(&mut self) -> Option<Result<Bytes, ChannelError>> {
        match self.queue.try_recv() {
            Ok(frame) => Some(frame),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => Some(Err(ChannelError::Closed)),
        }
    }

    /// The next frame; [`ChannelError::Closed`] when there will be none.
    pub(crate) async fn next(&mut self) -> Result<Bytes, ChannelError> {
        self.queue.recv().await.unwrap_or(Err(ChannelError::Closed))
    }

    /// The first frame for which `wanted` gives something, among those that still come in a short time.
    pub(crate) async fn last_word<T>(&mut self, wanted: impl Fn(&Bytes) -> Option<T>) -> Option<T> {
        let listen = async {
            while let Ok(frame) = self.next().await {
                if let Some(found) = wanted(&frame) {
                    return Some(found);
                }
            }
            None
        };
        timeout(PARTING, listen).await.ok().flatten()
    }

    /// Waits a little until the peer has ended its direction, so that nothing of ours is lost by
    /// hanging up too soon.
    pub(crate) async fn part(mut self) {
        drop(timeout(PARTING, async { while self.next().await.is_ok() {} }).await);
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        self.reader.abort();
    }
}
