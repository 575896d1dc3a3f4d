//! Work that waits for a network, on a thread of its own: sources and sinks are read and written by
//! callers that know no runtime, and that may themselves stand on one.
//!
//! Between the two is a channel of few pieces, so that neither side runs ahead of the other's memory.

use std::{
    io::{self, ErrorKind, Read},
    pin::Pin,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
};

use bytes::{Buf, Bytes};
use records::RecordError;

use crate::fault;

/// Pieces on their way.
const PIECES: usize = 2;

/// What a worker does: it may borrow nothing, and runs on one thread.
pub(crate) type Work = Pin<Box<dyn Future<Output = Result<(), RecordError>>>>;

fn start(
    place: &str,
    work: impl FnOnce() -> Work + Send + 'static,
    end: impl FnOnce(Result<(), RecordError>) + Send + 'static,
) -> Result<(), RecordError> {
    let io = |cause| RecordError::Io { place: place.to_owned(), cause };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(io)?;
    let run = move || {
        let result = runtime.block_on(work());
        // A look-up of a name that hangs must not hold the thread.
        runtime.shutdown_background();
        end(result);
    };
    std::thread::Builder::new().name("datasets".to_owned()).spawn(run).map(drop).map_err(io)
}

fn died(place: &str) -> RecordError {
    fault::failed(place, ErrorKind::BrokenPipe, "a fault in this program: the thread that reads or writes it ended")
}

/// What a reading worker says.
enum Said<R, T> {
    Ready(R),
    Piece(T),
    End(Result<(), RecordError>),
}

/// A reading worker's end of the channel.
pub(crate) struct Giver<R, T> {
    said: SyncSender<Said<R, T>>,
    go: Receiver<()>,
}

impl<R, T> Giver<R, T> {
    /// Says that the source is open, and waits until somebody reads; `false` if nobody will.
    pub(crate) fn ready(&self, what: R) -> bool {
        self.said.send(Said::Ready(what)).is_ok() && self.go.recv().is_ok()
    }

    /// Gives a piece once there is room for it; `false` if nobody reads any more.
    pub(crate) fn give(&self, piece: T) -> bool {
        self.said.send(Said::Piece(piece)).is_ok()
    }
}

/// The pieces that a worker reads; it begins when the first is asked for, and ends when this is dropped.
pub(crate) struct Pieces<R, T> {
    place: String,
    said: Receiver<Said<R, T>>,
    go: Option<SyncSender<()>>,
    ended: bool,
}

/// Starts a worker that reads what `place` names, and waits until it is ready.
///
/// # Errors
/// What the worker ended with before.
pub(crate) fn read<R: Send + 'static, T: Send + 'static>(
    place: &str,
    work: impl FnOnce(std::rc::Rc<Giver<R, T>>) -> Work + Send + 'static,
) -> Result<(R, Pieces<R, T>), RecordError> {
    let (sender, said) = sync_channel(PIECES);
    let (go, may_go) = sync_channel(1);
    let ending = sender.clone();
    let giver = Giver { said: sender, go: may_go };
    start(place, move || work(std::rc::Rc::new(giver)), move |result| drop(ending.send(Said::End(result))))?;
    match said.recv() {
        Ok(Said::Ready(what)) => Ok((what, Pieces { place: place.to_owned(), said, go: Some(go), ended: false })),
        Ok(Said::End(Err(error))) => Err(error),
        _ => Err(died(place)),
    }
}

impl<R, T> Iterator for Pieces<R, T> {
    type Item = Result<T, RecordError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        if let Some(go) = self.go.take() {
            let _ = go.send(());
        }
        let said = self.said.recv();
        self.ended = !matches!(said, Ok(Said::Piece(_)));
        match said {
            Ok(Said::Piece(piece)) => Some(Ok(piece)),
            Ok(Said::End(Ok(()))) => None,
            Ok(Said::End(Err(error))) => Some(Err(error)),
            Ok(Said::Ready(_)) | Err(_) => Some(Err(died(&self.place))),
        }
    }
}

/// Pieces of bytes as one stream.
pub(crate) struct ByteStream<R> {
    pieces: Pieces<R, Bytes>,
    current: Bytes,
}

impl<R> ByteStream<R> {
    pub(crate) fn of(pieces: Pieces<R, Bytes>) -> Self {
        Self { pieces, current: Bytes::new() }
    }
}

impl<R> Read for ByteStream<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() {
            match self.pieces.next() {
                Some(Ok(piece)) => self.current = piece,
                Some(Err(error)) => return Err(fault::to_io(error)),
                None => return Ok(0),
            }
        }
        let length = self.current.len().min(buffer.len());
        if let Some(room) = buffer.get_mut(..length) {
            self.current.copy_to_slice(room);
        }
        Ok(length)
    }
}

/// What a writing worker is told next.
pub(crate) enum Order {
    /// These bytes come next.
    Piece(Bytes),
    /// All is written: make it visible.
    Commit,
}

