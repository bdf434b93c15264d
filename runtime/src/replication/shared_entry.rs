//! An answer about a token, as replicas give it to each other.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::auth::{Audience, Claims, StreamPosition};

/// The plaintext of what is sealed.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SharedEntry {
    /// Where the replica that asked was in the stream.
    history: String,
    entry: (u64, u64),
    /// In milliseconds since 1970, by its clock.
    asked_at: u64,
    /// In milliseconds.
    lifetime: u64,
    claims: Shared,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Shared {
    subject: Option<String>,
    client_id: Option<String>,
    username: Option<String>,
    org_id: Option<String>,
    org_role: Option<String>,
    scopes: Vec<String>,
    audience: SharedAudience,
    /// Since 1970.
    expires_at: Option<Duration>,
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
    /// `None` if there is a time in it from before 1970.
    pub(super) fn new(
        place: &StreamPosition,
        asked_at: SystemTime,
        lifetime: Duration,
        claims: &Claims,
    ) -> Option<Self> {
        Some(Self {
            history: place.history.to_string(),
            entry: place.entry,
            asked_at: millis(asked_at.duration_since(UNIX_EPOCH).ok()?)?,
            lifetime: millis(lifetime)?,
            claims: Shared::of(claims.clone())?,
        })
    }

    pub(super) fn place(&self) -> StreamPosition {
        StreamPosition { history: self.history.as_str().into(), entry: self.entry }
    }

    pub(super) fn asked_at(&self) -> Option<SystemTime> {
        UNIX_EPOCH.checked_add(Duration::from_millis(self.asked_at))
    }

    pub(super) fn lifetime(&self) -> Duration {
        Duration::from_millis(self.lifetime)
    }

    pub(super) fn into_claims(self) -> Option<Claims> {
        self.claims.into_claims()
    }
}

impl Shared {
    fn of(claims: Claims) -> Option<Self> {
        // Whole, so that a new field cannot be forgotten here.
        let Claims { subject, client_id, username, org_id, org_role, scopes, audience, expires_at, raw } = claims;
        let audience = match audience {
            Audience::Unknown => SharedAudience::Unknown,
            Audience::Resources(resources) => SharedAudience::Resources(resources),
            Audience::Verified => SharedAudience::Verified,
        };
        let expires_at = match expires_at {
            None => None,
            Some(at) => Some(at.duration_since(UNIX_EPOCH).ok()?),
        };
        Some(Self { subject, client_id, username, org_id, org_role, scopes, audience, expires_at, raw })
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
        claims.expires_at = match self.expires_at {
            None => None,
            Some(since) => Some(UNIX_EPOCH.checked_add(since)?),
        };
        claims.raw = self.raw;
        Some(claims)
    }
}

fn millis(duration: Duration) -> Option<u64> {
    u64::try_from(duration.as_millis()).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_answer_comes_back_as_it_was_given() {
        let mut all = Claims::new()
            .subject("u")
            .client_id("c")
            .organization("o", "HR")
            .scopes(["a", "b"])
            .audience(["r"])
            .expires_at(UNIX_EPOCH + Duration::from_nanos(1_234_567_890_123_456_789));
        all.username = Some("n".to_owned());
        all.raw = json!({ "email": "u@example.com", "n": [1.5, null] }).as_object().unwrap().clone();
        let place = StreamPosition { history: "h".into(), entry: (5, 6) };
        let asked_at = UNIX_EPOCH + Duration::from_millis(7);
        for claims in [all, Claims::new(), Claims::new().audience_verified()] {
            let sealed = SharedEntry::new(&place, asked_at, Duration::from_secs(10), &claims).unwrap();
            let read: SharedEntry = serde_json::from_slice(&serde_json::to_vec(&sealed).unwrap()).unwrap();
            assert_eq!(read.place(), place);
            assert_eq!((read.asked_at(), read.lifetime()), (Some(asked_at), Duration::from_secs(10)));
            assert!(read.into_claims().unwrap() == claims);
        }
    }
}
