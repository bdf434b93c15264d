//! Introspection responses (RFC 7662, section 2.2).
//!
//! Some fields may have several types: `scope` and `aud` may be a string or an array of strings, and `exp` an
//! integer, a float or a string that holds either. Every field except `active` may be missing or `null`. If `active`
//! is false, no other field is read.
//!
//! A response is invalid, which is not the same as inactive, if a field has another type, if a key is duplicate, if it
//! has more than [`MAX_VALUES`] values, or if `exp` is after the year 9999 (probably because it is in milliseconds). An
//! invalid `exp` never results in a
//! token that does not expire. `Claims::raw` has all fields, including those that are not interpreted.

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::{Map, Number, Value, error::Category};
use thiserror::Error;

use crate::{
    auth::{Audience, Claims},
    json_memory,
};

/// Maximum number of JSON values in a response, including those inside of others. A response has dozens. Parsed, it takes
/// at most 1.5 MiB.
const MAX_VALUES: usize = 4096;

/// Latest valid `exp`, 9999-12-31T23:59:59Z in seconds since 1970. An `f64` represents every second before it
/// exactly.
const MAX_EXPIRY: f64 = 253_402_300_799.0;

/// Introspection response for one token.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum IntrospectionResponse {
    Active(Box<Claims>),
    Inactive,
}

/// Reason why an introspection response is invalid. The text quotes nothing of the response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum IntrospectionResponseError {
    #[error("it is not JSON")]
    NotJson,
    #[error("it is not a JSON object")]
    NotAnObject,
    #[error("it has a duplicate key")]
    DuplicateKey,
    #[error("it has more than {MAX_VALUES} values")]
    TooManyValues,
    #[error("`active` is missing or not a boolean")]
    MissingActive,
    #[error("`{field}` is not {expected}")]
    WrongType { field: &'static str, expected: &'static str },
    #[error("`exp` is after the year 9999: expected seconds since 1970")]
    ExpiryTooLate,
}

impl IntrospectionResponse {
    /// Parses a response. A token whose `exp` is not after `now` is inactive, even if `active` is true.
    pub(crate) fn parse(body: &[u8], now: SystemTime) -> Result<Self, IntrospectionResponseError> {
        let mut fields = Fields::parse(body)?;
        if !fields.active()? {
            return Ok(Self::Inactive);
        }
        let claims = fields.claims()?;
        if claims.is_expired(now) {
            return Ok(Self::Inactive);
        }
        Ok(Self::Active(Box::new(claims)))
    }
}

/// Fields of a JSON object without duplicate keys. Parsers differ in which value of a duplicate key they use.
struct Fields(Map<String, Value>);

impl Fields {
    fn parse(body: &[u8]) -> Result<Self, IntrospectionResponseError> {
        if json_memory::has_more_values_than(body, MAX_VALUES) {
            return Err(IntrospectionResponseError::TooManyValues);
        }
        match serde_json::from_slice(body) {
            Ok(UniqueKeys(Some(fields))) => Ok(Self(fields)),
            Ok(UniqueKeys(None)) => Err(IntrospectionResponseError::DuplicateKey),
            // serde_json's error is dropped because it quotes the response.
            Err(error) if error.classify() == Category::Data => Err(IntrospectionResponseError::NotAnObject),
            Err(_) => Err(IntrospectionResponseError::NotJson),
        }
    }

    fn active(&self) -> Result<bool, IntrospectionResponseError> {
        self.0.get("active").and_then(Value::as_bool).ok_or(IntrospectionResponseError::MissingActive)
    }

    fn claims(&mut self) -> Result<Claims, IntrospectionResponseError> {
        let mut claims = Claims::new();
        claims.subject = self.string("sub")?;
        claims.client_id = self.string("client_id")?;
        claims.username = self.string("username")?;
        claims.org_id = self.string("org_id")?;
        claims.org_role = self.string("org_role")?;
        claims.scopes = self.scopes()?;
        claims.audience = self.audience()?;
        claims.expires_at = self.get("exp").map(parse_expiry).transpose()?;
        claims.raw = std::mem::take(&mut self.0);
        Ok(claims)
    }

    /// Returns a field that is neither missing nor `null`.
    fn get(&self, field: &str) -> Option<&Value> {
        self.0.get(field).filter(|value| !value.is_null())
    }

    fn string(&self, field: &'static str) -> Result<Option<String>, IntrospectionResponseError> {
        let Some(value) = self.get(field) else {
            return Ok(None);
        };
        let expected = "a string";
        let string = value.as_str().ok_or(IntrospectionResponseError::WrongType { field, expected })?;
        Ok(Some(string.to_owned()))
    }

    fn strings(&self, field: &'static str) -> Result<Option<Vec<String>>, IntrospectionResponseError> {
        let string = |value: &Value| value.as_str().map(str::to_owned);
        let strings = match self.get(field) {
            None => return Ok(None),
            Some(Value::Array(values)) => values.iter().map(string).collect(),
            Some(value) => string(value).map(|string| vec![string]),
        };
        let expected = "a string or an array of strings";
        strings.map(Some).ok_or(IntrospectionResponseError::WrongType { field, expected })
    }

    /// Returns the scopes. In a string, spaces separate them (RFC 6749, section 3.3); in an array, each element is
    /// one.
    fn scopes(&self) -> Result<Vec<String>, IntrospectionResponseError> {
        let mut scopes = match self.get("scope") {
            Some(Value::String(scopes)) => scopes.split(' ').map(str::to_owned).collect(),
            _ => self.strings("scope")?.unwrap_or_default(),
        };
        scopes.retain(|scope| !scope.is_empty());
        Ok(scopes)
    }

    /// Returns the audience. An empty array matches no resource, unlike a missing field, which leaves the audience
    /// unknown.
    fn audience(&self) -> Result<Audience, IntrospectionResponseError> {
        let resources = match self.strings("aud")? {
            Some(resources) => Some(resources),
            None => self.strings("resource")?,
        };
        Ok(resources.map_or(Audience::Unknown, Audience::Resources))
    }
}

/// Parses `exp`. A time before 1970 is replaced by 1970, which is in the past as well.
fn parse_expiry(value: &Value) -> Result<SystemTime, IntrospectionResponseError> {
    let wrong_type =
        IntrospectionResponseError::WrongType { field: "exp", expected: "a number of seconds since 1970" };
    let seconds = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => serde_json::from_str::<Number>(text).ok().and_then(|number| number.as_f64()),
        _ => None,
    }
    .filter(|seconds| seconds.is_finite())
    .ok_or(wrong_type)?;
    if seconds > MAX_EXPIRY {
        return Err(IntrospectionResponseError::ExpiryTooLate);
    }
    let since_1970 = Duration::try_from_secs_f64(seconds.max(0.0)).map_err(|_| wrong_type)?;
    SystemTime::UNIX_EPOCH.checked_add(since_1970).ok_or(wrong_type)
}

/// Members of an object, or `None` if a key is duplicate. Nested objects are not checked, because they are not
/// interpreted.
struct UniqueKeys(Option<Map<String, Value>>);

impl<'de> Deserialize<'de> for UniqueKeys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = UniqueKeys;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<UniqueKeys, A::Error> {
                let mut unique = true;
                let mut fields = Map::new();
                while let Some((key, value)) = members.next_entry::<String, Value>()? {
                    unique &= fields.insert(key, value).is_none();
                }
                Ok(UniqueKeys(unique.then_some(fields)))
            }
        }

        deserializer.deserialize_map(Members)
    }
}

#[cfg(test)]
mod tests;