/// A writing worker's end of the channel.
pub(crate) struct Taker {
    orders: Receiver<Order>,
    ready: SyncSender<Result<(), RecordError>>,
}

impl Taker {
    /// Says that the result can be written.
    pub(crate) fn ready(&self) {
        let _ = self.ready.send(Ok(()));
    }

    /// The next order; nothing if the result was given up.
    pub(crate) fn next(&self) -> Option<Order> {
        self.orders.recv().ok()
    }
}

/// The orders of a writing worker. Dropped before [`commit`](Self::commit), the result is given up, and it
/// is waited for until it has cleared away.
pub(crate) struct Orders {
    place: String,
    orders: Option<SyncSender<Order>>,
    said: Receiver<Result<(), RecordError>>,
}

/// Starts a worker that writes what `place` names, and waits until it is ready.
///
/// # Errors
/// What the worker ended with before.
pub(crate) fn write(
    place: &str,
    work: impl FnOnce(std::rc::Rc<Taker>) -> Work + Send + 'static,
) -> Result<Orders, RecordError> {
    let (orders, taken) = sync_channel(PIECES);
    let (sender, said) = sync_channel(2);
    let ending = sender.clone();
    let taker = Taker { orders: taken, ready: sender };
    start(place, move || work(std::rc::Rc::new(taker)), move |result| drop(ending.send(result)))?;
    match said.recv() {
        Ok(Ok(())) => Ok(Orders { place: place.to_owned(), orders: Some(orders), said }),
        Ok(Err(error)) => Err(error),
        Err(_) => Err(died(place)),
    }
}

impl Orders {
    /// Hands bytes over once there is room for them.
    ///
    /// # Errors
    /// What the worker ended with.
    pub(crate) fn give(&mut self, piece: Bytes) -> Result<(), RecordError> {
        match self.orders.as_ref().map(|orders| orders.send(Order::Piece(piece))) {
            Some(Ok(())) => Ok(()),
            _ => Err(self.why()),
        }
    }

    /// Ends the result and waits until it is visible.
    ///
    /// # Errors
    /// What the worker ended with.
    pub(crate) fn commit(&mut self) -> Result<(), RecordError> {
        match self.orders.take().map(|orders| orders.send(Order::Commit)) {
            Some(Ok(())) => self.said.recv().unwrap_or_else(|_| Err(died(&self.place))),
            _ => Err(self.why()),
        }
    }

    fn why(&mut self) -> RecordError {
        self.orders = None;
        match self.said.recv() {
            Ok(Err(error)) => error,
            _ => died(&self.place),
        }
    }
}

impl Drop for Orders {
    fn drop(&mut self) {
        if self.orders.take().is_some() {
            let _ = self.said.recv();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_come_in_order_then_the_end_or_the_error() {
        for fails in [false, true] {
            let (ready, pieces) = read("here", move |giver| {
                Box::pin(async move {
                    assert!(giver.ready(7));
                    for piece in [&b"ab"[..], b"", b"cde"] {
                        assert!(giver.give(Bytes::from_static(piece)));
                    }
                    if fails { Err(RecordError::Changed("it".to_owned())) } else { Ok(()) }
                })
            })
            .unwrap();
            assert_eq!(ready, 7);
            let mut text = String::new();
            match ByteStream::of(pieces).read_to_string(&mut text) {
                Ok(_) => assert!(!fails),
                Err(error) => assert!(fails && error.to_string().contains("it changed")),
            }
            assert_eq!(text, "abcde");
        }
    }

    #[test]
    fn a_worker_that_dies_is_an_error_and_one_that_nobody_reads_ends() {
        let (_, mut pieces) = read::<(), u8>("here", |giver| {
            Box::pin(async move {
                giver.ready(());
                panic!("by intention");
            })
        })
        .unwrap();
        assert!(pieces.next().unwrap().unwrap_err().to_string().contains("a fault in this program"));
        assert!(pieces.next().is_none());

        let (ended, end) = std::sync::mpsc::channel();
        let (_, pieces) = read::<(), u8>("here", move |giver| {
            Box::pin(async move {
                while giver.ready(()) && giver.give(1) {}
                ended.send(()).unwrap();
                Ok(())
            })
        })
        .unwrap();
        drop(pieces);
        end.recv_timeout(std::time::Duration::from_secs(10)).unwrap();
    }

    #[test]
    fn a_failing_writer_is_told_to_whoever_gives() {
        let mut orders = write("here", |taker| {
            Box::pin(async move {
                taker.ready();
                taker.next();
                Err(RecordError::Exists("it".to_owned()))
            })
        })
        .unwrap();
        let error = loop {
            if let Err(error) = orders.give(Bytes::from_static(b"x")) {
                break error;
            }
        };
        assert!(matches!(error, RecordError::Exists(_)), "{error}");
    }
}
