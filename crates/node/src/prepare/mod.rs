//! A party's input, made ready: keys of its rows, cut so that what does not fit into memory is on disk, the
//! commitment to them, and the place where its result will go.

pub(crate) mod committing;
mod cutting;
pub(crate) mod dates;
mod entries;
pub(crate) mod reading;

use std::sync::Arc;

use psi::Item;
use records::{
    CanonicalKey, Datasets, Fingerprint, Fingerprinted, KeySpec, Record, RecordSink, RecordSource, RowCounts, Tally,
    commitment,
};
use tokio_util::sync::DropGuard;
use zeroize::Zeroizing;

use crate::{
    buckets::Buckets,
    choice::Facts,
    deliver::Outlet,
    error::RunError,
    plan::Plan,
    quality::{self, Examining, RejectFile},
    run::{Input, Run},
    space::Space,
    spill::Spill,
    stop::{Stop, StoppableSource},
};

pub(crate) use cutting::{BinSet, Cut, Set};
pub(crate) use entries::Beside;
pub(crate) use entries::keys_of;
#[cfg(test)]
pub(crate) use entries::push_row;
use reading::{Columns, Watchers};

/// The most bytes of a padded label.
pub(crate) const MAX_LABEL: u32 = 4096;
/// The most items that a set is padded to.
const MOST_PADDED: u64 = 1 << 36;
/// Padded labels are a multiple of this, so that a size says little of the longest label.
const LABEL_STEP: u32 = 16;
/// Bytes in a padded label that say how long the label is.
const LABEL_LENGTH: usize = 2;

/// An input that is ready for a run.
pub(crate) struct Prepared {
    /// What is matched.
    pub(crate) set: Set,
    /// Distinct keys.
    pub(crate) items: u64,
    /// What the pass over the source counted.
    pub(crate) counts: RowCounts,
    /// Why rows have no key, and what was noticed of those that do.
    pub(crate) tally: Tally,
    /// The size that the peer is told.
    pub(crate) padded_size: u64,
    /// The padded size of a labelled sender's labels; 0 where there are none.
    pub(crate) label_size: u32,
    /// The commitment to the items.
    pub(crate) commitment: [u8; 32],
    /// What the source was when it was read; nothing where there is none.
    pub(crate) source: Vec<u8>,
    /// Where the result goes, begun already, so that what is in its way shows before the run.
    pub(crate) delivery: Option<Delivery>,
}

impl Prepared {
    /// What this side knows of itself for the choice of a protocol.
    pub(crate) fn facts(&self) -> Facts {
        Facts { padded_size: self.padded_size, label_size: self.label_size, round_trip: None }
    }
}

/// A result that is being made, and the source that its rows come from.
pub(crate) struct Delivery {
    pub(crate) outlet: Outlet,
    pub(crate) sink: Box<dyn RecordSink>,
    pub(crate) source: SourceAddress,
    /// What the source was when the keys were read.
    pub(crate) entered: Fingerprint,
}

/// A source that is read twice: for keys, and for the rows that matched.
#[derive(Clone)]
pub(crate) struct SourceAddress {
    datasets: Arc<dyn Datasets>,
    address: String,
}

impl SourceAddress {
    /// Opens the source for one pass.
    pub(crate) fn open(&self, stop: &Stop) -> Result<Fingerprinted<StoppableSource>, RunError> {
        Ok(Fingerprinted::new(StoppableSource::new(self.datasets.open(&self.address)?, stop.clone())))
    }
}

