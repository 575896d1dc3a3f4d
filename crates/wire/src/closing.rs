//! A connection that can be ended from elsewhere.

use std::{
    future::Future,
    io,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// A stream that fails as soon as its token is cancelled, whether it waits to read or to write. Reading and
/// writing are to be one task's, as they are in HTTP/2: only who asked last is woken.
pub(crate) struct Closable<S> {
    stream: S,
    ended: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl<S> Closable<S> {
    pub(crate) fn new(stream: S, ended: CancellationToken) -> Self {
        Self { stream, ended: Box::pin(ended.cancelled_owned()) }
    }

    /// An error once the token is cancelled.
    fn open(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        match self.ended.as_mut().poll(cx) {
            Poll::Pending => Ok(()),
            Poll::Ready(()) => {
                Err(io::Error::new(io::ErrorKind::ConnectionAborted, "the connection was closed on this side"))
            }
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Closable<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.open(cx)?;
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Closable<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.open(cx)?;
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.open(cx)?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.open(cx)?;
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt, duplex},
        time::timeout,
    };

    use super::*;

    const LONG: Duration = Duration::from_secs(30);

    fn closed<T: std::fmt::Debug>(outcome: io::Result<T>) -> bool {
        outcome.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionAborted)
    }

    #[tokio::test]
    async fn who_waits_to_read_is_woken_and_nothing_goes_after() {
        let (near, mut far) = duplex(16);
        let ended = CancellationToken::new();
        let mut near = Closable::new(near, ended.clone());
        far.write_all(b"before").await.unwrap();
        let mut bytes = [0; 6];
        near.read_exact(&mut bytes).await.unwrap();
        near.write_all(b"before").await.unwrap();
        let (read, ()) = tokio::join!(timeout(LONG, near.read(&mut bytes)), async {
            tokio::task::yield_now().await;
            ended.cancel();
        });
        assert!(closed(read.expect("nobody was woken")));
        far.write_all(b"after").await.unwrap();
        assert!(closed(near.read(&mut bytes).await) && closed(near.write(b"after").await));
    }

    #[tokio::test]
    async fn who_waits_to_write_is_woken() {
        let (near, _far) = duplex(1);
        let ended = CancellationToken::new();
        let mut near = Closable::new(near, ended.clone());
        let (written, ()) = tokio::join!(timeout(LONG, near.write_all(b"more than fits")), async {
            tokio::task::yield_now().await;
            ended.cancel();
        });
        assert!(closed(written.expect("nobody was woken")));
    }
}
