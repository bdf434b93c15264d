//! What an introspection answer says (RFC 7662, section 2.2).
//!
//! Liberal in shape only: `scope` and `aud` may be a string or an array of strings, `exp` an integer, a float or a
//! string that holds either. Every field but `active` may be missing, and `null` is missing. Of an answer that says
//! `"active": false` nothing else is read.
//!
//! Everything else makes the answer unreadable, which is not the same as inactive: a field of another type, a key that
//! stands twice, an `exp` after the year 9999 (milliseconds, most likely). An `exp` that cannot be read never becomes
//! a token without an end. Fields that are not named here are passed on as they are, in `Claims::raw`.

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::{Map, Number, Value, error::Category};
use thiserror::Error;

use crate::auth::{Audience, Claims};

/// 9999-12-31T23:59:59Z in seconds since 1970. Small enough for an `f64` to hold every second before it.
const LATEST_EXPIRY: f64 = 253_402_300_799.0;

/// What the authorization server says of a token.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum IntrospectionResponse {
    Active(Box<Claims>),
    Inactive,
}

/// Why an answer says nothing. The texts quote nothing of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(super) enum Unreadable {
    #[error("it is not JSON")]
    NotJson,
    #[error("it is JSON, but not an object")]
    NotAnObject,
    #[error("a key of it stands twice")]
    Doubled,
    #[error("it has no boolean `active`")]
    NoActive,
    #[error("`{field}` is not {expected}")]
    WrongType { field: &'static str, expected: &'static str },
    #[error("`exp` is later than the year 9999; it is meant to be in seconds")]
    ExpiryTooLate,
}

impl IntrospectionResponse {
    /// Reads an answer. A token whose `exp` has passed by `now` is inactive, whatever `active` says.
    pub(super) fn read(body: &[u8], now: SystemTime) -> Result<Self, Unreadable> {
        let mut fields = Fields::read(body)?;
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

/// The fields of a JSON object in which no key stands twice: two parsers could each believe another one of them.
struct Fields(Map<String, Value>);

impl Fields {
    fn read(body: &[u8]) -> Result<Self, Unreadable> {
        match serde_json::from_slice(body) {
            Ok(UniqueKeys(Some(fields))) => Ok(Self(fields)),
            Ok(UniqueKeys(None)) => Err(Unreadable::Doubled),
            // The error itself would quote the answer.
            Err(error) if error.classify() == Category::Data => Err(Unreadable::NotAnObject),
            Err(_) => Err(Unreadable::NotJson),
        }
    }

    fn active(&self) -> Result<bool, Unreadable> {
        self.0.get("active").and_then(Value::as_bool).ok_or(Unreadable::NoActive)
    }

    fn claims(&mut self) -> Result<Claims, Unreadable> {
        let mut claims = Claims::new();
        claims.subject = self.text("sub")?;
        claims.client_id = self.text("client_id")?;
        claims.username = self.text("username")?;
        claims.org_id = self.text("org_id")?;
        claims.org_role = self.text("org_role")?;
        claims.scopes = self.scopes()?;
        claims.audience = self.audience()?;
        claims.expires_at = self.get("exp").map(expiry).transpose()?;
        claims.raw = std::mem::take(&mut self.0);
        Ok(claims)
    }

    fn get(&self, field: &str) -> Option<&Value> {
        self.0.get(field).filter(|value| !value.is_null())
    }

    fn text(&self, field: &'static str) -> Result<Option<String>, Unreadable> {
        let Some(value) = self.get(field) else {
            return Ok(None);
        };
        let expected = "a string";
        let text = value.as_str().ok_or(Unreadable::WrongType { field, expected })?;
        Ok(Some(text.to_owned()))
    }

    fn texts(&self, field: &'static str) -> Result<Option<Vec<String>>, Unreadable> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let texts = match self.get(field) {
            None => return Ok(None),
            Some(Value::Array(values)) => values.iter().map(text).collect(),
            Some(value) => text(value).map(|one| vec![one]),
        };
        let expected = "a string or an array of strings";
        texts.map(Some).ok_or(Unreadable::WrongType { field, expected })
    }

    /// RFC 6749, section 3.3: spaces separate the scopes of a string. An element of an array is one scope.
    fn scopes(&self) -> Result<Vec<String>, Unreadable> {
        let mut scopes = match self.get("scope") {
            Some(Value::String(scopes)) => scopes.split(' ').map(str::to_owned).collect(),
            _ => self.texts("scope")?.unwrap_or_default(),
        };
        scopes.retain(|scope| !scope.is_empty());
        Ok(scopes)
    }

    /// An empty array is an audience of nobody, which is not the same as no word about it.
    fn audience(&self) -> Result<Audience, Unreadable> {
        let resources = match self.texts("aud")? {
            Some(resources) => Some(resources),
            None => self.texts("resource")?,
        };
        Ok(resources.map_or(Audience::Unknown, Audience::Resources))
    }
}

/// Seconds since 1970 as a time. A time before 1970 has passed like any other, so it is read as 1970.
fn expiry(value: &Value) -> Result<SystemTime, Unreadable> {
    let unreadable = Unreadable::WrongType { field: "exp", expected: "a number of seconds since 1970" };
    let seconds = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => serde_json::from_str::<Number>(text).ok().and_then(|number| number.as_f64()),
        _ => None,
    }
    .filter(|seconds| seconds.is_finite())
    .ok_or(unreadable)?;
    if seconds > LATEST_EXPIRY {
        return Err(Unreadable::ExpiryTooLate);
    }
    let since_1970 = Duration::try_from_secs_f64(seconds.max(0.0)).map_err(|_| unreadable)?;
    SystemTime::UNIX_EPOCH.checked_add(since_1970).ok_or(unreadable)
}

/// The members of an object, or `None` if a key stands twice. Nested objects are not looked into: nothing is read there.
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
