//! How the bytes of a CSV source are understood.
//!
//! | What is known | What happens |
//! |---|---|
//! | declared UTF-8, or GB 18030 | a record that is not in it is refused with its line; the fields of GB 18030 are given as UTF-8. Much of UTF-8 can be read as GB 18030, as other characters: where [`ALIKE`] records that are not ASCII come one after the other in UTF-8, the last is refused |
//! | a byte-order mark, or a beginning (256 KiB) that is UTF-8 and more than ASCII | as if UTF-8 had been declared |
//! | nothing else | bytes as they are, unless somebody [requires](Text::require) text: then a record that is not UTF-8 is refused, with a hint if the file looks like GB 18030 |
//!
//! The raw record stays as it stood in all of them.

use encoding_rs::GB18030;
use records::{Encoding, Record};

/// What an operator is told to write behind the address.
const HINT: &str = "it looks like GB 18030; add ?encoding=gb18030 to the address";

/// Records one after the other, of different text, that are Chinese in UTF-8 and were declared to be GB 18030. One may be
/// so by chance: of names of three characters it is one in 10^5, about.
const ALIKE: u8 = 3;

/// The encoding of a source, and what its beginning said of it.
pub(crate) struct Text {
    encoding: Encoding,
    /// Whether a record of unknown encoding has to be UTF-8.
    required: bool,
    likely_gb18030: bool,
    decoded: Record,
    /// The last records that are UTF-8 and were declared to be something else.
    alike: Alike,
}

#[derive(Default)]
struct Alike {
    records: u8,
    /// What is not ASCII in the last of them.
    last: Vec<u8>,
}

impl Text {
    /// Of a source that begins with `beginning`, behind a byte-order mark if it was `marked`.
    pub(crate) fn of(declared: Encoding, marked: bool, beginning: &[u8]) -> Self {
        let utf_8 = is_utf_8_beginning(beginning);
        let encoding = match declared {
            Encoding::Unknown if marked || (utf_8 && !beginning.is_ascii()) => Encoding::Utf8,
            other => other,
        };
        let likely_gb18030 = !utf_8 && is_gb18030_beginning(beginning);
        Self { encoding, required: false, likely_gb18030, decoded: Record::default(), alike: Alike::default() }
    }

    pub(crate) fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// From here on a record of unknown encoding has to be UTF-8.
    pub(crate) fn require(&mut self) {
        self.required = true;
    }

    /// Whether a record that is UTF-8 is as it should be, and needs no look.
    pub(crate) fn is_satisfied_by_utf_8(&self) -> bool {
        self.encoding != Encoding::Gb18030
    }

    /// Holds `record` to the encoding, and decodes its fields where that is not UTF-8. Says what is wrong.
    pub(crate) fn check(&mut self, record: &mut Record) -> Result<(), String> {
        match self.encoding {
            Encoding::Unknown if !self.required => Ok(()),
            Encoding::Unknown | Encoding::Utf8 if std::str::from_utf8(record.raw()).is_ok() => Ok(()),
            Encoding::Gb18030 if record.raw().is_ascii() => Ok(()),
            Encoding::Utf8 => Err("the row is not UTF-8, as what stands before it is: the file mixes encodings or is \
                                   damaged; if all of it is GB 18030, add ?encoding=gb18030 to the address"
                .to_owned()),
            Encoding::Unknown if self.likely_gb18030 || is_gb18030(record.raw()) => {
                Err(format!("the row is not UTF-8; {HINT}"))
            }
            Encoding::Unknown => Err("the row is in no encoding that is known here; save the file as UTF-8".to_owned()),
            Encoding::Gb18030 => self.decode(record),
        }
    }

    fn decode(&mut self, record: &mut Record) -> Result<(), String> {
        self.decoded.clear();
        self.decoded.set_raw(record.raw());
        for field in record.fields() {
            let Some(text) = GB18030.decode_without_bom_handling_and_without_replacement(field) else {
                return Err(
                    "the row is not GB 18030, which was declared; the file mixes encodings, or is damaged".to_owned()
                );
            };
            self.decoded.push_field(text.as_bytes());
        }
        if self.alike.takes(record.raw()) {
            return Err(
                "the row and those before it are UTF-8, and GB 18030 was declared; the file mixes encodings, or all \
                        of it is UTF-8"
                    .to_owned(),
            );
        }
        std::mem::swap(record, &mut self.decoded);
        Ok(())
    }
}

impl Alike {
    /// Whether `raw`, which is not ASCII, is the last of too many in UTF-8.
    fn takes(&mut self, raw: &[u8]) -> bool {
        // Characters of two bytes are found by chance far more often.
        let is_chinese = std::str::from_utf8(raw).is_ok_and(|text| text.chars().any(|c| c.len_utf8() == 3));
        if !is_chinese {
            self.records = 0;
            return false;
        }
        let text: Vec<u8> = raw.iter().copied().filter(|byte| !byte.is_ascii()).collect();
        // The same name a hundred times is one chance.
        if self.records == 0 || text != self.last {
            self.records += 1;
            self.last = text;
        }
        self.records >= ALIKE
    }
}

