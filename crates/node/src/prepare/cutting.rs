//! A prepared set in bins, each of which is read when its turn comes.

use std::sync::Arc;

use psi::{Item, bins::BinHash, matching::Labels};
use rayon::prelude::*;
use records::commitment::PARTS;

use super::entries::{self, Beside, Entry};
use crate::{
    buckets::{Buckets, Taken},
    error::RunError,
    space::Space,
    spill::Spill,
};

/// Bytes that are given to a bin as they are; fewer are copied, so that it does not come to have thousands of pieces.
const WORTH_GIVING: usize = 16 << 10;

/// A prepared set, as the pass over its source left it.
pub(crate) enum Set {
    /// Keys without rows, distinct and ascending.
    Items(Arc<[Item]>),
    /// Entries in buckets, by the first byte of the key.
    Entries(Box<Buckets>, Beside),
}

/// A set in bins.
pub(crate) enum Cut {
    /// One bin of keys.
    Whole(Arc<[Item]>),
    /// Keys without rows, in bins.
    Items(Vec<Arc<[Item]>>),
    /// Entries in bins; all of the parts are the one bin if there is just one.
    Entries(Box<Buckets>, Beside, u32),
}

/// What a party enters into the run of one bin.
pub(crate) struct BinSet {
    /// Distinct, ascending.
    pub(crate) items: Arc<[Item]>,
    /// For each item its entries, in the order of the items; nothing where there are no rows.
    pub(crate) entries: Vec<Entry>,
    /// The padded labels of the items.
    pub(crate) labels: Option<Labels>,
}

impl Set {
    /// Cuts the set into `count` bins under the key of the job. For the compute pool.
    ///
    /// # Errors
    /// [`RunError::Own`] if entries cannot be moved.
    pub(crate) fn cut(self, job_key: &[u8; 32], count: u32, space: &Space) -> Result<Cut, RunError> {
        let hash = BinHash::new(job_key, count);
        match self {
            Self::Items(items) if count == 1 => Ok(Cut::Whole(items)),
            Self::Items(items) => {
                let mut bins = vec![Vec::new(); count as usize];
                for (item, bin) in items.iter().zip(hash.bins(&items)) {
                    if let Some(bin) = bins.get_mut(bin as usize) {
                        bin.push(*item);
                    }
                }
                Ok(Cut::Items(bins.into_iter().map(Arc::from).collect()))
            }
            Self::Entries(buckets, beside) if count == 1 => Ok(Cut::Entries(buckets, beside, 1)),
            Self::Entries(buckets, beside) => {
                Ok(Cut::Entries(Box::new(cut_entries(*buckets, beside, &hash, count, space)?), beside, count))
            }
        }
    }
}

/// Moves entries from buckets by part into buckets by bin. In each they are sorted, as they are in each part.
fn cut_entries(
    mut parts: Buckets,
    beside: Beside,
    hash: &BinHash,
    count: u32,
    space: &Space,
) -> Result<Buckets, RunError> {
    let mut bins = Buckets::new(count as usize, space.held(), Spill::new(&space.folder));
    // Bytes, entries, keys and shares of a part, and the shares of the one before.
    let at_a_time = space.at_a_time(5 * parts.largest(), rayon::current_num_threads());
    let mut dealt = Vec::new();
    for first in (0..PARTS).step_by(at_a_time) {
        let range = first..PARTS.min(first + at_a_time);
        // What is on disk is read there, where it is dealt.
        let taken: Vec<Taken> = range.map(|part| parts.hand_out(part)).collect();
        let (put, next) = rayon::join(
            || put_all(&mut bins, dealt),
            || {
                let deal = |part: Taken| deal(&parts.fetch(part)?, beside, hash, count);
                taken.into_par_iter().map(deal).collect::<Result<Vec<_>, RunError>>()
            },
        );
        put?;
        dealt = next?;
    }
    put_all(&mut bins, dealt)?;
    Ok(bins)
}

