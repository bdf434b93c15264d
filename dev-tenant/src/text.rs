//! Text that a client sends, before a person sees it on a page, in an error or in the log.

/// Maximum length of a text that is shown, in characters.
const MAX_SHOWN_CHARS: usize = 300;

/// Returns whether a character is neither a control character nor an invisible one, such as those that change the
/// direction of a line.
pub(crate) fn is_plain(char: char) -> bool {
    let is_invisible = matches!(
        char,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}'
    );
    !char.is_control() && !is_invisible
}

/// Cuts a text, and replaces every character that is not plain.
pub(crate) fn shown(text: &str) -> String {
    let plain = |char| if is_plain(char) { char } else { char::REPLACEMENT_CHARACTER };
    let mut chars = text.chars();
    let mut shown: String = chars.by_ref().take(MAX_SHOWN_CHARS).map(plain).collect();
    if chars.next().is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shown_text_is_short_and_has_one_line_in_one_direction() {
        assert_eq!(shown("größe 価格 ✓ שלום"), "größe 価格 ✓ שלום");
        assert_eq!(
            shown("a\nb\u{1b}[2Jc\u{202e}d\u{2066}e\u{200b}"),
            "a\u{fffd}b\u{fffd}[2Jc\u{fffd}d\u{fffd}e\u{fffd}"
        );
        assert_eq!(shown(&"x".repeat(100_000)).chars().count(), MAX_SHOWN_CHARS + 1);
        assert_eq!(shown(&"x".repeat(MAX_SHOWN_CHARS)).len(), MAX_SHOWN_CHARS);
    }
}
