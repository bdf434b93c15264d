//! What a caller can choose, made fit for a record: bounded, and one line.

use std::borrow::Cow;

use serde_json::Value;

/// In bytes.
const MAX_TEXT: usize = 256;
const CUT: char = '…';

/// The same without characters that change how a line reads, and no longer than 256 bytes.
pub(super) fn clean(text: &str) -> Cow<'_, str> {
    if text.len() <= MAX_TEXT && text.chars().all(is_plain) {
        return Cow::Borrowed(text);
    }
    let mut cleaned = String::with_capacity(MAX_TEXT);
    for c in text.chars() {
        let c = if is_plain(c) { c } else { char::REPLACEMENT_CHARACTER };
        if cleaned.len() + c.len_utf8() > MAX_TEXT - CUT.len_utf8() {
            cleaned.push(CUT);
            break;
        }
        cleaned.push(c);
    }
    Cow::Owned(cleaned)
}

/// No control character, and none of the invisible ones that turn the direction of a line or hide in it.
fn is_plain(c: char) -> bool {
    let is_invisible = matches!(
        c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
    );
    !c.is_control() && !is_invisible
}

/// A JSON-RPC id, as JSON or as text; nothing if there is none.
pub(super) fn request_id(id: &str) -> Option<Cow<'_, str>> {
    match id {
        "" | "null" => None,
        id => Some(match id.strip_prefix('"').and_then(|id| id.strip_suffix('"')) {
            Some(text) if text.contains('\\') => {
                let text: Option<String> = serde_json::from_str(id).ok();
                Cow::Owned(clean(text.as_deref().unwrap_or(id)).into_owned())
            }
            Some(text) => clean(text),
            None => clean(id),
        }),
    }
}

/// The trace id of a W3C trace context (Trace Context, section 3.2), if it is one.
pub(super) fn trace_id(traceparent: &str) -> Option<&str> {
    let mut parts = traceparent.split('-');
    let (version, trace, parent, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_hex = |text: &str, length: usize| {
        text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let is_id = |text: &str, length| is_hex(text, length) && text.bytes().any(|byte| byte != b'0');
    let is_version = is_hex(version, 2) && version != "ff";
    // Only the first version is known to have nothing after its flags.
    let ends = version != "00" || parts.next().is_none();
    (is_version && is_id(trace, 32) && is_id(parent, 16) && is_hex(flags, 2) && ends).then_some(trace)
}

/// A value as it may stand in a record.
pub(super) fn bounded(value: &Value) -> Value {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        Value::String(text) => Value::String(clean(text).into_owned()),
        Value::Array(_) | Value::Object(_) => {
            let text = value.to_string();
            match clean(&text) {
                Cow::Borrowed(_) => value.clone(),
                Cow::Owned(cut) => Value::String(cut),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn nobody_writes_a_line_of_their_own() {
        assert_eq!(clean("employee_search"), "employee_search");
        assert_eq!(clean("a\nb\r\u{1b}[2Jc\u{202e}d\u{2028}e"), "a\u{fffd}b\u{fffd}\u{fffd}[2Jc\u{fffd}d\u{fffd}e");
        assert_eq!(clean("größe 価格"), "größe 価格");
    }

    #[test]
    fn an_id_is_text_whatever_it_was() {
        assert_eq!(request_id("7").as_deref(), Some("7"));
        assert_eq!(request_id(r#""seven""#).as_deref(), Some("seven"));
        assert_eq!(request_id(r#""se\nv\u0065n""#).as_deref(), Some("se\u{fffd}ven"));
        assert_eq!((request_id("null"), request_id("")), (None, None));
        assert!(request_id(&"9".repeat(100_000)).unwrap().len() <= MAX_TEXT);
    }

    #[test]
    fn only_a_trace_id_is_taken_for_one() {
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
    fn a_value_is_bounded_whatever_its_kind() {
        for small in [json!(null), json!(1.5), json!(["a", { "b": true }]), json!("text")] {
            assert_eq!(bounded(&small), small);
        }
        for large in [json!("x".repeat(5000)), json!(vec!["x"; 5000]), json!({ "k": "\u{202e}" })] {
            assert!(bounded(&large).as_str().is_some_and(|text| text.len() <= MAX_TEXT));
        }
    }

    proptest! {
        #[test]
        fn a_clean_text_is_short_plain_and_stays_as_it_is(text: String) {
            let text = text.repeat(3);
            let cleaned = clean(&text);
            prop_assert!(cleaned.len() <= MAX_TEXT);
            prop_assert!(cleaned.chars().all(is_plain));
            prop_assert_eq!(clean(&cleaned), &*cleaned);
        }
    }
}