/// Puts what some parts brought for each bin.
fn put_all(bins: &mut Buckets, dealt: Vec<Vec<Vec<u8>>>) -> Result<(), RunError> {
    for bytes_of_bins in dealt {
        for (bin, bytes) in bytes_of_bins.into_iter().enumerate().filter(|(_, bytes)| !bytes.is_empty()) {
            // What is mostly empty would take more memory than is counted.
            let is_full = bytes.capacity() - bytes.len() <= bytes.len() / 8;
            if is_full && bytes.len() >= WORTH_GIVING { bins.give(bin, bytes)? } else { bins.put(bin, &bytes)? }
        }
    }
    Ok(())
}

fn deal(bytes: &[u8], beside: Beside, hash: &BinHash, count: u32) -> Result<Vec<Vec<u8>>, RunError> {
    let entries = entries::sorted(bytes, beside)?;
    let items: Vec<Item> = entries.iter().map(Entry::item).collect();
    // About as much for each.
    let share = bytes.len() / (count as usize).max(1);
    let mut bins: Vec<Vec<u8>> = (0..count).map(|_| Vec::with_capacity(share + share / 16)).collect();
    for (entry, bin) in entries.iter().zip(hash.bins(&items)) {
        let Some(out) = bins.get_mut(bin as usize) else { continue };
        match beside {
            Beside::Row => entries::push_row(out, &entry.key(), entry.rest),
            Beside::Label => entries::push_label(out, &entry.key(), entries::label(entry, bytes)),
        }
    }
    Ok(bins)
}

impl Cut {
    /// Reads a bin, with labels padded to `label_size`. For the compute pool.
    ///
    /// # Errors
    /// [`RunError::Own`] if entries cannot be read back.
    pub(crate) fn bin(&self, index: u32, label_size: u32) -> Result<BinSet, RunError> {
        let none = || BinSet { items: Arc::from([]), entries: Vec::new(), labels: None };
        match self {
            Self::Whole(items) => Ok(BinSet { items: Arc::clone(items), ..none() }),
            Self::Items(bins) => {
                let items = bins.get(index as usize).cloned().unwrap_or_else(|| Arc::from([]));
                Ok(BinSet { items, ..none() })
            }
            Self::Entries(buckets, beside, 1) => {
                let parts = (0..buckets.count()).into_par_iter().map(|part| buckets.read(part));
                bin_set(&parts.collect::<Result<Vec<_>, _>>()?.concat(), *beside, label_size)
            }
            Self::Entries(buckets, beside, _) => bin_set(&buckets.read(index as usize)?, *beside, label_size),
        }
    }
}

fn bin_set(bytes: &[u8], beside: Beside, label_size: u32) -> Result<BinSet, RunError> {
    let entries = entries::sorted(bytes, beside)?;
    let firsts = || entries.chunk_by(Entry::is_of).filter_map(|same| same.first());
    let items = firsts().map(Entry::item).collect();
    let labels = match beside {
        Beside::Row => None,
        Beside::Label => {
            let labels = Labels::new(label_size, firsts().map(|entry| entries::label(entry, bytes)));
            Some(labels.map_err(|error| RunError::Own(error.to_string()))?)
        }
    };
    // A sender of labels learns nothing of its rows.
    let entries = if labels.is_some() { Vec::new() } else { entries };
    Ok(BinSet { items, entries, labels })
}

impl BinSet {
    /// Calls `take` with each of `matches`, which are ascending, and with the number of each of its rows.
    pub(crate) fn rows_of<T>(
        &self,
        matches: &[T],
        index: impl Fn(&T) -> u32,
        mut take: impl FnMut(&T, u64) -> Result<(), RunError>,
    ) -> Result<(), RunError> {
        let mut matches = matches.iter().peekable();
        // Items are the keys of the entries, in the same order.
        for (number, same) in (0u32..).zip(self.entries.chunk_by(Entry::is_of)) {
            let Some(found) = matches.next_if(|found| index(found) == number) else { continue };
            same.iter().try_for_each(|entry| take(found, entry.rest))?;
        }
        Ok(())
    }
}
