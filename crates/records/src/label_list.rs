//! The label values of one row as one run of bytes: what a labelled sender encrypts for each item.
//!
//! Every value, in the order of the label columns, behind its length (two bytes, big-endian). How
//! many values there are is not written: both parties know the label columns from the run's terms,
//! and [`decode`] holds the peer to them.

use crate::record::Record;

/// The longest label value, in bytes.
pub const MAX_VALUE: usize = u16::MAX as usize;

/// A label value of one's own that does not fit.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the value of label column {position} has {length} bytes; at most {MAX_VALUE} fit")]
pub struct LabelTooLong {
    /// Which of the label columns, from 1.
    pub position: usize,
    /// Bytes of the value.
    pub length: usize,
}

/// Bytes that are not the label list that was agreed: the peer that made them is at fault.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum LabelListError {
    /// A length or value is cut off.
    #[error("the label list of a row ends within value {0}")]
    CutOff(usize),
    /// Bytes follow the last value.
    #[error("{0} bytes follow the last value of a row's label list")]
    TrailingBytes(usize),
}

/// Appends the label list of `record` to `list`: one value for each of `columns`, an empty one where
/// the record has no such field.
///
/// # Errors
/// [`LabelTooLong`] for a value above [`MAX_VALUE`]; `list` is then as it was.
pub fn encode(record: &Record, columns: &[usize], list: &mut Vec<u8>) -> Result<(), LabelTooLong> {
    let before = list.len();
    for (index, &column) in columns.iter().enumerate() {
        let value = record.field(column).unwrap_or_default();
        let Ok(length) = u16::try_from(value.len()) else {
            list.truncate(before);
            return Err(LabelTooLong { position: index + 1, length: value.len() });
        };
        list.extend_from_slice(&length.to_be_bytes());
        list.extend_from_slice(value);
    }
    Ok(())
}

/// The values in `list`, exactly one for each of `columns` label columns.
///
/// # Errors
/// [`LabelListError`] unless the list has so many values and nothing else.
pub fn decode(list: &[u8], columns: usize) -> Result<Vec<&[u8]>, LabelListError> {
    let mut rest = list;
    let mut values = Vec::new();
    for position in 1..=columns {
        let (value, after) = split_value(rest).ok_or(LabelListError::CutOff(position))?;
        values.push(value);
        rest = after;
    }
    if rest.is_empty() { Ok(values) } else { Err(LabelListError::TrailingBytes(rest.len())) }
}

/// The first value of a list, and what follows it.
fn split_value(list: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = list.split_first_chunk::<2>()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn record(fields: &[impl AsRef<[u8]>]) -> Record {
        let mut record = Record::default();
        fields.iter().for_each(|field| record.push_field(field.as_ref()));
        record
    }

    #[test]
    fn the_bytes_are_pinned() {
        let mut list = Vec::new();
        encode(&record(&["id", "低保", "20251231"]), &[2, 0, 1, 7], &mut list).unwrap();
        let expected =
            [&b"\x00\x0820251231"[..], b"\x00\x02id", b"\x00\x06\xe4\xbd\x8e\xe4\xbf\x9d", b"\x00\x00"].concat();
        assert_eq!(list, expected);
    }

    #[test]
    fn a_value_that_is_too_long_changes_nothing() {
        let mut list = vec![9];
        let error = encode(&record(&[vec![1], vec![1; MAX_VALUE + 1]]), &[0, 1], &mut list).unwrap_err();
        assert_eq!(error, LabelTooLong { position: 2, length: MAX_VALUE + 1 });
        assert_eq!(list, [9]);
        encode(&record(&[vec![1; MAX_VALUE]]), &[0], &mut list).unwrap();
        assert_eq!(decode(&list[1..], 1).unwrap()[0].len(), MAX_VALUE);
    }

    #[test]
    fn a_list_has_exactly_the_values_that_were_agreed() {
        assert_eq!(decode(b"", 0), Ok(vec![]));
        assert_eq!(decode(b"", 1), Err(LabelListError::CutOff(1)));
        assert_eq!(decode(b"\0", 1), Err(LabelListError::CutOff(1)));
        assert_eq!(decode(b"\0\x02a", 1), Err(LabelListError::CutOff(1)));
        assert_eq!(decode(b"\0\x01a", 2), Err(LabelListError::CutOff(2)));
        assert_eq!(decode(b"\0\x01ab", 1), Err(LabelListError::TrailingBytes(1)));
        assert_eq!(decode(b"\0\0", 0), Err(LabelListError::TrailingBytes(2)));
    }

    proptest! {
        #[test]
        fn what_was_encoded_is_decoded(values in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..8)) {
            let mut list = Vec::new();
            encode(&record(&values), &(0..values.len()).collect::<Vec<_>>(), &mut list).unwrap();
            prop_assert_eq!(decode(&list, values.len()).unwrap(), values);
        }

        #[test]
        fn any_bytes_of_a_peer_are_decoded_or_refused(
            list in prop::collection::vec(prop_oneof![Just(0_u8), 0..6_u8, any::<u8>()], 0..60),
            columns in 0_usize..6,
        ) {
            if let Ok(values) = decode(&list, columns) {
                prop_assert_eq!(values.len(), columns);
                prop_assert_eq!(values.iter().map(|value| value.len() + 2).sum::<usize>(), list.len());
            }
        }
    }
}
