//! What an entry may say.

use std::collections::BTreeSet;

use records::{
    KeySpec, KeyType, Warnings,
    standard::{Flaw, Settings},
};

use super::{Entry, FORM, Fault, Field, Problem, SharingType, Withdrawal};
use crate::{
    canonical::{MOST, to_canonical},
    printable::printable,
};

/// Bytes of a name, of a code, of a column, of a line of text, and of a text.
const NAME: usize = 256;
const DATASET: usize = 128;
const CODE: usize = 64;
const COLUMN: usize = 256;
const LINE: usize = 512;
const TEXT: usize = 4096;
/// Data items, keys.
const ITEMS: usize = 256;
const KEYS: usize = 16;
/// Bytes of the whole: the envelope around it takes some hundred more.
const WHOLE: usize = 60 << 10;
/// The longest item that is described.
const LENGTH: u32 = 1 << 30;

/// Problems as they are found.
struct Found(Vec<Problem>);

impl Found {
    fn add(&mut self, field: Field, fault: Fault) {
        self.0.push(Problem { field, fault });
    }

    fn unless(&mut self, holds: bool, field: Field, fault: impl FnOnce() -> Fault) {
        if !holds {
            self.add(field, fault());
        }
    }

    /// Text of so many bytes at most, that says something and shows all that it says.
    fn text(&mut self, field: Field, text: &str, most: usize) {
        if text.trim().is_empty() {
            self.add(field, Fault::Missing);
        } else if text.len() > most {
            self.add(field, Fault::Long(most));
        } else if printable(text, most) != text {
            self.add(field, Fault::Unseen);
        }
    }

    fn optional(&mut self, field: Field, text: Option<&String>, most: usize) {
        if let Some(text) = text {
            self.text(field, text, most);
        }
    }

    fn number(&mut self, field: Field, number: u64) {
        self.unless((1..=MOST).contains(&number), field, || Fault::Number);
    }
}

pub(super) fn entry(entry: &Entry) -> Vec<Problem> {
    let mut found = Found(Vec::new());
    let form = "this version knows another form of entries";
    found.unless(entry.form == FORM, Field::Version, || Fault::Unfit(form, "目录条目的格式版本不受支持"));
    named(entry, &mut found);
    provider(entry, &mut found);
    items(entry, &mut found);
    sharing(entry, &mut found);
    matching(entry, &mut found);
    let whole = to_canonical(entry).map_or(0, |text| text.len());
    found.unless(whole <= WHOLE, Field::Items, || {
        Fault::Unfit("the entry as a whole has more than 61440 bytes", "条目整体超过 61440 字节")
    });
    found.0
}

fn named(entry: &Entry, found: &mut Found) {
    found.text(Field::Dataset, &entry.dataset.name, DATASET);
    found.number(Field::Version, u64::from(entry.dataset.version));
    found.text(Field::Name, &entry.name, NAME);
    code(Field::Code, &entry.code, found);
    if let Some(related) = &entry.related_code {
        code(Field::RelatedCode, related, found);
    }
    let place = &entry.classification;
    found.text(Field::Class, &place.class, NAME);
    found.text(Field::Division, &place.division, NAME);
    found.text(Field::Subject, &place.subject, NAME);
    found.optional(Field::Detail, place.detail.as_ref(), NAME);
    found.text(Field::Abstract, &entry.summary, TEXT);
    found.text(Field::Format, &entry.format, LINE);
}

/// The code of a classification (类 one digit, 项 two, 目 three, 细目 any), a slash, a number.
fn code(field: Field, code: &str, found: &mut Found) {
    let known = found.0.len();
    found.text(field, code, CODE);
    if found.0.len() > known {
        return;
    }
    let fits = code.split_once('/').is_some_and(|(classes, number)| {
        let (fixed, rest) = classes.as_bytes().split_at(classes.len().min(6));
        fixed.len() == 6
            && fixed.iter().all(u8::is_ascii_digit)
            && rest.iter().all(u8::is_ascii_alphanumeric)
            && (1..=12).contains(&number.len())
            && number.bytes().all(|byte| byte.is_ascii_digit())
    });
    found.unless(fits, field, || {
        Fault::Form(
            printable(code, CODE),
            "the classification's code (1 + 2 + 3 digits, then any), a slash, a number, such as 306001/0001",
            "分类代码（类 1 位、项 2 位、目 3 位，细目不限）加斜杠和顺序号，如 306001/0001",
        )
    });
}

