//! Sanitizing text that a caller controls before it is logged: at most 256 bytes, on one line, without invisible
//! characters.

use std::borrow::Cow;

use serde_json::Value;

/// Maximum length of a sanitized text, in bytes.
pub(crate) const MAX_TEXT: usize = 256;
/// Mark at the end of a text that was cut.
const ELLIPSIS: char = '…';

/// Cuts a text to 256 bytes, and replaces control characters and invisible ones.
pub(super) fn text(text: &str) -> Cow<'_, str> {
    if is_loggable(text) {
        return Cow::Borrowed(text);
    }
    let mut shortened = String::with_capacity(MAX_TEXT);
    for c in text.chars() {
        let c = if is_plain(c) { c } else { char::REPLACEMENT_CHARACTER };
        if shortened.len() + c.len_utf8() > MAX_TEXT - ELLIPSIS.len_utf8() {
            shortened.push(ELLIPSIS);
            break;
        }
        shortened.push(c);
    }
    Cow::Owned(shortened)
}

/// Returns whether a recorded text can differ from the original: it was cut, or characters of it were replaced.
pub(crate) fn is_changed(recorded: &str) -> bool {
    recorded.ends_with(ELLIPSIS) || recorded.contains(char::REPLACEMENT_CHARACTER)
}

/// Returns whether [`text`] would not change a text: it has at most 256 bytes, and no control or invisible character.
pub(crate) fn is_loggable(text: &str) -> bool {
    text.len() <= MAX_TEXT && is_plain_text(text)
}

/// Returns whether every character of a text is [plain](is_plain).
pub(crate) fn is_plain_text(text: &str) -> bool {
    // Nearly every text is ASCII, whose bytes are checked faster than characters.
    all_bytes(text, |byte| matches!(byte, b' '..=b'~')) || text.chars().all(is_plain)
}

/// Returns whether a text is the same between quotation marks, without an escape: in JSON, in an HTTP quoted string
/// (RFC 9110, section 5.6.4), and as [`Debug`](std::fmt::Debug) writes it.
pub(crate) fn is_verbatim(text: &str) -> bool {
    all_bytes(text, |byte| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\')
}

/// Returns whether every byte of a text has a property, which a space has. The compiler checks a block of bytes with vector
/// instructions.
fn all_bytes(text: &str, has_property: impl Fn(u8) -> bool) -> bool {
    let in_block = |block: &[u8; 16]| block.iter().fold(true, |all, &byte| all & has_property(byte));
    let (blocks, rest) = text.as_bytes().as_chunks();
    let mut last = [b' '; 16];
    last[..rest.len()].copy_from_slice(rest);
    blocks.iter().all(in_block) && in_block(&last)
}

/// Returns whether a character is neither a control character nor an invisible one, such as those that change the
/// direction of a line.
pub(crate) fn is_plain(c: char) -> bool {
    let is_invisible = matches!(
        c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
    );
    !c.is_control() && !is_invisible
}

/// Sanitizes a JSON-RPC id, given as JSON or as plain text. `None` if it is empty or `null`.
pub(super) fn request_id(id: &str) -> Option<Cow<'_, str>> {
    match id {
        "" | "null" => None,
        id => Some(match id.strip_prefix('"').and_then(|id| id.strip_suffix('"')) {
            Some(unquoted) if unquoted.contains('\\') => {
                let unescaped: Option<String> = serde_json::from_str(id).ok();
                Cow::Owned(text(unescaped.as_deref().unwrap_or(id)).into_owned())
            }
            Some(unquoted) => text(unquoted),
            None => text(id),
        }),
    }
}

