//! Text that others wrote, as it may go to a terminal, a log or a store.

/// The text without what could steer a terminal or make a line read as another, cut between two
/// characters to `most` bytes.
///
/// Control characters go, and so do those that are not seen and change how others are: marks and
/// overrides of writing direction, separators of lines, fillers and tags.
#[must_use]
pub fn printable(text: &str, most: usize) -> String {
    let mut printable = String::new();
    for next in text.chars().filter(|next| !next.is_control() && !unseen(*next)) {
        if printable.len().saturating_add(next.len_utf8()) > most {
            break;
        }
        printable.push(next);
    }
    printable
}

/// Whether a character shows nothing of its own (most of the category Cf of Unicode, and its separators
/// of lines and paragraphs).
fn unseen(character: char) -> bool {
    matches!(character,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_a_terminal_goes_and_the_rest_stays() {
        assert_eq!(printable("a\u{1b}[31m\nb\u{9b}2J\u{7f}\0", 32), "a[31mb2J");
        assert_eq!(printable("未匹配: café, 🙂 — “x” \u{a0}y", 64), "未匹配: café, 🙂 — “x” \u{a0}y");
        assert_eq!(printable("", 32), "");
    }

    #[test]
    fn nothing_that_is_not_seen_changes_how_the_rest_reads() {
        let unseen = [0x200b..=0x200f, 0x202a..=0x202e, 0x2060..=0x2069, 0xfeff..=0xfeff, 0x2028..=0x2029];
        for character in unseen.into_iter().flatten().filter_map(char::from_u32) {
            assert_eq!(printable(&format!("no{character}t"), 32), "not", "{:#x}", u32::from(character));
        }
        for (before, after) in [('\u{200a}', '\u{2010}'), ('\u{2027}', '\u{202f}'), ('\u{205f}', '\u{2070}')] {
            assert_eq!(printable(&format!("{before}{after}"), 32), format!("{before}{after}"));
        }
    }

    #[test]
    fn long_text_is_cut_between_characters() {
        assert_eq!(printable(&"元".repeat(100), 32), "元".repeat(10));
        assert_eq!(printable("abc", 2), "ab");
        assert_eq!(printable("\u{202e}\u{202e}abc", 3), "abc");
        assert_eq!(printable("abc", 0), "");
    }
}
