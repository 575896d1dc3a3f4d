//! The report as one page for a browser, with nothing that it would have to fetch.

use std::{
    fmt::Write as _,
    fs::{self, File},
    io::Write as _,
    os::unix::fs::PermissionsExt,
    path::Path,
};

use records::standard::CalendarDate;

use super::{Report, Share};
use crate::{
    failure::{Failure, Status},
    text::{
        self, Lang,
        check::{Words, words},
    },
};

/// How the page looks.
const STYLE: &str = include_str!("report.css");

/// The page, as of `today`.
#[must_use]
pub(super) fn page(lang: Lang, report: &Report, today: CalendarDate) -> String {
    let words = words(lang);
    let mut body = String::new();
    head(lang, report, &words, &mut body);
    figures(report, &words, &mut body);
    composition(report, &words, &mut body);
    let refused: Vec<_> = report
        .refused
        .iter()
        .map(|one| Line {
            column: Some(one.column.as_str()),
            name: one.reason.name(),
            explanation: text::check::reason(lang, one.reason),
            rows: one.rows,
        })
        .collect();
    let warnings: Vec<_> = report
        .warnings
        .iter()
        .map(|one| Line {
            column: None,
            name: one.warning.name(),
            explanation: text::check::warning(lang, one.warning),
            rows: one.rows,
        })
        .collect();
    table(report, &words, (words.reasons, words.reason, "bad"), &refused, &mut body);
    table(report, &words, (words.warnings, words.warning, "odd"), &warnings, &mut body);
    estimate(lang, report, &words, &mut body);
    let version = env!("CARGO_PKG_VERSION");
    put(&mut body, format_args!("<footer>{} yuandang {version}, {today}</footer>", words.counts_only));
    let (language, title) = (lang.pick("en", "zh-Hans"), format!("{} · {}", words.title, Escaped(&report.source)));
    format!(
        "<!doctype html>\n<html lang=\"{language}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n{body}</main>\n</body>\n</html>\n"
    )
}

/// Writes the page to `path`, whole or not at all. Anybody may read it who may read other new files there.
///
/// # Errors
/// If it is there already and is not to be replaced, or cannot be written.
pub(super) fn write(path: &Path, page: &str, overwrite: bool) -> Result<(), Failure> {
    let cannot = |cause: std::io::Error| Failure::new(Status::Usage, format_args!("{}: {cause}", path.display()));
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new()
        .prefix(".check-")
        .permissions(fs::Permissions::from_mode(0o644))
        .tempfile_in(folder)
        .map_err(cannot)?;
    file.write_all(page.as_bytes()).and_then(|()| file.as_file().sync_all()).map_err(cannot)?;
    let kept: Result<File, _> = if overwrite { file.persist(path) } else { file.persist_noclobber(path) };
    kept.map(drop).map_err(|error| cannot(error.error))
}

/// Text that stands in a page as it is.
struct Escaped<'a>(&'a str);

impl std::fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '"' => f.write_str("&quot;"),
            '\'' => f.write_str("&#39;"),
            _ if c.is_control() => f.write_char(char::REPLACEMENT_CHARACTER),
            _ => f.write_char(c),
        })
    }
}

/// A share, as it stands in a page.
fn shown(share: Share) -> String {
    Escaped(&share.to_string()).to_string()
}

/// Appends a line. Writing to a string does not fail.
fn put(page: &mut String, line: std::fmt::Arguments<'_>) {
    let _ = writeln!(page, "{line}");
}

fn head(lang: Lang, report: &Report, words: &Words, page: &mut String) {
    put(page, format_args!("<header><p class=\"kind\">{}</p><h1>{}</h1>", words.title, Escaped(&report.source)));
    let keys = report.key.iter().map(|column| format!("<code>{}</code>", Escaped(column))).collect::<Vec<_>>();
    let (types, standard) = (report.key_types.join(" + "), report.data_standard);
    let age = text::check::age(lang, &report.snapshot);
    let key = lang.pick("key", "键");
    put(page, format_args!("<p>{key} {} · {} · {standard}</p>", keys.join(" "), Escaped(&types)));
    let odd = text::check::odd_dates(lang, &report.snapshot);
    let odd = odd.map_or_else(String::new, |odd| format!(" · {odd}"));
    put(page, format_args!("<p>{}: {}{odd}</p></header>", words.age, Escaped(&age)));
}