/// Reads and prepares the input of `run`, which was taken from it, and commits to it under `secret`. Ends soon after the run was stopped, or nobody waits any more.
///
/// # Errors
/// [`RunError`], always this side's own.
pub(crate) async fn prepare(
    run: &Run,
    input: Input,
    secret: Zeroizing<[u8; 32]>,
    plan: &Plan,
    stop: &Stop,
) -> Result<Prepared, RunError> {
    let stop = stop.part();
    let _ended_with_us: DropGuard = stop.token().clone().drop_guard();
    let (compute, space) = (run.compute.clone(), run.space.clone());
    match input {
        Input::Items(keys) => {
            if plan.gives_labels() {
                let what = "made-up items have no labels; mode labelled needs a dataset";
                return Err(RunError::Configuration(what.to_owned()));
            }
            let agreed = plan.own.padded_size;
            let prepared = compute.run(move || from_items(keys, agreed, &secret));
            prepared.await.map_err(|error| RunError::Own(error.to_string()))?
        }
        Input::Dataset { datasets, source, output, overwrite, examining } => {
            let source = SourceAddress { datasets, address: source };
            let (plan, part) = (plan.clone(), stop.clone());
            let job_id = run.job_id.clone();
            let outlet = output.filter(|_| plan.learns());
            let outlet = outlet.map(|output| Outlet { job_id: job_id.clone(), output, overwrite });
            // What is begun here is gone when this work is, which the run waits for.
            let preparing = stop.blocking(move || {
                let read = read_rows(&source, &examining, outlet, &plan, (&space, &compute), &part);
                // A source that was stopped says no more than that it could not be read.
                if read.is_err() {
                    part.check()?;
                }
                let (read, agreed) = (read?, plan.own.padded_size);
                let changed = source.datasets.changed(&source.address);
                quality::log(&job_id, &read.tally, &plan.own.key_columns, changed);
                let committing = compute.begin(move || read.commit(agreed, &secret, &space));
                committing.wait().map_err(|error| RunError::Own(error.to_string()))?
            });
            preparing.await
        }
    }
}

/// Rows that were read, and have to be committed to.
struct Read {
    buckets: Buckets,
    beside: Beside,
    counts: RowCounts,
    tally: Tally,
    /// What the source was.
    source: Vec<u8>,
    delivery: Option<Delivery>,
}

impl Read {
    fn commit(
        mut self,
        agreed: Option<u64>,
        secret: &Zeroizing<[u8; 32]>,
        space: &Space,
    ) -> Result<Prepared, RunError> {
        let committed = committing::commit(&mut self.buckets, self.beside, secret, &mut self.counts, space)?;
        let label_size = match self.beside {
            Beside::Row => 0,
            Beside::Label => padded_label_size(committed.longest_label)?,
        };
        Ok(Prepared {
            set: Set::Entries(Box::new(self.buckets), self.beside),
            items: committed.items,
            counts: self.counts,
            tally: self.tally,
            padded_size: padded_size(committed.items, agreed)?,
            label_size,
            commitment: committed.root,
            source: self.source,
            delivery: self.delivery,
        })
    }
}

fn from_items(
    mut keys: Vec<CanonicalKey>,
    agreed: Option<u64>,
    secret: &Zeroizing<[u8; 32]>,
) -> Result<Prepared, RunError> {
    let rows = keys.len();
    keys.sort_unstable();
    keys.dedup();
    let items: Arc<[Item]> = keys.into_iter().map(|key| Item::from(key.0)).collect();
    let duplicate_rows = rows.saturating_sub(items.len()) as u64;
    Ok(Prepared {
        items: items.len() as u64,
        counts: RowCounts { rows: rows as u64, duplicate_rows, ..RowCounts::default() },
        padded_size: padded_size(items.len() as u64, agreed)?,
        label_size: 0,
        tally: Tally::default(),
        commitment: committing::commit_items(&items, secret),
        source: Vec::new(),
        set: Set::Items(items),
        delivery: None,
    })
}

