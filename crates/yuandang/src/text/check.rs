//! What `check` says.

use std::path::Path;

use psi::cost::About;
use records::{Reason, Warning};

use super::{Lang, bytes, count};
use crate::check::{Age, Bar, Colour, Estimate, LINE, Origin, Paint, Report, columns_of, wrapped};

/// Columns of the names of figures.
const NAMES: usize = 26;

/// The names of what is counted, and headings.
pub struct Words {
    /// The report.
    pub title: &'static str,
    /// All rows.
    pub rows: &'static str,
    /// Rows that have a key.
    pub keyed: &'static str,
    /// Distinct keys.
    pub distinct: &'static str,
    /// Rows whose key an earlier row had.
    pub duplicates: &'static str,
    /// Rows without a key.
    pub missing: &'static str,
    /// Rows that are refused.
    pub refused: &'static str,
    /// How old the data is.
    pub age: &'static str,
    /// Heading of the reasons for refusal.
    pub reasons: &'static str,
    /// Heading of the warnings.
    pub warnings: &'static str,
    /// Heading of the estimate.
    pub estimate: &'static str,
    /// A key column.
    pub column: &'static str,
    /// A reason.
    pub reason: &'static str,
    /// A warning.
    pub warning: &'static str,
    /// A share.
    pub share: &'static str,
    /// What a report does not hold.
    pub counts_only: &'static str,
    /// There is nothing under a heading.
    pub none: &'static str,
}

/// The words of a language.
#[must_use]
pub fn words(lang: Lang) -> Words {
    Words {
        title: lang.pick("Data quality", "数据质量报告"),
        rows: lang.pick("rows", "行数"),
        keyed: lang.pick("rows with a key", "有键的行"),
        distinct: lang.pick("distinct keys", "不同的键"),
        duplicates: lang.pick("duplicate rows", "键重复的行"),
        missing: lang.pick("rows without a key", "缺键的行"),
        refused: lang.pick("refused rows", "被拒绝的行"),
        age: lang.pick("data as of", "数据日期"),
        reasons: lang.pick("Refused, by key column and reason: not matched", "被拒绝的行（按键列和原因）：不参与比对"),
        warnings: lang
            .pick("Odd and matched all the same, by warning", "有警告、仍参与比对的行（按警告；一行可有多个）"),
        estimate: lang.pick("A job would take, about", "任务预计"),
        column: lang.pick("column", "列"),
        reason: lang.pick("reason", "原因"),
        warning: lang.pick("warning", "警告"),
        share: lang.pick("share", "占比"),
        counts_only: lang.pick(
            "This report holds counts alone, and no value of any record.",
            "本报告只含计数，不含任何记录的内容。",
        ),
        none: lang.pick("none", "无"),
    }
}

/// Why a value is refused.
#[must_use]
pub fn reason(lang: Lang, reason: Reason) -> &'static str {
    lang.pick(reason.english(), reason.chinese())
}

/// What is odd about a value.
#[must_use]
pub fn warning(lang: Lang, warning: Warning) -> &'static str {
    lang.pick(warning.english(), warning.chinese())
}

/// How old data is, and what tells it.
#[must_use]
pub fn age(lang: Lang, age: &Age) -> String {
    let rests_on = match (lang, &age.origin) {
        (Lang::En, Origin::Given) => "as given".to_owned(),
        (Lang::Zh, Origin::Given) => "由命令行给出".to_owned(),
        (Lang::En, Origin::FileModified) => "last change of the file".to_owned(),
        (Lang::Zh, Origin::FileModified) => "文件最后修改时间".to_owned(),
        (Lang::En, Origin::Read) => "read as it stood".to_owned(),
        (Lang::Zh, Origin::Read) => "读取时的状态".to_owned(),
        (Lang::En, Origin::Column { column, .. }) => format!("newest date in column {column}"),
        (Lang::Zh, Origin::Column { column, .. }) => format!("“{column}”列的最新日期"),
    };
    let Some((date, days)) = age.date.zip(age.age_days) else {
        return match lang {
            Lang::En => format!("not known ({rests_on}: there is none)"),
            Lang::Zh => format!("未知（{rests_on}：没有日期）"),
        };
    };
    let ago = match (lang, days) {
        (_, ..0) => lang.pick("in the future", "在将来").to_owned(),
        (_, 0) => lang.pick("today", "今天").to_owned(),
        (Lang::En, 1) => "1 day ago".to_owned(),
        (Lang::En, _) => format!("{days} days ago"),
        (Lang::Zh, _) => format!("{days} 天前"),
    };
    match lang {
        Lang::En => format!("{date}, {ago} ({rests_on})"),
        Lang::Zh => format!("{date}，{ago}（{rests_on}）"),
    }
}

