//! Looking for entries.

use agreement::{
    KeyType, ParticipantId,
    catalogue::{Domain, SharingType},
};
use database::{AnyRow, Row, query};

use super::{Shelf, ShelfError, number_of};

/// Words that a search may have.
const WORDS: usize = 4;

/// What a search looks for; nothing admits all.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// Words that stand in it.
    pub words: Words,
    /// What it is about.
    pub domain: Option<Domain>,
    /// Whose it is.
    pub participant: Option<ParticipantId>,
    /// How it is shared.
    pub sharing: Option<SharingType>,
    /// By what it can be matched.
    pub key_type: Option<KeyType>,
    /// Entries on a page.
    pub most: u32,
    /// Entries of a smaller number only: the next page.
    pub before: Option<i64>,
}

/// Up to four words, as patterns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words([String; WORDS]);

impl Default for Words {
    fn default() -> Self {
        Self([const { String::new() }; WORDS].map(|_| "%".to_owned()))
    }
}

impl Words {
    /// The words of a text, between spaces.
    ///
    /// # Errors
    /// In words, if there are more than four.
    pub fn of(text: &str) -> Result<Self, String> {
        let mut words = Self::default();
        let mut places = words.0.iter_mut();
        for word in text.split_whitespace() {
            let place = places.next().ok_or_else(|| format!("a search has {WORDS} words at most"))?;
            *place = pattern(word);
        }
        Ok(words)
    }
}

/// The pattern of what contains `word`, in small letters; `!` stands before what would mean more than itself.
fn pattern(word: &str) -> String {
    let mut pattern = String::from("%");
    for next in word.to_lowercase().chars().filter(|next| *next != '\0') {
        if matches!(next, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(next);
    }
    pattern.push('%');
    pattern
}

/// A page of what was found, newest first.
#[derive(Debug, Default)]
pub struct Found {
    /// The entries.
    pub entries: Vec<Summary>,
    /// What names the next page; nothing if there is none.
    pub next: Option<i64>,
    /// Entries on all pages.
    pub total: u64,
}

/// An entry as a search shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    number: i64,
    /// Whose it is.
    pub participant: String,
    /// Its name at the node.
    pub dataset: String,
    /// Its version.
    pub version: u32,
    /// Its name for people.
    pub name: String,
    /// Its code.
    pub code: String,
    /// What it is about.
    pub domain: String,
    /// How it is shared.
    pub sharing: String,
    /// Who provides it.
    pub department: String,
    /// The beginning of its abstract.
    pub beginning: String,
    /// By what it can be matched.
    pub key_types: Vec<String>,
    /// When it came.
    pub taken_ms: i64,
}

impl Shelf {
    /// A page of the entries that are published now and fit, newest first.
    ///
    /// # Errors
    /// [`ShelfError`].
    pub async fn search(&self, query: &Query) -> Result<Found, ShelfError> {
        self.0.in_time(self.search_whole(query)).await
    }

    async fn search_whole(&self, wanted: &Query) -> Result<Found, ShelfError> {
        let before = wanted.before.unwrap_or(i64::MAX);
        let [one, two, three, four] = &wanted.words.0;
        let key_type = wanted.key_type.map_or_else(|| "%".to_owned(), |key_type| format!("% {key_type} %"));
        let fixed = [
            wanted.domain.map_or("", Domain::name),
            wanted.participant.as_ref().map_or("", ParticipantId::as_str),
            wanted.sharing.map_or("", SharingType::name),
            &key_type,
            one,
            two,
            three,
            four,
        ];
        let (mut counting, mut finding) = (query(COUNT), query(PAGE));
        for value in fixed {
            counting = counting.bind(value);
            finding = finding.bind(value);
        }
        let total: i64 = counting.fetch_one(self.0.pool()).await?.try_get(0)?;
        // One more than the page has tells whether there is another.
        let finding = finding.bind(before).bind(i64::from(wanted.most).saturating_add(1));
        let rows = finding.fetch_all(self.0.pool()).await?;
        let mut entries: Vec<Summary> = rows.iter().map(summary).collect::<Result<_, _>>()?;
        let most = usize::try_from(wanted.most).unwrap_or(usize::MAX);
        let more = entries.len() > most;
        entries.truncate(most);
        let next = entries.last().filter(|_| more).map(|last| last.number);
        Ok(Found { entries, next, total: u64::try_from(total).unwrap_or(0) })
    }
}

macro_rules! fitting {
    ($select:literal, $rest:literal) => {
        concat!(
            "SELECT ",
            $select,
            " FROM entries WHERE published = 1 AND ($1 = '' OR domain = $1) AND ($2 = '' OR participant = $2) \
             AND ($3 = '' OR sharing = $3) AND key_types LIKE $4 AND words LIKE $5 ESCAPE '!' \
             AND words LIKE $6 ESCAPE '!' AND words LIKE $7 ESCAPE '!' AND words LIKE $8 ESCAPE '!'",
            $rest
        )
    };
}

/// Both look for the same.
const COUNT: &str = fitting!("COUNT(*)", "");
const PAGE: &str = fitting!(
    "number, participant, dataset, version, name, code, domain, sharing, department, abstract, key_types, taken_ms",
    " AND number < $9 ORDER BY number DESC LIMIT $10"
);

fn summary(row: &AnyRow) -> Result<Summary, ShelfError> {
    let types: String = row.try_get("key_types")?;
    // The same type in several keys shows once.
    let mut key_types: Vec<String> = types.split_whitespace().map(str::to_owned).collect();
    key_types.sort();
    key_types.dedup();
    Ok(Summary {
        number: row.try_get("number")?,
        participant: row.try_get("participant")?,
        dataset: row.try_get("dataset")?,
        version: number_of(row, "version")?,
        name: row.try_get("name")?,
        code: row.try_get("code")?,
        domain: row.try_get("domain")?,
        sharing: row.try_get("sharing")?,
        department: row.try_get("department")?,
        beginning: row.try_get("abstract")?,
        key_types,
        taken_ms: row.try_get("taken_ms")?,
    })
}
