//! Entries from the fields of a file, all of them text: what a spreadsheet of a catalogue has.

use std::{collections::BTreeMap, str::FromStr};

use records::{
    KeyType, Warnings,
    standard::{CalendarDate, Settings},
};

use super::{
    Classification, Domain, Entry, FORM, Fault, Field, Item, ItemType, Key, Openness, PersonalData, Problem, Provider,
    Sharing, SharingType, UnknownName, UpdateCycle,
};
use crate::{contract::DatasetVersion, job::Mode, printable::printable};

/// Key types as catalogues in Chinese name them.
const KEY_TYPES: [(&str, KeyType); 10] = [
    ("原值", KeyType::Raw),
    ("身份证号", KeyType::ResidentId),
    ("统一社会信用代码", KeyType::Uscc),
    ("组织机构代码", KeyType::OrganisationCode),
    ("电子票据", KeyType::Ebill),
    ("出生医学证明编号", KeyType::BirthCertificate),
    ("手机号", KeyType::Mobile),
    ("姓名", KeyType::Name),
    ("日期", KeyType::Date),
    ("行政区划", KeyType::Region),
];
/// Modes, the same.
const MODES: [(&str, Mode); 5] = [
    ("交集", Mode::Membership),
    ("带标签", Mode::Labelled),
    ("双向", Mode::Both),
    ("计数", Mode::Cardinality),
    ("求和", Mode::Sum),
];
const MODE_NAMES: &[&str] = &["membership", "labelled", "both", "cardinality", "sum"];
const KEY_NAMES: &[&str] = &[
    "raw",
    "resident-id",
    "uscc",
    "organisation-code",
    "ebill",
    "birth-certificate",
    "mobile",
    "name",
    "date",
    "region",
];
const TRUTHS: &[&str] = &["yes", "no"];
/// Bytes of a value that a message repeats.
const SHOWN: usize = 64;

/// The fields of one row, and what was found wrong with them so far.
struct Row<'a> {
    fields: &'a BTreeMap<Field, String>,
    problems: Vec<Problem>,
}

/// Makes an entry of the fields of one row. Fields that are empty count as missing. Without a dataset it is named as its
/// code is, without a version it is the first.
///
/// # Errors
/// All [`Problem`]s of the row.
pub fn read(fields: &BTreeMap<Field, String>, sampled: bool) -> Result<Entry, Vec<Problem>> {
    let mut row = Row { fields, problems: Vec::new() };
    let code = row.text(Field::Code);
    let entry = Entry {
        form: FORM,
        dataset: DatasetVersion {
            name: row.optional(Field::Dataset).unwrap_or_else(|| code.clone()),
            version: row.version(),
        },
        name: row.text(Field::Name),
        code,
        related_code: row.optional(Field::RelatedCode),
        classification: Classification {
            class: row.text(Field::Class),
            division: row.text(Field::Division),
            subject: row.text(Field::Subject),
            detail: row.optional(Field::Detail),
        },
        domain: row.word(Field::Domain, Domain::LegalPersons),
        provider: Provider { department: row.text(Field::Department), code: row.provider_code() },
        summary: row.text(Field::Abstract),
        format: row.text(Field::Format),
        items: row.list(Field::Items, &[';', '；', '\n'], item),
        sharing: Sharing {
            sharing_type: row.word(Field::Sharing, SharingType::Unconditional),
            condition: row.optional(Field::Condition),
            legal_basis: row.optional(Field::LegalBasis),
            mode: row.text(Field::SharingMode),
        },
        openness: Openness { open: row.open(), condition: row.optional(Field::OpenCondition) },
        update_cycle: row.word(Field::UpdateCycle, UpdateCycle::Irregular),
        published: row.day(),
        personal_data: row.word(Field::PersonalData, PersonalData::None),
        keys: row.list(Field::Keys, &[';', '；', '\n'], key),
        modes: row.list(Field::Modes, &[';', '；', ',', '，', '、', '\n'], mode),
        smallest_result: row.number(Field::SmallestResult),
        quota: row.number(Field::Quota),
        sampled,
    };
    row.end(entry)
}

