//! What `catalogue` says.

use agreement::catalogue::{Entry, Field, PersonalData};

use super::{Lang, count};
use crate::catalogue::{Report, Shown, ShownPage, ShownSummary, Unlike, Wrong};

/// Faults that are listed for people; programs see all.
const LISTED: usize = 200;

/// A field with its name in the language.
fn field(lang: Lang, field: Field) -> String {
    match lang {
        Lang::En => field.to_string(),
        Lang::Zh => format!("{}（{field}）", field.chinese()),
    }
}

/// What came of a file.
#[must_use]
pub fn report(lang: Lang, report: &Report) -> String {
    let [rows, right, published, known, wrong] =
        [report.rows, report.right, report.published, report.known, report.wrong_rows].map(count);
    let mut lines = vec![match lang {
        Lang::En if report.dry_run => format!("{rows} rows: {right} right, {wrong} wrong; nothing was published"),
        Lang::En => format!("{rows} rows: {published} published, {known} known already, {wrong} wrong"),
        Lang::Zh if report.dry_run => format!("共 {rows} 行：{right} 行合格，{wrong} 行有误；未发布任何条目"),
        Lang::Zh => format!("共 {rows} 行：发布 {published} 条，已有 {known} 条，有误 {wrong} 行"),
    }];
    if !report.ignored_columns.is_empty() {
        let columns = report.ignored_columns.join(lang.pick(", ", "、"));
        lines.push(match lang {
            Lang::En => format!("  columns that are no field, and were not read: {columns}"),
            Lang::Zh => format!("  未识别、未读取的列：{columns}"),
        });
    }
    if !report.wrong.is_empty() {
        lines.push(all_wrong(lang, &report.wrong));
    }
    lines.join("\n")
}

/// What is wrong, a line each.
#[must_use]
pub fn all_wrong(lang: Lang, wrong: &[Wrong]) -> String {
    let mut lines: Vec<String> = wrong.iter().take(LISTED).map(|one| fault(lang, one)).collect();
    let more = wrong.len().saturating_sub(LISTED);
    if more > 0 {
        lines.push(match lang {
            Lang::En => format!("  and {more} more: --format json has them all"),
            Lang::Zh => format!("  另有 {more} 处：--format json 可查看全部"),
        });
    }
    lines.join("\n")
}

fn fault(lang: Lang, wrong: &Wrong) -> String {
    let Wrong { row, called, problem, .. } = wrong;
    let field = field(lang, wrong.field);
    match lang {
        Lang::En if called.is_empty() => format!("  row {row}: {field}: {problem}"),
        Lang::En => format!("  row {row} ({called}): {field}: {problem}"),
        Lang::Zh if called.is_empty() => format!("  第 {row} 行，{field}：{problem}"),
        Lang::Zh => format!("  第 {row} 行（{called}），{field}：{problem}"),
    }
}

/// Some rows are wrong.
#[must_use]
pub fn rows_are_wrong(lang: Lang, wrong: u64, rows: u64) -> String {
    match lang {
        Lang::En => format!("{wrong} of {rows} rows are wrong; the others were taken"),
        Lang::Zh => format!("{rows} 行中有 {wrong} 行有误；其余已处理"),
    }
}

/// Why a dataset is not what its entry says.
#[must_use]
pub fn unlike(lang: Lang, unlike: &Unlike) -> String {
    match (lang, unlike) {
        (Lang::En, Unlike::NotHere) => "the node's configuration has no such dataset, so no sample can be taken; if \
                                        its data is elsewhere, say --no-sample"
            .to_owned(),
        (Lang::Zh, Unlike::NotHere) => {
            "节点配置中没有此数据集，无法抽样检查；如数据不在本节点，请加 --no-sample".to_owned()
        }
        (Lang::En, Unlike::Version(version)) => format!("the node offers version {version} of it"),
        (Lang::Zh, Unlike::Version(version)) => format!("节点提供的是版本 {version}"),
        (Lang::En, Unlike::NoColumn(column)) => format!("{column:?} is no column of its source"),
        (Lang::Zh, Unlike::NoColumn(column)) => format!("数据源中没有“{column}”列"),
        (Lang::En, Unlike::Empty) => "its source has no row".to_owned(),
        (Lang::Zh, Unlike::Empty) => "数据源没有记录".to_owned(),
        (Lang::En, Unlike::Refused(sample, most)) => format!(
            "{} of {} sampled rows are refused by the data standard or have no key by {}: more than {most} percent",
            sample.unusable, sample.rows, sample.key
        ),
        (Lang::Zh, Unlike::Refused(sample, most)) => format!(
            "抽样 {} 行中有 {} 行不符合数据标准或没有匹配键（{}），超过 {most}%",
            sample.rows, sample.unusable, sample.key
        ),
        (Lang::En, Unlike::Unreadable(why)) => format!("no sample can be taken: {why}"),
        (Lang::Zh, Unlike::Unreadable(why)) => format!("无法抽样检查：{why}"),
    }
}

