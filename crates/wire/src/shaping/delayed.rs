//! A stream whose written bytes leave at a rate and arrive later.
//!
//! A clock says when the last byte written so far will have left: a piece leaves when it has been written
//! and those before it have left, and arrives half a round trip after that. A task of its own hands each
//! piece on when it is due. So it waits for the timer and for nothing else, whoever polls the stream or
//! does not. The runtime's timer knows milliseconds: a piece may arrive one or two late, and never early;
//! the rate is not changed by that, since pieces that are due together go on together.

use std::{
    collections::VecDeque,
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf, ReadHalf, WriteHalf},
    sync::Notify,
    time::{Instant, sleep_until},
};

use super::Network;

/// The most bytes that go as one piece: a TLS record.
const PIECE: usize = 16 << 10;

/// A stream that is read as it is, and written through a [`Line`].
pub(crate) struct Delayed<S> {
    reading: ReadHalf<S>,
    line: Arc<Line>,
}

/// The way from one end to the other, in one direction.
struct Line {
    network: Network,
    /// Bytes that may be on it.
    capacity: usize,
    state: Mutex<State>,
    /// There is a piece, or there will be none any more.
    stirred: Notify,
}

struct State {
    pieces: VecDeque<Piece>,
    /// Bytes that were written and have not arrived, those that are being handed on included.
    under_way: usize,
    /// When the last of them will have left.
    departure: Instant,
    /// Nothing more will be written.
    closing: bool,
    /// What the other end came to: nothing while bytes can be handed on.
    ended: Option<Result<(), io::ErrorKind>>,
    /// Who waits for room, or for the end.
    waiting: Option<Waker>,
}

struct Piece {
    arrival: Instant,
    bytes: Vec<u8>,
}

/// What the task that hands on finds.
enum Turn {
    HandOn(Piece),
    Wait,
    End,
}

impl<S: AsyncRead + AsyncWrite + Send + 'static> Delayed<S> {
    /// Shapes what is written to `stream`. Needs a runtime, in which a task goes on until all has arrived.
    pub(crate) fn new(stream: S, network: Network) -> Self {
        let (reading, writing) = tokio::io::split(stream);
        let line = Arc::new(Line::new(network));
        tokio::spawn(carry(Arc::clone(&line), writing));
        Self { reading, line }
    }
}

impl Line {
    fn new(network: Network) -> Self {
        let state = State {
            pieces: VecDeque::new(),
            under_way: 0,
            departure: Instant::now(),
            closing: false,
            ended: None,
            waiting: None,
        };
        Self { network, capacity: network.most_under_way(), state: Mutex::new(state), stirred: Notify::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Whole after every statement, so a panic elsewhere leaves it usable.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, cx: &Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let mut state = self.state();
        match state.ended {
            Some(Err(kind)) => return Poll::Ready(Err(kind.into())),
            Some(Ok(())) => return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            None if state.closing => return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            None => {}
        }
        let room = self.capacity.saturating_sub(state.under_way).min(PIECE);
        let bytes = buf.get(..room).unwrap_or(buf);
        if bytes.is_empty() {
            if buf.is_empty() {
                return Poll::Ready(Ok(0));
            }
            state.waiting = Some(cx.waker().clone());
            return Poll::Pending;
        }
        state.departure = state.departure.max(Instant::now()) + self.network.transmission(bytes.len());
        let arrival = state.departure + self.network.round_trip() / 2;
        state.under_way = state.under_way.saturating_add(bytes.len());
        state.pieces.push_back(Piece { arrival, bytes: bytes.to_vec() });
        self.stirred.notify_one();
        Poll::Ready(Ok(bytes.len()))
    }

    fn close(&self) {
        self.state().closing = true;
        self.stirred.notify_one();
    }

    /// Ready when all that was written has arrived.
    fn closed(&self, cx: &Context<'_>) -> Poll<io::Result<()>> {
        self.close();
        let mut state = self.state();
        match state.ended {
            Some(ended) => Poll::Ready(ended.map_err(io::Error::from)),
            None => {
                state.waiting = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    fn turn(&self) -> Turn {
        let mut state = self.state();
        match state.pieces.pop_front() {
            Some(piece) => Turn::HandOn(piece),
            None if state.closing => Turn::End,
            None => Turn::Wait,
        }
    }

    fn arrived(&self, bytes: usize) {
        let mut state = self.state();
        state.under_way = state.under_way.saturating_sub(bytes);
        let waiting = state.waiting.take();
        drop(state);
        if let Some(waker) = waiting {
            waker.wake();
        }
    }

    fn end(&self, ended: Result<(), io::ErrorKind>) {
        let mut state = self.state();
        state.ended = Some(ended);
        state.pieces.clear();
        let waiting = state.waiting.take();
        drop(state);
        if let Some(waker) = waiting {
            waker.wake();
        }
    }
}

/// Hands on each piece when it is due, until there will be none.
async fn carry<S: AsyncWrite>(line: Arc<Line>, mut to: WriteHalf<S>) {
    let handing_on = async {
        loop {
            match line.turn() {
                Turn::HandOn(Piece { arrival, bytes }) => {
                    sleep_until(arrival).await;
                    to.write_all(&bytes).await?;
                    to.flush().await?;
                    line.arrived(bytes.len());
                }
                Turn::Wait => line.stirred.notified().await,
                Turn::End => return to.shutdown().await,
            }
        }
    };
    let ended = handing_on.await;
    line.end(ended.map_err(|error| error.kind()));
}

impl<S> Drop for Delayed<S> {
    /// What was written still arrives, as from a socket that is closed.
    fn drop(&mut self) {
        self.line.close();
    }
}

impl<S: AsyncRead> AsyncRead for Delayed<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().reading).poll_read(cx, buf)
    }
}

impl<S> AsyncWrite for Delayed<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.line.write(cx, buf)
    }

    /// Nothing waits to be sent: what was written is on its way, as with a socket.
    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.line.state().ended {
            Some(Err(kind)) => Poll::Ready(Err(kind.into())),
            Some(Ok(())) | None => Poll::Ready(Ok(())),
        }
    }

    /// Waits until all that was written has arrived.
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.line.closed(cx)
    }
}
