//! Reading configurations: TOML in, typed values out, and every problem at once with its line.
//!
//! A [`Section`] hands out values by key. It notes what is missing, wrong or unknown instead of
//! stopping, so that an operator mends a file in one go.

use std::{
    cell::RefCell,
    collections::BTreeSet,
    fmt,
    fmt::Display,
    ops::{Range, RangeInclusive},
    str::FromStr,
};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// Everything that is wrong with a configuration, each with its line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems {
    place: String,
    list: Vec<(usize, String)>,
}

impl Problems {
    /// A problem with the file as a whole.
    #[must_use]
    pub fn of_file(place: &str, problem: impl Into<String>) -> Self {
        Self { place: place.to_owned(), list: vec![(0, problem.into())] }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
}

impl Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, (line, problem)) in self.list.iter().enumerate() {
            let end = if number + 1 == self.list.len() { "" } else { "\n" };
            match line {
                0 => write!(f, "{}: {problem}{end}", self.place)?,
                line => write!(f, "{}:{line}: {problem}{end}", self.place)?,
            }
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// A table of a configuration that is being read.
pub struct Section<'a> {
    text: &'a str,
    name: String,
    span: Range<usize>,
    table: &'a DeTable<'a>,
    asked: RefCell<BTreeSet<String>>,
    problems: &'a RefCell<Vec<(usize, String)>>,
}

