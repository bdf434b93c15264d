//! Claims in a JSON object: an introspection response (RFC 7662, section 2.2) or the payload of a JWT (RFC 9068).

use std::{
    borrow::Cow,
    collections::HashSet,
    fmt, mem,
    time::{Duration, SystemTime},
};

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value, error::Category};
use thiserror::Error;

use super::claim_names::ClaimNames;
use crate::{
    auth::{Audience, Claims},
    json_memory,
};

/// Maximum number of JSON values, including those inside of others. A response has dozens. Parsed, it takes at most
/// 1.5 MiB.
pub(super) const MAX_VALUES: usize = 4096;

/// Latest valid time, 9999-12-31T23:59:59Z in seconds since 1970. An `f64` represents every second before it exactly.
const MAX_TIME: f64 = 253_402_300_799.0;

/// Reason why claims are invalid. The text quotes no value.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum JsonClaimsError {
    #[error("it is not JSON")]
    NotJson,
    #[error("it is not a JSON object")]
    NotAnObject,
    #[error("it has a duplicate key")]
    DuplicateKey,
    #[error("it has more than {MAX_VALUES} values")]
    TooManyValues,
    #[error("`{field}` is not {expected}")]
    WrongType { field: Cow<'static, str>, expected: &'static str },
    #[error("`{field}` is after the year 9999: expected seconds since 1970")]
    TooLate { field: Cow<'static, str> },
}

impl JsonClaimsError {
    fn wrong_type(field: &str, expected: &'static str) -> Self {
        Self::WrongType { field: field.to_owned().into(), expected }
    }
}

/// JSON object without duplicate keys. Parsers differ in which value of a duplicate key they use.
pub(crate) struct JsonClaims(Map<String, Value>);

impl JsonClaims {
    pub(super) fn parse(body: &[u8]) -> Result<Self, JsonClaimsError> {
        if json_memory::has_more_values_than(body, MAX_VALUES) {
            return Err(JsonClaimsError::TooManyValues);
        }
        // serde_json's error is dropped because it quotes the response.
        let error = |error: serde_json::Error| match error.classify() {
            Category::Data => JsonClaimsError::NotAnObject,
            _ => JsonClaimsError::NotJson,
        };
        let fields = serde_json::from_slice(body).map_err(error)?;
        match serde_json::from_slice(body) {
            Ok(DuplicateKeys(false)) => Ok(Self(fields)),
            Ok(DuplicateKeys(true)) => Err(JsonClaimsError::DuplicateKey),
            Err(_) => Err(JsonClaimsError::NotJson),
        }
    }

    /// Reads the claims, and moves all of them to [`Claims::raw`].
    pub(super) fn claims(&mut self, names: &ClaimNames) -> Result<Claims, JsonClaimsError> {
        let mut claims = Claims::new();
        claims.subject = self.string("sub")?;
        claims.client_id = self.string("client_id")?;
        claims.username = self.string(&names.username)?;
        claims.org_id = self.single(&names.org)?;
        claims.org_role = self.single(&names.role)?;
        claims.scopes = self.scopes(&names.scope)?;
        claims.audience = self.audience()?;
        claims.expires_at = self.time("exp")?;
        claims.raw = mem::take(&mut self.0);
        Ok(claims)
    }

    /// Returns a member that is neither missing nor `null`. A name that begins with `/` is a JSON Pointer (RFC 6901).
    pub(super) fn get(&self, field: &str) -> Option<&Value> {
        let value = match field.strip_prefix('/') {
            Some(pointer) => {
                let (first, rest) = pointer.split_at(pointer.find('/').unwrap_or(pointer.len()));
                self.0.get(&first.replace("~1", "/").replace("~0", "~"))?.pointer(rest)?
            }
            None => self.0.get(field)?,
        };
        Some(value).filter(|value| !value.is_null())
    }

    pub(super) fn string(&self, field: &str) -> Result<Option<String>, JsonClaimsError> {
        let Some(value) = self.get(field) else {
            return Ok(None);
        };
        let string = value.as_str().ok_or_else(|| JsonClaimsError::wrong_type(field, "a string"))?;
        Ok(Some(string.to_owned()))
    }

    /// Returns a string, or the only element of an array: Keycloak writes a single role or organization in an array.
    fn single(&self, field: &str) -> Result<Option<String>, JsonClaimsError> {
        let value = match self.get(field) {
            None => return Ok(None),
            Some(Value::Array(values)) if values.is_empty() => return Ok(None),
            Some(Value::Array(values)) if values.len() == 1 => &values[0],
            Some(value) => value,
        };
        let wrong_type = || JsonClaimsError::wrong_type(field, "a string or an array of one string");
        value.as_str().map(|text| Some(text.to_owned())).ok_or_else(wrong_type)
    }

