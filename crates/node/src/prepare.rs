//! A party's input, made ready: distinct keys, padded labels, the commitment to them, and the place
//! where its result will go.

use std::sync::Arc;

use psi::{Item, matching::Labels};
use records::{
    CanonicalKey, Datasets, Fingerprint, Fingerprinted, KeyColumns, KeySpec, KeyedSet, LabelledSet, RecordSink,
    RecordSource, RowCounts, commitment, keyed_set,
};
use tokio_util::sync::DropGuard;
use zeroize::Zeroizing;

use crate::{
    choice::Facts,
    error::RunError,
    plan::Plan,
    run::{Input, Run},
    stop::{Stop, StoppableSource},
};

/// The most bytes of a padded label.
pub(crate) const MAX_LABEL: u32 = 4096;
/// Padded labels are a multiple of this, so that a size says little of the longest label.
const LABEL_STEP: u32 = 16;
/// Bytes in a padded label that say how long the label is.
const LABEL_LENGTH: usize = 2;

/// An input that is ready for a run.
pub(crate) struct Prepared {
    /// Distinct items, ascending.
    pub(crate) items: Arc<[Item]>,
    /// What the pass over the source counted.
    pub(crate) counts: RowCounts,
    /// The size that the peer is told.
    pub(crate) padded_size: u64,
    /// A labelled sender's labels, with their padded size.
    pub(crate) labels: Option<(Labels, u32)>,
    /// The commitment to the items.
    pub(crate) commitment: [u8; 32],
    /// Where the result goes, begun already, so that what is in its way shows before the run.
    pub(crate) delivery: Option<Delivery>,
}

impl Prepared {
    /// What this side knows of itself for the choice of a protocol.
    pub(crate) fn facts(&self) -> Facts {
        let label_size = self.labels.as_ref().map_or(0, |(_, size)| *size);
        Facts { padded_size: self.padded_size, label_size, round_trip: None }
    }
}

/// A result that is being made, and the source that its rows come from.
pub(crate) struct Delivery {
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
    key_columns: Vec<String>,
    pub(crate) key: KeySpec,
}

impl SourceAddress {
    /// Opens the source for one pass; gives the columns of its key as well.
    pub(crate) fn open(&self, stop: &Stop) -> Result<(Fingerprinted<StoppableSource>, Vec<usize>), RunError> {
        let source = Fingerprinted::new(StoppableSource::new(self.datasets.open(&self.address)?, stop.clone()));
        let columns = columns(&source, &self.key_columns)?;
        Ok((source, columns))
    }
}

/// Reads and prepares the input of `run`, which was taken from it. Ends soon after the run was stopped, or nobody waits any more.
///
/// # Errors
/// [`RunError`], always this side's own.
pub(crate) async fn prepare(run: &Run, input: Input, plan: &Plan, stop: &Stop) -> Result<Prepared, RunError> {
    let stop = stop.part();
    let _ended_with_us: DropGuard = stop.token().clone().drop_guard();
    let (plan, part) = (plan.clone(), stop.clone());
    let read = stop.blocking(move || read_blocking(input, &plan, &part)).await?;
    let Read { keys, counts, padded_size, labels, delivery } = read;
    // The secret belongs beside a receipt, which later versions write; until then nothing needs it again.
    let secret = random()?;
    let hashed = run.compute.run(move || {
        let commitment = commitment::commit(&keys, &secret);
        (commitment, keys.into_iter().map(|key| Item::from(key.0)).collect())
    });
    let (commitment, items) = hashed.await.map_err(|error| RunError::Own(error.to_string()))?;
    Ok(Prepared { items, counts, padded_size, labels, commitment, delivery })
}

/// An input that was read, and has to be committed to.
struct Read {
    /// Distinct, ascending.
    keys: Vec<CanonicalKey>,
    counts: RowCounts,
    padded_size: u64,
    labels: Option<(Labels, u32)>,
    delivery: Option<Delivery>,
}

fn read_blocking(input: Input, plan: &Plan, stop: &Stop) -> Result<Read, RunError> {
    let read = match input {
        Input::Items(keys) => from_items(keys, plan),
        Input::Dataset { datasets, source, output, overwrite } => {
            let key = KeySpec::new(&plan.terms.key_types).map_err(|error| wrong_key(&error))?;
            let source = SourceAddress { datasets, address: source, key_columns: plan.own.key_columns.clone(), key };
            from_dataset(&source, output.as_deref(), overwrite, plan, stop)
        }
    };
    // A source that was stopped says no more than that it could not be read.
    if read.is_err() {
        stop.check()?;
    }
    read
}

fn from_items(mut keys: Vec<CanonicalKey>, plan: &Plan) -> Result<Read, RunError> {
    if plan.gives_labels() {
        return Err(RunError::Configuration("made-up items have no labels; mode labelled needs a dataset".to_owned()));
    }
    let rows = keys.len();
    keys.sort_unstable();
    keys.dedup();
    let duplicate_rows = rows.saturating_sub(keys.len()) as u64;
    let counts = RowCounts { rows: rows as u64, duplicate_rows, ..RowCounts::default() };
    let padded_size = padded_size(keys.len(), plan.own.padded_size)?;
    Ok(Read { keys, counts, padded_size, labels: None, delivery: None })
}

fn from_dataset(
    source: &SourceAddress,
    output: Option<&str>,
    overwrite: bool,
    plan: &Plan,
    stop: &Stop,
) -> Result<Read, RunError> {
    let (mut rows, columns) = source.open(stop)?;
    let key = KeyColumns::new(&source.key, &columns).map_err(|error| wrong_key(&error))?;
    let sink = match output.filter(|_| plan.learns()) {
        Some(output) => Some(crate::deliver::begin(&*source.datasets, output, overwrite, &rows.header(), plan)?),
        None => None,
    };
    let (keys, counts, labels) = if plan.gives_labels() {
        let label_columns = self::columns(&rows, &plan.terms.label_columns)?;
        let longest = MAX_LABEL as usize - LABEL_LENGTH;
        let set = LabelledSet::collect(&mut rows, key, &label_columns, longest)?;
        let size = padded_label_size(set.longest_label())?;
        let labels = Labels::new(size, set.labels()).map_err(|error| RunError::Own(error.to_string()))?;
        let counts = set.set().counts();
        (set.into_keys(), counts, Some((labels, size)))
    } else {
        let set = KeyedSet::collect(&mut rows, key)?;
        let counts = set.counts();
        (set.into_keys(), counts, None)
    };
    let entered = rows.fingerprint();
    let delivery = sink.map(|sink| Delivery { sink, source: source.clone(), entered });
    let padded_size = padded_size(keys.len(), plan.own.padded_size)?;
    Ok(Read { keys, counts, padded_size, labels, delivery })
}

/// The size that is told for so many items.
fn padded_size(items: usize, agreed: Option<u64>) -> Result<u64, RunError> {
    let items = items as u64;
    match agreed {
        Some(agreed) if items > agreed => {
            Err(RunError::Data(format!("the dataset has more distinct keys than the {agreed} that the job pads it to")))
        }
        Some(agreed) if agreed > keyed_set::MAX_ROWS as u64 => {
            Err(RunError::Data(format!("a set is padded to at most {} items", keyed_set::MAX_ROWS)))
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

fn columns(source: &dyn RecordSource, names: &[String]) -> Result<Vec<usize>, RunError> {
    names.iter().map(|name| source.column(name).map_err(RunError::from)).collect()
}

fn wrong_key(error: &records::KeyError) -> RunError {
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
