//! The catalogue: what each provider says of its datasets, and whether an agreement stays within that.
//!
//! An entry has the core metadata of GB/T 21063 (政务信息资源目录体系), as 政务信息资源目录编制指南 fills them, and what
//! matching needs besides: by which keys, in which modes, how often, how small a result may be. Its provider signs
//! it. Metadata alone leaves the node.
//!
//! A dataset has versions, which grow. A withdrawal names one; that version and all before it are no longer published.

use records::{KeyType, standard::CalendarDate};
use serde::{Deserialize, Serialize};

use crate::{contract::DatasetVersion, job::Mode, moment::Moment, statement::Statement};

mod check;
mod day;
pub mod draft;
mod key_type;
pub mod problem;
pub mod vocabulary;
pub mod within;

pub use problem::{Fault, Problem};
pub use vocabulary::{Domain, Field, ItemType, PersonalData, SharingType, UnknownName, UpdateCycle};
pub use within::{Violation, violations};

/// The version of this form.
pub const FORM: u32 = 1;

/// A dataset in the catalogue (信息资源), as its provider describes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// [`FORM`].
    pub form: u32,
    /// Its name at the provider's node, which jobs and agreements use, and its version.
    pub dataset: DatasetVersion,
    /// Its name for people (信息资源名称).
    pub name: String,
    /// Its code (信息资源代码): that of its classification, a slash, its number there.
    pub code: String,
    /// The code of a dataset that it belongs to (关联资源代码).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub related_code: Option<String>,
    /// Where it stands among others.
    pub classification: Classification,
    /// What it is about.
    pub domain: Domain,
    /// Who provides it.
    pub provider: Provider,
    /// What it holds, in a few sentences (信息资源摘要).
    #[serde(rename = "abstract")]
    pub summary: String,
    /// In which form it is kept (信息资源格式).
    pub format: String,
    /// What a row of it has (信息项).
    pub items: Vec<Item>,
    /// Who may have it.
    pub sharing: Sharing,
    /// Whether the public may have it.
    pub openness: Openness,
    /// How often it is brought up to date.
    pub update_cycle: UpdateCycle,
    /// The day on which it was published (发布日期).
    #[serde(with = "day")]
    pub published: CalendarDate,
    /// What it says of persons.
    pub personal_data: PersonalData,
    /// By what its rows can be matched. Nothing can be matched by an entry without one.
    pub keys: Vec<Key>,
    /// What runs on it may answer.
    pub modes: Vec<Mode>,
    /// Results of fewer items are to be withheld.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub smallest_result: Option<u64>,
    /// The most runs that one agreement may have on it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub quota: Option<u64>,
    /// Whether a sample of its rows was held to the data standard before it was published.
    pub sampled: bool,
}

/// Where a dataset stands among others, from wide to narrow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Classification {
    /// 类.
    pub class: String,
    /// 项.
    pub division: String,
    /// 目.
    pub subject: String,
    /// 细目, where there is one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub detail: Option<String>,
}

/// Who provides a dataset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provider {
    /// The department (信息资源提供方).
    pub department: String,
    /// Its unified social credit code (信息资源提供方代码).
    pub code: String,
}

/// What one column holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    /// The column's name in the source.
    pub name: String,
    /// Of what type it is.
    #[serde(rename = "type")]
    pub item_type: ItemType,
    /// Characters or digits that it has at most.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub length: Option<u32>,
}

/// Who may have a dataset, and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sharing {
    /// 共享类型.
    #[serde(rename = "type")]
    pub sharing_type: SharingType,
    /// On what condition (共享条件), where it is shared conditionally.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub condition: Option<String>,
    /// On what grounds it is not shared (不予共享依据).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub legal_basis: Option<String>,
    /// By what way (共享方式).
    pub mode: String,
}

/// Whether the public may have a dataset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Openness {
    /// 是否向社会开放.
    pub open: bool,
    /// On what condition (开放条件).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub condition: Option<String>,
}

/// By what the rows of a dataset can be matched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Key {
    /// One column; three for a bill whose code, number and check stand apart.
    pub columns: Vec<String>,
    /// What they hold.
    #[serde(rename = "type", with = "key_type")]
    pub key_type: KeyType,
}

/// "This dataset is no longer published: this version, and all before it."
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Withdrawal {
    /// Which.
    pub dataset: DatasetVersion,
    /// When.
    pub at: Moment,
    /// Why.
    pub reason: String,
}

impl Entry {
    /// All that is wrong with it.
    #[must_use]
    pub fn problems(&self) -> Vec<Problem> {
        check::entry(self)
    }

    /// Whether a column is among its data items.
    #[must_use]
    pub fn has_item(&self, column: &str) -> bool {
        self.items.iter().any(|item| item.name == column)
    }

    /// Whether its rows can be matched by keys of this type.
    #[must_use]
    pub fn has_key(&self, key_type: KeyType) -> bool {
        self.keys.iter().any(|key| key.key_type == key_type)
    }
}

impl Statement for Entry {
    const KIND: &'static str = "entry";

    fn validate(&self) -> Result<(), String> {
        self.problems().first().map_or(Ok(()), |problem| Err(problem.to_string()))
    }
}

impl Statement for Withdrawal {
    const KIND: &'static str = "withdrawal";

    fn validate(&self) -> Result<(), String> {
        check::withdrawal(self)
    }
}

#[cfg(test)]
pub(crate) mod tests;
