//! JSON-RPC messages as the gate reads them, and the JSON-RPC errors that it writes.
//!
//! The gate parses each body once, to be able to reject a call with an HTTP status. rmcp parses the body again and is the
//! authority on its meaning. This parser is strict where two parsers could disagree: it rejects duplicate keys.

use std::{borrow::Cow, fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Value, value::RawValue};
use thiserror::Error;

use crate::audit::{MAX_TEXT, TraceId, is_loggable};

pub(crate) const PARSE_ERROR: i32 = -32700;
pub(crate) const INVALID_REQUEST: i32 = -32600;
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

/// The members of `params` that `tools/call` defines.
#[derive(Debug, Default)]
pub(crate) struct Params<'a> {
    pub(super) kind: ParamsKind,
    pub(super) name: Option<&'a RawValue>,
    pub(super) arguments: Option<&'a RawValue>,
    pub(super) meta: Option<&'a RawValue>,
    /// Input that a tool asked for. It is one of the other members, too.
    input_responses: Option<&'a RawValue>,
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
    /// A type that MCP does not use. `check_params` rejects it for `tools/call`; rmcp for other methods.
    Other,
}

/// A body that is not a JSON-RPC message, with the error code of JSON-RPC 2.0, section 5.1.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{message}")]
pub(crate) struct MalformedMessage {
    pub(crate) code: i32,
    pub(crate) message: Cow<'static, str>,
}

/// Parameters that rmcp must not receive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum InvalidParams {
    #[error("`params` of tools/call must be an object with the name of a tool")]
    NotAnObject,
    #[error("`params.name` of tools/call must be a string")]
    Name,
    #[error("`params.arguments` of tools/call must be an object")]
    Arguments,
    #[error(
        "`params.arguments` of tools/call cannot be read: numbers must fit 64-bit floats, escapes must be characters, and \
         nesting must not exceed 127 levels"
    )]
    UnreadableArguments,
    #[error("`params.{0}` {UNLOGGABLE}")]
    Unloggable(&'static str),
}

/// What is wrong with a text that must not reach a log.
const UNLOGGABLE: &str = "is longer than 256 bytes, or has control or invisible characters";

/// Members of `params` that rmcp logs as they are.
const LOGGED_MEMBERS: [&str; 5] = ["cursor", "level", "protocolVersion", "requestId", "taskId"];