/// Publishing broke off at a row.
#[must_use]
pub fn broken_off(lang: Lang, row: u64, published: u64) -> String {
    match lang {
        Lang::En => format!("broken off at row {row}, after {published} entries were published; import again"),
        Lang::Zh => format!("在第 {row} 行中断，此前已发布 {published} 条；请重新导入"),
    }
}

/// No one entry of a file is meant.
#[must_use]
pub fn which(lang: Lang, file: &str, dataset: Option<&str>, rows: usize) -> String {
    match (lang, dataset) {
        (Lang::En, Some(dataset)) => format!("{file} has no entry of dataset {dataset:?}"),
        (Lang::Zh, Some(dataset)) => format!("{file} 中没有数据集“{dataset}”的条目"),
        (Lang::En, None) => format!("{file} has {rows} entries: name one with --dataset, or import them all"),
        (Lang::Zh, None) => format!("{file} 有 {rows} 条：请用 --dataset 指定一条，或用 import 全部导入"),
    }
}

/// An entry was published.
#[must_use]
pub fn published(lang: Lang, (dataset, version): (&str, u32), known: bool, sampled: bool) -> String {
    let sample = if sampled {
        lang.pick("a sample of its rows conforms to the data standard", "抽样符合数据标准")
    } else {
        lang.pick("no sample of its rows was taken", "未抽样")
    };
    match (lang, known) {
        (Lang::En, false) => format!("{dataset}, version {version}, is published; {sample}"),
        (Lang::En, true) => format!("{dataset}, version {version}, was published already"),
        (Lang::Zh, false) => format!("{dataset} 版本 {version} 已发布；{sample}"),
        (Lang::Zh, true) => format!("{dataset} 版本 {version} 此前已发布"),
    }
}

/// An entry was withdrawn.
#[must_use]
pub fn withdrawn(lang: Lang, dataset: &str, version: u32) -> String {
    match lang {
        Lang::En => format!("{dataset}, version {version}, is withdrawn"),
        Lang::Zh => format!("{dataset} 版本 {version} 已撤回"),
    }
}

/// The identity that signed is not the one that is pinned.
#[must_use]
pub fn not_pinned(lang: Lang) -> &'static str {
    lang.pick(
        "WARNING: the entry is not signed by the identity that this node has pinned for its provider",
        "警告：该条目的签名身份与本节点为提供方登记的身份不一致",
    )
}

/// A page of what was found.
#[must_use]
pub fn page(lang: Lang, page: &ShownPage) -> String {
    let mut lines: Vec<String> = page.entries.iter().map(|one| summary(lang, one)).collect();
    let (shown, total) = (page.entries.len(), count(page.total));
    lines.push(match lang {
        Lang::En => format!("{shown} of {total} entries"),
        Lang::Zh => format!("{shown} / {total} 条"),
    });
    if let Some(next) = page.next_page {
        lines.push(match lang {
            Lang::En => format!("more with --page {next}"),
            Lang::Zh => format!("下一页：--page {next}"),
        });
    }
    lines.join("\n")
}

fn summary(lang: Lang, one: &ShownSummary) -> String {
    let keys = if one.key_types.is_empty() { String::new() } else { format!("  [{}]", one.key_types.join(" ")) };
    let ShownSummary { provider, dataset, version, name, domain, sharing, department, .. } = one;
    let version = match lang {
        Lang::En => format!("version {version}"),
        Lang::Zh => format!("版本 {version}"),
    };
    format!("{provider}/{dataset}  {version}  {name}  {department}  {domain}  {sharing}{keys}")
}