    pub(super) fn strings(&self, field: &str) -> Result<Option<Vec<String>>, JsonClaimsError> {
        let string = |value: &Value| value.as_str().map(str::to_owned);
        let strings = match self.get(field) {
            None => return Ok(None),
            Some(Value::Array(values)) => values.iter().map(string).collect(),
            Some(value) => string(value).map(|string| vec![string]),
        };
        let wrong_type = || JsonClaimsError::wrong_type(field, "a string or an array of strings");
        strings.map(Some).ok_or_else(wrong_type)
    }

    /// Returns the scopes. In a string, spaces separate them (RFC 6749, section 3.3); in an array, each element is
    /// one.
    fn scopes(&self, field: &str) -> Result<Vec<String>, JsonClaimsError> {
        let mut scopes = match self.get(field) {
            Some(Value::String(scopes)) => scopes.split(' ').map(str::to_owned).collect(),
            _ => self.strings(field)?.unwrap_or_default(),
        };
        scopes.retain(|scope| !scope.is_empty());
        Ok(scopes)
    }

    /// Returns the audience. An empty array matches no resource, unlike a missing field, which leaves the audience
    /// unknown.
    fn audience(&self) -> Result<Audience, JsonClaimsError> {
        let resources = match self.strings("aud")? {
            Some(resources) => Some(resources),
            None => self.strings("resource")?,
        };
        Ok(resources.map_or(Audience::Unknown, Audience::Resources))
    }

    /// Returns a time in seconds since 1970, which may be an integer, a float or a string that holds either. A time
    /// before 1970 is replaced by 1970, which is in the past as well.
    pub(super) fn time(&self, field: &str) -> Result<Option<SystemTime>, JsonClaimsError> {
        let Some(value) = self.get(field) else { return Ok(None) };
        let wrong_type = || JsonClaimsError::wrong_type(field, "a number of seconds since 1970");
        let seconds = match value {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => serde_json::from_str::<Number>(text).ok().and_then(|number| number.as_f64()),
            _ => None,
        }
        .filter(|seconds| seconds.is_finite())
        .ok_or_else(wrong_type)?;
        if seconds > MAX_TIME {
            return Err(JsonClaimsError::TooLate { field: field.to_owned().into() });
        }
        let since_1970 = Duration::try_from_secs_f64(seconds.max(0.0)).map_err(|_| wrong_type())?;
        SystemTime::UNIX_EPOCH.checked_add(since_1970).map(Some).ok_or_else(wrong_type)
    }
}

/// Whether an object has a key twice, at any depth. Names of claims can lead into nested objects.
struct DuplicateKeys(bool);

impl<'de> Deserialize<'de> for DuplicateKeys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Search;

        impl<'de> Visitor<'de> for Search {
            type Value = DuplicateKeys;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON value")
            }

            fn visit_unit<E>(self) -> Result<DuplicateKeys, E> {
                Ok(DuplicateKeys(false))
            }

            fn visit_bool<E>(self, _: bool) -> Result<DuplicateKeys, E> {
                Ok(DuplicateKeys(false))
            }

            fn visit_i64<E>(self, _: i64) -> Result<DuplicateKeys, E> {
                Ok(DuplicateKeys(false))
            }

            fn visit_u64<E>(self, _: u64) -> Result<DuplicateKeys, E> {
                Ok(DuplicateKeys(false))
            }

            fn visit_f64<E>(self, _: f64) -> Result<DuplicateKeys, E> {
                Ok(DuplicateKeys(false))
            }

            fn visit_str<E>(self, _: &str) -> Result<DuplicateKeys, E> {
                Ok(DuplicateKeys(false))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<DuplicateKeys, A::Error> {
                let mut found = false;
                while let Some(DuplicateKeys(inside)) = values.next_element()? {
                    found |= inside;
                }
                Ok(DuplicateKeys(found))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<DuplicateKeys, A::Error> {
                let (mut found, mut keys) = (false, HashSet::new());
                while let Some((key, DuplicateKeys(inside))) = members.next_entry::<String, _>()? {
                    found |= inside | !keys.insert(key);
                }
                Ok(DuplicateKeys(found))
            }
        }

        deserializer.deserialize_any(Search)
    }
}