fn figures(report: &Report, words: &Words, page: &mut String) {
    put(page, format_args!("<dl class=\"figures\">"));
    for (name, rows, class) in [
        (words.rows, report.rows, ""),
        (words.keyed, report.keyed, ""),
        (words.distinct, report.distinct, "good"),
        (words.duplicates, report.duplicate_rows, "again"),
        (words.missing, report.missing, "none"),
        (words.refused, report.refused_rows, "bad"),
    ] {
        let (rows, share) = (text::count(rows), shown(report.share(rows)));
        put(page, format_args!("<div class=\"{class}\"><dt>{name}</dt><dd>{rows}<small>{share}</small></dd></div>"));
    }
    put(page, format_args!("</dl>"));
}

/// One bar of which the parts are all rows.
fn composition(report: &Report, words: &Words, page: &mut String) {
    put(page, format_args!("<div class=\"whole\">"));
    for (name, rows, class) in [
        (words.distinct, report.distinct, "good"),
        (words.duplicates, report.duplicate_rows, "again"),
        (words.missing, report.missing, "none"),
        (words.refused, report.refused_rows, "bad"),
    ] {
        let (width, share) = (report.share(rows).percent(), shown(report.share(rows)));
        put(page, format_args!("<i class=\"{class}\" style=\"width:{width:.3}%\" title=\"{name}: {share}\"></i>"));
    }
    put(page, format_args!("</div>"));
}

/// A line of a table.
struct Line<'a> {
    column: Option<&'a str>,
    name: &'a str,
    explanation: &'a str,
    rows: u64,
}

fn table(
    report: &Report,
    words: &Words,
    (heading, what, class): (&str, &str, &str),
    lines: &[Line<'_>],
    page: &mut String,
) {
    put(page, format_args!("<section><h2>{heading}</h2>"));
    let Some(most) = lines.iter().map(|line| line.rows).max() else {
        return put(page, format_args!("<p>{}</p></section>", words.none));
    };
    let column = lines.first().and_then(|line| line.column).map(|_| format!("<th>{}</th>", words.column));
    let (column, rows, share) = (column.unwrap_or_default(), words.rows, words.share);
    put(
        page,
        format_args!(
            "<table><thead><tr>{column}<th>{what}</th><th class=\"bar\"></th><th class=\"n\">{rows}</th>\
             <th class=\"n\">{share}</th></tr></thead><tbody>"
        ),
    );
    for line in lines {
        let column = line.column.map(|column| format!("<td><code>{}</code></td>", Escaped(column)));
        let (column, width) = (column.unwrap_or_default(), Share { part: line.rows, whole: most }.percent());
        let (name, explanation) = (line.name, Escaped(line.explanation));
        let (rows, share) = (text::count(line.rows), shown(report.share(line.rows)));
        put(
            page,
            format_args!(
                "<tr>{column}<td><b>{name}</b><small>{explanation}</small></td>\
                 <td class=\"bar\"><i class=\"{class}\" style=\"width:{width:.2}%\"></i></td>\
                 <td class=\"n\">{rows}</td><td class=\"n\">{share}</td></tr>"
            ),
        );
    }
    put(page, format_args!("</tbody></table></section>"));
}

fn estimate(lang: Lang, report: &Report, words: &Words, page: &mut String) {
    let Some(one) = &report.estimate else { return };
    put(page, format_args!("<section><h2>{}</h2><table class=\"facts\"><tbody>", words.estimate));
    for (name, value) in text::check::estimate(lang, one) {
        put(page, format_args!("<tr><th>{name}</th><td>{}</td></tr>", Escaped(&value)));
    }
    put(page, format_args!("</tbody></table></section>"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_page_is_taken_for_markup() {
        let hostile = "<script>alert('1')</script>&\"\u{1b}";
        assert_eq!(Escaped(hostile).to_string(), "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;&quot;\u{fffd}");
    }

    #[test]
    fn a_page_that_is_there_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.html");
        write(&path, "one", false).unwrap();
        assert_eq!(write(&path, "two", false).unwrap_err().status, Status::Usage);
        assert_eq!(fs::read_to_string(&path).unwrap(), "one");
        write(&path, "two", true).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "two");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
