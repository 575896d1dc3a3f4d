//! What is odd about a value that makes a key all the same.

use std::fmt;

use super::vocabulary::vocabulary;

vocabulary! {
    /// What is odd about a value. The row is matched all the same.
    Warning, UnknownWarning, "warning":
    /// Spaces were dropped.
    Spaces = "spaces",
        "spaces were dropped",
        "已去除空格";
    /// Invisible characters were dropped.
    Invisible = "invisible-characters",
        "invisible characters were dropped",
        "已去除不可见字符";
    /// Hyphens, brackets or other separators were dropped.
    Separators = "separators",
        "hyphens or other separators were dropped",
        "已去除连字符等分隔符";
    /// Full-width or other compatible forms were replaced.
    FullWidth = "full-width",
        "full-width or other compatible forms were replaced",
        "已将全角等兼容字符转换";
    /// Small letters were made capital.
    LowerCase = "lower-case",
        "small letters were made capital",
        "已将小写字母转为大写";
    /// An apostrophe in front was dropped.
    Apostrophe = "leading-apostrophe",
        "an apostrophe in front, a spreadsheet's mark of text, was dropped",
        "已去除电子表格文本标记（前导撇号）";
    /// A number of fifteen digits was converted.
    FromFifteen = "converted-from-15-digits",
        "fifteen digits were converted to eighteen",
        "十五位号码已升为十八位";
    /// Fifteen digits with a sequence that was kept for the very old.
    Centenarian = "centenarian-sequence",
        "fifteen digits of somebody who may be born in 18xx (sequence 996 to 999): look at it by hand",
        "十五位号码顺序码为 996–999，可能出生于 18xx 年：请人工核对";
    /// A region code of no province.
    UnknownProvince = "unknown-province",
        "the region code begins with no known province",
        "行政区划代码的省级前缀未知";
    /// A foreigner's card of the old kind.
    OldForeignCard = "old-foreign-card",
        "a foreigner's permanent residence card from before December 2023: its new number is another key",
        "2023 年 12 月前的外国人永久居留证：与新证号码是不同的键";
    /// The check digit fits by chance, perhaps.
    EndsInZeros = "ends-in-000",
        "ends in 000 though the check digit fits: perhaps a spreadsheet cut it",
        "校验码虽符但末三位为 000：可能被电子表格截断";
    /// The organisation code inside has a wrong check digit.
    OrganisationCheck = "organisation-check",
        "the organisation code inside (characters 9 to 17) has a wrong check digit",
        "其中的组织机构代码（第 9–17 位）校验码不符";
    /// The country's dialling code was dropped.
    CountryCode = "country-code",
        "the dialling code 86 was dropped",
        "已去除国家代码 86";
    /// The dot between the parts of a name was written in another way.
    Dots = "dots",
        "dots or spaces round them were unified to ·",
        "间隔号已统一为 ·";
    /// A private-use character was replaced.
    PrivateUse = "private-use-replaced",
        "a private-use character was replaced by the Han character it stood for",
        "私用区字符已替换为对应汉字";
    /// A private-use character was kept.
    PrivateUseLeft = "private-use-left",
        "a private-use character that others may not have: ask where it came from",
        "含有他方可能没有的私用区字符：请核对来源";
    /// The date was written in another form.
    DateForm = "date-rewritten",
        "the date was written in another form than YYYYMMDD",
        "日期已改写为 YYYYMMDD";
}

/// A set of [`Warning`]s.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Warnings(u32);

// One bit for each.
const _: () = assert!(Warning::ALL.len() <= 32);

impl Warnings {
    /// None.
    pub const NONE: Self = Self(0);

    /// Adds one.
    pub const fn add(&mut self, warning: Warning) {
        self.0 |= 1 << warning as u32;
    }

    /// Whether `warning` is one of them.
    #[must_use]
    pub const fn contains(self, warning: Warning) -> bool {
        self.0 & (1 << warning as u32) != 0
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// How many there are.
    #[must_use]
    pub const fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// Those of either.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Each of them, in the order of [`Warning::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Warning> {
        Warning::ALL.into_iter().filter(move |&warning| self.contains(warning))
    }
}

impl FromIterator<Warning> for Warnings {
    fn from_iter<I: IntoIterator<Item = Warning>>(all: I) -> Self {
        let mut warnings = Self::NONE;
        all.into_iter().for_each(|warning| warnings.add(warning));
        warnings
    }
}

impl fmt::Debug for Warnings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(Warning::name)).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{super::reason::Reason, *};

    #[test]
    fn a_set_holds_what_was_added() {
        for warning in Warning::ALL {
            let set: Warnings = [warning].into_iter().collect();
            assert_eq!((set.iter().collect::<Vec<_>>(), set.len()), (vec![warning], 1));
        }
        let all: Warnings = Warning::ALL.into_iter().collect();
        assert!(all.iter().eq(Warning::ALL) && !all.is_empty() && Warnings::NONE.is_empty());
        let two: Warnings = [Warning::Spaces, Warning::Dots].into_iter().collect();
        assert_eq!(format!("{two:?}"), r#"{"spaces", "dots"}"#);
        assert_eq!(Warnings::NONE.union(two), two);
    }

    #[test]
    fn every_name_is_one_of_its_own_and_read_back() {
        let names: HashSet<&str> =
            Warning::ALL.map(Warning::name).into_iter().chain(Reason::ALL.map(Reason::name)).collect();
        assert_eq!(names.len(), Warning::ALL.len() + Reason::ALL.len());
        for name in &names {
            assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'));
        }
        for warning in Warning::ALL {
            assert_eq!(warning.to_string().parse(), Ok(warning));
            assert!(!warning.english().is_empty() && !warning.chinese().is_ascii());
        }
        for reason in Reason::ALL {
            assert_eq!(reason.to_string().parse(), Ok(reason));
            assert!(!reason.english().is_empty() && !reason.chinese().is_ascii());
        }
        assert_eq!("no".parse::<Reason>().unwrap_err().to_string(), "there is no reason for refusal \"no\"");
    }
}
