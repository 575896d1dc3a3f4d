//! Entries as `catalogue` commands print them.

use agreement::{
    Moment, Signed,
    catalogue::{Entry, Withdrawal},
};
use node::NodeConfig;
use serde::Serialize;
use wire::proto::{EntryKey, EntrySummary, GetEntryResponse, SearchEntriesResponse};

use crate::{
    failure::{Failure, Status},
    screen::{self, Format},
    text::{self, Lang},
};

/// The most bytes of a text of others; the messages allow no more.
const MAX_TEXT: usize = 512;

/// A page of what a search found.
#[derive(Clone, Debug, Serialize)]
pub struct ShownPage {
    /// Entries on all pages.
    pub total: u64,
    /// Names the next page; nothing if there is none.
    pub next_page: Option<u64>,
    /// The entries.
    pub entries: Vec<ShownSummary>,
}

/// An entry as a search shows it, by the word of the coordinator.
#[derive(Clone, Debug, Serialize)]
pub struct ShownSummary {
    /// Whose it is.
    pub provider: String,
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
    pub summary: String,
    /// By what it can be matched.
    pub key_types: Vec<String>,
}

/// An entry as its provider signed it.
#[derive(Clone, Debug, Serialize)]
pub struct Shown {
    /// Who signed it.
    pub provider: String,
    /// With which identity.
    pub identity: String,
    /// Whether that is the identity that this node knows the provider by; nothing if this node does not know it.
    pub pinned: Option<bool>,
    /// Whether it is the version that is published now.
    pub published: bool,
    /// The newest version of the dataset.
    pub newest_version: u32,
    /// When it was withdrawn.
    pub withdrawn_at: Option<Moment>,
    /// Why.
    pub withdrawn_because: Option<String>,
    /// The entry.
    pub entry: Entry,
}

fn printable(text: &str) -> String {
    agreement::printable(text, MAX_TEXT)
}

fn wrong(what: impl std::fmt::Display) -> Failure {
    Failure::new(Status::Peer, format_args!("the coordinator answers with a wrong entry: {what}"))
}

impl From<EntrySummary> for ShownSummary {
    fn from(summary: EntrySummary) -> Self {
        let key = summary.key.unwrap_or_default();
        Self {
            provider: printable(&key.participant),
            dataset: printable(&key.dataset),
            version: key.version,
            name: printable(&summary.name),
            code: printable(&summary.code),
            domain: printable(&summary.domain),
            sharing: printable(&summary.sharing),
            department: printable(&summary.department),
            summary: printable(&summary.r#abstract),
            key_types: summary.key_types.iter().map(|name| printable(name)).collect(),
        }
    }
}

/// Prints a page.
pub(super) fn page(answer: SearchEntriesResponse, format: Format, lang: Lang) -> Result<(), Failure> {
    let page = ShownPage {
        total: answer.total,
        next_page: (answer.next_page > 0).then_some(answer.next_page),
        entries: answer.entries.into_iter().map(Into::into).collect(),
    };
    match format {
        Format::Json => screen::json(&page),
        Format::Text => screen::line(&text::catalogue::page(lang, &page)),
    }
}

/// Prints an entry, if it is what was asked for and its provider's signature holds.
pub(super) fn one(
    key: &EntryKey,
    answer: &GetEntryResponse,
    config: Option<&NodeConfig>,
    format: Format,
    lang: Lang,
) -> Result<(), Failure> {
    let shown = shown(key, answer, config)?;
    if shown.pinned == Some(false) {
        screen::note(text::catalogue::not_pinned(lang));
    }
    match format {
        Format::Json => screen::json(&shown),
        Format::Text => screen::line(&text::catalogue::entry(lang, &shown)),
    }
}

fn shown(key: &EntryKey, answer: &GetEntryResponse, config: Option<&NodeConfig>) -> Result<Shown, Failure> {
    let signed = Signed::<Entry>::from_bytes(&answer.envelope).map_err(wrong)?;
    let (entry, signer) = (signed.statement().clone(), signed.signer());
    let version = key.version == 0 || key.version == entry.dataset.version;
    if signer.as_str() != key.participant || entry.dataset.name != key.dataset || !version {
        return Err(wrong("it is another one than was asked for"));
    }
    let ended = if answer.withdrawal.is_empty() {
        None
    } else {
        let ended = Signed::<Withdrawal>::from_bytes(&answer.withdrawal).map_err(wrong)?;
        // A withdrawal that somebody else signed, or of another dataset, ends nothing.
        let same = ended.signer() == signer && ended.statement().dataset.name == entry.dataset.name;
        if !same || ended.statement().dataset.version < entry.dataset.version {
            return Err(wrong("its withdrawal is of another one"));
        }
        Some(ended.statement().clone())
    };
    let pinned = config.and_then(|config| {
        let own = (config.participant == *signer).then_some(config.identity);
        let peers = config.peers.iter().find(|peer| peer.participant == *signer).map(|peer| peer.identity);
        own.or(peers).map(|identity| signed.is_by(signer, &identity))
    });
    Ok(Shown {
        provider: signer.to_string(),
        identity: signed.identity().to_string(),
        pinned,
        published: answer.published,
        newest_version: answer.newest_version,
        withdrawn_at: ended.as_ref().map(|ended| ended.at),
        withdrawn_because: ended.map(|ended| ended.reason),
        entry,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_without_a_signed_entry_is_the_coordinators_fault() {
        let key = EntryKey::default();
        let failure = shown(&key, &GetEntryResponse::default(), None).unwrap_err();
        assert_eq!(failure.status, Status::Peer);
    }

    #[test]
    fn what_others_wrote_cannot_move_the_cursor() {
        let summary = EntrySummary { name: "a\u{1b}[2Jb\nc".to_owned(), ..EntrySummary::default() };
        assert_eq!(ShownSummary::from(summary).name, "a[2Jbc");
    }
}
