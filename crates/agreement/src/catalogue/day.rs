//! Days in JSON: `2026-03-01`, and no other way to write them.

use records::standard::CalendarDate;
use serde::{Deserialize, Deserializer, Serializer, de::Error};

pub(super) fn serialize<S: Serializer>(day: &CalendarDate, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(day)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<CalendarDate, D::Error> {
    let text = String::deserialize(deserializer)?;
    let day = CalendarDate::read(text.as_bytes()).ok().filter(|day| day.to_string() == text);
    day.ok_or_else(|| D::Error::custom("a day is written 2026-03-01"))
}
