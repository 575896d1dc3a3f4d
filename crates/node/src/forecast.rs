//! What a job will take: seconds, bytes each way, memory.
//!
//! The sets are cut into bins as both nodes would cut them, and a bin is reckoned by [`psi::cost`]. Bins that
//! are under way together share the threads, and wait for the network at the same time:
//!
//! ```text
//! seconds = the longer of    bins · seconds of a bin without a network's delay
//!                     and    bins / bins at a time · seconds of a bin
//! memory  = 30 MB + held + bins at a time · (170 bytes · items of the larger bin + 2 · bytes of its labels)
//! held    = 2 · (21 bytes and the label of each row), and no more than the memory for preparing
//! ```
//!
//! 170 bytes an item is a little above what the fast engine takes at 2^20 and 2^24 (docs/PERFORMANCE.md). Lists of
//! a million rows, matched by it in 1, 4, 8 and 10 bins in the development profile, peaked within a tenth of
//! this. The other engine takes less, and so does the side with the smaller set. What is held counts twice,
//! since buckets grow by doubling.

use std::time::Duration;

use psi::{
    PsiError, Sizes,
    bins::Bins,
    cost::{self, Engine, Facts, Task},
};

use crate::space::Space;

/// Bytes of a process before it has a set.
const PROCESS: u64 = 30_000_000;
/// Bytes of a row's key and number between reading and matching.
const ENTRY: u64 = 21;
/// Bytes of an item while its bin is matched.
const ITEM: u64 = 170;
/// Copies of a label while its bin is matched.
const LABEL_COPIES: u64 = 2;

/// What all bins of a job take.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Forecast {
    /// Into how many bins the sets are cut.
    pub bins: u32,
    /// Seconds of the protocol.
    pub seconds: f64,
    /// Bytes that the receiver gets.
    pub to_receiver: u64,
    /// Bytes that the sender gets.
    pub to_sender: u64,
    /// Bytes of memory that this side needs, at the most, about.
    pub memory: u64,
}

/// Reckons a job of this side's `rows`, whose padded labels have `label_size` bytes. Nothing if the engine cannot do
/// it.
///
/// # Errors
/// [`PsiError`] if the sets cannot be cut within the error budget.
pub fn forecast(
    engine: Engine,
    facts: &Facts,
    (rows, label_size): (u64, u32),
    space: &Space,
) -> Result<Option<Forecast>, PsiError> {
    let count = match facts.task {
        Task::Cardinality => 1,
        _ => Bins::best_count(facts.sizes, space.wanted_bin_items(label_size)),
    };
    let bins = Bins::new(facts.sizes, count, facts.budget)?;
    let one = Facts { sizes: bins.sizes(), budget: bins.budget(), bin_items: u64::MAX, ..*facts };
    let (Some(delayed), Some(undelayed)) =
        (cost::estimate(engine, &one), cost::estimate(engine, &Facts { round_trip: Duration::ZERO, ..one }))
    else {
        return Ok(None);
    };
    let turns = count.div_ceil(space.in_flight.max(1));
    Ok(Some(Forecast {
        bins: count,
        seconds: (f64::from(count) * undelayed.seconds).max(f64::from(turns) * delayed.seconds),
        to_receiver: delayed.bytes_to_receiver.saturating_mul(count.into()),
        to_sender: delayed.bytes_to_sender.saturating_mul(count.into()),
        memory: memory(rows, &bins, label_size, space),
    }))
}

fn memory(rows: u64, bins: &Bins, label_size: u32, space: &Space) -> u64 {
    let Sizes { receiver, sender } = bins.sizes();
    let held = rows.saturating_mul(2 * (ENTRY + u64::from(label_size))).min(space.memory);
    let items = receiver.max(sender).saturating_mul(ITEM);
    let labels = sender.saturating_mul(LABEL_COPIES * u64::from(label_size));
    let at_a_time = u64::from(space.in_flight.min(bins.count()));
    PROCESS.saturating_add(held).saturating_add(items.saturating_add(labels).saturating_mul(at_a_time))
}