/// Extracts the trace id of a `traceparent` value (Trace Context, section 3.2). `None` if the value is malformed.
pub(super) fn trace_id(traceparent: &str) -> Option<&str> {
    let mut parts = traceparent.split('-');
    let (version, trace, parent, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_hex = |text: &str, length: usize| {
        text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let is_id = |text: &str, length| is_hex(text, length) && text.bytes().any(|byte| byte != b'0');
    let is_version = is_hex(version, 2) && version != "ff";
    // Later versions may append fields after the flags; version 00 has none.
    let ends = version != "00" || parts.next().is_none();
    (is_version && is_id(trace, 32) && is_id(parent, 16) && is_hex(flags, 2) && ends).then_some(trace)
}

/// Sanitizes a JSON value. An array or object that is too long is replaced by its shortened text.
pub(super) fn value(value: &Value) -> Value {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        Value::String(string) => Value::String(text(string).into_owned()),
        Value::Array(_) | Value::Object(_) => match text(&value.to_string()) {
            Cow::Borrowed(_) => value.clone(),
            Cow::Owned(shortened) => Value::String(shortened),
        },
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn control_and_invisible_characters_are_replaced() {
        assert_eq!(text("employee_search"), "employee_search");
        assert_eq!(text("a\nb\r\u{1b}[2Jc\u{202e}d\u{2028}e"), "a\u{fffd}b\u{fffd}\u{fffd}[2Jc\u{fffd}d\u{fffd}e");
        assert_eq!(text("größe 価格"), "größe 価格");
    }

    #[test]
    fn a_request_id_is_recorded_as_plain_text() {
        assert_eq!(request_id("7").as_deref(), Some("7"));
        assert_eq!(request_id(r#""seven""#).as_deref(), Some("seven"));
        assert_eq!(request_id(r#""se\nv\u0065n""#).as_deref(), Some("se\u{fffd}ven"));
        assert_eq!((request_id("null"), request_id("")), (None, None));
        assert!(request_id(&"9".repeat(100_000)).unwrap().len() <= MAX_TEXT);
    }

    #[test]
    fn malformed_trace_contexts_have_no_trace_id() {
        let trace = "0af7651916cd43dd8448eb211c80319c";
        assert_eq!(trace_id(&format!("00-{trace}-b7ad6b7169203331-01")), Some(trace));
        assert_eq!(trace_id(&format!("cc-{trace}-b7ad6b7169203331-01-more")), Some(trace));
        for wrong in [
            String::new(),
            trace.to_owned(),
            format!("ff-{trace}-b7ad6b7169203331-01"),
            format!("00-{trace}-b7ad6b7169203331-01-more"),
            format!("00-{}-b7ad6b7169203331-01", trace.to_uppercase()),
            format!("00-{}-b7ad6b7169203331-01", "0".repeat(32)),
            format!("00-{trace}-0000000000000000-01"),
            format!("00-{trace}x-b7ad6b7169203331-01"),
            "00-\n-b7ad6b7169203331-01".to_owned(),
        ] {
            assert_eq!(trace_id(&wrong), None, "{wrong}");
        }
    }

    #[test]
    fn every_kind_of_value_is_bounded() {
        for small in [json!(null), json!(1.5), json!(["a", { "b": true }]), json!("text")] {
            assert_eq!(value(&small), small);
        }
        for large in [json!("x".repeat(5000)), json!(vec!["x"; 5000]), json!({ "k": "\u{202e}" })] {
            assert!(value(&large).as_str().is_some_and(|text| text.len() <= MAX_TEXT));
        }
    }

    proptest! {
        #[test]
        fn a_verbatim_text_is_what_json_and_debug_write(text in ".{0,40}|[ -~]{0,40}") {
            let quoted = format!("\"{text}\"");
            let is_same = format!("{text:?}") == quoted && serde_json::to_string(&text).unwrap() == quoted;
            prop_assert_eq!(is_verbatim(&text), is_same && text.bytes().all(|byte| matches!(byte, b' '..=b'~')));
        }

        #[test]
        fn a_plain_text_has_plain_characters_only(text in ".{0,40}|[ -~]{0,40}") {
            prop_assert_eq!(is_plain_text(&text), text.chars().all(is_plain));
        }

        #[test]
        fn sanitized_text_is_short_and_plain_and_sanitizing_it_again_changes_nothing(input: String) {
            let input = input.repeat(3);
            let sanitized = text(&input);
            prop_assert!(sanitized.len() <= MAX_TEXT);
            prop_assert!(sanitized.chars().all(is_plain));
            prop_assert_eq!(text(&sanitized), &*sanitized);
            prop_assert!(is_changed(&sanitized) || sanitized == input);
        }
    }
}
