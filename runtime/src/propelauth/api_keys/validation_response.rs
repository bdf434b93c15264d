//! Responses of PropelAuth's backend API about an API key that it knows.
//!
//! Every member may be `null`, and those of an owner are missing if the key has another one. A response is invalid if a
//! member that is interpreted has another type or is duplicate, if it has more than [`MAX_VALUES`] values, or if it has none
//! of the members that tell a response about a key from any other JSON object.

use std::time::{Duration, SystemTime};

use serde::Deserialize;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use super::key_metadata::{KeyMetadata, KeyMetadataError};
use crate::{
    auth::{Claims, Resource},
    hexadecimal::hexadecimal,
    json_memory,
};

/// Maximum number of JSON values in a response, including those inside of others. A response has dozens. Parsed, it takes
/// at most 1.5 MiB.
const MAX_VALUES: usize = 4096;

/// Number of bytes of a key's digest in the ID of its client.
const ID_BYTES: usize = 6;

/// Response about an API key.
#[derive(Debug)]
pub(super) struct ValidationResponse {
    members: Members,
    raw: Map<String, Value>,
}

/// Reason why a response is invalid. The text quotes nothing of the response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(super) enum ValidationResponseError {
    #[error("it has more than {MAX_VALUES} values")]
    TooManyValues,
    #[error("it is not a JSON object with the members that PropelAuth documents")]
    Unreadable,
    #[error("it has neither `user`, `org` nor `metadata`")]
    NotAboutAKey,
    #[error("`{0}` is empty")]
    EmptyId(&'static str),
}

/// Reason why a key that PropelAuth knows is not valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(super) enum InvalidKey {
    #[error("the user of the API key is disabled or locked")]
    UserBlocked,
    #[error("the API key has expired")]
    Expired,
    #[error("the API key expires after the year 9999, so its expiry is not in seconds")]
    ExpiryTooLate,
    #[error(transparent)]
    Metadata(#[from] KeyMetadataError),
}

/// End of the year 9999, in seconds since 1970.
const MAX_TIME: u64 = 253_402_300_799;

#[derive(Debug, Deserialize)]
struct Members {
    metadata: Option<Value>,
    user: Option<UserRecord>,
    org: Option<Organization>,
    user_in_org: Option<BoundMembership>,
    expires_at_seconds: Option<u64>,
}

#[derive(Debug, Deserialize)]
struct UserRecord {
    user_id: String,
    email: Option<String>,
    username: Option<String>,
    enabled: Option<bool>,
    locked: Option<bool>,
}

#[derive(Debug, Deserialize)]
struct Organization {
    org_id: String,
}

#[derive(Debug, Deserialize)]
struct BoundMembership {
    user_role: Option<String>,
}

impl ValidationResponse {
    pub(super) fn parse(body: &[u8]) -> Result<Self, ValidationResponseError> {
        if json_memory::has_more_values_than(body, MAX_VALUES) {
            return Err(ValidationResponseError::TooManyValues);
        }
        // serde_json's error is dropped because it quotes the response.
        let members: Members = serde_json::from_slice(body).map_err(|_| ValidationResponseError::Unreadable)?;
        let raw: Map<String, Value> =
            serde_json::from_slice(body).map_err(|_| ValidationResponseError::Unreadable)?;
        if !["user", "org", "metadata"].iter().any(|member| raw.contains_key(*member)) {
            return Err(ValidationResponseError::NotAboutAKey);
        }
        if members.user.as_ref().is_some_and(|user| user.user_id.is_empty()) {
            return Err(ValidationResponseError::EmptyId("user_id"));
        }
        if members.org.as_ref().is_some_and(|org| org.org_id.is_empty()) {
            return Err(ValidationResponseError::EmptyId("org_id"));
        }
        Ok(Self { members, raw })
    }

    /// Returns the claims of the key for this server.
    pub(super) fn into_claims(
        self,
        key: &str,
        resource: &Resource,
        requires_resource: bool,
    ) -> Result<Claims, InvalidKey> {
        let Members { metadata, user, org, user_in_org, expires_at_seconds } = self.members;
        if user.as_ref().is_some_and(|user| user.enabled == Some(false) || user.locked == Some(true)) {
            return Err(InvalidKey::UserBlocked);
        }
        let metadata = KeyMetadata::parse(&metadata.unwrap_or_default())?;
        metadata.check_resource(resource, requires_resource)?;
        let mut claims = Claims::new().client_id(client_id(key)).scopes(metadata.scopes).audience_verified();
        claims.raw = self.raw;
        if let Some(seconds) = expires_at_seconds {
            if seconds > MAX_TIME {
                return Err(InvalidKey::ExpiryTooLate);
            }
            claims.expires_at = Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
            if claims.is_expired(SystemTime::now()) {
                return Err(InvalidKey::Expired);
            }
        }
        // A key of an organization acts for no user, even if it is bound to one.
        if let Some(org) = org {
            claims.org_id = Some(org.org_id);
            claims.org_role = user_in_org.and_then(|user| user.user_role);
        } else if let Some(user) = user {
            claims.subject = Some(user.user_id);
            claims.username = user.email.or(user.username);
        }
        Ok(claims)
    }
}

