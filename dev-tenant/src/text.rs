//! Text that a client sends, before a person sees it on a page, in an error or in the log.

use unicode_general_category::{GeneralCategory, get_general_category};

/// Maximum length of a text that is shown, in characters.
const MAX_SHOWN_CHARS: usize = 300;

/// Returns whether a character is neither a control character nor a format character or another invisible one, such as
/// those that change the direction of a line.
pub(crate) fn is_plain(char: char) -> bool {
    let is_special = matches!(
        get_general_category(char),
        GeneralCategory::Control
            | GeneralCategory::Format
            | GeneralCategory::LineSeparator
            | GeneralCategory::ParagraphSeparator
            | GeneralCategory::PrivateUse
            | GeneralCategory::Surrogate
    );
    // Letters, marks and unassigned characters that are invisible (Default_Ignorable_Code_Point), without U+FE00..U+FE0F,
    // which choose the presentation of an emoji; and the blank Braille pattern.
    let is_invisible = matches!(
        char,
        '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{2065}' | '\u{2800}'
            | '\u{3164}' | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}' | '\u{e0000}'..='\u{e0fff}'
    );
    !is_special && !is_invisible
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
    fn no_character_that_is_invisible_or_changes_the_direction_is_plain() {
        let ranges = [
            '\0'..='\u{1f}',
            '\u{7f}'..='\u{9f}',
            '\u{600}'..='\u{605}',
            '\u{200b}'..='\u{200f}',
            '\u{2028}'..='\u{202e}',
            '\u{2060}'..='\u{206f}',
            '\u{fff0}'..='\u{fffb}',
            '\u{1d173}'..='\u{1d17a}',
            '\u{e0000}'..='\u{e0fff}',
        ];
        let single = "\u{ad}\u{61c}\u{6dd}\u{70f}\u{180e}\u{2800}\u{3164}\u{e000}\u{feff}\u{ffa0}\u{110bd}\u{13430}";
        for char in ranges.into_iter().flatten().chain(single.chars()) {
            assert!(!is_plain(char), "{}", char.escape_unicode());
        }
        for char in "aß価ש✓🦀\u{fe0f}\u{301} \u{a0}-".chars() {
            assert!(is_plain(char), "{}", char.escape_unicode());
        }
    }

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
