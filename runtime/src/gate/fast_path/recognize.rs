//! Recognizing requests in canonical form.
//!
//! A request that is not recognized is only slower, so a form is recognized only if rmcp certainly accepts it.

use std::{
    collections::HashSet,
    sync::{PoisonError, RwLock},
};

use foldhash::fast::RandomState;
use http::{HeaderMap, HeaderValue};
use serde_json::{Map, Value};

use super::FastPath;
use crate::{
    gate::jsonrpc::{Message, ParamsKind},
    mcp::{Revision, is_complete_meta},
    operation::OperationKind,
    registry::{Authorized, ListKind, Registry},
};

/// Maximum number of complete `_meta` texts to remember. A client sends the same text with every request.
const MAX_META_ENTRIES: usize = 256;
/// Maximum length of a remembered `_meta` text, in bytes.
const MAX_META_BYTES: usize = 1024;

/// A request in canonical form.
#[derive(Debug)]
pub(crate) struct CanonicalRequest<'a> {
    pub(super) revision: Revision,
    pub(super) operation: Operation<'a>,
}

/// Operation of a canonical request.
#[derive(Debug)]
pub(super) enum Operation<'a> {
    List(ListKind),
    Call(Authorized<'a>),
}

impl FastPath {
    /// Returns the request if it is in canonical form. A call must be authorized, and its operation must support the fast
    /// path. A list must exist on this server: rmcp responds with an error otherwise.
    pub(crate) fn recognize<'a>(
        &self,
        headers: &HeaderMap,
        message: &Message<'_>,
        authorized: Option<Authorized<'a>>,
        registry: &Registry,
    ) -> Option<CanonicalRequest<'a>> {
        let operation = match ListKind::of_method(message.method.as_deref()?) {
            Some(list) if has_no_call_params(message) && registry.serves(list) => Operation::List(list),
            Some(_) => return None,
            None => {
                let authorized = authorized.filter(|authorized| authorized.operation().supports_fast_path())?;
                if !has_canonical_call_params(message, authorized.operation().kind()) {
                    return None;
                }
                Operation::Call(authorized)
            }
        };
        let revision = self.recognizer.revision(headers, message)?;
        Some(CanonicalRequest { revision, operation })
    }
}

/// Recognizer of the canonical envelope: headers, JSON-RPC members and `_meta`.
#[derive(Debug, Default)]
pub(super) struct Recognizer {
    /// `_meta` texts that rmcp found complete for 2026-07-28. Their number bounds what equal hashes cost.
    complete_meta: RwLock<HashSet<Box<str>, RandomState>>,
}

impl Recognizer {
    /// Returns the revision of a message with a canonical envelope.
    fn revision(&self, headers: &HeaderMap, message: &Message<'_>) -> Option<Revision> {
        if message.has_other_members
            || message.params.has_other_members
            || message.jsonrpc?.get() != "\"2.0\""
            || !is_plain_id(message.id?.get())
        {
            return None;
        }
        let headers = McpHeaders::of(headers);
        if headers.continues {
            return None;
        }
        let revision = match headers.version {
            Occurrence::None => Revision::Legacy,
            version => Revision::parse(version.once()?)?,
        };
        let is_canonical = match revision {
            Revision::Legacy => has_legacy_meta(message),
            Revision::Current => headers.repeat(message)? && self.is_complete_meta(message.params.meta?.get()),
        };
        is_canonical.then_some(revision)
    }

    /// Returns whether `_meta` is complete for 2026-07-28. rmcp decides; a positive decision is remembered.
    fn is_complete_meta(&self, meta: &str) -> bool {
        if self.complete_meta.read().unwrap_or_else(PoisonError::into_inner).contains(meta) {
            return true;
        }
        if !is_complete_meta(meta) {
            return false;
        }
        // Metadata that differs with every request would only evict metadata that does not.
        let is_unique = ["progressToken", "traceparent"].iter().any(|key| meta.contains(key));
        if meta.len() <= MAX_META_BYTES && !is_unique {
            let mut complete = self.complete_meta.write().unwrap_or_else(PoisonError::into_inner);
            if complete.len() >= MAX_META_ENTRIES {
                complete.clear();
            }
            complete.insert(meta.into());
        }
        true
    }
}

/// The headers that MCP defines, read in one pass. Looking each of them up takes several times as long.
#[derive(Default)]
struct McpHeaders<'a> {
    version: Occurrence<'a>,
    method: Occurrence<'a>,
    name: Occurrence<'a>,
    /// Whether the request has a mirrored parameter.
    mirrors: bool,
    /// Whether the request belongs to a session or resumes a stream.
    continues: bool,
}

/// How often a header occurs.
#[derive(Clone, Copy, Default)]
enum Occurrence<'a> {
    #[default]
    None,
    Once(&'a HeaderValue),
    Several,
}

impl<'a> McpHeaders<'a> {
    fn of(headers: &'a HeaderMap) -> Self {
        let mut found = Self::default();
        for (name, value) in headers {
            match name.as_str() {
                "mcp-protocol-version" => found.version.add(value),
                "mcp-method" => found.method.add(value),
                "mcp-name" => found.name.add(value),
                "mcp-session-id" | "last-event-id" => found.continues = true,
                name if name.starts_with("mcp-param-") => found.mirrors = true,
                _ => {}
            }
        }
        found
    }