/// Returns the ID by which logs and audit records name a key. A key cannot be found from it: it has a part of the digest of
/// a text with at least 64 random bits.
pub(super) fn client_id(key: &str) -> String {
    format!("api-key:{}", hexadecimal(&Sha256::digest(key)[..ID_BYTES]))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::auth::Audience;

    const KEY: &str = "00112233445566778899aabbccddeeff";

    fn parse(response: &Value) -> Result<ValidationResponse, ValidationResponseError> {
        ValidationResponse::parse(response.to_string().as_bytes())
    }

    fn claims(response: &Value) -> Result<Claims, InvalidKey> {
        parse(response).unwrap().into_claims(KEY, &Resource::new("https://mcp.example.com/mcp"), false)
    }

    /// The user as PropelAuth returns it.
    fn user() -> Value {
        json!({
            "user_id": "u", "email": "u@example.com", "email_confirmed": true, "username": null, "first_name": "U",
            "enabled": true, "locked": false, "org_id_to_org_info": {"o": {"org_id": "o", "user_role": "Owner"}},
        })
    }

    #[test]
    fn a_personal_key_acts_for_its_user() {
        let claims =
            claims(&json!({"metadata": {"scopes": "a b"}, "user": user(), "org": null, "user_in_org": null}))
                .unwrap();
        assert_eq!((claims.subject.as_deref(), claims.username.as_deref()), (Some("u"), Some("u@example.com")));
        assert_eq!((&claims.org_id, &claims.org_role, &claims.expires_at), (&None, &None, &None));
        assert_eq!(claims.scopes, ["a", "b"]);
        assert_eq!(claims.audience, Audience::Verified);
        assert_eq!(claims.raw["user"]["first_name"], "U");
    }

    #[test]
    fn a_key_of_an_organization_acts_for_no_user_and_has_the_role_that_it_is_bound_to() {
        let org = json!({"org_id": "o", "org_name": "O"});
        let key = claims(&json!({"metadata": null, "user": null, "org": org, "user_in_org": null})).unwrap();
        assert_eq!((key.subject, key.username, key.org_id.as_deref(), key.org_role), (None, None, Some("o"), None));
        let bound = json!({"metadata": null, "user": user(), "org": org, "user_in_org": {"user_role": "Owner"}});
        let key = claims(&bound).unwrap();
        assert_eq!((key.subject, key.username), (None, None));
        assert_eq!((key.org_id.as_deref(), key.org_role.as_deref()), (Some("o"), Some("Owner")));
    }

    #[test]
    fn a_generic_key_has_neither_user_nor_organization() {
        let key = claims(&json!({"metadata": null, "user": null, "org": null})).unwrap();
        assert_eq!((key.subject, key.org_id, key.scopes), (None, None, Vec::new()));
        assert_eq!(key.client_id.as_deref(), Some("api-key:5947d7c33d78"));
    }

    #[test]
    fn a_key_of_a_blocked_user_and_an_expired_key_are_invalid() {
        for (member, value) in [("enabled", false), ("locked", true)] {
            for org in [json!(null), json!({"org_id": "o"})] {
                let mut user = user();
                user[member] = value.into();
                let error = claims(&json!({"metadata": null, "user": user, "org": org})).unwrap_err();
                assert_eq!(error, InvalidKey::UserBlocked, "{member}");
            }
        }
        assert_eq!(claims(&json!({"metadata": null, "expires_at_seconds": 1})), Err(InvalidKey::Expired));
        assert!(
            claims(&json!({"metadata": null, "expires_at_seconds": 99_999_999_999_u64}))
                .unwrap()
                .expires_at
                .is_some()
        );
    }

    #[test]
    fn a_response_that_is_not_about_a_key_is_invalid() {
        for body in ["", "<html>", "[]", "null", "true", r#"{"metadata": null, "metadata": null}"#] {
            let error = ValidationResponse::parse(body.as_bytes()).unwrap_err();
            assert_eq!(error, ValidationResponseError::Unreadable, "{body}");
        }
        for response in [json!({}), json!({"active": true}), json!({"error": "no"})] {
            assert_eq!(parse(&response).unwrap_err(), ValidationResponseError::NotAboutAKey, "{response}");
        }
        for response in [json!({"user": "u"}), json!({"user": {}}), json!({"org": {"org_id": 1}}), json!({"org": []})]
        {
            assert_eq!(parse(&response).unwrap_err(), ValidationResponseError::Unreadable, "{response}");
        }
        assert_eq!(
            parse(&json!({"user": {"user_id": ""}})).unwrap_err(),
            ValidationResponseError::EmptyId("user_id")
        );
        assert_eq!(parse(&json!({"org": {"org_id": ""}})).unwrap_err(), ValidationResponseError::EmptyId("org_id"));
        assert_eq!(
            parse(&json!({"metadata": vec![0; MAX_VALUES]})).unwrap_err(),
            ValidationResponseError::TooManyValues
        );
    }
}