/// What is odd about the dates that tell an age, if anything is.
#[must_use]
pub fn odd_dates(lang: Lang, age: &Age) -> Option<String> {
    let Origin::Column { later_dates, unreadable_dates, .. } = &age.origin else { return None };
    let (later, unreadable) = (count(*later_dates), count(*unreadable_dates));
    (*later_dates > 0 || *unreadable_dates > 0).then(|| match lang {
        Lang::En => format!("{later} rows have a date in the future, {unreadable} one that is no date"),
        Lang::Zh => format!("{later} 行的日期在将来，{unreadable} 行不是日期"),
    })
}

/// What a job would take, line by line: a name and a value.
#[must_use]
pub fn estimate(lang: Lang, one: &Estimate) -> Vec<(&'static str, String)> {
    let Estimate { mode, role, protocol, network, threads, bins, .. } = one;
    let (items, peer_items) = (count(one.items), count(one.peer_items));
    let job = match lang {
        Lang::En => format!("{mode}, as {role}, protocol {protocol}"),
        Lang::Zh => {
            let role = lang.pick("", if role.to_string() == "sender" { "发送方" } else { "接收方" });
            format!("{mode}，作为{role}，协议 {protocol}")
        }
    };
    let sets = match lang {
        Lang::En if *bins == 1 => format!("{items} here, {peer_items} there"),
        Lang::Zh if *bins == 1 => format!("本方 {items}，对方 {peer_items}"),
        Lang::En => format!("{items} here, {peer_items} there, in {bins} bins"),
        Lang::Zh => format!("本方 {items}，对方 {peer_items}，分 {bins} 箱"),
    };
    let time = match (lang, network.as_str()) {
        (Lang::En, "lan") => format!("{} with {threads} threads, a line that costs no time", About(one.seconds)),
        (Lang::Zh, "lan") => format!("{}，{threads} 线程，不计线路耗时", About(one.seconds)),
        (Lang::En, _) => format!("{} with {threads} threads, a line of {network} (ms, Mbit/s)", About(one.seconds)),
        (Lang::Zh, _) => format!("{}，{threads} 线程，线路 {network}（毫秒, Mbit/s）", About(one.seconds)),
    };
    vec![
        (lang.pick("job", "任务"), job),
        (lang.pick("distinct keys", "不同的键"), sets),
        (lang.pick("time", "时间"), time),
        (lang.pick("sent", "发送"), bytes(one.bytes_sent)),
        (lang.pick("received", "接收"), bytes(one.bytes_received)),
        (lang.pick("memory here, at the most", "本方内存，至多"), bytes(one.memory_bytes)),
    ]
}

/// The whole report, in lines that fit a terminal.
#[must_use]
pub fn report(lang: Lang, report: &Report, page: Option<&Path>, paint: Paint) -> String {
    let words = words(lang);
    let key = report.key.join(", ");
    let types = report.key_types.join(", ");
    let mut lines = vec![
        paint.with(Colour::Bold, &report.source),
        match lang {
            Lang::En => format!("key {key}: {types}, data standard {}", report.data_standard),
            Lang::Zh => format!("键 {key}：{types}，数据标准 {}", report.data_standard),
        },
        String::new(),
    ];
    for (name, rows, part) in [
        (words.rows, report.rows, false),
        (words.keyed, report.keyed, true),
        (words.distinct, report.distinct, false),
        (words.duplicates, report.duplicate_rows, true),
        (words.missing, report.missing, true),
        (words.refused, report.refused_rows, true),
    ] {
        let share = if part { report.share(rows).to_string() } else { String::new() };
        let line = format!("{}{:>13} {share:>8}", padded(name), count(rows));
        lines.push(line.trim_end().to_owned());
    }
    let age_lines = wrapped(&age(lang, &report.snapshot), LINE - NAMES - 1);
    lines.push(format!("{} {}", padded(words.age), age_lines.join(&format!("\n{}", " ".repeat(NAMES + 1)))));
    lines.extend(odd_dates(lang, &report.snapshot).map(|text| format!("{} {text}", " ".repeat(NAMES))));
    refusals(lang, report, &words, paint, &mut lines);
    warnings(lang, report, &words, paint, &mut lines);
    if let Some(one) = &report.estimate {
        lines.extend([String::new(), paint.with(Colour::Bold, words.estimate)]);
        lines.extend(
            estimate(lang, one).into_iter().map(|(name, value)| format!("{} {value}", padded(&format!("  {name}")))),
        );
    }
    let rejects = report.rejects.as_ref().map(|rejects| (count(rejects.rows), &rejects.file));
    if rejects.is_some() || page.is_some() {
        lines.push(String::new());
    }
    lines.extend(rejects.map(|(rows, file)| match lang {
        Lang::En => format!("{rows} refused rows are in {file}: personal data, for this machine alone"),
        Lang::Zh => format!("被拒绝的 {rows} 行已写入 {file}：含个人信息，只供本机使用"),
    }));
    lines.extend(page.map(|page| match lang {
        Lang::En => format!("the report is in {}", page.display()),
        Lang::Zh => format!("报告已写入 {}", page.display()),
    }));
    lines.join("\n")
}

