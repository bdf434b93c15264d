//! Deserializing arguments, with errors that say where they are and omit the invalid values.
//!
//! The errors of `serde_json` have no path and repeat the value. A wrapper such as `serde_path_to_error` would compile
//! the code of every type a second time, for the wrapper of each of its deserializers.

use std::fmt;

use serde::{
    Deserialize,
    de::{
        self, DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Expected, IntoDeserializer, MapAccess,
        SeqAccess, Unexpected, VariantAccess, Visitor, value::StrDeserializer,
    },
    forward_to_deserialize_any,
};
use serde_json::{Map, Value};

use super::{Violation, normalize::push_token, violation::MAX_VIOLATIONS};

/// Newtype by whose name `RawValue` asks a deserializer of `serde_json` for the text.
const RAW_VALUE: &str = "$serde_json::private::RawValue";

/// Deserializes one argument.
///
/// # Errors
///
/// The value that the type rejects, with its JSON pointer.
pub(super) fn argument<T: DeserializeOwned>(name: &str, value: Value) -> Result<T, Violation> {
    T::deserialize(Argument(value)).map_err(|error| error.into_violation(name))
}

/// Deserializes all arguments into one type.
///
/// # Errors
///
/// Every argument that the type rejects.
pub(super) fn arguments<T: DeserializeOwned>(arguments: Map<String, Value>) -> Result<T, Vec<Violation>> {
    let mut members = Members::new(arguments);
    let first = match T::deserialize(Arguments(&mut members)) {
        Ok(value) => return Ok(value),
        Err(error) => error,
    };
    let mut violations = vec![first.into()];
    // The members after an invalid one are deserialized without those before it. A derived `Deserialize` reports
    // missing members only after it has read the rest.
    while violations.len() < MAX_VIOLATIONS && members.current.take().is_some() {
        if let Err(error) = T::deserialize(Arguments(&mut members))
            && members.current.is_some()
        {
            violations.push(error.into());
        }
    }
    Err(violations)
}

/// Why a type rejects a value.
#[derive(Debug)]
struct ArgumentError(Box<Rejected>);

#[derive(Debug)]
struct Rejected {
    message: String,
    /// Members and items on the way to the value, innermost first.
    path: Vec<String>,
}

impl ArgumentError {
    #[cold]
    fn into_violation(self, name: &str) -> Violation {
        self.inside(name).into()
    }

    #[cold]
    fn inside(mut self, token: &str) -> Self {
        self.0.path.push(token.to_owned());
        self
    }
}

impl From<ArgumentError> for Violation {
    fn from(error: ArgumentError) -> Self {
        let mut pointer = String::new();
        for token in error.0.path.iter().rev() {
            push_token(&mut pointer, token);
        }
        Self { pointer, message: error.0.message }
    }
}

impl fmt::Display for ArgumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for ArgumentError {}

/// The default messages repeat the value.
impl de::Error for ArgumentError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(Box::new(Rejected { message: message.to_string(), path: Vec::new() }))
    }

    fn invalid_type(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::custom(format_args!("expected {expected}, not {}", kind(&unexpected)))
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::custom(format_args!("the value is not valid: expected {expected}"))
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Self::custom(format_args!("the value is not one of {expected:?}"))
    }

    fn unknown_field(_: &str, expected: &'static [&'static str]) -> Self {
        Self::custom(format_args!("a property is not one of {expected:?}"))
    }
}

