//! The words of the catalogue, each with its name in statements, its name in Chinese, and other ways in which exports of
//! existing catalogues write it.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A name that is none of a vocabulary.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0:?} is none of: {names}", names = .1.join(", "))]
pub struct UnknownName(pub String, pub &'static [&'static str]);

/// Names as they are compared: spaces around them, capitals, and what stands between words make no difference.
fn folded(text: &str) -> String {
    let between = |c: char| if matches!(c, ' ' | '_' | '\u{3000}') { '-' } else { c };
    text.trim().to_lowercase().chars().map(between).collect()
}

macro_rules! vocabulary {
    (
        $(#[$doc:meta])* $name:ident:
        $($(#[$each:meta])* $variant:ident = $token:literal, $chinese:literal $(, $alias:literal)*;)+
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "&'static str")]
        pub enum $name {
            $($(#[$each])* $variant,)+
        }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];
            /// Their names.
            pub const NAMES: &'static [&'static str] = &[$($token,)+];

            /// The name in statements and messages.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $token,)+ }
            }

            /// The name in Chinese.
            #[must_use]
            pub const fn chinese(self) -> &'static str {
                match self { $(Self::$variant => $chinese,)+ }
            }

            /// All ways to write it.
            const fn spellings(self) -> &'static [&'static str] {
                match self { $(Self::$variant => &[$token, $chinese $(, $alias)*],)+ }
            }
        }

        impl FromStr for $name {
            type Err = UnknownName;

            fn from_str(text: &str) -> Result<Self, UnknownName> {
                let wanted = folded(text);
                let known = |one: &&Self| one.spellings().iter().any(|spelling| folded(spelling) == wanted);
                let found = Self::ALL.iter().find(known).copied();
                found.ok_or_else(|| UnknownName(crate::printable(text, 64), Self::NAMES))
            }
        }

        // Statements have one way to write it.
        impl TryFrom<String> for $name {
            type Error = UnknownName;

            fn try_from(text: String) -> Result<Self, UnknownName> {
                let found = Self::ALL.iter().find(|one| one.name() == text).copied();
                found.ok_or_else(|| UnknownName(crate::printable(&text, 64), Self::NAMES))
            }
        }

        impl From<$name> for &'static str {
            fn from(one: $name) -> Self {
                one.name()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.name())
            }
        }
    };
}

vocabulary! {
    /// What a dataset is about: the eight domains in which the region shares.
    Domain:
    /// Companies and other legal persons.
    LegalPersons = "legal-persons", "法人", "法人信息", "法人单位";
    /// Residents.
    NaturalPersons = "natural-persons", "自然人", "人口", "人口信息", "自然人信息";
    /// Certificates and licences in electronic form.
    ECertificates = "e-certificates", "电子证照", "证照";
    /// Education and culture.
    EducationCulture = "education-culture", "教育文化", "文化教育", "科教文化", "教育", "education and culture";
    /// Transport.
    Transport = "transport", "交通", "交通出行", "交通运输";
    /// Housing.
    Housing = "housing", "住房", "住房保障", "住房公积金";
    /// Employment and social security.
    EmploymentSocialSecurity = "employment-social-security", "就业社保", "就业和社会保障", "社会保障",
        "employment and social security";
    /// Medical insurance.
    MedicalInsurance = "medical-insurance", "医保", "医疗保障", "医疗保险";
}

vocabulary! {
    /// Whether other departments may have a dataset (共享类型).
    SharingType:
    /// Any may.
    Unconditional = "unconditional", "无条件共享", "无条件";
    /// Those that meet a condition may.
    Conditional = "conditional", "有条件共享", "有条件";
    /// None may.
    NotShared = "not-shared", "不予共享", "不共享";
}

vocabulary! {
    /// How often a dataset is brought up to date (更新周期).
    UpdateCycle:
    /// At once.
    RealTime = "real-time", "实时", "realtime";
    /// Every day.
    Daily = "daily", "每日", "每天", "日";
    /// Every week.
    Weekly = "weekly", "每周", "周";
    /// Every month.
    Monthly = "monthly", "每月", "月";
    /// Every three months.
    Quarterly = "quarterly", "每季度", "季度", "每季", "季";
    /// Every six months.
    HalfYearly = "half-yearly", "每半年", "半年";
    /// Every year.
    Yearly = "yearly", "每年", "年", "年度", "annually";
    /// Now and then.
    Irregular = "irregular", "不定期", "不定时";
}

vocabulary! {
    /// What a dataset says of persons (PIPL, articles 4 and 28).
    PersonalData:
    /// Nothing.
    None = "none", "不含个人信息", "无", "非个人信息";
    /// Personal information.
    Personal = "personal", "一般个人信息", "个人信息", "一般";
    /// Sensitive personal information: health, finances, whereabouts, or of children under 14.
    Sensitive = "sensitive", "敏感个人信息", "敏感";
}

