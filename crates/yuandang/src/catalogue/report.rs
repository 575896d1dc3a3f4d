//! What came of a file of entries.

use agreement::catalogue::{Fault, Field};
use serde::Serialize;

use super::{file::Row, sample::Unlike};
use crate::{
    failure::{Failure, Status},
    screen::{self, Format},
    text::{self, Lang},
};

/// What is wrong with one field of one row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Wrong {
    /// The row, from 1, without the header.
    pub row: u64,
    /// Of which dataset or entry.
    pub called: String,
    /// Which field.
    pub field: Field,
    /// What is wrong, in the reader's language.
    pub problem: String,
}

/// What came of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Rows that have something in them.
    pub rows: u64,
    /// Rows without a fault.
    pub right: u64,
    /// Those of them that were published.
    pub published: u64,
    /// Those that the coordinator had already.
    pub known: u64,
    /// Rows that are wrong.
    pub wrong_rows: u64,
    /// Whether anything was to be published.
    pub dry_run: bool,
    /// Columns that no field is named after.
    pub ignored_columns: Vec<String>,
    /// All that is wrong.
    pub wrong: Vec<Wrong>,
}

impl Report {
    /// Notes what is wrong with the fields of a row.
    pub(super) fn wrong(&mut self, row: &Row, faults: impl IntoIterator<Item = (Field, String)>) {
        let (number, called) = (row.number, &row.called);
        let before = self.wrong.len();
        self.wrong.extend(faults.into_iter().map(|(field, problem)| Wrong {
            row: number,
            called: called.clone(),
            field,
            problem,
        }));
        self.wrong_rows += u64::from(self.wrong.len() > before);
    }

    /// Prints it.
    ///
    /// # Errors
    /// If standard output cannot be written; and with [`Status::Data`] if a row is wrong, unless `partial`.
    pub(super) fn end(mut self, format: Format, lang: Lang, partial: bool) -> Result<(), Failure> {
        self.wrong.sort_by_key(|wrong| wrong.row);
        match format {
            Format::Json => screen::json(&self)?,
            Format::Text => screen::line(&text::catalogue::report(lang, &self))?,
        }
        if self.wrong_rows == 0 || partial {
            return Ok(());
        }
        Err(Failure::new(Status::Data, text::catalogue::rows_are_wrong(lang, self.wrong_rows, self.rows)))
    }
}

/// A fault in the reader's language.
pub(super) fn fault(lang: Lang, fault: &Fault) -> String {
    match lang {
        Lang::En => fault.english(),
        Lang::Zh => fault.chinese(),
    }
}

/// The field that is at fault when a dataset is unlike its entry.
pub(super) fn field_of(unlike: &Unlike) -> Field {
    match unlike {
        Unlike::NotHere | Unlike::Empty | Unlike::Unreadable(_) => Field::Dataset,
        Unlike::Version(_) => Field::Version,
        Unlike::NoColumn(_) => Field::Items,
        Unlike::Refused(..) => Field::Keys,
    }
}
