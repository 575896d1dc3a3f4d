//! Handshakes that are not finished: a queue in which nobody can hold a place.

use std::{
    collections::{HashMap, VecDeque},
    net::{IpAddr, Ipv6Addr},
};

/// The oldest first.
pub(super) struct Unfinished<T> {
    most: usize,
    queue: VecDeque<(IpAddr, T)>,
}

impl<T> Unfinished<T> {
    pub(super) fn new(most: usize) -> Self {
        Self { most, queue: VecDeque::new() }
    }

    /// Appends a handshake with who is at `address`. If there are too many now, it gives the one that is to
    /// be dropped: the oldest of the network that has most, so that a flood from one drowns itself alone.
    pub(super) fn push(&mut self, address: IpAddr, handshake: T) -> Option<T> {
        self.queue.push_back((network(address), handshake));
        if self.queue.len() <= self.most {
            return None;
        }
        let mut counts: HashMap<IpAddr, usize> = HashMap::new();
        for (network, _) in &self.queue {
            let count = counts.entry(*network).or_default();
            *count = count.saturating_add(1);
        }
        let highest = counts.values().max().copied();
        let drowned = self.queue.iter().position(|(network, _)| counts.get(network).copied() == highest)?;
        self.queue.remove(drowned).map(|(_, handshake)| handshake)
    }

    pub(super) fn retain(&mut self, keep: impl Fn(&T) -> bool) {
        self.queue.retain(|(_, handshake)| keep(handshake));
    }
}

/// What one host can choose its addresses from: for IPv6 usually the 2^64 of its subnet.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn the_oldest_makes_room_where_all_are_alike() {
        let mut queue = Unfinished::new(3);
        let given: Vec<_> = (0..6).map(|number| queue.push(ip("10.0.0.1"), number)).collect();
        assert_eq!(given, [None, None, None, Some(0), Some(1), Some(2)]);
        let mut queue = Unfinished::new(3);
        let given: Vec<_> = (0..6).map(|number| queue.push([10, 0, 0, number].into(), number)).collect();
        assert_eq!(given, [None, None, None, Some(0), Some(1), Some(2)]);
    }

    #[test]
    fn a_flood_drops_its_own_and_not_the_older_ones_of_others() {
        for flood in [["10.0.0.1", "10.0.0.1"], ["2001:db8::1", "2001:db8::ffff:2"], ["::ffff:10.0.0.1", "10.0.0.1"]] {
            let mut queue = Unfinished::new(4);
            assert_eq!([queue.push(ip("10.0.0.9"), 0), queue.push(ip("2001:db8:0:1::1"), 1)], [None, None]);
            let given: Vec<_> = (2..8).filter_map(|number| queue.push(ip(flood[number % 2]), number)).collect();
            assert_eq!(given, [2, 3, 4, 5]);
        }
    }

    #[test]
    fn what_is_finished_leaves_room() {
        let mut queue = Unfinished::new(2);
        assert_eq!([queue.push(ip("::1"), 0), queue.push(ip("::1"), 1)], [None, None]);
        queue.retain(|number| *number != 0);
        assert_eq!([queue.push(ip("::1"), 2), queue.push(ip("::1"), 3)], [None, Some(1)]);
    }
}
