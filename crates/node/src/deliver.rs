//! A result: what of its own records a party gets, after both sides have finished.
//!
//! The source is read a second time, and the rows whose keys matched are written just as they stand.
//! If it is no longer the source that was entered, to the last byte of a row, nothing is delivered: the
//! result would say of the records of now what was asked of those before.

use psi::{Item, Outcome};
use records::{Datasets, KeyColumns, Record, RecordError, RecordSink, RecordSource, SinkHeader, label_list};

use crate::{error::RunError, plan::Plan, prepare::Delivery, stop::Stop};
use agreement::Mode;
use std::sync::Arc;

/// The header of a result that is a number alone.
const COUNT_HEADER: &[u8] = b"matched";

/// What was delivered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Delivered {
    /// Items in common, if this side learned how many.
    pub(crate) matched: Option<u64>,
    /// Records written, if there was somewhere to write them.
    pub(crate) rows_written: Option<u64>,
    /// Matches whose label the peer sealed or wrote wrongly: they have empty values.
    pub(crate) unreadable_labels: u64,
}

/// The items that matched, ascending, each with its label values if there are labels. A label that cannot
/// be read does not end the run: the peer, who may have spoiled it for that, would learn that it matched.
struct Matches {
    items: Vec<Item>,
    labels: Option<Vec<Option<Vec<u8>>>>,
}

/// Begins the result at `output`, for records framed as `header`.
///
/// # Errors
/// [`RunError::Records`] if it cannot be there.
pub(crate) fn begin(
    datasets: &dyn Datasets,
    output: &str,
    overwrite: bool,
    header: &SinkHeader,
    plan: &Plan,
) -> Result<Box<dyn RecordSink>, RunError> {
    Ok(match plan.terms.mode {
        Mode::Cardinality => {
            let header = SinkHeader::of_line(COUNT_HEADER);
            datasets.create(output, &header, &[], overwrite)?
        }
        _ => datasets.create(output, header, &plan.terms.label_columns, overwrite)?,
    })
}

/// Delivers `outcome`. Nothing is there if it fails.
///
/// # Errors
/// [`RunError`]: this side's own, or the peer's if a label is none.
pub(crate) async fn deliver(
    outcome: Outcome,
    items: Arc<[Item]>,
    delivery: Option<Delivery>,
    plan: &Plan,
    stop: &Stop,
) -> Result<Delivered, RunError> {
    if !plan.learns() {
        return Ok(Delivered::default());
    }
    let (plan, part) = (plan.clone(), stop.clone());
    // Awaited to its end even if the run is cancelled: it then ends by itself, and either the whole result
    // is there and the run has succeeded, or neither.
    stop.blocking(move || deliver_blocking(outcome, &items, delivery, &plan, &part)).await
}

fn deliver_blocking(
    outcome: Outcome,
    items: &[Item],
    delivery: Option<Delivery>,
    plan: &Plan,
    stop: &Stop,
) -> Result<Delivered, RunError> {
    if let Outcome::Count(count) = outcome {
        let rows_written = match delivery {
            Some(delivery) => Some(write_count(delivery.sink, count)?),
            None => None,
        };
        return Ok(Delivered { matched: Some(count), rows_written, unreadable_labels: 0 });
    }
    let matches = Matches::of(outcome, items, plan)?;
    let matched = Some(matches.items.len() as u64);
    let unreadable_labels = matches.unreadable_labels();
    let Some(mut delivery) = delivery else {
        return Ok(Delivered { matched, rows_written: None, unreadable_labels });
    };
    let written = write_rows(&mut delivery, &matches, plan, stop);
    // A source that was stopped says no more than that it could not be read.
    stop.check()?;
    written?;
    Ok(Delivered { matched, rows_written: Some(delivery.sink.commit()?), unreadable_labels })
}

impl Matches {
    fn of(outcome: Outcome, items: &[Item], plan: &Plan) -> Result<Self, RunError> {
        let item = |index: u32| {
            let found = items.get(index as usize).copied();
            found.ok_or_else(|| RunError::Own("a fault in this program: a match is none of our items".to_owned()))
        };
        let mut matches = Self { items: Vec::new(), labels: None };
        match outcome {
            Outcome::Matched(indices) => {
                matches.items = indices.into_iter().map(item).collect::<Result<_, _>>()?;
            }
            Outcome::Labelled(rows) => {
                let columns = plan.terms.label_columns.len();
                let mut labels = Vec::with_capacity(rows.len());
                for (index, label) in rows {
                    matches.items.push(item(index)?);
                    labels.push(label.filter(|label| label_list::decode(label, columns).is_ok()));
                }
                matches.labels = Some(labels);
            }
            Outcome::Nothing | Outcome::Count(_) => {
                return Err(RunError::Own("a fault in this program: the outcome is not that of the mode".to_owned()));
            }
        }
        Ok(matches)
    }

    /// The label values of the match at `place`; none where the mode has none.
    fn labels(&self, place: usize, columns: usize) -> Vec<&[u8]> {
        let Some(labels) = &self.labels else { return Vec::new() };
        let list = labels.get(place).and_then(Option::as_deref);
        list.and_then(|list| label_list::decode(list, columns).ok()).unwrap_or_else(|| vec![&[]; columns])
    }

    fn unreadable_labels(&self) -> u64 {
        self.labels.iter().flatten().filter(|label| label.is_none()).count() as u64
    }
}

fn write_rows(delivery: &mut Delivery, matches: &Matches, plan: &Plan, stop: &Stop) -> Result<(), RunError> {
    let Delivery { sink, source, entered } = delivery;
    let (mut rows, columns) = source.open(stop)?;
    let key = KeyColumns::new(&source.key, &columns).map_err(|error| RunError::Configuration(error.to_string()))?;
    let mut record = Record::default();
    while rows.read(&mut record)? {
        let Some(key) = key.key(&record) else { continue };
        if let Ok(place) = matches.items.binary_search(&Item::from(key.0)) {
            sink.write(&record, &matches.labels(place, plan.terms.label_columns.len()))?;
        }
    }
    if rows.fingerprint() == *entered {
        Ok(())
    } else {
        Err(RunError::SourceChanged("its records are not those of before"))
    }
}

fn write_count(mut sink: Box<dyn RecordSink>, count: u64) -> Result<u64, RunError> {
    let mut record = Record::default();
    let text = count.to_string();
    record.set_raw(text.as_bytes());
    record.push_field(text.as_bytes());
    sink.write(&record, &[])?;
    // The number is no record: none was written.
    sink.commit().map(|_| 0).map_err(|error: RecordError| error.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_that_cannot_be_read_is_empty_and_counted() {
        let (mut record, mut list) = (Record::default(), Vec::new());
        record.push_field(b"a");
        record.push_field(b"b");
        label_list::encode(&record, &[0, 1], &mut list).unwrap();
        let matches = Matches { items: Vec::new(), labels: Some(vec![Some(list), None]) };
        assert_eq!(matches.labels(0, 2), [b"a", b"b"]);
        assert_eq!(matches.labels(1, 2), [b"", b""]);
        assert_eq!(matches.unreadable_labels(), 1);
        let none = Matches { items: Vec::new(), labels: None };
        assert!(none.labels(0, 0).is_empty() && none.unreadable_labels() == 0);
    }
}
