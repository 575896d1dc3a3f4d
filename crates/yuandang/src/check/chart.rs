//! Bars of a terminal: eighths of a block, in lines of eighty columns at the most.

use std::io::{self, IsTerminal};

/// Columns of a name, of a bar, of a count and of a share; with the gaps between them and in front 78.
const NAME: usize = 24;
const BAR: usize = 28;
const COUNT: usize = 13;
const SHARE: usize = 8;

/// The most columns of a line.
pub const LINE: usize = 80;

/// Parts of a block, from one eighth to seven.
const EIGHTHS: [char; 7] = ['▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/// One line of a chart.
#[derive(Clone, Debug)]
pub struct Bar<'a> {
    /// What is counted.
    pub name: &'a str,
    /// How many.
    pub part: u64,
    /// The count of the longest bar.
    pub longest: u64,
    /// The count as it is shown.
    pub count: String,
    /// The share as it is shown.
    pub share: String,
}

impl Bar<'_> {
    /// The line, whose bar has this colour.
    #[must_use]
    pub fn line(&self, paint: Paint, colour: Colour) -> String {
        let bar = blocks(self.part, self.longest, BAR);
        let gap = " ".repeat(BAR.saturating_sub(columns_of(&bar)));
        let name = self.name;
        let pad = " ".repeat(NAME.saturating_sub(columns_of(name)));
        let bar = paint.with(colour, &bar);
        format!("  {name}{pad} {bar}{gap} {:>COUNT$} {:>SHARE$}", self.count, self.share)
    }
}

/// A bar of `part` where one of `longest` has so many columns. What is not nothing shows.
fn blocks(part: u64, longest: u64, columns: usize) -> String {
    if part == 0 || longest == 0 {
        return String::new();
    }
    let eighths = u128::from(part.min(longest)) * columns as u128 * 8 / u128::from(longest);
    let eighths = usize::try_from(eighths).unwrap_or(columns * 8).max(1);
    let rest = eighths % 8;
    let last = rest.checked_sub(1).and_then(|index| EIGHTHS.get(index));
    "█".repeat(eighths / 8) + &last.map(char::to_string).unwrap_or_default()
}

/// How a bar, or text beside it, is coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// For what is refused.
    Red,
    /// For what is odd.
    Yellow,
    /// For what explains.
    Faint,
    /// For headings.
    Bold,
}

/// Whether there are colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paint(pub bool);

impl Paint {
    /// On a terminal, unless NO_COLOR is set.
    #[must_use]
    pub fn found() -> Self {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self(io::stdout().is_terminal() && !refused)
    }

    /// `text` in a colour.
    #[must_use]
    pub fn with(self, colour: Colour, text: &str) -> String {
        let code = match colour {
            Colour::Red => 31,
            Colour::Yellow => 33,
            Colour::Faint => 2,
            Colour::Bold => 1,
        };
        if self.0 && !text.is_empty() { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// How many columns a terminal takes for `text`.
#[must_use]
pub fn columns_of(text: &str) -> usize {
    text.chars().map(columns_of_char).sum()
}

/// Two for what UAX #11 calls wide, by blocks; one for anything else.
fn columns_of_char(c: char) -> usize {
    match u32::from(c) {
        0x1100..=0x115f
        | 0x2e80..=0x303e
        | 0x3041..=0xa4cf
        | 0xac00..=0xd7a3
        | 0xf900..=0xfaff
        | 0xfe30..=0xfe6f
        | 0xff00..=0xff60
        | 0xffe0..=0xffe6
        | 0x2_0000..=0x3_fffd => 2,
        _ => 1,
    }
}

/// `text` in lines of at most `columns`, broken at spaces, and between characters that are wide.
#[must_use]
pub fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for piece in pieces(text) {
        let Some(line) = lines.last_mut() else { break };
        if !line.is_empty() && columns_of(line) + columns_of(piece.trim_end()) > columns {
            line.truncate(line.trim_end().len());
            lines.push(piece.trim_start().to_owned());
        } else {
            line.push_str(piece);
        }
    }
    lines
}

/// Words with the space behind them, and wide characters one by one with the punctuation behind them.
fn pieces(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut start = 0;
    let mut before = None;
    for (at, c) in text.char_indices() {
        let stays = matches!(c, '，' | '：' | '）' | '、' | '。' | '；');
        let breaks = match before {
            None => false,
            Some(before) => before == ' ' || ((columns_of_char(before) == 2 || columns_of_char(c) == 2) && !stays),
        };
        if breaks && before != Some('（') {
            pieces.extend(text.get(start..at));
            start = at;
        }
        before = Some(c);
    }
    pieces.extend(text.get(start..));
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_grow_by_eighths() {
        assert_eq!([blocks(0, 8, 2), blocks(8, 8, 2), blocks(4, 8, 2)], ["", "██", "█"]);
        assert_eq!([blocks(1, 16, 2), blocks(15, 16, 2)], ["▏", "█▉"]);
        assert_eq!([blocks(1, u64::MAX, 2), blocks(u64::MAX, 1, 2), blocks(1, 0, 2)], ["▏", "██", ""]);
    }

    #[test]
    fn a_line_fits_the_terminal() {
        for (name, count) in [("converted-from-15-digits", "1,000,000,000"), ("身份证号码", "1")] {
            let (count, share) = (count.to_owned(), ">99.9 %".to_owned());
            let line = Bar { name, part: 7, longest: 7, count, share }.line(Paint(false), Colour::Red);
            assert_eq!(columns_of(&line), 78, "{line}");
            assert!(!line.contains('\u{1b}'));
        }
        assert_eq!(Paint(true).with(Colour::Red, "x"), "\u{1b}[31mx\u{1b}[0m");
    }

    #[test]
    fn text_is_broken_at_spaces_and_between_han_characters() {
        assert_eq!(wrapped("one two three", 8), ["one two", "three"]);
        assert_eq!(wrapped("校验码不符：至少有一位有误", 12), ["校验码不符：", "至少有一位有", "误"]);
        assert_eq!(wrapped("", 5), [""]);
    }

    #[test]
    fn wrapping_loses_nothing_but_spaces_and_keeps_to_its_columns() {
        let all = |text: &str| text.chars().filter(|c| *c != ' ').collect::<String>();
        for reason in records::Reason::ALL {
            for (text, columns) in
                [reason.english(), reason.chinese()].into_iter().flat_map(|text| [(text, 30), (text, 76)])
            {
                let lines = wrapped(text, columns);
                assert_eq!(all(&lines.concat()), all(text));
                // Punctuation stays with what it follows.
                assert!(lines.iter().all(|line| columns_of(line) <= columns + 2), "{lines:?}");
            }
        }
    }
}
