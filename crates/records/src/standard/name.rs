//! Names of persons, as 民委发〔2016〕33号 and GB 18030-2022 have them.
//!
//! The steps, in this order: eight private-use characters become the Han characters that GB 18030-2022
//! gave their places to; NFKC; every dot that stands between the parts of a name becomes U+00B7; invisible
//! characters go; spaces become one, and none round dots or at the ends; no spaces if there is a Han
//! character; capitals. NFKC comes once more, since dropping and capitals can leave forms that are not
//! normal. Traditional and simplified characters stay apart.
//!
//! A name grades a match that another identifier makes. Alone it identifies nobody.

use unicode_normalization::UnicodeNormalization;

use super::{
    Value,
    code::{is_invisible, is_space},
    reason::Reason,
    warning::{Warning, Warnings},
};

/// The dot between the parts of a name.
const DOT: char = '\u{b7}';

/// The most bytes of a name that are looked at, and the most characters of one.
const LONGEST_WRITTEN: usize = 1024;
const LONGEST: usize = 200;

pub(super) fn canonical<'v>(value: &'v [u8], warnings: &mut Warnings) -> Result<Value<'v>, Reason> {
    if value.len() > LONGEST_WRITTEN {
        return Err(Reason::WrongLength);
    }
    let written = str::from_utf8(value).map_err(|_| Reason::InvalidUtf8)?;
    // Nothing happens to unified ideographs alone, which most names are.
    if written.chars().all(|c| matches!(c, '\u{4e00}'..='\u{9fff}')) && written.chars().count() <= LONGEST {
        return Ok(Value::as_written(value));
    }
    let name = normalise(written, warnings);
    if name.is_empty() {
        return Err(Reason::UnexpectedCharacter);
    }
    if name.chars().count() > LONGEST {
        return Err(Reason::WrongLength);
    }
    for c in name.chars() {
        match c {
            char::REPLACEMENT_CHARACTER | '?' => return Err(Reason::LostCharacter),
            _ if c.is_control() => return Err(Reason::UnexpectedCharacter),
            '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{10ffff}' => warnings.add(Warning::PrivateUseLeft),
            _ => {}
        }
    }
    Ok(Value::long(name))
}

fn normalise(written: &str, warnings: &mut Warnings) -> String {
    let assigned = || written.chars().map(assigned);
    if !assigned().eq(written.chars()) {
        warnings.add(Warning::PrivateUse);
    }
    let compatible: String = assigned().nfkc().collect();
    if !assigned().eq(compatible.chars()) {
        warnings.add(Warning::FullWidth);
    }
    let mut name = String::with_capacity(compatible.len());
    let mut gap = Gap::default();
    for c in compatible.chars() {
        if is_dot(c) {
            gap.dot = true;
            gap.other_dot |= c != DOT;
        } else if is_invisible(c) {
            warnings.add(Warning::Invisible);
        } else if is_space(c) {
            gap.space = true;
        } else {
            gap.close(&mut name, warnings);
            name.push(c);
        }
    }
    // What follows the last character goes.
    gap.warn(warnings);
    if name.chars().any(is_han) && name.contains(' ') {
        warnings.add(Warning::Spaces);
        name.retain(|c| c != ' ');
    }
    let capital = name.to_uppercase();
    if capital != name {
        warnings.add(Warning::LowerCase);
    }
    capital.nfkc().collect()
}

/// Spaces and dots between two other characters: one dot if there is any, otherwise one space.
#[derive(Default)]
struct Gap {
    space: bool,
    dot: bool,
    other_dot: bool,
}

impl Gap {
    /// Writes what the gap comes to, and begins the next one.
    fn close(&mut self, name: &mut String, warnings: &mut Warnings) {
        self.warn(warnings);
        if name.is_empty() {
            if self.space {
                warnings.add(Warning::Spaces);
            }
        } else if self.dot {
            name.push(DOT);
        } else if self.space {
            name.push(' ');
        }
        *self = Self::default();
    }

    fn warn(&self, warnings: &mut Warnings) {
        if self.other_dot || self.dot && self.space {
            warnings.add(Warning::Dots);
        }
    }
}

/// What stands for the dot between the parts of a name.
fn is_dot(c: char) -> bool {
    matches!(
        c,
        DOT | '\u{2022}'
            | '\u{2027}'
            | '\u{2219}'
            | '\u{22c5}'
            | '\u{30fb}'
            | '\u{ff65}'
            | '\u{387}'
            | '\u{16eb}'
            | '\u{2e31}'
            | '\u{25cf}'
            | '\u{2218}'
            | '\u{2024}'
            | '\u{ff0e}'
            | '.'
            | '\u{fe52}'
            | '\u{3002}'
    )
}

fn is_han(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{9fff}' | '\u{20000}'..='\u{3ffff}')
}

/// The Han character whose place in GB 18030 older tables give to a private-use one.
fn assigned(c: char) -> char {
    match c {
        '\u{e81e}' => '\u{9fb4}',
        '\u{e826}' => '\u{9fb5}',
        '\u{e82b}' => '\u{9fb6}',
        '\u{e82c}' => '\u{9fb7}',
        '\u{e832}' => '\u{9fb8}',
        '\u{e843}' => '\u{9fb9}',
        '\u{e854}' => '\u{9fba}',
        '\u{e864}' => '\u{9fbb}',
        other => other,
    }
}
