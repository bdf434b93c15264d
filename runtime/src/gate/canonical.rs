//! The sure case: a request that is beyond doubt an accepted `tools/list` or `tools/call`.
//!
//! What is recognized here is answered without rmcp. The principle is to recognize and never to judge: whatever is not
//! exactly of this form, and everything that could be an error of protocol, goes to rmcp, which stays the only authority
//! on what the protocol says. Leaving something out here costs time; nothing else.

use std::{
    collections::HashSet,
    sync::{PoisonError, RwLock},
};

use http::{HeaderMap, HeaderName, header};
use rmcp::model::{ProtocolVersion, RequestMetaObject};
use serde_json::{Map, Value};

use super::envelope::{Envelope, Shape};

const VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
const METHOD: HeaderName = HeaderName::from_static("mcp-method");
const NAME: HeaderName = HeaderName::from_static("mcp-name");

/// Arguments with more brackets than this are left to rmcp's limit on nesting.
const MAX_BRACKETS: usize = 64;

/// How many texts of complete metadata are remembered, and how long one may be; a client sends the same with every
/// request.
const MAX_KNOWN: usize = 256;
const MAX_KNOWN_BYTES: usize = 1024;

/// Recognizes the sure cases.
#[derive(Debug, Default)]
pub(crate) struct Recognizer {
    /// Metadata that rmcp found to be complete and of 2026-07-28, as it was written.
    complete: RwLock<HashSet<Box<str>>>,
}

/// A request in canonical form.
#[derive(Debug)]
pub(crate) struct Canonical {
    pub(crate) revision: Revision,
    pub(crate) request: CanonicalRequest,
}

/// The two shapes that a result has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Revision {
    /// Before 2026-07-28.
    Legacy,
    /// 2026-07-28.
    Current,
}

#[derive(Debug)]
pub(crate) enum CanonicalRequest {
    List,
    Call { arguments: Map<String, Value> },
}

impl Recognizer {
    /// Whether this request is one of the sure cases. The name of the tool is the caller's to look up.
    pub(crate) fn recognize(&self, headers: &HeaderMap, envelope: &Envelope<'_>) -> Option<Canonical> {
        if envelope.extra
            || envelope.params.extra
            || envelope.jsonrpc?.get() != "\"2.0\""
            || !is_plain_id(envelope.id?.get())
        {
            return None;
        }
        if !accepts_both(headers) || headers.contains_key("mcp-session-id") || headers.contains_key("last-event-id") {
            return None;
        }
        let method = envelope.method.as_deref()?;
        let request = match method {
            "tools/list" => list(envelope)?,
            "tools/call" => call(envelope)?,
            _ => return None,
        };
        let revision = self.revision(headers, envelope, method)?;
        Some(Canonical { revision, request })
    }

    fn revision(&self, headers: &HeaderMap, envelope: &Envelope<'_>, method: &str) -> Option<Revision> {
        if !headers.contains_key(VERSION) {
            return legacy_meta(envelope).then_some(Revision::Legacy);
        }
        let version = only(headers, &VERSION)?;
        if version != ProtocolVersion::V_2026_07_28.as_str() {
            let known = ProtocolVersion::KNOWN_VERSIONS.iter().any(|known| known.as_str() == version);
            return (known && version < ProtocolVersion::V_2026_07_28.as_str() && legacy_meta(envelope))
                .then_some(Revision::Legacy);
        }
        // The headers are there and equal to the body (SEP-2243); parameters in headers are rmcp's to compare.
        if only(headers, &METHOD)? != method || headers.keys().any(|name| name.as_str().starts_with("mcp-param-")) {
            return None;
        }
        let same_name = match envelope.params.name {
            Some(name) => only(headers, &NAME)? == name.get().trim_matches('"'),
            None => !headers.contains_key(NAME),
        };
        if !same_name {
            return None;
        }
        self.is_complete(envelope.params.meta?.get()).then_some(Revision::Current)
    }

    /// Whether the metadata of a request is complete and of 2026-07-28. rmcp says so; what it said yes to is remembered.
    fn is_complete(&self, meta: &str) -> bool {
        if self.complete.read().unwrap_or_else(PoisonError::into_inner).contains(meta) {
            return true;
        }
        if !is_complete(meta) {
            return false;
        }
        // What differs with every request would only push out what does not.
        let differs = ["progressToken", "traceparent"].iter().any(|key| meta.contains(key));
        if meta.len() <= MAX_KNOWN_BYTES && !differs {
            let mut known = self.complete.write().unwrap_or_else(PoisonError::into_inner);
            if known.len() >= MAX_KNOWN {
                known.clear();
            }
            known.insert(meta.into());
        }
        true
    }
}

fn list(envelope: &Envelope<'_>) -> Option<CanonicalRequest> {
    let params = &envelope.params;
    let plain = params.shape != Shape::Other && params.name.is_none() && params.arguments.is_none();
    plain.then_some(CanonicalRequest::List)
}

fn call(envelope: &Envelope<'_>) -> Option<CanonicalRequest> {
    // A name with escapes is legal, and rare enough to be somebody else's business.
    if envelope.params.name?.get().contains('\\') {
        return None;
    }
    let arguments = match envelope.params.arguments {
        None => Map::new(),
        Some(raw) => {
            let raw = raw.get();
            let brackets = raw.bytes().filter(|byte| matches!(byte, b'{' | b'[')).count();
            if !raw.starts_with('{') || brackets > MAX_BRACKETS {
                return None;
            }
            serde_json::from_str(raw).ok()?
        }
    };
    Some(CanonicalRequest::Call { arguments })
}

