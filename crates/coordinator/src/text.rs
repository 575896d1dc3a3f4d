//! Text that callers send, as it may be kept and shown.

/// The most bytes of a job's cause, of the reason for which it is cancelled, and of a phase
/// (proto/yuandang/v1).
pub(crate) const MAX_CAUSE: usize = 512;
pub(crate) const MAX_REASON: usize = 256;
pub(crate) const MAX_PHASE: usize = 32;

/// The text without control characters, and no longer than so many bytes.
pub(crate) fn harmless(text: &str, most: usize) -> String {
    let mut harmless = String::new();
    for next in text.chars().filter(|next| !next.is_control()) {
        if harmless.len().saturating_add(next.len_utf8()) > most {
            break;
        }
        harmless.push(next);
    }
    harmless
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_between_characters_and_control_characters_go() {
        assert_eq!(harmless("a\u{1b}[31m\nb", 32), "a[31mb");
        assert_eq!(harmless(&"元".repeat(100), 32), "元".repeat(10));
        assert_eq!(harmless("", 32), "");
    }
}
