//! Shared entry: an introspection response as replicas exchange it, before encryption.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::auth::{Audience, Claims, StreamPosition, UserNamespace};

/// Plaintext of an encrypted entry, serialized as JSON.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SharedEntry {
    /// Stream position from before the introspection request.
    run_id: String,
    entry: (u64, u64),
    /// Time of the introspection request, in milliseconds since the Unix epoch.
    requested_at: u64,
    /// Time from the request until the entry expires, in milliseconds.
    lifetime: u64,
    claims: SharedClaims,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SharedClaims {
    subject: Option<String>,
    client_id: Option<String>,
    username: Option<String>,
    org_id: Option<String>,
    org_role: Option<String>,
    scopes: Vec<String>,
    audience: SharedAudience,
    /// Time since the Unix epoch.
    expires_at: Option<Duration>,
    /// Time since the Unix epoch.
    self_contained_since: Option<Duration>,
    user_namespace: UserNamespace,
    raw: Map<String, Value>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum SharedAudience {
    Unknown,
    Resources(Vec<String>),
    Verified,
}

impl SharedEntry {
    /// Creates an entry. `None` if a time is before the Unix epoch.
    pub(super) fn new(
        position: &StreamPosition,
        requested_at: SystemTime,
        lifetime: Duration,
        claims: &Claims,
    ) -> Option<Self> {
        Some(Self {
            run_id: position.run_id.to_string(),
            entry: position.entry,
            requested_at: millis(requested_at.duration_since(UNIX_EPOCH).ok()?)?,
            lifetime: millis(lifetime)?,
            claims: SharedClaims::from_claims(claims.clone())?,
        })
    }

    pub(super) fn position(&self) -> StreamPosition {
        StreamPosition { run_id: self.run_id.as_str().into(), entry: self.entry }
    }

    pub(super) fn requested_at(&self) -> Option<SystemTime> {
        UNIX_EPOCH.checked_add(Duration::from_millis(self.requested_at))
    }

    pub(super) fn lifetime(&self) -> Duration {
        Duration::from_millis(self.lifetime)
    }

    pub(super) fn into_claims(self) -> Option<Claims> {
        self.claims.into_claims()
    }
}

impl SharedClaims {
    fn from_claims(claims: Claims) -> Option<Self> {
        // Destructured without `..`, so that a new field does not compile until it is added here.
        let Claims {
            subject,
            client_id,
            username,
            org_id,
            org_role,
            scopes,
            audience,
            expires_at,
            self_contained_since,
            user_namespace,
            raw,
        } = claims;
        let audience = match audience {
            Audience::Unknown => SharedAudience::Unknown,
            Audience::Resources(resources) => SharedAudience::Resources(resources),
            Audience::Verified => SharedAudience::Verified,
        };
        Some(Self {
            subject,
            client_id,
            username,
            org_id,
            org_role,
            scopes,
            audience,
            expires_at: since_epoch(expires_at)?,
            self_contained_since: since_epoch(self_contained_since)?,
            user_namespace,
            raw,
        })
    }

    fn into_claims(self) -> Option<Claims> {
        let mut claims = Claims::new();
        claims.subject = self.subject;
        claims.client_id = self.client_id;
        claims.username = self.username;
        claims.org_id = self.org_id;
        claims.org_role = self.org_role;
        claims.scopes = self.scopes;
        claims.audience = match self.audience {
            SharedAudience::Unknown => Audience::Unknown,
            SharedAudience::Resources(resources) => Audience::Resources(resources),
            SharedAudience::Verified => Audience::Verified,
        };
        claims.expires_at = from_epoch(self.expires_at)?;
        claims.self_contained_since = from_epoch(self.self_contained_since)?;
        claims.user_namespace = self.user_namespace;
        claims.raw = self.raw;
        Some(claims)
    }
}

/// Returns an optional time as the time since the Unix epoch. `None` if it is before the epoch.
#[expect(clippy::option_option, reason = "the outer one is an error")]
fn since_epoch(time: Option<SystemTime>) -> Option<Option<Duration>> {
    time.map(|time| time.duration_since(UNIX_EPOCH)).transpose().ok()
}

/// Returns an optional time since the Unix epoch as a time. `None` if it is out of range.
#[expect(clippy::option_option, reason = "the outer one is an error")]
fn from_epoch(time: Option<Duration>) -> Option<Option<SystemTime>> {
    time.map_or(Some(None), |time| UNIX_EPOCH.checked_add(time).map(Some))
}

fn millis(duration: Duration) -> Option<u64> {
    u64::try_from(duration.as_millis()).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_deserialized_entry_equals_the_original() {
        let mut all = Claims::new()
            .subject("u")
            .client_id("c")
            .organization("o", "HR")
            .scopes(["a", "b"])
            .audience(["r"])
            .expires_at(UNIX_EPOCH + Duration::from_nanos(1_234_567_890_123_456_789))
            .self_contained(UNIX_EPOCH + Duration::from_nanos(1_234_567_000_123_456_789));
        all.username = Some("n".to_owned());
        all.raw = json!({ "email": "u@example.com", "n": [1.5, null] }).as_object().unwrap().clone();
        let position = StreamPosition { run_id: "run".into(), entry: (5, 6) };
        let requested_at = UNIX_EPOCH + Duration::from_millis(7);
        for claims in [all, Claims::new(), Claims::new().audience_verified()] {
            let entry = SharedEntry::new(&position, requested_at, Duration::from_secs(10), &claims).unwrap();
            let entry: SharedEntry = serde_json::from_slice(&serde_json::to_vec(&entry).unwrap()).unwrap();
            assert_eq!(entry.position(), position);
            assert_eq!((entry.requested_at(), entry.lifetime()), (Some(requested_at), Duration::from_secs(10)));
            assert!(entry.into_claims().unwrap() == claims);
        }
    }
}