fn provider(entry: &Entry, found: &mut Found) {
    found.text(Field::Department, &entry.provider.department, LINE);
    let code = &entry.provider.code;
    let read = KeyType::Uscc.canonical(code.as_bytes(), &Settings::default(), &mut Warnings::default());
    match read {
        Err(Flaw::Missing) => found.add(Field::ProviderCode, Fault::Missing),
        Err(Flaw::Refused(reason)) => found.add(Field::ProviderCode, Fault::SocialCreditCode(reason)),
        Ok(canonical) => found.unless(canonical.as_bytes() == code.as_bytes(), Field::ProviderCode, || {
            let form = "eighteen characters, capitals, nothing between them";
            Fault::Form(printable(code, CODE), form, "十八位大写字符，中间无分隔")
        }),
    }
}

fn items(entry: &Entry, found: &mut Found) {
    found.unless(!entry.items.is_empty(), Field::Items, || Fault::Missing);
    found.unless(entry.items.len() <= ITEMS, Field::Items, || {
        Fault::Unfit("there are more than 256 data items", "信息项超过 256 个")
    });
    let mut names = BTreeSet::new();
    for item in &entry.items {
        found.text(Field::Items, &item.name, COLUMN);
        found.unless(names.insert(item.name.as_str()), Field::Items, || Fault::Twice(printable(&item.name, COLUMN)));
        found.unless(item.length.is_none_or(|length| (1..=LENGTH).contains(&length)), Field::Items, || Fault::Number);
    }
}

fn sharing(entry: &Entry, found: &mut Found) {
    let sharing = &entry.sharing;
    let kind = sharing.sharing_type;
    found.text(Field::SharingMode, &sharing.mode, LINE);
    found.optional(Field::Condition, sharing.condition.as_ref(), TEXT);
    found.optional(Field::LegalBasis, sharing.legal_basis.as_ref(), TEXT);
    let conditional = kind == SharingType::Conditional;
    found.unless(!conditional || sharing.condition.is_some(), Field::Condition, || {
        Fault::Unfit("what is shared conditionally needs its condition", "有条件共享须写明共享条件")
    });
    found.unless(kind != SharingType::Unconditional || sharing.condition.is_none(), Field::Condition, || {
        Fault::Unfit("what is shared unconditionally has no condition", "无条件共享不应有共享条件")
    });
    let withheld = kind == SharingType::NotShared;
    found.unless(!withheld || sharing.legal_basis.is_some(), Field::LegalBasis, || {
        Fault::Unfit("what is not shared needs the legal basis for that", "不予共享须写明法律依据")
    });
    found.unless(!withheld || entry.modes.is_empty(), Field::Modes, || {
        Fault::Unfit("what is not shared cannot be matched in any mode", "不予共享的资源不应有匹配方式")
    });
    found.optional(Field::OpenCondition, entry.openness.condition.as_ref(), TEXT);
}

fn matching(entry: &Entry, found: &mut Found) {
    let modes: BTreeSet<_> = entry.modes.iter().map(ToString::to_string).collect();
    found
        .unless(modes.len() == entry.modes.len(), Field::Modes, || Fault::Unfit("a mode stands twice", "匹配方式重复"));
    found.unless(entry.keys.len() <= KEYS, Field::Keys, || {
        Fault::Unfit("there are more than 16 keys", "匹配键超过 16 个")
    });
    found.unless(entry.modes.is_empty() || !entry.keys.is_empty(), Field::Keys, || {
        Fault::Unfit("modes are allowed, but there is no key to match by", "允许匹配却没有匹配键")
    });
    for key in &entry.keys {
        let spec = KeySpec::new(&[key.key_type]);
        found.unless(spec.is_ok_and(|spec| spec.admits(key.columns.len()).is_ok()), Field::Keys, || {
            Fault::Unfit("a key has one column, or three for an ebill", "每个匹配键对应一列；票据可为三列")
        });
        for column in key.columns.iter().filter(|column| !entry.has_item(column)) {
            found.add(Field::Keys, Fault::Form(printable(column, COLUMN), "one of the data items", "应为信息项之一"));
        }
    }
    let twice = entry.keys.iter().enumerate().any(|(place, key)| entry.keys.iter().take(place).any(|one| one == key));
    found.unless(!twice, Field::Keys, || Fault::Unfit("a key stands twice", "匹配键重复"));
    for (field, number) in [(Field::SmallestResult, entry.smallest_result), (Field::Quota, entry.quota)] {
        if let Some(number) = number {
            found.number(field, number);
        }
    }
}

pub(super) fn withdrawal(withdrawal: &Withdrawal) -> Result<(), String> {
    let mut found = Found(Vec::new());
    found.text(Field::Dataset, &withdrawal.dataset.name, DATASET);
    found.number(Field::Version, u64::from(withdrawal.dataset.version));
    if let Some(problem) = found.0.first() {
        return Err(problem.to_string());
    }
    let reason = &withdrawal.reason;
    if reason.trim().is_empty() || printable(reason, LINE) != *reason {
        return Err(format!("the reason is empty, has more than {LINE} bytes, or characters that are not seen"));
    }
    Ok(())
}