/// Reads a configuration with `read`, which takes what it needs from the root and gives nothing where
/// something is missing.
///
/// # Errors
/// All [`Problems`], in the order of lines.
pub fn read<T>(text: &str, place: &str, read: impl FnOnce(&Section<'_>) -> Option<T>) -> Result<T, Problems> {
    let problems = RefCell::new(Vec::new());
    let root = match DeTable::parse(text) {
        Ok(root) => root,
        Err(error) => {
            let line = error.span().map_or(0, |span| line_of(text, span.start));
            let list = vec![(line, error.message().to_owned())];
            return Err(Problems { place: place.to_owned(), list });
        }
    };
    let section = Section {
        text,
        name: String::new(),
        span: root.span(),
        table: root.get_ref(),
        asked: RefCell::default(),
        problems: &problems,
    };
    let value = read(&section);
    section.refuse_unknown();
    let mut list = problems.into_inner();
    list.sort_by_key(|(line, _)| *line);
    match value {
        Some(value) if list.is_empty() => Ok(value),
        _ => Err(Problems { place: place.to_owned(), list }),
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

impl<'a> Section<'a> {
    /// Notes a problem with `key`, or with the section where it has no such key.
    pub fn problem(&self, key: &str, problem: impl Display) {
        let span = self.entry(key).map_or_else(|| self.span.clone(), |(_, value)| value.span());
        self.note(&span, format!("{}{key}: {problem}", self.prefix()));
    }

    /// Whether the key is there.
    pub fn has(&self, key: &str) -> bool {
        self.value(key).is_some()
    }

    /// Text that `T` can be made of; nothing if the key is not there.
    pub fn optional<T: FromStr<Err: Display>>(&self, key: &str) -> Option<T> {
        let value = self.value(key)?;
        let DeValue::String(text) = value.get_ref() else {
            self.problem(key, "must be text in quotes");
            return None;
        };
        match text.parse() {
            Ok(parsed) => Some(parsed),
            Err(error) => {
                self.problem(key, error);
                None
            }
        }
    }

    /// The same, and a problem if the key is not there.
    pub fn required<T: FromStr<Err: Display>>(&self, key: &str) -> Option<T> {
        self.must_have(key)?;
        self.optional(key)
    }

    /// `true` or `false`; `otherwise` if the key is not there.
    pub fn flag(&self, key: &str, otherwise: bool) -> bool {
        match self.value(key).map(Spanned::get_ref) {
            None => otherwise,
            Some(DeValue::Boolean(value)) => *value,
            Some(_) => {
                self.problem(key, "must be true or false");
                otherwise
            }
        }
    }

    /// A whole number within `range`; `otherwise` if the key is not there.
    pub fn number(&self, key: &str, range: RangeInclusive<u32>, otherwise: u32) -> u32 {
        let Some(value) = self.value(key) else { return otherwise };
        let number = match value.get_ref() {
            DeValue::Integer(number) => number.to_string().parse::<u32>().ok(),
            _ => None,
        };
        match number.filter(|number| range.contains(number)) {
            Some(number) => number,
            None => {
                self.problem(key, format!("must be a whole number from {} to {}", range.start(), range.end()));
                otherwise
            }
        }
    }

    /// A list of texts; empty if the key is not there.
    pub fn texts(&self, key: &str) -> Vec<String> {
        let Some(value) = self.value(key) else { return Vec::new() };
        let DeValue::Array(items) = value.get_ref() else {
            self.problem(key, "must be a list of texts");
            return Vec::new();
        };
        let mut texts = Vec::new();
        for item in items.iter() {
            match item.get_ref() {
                DeValue::String(text) => texts.push(text.to_string()),
                _ => self.note(&item.span(), format!("{}{key}: must be text in quotes", self.prefix())),
            }
        }
        texts
    }

    /// What `read` makes of a table; nothing if it is not there.
    pub fn section<T>(&self, key: &str, read: impl FnOnce(&Section<'_>) -> Option<T>) -> Option<T> {
        let value = self.value(key)?;
        let DeValue::Table(table) = value.get_ref() else {
            self.problem(key, "must be a table");
            return None;
        };
        self.below(key, value.span(), table, read)
    }

    /// The same, and a problem if it is not there.
    pub fn required_section<T>(&self, key: &str, read: impl FnOnce(&Section<'_>) -> Option<T>) -> Option<T> {
        self.must_have(key)?;
        self.section(key, read)
    }

    /// What `read` makes of each table in a list of tables; those with problems are left out.
    pub fn sections<T>(&self, key: &str, mut read: impl FnMut(&Section<'_>) -> Option<T>) -> Vec<T> {
        let Some(value) = self.value(key) else { return Vec::new() };
        let DeValue::Array(items) = value.get_ref() else {
            self.problem(key, format!("must be a list of tables: write [[{key}]]"));
            return Vec::new();
        };
        let mut all = Vec::new();
        for item in items.iter() {
            match item.get_ref() {
                DeValue::Table(table) => all.extend(self.below(key, item.span(), table, &mut read)),
                _ => self.note(&item.span(), format!("{}{key}: must be a table", self.prefix())),
            }
        }
        all
    }

    fn below<T>(
        &self,
        key: &str,
        span: Range<usize>,
        table: &DeTable<'_>,
        read: impl FnOnce(&Section<'_>) -> Option<T>,
    ) -> Option<T> {
        let name = format!("{}{key}", self.prefix());
        let section =
            Section { text: self.text, name, span, table, asked: RefCell::default(), problems: self.problems };
        let value = read(&section);
        section.refuse_unknown();
        value
    }

    fn entry(&self, key: &str) -> Option<(&Spanned<std::borrow::Cow<'a, str>>, &Spanned<DeValue<'a>>)> {
        self.table.iter().find(|(name, _)| name.get_ref() == key)
    }

    fn value(&self, key: &str) -> Option<&Spanned<DeValue<'a>>> {
        self.asked.borrow_mut().insert(key.to_owned());
        self.entry(key).map(|(_, value)| value)
    }

    fn must_have(&self, key: &str) -> Option<()> {
        let found = self.value(key).map(drop);
        if found.is_none() {
            self.note(&self.span, format!("{}{key} is missing", self.prefix()));
        }
        found
    }

    fn refuse_unknown(&self) {
        let asked = self.asked.borrow();
        for (name, _) in self.table.iter().filter(|(name, _)| !asked.contains(name.get_ref().as_ref())) {
            let known: Vec<&str> = asked.iter().map(String::as_str).collect();
            let problem = format!("unknown key {}{}; known here: {}", self.prefix(), name.get_ref(), known.join(", "));
            self.note(&name.span(), problem);
        }
    }

    fn prefix(&self) -> String {
        if self.name.is_empty() { String::new() } else { format!("{}.", self.name) }
    }

    fn note(&self, span: &Range<usize>, problem: String) {
        self.problems.borrow_mut().push((line_of(self.text, span.start), problem));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq)]
    struct Sample {
        name: String,
        port: u32,
        loud: bool,
        peers: Vec<u8>,
    }

    fn sample(text: &str) -> Result<Sample, Problems> {
        read(text, "x.toml", |root| {
            let name = root.required("name");
            let port = root.required_section("net", |net| Some(net.number("port", 1..=65_535, 80)));
            let peers = root.sections("peers", |peer| peer.required::<u8>("id"));
            let loud = root.flag("loud", false);
            Some(Sample { name: name?, port: port?, loud, peers })
        })
    }

    #[test]
    fn a_whole_configuration_is_read() {
        let text = "name = \"n\"\nloud = true\n[net]\nport = 7\n[[peers]]\nid = \"1\"\n[[peers]]\nid = \"2\"\n";
        let expected = Sample { name: "n".to_owned(), port: 7, loud: true, peers: vec![1, 2] };
        assert_eq!(sample(text), Ok(expected));
    }

    #[test]
    fn every_problem_is_named_with_its_line() {
        let text = "nam = \"n\"\nloud = 3\n[net]\nport = 70000\n[[peers]]\nid = \"a\"\n[[peers]]\n";
        let problems = sample(text).unwrap_err();
        assert_eq!(
            problems.to_string(),
            "x.toml:1: name is missing\n\
             x.toml:1: unknown key nam; known here: loud, name, net, peers\n\
             x.toml:2: loud: must be true or false\n\
             x.toml:4: net.port: must be a whole number from 1 to 65535\n\
             x.toml:6: peers.id: invalid digit found in string\n\
             x.toml:7: peers.id is missing"
        );
    }

    #[test]
    fn text_that_is_no_toml_names_its_line() {
        let problems = sample("name = \"n\"\nloud = = 2\n").unwrap_err();
        assert!(problems.to_string().starts_with("x.toml:2: "), "{problems}");
    }
}
