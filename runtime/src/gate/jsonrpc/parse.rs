//! Reading the parts of a message that the gate needs, in one pass and without copies. Duplicate keys are rejected.

use std::{borrow::Cow, fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
};

use super::{
    Message, Params, ParamsKind,
    params::{LOGGED_MEMBERS, is_loggable_json},
};

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
                        "uri" => set_once(&mut params.uri, "uri", map.next_value()?)?,
                        "arguments" => set_once(&mut params.arguments, "arguments", map.next_value()?)?,
                        "_meta" => set_once(&mut params.meta, "_meta", map.next_value()?)?,
                        key => {
                            params.has_other_members = true;
                            if key == "inputResponses" {
                                params.input_responses = Some(map.next_value()?);
                            } else if key == "notifications" {
                                params.notifications = Some(map.next_value()?);
                            } else if let Some(member) = LOGGED_MEMBERS.iter().find(|&&member| member == key) {
                                let value = map.next_value()?;
                                if !is_loggable_json(value) {
                                    params.unloggable = Some(member);
                                }
                                if key == "cursor" {
                                    params.cursor = Some(value);
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
                Ok(Params { kind: ParamsKind::Null, ..OTHER })
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
            uri: None,
            arguments: None,
            meta: None,
            cursor: None,
            input_responses: None,
            notifications: None,
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
