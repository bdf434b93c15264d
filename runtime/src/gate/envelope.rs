//! Which tool a request wants to call, read from its body once.
//!
//! rmcp reads the body again and is the authority on what it means; this parse exists so that a refusal can be an HTTP
//! status. It is strict where two parsers could differ: a key that stands twice is refused.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

/// The parts of a JSON-RPC message that the gate looks at.
#[derive(Debug, Deserialize)]
pub(crate) struct Envelope<'a> {
    /// The request's id, to be given back with an error.
    #[serde(borrow, default)]
    pub(crate) id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    method: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    params: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct CallParams<'a> {
    #[serde(borrow, default)]
    name: Option<&'a RawValue>,
    // Named so that a second one is noticed.
    #[serde(borrow, default, rename = "arguments")]
    _arguments: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "_meta")]
    _meta: Option<&'a RawValue>,
}

/// Why a body is no message, with the codes of JSON-RPC 2.0, section 5.1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Malformed {
    pub(crate) code: i32,
    pub(crate) message: Cow<'static, str>,
}

pub(crate) const PARSE_ERROR: i32 = -32700;
pub(crate) const INVALID_REQUEST: i32 = -32600;

impl<'a> Envelope<'a> {
    pub(crate) fn parse(body: &'a [u8]) -> Result<Self, Malformed> {
        match body.iter().find(|byte| !byte.is_ascii_whitespace()) {
            Some(b'{') => serde_json::from_slice(body).map_err(|error| Malformed::new(&error)),
            Some(b'[') => Err(Malformed::invalid("JSON-RPC batches are not supported: send one message a request")),
            _ => match serde_json::from_slice::<&RawValue>(body) {
                Ok(_) => Err(Malformed::invalid("a JSON-RPC message is an object")),
                Err(error) => Err(Malformed::new(&error)),
            },
        }
    }

    /// The tool that this message calls, if it is a `tools/call` with a name.
    pub(crate) fn called_tool(&self) -> Result<Option<Cow<'a, str>>, Malformed> {
        if self.method.as_deref() != Some("tools/call") {
            return Ok(None);
        }
        // Parameters by position are nothing that MCP has; whatever rmcp makes of them, the handler decides about it.
        let Some(params) = self.params.filter(|params| params.get().starts_with('{')) else {
            return Ok(None);
        };
        let params: CallParams<'a> = serde_json::from_str(params.get()).map_err(|error| Malformed::new(&error))?;
        Ok(params.name.and_then(|name| serde_json::from_str(name.get()).ok()))
    }

    /// The id as it may be given back: a string or a number, as JSON-RPC has them.
    pub(crate) fn request_id(&self) -> &'a str {
        let id = self.id.map_or("null", RawValue::get);
        if id.starts_with(['"', '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9']) { id } else { "null" }
    }
}

impl Malformed {
    /// The parser's words say where, and never repeat the body.
    fn new(error: &serde_json::Error) -> Self {
        if error.is_data() {
            Self { code: INVALID_REQUEST, message: format!("not a valid JSON-RPC message: {error}").into() }
        } else {
            Self { code: PARSE_ERROR, message: format!("the body is not JSON: {error}").into() }
        }
    }

    fn invalid(message: &'static str) -> Self {
        Self { code: INVALID_REQUEST, message: message.into() }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn called(body: &str) -> Result<Option<String>, i32> {
        let envelope = Envelope::parse(body.as_bytes()).map_err(|malformed| malformed.code)?;
        Ok(envelope.called_tool().map_err(|malformed| malformed.code)?.map(Cow::into_owned))
    }

    #[test]
    fn the_name_of_a_call_is_read() {
        let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":{"name":"b"}}}"#;
        assert_eq!(called(body), Ok(Some("a".to_owned())));
        assert_eq!(called(r#"{"method":"tools\/call","params":{"na\u006de":"\u0061"}}"#), Ok(Some("a".to_owned())));
        assert_eq!(called(r#"{"method":"tools/list","params":{"name":"a"}}"#), Ok(None));
        assert_eq!(called(r#"{"method":"tools/call","params":["a"]}"#), Ok(None));
        assert_eq!(called(r#"{"method":"tools/call","params":{"name":7}}"#), Ok(None));
    }

    #[test]
    fn doubled_keys_are_refused() {
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
    fn what_is_no_message_is_told_apart() {
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
    fn only_a_string_or_a_number_is_given_back_as_id() {
        for (id, back) in
            [("1", "1"), (r#""x""#, r#""x""#), ("null", "null"), (r#"{"a":1}"#, "null"), ("true", "null")]
        {
            let body = format!(r#"{{"id":{id},"method":"ping"}}"#);
            assert_eq!(Envelope::parse(body.as_bytes()).unwrap().request_id(), back);
        }
    }

    proptest! {
        #[test]
        fn no_body_makes_it_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(envelope) = Envelope::parse(&body) {
                let _ = envelope.called_tool();
            }
        }
    }
}
