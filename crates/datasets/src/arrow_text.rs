//! Values of Arrow arrays as text, and back.
//!
//! | Type | Text |
//! |---|---|
//! | integers, decimals, floating-point numbers | plain: `-7`, `12.30`, `0.5` |
//! | booleans | `true`, `false` |
//! | dates | `2024-02-29` |
//! | timestamps | RFC 3339, in UTC: `2024-02-29T08:00:00Z`; without `Z` where the type has no time zone |
//! | text, and bytes that are UTF-8 | as it is |
//! | missing | the empty text |

use std::{fmt, ops::Range, sync::Arc};

use arrow_array::{Array, ArrayRef, GenericByteArray, RecordBatch, cast::AsArray, make_array, types::ByteArrayType};
use arrow_cast::{
    CastOptions, can_cast_types, cast_with_options,
    display::{ArrayFormatter, FormatOptions},
};
use arrow_schema::{ArrowError, DataType, Field, Schema};

const FORMAT: FormatOptions<'static> =
    FormatOptions::new().with_display_error(false).with_null("").with_datetime_format(Some("%Y-%m-%d"));

const UTC: &str = "+00:00";

/// A column of a batch as text, value after value.
pub(crate) struct TextColumn {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl TextColumn {
    /// The values of `array`.
    ///
    /// # Errors
    /// If a value has no text form.
    pub(crate) fn of(array: &dyn Array) -> Result<Self, ArrowError> {
        let mut column = Self { bytes: Vec::new(), ends: Vec::with_capacity(array.len()) };
        match array.data_type() {
            DataType::Utf8 => column.copy(array.as_string::<i32>()),
            DataType::LargeUtf8 => column.copy(array.as_string::<i64>()),
            DataType::Binary => column.copy(array.as_binary::<i32>()),
            DataType::LargeBinary => column.copy(array.as_binary::<i64>()),
            // The values count from 1970 in UTC; names of zones would need their history.
            DataType::Timestamp(unit, Some(_)) => {
                let kind = DataType::Timestamp(*unit, Some(UTC.into()));
                column.format(&make_array(array.to_data().into_builder().data_type(kind).build()?))?;
            }
            _ => column.format(array)?,
        }
        Ok(column)
    }

    fn copy<T: ByteArrayType<Native: AsRef<[u8]>>>(&mut self, array: &GenericByteArray<T>) {
        for value in array {
            self.bytes.extend_from_slice(value.map(AsRef::as_ref).unwrap_or_default());
            self.ends.push(self.bytes.len());
        }
    }

    fn format(&mut self, array: &dyn Array) -> Result<(), ArrowError> {
        let formatter = ArrayFormatter::try_new(array, &FORMAT)?;
        for row in 0..array.len() {
            if array.is_valid(row) {
                formatter.value(row).write(&mut Appending(&mut self.bytes))?;
            }
            self.ends.push(self.bytes.len());
        }
        Ok(())
    }

    /// The value in `row`; the empty text behind the last.
    pub(crate) fn value(&self, row: usize) -> &[u8] {
        let start = row.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        let end = self.ends.get(row).copied().unwrap_or(start);
        self.bytes.get(Range { start, end }).unwrap_or_default()
    }
}

struct Appending<'a>(&'a mut Vec<u8>);

impl fmt::Write for Appending<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

/// Whether values of this type have a text form: all but lists, structures and maps.
pub(crate) fn is_flat(kind: &DataType) -> bool {
    !kind.is_nested() || matches!(kind, DataType::Dictionary(_, values) if is_flat(values))
}

/// The schema of a result whose own columns are called `names` and were of `types`, if they are known, and
/// whose further columns are called `labels`. A type that text cannot be turned back into becomes text.
pub(crate) fn result_schema<'a>(
    names: impl ExactSizeIterator<Item = &'a str>,
    types: Option<&Schema>,
    labels: impl Iterator<Item = &'a str>,
) -> Schema {
    let types = types.filter(|types| types.fields().len() == names.len());
    let own = names.enumerate().map(|(index, name)| {
        let kind = types.and_then(|types| types.fields().get(index)).map(|field| stored_type(field.data_type()));
        Field::new(name, kind.unwrap_or(DataType::Utf8), true)
    });
    let labels = labels.map(|name| Field::new(name, DataType::Utf8, true));
    Schema::new(own.chain(labels).collect::<Vec<_>>())
}

fn stored_type(kind: &DataType) -> DataType {
    match kind {
        DataType::Dictionary(_, values) => stored_type(values),
        DataType::Timestamp(unit, Some(_)) => DataType::Timestamp(*unit, Some(UTC.into())),
        // Its text is hexadecimal.
        DataType::FixedSizeBinary(_) => DataType::Utf8,
        kind if can_cast_types(&DataType::Utf8, kind) => kind.clone(),
        _ => DataType::Utf8,
    }
}

