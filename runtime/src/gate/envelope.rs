//! Which tool a request wants to call, read from its body once.
//!
//! rmcp reads the body again and is the authority on what it means; this parse exists so that a refusal can be an HTTP
//! status. It is strict where two parsers could differ: a key that stands twice is refused.

use std::{borrow::Cow, fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

/// The parts of a JSON-RPC message that the gate looks at.
#[derive(Debug, Default)]
pub(crate) struct Envelope<'a> {
    pub(super) jsonrpc: Option<&'a RawValue>,
    /// The request's id, to be given back with an error.
    pub(super) id: Option<&'a RawValue>,
    pub(super) method: Option<Cow<'a, str>>,
    pub(super) params: Params<'a>,
    /// Whether there is anything else.
    pub(super) extra: bool,
}

/// The parameters, as far as `tools/call` has them.
#[derive(Debug, Default)]
pub(crate) struct Params<'a> {
    pub(super) shape: Shape,
    pub(super) name: Option<&'a RawValue>,
    pub(super) arguments: Option<&'a RawValue>,
    pub(super) meta: Option<&'a RawValue>,
    /// Whether there is anything else.
    pub(super) extra: bool,
}

/// What the parameters are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Shape {
    #[default]
    Absent,
    Object,
    /// Nothing that MCP has; whatever rmcp makes of it, the handler decides about it.
    Other,
}

/// Why a body is no message, with the codes of JSON-RPC 2.0, section 5.1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Malformed {
    pub(crate) code: i32,
    pub(crate) message: Cow<'static, str>,
}

pub(crate) const PARSE_ERROR: i32 = -32700;
pub(crate) const INVALID_REQUEST: i32 = -32600;
pub(crate) const INVALID_PARAMS: i32 = -32602;

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
    pub(crate) fn called_tool(&self) -> Option<Cow<'a, str>> {
        if self.method.as_deref() != Some("tools/call") {
            return None;
        }
        let name = self.params.name?.get();
        // The usual name has no escapes, and needs no copy.
        match name.strip_prefix('"').and_then(|name| name.strip_suffix('"')) {
            Some(plain) if !plain.contains('\\') => Some(Cow::Borrowed(plain)),
            _ => serde_json::from_str(name).ok(),
        }
    }

    /// What is wrong with the parameters of a call, if they are none: rmcp would take the request for one of another
    /// method, and say that there is no such.
    pub(crate) fn bad_call(&self) -> Option<&'static str> {
        if self.method.as_deref() != Some("tools/call") || self.id.is_none() {
            return None;
        }
        let params = &self.params;
        if params.shape != Shape::Object {
            return Some("the parameters of a call are an object with the name of a tool");
        }
        if !params.name.is_some_and(|name| name.get().starts_with('"')) {
            return Some("the name of a tool is a string");
        }
        let fits =
            params.arguments.is_none_or(|arguments| arguments.get().starts_with('{') || arguments.get() == "null");
        (!fits).then_some("the arguments of a call are an object")
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

/// Takes a value unless there was one.
fn set<T, E: serde::de::Error>(slot: &mut Option<T>, key: &'static str, value: T) -> Result<(), E> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(E::duplicate_field(key)),
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Envelope<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields<'a>(PhantomData<&'a ()>);

        impl<'de: 'a, 'a> Visitor<'de> for Fields<'a> {
            type Value = Envelope<'a>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON-RPC message")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Envelope<'a>, A::Error> {
                let mut envelope = Envelope::default();
                let mut params = None;
                while let Some(key) = map.next_key::<Text<'de>>()? {
                    match &*key.0 {
                        "jsonrpc" => set(&mut envelope.jsonrpc, "jsonrpc", map.next_value()?)?,
                        "id" => set(&mut envelope.id, "id", map.next_value()?)?,
                        "method" => set(&mut envelope.method, "method", map.next_value::<Text<'de>>()?.0)?,
                        "params" => set(&mut params, "params", map.next_value()?)?,
                        _ => {
                            envelope.extra = true;
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                envelope.params = params.unwrap_or_default();
                Ok(envelope)
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
                f.write_str("parameters")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Params<'a>, A::Error> {
                let mut params = Params { shape: Shape::Object, ..Params::default() };
                while let Some(key) = map.next_key::<Text<'de>>()? {
                    match &*key.0 {
                        "name" => set(&mut params.name, "name", map.next_value()?)?,
                        "arguments" => set(&mut params.arguments, "arguments", map.next_value()?)?,
                        "_meta" => set(&mut params.meta, "_meta", map.next_value()?)?,
                        _ => {
                            params.extra = true;
                            map.next_value::<IgnoredAny>()?;
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

        const OTHER: Params<'static> =
            Params { shape: Shape::Other, name: None, arguments: None, meta: None, extra: false };
        deserializer.deserialize_any(Fields(PhantomData))
    }
}

/// A string, borrowed where it has no escapes.
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
        let envelope = Envelope::parse(body.as_bytes()).map_err(|malformed| malformed.code)?;
        Ok(envelope.called_tool().map(Cow::into_owned))
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
    fn a_call_that_is_none_is_told_apart() {
        let bad = |params: &str| {
            let body = format!(r#"{{"id":1,"method":"tools/call","params":{params}}}"#);
            Envelope::parse(body.as_bytes()).unwrap().bad_call().is_some()
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
            Envelope::parse(br#"{"method":"tools/call"}"#).unwrap().bad_call(),
            None,
            "a notification is rmcp's"
        );
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
