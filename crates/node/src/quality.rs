//! What is wrong with a record set, before anything of it is matched: how many rows have a key, how many
//! distinct keys there are, and why the other rows have none.
//!
//! The counts may leave the node, rows never. Refused rows go to a reject file of this node's own if it is
//! asked for, each as it stands in the source, with four columns behind it.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use records::{
    Datasets, KeySpec, KeyType, Reason, Record, RecordError, RecordSink, RecordSource, Refusal, Tally, commitment,
    standard::{CalendarDate, Settings},
};
use session::ComputePool;
use tokio_util::sync::CancellationToken;

pub use crate::prepare::dates::Dates;
use crate::{
    buckets::Buckets,
    error::RunError,
    prepare::{
        columns, committing,
        dates::DateColumn,
        reading::{self, Columns, Watchers},
        wrong_key,
    },
    space::Space,
    spill::Spill,
    stop::{Stop, StoppableSource},
};

/// The columns that a reject file has behind those of the source: the number of the row, counted from 1
/// without the header; the key column; the [`Reason`]; what it means.
pub const REJECT_COLUMNS: [&str; 4] = ["reject_row", "reject_column", "reject_reason", "reject_explanation"];

/// What is asked of a record set.
#[derive(Clone, Debug)]
pub struct Question {
    /// The address of the record set.
    pub source: String,
    /// The columns of its key.
    pub key_columns: Vec<String>,
    /// What they hold.
    pub key_types: Vec<KeyType>,
    /// What is known of the set beyond its values.
    pub settings: Settings,
    /// A column of dates that tell its age, and the day on which that is asked.
    pub dates: Option<(String, CalendarDate)>,
    /// Where refused rows go, if they are wanted.
    pub rejects: Option<Rejects>,
}

/// How the rows that enter a job are examined.
#[derive(Clone, Debug, Default)]
pub struct Examining {
    /// What is known of the set beyond its values.
    pub settings: Settings,
    /// Where refused rows go, if they are wanted.
    pub rejects: Option<Rejects>,
}

/// Where refused rows go.
#[derive(Clone, Debug)]
pub struct Rejects {
    /// The address of the file. Its owner alone can read it, and it shows when it is whole.
    pub address: String,
    /// Whether a file that is there already is replaced.
    pub overwrite: bool,
    /// What stands in the last column for a reason.
    pub explain: fn(Reason) -> &'static str,
}

/// What there is to say of a record set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quality {
    /// Rows, those that have no key by reason, and those that were odd by warning.
    pub tally: Tally,
    /// Distinct keys.
    pub distinct: u64,
    /// Rows whose key an earlier row had.
    pub duplicate_rows: u64,
    /// What the column of dates tells, if one was named.
    pub dates: Option<Dates>,
    /// Rows in the reject file, if it was asked for.
    pub rejected: Option<u64>,
}

/// Examines a record set, in one pass and out of core: keys that do not fit into the memory of `space` go to
/// disk. For a thread that may block; `cancel` ends it soon, and then there is no reject file. `on_rows` is told from
/// time to time how many rows have been read.
///
/// # Errors
/// [`RunError`], always this side's own; [`RunError::Cancelled`] if it was.
pub fn examine(
    datasets: &dyn Datasets,
    question: &Question,
    space: &Space,
    pool: &ComputePool,
    cancel: &CancellationToken,
    on_rows: &dyn Fn(u64),
) -> Result<Quality, RunError> {
    let stop = Stop::new(cancel.clone(), Duration::MAX);
    let examined = examine_until(datasets, question, (space, pool), &stop, on_rows);
    // A source that was stopped says no more than that it could not be read.
    if examined.is_err() {
        stop.check()?;
    }
    examined
}