impl Row<'_> {
    /// What the row as a whole gives: what was not read has something else in its place, of which no more is said.
    fn end(mut self, entry: Entry) -> Result<Entry, Vec<Problem>> {
        let mut known: Vec<Field> = self.problems.iter().map(|problem| problem.field).collect();
        for (unread, hidden) in [
            (Field::Sharing, &[Field::Condition, Field::LegalBasis, Field::Modes][..]),
            (Field::Items, &[Field::Keys]),
            (Field::Code, &[Field::Dataset]),
            (Field::Modes, &[Field::Keys]),
        ] {
            if known.contains(&unread) {
                known.extend(hidden);
            }
        }
        let mut more = entry.problems();
        // Of a missing code nothing else is to be said of the name that it would have given.
        let no_code = more.iter().any(|problem| problem.field == Field::Code);
        let given = self.fields.get(&Field::Dataset).is_some_and(|text| !text.trim().is_empty());
        more.retain(|one| !known.contains(&one.field) && (one.field != Field::Dataset || given || !no_code));
        self.problems.extend(more);
        self.problems.sort_by_key(|problem| problem.field);
        if self.problems.is_empty() { Ok(entry) } else { Err(self.problems) }
    }

    fn optional(&self, field: Field) -> Option<String> {
        self.fields.get(&field).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
    }

    /// Missing text is noticed with the whole entry.
    fn text(&self, field: Field) -> String {
        self.optional(field).unwrap_or_default()
    }

    fn problem(&mut self, field: Field, fault: Fault) {
        self.problems.push(Problem { field, fault });
    }

    fn word<T: FromStr<Err = UnknownName>>(&mut self, field: Field, otherwise: T) -> T {
        let fault = match self.optional(field).map(|text| text.parse()) {
            Some(Ok(word)) => return word,
            Some(Err(UnknownName(value, known))) => Fault::Unknown(value, known),
            None => Fault::Missing,
        };
        self.problem(field, fault);
        otherwise
    }

    /// The provider's code in its canonical form, where it has one.
    fn provider_code(&self) -> String {
        let text = self.text(Field::ProviderCode);
        let canonical = KeyType::Uscc.canonical(text.as_bytes(), &Settings::default(), &mut Warnings::default());
        let canonical = canonical.ok().and_then(|value| String::from_utf8(value.as_bytes().to_vec()).ok());
        canonical.unwrap_or(text)
    }

    fn day(&mut self) -> CalendarDate {
        let text = self.optional(Field::Published);
        let read = text.as_ref().and_then(|text| CalendarDate::read(text.as_bytes()).ok());
        match (read, text) {
            (Some(day), _) => return day,
            (None, None) => self.problem(Field::Published, Fault::Missing),
            (None, Some(text)) => {
                let fault = Fault::Form(printable(&text, SHOWN), "a day, such as 2026-03-01", "日期，如 2026-03-01");
                self.problem(Field::Published, fault);
            }
        }
        // Nobody sees it: the row has a problem.
        FIRST_DAY
    }

    fn open(&mut self) -> bool {
        let fault = match self.optional(Field::Open).map(|text| text.to_lowercase()).as_deref() {
            Some("yes" | "true" | "1" | "y" | "是" | "开放") => return true,
            Some("no" | "false" | "0" | "n" | "否" | "不开放" | "不予开放") => return false,
            Some(other) => Fault::Unknown(printable(other, SHOWN), TRUTHS),
            None => Fault::Missing,
        };
        self.problem(Field::Open, fault);
        false
    }

    fn number(&mut self, field: Field) -> Option<u64> {
        let text = self.optional(field)?;
        let number = text.parse().ok();
        if number.is_none() {
            self.problem(field, Fault::Form(printable(&text, SHOWN), "a whole number", "整数"));
        }
        number
    }

    fn version(&mut self) -> u32 {
        let Some(text) = self.optional(Field::Version) else { return 1 };
        text.trim_start_matches(['v', 'V']).parse().unwrap_or_else(|_| {
            let fault = Fault::Form(printable(&text, SHOWN), "a whole number from 1", "从 1 开始的整数");
            self.problem(Field::Version, fault);
            1
        })
    }

    fn list<T>(&mut self, field: Field, between: &[char], read: fn(&str) -> Result<T, Fault>) -> Vec<T> {
        let text = self.text(field);
        let mut list = Vec::new();
        for part in text.split(between).map(str::trim).filter(|part| !part.is_empty()) {
            match read(part) {
                Ok(one) => list.push(one),
                Err(fault) => self.problem(field, fault),
            }
        }
        list
    }
}

/// Some day; at compile time it is found to be one.
const FIRST_DAY: CalendarDate = match CalendarDate::new(1970, 1, 1) {
    Some(day) => day,
    None => unreachable!(),
};

/// `name:C18`, `name：字符型(18)`, or `name:text`.
fn item(text: &str) -> Result<Item, Fault> {
    let form = || {
        let form = "name:type, such as id_no:C18, where the type is one of C N Y D T L M G B I F or its name";
        Fault::Form(printable(text, SHOWN), form, "名称:类型，如 id_no:C18，类型为 C N Y D T L M G B I F 之一或其名称")
    };
    let (name, item_type) = text.rsplit_once([':', '：']).ok_or_else(form)?;
    let item_type = item_type.trim();
    let split = item_type.find(|c: char| c.is_ascii_digit() || matches!(c, '(' | '（' | '.'));
    let (word, length) = item_type.split_at(split.unwrap_or(item_type.len()));
    let item_type: ItemType = word.parse().map_err(|UnknownName(..)| form())?;
    let length = length.trim_matches(['(', ')', '（', '）', '.', ' ']);
    // Of digits behind the point only the format speaks.
    let length = length.split([',', '，', '.']).next().unwrap_or_default();
    let length = if length.is_empty() { None } else { Some(length.parse().map_err(|_| form())?) };
    Ok(Item { name: name.trim().to_owned(), item_type, length })
}

/// `id_no:resident-id`, or `code+number+check:ebill`.
fn key(text: &str) -> Result<Key, Fault> {
    let form = || {
        let form = "column:type, such as id_no:resident-id, or code+number+check:ebill";
        Fault::Form(printable(text, SHOWN), form, "列名:类型，如 id_no:resident-id，或 code+number+check:ebill")
    };
    let (columns, name) = text.rsplit_once([':', '：']).ok_or_else(form)?;
    let name = name.trim();
    let chinese = KEY_TYPES.iter().find(|(known, _)| *known == name).map(|(_, key_type)| *key_type);
    let key_type = chinese.or_else(|| name.to_ascii_lowercase().parse().ok());
    let key_type = key_type.ok_or_else(|| Fault::Unknown(printable(name, SHOWN), KEY_NAMES))?;
    Ok(Key { columns: columns.split('+').map(|column| column.trim().to_owned()).collect(), key_type })
}

fn mode(text: &str) -> Result<Mode, Fault> {
    let chinese = MODES.iter().find(|(known, _)| *known == text).map(|(_, mode)| *mode);
    let mode = chinese.or_else(|| text.to_ascii_lowercase().parse().ok());
    mode.ok_or_else(|| Fault::Unknown(printable(text, SHOWN), MODE_NAMES))
}

#[cfg(test)]
mod tests;
