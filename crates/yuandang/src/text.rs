//! What is said to people, in English and in Chinese. One function says one thing in both languages,
//! so that neither is forgotten when something changes.

pub mod agreements;
pub mod catalogue;
pub mod check;
pub mod demo;
pub mod identity;
pub mod job;
pub mod matching;
pub mod receipts;
pub mod results;
pub mod supervisor;

use clap::ValueEnum;

/// The languages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Lang {
    /// English.
    En,
    /// Chinese, in simplified characters.
    Zh,
}

impl Lang {
    /// Chinese where the environment says so (LC_ALL before LC_MESSAGES before LANG, as in POSIX),
    /// otherwise English.
    #[must_use]
    pub fn of_environment() -> Self {
        let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let locale = set("LC_ALL").or_else(|| set("LC_MESSAGES")).or_else(|| set("LANG"));
        Self::of_locale(&locale.unwrap_or_default())
    }

    fn of_locale(locale: &str) -> Self {
        if locale.to_ascii_lowercase().starts_with("zh") { Self::Zh } else { Self::En }
    }

    /// The one of two texts that is in this language.
    #[must_use]
    pub fn pick<'a>(self, english: &'a str, chinese: &'a str) -> &'a str {
        match self {
            Self::En => english,
            Self::Zh => chinese,
        }
    }
}

/// A count with its thousands apart.
#[must_use]
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A file with so many rows was made.
#[must_use]
pub fn generated(lang: Lang, rows: u64, path: &std::path::Path) -> String {
    match lang {
        Lang::En => format!("{} rows in {}", count(rows), path.display()),
        Lang::Zh => format!("{} 行：{}", count(rows), path.display()),
    }
}

/// A number of bytes in the unit that suits it; units are powers of ten.
#[must_use]
pub fn bytes(number: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if number < 1000 {
        return format!("{number} B");
    }
    // What is lost beyond 2^53 does not show in one decimal.
    let mut value = number as f64 / 1000.0;
    let mut units = UNITS.iter();
    let mut unit = units.next().copied().unwrap_or_default();
    for next in units {
        if value < 999.95 {
            break;
        }
        value /= 1000.0;
        unit = next;
    }
    format!("{value:.1} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_locale_says_which_language() {
        for locale in ["zh", "zh_CN.UTF-8", "zh-Hans", "ZH_TW"] {
            assert_eq!(Lang::of_locale(locale), Lang::Zh);
        }
        for locale in ["", "C", "en_US.UTF-8", "de_DE"] {
            assert_eq!(Lang::of_locale(locale), Lang::En);
        }
    }

    #[test]
    fn numbers_are_easy_to_read() {
        let counts: Vec<String> = [0, 7, 999, 1000, 886_000, 1_234_567].into_iter().map(count).collect();
        assert_eq!(counts, ["0", "7", "999", "1,000", "886,000", "1,234,567"]);
        let sizes: Vec<String> =
            [0, 999, 1000, 999_949, 999_950, 28_000_000, u64::MAX].into_iter().map(bytes).collect();
        assert_eq!(sizes, ["0 B", "999 B", "1.0 kB", "999.9 kB", "1.0 MB", "28.0 MB", "18446744.1 TB"]);
    }
}
