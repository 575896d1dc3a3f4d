//! The columns of a result: those of the source, then those of the labels.

use std::collections::HashSet;

use records::{RecordError, SinkHeader};

use crate::{CsvSource, header::ColumnNames};

/// What a label column's name ends in where the receiver has a column of that name itself.
const PEER_SUFFIX: &str = "_peer";

/// The names of a result's columns.
pub(crate) struct ResultColumns {
    /// The columns of the source, with the encoding that their names stand in.
    pub(crate) own: ColumnNames,
    /// The label columns, with the suffix `_peer` where a name was taken.
    pub(crate) labels: Vec<String>,
}

impl ResultColumns {
    /// For records of `header` with `labels` as further columns.
    ///
    /// # Errors
    /// [`RecordError::Malformed`] if `header` has no line.
    pub(crate) fn of(place: &str, header: &SinkHeader, labels: &[String]) -> Result<Self, RecordError> {
        let own = CsvSource::with_encoding(place, header.raw.as_slice(), header.encoding)?.into_column_names();
        let mut taken: HashSet<String> = own.names.iter().map(|name| name.trim().to_owned()).collect();
        let mut free = |label: &String| {
            let mut name = label.clone();
            while !taken.insert(name.trim().to_owned()) {
                name.push_str(PEER_SUFFIX);
            }
            name
        };
        let labels = labels.iter().map(&mut free).collect();
        Ok(Self { own, labels })
    }

    /// Checks that a row has as many label values as there are label columns.
    ///
    /// # Errors
    /// [`RecordError::Malformed`], which is a fault of the caller.
    pub(crate) fn admit(&self, place: &str, labels: &[&[u8]]) -> Result<(), RecordError> {
        if labels.len() == self.labels.len() {
            return Ok(());
        }
        let problem = format!("{} label values for {} label columns", labels.len(), self.labels.len());
        Err(RecordError::Malformed { place: place.to_owned(), problem })
    }
}