/// An entry with all that is known of it.
#[must_use]
pub fn entry(lang: Lang, shown: &Shown) -> String {
    let entry = &shown.entry;
    let mut lines = vec![format!("{}/{}  {}", shown.provider, entry.dataset.name, entry.name), standing(lang, shown)];
    lines.extend(rows(lang, entry).into_iter().map(|(name, value)| format!("  {}: {value}", field(lang, name))));
    let sampled = if entry.sampled { lang.pick("yes", "是") } else { lang.pick("no", "否") };
    lines.push(format!("  {}: {sampled}", lang.pick("sampled", "抽样检查")));
    lines.push(format!("  {}: {}", lang.pick("signed by", "签名身份"), shown.identity));
    lines.join("\n")
}

/// Whether it is published.
fn standing(lang: Lang, shown: &Shown) -> String {
    let version = shown.entry.dataset.version;
    match (lang, &shown.withdrawn_at, shown.published) {
        (Lang::En, Some(at), _) => {
            format!("  version {version}, withdrawn {at}: {}", shown.withdrawn_because.as_deref().unwrap_or_default())
        }
        (Lang::Zh, Some(at), _) => {
            format!("  版本 {version}，{at} 撤回：{}", shown.withdrawn_because.as_deref().unwrap_or_default())
        }
        (Lang::En, None, true) => format!("  version {version}, published"),
        (Lang::Zh, None, true) => format!("  版本 {version}，已发布"),
        (Lang::En, None, false) => format!("  version {version}; the newest is {}", shown.newest_version),
        (Lang::Zh, None, false) => format!("  版本 {version}；最新为 {}", shown.newest_version),
    }
}

/// The fields that say something, in order.
fn rows(lang: Lang, entry: &Entry) -> Vec<(Field, String)> {
    let place = &entry.classification;
    let named = |english: &'static str, chinese: &'static str| lang.pick(english, chinese).to_owned();
    let items = entry.items.iter().map(|item| match item.length {
        Some(length) => format!("{}:{}({length})", item.name, item.item_type),
        None => format!("{}:{}", item.name, item.item_type),
    });
    let keys = entry.keys.iter().map(|key| format!("{}:{}", key.columns.join("+"), key.key_type));
    let listed = |list: Vec<String>| list.join("; ");
    let personal = match entry.personal_data {
        PersonalData::None => named("none", "不含"),
        other => named(other.name(), other.chinese()),
    };
    let (sharing, cycle) = (entry.sharing.sharing_type, entry.update_cycle);
    let optional = |text: &Option<String>| text.clone().unwrap_or_default();
    let number = |number: Option<u64>| number.map(|number| number.to_string()).unwrap_or_default();
    let mut rows = vec![
        (Field::Code, entry.code.clone()),
        (Field::RelatedCode, optional(&entry.related_code)),
        (Field::Class, place.class.clone()),
        (Field::Division, place.division.clone()),
        (Field::Subject, place.subject.clone()),
        (Field::Detail, optional(&place.detail)),
        (Field::Domain, named(entry.domain.name(), entry.domain.chinese())),
        (Field::Department, entry.provider.department.clone()),
        (Field::ProviderCode, entry.provider.code.clone()),
        (Field::Abstract, entry.summary.clone()),
        (Field::Format, entry.format.clone()),
        (Field::Items, listed(items.collect())),
        (Field::Sharing, named(sharing.name(), sharing.chinese())),
        (Field::Condition, optional(&entry.sharing.condition)),
        (Field::LegalBasis, optional(&entry.sharing.legal_basis)),
        (Field::SharingMode, entry.sharing.mode.clone()),
        (Field::Open, if entry.openness.open { named("yes", "是") } else { named("no", "否") }),
        (Field::OpenCondition, optional(&entry.openness.condition)),
        (Field::UpdateCycle, named(cycle.name(), cycle.chinese())),
        (Field::Published, entry.published.to_string()),
        (Field::PersonalData, personal),
        (Field::Keys, listed(keys.collect())),
        (Field::Modes, listed(entry.modes.iter().map(ToString::to_string).collect())),
        (Field::SmallestResult, number(entry.smallest_result)),
        (Field::Quota, number(entry.quota)),
    ];
    rows.retain(|(_, value)| !value.is_empty());
    rows
}