fn read_rows(
    source: &SourceAddress,
    examining: &Examining,
    outlet: Option<Outlet>,
    plan: &Plan,
    (space, pool): (&Space, &session::ComputePool),
    stop: &Stop,
) -> Result<Read, RunError> {
    let key = KeySpec::new(&plan.terms.key_types).map_err(|error| wrong_key(&error))?;
    let key = key.with_settings(examining.settings);
    let mut rows = source.open(stop)?;
    let key_columns = columns(&rows, &plan.own.key_columns)?;
    key.admits(key_columns.len()).map_err(|error| wrong_key(&error))?;
    let begun = match outlet {
        Some(outlet) => Some((outlet.begin(&*source.datasets, &rows.header(), plan)?, outlet)),
        None => None,
    };
    let labels = match plan.gives_labels() {
        true => Some((columns(&rows, &plan.terms.label_columns)?, MAX_LABEL as usize - LABEL_LENGTH)),
        false => None,
    };
    let beside = if labels.is_some() { Beside::Label } else { Beside::Row };
    let mut buckets = Buckets::new(commitment::PARTS, space.held(), Spill::new(&space.folder));
    let columns = Arc::new(Columns { key, key_columns, labels, dates: None });
    let rejects = examining.rejects.as_ref();
    let mut file =
        rejects.map(|to| RejectFile::begin(&*source.datasets, to, &rows, &plan.own.key_columns)).transpose()?;
    let mut on_refused = file.as_mut().map(|file| |row, record: &Record, refusal| file.write(row, record, refusal));
    let refused = on_refused.as_mut().map(|on_refused| on_refused as &mut reading::OnRefused<'_>);
    let watchers = Watchers { refused, rows: None };
    let tally = reading::read_all(&mut rows, &columns, &mut buckets, pool, watchers)?.tally;
    committing::check_parts(&buckets, space)?;
    stop.check()?;
    file.map(RejectFile::commit).transpose()?;
    let counts = RowCounts {
        rows: tally.rows(),
        missing_keys: tally.missing(),
        refused_rows: tally.refused(),
        ..RowCounts::default()
    };
    let entered = rows.fingerprint();
    let delivery = begun.map(|(sink, outlet)| Delivery { outlet, sink, source: source.clone(), entered });
    Ok(Read { buckets, beside, counts, tally, source: entered.as_bytes().to_vec(), delivery })
}

/// The size that is told for so many items.
fn padded_size(items: u64, agreed: Option<u64>) -> Result<u64, RunError> {
    match agreed {
        Some(agreed) if items > agreed => {
            Err(RunError::Data(format!("the dataset has more distinct keys than the {agreed} that the job pads it to")))
        }
        Some(agreed) if agreed > MOST_PADDED => {
            Err(RunError::Data(format!("a set is padded to at most {} items", MOST_PADDED)))
        }
        Some(agreed) => Ok(agreed),
        None => Ok(items),
    }
}

/// The size of padded labels, the longest of which has so many bytes before padding.
fn padded_label_size(longest: usize) -> Result<u32, RunError> {
    let too_long = || RunError::Data(format!("a row's labels have more bytes than the {MAX_LABEL} that fit"));
    let bytes = u32::try_from(longest.saturating_add(LABEL_LENGTH)).map_err(|_| too_long())?;
    let size = bytes.checked_next_multiple_of(LABEL_STEP).ok_or_else(too_long)?;
    if size <= MAX_LABEL { Ok(size.max(LABEL_STEP)) } else { Err(too_long()) }
}

pub(crate) fn columns(source: &dyn RecordSource, names: &[String]) -> Result<Vec<usize>, RunError> {
    names.iter().map(|name| source.column(name).map_err(RunError::from)).collect()
}

pub(crate) fn wrong_key(error: &records::KeyError) -> RunError {
    RunError::Configuration(error.to_string())
}

/// 32 fresh bytes from the system.
///
/// # Errors
/// [`RunError::Own`] if it has none.
pub(crate) fn random() -> Result<Zeroizing<[u8; 32]>, RunError> {
    let mut bytes = Zeroizing::new([0; 32]);
    getrandom::fill(bytes.as_mut_slice())
        .map_err(|error| RunError::Own(format!("the system gives no randomness: {error}")))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_padded_to_steps_up_to_the_most() {
        for (longest, size) in [(0, 16), (14, 16), (15, 32), (30, 32), (31, 48), (4093, 4096), (4094, 4096)] {
            assert_eq!(padded_label_size(longest).unwrap(), size, "{longest}");
        }
        assert_eq!(padded_label_size(4095).unwrap_err().exit_code(), 3);
        assert!(padded_label_size(usize::MAX).is_err());
    }

    #[test]
    fn a_set_is_padded_to_the_size_agreed_or_not_at_all() {
        assert_eq!(padded_size(7, None).unwrap(), 7);
        assert_eq!(padded_size(7, Some(100)).unwrap(), 100);
        let error = padded_size(7, Some(6)).unwrap_err();
        assert!(matches!(error, RunError::Data(_)));
        assert!(!error.to_string().contains('7'), "its true size is not for others");
        assert!(padded_size(7, Some(1 << 40)).is_err());
    }
}
