//! Whether an agreement stays within what the catalogue says of a dataset.

use records::KeyType;

use super::{Entry, SharingType};
use crate::{
    contract::{Agreement, DatasetVersion, Party},
    job::Mode,
    printable::printable,
};

/// Something that an agreement asks for and the entry does not give.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum Violation {
    /// Another dataset.
    #[error("the agreement is about dataset {wanted:?}, and the entry about {entered:?}")]
    Dataset {
        /// That of the agreement.
        wanted: String,
        /// That of the entry.
        entered: String,
    },
    /// Another version of it.
    #[error("the agreement is about version {wanted} of the dataset, and the entry about version {entered}")]
    Version {
        /// That of the agreement.
        wanted: u32,
        /// That of the entry.
        entered: u32,
    },
    /// It is not shared.
    #[error("the dataset is not shared: {0}")]
    NotShared(String),
    /// A key that it cannot be matched by.
    #[error("the dataset cannot be matched by keys of type {0}")]
    KeyType(KeyType),
    /// A mode that is not allowed.
    #[error("mode {0} is not allowed on the dataset")]
    Mode(Mode),
    /// A label that is no data item.
    #[error("label column {0:?} is none of the dataset's data items")]
    Label(String),
    /// A result may be smaller than the entry allows.
    #[error("the dataset withholds results of fewer than {least} items, and the agreement {}", allows(*wanted))]
    SmallestResult {
        /// That of the agreement; nothing for none.
        wanted: Option<u64>,
        /// That of the entry.
        least: u64,
    },
    /// More runs than the entry allows.
    #[error("the agreement has {wanted} runs, and the dataset's quota is {quota}")]
    Quota {
        /// That of the agreement.
        wanted: u64,
        /// That of the entry.
        quota: u64,
    },
}

/// How small an agreement lets a result be, in words.
fn allows(wanted: Option<u64>) -> String {
    wanted.map_or_else(|| "has no smallest result".to_owned(), |wanted| format!("only those of fewer than {wanted}"))
}

/// All in which `party` of `agreement` goes beyond `entry`. Whether the entry is signed by that party's identity is for the
/// caller to see ([`Signed::is_by`](crate::Signed::is_by)).
#[must_use]
pub fn violations(agreement: &Agreement, party: &Party, entry: &Entry) -> Vec<Violation> {
    let mut found = Vec::new();
    let DatasetVersion { name, version } = &party.dataset;
    if *name != entry.dataset.name {
        let entered = entry.dataset.name.clone();
        found.push(Violation::Dataset { wanted: name.clone(), entered });
    }
    if *version != entry.dataset.version {
        found.push(Violation::Version { wanted: *version, entered: entry.dataset.version });
    }
    if entry.sharing.sharing_type == SharingType::NotShared {
        let basis = entry.sharing.legal_basis.as_deref().unwrap_or_default();
        found.push(Violation::NotShared(printable(basis, 512)));
    }
    let unknown = agreement.key_types.iter().filter(|key_type| !entry.has_key(**key_type));
    found.extend(unknown.map(|key_type| Violation::KeyType(*key_type)));
    if !entry.modes.contains(&agreement.mode) {
        found.push(Violation::Mode(agreement.mode));
    }
    let labels = party.label_columns.iter().filter(|column| !entry.has_item(column));
    found.extend(labels.map(|column| Violation::Label(column.clone())));
    let wanted = agreement.limits.smallest_result;
    if let Some(least) = entry.smallest_result.filter(|least| wanted.is_none_or(|wanted| wanted < *least)) {
        found.push(Violation::SmallestResult { wanted, least });
    }
    let wanted = agreement.limits.runs;
    if let Some(quota) = entry.quota.filter(|quota| wanted > *quota) {
        found.push(Violation::Quota { wanted, quota });
    }
    found
}
