//! A slower network than there is: for measurements of what a protocol takes over a distance, on one
//! machine and without privileges.
//!
//! Each end shapes what it writes, below TLS. So both directions have the whole rate, and bytes take half
//! a round trip each way.

mod delayed;

use std::{
    fmt, io,
    pin::Pin,
    str::FromStr,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

use delayed::Delayed;

/// The longest round trip, in milliseconds: a handshake takes a few of them, and has to be done in time.
const MAX_ROUND_TRIP: f64 = 2000.0;
/// The lowest and the highest rate, in Mbit/s.
const RATES: [f64; 2] = [0.1, 100_000.0];
/// What a sender may have under way beside what the distance holds, in bytes: a socket's buffer.
const SOCKET_BUFFER: u64 = 256 << 10;
/// The most that a sender may have under way, in bytes.
const MOST_UNDER_WAY: u64 = 64 << 20;

/// How far and how fast a network is. Written as `RTT_MS,MBIT`: `20,100` is a round trip of 20 ms and
/// 100 Mbit/s each way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    round_trip: Duration,
    bits_per_second: u64,
}

/// A text that describes no network.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no network; one is written RTT_MS,MBIT, as 20,100: a round trip of 0 to 2000 ms, and 0.1 to 100000 Mbit/s"
)]
pub struct NetworkError(String);

impl Network {
    /// From a byte's departure to the arrival of one that answers it.
    #[must_use]
    pub fn round_trip(&self) -> Duration {
        self.round_trip
    }

    /// Bits that pass in a second, each way.
    #[must_use]
    pub fn bits_per_second(&self) -> u64 {
        self.bits_per_second
    }

    /// How long so many bytes take to leave.
    fn transmission(&self, bytes: usize) -> Duration {
        let bit_nanoseconds = (bytes as u64).saturating_mul(8_000_000_000);
        Duration::from_nanos(bit_nanoseconds.div_ceil(self.bits_per_second.max(1)))
    }

    /// Bytes that may have been written and not yet arrived: what fits on the way there and back, and a
    /// socket's buffer.
    fn most_under_way(&self) -> usize {
        let on_the_way = self.round_trip.as_secs_f64() * self.bits_per_second as f64 / 8.0;
        let most = Duration::try_from_secs_f64(on_the_way).map_or(u64::MAX, |bytes| bytes.as_secs());
        usize::try_from(most.saturating_add(SOCKET_BUFFER).min(MOST_UNDER_WAY)).unwrap_or(usize::MAX)
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let wrong = || NetworkError(text.to_owned());
        let number = |text: &str| text.trim().parse::<f64>().ok().filter(|number| number.is_finite());
        let (round_trip, rate) = text.split_once(',').ok_or_else(wrong)?;
        let (round_trip, rate) = number(round_trip).zip(number(rate)).ok_or_else(wrong)?;
        let [lowest, highest] = RATES;
        if !(0.0..=MAX_ROUND_TRIP).contains(&round_trip) || !(lowest..=highest).contains(&rate) {
            return Err(wrong());
        }
        let round_trip = Duration::try_from_secs_f64(round_trip / 1e3).map_err(|_| wrong())?;
        // A rate in bit/s is read as if it were seconds: the one conversion to whole numbers that cannot
        // overflow unseen.
        let rate = Duration::try_from_secs_f64(rate * 1e6).map_err(|_| wrong())?;
        Ok(Self { round_trip, bits_per_second: rate.as_secs() })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Exact below 2^53, and so for every rate that is accepted.
        write!(f, "{},{}", self.round_trip.as_secs_f64() * 1e3, self.bits_per_second as f64 / 1e6)
    }
}

/// What TLS runs over: a connection as the system has it, or a slower one.
pub(crate) enum Transport {
    /// As it is.
    Plain(TcpStream),
    /// Shaped.
    Delayed(Delayed<TcpStream>),
}

impl Transport {
    /// A connection; shaped if a network is given.
    pub(crate) fn new(tcp: TcpStream, network: Option<Network>) -> Self {
        match network {
            None => Self::Plain(tcp),
            Some(network) => Self::Delayed(Delayed::new(tcp, network)),
        }
    }
}

impl AsyncRead for Transport {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_read(cx, buf),
            Self::Delayed(delayed) => Pin::new(delayed).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Transport {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_write(cx, buf),
            Self::Delayed(delayed) => Pin::new(delayed).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_flush(cx),
            Self::Delayed(delayed) => Pin::new(delayed).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Self::Delayed(delayed) => Pin::new(delayed).poll_shutdown(cx),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_write_vectored(cx, bufs),
            Self::Delayed(delayed) => Pin::new(delayed).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(tcp) => tcp.is_write_vectored(),
            Self::Delayed(delayed) => delayed.is_write_vectored(),
        }
    }
}

#[cfg(test)]
#[path = "shaping/tests.rs"]
mod tests;