/// `columns` of text as a batch of `schema`. The empty text is a missing value.
///
/// # Errors
/// If a text is none of its column's type; it is not repeated in the message.
pub(crate) fn typed_batch(schema: &Arc<Schema>, columns: &[ArrayRef]) -> Result<RecordBatch, String> {
    let options = CastOptions { safe: false, format_options: FORMAT };
    let typed = columns.iter().zip(schema.fields()).map(|(column, field)| {
        cast_with_options(column, field.data_type(), &options)
            .map_err(|_| format!("a value of column {:?} is no {}", field.name(), field.data_type()))
    });
    let typed = typed.collect::<Result<Vec<_>, _>>()?;
    RecordBatch::try_new(Arc::clone(schema), typed).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use arrow_array::{
        BinaryArray, BooleanArray, Date32Array, Date64Array, Decimal128Array, DictionaryArray, Float64Array,
        Int64Array, StringArray, StringViewArray, TimestampMicrosecondArray, TimestampMillisecondArray,
        types::Int32Type,
    };

    use super::*;

    fn texts(array: &dyn Array) -> Vec<String> {
        let column = TextColumn::of(array).unwrap();
        (0..array.len()).map(|row| String::from_utf8(column.value(row).to_vec()).unwrap()).collect()
    }

    #[test]
    fn values_have_the_text_forms_of_the_table() {
        let cases: Vec<(ArrayRef, &[&str])> = vec![
            (Arc::new(Int64Array::from(vec![Some(-7), None, Some(i64::MAX)])), &["-7", "", "9223372036854775807"]),
            (Arc::new(BooleanArray::from(vec![Some(true), Some(false), None])), &["true", "false", ""]),
            (Arc::new(Float64Array::from(vec![0.5, -3.0])), &["0.5", "-3.0"]),
            (Arc::new(Date32Array::from(vec![Some(19_782), None])), &["2024-02-29", ""]),
            (Arc::new(Date64Array::from(vec![19_782 * 86_400_000])), &["2024-02-29"]),
            (
                Arc::new(Decimal128Array::from(vec![1230, -5]).with_precision_and_scale(10, 2).unwrap()),
                &["12.30", "-0.05"],
            ),
            (Arc::new(TimestampMillisecondArray::from(vec![1_709_164_800_000])), &["2024-02-29T00:00:00"]),
            (
                Arc::new(TimestampMicrosecondArray::from(vec![1_709_164_800_500_000]).with_timezone("UTC")),
                &["2024-02-29T00:00:00.500Z"],
            ),
            (
                Arc::new(TimestampMicrosecondArray::from(vec![1_709_164_800_000_000]).with_timezone("Asia/Shanghai")),
                &["2024-02-29T00:00:00Z"],
            ),
            (Arc::new(StringArray::from(vec![Some("张三"), None, Some("")])), &["张三", "", ""]),
            (
                Arc::new(StringViewArray::from(vec!["a name longer than twelve", "b"])),
                &["a name longer than twelve", "b"],
            ),
            (Arc::new(BinaryArray::from(vec![&b"abc"[..]])), &["abc"]),
            (Arc::new(["x", "y", "x"].into_iter().collect::<DictionaryArray<Int32Type>>()), &["x", "y", "x"]),
        ];
        for (array, expected) in cases {
            assert_eq!(texts(&array), expected, "{}", array.data_type());
            // And back.
            let schema = Schema::new(vec![Field::new("c", array.data_type().clone(), false)]);
            let schema = Arc::new(result_schema(["c"].into_iter(), Some(&schema), std::iter::empty()));
            let values: StringArray = expected.iter().map(|text| (!text.is_empty()).then_some(*text)).collect();
            let batch = typed_batch(&schema, &[Arc::new(values)]).unwrap();
            assert_eq!(texts(batch.column(0)), expected, "{} and back", array.data_type());
        }
    }

    #[test]
    fn a_value_of_another_type_is_refused_and_not_shown() {
        let types = Schema::new(vec![Field::new("born", DataType::Date32, true)]);
        let schema = Arc::new(result_schema(["born"].into_iter(), Some(&types), ["label"].into_iter()));
        assert_eq!(schema.field(1).data_type(), &DataType::Utf8);
        let columns: Vec<ArrayRef> =
            vec![Arc::new(StringArray::from(vec!["x1985"])), Arc::new(StringArray::from(vec!["y"]))];
        let error = typed_batch(&schema, &columns).unwrap_err();
        assert_eq!(error, "a value of column \"born\" is no Date32");
    }
}