fn examine_until(
    datasets: &dyn Datasets,
    question: &Question,
    (space, pool): (&Space, &ComputePool),
    stop: &Stop,
    on_rows: &dyn Fn(u64),
) -> Result<Quality, RunError> {
    let key = KeySpec::new(&question.key_types).map_err(|error| wrong_key(&error))?.with_settings(question.settings);
    let mut source = StoppableSource::new(datasets.open(&question.source)?, stop.clone());
    let key_columns = columns(&source, &question.key_columns)?;
    key.admits(key_columns.len()).map_err(|error| wrong_key(&error))?;
    let dates = match &question.dates {
        Some((column, today)) => Some(DateColumn { column: source.column(column)?, today: *today }),
        None => None,
    };
    let rejects = question.rejects.as_ref();
    let mut file = rejects.map(|to| RejectFile::begin(datasets, to, &source, &question.key_columns)).transpose()?;
    let mut buckets = Buckets::new(commitment::PARTS, space.held(), Spill::new(&space.folder));
    let columns = Arc::new(Columns { key, key_columns, labels: None, dates });
    let mut on_refused = file.as_mut().map(|file| |row, record: &Record, refusal| file.write(row, record, refusal));
    let refused = on_refused.as_mut().map(|on_refused| on_refused as &mut reading::OnRefused<'_>);
    let watchers = Watchers { refused, rows: Some(on_rows) };
    let pass = reading::read_all(&mut source, &columns, &mut buckets, pool, watchers)?;
    committing::check_parts(&buckets, space)?;
    let counting = pool.begin(move || committing::count_distinct(&buckets));
    let distinct = counting.wait().map_err(|error| RunError::Own(error.to_string()))??;
    stop.check()?;
    Ok(Quality {
        distinct,
        duplicate_rows: pass.tally.keyed().saturating_sub(distinct),
        dates: dates.map(|_| pass.dates),
        rejected: file.map(RejectFile::commit).transpose()?,
        tally: pass.tally,
    })
}

/// A reject file that is being written.
pub(crate) struct RejectFile {
    sink: Box<dyn RecordSink>,
    /// The names of the key columns.
    columns: Vec<String>,
    /// Explains a reason.
    explain: fn(Reason) -> &'static str,
}

impl RejectFile {
    pub(crate) fn begin(
        datasets: &dyn Datasets,
        to: &Rejects,
        source: &dyn RecordSource,
        key_columns: &[String],
    ) -> Result<Self, RecordError> {
        let further = REJECT_COLUMNS.map(str::to_owned);
        let sink = datasets.create(&to.address, &source.header(), &further, to.overwrite)?;
        Ok(Self { sink, columns: key_columns.to_vec(), explain: to.explain })
    }

    pub(crate) fn write(&mut self, row: u64, record: &Record, refusal: Refusal) -> Result<(), RecordError> {
        let column = self.columns.get(refusal.column).map(String::as_str).unwrap_or_default();
        // The sink writes them in the encoding of the source.
        let further = [&row.to_string(), column, refusal.reason.name(), (self.explain)(refusal.reason)];
        self.sink.write(record, &further.map(str::as_bytes))
    }

    /// Gives the file its name; how many rows it has.
    pub(crate) fn commit(self) -> Result<u64, RecordError> {
        self.sink.commit()
    }
}

/// Says at the start of a job what its rows are like, and nothing of what stands in them. `changed` is when their
/// source was changed last.
pub(crate) fn log(job_id: &str, tally: &Tally, key_columns: &[String], changed: Option<SystemTime>) {
    let age_days = changed.and_then(|changed| changed.elapsed().ok()).map(|age| age.as_secs() / 86_400);
    tracing::info!(
        job_id,
        rows = tally.rows(),
        missing_keys = tally.missing(),
        refused_rows = tally.refused(),
        refused = refusals_of(tally, key_columns),
        warnings = warnings_of(tally),
        age_days,
        "rows were read"
    );
}

/// `id check-digit 7, id wrong-length 2`
fn refusals_of(tally: &Tally, key_columns: &[String]) -> String {
    let name = |column| key_columns.get(column).map(String::as_str).unwrap_or_default();
    let one = |(Refusal { column, reason }, rows)| format!("{} {reason} {rows}", name(column));
    tally.refusals().map(one).collect::<Vec<_>>().join(", ")
}

/// `spaces 7, full-width 2`
fn warnings_of(tally: &Tally) -> String {
    tally.warnings().map(|(warning, rows)| format!("{warning} {rows}")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use records::{CanonicalKey, Keyed, Unkeyed, Warning};

    use super::*;

    #[test]
    fn what_is_logged_has_columns_reasons_and_counts() {
        let mut tally = Tally::default();
        assert_eq!([refusals_of(&tally, &[]), warnings_of(&tally)], ["", ""]);
        let refused = |column, reason| Err(Unkeyed::Refused(Refusal { column, reason }));
        let warnings = [Warning::FullWidth, Warning::Spaces].into_iter().collect();
        let odd = Ok(Keyed { key: CanonicalKey([7; 16]), warnings });
        for row in [refused(1, Reason::DayNumber), refused(0, Reason::CheckDigit), refused(0, Reason::CheckDigit), odd]
        {
            tally.count(&row);
        }
        let columns = ["id".to_owned(), "day".to_owned()];
        assert_eq!(refusals_of(&tally, &columns), "id check-digit 2, day spreadsheet-day-number 1");
        assert_eq!(warnings_of(&tally), "spaces 1, full-width 1");
    }
}
