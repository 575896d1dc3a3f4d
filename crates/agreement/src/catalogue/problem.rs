//! What is wrong with an entry, field by field, in words.

use std::fmt;

use records::Reason;

use super::vocabulary::Field;

/// What is wrong with one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Which field.
    pub field: Field,
    /// What is wrong with it.
    pub fault: Fault,
}

/// What can be wrong with a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing stands there.
    Missing,
    /// More bytes than fit.
    Long(usize),
    /// Characters that nobody sees.
    Unseen,
    /// A word that is none of those that are known.
    Unknown(String, &'static [&'static str]),
    /// A value that is not in its form: the value, the form in English, in Chinese.
    Form(String, &'static str, &'static str),
    /// No unified social credit code.
    SocialCreditCode(Reason),
    /// It stands twice.
    Twice(String),
    /// It does not go with another field: why in English, in Chinese.
    Unfit(&'static str, &'static str),
    /// A number that is 0 or too large.
    Number,
    /// An earlier row of the same file, of this number, has the same.
    EarlierRow(u64),
}

impl Problem {
    /// A problem of this field.
    #[must_use]
    pub const fn new(field: Field, fault: Fault) -> Self {
        Self { field, fault }
    }
}

impl Fault {
    /// In English.
    #[must_use]
    pub fn english(&self) -> String {
        match self {
            Self::Missing => "is missing".to_owned(),
            Self::Long(most) => format!("has more than {most} bytes"),
            Self::Unseen => "has characters that are not seen".to_owned(),
            Self::Unknown(value, known) => format!("{value:?} is none of: {}", known.join(", ")),
            Self::Form(value, form, _) => format!("{value:?} is not in its form: {form}"),
            Self::SocialCreditCode(reason) => format!("is no unified social credit code: {}", reason.english()),
            Self::Twice(value) => format!("{value:?} stands twice"),
            Self::Unfit(english, _) => (*english).to_owned(),
            Self::Number => "must be 1 or more, and below 2^53".to_owned(),
            Self::EarlierRow(row) => format!("row {row} has the same"),
        }
    }

    /// In Chinese.
    #[must_use]
    pub fn chinese(&self) -> String {
        match self {
            Self::Missing => "缺失".to_owned(),
            Self::Long(most) => format!("超过 {most} 字节"),
            Self::Unseen => "含有不可见字符".to_owned(),
            Self::Unknown(value, known) => format!("“{value}”不在取值范围内：{}", known.join("、")),
            Self::Form(value, _, form) => format!("“{value}”格式不对：{form}"),
            Self::SocialCreditCode(reason) => format!("不是统一社会信用代码：{}", reason.chinese()),
            Self::Twice(value) => format!("“{value}”重复出现"),
            Self::Unfit(_, chinese) => (*chinese).to_owned(),
            Self::Number => "应为 1 以上且小于 2^53 的整数".to_owned(),
            Self::EarlierRow(row) => format!("与第 {row} 行相同"),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.fault.english())
    }
}
