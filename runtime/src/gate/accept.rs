//! The media types that a client accepts (RFC 9110, section 12.5.1), and those in which the endpoint takes a body.

use http::{HeaderMap, HeaderValue, Method, header};

use super::{has_content_type, rejection::Rejection};

/// `Accept` in which rmcp takes a request.
const CANONICAL: HeaderValue = HeaderValue::from_static("application/json, text/event-stream");

/// Which kinds of responses a client accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Accepted {
    /// `application/json`.
    pub(super) json: bool,
    /// `text/event-stream`.
    pub(super) stream: bool,
}

impl Accepted {
    /// Reads `Accept`. A client that names no media type accepts all of them.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let mut values = headers.get_all(header::ACCEPT).iter();
        let first = values.next();
        if values.next().is_none() && first.is_none_or(|value| is_common(value.as_bytes())) {
            return Self { json: true, stream: true };
        }
        let mut json = Preference::default();
        let mut stream = Preference::default();
        let mut is_empty = true;
        for range in headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()).flat_map(ranges) {
            is_empty = false;
            json.apply(range, "application", "json");
            stream.apply(range, "text", "event-stream");
        }
        Self { json: is_empty || json.weight > 0, stream: is_empty || stream.weight > 0 }
    }
}

/// Returns whether a client prefers `text/html` to `application/json`. Clients without a preference get JSON.
pub(super) fn prefers_html(headers: &HeaderMap) -> bool {
    let (mut html, mut json) = (Preference::default(), Preference::default());
    for range in headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()).flat_map(ranges) {
        html.apply(range, "text", "html");
        json.apply(range, "application", "json");
    }
    html.weight > json.weight
}

/// Writes `Accept` as rmcp takes it. What the client accepts is enforced by the gate.
pub(super) fn canonicalize(headers: &mut HeaderMap) {
    headers.insert(header::ACCEPT, CANONICAL);
}

/// Checks that a request has the method, the media type and the content coding that the endpoint takes.
/// `allowed` are the methods of the endpoint.
pub(super) fn check_head(method: &Method, headers: &HeaderMap, allowed: &'static str) -> Result<(), Rejection> {
    if method != Method::POST {
        return Err(Rejection::MethodNotAllowed { allowed });
    }
    if headers.get_all(header::CONTENT_ENCODING).iter().any(|value| !is_identity(value)) {
        return Err(Rejection::UnsupportedContentCoding);
    }
    if has_content_type(headers, "application/json") { Ok(()) } else { Err(Rejection::UnsupportedMediaType) }
}

/// Returns whether `Accept` is one of the spellings that most clients use for both media types.
fn is_common(accept: &[u8]) -> bool {
    matches!(
        accept,
        b"application/json, text/event-stream"
            | b"application/json,text/event-stream"
            | b"text/event-stream, application/json"
            | b"*/*"
    )
}

fn is_identity(coding: &HeaderValue) -> bool {
    coding.to_str().is_ok_and(|codings| {
        codings.split(',').map(str::trim).all(|coding| coding.is_empty() || coding.eq_ignore_ascii_case("identity"))
    })
}

/// Weight of a range that names none.
const MAX_WEIGHT: u16 = 1000;

/// A media range and its weight, in thousandths.
#[derive(Clone, Copy)]
struct Range<'a> {
    /// Type and subtype.
    types: (&'a str, &'a str),
    weight: u16,
}

/// Weight of a media type, by the most specific range that includes it. Zero means that it is not accepted.
#[derive(Default)]
struct Preference {
    weight: u16,
    specificity: u8,
}

impl Preference {
    fn apply(&mut self, range: Range<'_>, main: &str, sub: &str) {
        let specificity = match range.types {
            (t, s) if t.eq_ignore_ascii_case(main) && s.eq_ignore_ascii_case(sub) => 3,
            (t, "*") if t.eq_ignore_ascii_case(main) => 2,
            ("*", "*") => 1,
            _ => return,
        };
        if specificity > self.specificity {
            *self = Self { weight: range.weight, specificity };
        } else if specificity == self.specificity {
            // One type with several parameters: any of them is enough.
            self.weight = self.weight.max(range.weight);
        }
    }
}

/// Reads the ranges of one value. A malformed one is ignored.
fn ranges(value: &str) -> impl Iterator<Item = Range<'_>> {
    split_unquoted(value, ',').filter_map(|range| {
        let mut parts = split_unquoted(range, ';');
        let types = parts.next()?.trim().split_once('/')?;
        let weight = parts.find_map(weight).unwrap_or(MAX_WEIGHT);
        Some(Range { types, weight })
    })
}

