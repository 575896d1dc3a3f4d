//! A result: what of its own records a party gets, after both sides have finished.
//!
//! The source is read a second time, and the rows whose keys matched are written just as they stand.
//! If it is no longer the source that was entered, to the last byte of a row, nothing is delivered: the
//! result would say of the records of now what was asked of those before.

use agreement::Mode;
use records::{Datasets, Record, RecordError, RecordSink, RecordSource, SinkHeader, label_list};

use crate::{
    error::RunError, findings::Findings, plan::Plan, prepare::Delivery, run::Output, stop::Stop, under::Under,
};

/// The header of a result that is a number alone.
const COUNT_HEADER: &[u8] = b"matched";

/// What was delivered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Delivered {
    /// Items in common, if this side learned how many.
    pub(crate) matched: Option<u64>,
    /// Whether the result is smaller than the agreement allows: then nothing was written, and no number is told.
    pub(crate) withheld: bool,
    /// Records written, if there was somewhere to write them.
    pub(crate) rows_written: Option<u64>,
    /// Bytes of the result before it was sealed, if it was.
    pub(crate) sealed_bytes: Option<u64>,
    /// Matches whose label the peer sealed or wrote wrongly: they have empty values.
    pub(crate) unreadable_labels: u64,
}

/// Where a run's result goes.
pub(crate) struct Outlet {
    pub(crate) job_id: String,
    pub(crate) output: Output,
    /// Whether a result that is there already is replaced.
    pub(crate) overwrite: bool,
}

impl Outlet {
    /// Begins the result, for records framed as `header`.
    ///
    /// # Errors
    /// [`RunError::Records`] if it cannot be there.
    pub(crate) fn begin(
        &self,
        datasets: &dyn Datasets,
        header: &SinkHeader,
        plan: &Plan,
    ) -> Result<Box<dyn RecordSink>, RunError> {
        let count = SinkHeader::of_line(COUNT_HEADER);
        let (header, labels) = match plan.terms.mode {
            Mode::Cardinality => (&count, &[][..]),
            _ => (header, &plan.terms.label_columns[..]),
        };
        Ok(match &self.output {
            Output::Address(address) => datasets.create(address, header, labels, self.overwrite)?,
            Output::Folder(results) => {
                datasets.write_csv(results.begin(&self.job_id, self.overwrite)?, header, labels)?
            }
        })
    }

    /// Bytes of a sealed result that is there.
    fn sealed_bytes(&self) -> Result<Option<u64>, RunError> {
        let Output::Folder(results) = &self.output else { return Ok(None) };
        let bytes = results.bytes(&self.job_id);
        bytes.map(Some).map_err(|error| RunError::Own(format!("the result that was written: {error}")))
    }
}

/// Delivers what was found. Nothing is there if it fails.
///
/// # Errors
/// [`RunError`], this side's own.
pub(crate) async fn deliver(
    findings: Findings,
    delivery: Option<Delivery>,
    plan: &Plan,
    under: Option<&Under>,
    stop: &Stop,
) -> Result<Delivered, RunError> {
    if !plan.learns() {
        return Ok(Delivered::default());
    }
    if let (Some(under), Some(matched)) = (under, findings.matched())
        && !under.may_deliver(matched)
    {
        return Ok(Delivered { withheld: true, ..Delivered::default() });
    }
    let (counts_only, part) = (plan.terms.mode == Mode::Cardinality, stop.clone());
    // Awaited to its end even if the run is cancelled: it then ends by itself, and either the whole result
    // is there and the run has succeeded, or neither.
    stop.blocking(move || deliver_blocking(findings, delivery, counts_only, &part)).await
}

fn deliver_blocking(
    mut findings: Findings,
    delivery: Option<Delivery>,
    counts_only: bool,
    stop: &Stop,
) -> Result<Delivered, RunError> {
    let (matched, unreadable_labels) = (findings.matched(), findings.unreadable_labels());
    let Some(mut delivery) = delivery else {
        return Ok(Delivered { matched, unreadable_labels, ..Delivered::default() });
    };
    if counts_only {
        let rows_written = Some(write_count(delivery.sink, matched.unwrap_or(0))?);
        let sealed_bytes = delivery.outlet.sealed_bytes()?;
        return Ok(Delivered { matched, withheld: false, rows_written, sealed_bytes, unreadable_labels });
    }
    let written = write_rows(&mut delivery, &mut findings, stop);
    // A source that was stopped says no more than that it could not be read.
    stop.check()?;
    written?;
    let rows_written = Some(delivery.sink.commit()?);
    let sealed_bytes = delivery.outlet.sealed_bytes()?;
    Ok(Delivered { matched, withheld: false, rows_written, sealed_bytes, unreadable_labels })
}

fn write_rows(delivery: &mut Delivery, findings: &mut Findings, stop: &Stop) -> Result<(), RunError> {
    let Delivery { sink, source, entered, .. } = delivery;
    let mut rows = source.open(stop)?;
    let columns = findings.label_columns().unwrap_or(0);
    let empty = vec![&[][..]; columns];
    let (mut record, mut number, mut stretch) = (Record::default(), 0, None);
    while rows.read(&mut record)? {
        stretch = findings.stretch_from(number)?.or(stretch);
        let found = stretch.as_mut().and_then(|stretch| stretch.found(number));
        number += 1;
        let Some(found) = found else { continue };
        let labels = found.label.and_then(|list| label_list::decode(list, columns).ok());
        sink.write(&record, labels.as_deref().unwrap_or(&empty))?;
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
