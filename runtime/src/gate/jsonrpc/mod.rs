//! JSON-RPC messages as the gate reads them, and the JSON-RPC errors that it writes.
//!
//! The gate parses each body once, to be able to reject a call with an HTTP status. rmcp parses the body again and is the
//! authority on its meaning. This parser is strict where two parsers could disagree: it rejects duplicate keys.

mod listen;
mod params;
mod parse;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, value::RawValue};
use thiserror::Error;

pub(crate) use self::params::InvalidParams;
use self::params::{UNLOGGABLE, is_loggable_json};
use crate::{
    audit::{TraceId, is_loggable, mentions_trace},
    operation::OperationKind,
};

pub(crate) const PARSE_ERROR: i32 = -32700;
pub(crate) const INVALID_REQUEST: i32 = -32600;
pub(crate) const METHOD_NOT_FOUND: i32 = -32601;
pub(crate) const INVALID_PARAMS: i32 = -32602;
pub(crate) const INTERNAL_ERROR: i32 = -32603;

/// The parts of a JSON-RPC message that the gate reads.
#[derive(Debug, Default)]
pub(crate) struct Message<'a> {
    pub(super) jsonrpc: Option<&'a RawValue>,
    pub(super) id: Option<&'a RawValue>,
    pub(super) method: Option<Cow<'a, str>>,
    pub(super) params: Params<'a>,
    /// Whether the message has other members.
    pub(super) has_other_members: bool,
}

/// The operation that a message calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target<'a> {
    pub(crate) kind: OperationKind,
    /// Name of the tool or the prompt, or URI of the resource.
    pub(crate) name: Cow<'a, str>,
}

/// The members of `params` that `tools/call`, `prompts/get` and `resources/read` define.
#[derive(Debug, Default)]
pub(crate) struct Params<'a> {
    pub(super) kind: ParamsKind,
    pub(super) name: Option<&'a RawValue>,
    pub(super) uri: Option<&'a RawValue>,
    pub(super) arguments: Option<&'a RawValue>,
    pub(super) meta: Option<&'a RawValue>,
    /// Position in a list. It is one of the other members, too.
    cursor: Option<&'a RawValue>,
    /// Input that a tool asked for. It is one of the other members, too.
    input_responses: Option<&'a RawValue>,
    /// What a client subscribes to. It is one of the other members, too.
    notifications: Option<&'a RawValue>,
    /// A member that must not reach a log.
    unloggable: Option<&'static str>,
    /// Whether `params` has other members.
    pub(super) has_other_members: bool,
}

/// Type of `params`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ParamsKind {
    #[default]
    Absent,
    Object,
    Null,
    /// A type that MCP does not use.
    Other,
}

/// A body that is not a JSON-RPC message, with the error code of JSON-RPC 2.0, section 5.1.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{message}")]
pub(crate) struct MalformedMessage {
    pub(crate) code: i32,
    pub(crate) message: Cow<'static, str>,
}

impl<'a> Message<'a> {
    /// Parses a body. Its id and method can be logged.
    pub(crate) fn parse(body: &'a [u8]) -> Result<Self, MalformedMessage> {
        match body.iter().find(|byte| !byte.is_ascii_whitespace()) {
            Some(b'{') => {
                // One check of the whole text is faster than one of each member.
                let message = match str::from_utf8(body) {
                    Ok(text) => serde_json::from_str(text),
                    Err(_) => serde_json::from_slice(body),
                };
                let message: Self = message.map_err(|error| MalformedMessage::from_parser(&error))?;
                if message.id.is_some_and(|id| !is_loggable_json(id)) {
                    return Err(MalformedMessage::unloggable("id"));
                }
                if message.method.as_deref().is_some_and(|method| !is_loggable(method)) {
                    return Err(MalformedMessage::unloggable("method"));
                }
                Ok(message)
            }
            Some(b'[') => {
                Err(MalformedMessage::invalid("JSON-RPC batches are not supported: send one message in each request"))
            }
            _ => match serde_json::from_slice::<&RawValue>(body) {
                Ok(_) => Err(MalformedMessage::invalid("a JSON-RPC message must be an object")),
                Err(error) => Err(MalformedMessage::from_parser(&error)),
            },
        }
    }

    /// Returns the kind of operation that this message calls, if its method is `tools/call`, `prompts/get` or
    /// `resources/read`.
    pub(super) fn target_kind(&self) -> Option<OperationKind> {
        match self.method.as_deref()? {
            "tools/call" => Some(OperationKind::Tool),
            "prompts/get" => Some(OperationKind::Prompt),
            "resources/read" => Some(OperationKind::Resource),
            _ => None,
        }
    }