    /// Returns whether the headers repeat the method and the name of the message (SEP-2243). Mirrored parameters are left
    /// to rmcp.
    fn repeat(&self, message: &Message<'_>) -> Option<bool> {
        if self.mirrors || self.method.once()? != message.method.as_deref()? {
            return Some(false);
        }
        // `Mcp-Name` repeats the name of a tool or a prompt, or the URI of a resource.
        Some(match message.params.name.or(message.params.uri) {
            Some(name) => self.name.once()? == name.get().trim_matches('"'),
            None => matches!(self.name, Occurrence::None),
        })
    }
}

impl<'a> Occurrence<'a> {
    fn add(&mut self, value: &'a HeaderValue) {
        *self = match self {
            Self::None => Self::Once(value),
            Self::Once(_) | Self::Several => Self::Several,
        };
    }

    /// Returns the value of a header that occurs exactly once.
    fn once(self) -> Option<&'a str> {
        match self {
            Self::Once(value) => value.to_str().ok(),
            Self::None | Self::Several => None,
        }
    }
}

fn has_no_call_params(message: &Message<'_>) -> bool {
    let params = &message.params;
    matches!(params.kind, ParamsKind::Absent | ParamsKind::Object)
        && params.name.is_none()
        && params.uri.is_none()
        && params.arguments.is_none()
}

/// Returns whether the name or the URI of a call has no escapes, its arguments are absent or an object, and it has no
/// member of another kind of call.
fn has_canonical_call_params(message: &Message<'_>, kind: OperationKind) -> bool {
    let params = &message.params;
    let (name, other) = match kind {
        OperationKind::Tool | OperationKind::Prompt => (params.name, params.uri),
        OperationKind::Resource => (params.uri, params.name.or(params.arguments)),
    };
    name.is_some_and(|name| !name.get().contains('\\'))
        && other.is_none()
        && params.arguments.is_none_or(|arguments| arguments.get().starts_with('{'))
}

/// Returns whether rmcp would repeat an id unchanged: a small non-negative integer, or a string without escapes.
fn is_plain_id(id: &str) -> bool {
    if let Some(text) = id.strip_prefix('"') {
        return id.len() <= 256 && !text.contains('\\') && text.bytes().all(|byte| byte != 0x7F);
    }
    (1..=15).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_digit())
        && (id == "0" || !id.starts_with('0'))
}

/// Returns whether `_meta` is absent or declares nothing about the protocol.
fn has_legacy_meta(message: &Message<'_>) -> bool {
    let Some(meta) = message.params.meta else { return true };
    let meta: Option<Map<String, Value>> = serde_json::from_str(meta.get()).ok();
    meta.is_some_and(|meta| {
        meta.iter().all(|(key, value)| {
            !key.starts_with("io.modelcontextprotocol/")
                && (key != "progressToken" || value.is_string() || value.is_u64())
        })
    })
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::*;

    const META: &str = r#"{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"t","version":"1"},"io.modelcontextprotocol/clientCapabilities":{}}"#;

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(HeaderName::try_from(*name).unwrap(), value.parse().unwrap());
        }
        headers
    }

    fn revision_of(pairs: &[(&str, &str)], body: &str) -> Option<Revision> {
        let message = Message::parse(body.as_bytes()).ok()?;
        let params_are_canonical = match message.method.as_deref()? {
            "tools/list" => has_no_call_params(&message),
            "tools/call" => has_canonical_call_params(&message, OperationKind::Tool),
            _ => false,
        };
        let revision = Recognizer::default().revision(&headers(pairs), &message);
        revision.filter(|_| params_are_canonical)
    }

    fn call(extra: &str) -> String {
        format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"a","arguments":{{"x":1}}{extra}}}}}"#
        )
    }

    #[test]
    fn canonical_requests_are_recognized() {
        let current = [("mcp-protocol-version", "2026-07-28"), ("mcp-method", "tools/call"), ("mcp-name", "a")];
        assert_eq!(revision_of(&current, &call(&format!(r#","_meta":{META}"#))), Some(Revision::Current));
        assert_eq!(revision_of(&[("mcp-protocol-version", "2025-11-25")], &call("")), Some(Revision::Legacy));
        assert_eq!(revision_of(&[], &call(r#","_meta":{"progressToken":7}"#)), Some(Revision::Legacy));
        assert_eq!(revision_of(&[], r#"{"jsonrpc":"2.0","id":"x","method":"tools/list"}"#), Some(Revision::Legacy));
    }

    #[test]
    fn requests_that_rmcp_may_reject_are_not_recognized() {
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
    fn remembered_metadata_is_bounded() {
        let recognizer = Recognizer::default();
        let entries = || recognizer.complete_meta.read().unwrap().len();
        let with = |key: &str, value: &str| format!(r#"{},"{key}":"{value}"}}"#, META.strip_suffix('}').unwrap());
        for i in 0..1000 {
            assert!(recognizer.is_complete_meta(&with("com.example/x", &i.to_string())));
            assert!((1..=MAX_META_ENTRIES).contains(&entries()));
        }
        let before = entries();
        assert!(recognizer.is_complete_meta(&with("progressToken", "1")));
        assert!(recognizer.is_complete_meta(&with("com.example/x", &"x".repeat(MAX_META_BYTES))));
        assert!(!recognizer.is_complete_meta("{}"));
        assert_eq!(entries(), before);
    }
}
