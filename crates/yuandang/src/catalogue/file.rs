//! Entries from a file: CSV with a header, or a JSON list of objects. Columns are named in English or Chinese.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::Read,
    path::Path,
};

use agreement::{
    catalogue::{Entry, Fault, Field, Problem, draft},
    printable,
};
use datasets::Files;
use records::{Datasets, Record};
use serde_json::{Map, Value};

use crate::failure::{Failure, Status};

/// Rows of a file, and bytes of one in JSON.
const MOST_ROWS: usize = 20_000;
const MOST_BYTES: u64 = 64 << 20;
/// Bytes of a column's name in a message.
const COLUMN: usize = 64;

/// What a file has.
#[derive(Debug)]
pub(super) struct Listing {
    /// Its rows that are not empty, in order.
    pub(super) rows: Vec<Row>,
    /// Columns that no field is named after.
    pub(super) ignored: Vec<String>,
}

/// A row: the entry, or all that is wrong with it.
#[derive(Debug)]
pub(super) struct Row {
    /// Its number, from 1, without the header.
    pub(super) number: u64,
    /// The name of its dataset or of the entry, as far as it has one.
    pub(super) called: String,
    pub(super) entry: Result<Entry, Vec<Problem>>,
}

/// One row as it stands in the file.
type Fields = BTreeMap<Field, String>;
/// Rows by their numbers, and columns that no field is named after.
type Raw = (Vec<(u64, Fields)>, Vec<String>);

/// Reads a file; one whose name ends in `.json` as JSON.
///
/// # Errors
/// [`Failure`] if it cannot be read at all.
pub(super) fn read(address: &str) -> Result<Listing, Failure> {
    let is_json = Path::new(address).extension().is_some_and(|end| end.eq_ignore_ascii_case("json"));
    let (fields, ignored) = if is_json { from_json(address)? } else { from_csv(address)? };
    let mut rows: Vec<Row> = fields.into_iter().map(|(number, fields)| row(number, &fields)).collect();
    if rows.is_empty() {
        return Err(Failure::new(Status::Data, format_args!("{address}: there is no entry in it")));
    }
    mark_repeats(&mut rows);
    Ok(Listing { rows, ignored })
}

fn row(number: u64, fields: &Fields) -> Row {
    let named = [Field::Dataset, Field::Code, Field::Name];
    let called =
        named.iter().filter_map(|field| fields.get(field)).map(|text| text.trim()).find(|text| !text.is_empty());
    let called = printable(called.unwrap_or_default(), 128);
    // Whether a sample was taken is known later.
    Row { number, called, entry: draft::read(fields, false) }
}

/// A dataset and a code stand once in a file.
fn mark_repeats(rows: &mut [Row]) {
    let mut datasets: BTreeMap<String, u64> = BTreeMap::new();
    let mut codes: BTreeMap<String, u64> = BTreeMap::new();
    for row in rows {
        let Ok(entry) = &row.entry else { continue };
        let mut problems = Vec::new();
        for (field, seen, value) in
            [(Field::Dataset, &mut datasets, &entry.dataset.name), (Field::Code, &mut codes, &entry.code)]
        {
            match seen.get(value) {
                Some(earlier) => problems.push(Problem::new(field, Fault::EarlierRow(*earlier))),
                None => drop(seen.insert(value.clone(), row.number)),
            }
        }
        if !problems.is_empty() {
            row.entry = Err(problems);
        }
    }
}

fn too_many(address: &str) -> Failure {
    Failure::new(Status::Data, format_args!("{address}: more than {MOST_ROWS} rows; split the file"))
}

/// Which field each column is; what is none is ignored.
fn fields_of(address: &str, columns: &[String]) -> Result<(Vec<Option<Field>>, Vec<String>), Failure> {
    let fields: Vec<Option<Field>> = columns.iter().map(|column| column.parse().ok()).collect();
    let mut seen = BTreeSet::new();
    if let Some(twice) = fields.iter().flatten().find(|field| !seen.insert(**field)) {
        let chinese = twice.chinese();
        let words = format!("{address}: two columns are field {twice} ({chinese}); rename or remove one");
        return Err(Failure::new(Status::Data, words));
    }
    if seen.is_empty() {
        let words = format!("{address}: no column is a field of the catalogue; they are: {}", Field::NAMES.join(", "));
        return Err(Failure::new(Status::Data, words));
    }
    let ignored = columns.iter().zip(&fields).filter(|(_, field)| field.is_none());
    let ignored = ignored.map(|(column, _)| printable(column, COLUMN)).collect();
    Ok((fields, ignored))
}

fn from_csv(address: &str) -> Result<Raw, Failure> {
    let mut source = Files::new().open(address)?;
    source.require_text();
    let (fields, ignored) = fields_of(address, source.columns())?;
    let (mut rows, mut record, mut number) = (Vec::new(), Record::default(), 0);
    while source.read(&mut record)? {
        number += 1;
        let values = fields.iter().zip(record.fields());
        let row: Fields = values
            .filter_map(|(field, value)| Some(((*field)?, String::from_utf8_lossy(value).into_owned())))
            .filter(|(_, value)| !value.trim().is_empty())
            .collect();
        // Spreadsheets leave rows of commas at the end.
        if !row.is_empty() {
            rows.push((number, row));
        }
        if rows.len() > MOST_ROWS {
            return Err(too_many(address));
        }
    }
    Ok((rows, ignored))
}

fn from_json(address: &str) -> Result<Raw, Failure> {
    let unreadable = |cause: &dyn std::fmt::Display| Failure::new(Status::Data, format_args!("{address}: {cause}"));
    let mut text = String::new();
    let file = File::open(address).map_err(|cause| unreadable(&cause))?;
    file.take(MOST_BYTES.saturating_add(1)).read_to_string(&mut text).map_err(|cause| unreadable(&cause))?;
    if u64::try_from(text.len()).unwrap_or(u64::MAX) > MOST_BYTES {
        return Err(unreadable(&format_args!("more than {} MiB", MOST_BYTES >> 20)));
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let list: Vec<Map<String, Value>> = serde_json::from_str(text).map_err(|cause| unreadable(&cause))?;
    if list.len() > MOST_ROWS {
        return Err(too_many(address));
    }
    let mut ignored = BTreeSet::new();
    let mut rows = Vec::new();
    for (number, object) in (1..).zip(list) {
        let columns: Vec<String> = object.keys().cloned().collect();
        let (fields, others) = fields_of(&format!("{address}, entry {number}"), &columns)?;
        ignored.extend(others);
        let values = fields.into_iter().zip(object.values());
        rows.push((number, values.filter_map(|(field, value)| Some((field?, text_of(value)))).collect()));
    }
    Ok((rows, ignored.into_iter().collect()))
}

/// A value as a cell of a spreadsheet would have it.
fn text_of(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(yes) => if *yes { "yes" } else { "no" }.to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        Value::Array(list) => list.iter().map(text_of).collect::<Vec<_>>().join(";"),
        // A data item or a key.
        Value::Object(object) => {
            let part = |names: [&str; 2]| names.iter().find_map(|name| object.get(*name)).map(text_of);
            let name = part(["name", "columns"]).unwrap_or_default().replace(';', "+");
            let length = part(["length", "长度"]).map(|length| format!("({length})")).unwrap_or_default();
            format!("{name}:{}{length}", part(["type", "类型"]).unwrap_or_default())
        }
    }
}

#[cfg(test)]
mod tests;