    /// Returns the operation that this message calls.
    pub(crate) fn target(&self) -> Option<Target<'a>> {
        let kind = self.target_kind()?;
        let name = match kind {
            OperationKind::Tool | OperationKind::Prompt => self.params.name,
            OperationKind::Resource => self.params.uri,
        };
        let name = name?.get();
        // A name without escapes needs no copy.
        let name = match name.strip_prefix('"').and_then(|name| name.strip_suffix('"')) {
            Some(plain) if !plain.contains('\\') => Cow::Borrowed(plain),
            _ => serde_json::from_str(name).ok()?,
        };
        Some(Target { kind, name })
    }

    /// Returns the parts of a call whose size is the caller's choice: its arguments and its input.
    pub(super) fn call_content(&self) -> [&'a str; 2] {
        let params = &self.params;
        let is_call = self.target_kind().is_some();
        // The arguments of a resource are in its URI.
        let arguments = params.arguments.filter(|_| self.target_kind() != Some(OperationKind::Resource));
        [arguments, params.input_responses].map(|part| part.filter(|_| is_call).map_or("", RawValue::get))
    }

    /// Parses the arguments of a call. `None` if it has none.
    ///
    /// # Errors
    ///
    /// They are not an object, or they have a number or a text that cannot be represented.
    pub(super) fn parse_arguments(&self) -> Result<Option<Map<String, Value>>, InvalidParams> {
        let [arguments, _] = self.call_content();
        if arguments.is_empty() {
            return Ok(None);
        }
        serde_json::from_str(arguments).map_err(|_| InvalidParams::UnreadableArguments)
    }

    /// Returns the id as JSON, to be repeated in a response: a string or a number, otherwise `null`.
    pub(crate) fn request_id(&self) -> &'a str {
        let id = self.id.map_or("null", RawValue::get);
        if id.starts_with(['"', '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9']) { id } else { "null" }
    }

    /// Returns `_meta`, as JSON.
    #[cfg(feature = "otel")]
    pub(super) fn meta(&self) -> Option<&'a str> {
        self.params.meta.map(RawValue::get)
    }

    /// Returns the trace id of the W3C trace context in `_meta`.
    pub(crate) fn trace_id(&self) -> Option<TraceId> {
        #[derive(Deserialize)]
        struct Meta<'m> {
            traceparent: Option<&'m str>,
        }
        let meta = self.params.meta?.get();
        if !mentions_trace(meta) {
            return None;
        }
        serde_json::from_str::<Meta<'_>>(meta).ok()?.traceparent.and_then(TraceId::parse)
    }
}

impl MalformedMessage {
    /// Converts an error of the parser, whose text names the position and never repeats the body.
    fn from_parser(error: &serde_json::Error) -> Self {
        if error.is_data() {
            Self { code: INVALID_REQUEST, message: format!("not a valid JSON-RPC message: {error}").into() }
        } else {
            Self { code: PARSE_ERROR, message: format!("the body is not JSON: {error}").into() }
        }
    }

    fn unloggable(member: &'static str) -> Self {
        Self { code: INVALID_REQUEST, message: format!("`{member}` {UNLOGGABLE}").into() }
    }

    fn invalid(message: &'static str) -> Self {
        Self { code: INVALID_REQUEST, message: message.into() }
    }
}