fn refusals(lang: Lang, report: &Report, words: &Words, paint: Paint, lines: &mut Vec<String>) {
    let Some(most) = report.refused.iter().map(|one| one.rows).max() else { return };
    lines.extend([String::new(), paint.with(Colour::Bold, words.reasons)]);
    for column in &report.key {
        let of_column: Vec<_> = report.refused.iter().filter(|one| one.column == *column).collect();
        if of_column.is_empty() {
            continue;
        }
        if report.key.len() > 1 {
            lines.push(format!("  {column}"));
        }
        for one in of_column {
            let bar = bar(report, one.reason.name(), one.rows, most);
            lines.push(bar.line(paint, Colour::Red));
            explain(reason(lang, one.reason), paint, lines);
        }
    }
}

fn warnings(lang: Lang, report: &Report, words: &Words, paint: Paint, lines: &mut Vec<String>) {
    let Some(most) = report.warnings.iter().map(|one| one.rows).max() else { return };
    lines.extend([String::new(), paint.with(Colour::Bold, words.warnings)]);
    for one in &report.warnings {
        lines.push(bar(report, one.warning.name(), one.rows, most).line(paint, Colour::Yellow));
        explain(warning(lang, one.warning), paint, lines);
    }
}

fn bar<'a>(report: &Report, name: &'a str, rows: u64, most: u64) -> Bar<'a> {
    Bar { name, part: rows, longest: most, count: count(rows), share: report.share(rows).to_string() }
}

fn explain(text: &str, paint: Paint, lines: &mut Vec<String>) {
    lines.extend(wrapped(text, LINE - 4).iter().map(|line| format!("    {}", paint.with(Colour::Faint, line))));
}

/// `name`, and spaces up to where its value begins.
fn padded(name: &str) -> String {
    format!("{name}{}", " ".repeat(NAMES.saturating_sub(columns_of(name))))
}

#[cfg(test)]
mod tests {
    use records::standard::CalendarDate;

    use super::*;

    fn aged(age_days: i64, origin: Origin) -> Age {
        Age { date: CalendarDate::new(2026, 3, 1), age_days: Some(age_days), origin }
    }

    #[test]
    fn an_age_is_said_in_words() {
        let said = |days| age(Lang::En, &aged(days, Origin::FileModified));
        assert_eq!(said(0), "2026-03-01, today (last change of the file)");
        assert_eq!(said(1), "2026-03-01, 1 day ago (last change of the file)");
        assert_eq!(said(40), "2026-03-01, 40 days ago (last change of the file)");
        assert!(said(-2).contains("in the future"));
        assert_eq!(age(Lang::Zh, &aged(3, Origin::Given)), "2026-03-01，3 天前（由命令行给出）");
    }

    #[test]
    fn dates_that_tell_nothing_are_counted() {
        let column = |later_dates, unreadable_dates| {
            aged(1, Origin::Column { column: "day".to_owned(), later_dates, unreadable_dates })
        };
        assert_eq!(odd_dates(Lang::En, &column(0, 0)), None);
        let said = odd_dates(Lang::En, &column(1000, 2)).unwrap();
        assert_eq!(said, "1,000 rows have a date in the future, 2 one that is no date");
        let none = Age { date: None, age_days: None, ..column(0, 3) };
        assert_eq!(age(Lang::En, &none), "not known (newest date in column day: there is none)");
    }
}