/// A small number, or a string without escapes: what rmcp writes back as it was read.
fn is_plain_id(id: &str) -> bool {
    if let Some(text) = id.strip_prefix('"') {
        return id.len() <= 256 && !text.contains('\\') && text.bytes().all(|byte| byte != 0x7F);
    }
    (1..=15).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_digit())
        && (id == "0" || !id.starts_with('0'))
}

/// The two spellings that clients use.
fn accepts_both(headers: &HeaderMap) -> bool {
    only(headers, &header::ACCEPT).is_some_and(|accept| {
        matches!(
            accept,
            "application/json, text/event-stream"
                | "application/json,text/event-stream"
                | "text/event-stream, application/json"
        )
    })
}

/// What rmcp says of the metadata of a request.
fn is_complete(meta: &str) -> bool {
    let Ok(meta) = serde_json::from_str::<RequestMetaObject>(meta) else { return false };
    meta.missing_required_keys(&ProtocolVersion::V_2026_07_28).is_empty()
        && meta.protocol_version().is_some_and(|version| version == ProtocolVersion::V_2026_07_28)
}

/// Metadata that says nothing about the protocol.
fn legacy_meta(envelope: &Envelope<'_>) -> bool {
    let Some(meta) = envelope.params.meta else { return true };
    let meta: Option<Map<String, Value>> = serde_json::from_str(meta.get()).ok();
    meta.is_some_and(|meta| {
        meta.iter().all(|(key, value)| {
            !key.starts_with("io.modelcontextprotocol/")
                && (key != "progressToken" || value.is_string() || value.is_u64())
        })
    })
}

/// The value of a header that stands exactly once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    if values.next().is_some() {
        return None;
    }
    value.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const META: &str = r#"{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"t","version":"1"},"io.modelcontextprotocol/clientCapabilities":{}}"#;

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, "application/json, text/event-stream".parse().unwrap());
        for (name, value) in pairs {
            headers.append(HeaderName::try_from(*name).unwrap(), value.parse().unwrap());
        }
        headers
    }

    fn revision_of(pairs: &[(&str, &str)], body: &str) -> Option<Revision> {
        let envelope = Envelope::parse(body.as_bytes()).ok()?;
        Some(Recognizer::default().recognize(&headers(pairs), &envelope)?.revision)
    }

    fn call(extra: &str) -> String {
        format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"a","arguments":{{"x":1}}{extra}}}}}"#
        )
    }

    #[test]
    fn the_usual_requests_are_recognized() {
        let current = [("mcp-protocol-version", "2026-07-28"), ("mcp-method", "tools/call"), ("mcp-name", "a")];
        assert_eq!(revision_of(&current, &call(&format!(r#","_meta":{META}"#))), Some(Revision::Current));
        assert_eq!(revision_of(&[("mcp-protocol-version", "2025-11-25")], &call("")), Some(Revision::Legacy));
        assert_eq!(revision_of(&[], &call(r#","_meta":{"progressToken":7}"#)), Some(Revision::Legacy));
        assert_eq!(revision_of(&[], r#"{"jsonrpc":"2.0","id":"x","method":"tools/list"}"#), Some(Revision::Legacy));
    }

    #[test]
    fn whatever_could_be_an_error_is_left_to_rmcp() {
        let current =
            |method, name| [("mcp-protocol-version", "2026-07-28"), ("mcp-method", method), ("mcp-name", name)];
        let meta = format!(r#","_meta":{META}"#);
        for (headers, body) in [
            (current("tools/list", "a").to_vec(), call(&meta)),
            (current("tools/call", "b").to_vec(), call(&meta)),
            (current("tools/call", "a").to_vec(), call("")),
            (
                current("tools/call", "a").to_vec(),
                call(r#","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}"#),
            ),
            (vec![("mcp-protocol-version", "2026-07-28")], call(&meta)),
            (vec![("mcp-protocol-version", "1999-01-01")], call("")),
            (vec![("mcp-protocol-version", "2025-11-25")], call(&meta)),
            (vec![("mcp-session-id", "x")], call("")),
            (vec![], call(r#","task":{}"#)),
            (vec![], call("").replace("\"id\":1", "\"id\":1.5")),
            (vec![], call("").replace("\"id\":1", "\"id\":null")),
            (vec![], call("").replace("\"id\":1,", "")),
            (vec![], call("").replace("2.0", "1.0")),
            (vec![], call("").replace("{\"x\":1}", "[]")),
            (vec![], r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"cursor":"x"}}"#.to_owned()),
            (vec![], r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#.to_owned()),
        ] {
            assert_eq!(revision_of(&headers, &body), None, "{headers:?} {body}");
        }
    }

    #[test]
    fn what_callers_make_up_is_remembered_within_bounds() {
        let recognizer = Recognizer::default();
        let known = || recognizer.complete.read().unwrap().len();
        let with = |key: &str, value: &str| format!(r#"{},"{key}":"{value}"}}"#, META.strip_suffix('}').unwrap());
        for i in 0..1000 {
            assert!(recognizer.is_complete(&with("com.example/x", &i.to_string())));
            assert!((1..=MAX_KNOWN).contains(&known()));
        }
        let before = known();
        assert!(recognizer.is_complete(&with("progressToken", "1")));
        assert!(recognizer.is_complete(&with("com.example/x", &"x".repeat(MAX_KNOWN_BYTES))));
        assert!(!recognizer.is_complete("{}"));
        assert_eq!(known(), before);
    }
}