/// Writes an error response. `id` is JSON.
pub(crate) fn error_response(id: &str, code: i32, message: &str, data: Option<&impl Serialize>) -> Vec<u8> {
    #[derive(Serialize)]
    struct Error<'a, T> {
        code: i32,
        message: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        data: Option<&'a T>,
    }

    let mut body = Vec::with_capacity(512);
    body.extend_from_slice(br#"{"jsonrpc":"2.0","id":"#);
    body.extend_from_slice(id.as_bytes());
    body.extend_from_slice(br#","error":"#);
    serde_json::to_writer(&mut body, &Error { code, message, data }).expect("strings and numbers can be serialized");
    body.push(b'}');
    body
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn called(body: &str) -> Result<Option<String>, i32> {
        let message = Message::parse(body.as_bytes()).map_err(|error| error.code)?;
        Ok(message.target().map(|target| target.name.into_owned()))
    }

    #[test]
    fn the_tool_of_a_call_is_read() {
        let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":{"name":"b"}}}"#;
        assert_eq!(called(body), Ok(Some("a".to_owned())));
        assert_eq!(called(r#"{"method":"tools\/call","params":{"na\u006de":"\u0061"}}"#), Ok(Some("a".to_owned())));
        assert_eq!(called(r#"{"method":"tools/list","params":{"name":"a"}}"#), Ok(None));
        assert_eq!(called(r#"{"method":"tools/call","params":["a"]}"#), Ok(None));
        assert_eq!(called(r#"{"method":"tools/call","params":{"name":7}}"#), Ok(None));
    }

    #[test]
    fn invalid_call_parameters_are_rejected() {
        let bad = |params: &str| {
            let body = format!(r#"{{"id":1,"method":"tools/call","params":{params}}}"#);
            Message::parse(body.as_bytes()).unwrap().check_params().is_err()
        };
        for params in [
            "[]",
            "null",
            "7",
            "{}",
            r#"{"name":7}"#,
            r#"{"name":null}"#,
            r#"{"name":"a","arguments":[]}"#,
            r#"{"name":"a","arguments":7}"#,
        ] {
            assert!(bad(params), "{params}");
        }
        for params in [r#"{"name":"a"}"#, r#"{"name":"a","arguments":null}"#, r#"{"name":"a","arguments":{}}"#] {
            assert!(!bad(params), "{params}");
        }
        assert_eq!(
            Message::parse(br#"{"method":"tools/call"}"#).unwrap().check_params(),
            Ok(()),
            "a notification is left to rmcp"
        );
    }

    #[test]
    fn texts_that_rmcp_logs_are_short_and_plain() {
        let check = |body: &str| match Message::parse(body.as_bytes()) {
            Ok(message) => message.check_params().map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        let long = "x".repeat(257);
        for text in [&long, r"\u001b[2J", r"\n", "\u{202e}", r"\u202e", r"\ud800"] {
            for body in [
                format!(r#"{{"id":"{text}","method":"ping"}}"#),
                format!(r#"{{"id":1,"method":"{text}"}}"#),
                format!(r#"{{"id":1,"method":"tools/call","params":{{"name":"{text}"}}}}"#),
                format!(r#"{{"id":1,"method":"tools/list","params":{{"cursor":"{text}"}}}}"#),
                format!(r#"{{"method":"notifications/cancelled","params":{{"requestId":"{text}"}}}}"#),
            ] {
                assert!(check(&body).is_err(), "{body}");
            }
        }
        assert!(check(&format!(r#"{{"id":{},"method":"ping"}}"#, "1".repeat(257))).is_err());
        for body in [
            r#"{"id":"größe","method":"ping"}"#.to_owned(),
            format!(r#"{{"id":"{}","method":"ping"}}"#, "x".repeat(256)),
            r#"{"id":1,"method":"tools/list","params":{"cursor":null}}"#.to_owned(),
            format!(r#"{{"id":1,"method":"tools/call","params":{{"name":"a","requestState":"{long}"}}}}"#),
        ] {
            assert_eq!(check(&body), Ok(()), "{body}");
        }
    }

    #[test]
    fn duplicate_keys_are_rejected() {
        for body in [
            r#"{"method":"tools/call","params":{"name":"public","name":"secret"}}"#,
            r#"{"method":"tools/call","params":{"name":"public","n\u0061me":"secret"}}"#,
            r#"{"method":"tools/call","params":{"name":"a","arguments":{},"arguments":{}}}"#,
            r#"{"method":"ping","method":"tools/call"}"#,
            r#"{"method":"tools/call","params":{"name":"public"},"params":{"name":"secret"}}"#,
            r#"{"id":1,"id":2,"method":"ping"}"#,
        ] {
            assert_eq!(called(body), Err(INVALID_REQUEST), "{body}");
        }
    }

    #[test]
    fn a_body_that_is_not_a_message_is_rejected_with_its_code() {
        for (body, code) in [
            ("", PARSE_ERROR),
            ("{", PARSE_ERROR),
            ("not json", PARSE_ERROR),
            ("[{}]", INVALID_REQUEST),
            ("7", INVALID_REQUEST),
        ] {
            assert_eq!(called(body), Err(code), "{body}");
        }
    }

    #[test]
    fn deep_nesting_is_read_without_recursion() {
        let deep =
            format!(r#"{{"method":"tools/call","params":{{"name":"a","arguments":{}}}}}"#, "[".repeat(100_000));
        assert_eq!(called(&deep), Err(PARSE_ERROR));
        let closed = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        let deep = format!(r#"{{"method":"tools/call","params":{{"name":"a","arguments":{closed}}}}}"#);
        assert_eq!(called(&deep), Ok(Some("a".to_owned())));
    }

    #[test]
    fn only_a_string_or_a_number_is_repeated_as_the_id() {
        for (id, back) in
            [("1", "1"), (r#""x""#, r#""x""#), ("null", "null"), (r#"{"a":1}"#, "null"), ("true", "null")]
        {
            let body = format!(r#"{{"id":{id},"method":"ping"}}"#);
            assert_eq!(Message::parse(body.as_bytes()).unwrap().request_id(), back);
        }
    }

    proptest! {
        #[test]
        fn parsing_never_panics(body in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(message) = Message::parse(&body) {
                let _ = message.target();
            }
        }
    }
}
