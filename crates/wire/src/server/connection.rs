//! A connection that is served, and how many there may be.

use std::{
    collections::HashMap,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use agreement::ParticipantId;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_rustls::server::TlsStream;
use tonic::transport::server::Connected;

use crate::{closing::Closable, pins::Peer, shaping::Transport};

/// A TLS connection whose other end is known.
pub struct TlsConnection {
    pub(super) stream: Closable<TlsStream<Transport>>,
    pub(super) peer: Peer,
    pub(super) _place: Place,
}

impl Connected for TlsConnection {
    type ConnectInfo = Peer;

    fn connect_info(&self) -> Peer {
        self.peer.clone()
    }
}

/// The right to be one of a participant's connections, and one of all. Dropping it gives it back.
pub(super) type Place = [OwnedSemaphorePermit; 2];

/// Places that are left, for each participant and in all. A participant's persons have places apart from its
/// own, so that none of them can keep its node out.
pub(super) struct Places {
    each: usize,
    left: HashMap<(ParticipantId, bool), Arc<Semaphore>>,
    left_in_all: Arc<Semaphore>,
}

impl Places {
    pub(super) fn new(each: usize, all: usize) -> Self {
        Self { each, left: HashMap::new(), left_in_all: Arc::new(Semaphore::new(all)) }
    }

    /// A place for one more connection of a pinned participant, or of a person there, if there is one.
    pub(super) fn take(&mut self, participant: &ParticipantId, person: bool) -> Option<Place> {
        let each = self.each;
        let left = self.left.entry((participant.clone(), person)).or_insert_with(|| Arc::new(Semaphore::new(each)));
        let own = Arc::clone(left).try_acquire_owned().ok()?;
        Some([own, Arc::clone(&self.left_in_all).try_acquire_owned().ok()?])
    }
}

impl AsyncRead for TlsConnection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for TlsConnection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
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
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_for_each_and_in_all_and_come_back() {
        let [anhui, shanghai, jiangsu] = ["anhui", "shanghai", "jiangsu"].map(|name| name.parse().unwrap());
        let mut places = Places::new(2, 3);
        let first = places.take(&anhui, false).unwrap();
        let _second = places.take(&anhui, false).unwrap();
        assert!(places.take(&anhui, false).is_none(), "a third of two");
        let _third = places.take(&shanghai, false).unwrap();
        assert!(places.take(&jiangsu, false).is_none(), "a fourth of three");
        drop(first);
        let _fourth = places.take(&jiangsu, false).unwrap();
        assert!(places.take(&anhui, false).is_none(), "all are taken");
        assert_eq!(places.left[&(anhui, false)].available_permits(), 1, "a place of its own is not lost by that");
    }

    #[test]
    fn persons_take_no_place_of_their_node() {
        let anhui = "anhui".parse().unwrap();
        let mut places = Places::new(1, 4);
        let _person = places.take(&anhui, true).unwrap();
        assert!(places.take(&anhui, true).is_none(), "a second of one");
        let _node = places.take(&anhui, false).unwrap();
    }
}