impl<'a> Message<'a> {
    /// Parses a body. Its id and method can be logged.
    pub(crate) fn parse(body: &'a [u8]) -> Result<Self, MalformedMessage> {
        match body.iter().find(|byte| !byte.is_ascii_whitespace()) {
            Some(b'{') => {
                let message: Self =
                    serde_json::from_slice(body).map_err(|error| MalformedMessage::from_parser(&error))?;
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

    /// Returns the tool that this message calls, if it is a `tools/call` with a name.
    pub(crate) fn called_tool(&self) -> Option<Cow<'a, str>> {
        if self.method.as_deref() != Some("tools/call") {
            return None;
        }
        let name = self.params.name?.get();
        // A name without escapes needs no copy.
        match name.strip_prefix('"').and_then(|name| name.strip_suffix('"')) {
            Some(plain) if !plain.contains('\\') => Some(Cow::Borrowed(plain)),
            _ => serde_json::from_str(name).ok(),
        }
    }

    /// Returns the parts of a `tools/call` whose size is the caller's choice: its arguments and its input.
    pub(super) fn call_content(&self) -> [&'a str; 2] {
        let params = &self.params;
        let is_call = self.method.as_deref() == Some("tools/call");
        [params.arguments, params.input_responses].map(|part| part.filter(|_| is_call).map_or("", RawValue::get))
    }

    /// Parses the arguments of a `tools/call`. `None` if it has none.
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

    /// Checks that parameters which rmcp logs can be logged, and the shape of the parameters of a `tools/call` request.
    /// Without the second check, rmcp would take an invalid call for a request with an unknown method.
    pub(crate) fn check_params(&self) -> Result<(), InvalidParams> {
        if let Some(member) = self.params.unloggable {
            return Err(InvalidParams::Unloggable(member));
        }
        if self.params.name.is_some_and(|name| !is_loggable_json(name)) {
            return Err(InvalidParams::Unloggable("name"));
        }
        if self.method.as_deref() != Some("tools/call") || self.id.is_none() {
            return Ok(());
        }
        let params = &self.params;
        if params.kind != ParamsKind::Object {
            return Err(InvalidParams::NotAnObject);
        }
        if !params.name.is_some_and(|name| name.get().starts_with('"')) {
            return Err(InvalidParams::Name);
        }
        let arguments = params.arguments.map(RawValue::get);
        if arguments.is_some_and(|arguments| !arguments.starts_with('{') && arguments != "null") {
            return Err(InvalidParams::Arguments);
        }
        Ok(())
    }

    /// Returns the id as JSON, to be repeated in a response: a string or a number, otherwise `null`.
    pub(crate) fn request_id(&self) -> &'a str {
        let id = self.id.map_or("null", RawValue::get);
        if id.starts_with(['"', '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9']) { id } else { "null" }
    }

    /// Returns the trace id of the W3C trace context in `_meta`.
    pub(crate) fn trace_id(&self) -> Option<TraceId> {
        #[derive(Deserialize)]
        struct Meta<'m> {
            traceparent: Option<&'m str>,
        }
        let meta = self.params.meta?.get();
        if !meta.contains("traceparent") {
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

/// Returns whether a string or a number can be logged: at most 256 bytes, without control or invisible characters. Other
/// values are not logged.
fn is_loggable_json(value: &RawValue) -> bool {
    let json = value.get();
    match json.strip_prefix('"').and_then(|json| json.strip_suffix('"')) {
        // An escaped character takes at most twelve bytes of JSON for three of text, or six for one.
        Some(_) if json.len() > 6 * MAX_TEXT + 2 => false,
        Some(text) if text.contains('\\') => serde_json::from_str(json).is_ok_and(|text: String| is_loggable(&text)),
        Some(text) => is_loggable(text),
        None => json.len() <= MAX_TEXT || json.starts_with(['{', '[']),
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

    let mut body = Vec::with_capacity(256);
    body.extend_from_slice(br#"{"jsonrpc":"2.0","id":"#);
    body.extend_from_slice(id.as_bytes());
    body.extend_from_slice(br#","error":"#);
    serde_json::to_writer(&mut body, &Error { code, message, data }).expect("strings and numbers can be serialized");
    body.push(b'}');
    body
}

/// Stores the value of a key that has not occurred before.
fn set_once<T, E: serde::de::Error>(slot: &mut Option<T>, key: &'static str, value: T) -> Result<(), E> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(E::duplicate_field(key)),
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Message<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields<'a>(PhantomData<&'a ()>);

        impl<'de: 'a, 'a> Visitor<'de> for Fields<'a> {
            type Value = Message<'a>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON-RPC message")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Message<'a>, A::Error> {
                let mut message = Message::default();
                let mut params = None;
                while let Some(key) = map.next_key::<Text<'de>>()? {
                    match &*key.0 {
                        "jsonrpc" => set_once(&mut message.jsonrpc, "jsonrpc", map.next_value()?)?,
                        "id" => set_once(&mut message.id, "id", map.next_value()?)?,
                        "method" => set_once(&mut message.method, "method", map.next_value::<Text<'de>>()?.0)?,
                        "params" => set_once(&mut params, "params", map.next_value()?)?,
                        _ => {
                            message.has_other_members = true;
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                message.params = params.unwrap_or_default();
                Ok(message)
            }
        }

        deserializer.deserialize_map(Fields(PhantomData))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Params<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields<'a>(PhantomData<&'a ()>);

        impl<'de: 'a, 'a> Visitor<'de> for Fields<'a> {
            type Value = Params<'a>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`params`")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Params<'a>, A::Error> {
                let mut params = Params { kind: ParamsKind::Object, ..Params::default() };
                while let Some(key) = map.next_key::<Text<'de>>()? {
                    match &*key.0 {
                        "name" => set_once(&mut params.name, "name", map.next_value()?)?,
                        "arguments" => set_once(&mut params.arguments, "arguments", map.next_value()?)?,
                        "_meta" => set_once(&mut params.meta, "_meta", map.next_value()?)?,
                        key => {
                            params.has_other_members = true;
                            if key == "inputResponses" {
                                params.input_responses = Some(map.next_value()?);
                            } else if let Some(member) = LOGGED_MEMBERS.iter().find(|&&member| member == key) {
                                if !is_loggable_json(map.next_value()?) {
                                    params.unloggable = Some(member);
                                }
                            } else {
                                map.next_value::<IgnoredAny>()?;
                            }
                        }
                    }
                }
                Ok(params)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Params<'a>, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(OTHER)
            }

            fn visit_unit<E>(self) -> Result<Params<'a>, E> {
                Ok(OTHER)
            }

            fn visit_bool<E>(self, _: bool) -> Result<Params<'a>, E> {
                Ok(OTHER)
            }

            fn visit_i64<E>(self, _: i64) -> Result<Params<'a>, E> {
                Ok(OTHER)
            }

            fn visit_u64<E>(self, _: u64) -> Result<Params<'a>, E> {
                Ok(OTHER)
            }

            fn visit_f64<E>(self, _: f64) -> Result<Params<'a>, E> {
                Ok(OTHER)
            }

            fn visit_str<E>(self, _: &str) -> Result<Params<'a>, E> {
                Ok(OTHER)
            }
        }

        const OTHER: Params<'static> = Params {
            kind: ParamsKind::Other,
            name: None,
            arguments: None,
            meta: None,
            input_responses: None,
            unloggable: None,
            has_other_members: false,
        };
        deserializer.deserialize_any(Fields(PhantomData))
    }
}

/// A string that is borrowed if it has no escapes.
struct Text<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Borrow;

        impl<'de> Visitor<'de> for Borrow {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }

        deserializer.deserialize_str(Borrow)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn called(body: &str) -> Result<Option<String>, i32> {
        let message = Message::parse(body.as_bytes()).map_err(|error| error.code)?;
        Ok(message.called_tool().map(Cow::into_owned))
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
                let _ = message.called_tool();
            }
        }
    }
}