fn kind(value: &Unexpected<'_>) -> &'static str {
    match value {
        Unexpected::Bool(_) => "a boolean",
        Unexpected::Unsigned(_) | Unexpected::Signed(_) => "an integer",
        Unexpected::Float(_) => "a number with a fraction",
        Unexpected::Char(_) | Unexpected::Str(_) => "text",
        Unexpected::Unit | Unexpected::Option => "null",
        Unexpected::Seq | Unexpected::Bytes(_) => "an array",
        Unexpected::Map => "an object",
        _ => "a value of another type",
    }
}

/// Deserializer of a value.
struct Argument(Value);

impl<'de> Deserializer<'de> for Argument {
    type Error = ArgumentError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ArgumentError> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(value),
            Value::Number(number) => {
                if let Some(number) = number.as_u64() {
                    visitor.visit_u64(number)
                } else if let Some(number) = number.as_i64() {
                    visitor.visit_i64(number)
                } else {
                    // With serde_json's feature `arbitrary_precision`, a number may not fit.
                    let number = number.as_f64().filter(|number| number.is_finite());
                    visitor.visit_f64(number.ok_or_else(|| de::Error::custom("does not fit a 64-bit float"))?)
                }
            }
            Value::String(text) => visitor.visit_string(text),
            Value::Array(items) => {
                let length = items.len();
                let mut items = Items { remaining: items.into_iter(), next: 0 };
                let value = visitor.visit_seq(&mut items)?;
                if items.remaining.len() == 0 {
                    Ok(value)
                } else {
                    Err(de::Error::invalid_length(length, &"fewer items"))
                }
            }
            Value::Object(members) => {
                let length = members.len();
                let mut members = Members::new(members);
                let value = visitor.visit_map(&mut members)?;
                if members.remaining.len() == 0 {
                    Ok(value)
                } else {
                    Err(de::Error::invalid_length(length, &"fewer properties"))
                }
            }
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ArgumentError> {
        if self.0.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, ArgumentError> {
        if name == RAW_VALUE {
            return self.0.deserialize_newtype_struct(name, visitor).map_err(de::Error::custom);
        }
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ArgumentError> {
        let (name, content) = match self.0 {
            Value::String(name) => (name, None),
            Value::Object(members) if members.len() == 1 => match members.into_iter().next() {
                Some((name, content)) => (name, Some(content)),
                None => return Err(de::Error::custom("expected an object with one property")),
            },
            Value::Object(_) => return Err(de::Error::custom("expected an object with one property")),
            _ => return Err(de::Error::custom("expected text, or an object with one property")),
        };
        visitor.visit_enum(Variant { name, content })
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ArgumentError> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier
    }
}

/// Deserializer of all arguments, which leaves those that it did not read.
struct Arguments<'a>(&'a mut Members);

impl<'de> Deserializer<'de> for Arguments<'_> {
    type Error = ArgumentError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ArgumentError> {
        visitor.visit_map(self.0)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

/// Items of an array.
struct Items {
    remaining: std::vec::IntoIter<Value>,
    next: usize,
}

impl<'de> SeqAccess<'de> for Items {
    type Error = ArgumentError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, ArgumentError> {
        let Some(item) = self.remaining.next() else { return Ok(None) };
        let index = self.next;
        self.next += 1;
        seed.deserialize(Argument(item)).map(Some).map_err(|error| error.inside(&index.to_string()))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.remaining.len())
    }
}

/// Members of an object.
struct Members {
    remaining: serde_json::map::IntoIter,
    /// The member whose key was read and whose value was not, or is invalid.
    current: Option<(String, Value)>,
}

impl Members {
    fn new(members: Map<String, Value>) -> Self {
        Self { remaining: members.into_iter(), current: None }
    }
}

impl<'de> MapAccess<'de> for Members {
    type Error = ArgumentError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, ArgumentError> {
        self.current = self.remaining.next();
        let Some((name, _)) = &self.current else { return Ok(None) };
        seed.deserialize(Key(name)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, ArgumentError> {
        let Some((name, value)) = &mut self.current else {
            return Err(de::Error::custom("the value of a property was read before its name"));
        };
        let value = seed.deserialize(Argument(value.take())).map_err(|error| error.inside(name))?;
        self.current = None;
        Ok(value)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.remaining.len())
    }
}

/// Deserializer of the name of a property. Numbers and booleans are parsed, because a map can have such keys.
struct Key<'a>(&'a str);

/// Generates methods that parse a key.
macro_rules! parse_key {
    ($($method:ident $visit:ident;)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ArgumentError> {
            match self.0.parse() {
                Ok(key) => visitor.$visit(key),
                Err(_) => visitor.visit_str(self.0),
            }
        }
    )*};
}

impl<'de> Deserializer<'de> for Key<'_> {
    type Error = ArgumentError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ArgumentError> {
        visitor.visit_str(self.0)
    }

    parse_key! {
        deserialize_bool visit_bool;
        deserialize_i8 visit_i8;
        deserialize_i16 visit_i16;
        deserialize_i32 visit_i32;
        deserialize_i64 visit_i64;
        deserialize_i128 visit_i128;
        deserialize_u8 visit_u8;
        deserialize_u16 visit_u16;
        deserialize_u32 visit_u32;
        deserialize_u64 visit_u64;
        deserialize_u128 visit_u128;
        deserialize_f32 visit_f32;
        deserialize_f64 visit_f64;
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ArgumentError> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, ArgumentError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ArgumentError> {
        let key: StrDeserializer<'_, ArgumentError> = self.0.into_deserializer();
        key.deserialize_enum(name, variants, visitor)
    }

    forward_to_deserialize_any! {
        char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

/// Variant of an enum: its name, or an object with its name and its content.
struct Variant {
    name: String,
    content: Option<Value>,
}

impl<'de> EnumAccess<'de> for Variant {
    type Error = ArgumentError;
    type Variant = VariantContent;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, VariantContent), ArgumentError> {
        let variant = seed.deserialize(Key(&self.name))?;
        Ok((variant, VariantContent { name: self.name, content: self.content }))
    }
}

struct VariantContent {
    name: String,
    content: Option<Value>,
}

impl VariantContent {
    fn into_content(self) -> Result<(String, Argument), ArgumentError> {
        match self.content {
            Some(content) => Ok((self.name, Argument(content))),
            None => Err(de::Error::custom("expected an object with the name of the variant and its content")),
        }
    }
}

impl<'de> VariantAccess<'de> for VariantContent {
    type Error = ArgumentError;

    fn unit_variant(self) -> Result<(), ArgumentError> {
        match self.content {
            Some(content) => <()>::deserialize(Argument(content)).map_err(|error| error.inside(&self.name)),
            None => Ok(()),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, ArgumentError> {
        let (name, content) = self.into_content()?;
        seed.deserialize(content).map_err(|error| error.inside(&name))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, ArgumentError> {
        let (name, content) = self.into_content()?;
        content.deserialize_any(visitor).map_err(|error| error.inside(&name))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ArgumentError> {
        let (name, content) = self.into_content()?;
        content.deserialize_any(visitor).map_err(|error| error.inside(&name))
    }
}

#[cfg(test)]
mod tests;