vocabulary! {
    /// The type of a data item (数据类型).
    ItemType:
    /// Characters.
    Text = "text", "字符型", "C", "字符", "字符串型", "string", "varchar";
    /// A number with decimals.
    Number = "number", "数值型", "N", "数值", "decimal", "numeric";
    /// An amount of money.
    Money = "money", "货币型", "Y", "货币";
    /// A day.
    Date = "date", "日期型", "D", "日期";
    /// A day and a time.
    Time = "time", "日期时间型", "T", "日期时间", "datetime", "timestamp";
    /// Yes or no.
    Truth = "truth", "逻辑型", "L", "逻辑", "布尔型", "boolean", "bool";
    /// Long text.
    Memo = "memo", "备注型", "M", "备注", "文本";
    /// Anything else: a picture, a file.
    General = "general", "通用型", "G", "通用", "二进制型", "binary";
    /// A floating-point number of double width.
    Double = "double", "双精度型", "B", "双精度";
    /// A whole number.
    Integer = "integer", "整型", "I", "整数型", "整数", "int", "bigint";
    /// A floating-point number.
    Float = "float", "浮点型", "F", "浮点";
}

vocabulary! {
    /// A field of an entry, as files name it.
    Field:
    /// 类.
    Class = "class", "类", "类名称", "信息资源分类-类";
    /// 项.
    Division = "division", "项", "项名称", "信息资源分类-项";
    /// 目.
    Subject = "subject", "目", "目名称", "信息资源分类-目";
    /// 细目.
    Detail = "detail", "细目", "细目名称", "信息资源分类-细目";
    /// What it is about.
    Domain = "domain", "领域", "所属领域", "主题领域";
    /// The name for people.
    Name = "name", "信息资源名称", "资源名称", "名称";
    /// The code.
    Code = "code", "信息资源代码", "资源代码", "代码";
    /// The code of another.
    RelatedCode = "related_code", "关联资源代码", "关联信息资源代码", "关联资源";
    /// The department.
    Department = "department", "信息资源提供方", "提供方", "提供部门", "provider";
    /// Its unified social credit code.
    ProviderCode = "provider_code", "信息资源提供方代码", "提供方代码", "统一社会信用代码", "uscc";
    /// What it holds.
    Abstract = "abstract", "信息资源摘要", "资源摘要", "摘要", "summary";
    /// In which form.
    Format = "format", "信息资源格式", "资源格式", "格式";
    /// The data items.
    Items = "items", "信息项", "信息项信息", "数据项", "data items";
    /// The sharing type.
    Sharing = "sharing", "共享类型", "sharing type";
    /// The condition of sharing.
    Condition = "condition", "共享条件", "sharing condition";
    /// Why it is not shared.
    LegalBasis = "legal_basis", "不予共享依据", "法律依据", "依据";
    /// The way of sharing.
    SharingMode = "sharing_mode", "共享方式";
    /// Whether it is open to the public.
    Open = "open", "是否向社会开放", "是否开放", "开放类型", "openness";
    /// The condition of that.
    OpenCondition = "open_condition", "开放条件";
    /// How often it is brought up to date.
    UpdateCycle = "update_cycle", "更新周期", "更新频率", "cycle";
    /// The day of its publication.
    Published = "published", "发布日期", "publish date", "published on";
    /// What it says of persons.
    PersonalData = "personal_data", "个人信息级别", "个人信息等级", "personal data level";
    /// The name at the node.
    Dataset = "dataset", "数据集", "数据集名称";
    /// The version.
    Version = "version", "版本", "版本号";
    /// By what it can be matched.
    Keys = "keys", "匹配键", "匹配键类型", "key types", "key columns";
    /// What runs may answer.
    Modes = "modes", "匹配方式", "允许的匹配方式", "allowed modes";
    /// The smallest result.
    SmallestResult = "smallest_result", "最小结果数", "最小结果", "smallest result size";
    /// The most runs.
    Quota = "quota", "运行配额", "配额", "quota runs";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    macro_rules! each_has_its_own_names {
        ($($name:ident)+) => {$({
            let mut seen = BTreeSet::new();
            for one in $name::ALL {
                assert_eq!(one.to_string().parse(), Ok(*one));
                assert_eq!(one.chinese().parse(), Ok(*one));
                assert_eq!($name::try_from(one.name().to_owned()), Ok(*one));
                assert!($name::try_from(one.chinese().to_owned()).is_err(), "{one} has two names in statements");
                for spelling in one.spellings() {
                    assert!(seen.insert(folded(spelling)), "{spelling} stands for two");
                }
            }
            let unknown = "shoe size".parse::<$name>().unwrap_err();
            assert!(unknown.to_string().contains($name::NAMES[0]), "{unknown}");
        })+};
    }

    #[test]
    fn each_word_has_names_of_its_own() {
        each_has_its_own_names!(Domain SharingType UpdateCycle PersonalData ItemType Field);
        assert_eq!((Domain::ALL.len(), SharingType::ALL.len(), UpdateCycle::ALL.len()), (8, 3, 8));
    }

    #[test]
    fn capitals_and_spaces_make_no_difference_in_files() {
        for text in ["Half-Yearly", " half yearly ", "HALF_YEARLY", "每半年", "半年"] {
            assert_eq!(text.parse(), Ok(UpdateCycle::HalfYearly), "{text}");
        }
        for text in ["Provider Code", "provider-code", "提供方代码"] {
            assert_eq!(text.parse(), Ok(Field::ProviderCode), "{text}");
        }
    }
}