/// Whether `bytes` is UTF-8, but perhaps for a character that is cut off at the end.
fn is_utf_8_beginning(bytes: &[u8]) -> bool {
    match std::str::from_utf8(bytes) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none(),
    }
}

/// Whether `bytes` is GB 18030, but perhaps for a character that is cut off at the end.
fn is_gb18030_beginning(bytes: &[u8]) -> bool {
    // A character has at most four bytes.
    (0..4).any(|cut| bytes.get(..bytes.len().saturating_sub(cut)).is_some_and(is_gb18030))
}

fn is_gb18030(bytes: &[u8]) -> bool {
    GB18030.decode_without_bom_handling_and_without_replacement(bytes).is_some()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// 张三 in GBK.
    const GBK: &[u8] = b"\xd5\xc5\xc8\xfd";

    fn check(text: &mut Text, raw: &[u8]) -> Result<Vec<u8>, String> {
        let mut record = Record::default();
        record.set_plain(raw, std::iter::empty());
        text.check(&mut record)?;
        assert_eq!(record.raw(), raw);
        Ok(record.field(0).unwrap().to_vec())
    }

    #[test]
    fn declared_gb_18030_is_decoded_and_kept_raw() {
        let mut text = Text::of(Encoding::Gb18030, false, GBK);
        assert_eq!(check(&mut text, GBK).unwrap(), "张三".as_bytes());
        // A character of four bytes, beyond the basic plane.
        assert_eq!(check(&mut text, b"\x95\x32\x82\x36").unwrap(), "𠀀".as_bytes());
        assert!(check(&mut text, b"\xff\xff").unwrap_err().contains("mixes encodings"));
        assert_eq!(check(&mut text, b"7").unwrap(), b"7");
    }

    #[test]
    fn utf_8_that_was_declared_to_be_gb_18030_is_not_read_as_other_characters() {
        let mut text = Text::of(Encoding::Gb18030, false, GBK);
        // Two characters of UTF-8 are three of GB 18030.
        let wrong = check(&mut text, "张三".as_bytes()).unwrap();
        assert_eq!(wrong, "寮犱笁".as_bytes());
        // One that is GB 18030 is in between, and one that is ASCII; then the same again and again.
        check(&mut text, GBK).unwrap();
        for _ in 0..9 {
            check(&mut text, "1,张三".as_bytes()).unwrap();
        }
        check(&mut text, b"7").unwrap();
        check(&mut text, "2,李四".as_bytes()).unwrap();
        assert!(check(&mut text, "3,王五".as_bytes()).unwrap_err().contains("mixes encodings"));
        // 联通, the best known of what is GBK and by chance UTF-8.
        let mut text = Text::of(Encoding::Gb18030, false, GBK);
        for number in 0..9 {
            check(&mut text, &[b"\xc1\xaa\xcd\xa8".as_slice(), &[b'0' + number]].concat()).unwrap();
        }
    }

    #[test]
    fn a_beginning_in_utf_8_binds_what_follows() {
        for mut text in [Text::of(Encoding::Unknown, false, "张三".as_bytes()), Text::of(Encoding::Unknown, true, b"a")]
        {
            assert_eq!(text.encoding(), Encoding::Utf8);
            assert!(check(&mut text, "李四".as_bytes()).is_ok());
            assert!(check(&mut text, GBK).unwrap_err().contains("mixes encodings"));
        }
        // Cut off within a character.
        assert_eq!(Text::of(Encoding::Unknown, false, b"\xe5\xbc\xa0\xe4").encoding(), Encoding::Utf8);
    }

    #[test]
    fn bytes_of_no_known_encoding_are_refused_only_where_text_is_required() {
        let mut text = Text::of(Encoding::Unknown, false, b"\xd5\xc5\xc8");
        assert_eq!(check(&mut text, GBK).unwrap(), GBK);
        text.require();
        assert!(check(&mut text, GBK).unwrap_err().contains("add ?encoding=gb18030"));
        let mut text = Text::of(Encoding::Unknown, false, b"ascii first");
        text.require();
        assert!(check(&mut text, GBK).unwrap_err().contains("add ?encoding=gb18030"));
        assert!(check(&mut text, b"\xff\xff").unwrap_err().contains("no encoding that is known"));
        assert!(check(&mut text, "李四".as_bytes()).is_ok());
    }

    proptest! {
        #[test]
        fn any_text_comes_through_gb_18030(value in "[\u{4e00}-\u{9fa5}\u{20000}-\u{20100}a-z·]{0,8}") {
            let (encoded, ..) = GB18030.encode(&value);
            let mut text = Text::of(Encoding::Gb18030, false, b"");
            prop_assert_eq!(check(&mut text, &encoded).unwrap(), value.as_bytes());
        }

        #[test]
        fn any_bytes_are_decoded_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            for declared in [Encoding::Unknown, Encoding::Utf8, Encoding::Gb18030] {
                let mut text = Text::of(declared, false, &bytes);
                text.require();
                if let Ok(field) = check(&mut text, &bytes) {
                    prop_assert!(std::str::from_utf8(&field).is_ok());
                }
            }
        }
    }
}