/// Reads a parameter that is a weight (RFC 9110, section 12.4.2). A malformed weight is ignored.
fn weight(parameter: &str) -> Option<u16> {
    let (name, value) = parameter.split_once('=')?;
    if !name.trim().eq_ignore_ascii_case("q") {
        return None;
    }
    let (whole, decimals) = value.trim().split_once('.').unwrap_or((value.trim(), ""));
    if !matches!(whole, "0" | "1") || decimals.len() > 3 || !decimals.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    format!("{whole}{decimals:0<3}").parse().ok().filter(|&weight| weight <= MAX_WEIGHT)
}

/// Splits at a delimiter that is not inside a quoted string.
fn split_unquoted(value: &str, delimiter: char) -> impl Iterator<Item = &str> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    value.split(move |c| {
        if is_escaped {
            is_escaped = false;
            return false;
        }
        match c {
            '\\' if is_quoted => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            c => return !is_quoted && c == delimiter,
        }
        false
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(values: &[&str]) -> (bool, bool) {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::ACCEPT, value.parse().unwrap());
        }
        let Accepted { json, stream } = Accepted::of(&headers);
        (json, stream)
    }

    #[test]
    fn the_most_specific_range_decides() {
        for (values, expected) in [
            (&[][..], (true, true)),
            (&[""], (true, true)),
            (&[" , "], (true, true)),
            (&["*/*"], (true, true)),
            (&["application/json"], (true, false)),
            (&["application/*"], (true, false)),
            (&["text/event-stream"], (false, true)),
            (&["text/*"], (false, true)),
            (&["text/html"], (false, false)),
            (&["application/json, text/event-stream"], (true, true)),
            (&["application/json", "text/event-stream"], (true, true)),
            (&["text/html", "*/*;q=0.1"], (true, true)),
            (&["Application/JSON;charset=utf-8"], (true, false)),
            (&["application/json;q=0"], (false, false)),
            (&["*/*, application/json;q=0"], (false, true)),
            (&["application/json;q=0.000, */*"], (false, true)),
            (&["application/json;q=0.001"], (true, false)),
            (&["*/*;q=0"], (false, false)),
            (&["*/*;q=0, text/event-stream"], (false, true)),
            (&["application/*;q=0, application/json"], (true, false)),
            (&["application/json;a=\",;q=0\""], (true, false)),
            (&["application/json; Q = 0"], (false, false)),
            (&["application/json;q=loud"], (true, false)),
            (&["application/json;a=b;q=0, application/json"], (true, false)),
            (&["json"], (true, true)),
        ] {
            assert_eq!(accepted(values), expected, "{values:?}");
        }
    }

    fn prefers(accept: &[&str]) -> bool {
        let mut headers = HeaderMap::new();
        for value in accept {
            headers.append(header::ACCEPT, value.parse().unwrap());
        }
        prefers_html(&headers)
    }

    #[test]
    fn browsers_prefer_html() {
        for accept in [
            "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8,\
             application/signed-exchange;v=b3;q=0.7",
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            "text/html",
            "TEXT/HTML ; q=0.5 , */* ; q=0.1",
            "application/json;q=0.9, text/html",
            "application/json;q=0, */*",
            "text/*, application/json;q=0.999",
        ] {
            assert!(prefers(&[accept]), "{accept}");
        }
        assert!(prefers(&["application/json;q=0.2", "text/html;q=0.3"]));
    }

    #[test]
    fn other_clients_get_json() {
        for accept in [
            "",
            "*/*",
            "application/json",
            "application/json, text/event-stream",
            "application/json, text/html",
            "text/html, */*",
            "text/html;q=0.5, application/json",
            "text/html;q=0, */*",
            "text/html;q=0",
            "text, html",
            "text/plain",
        ] {
            assert!(!prefers(&[accept]), "{accept}");
        }
        assert!(!prefers(&[]));
    }

    #[test]
    fn a_weight_has_up_to_three_decimals() {
        for (text, expected) in
            [("q=0", 0), ("q=1", 1000), ("q=0.", 0), ("Q = 0.5", 500), ("q=0.05", 50), ("q=1.000", 1000)]
        {
            assert_eq!(weight(text), Some(expected), "{text}");
        }
        for text in ["", "q", "q=", "q=2", "q=1.001", "q=-0", "q=.5", "q=0.1234", "q=0.x", "level=1"] {
            assert_eq!(weight(text), None, "{text}");
        }
    }

    #[test]
    fn only_identity_is_a_content_coding() {
        for (coding, expected) in
            [("identity", true), ("Identity", true), ("", true), ("gzip", false), ("identity, br", false)]
        {
            assert_eq!(is_identity(&HeaderValue::from_str(coding).unwrap()), expected, "{coding}");
        }
        assert!(!is_identity(&HeaderValue::from_bytes(b"\xff").unwrap()));
    }
}
