//! Checks of a token's type and claims (RFC 9068, section 4).

use std::time::SystemTime;

use super::{Jwt, compact::CompactJwt};
use crate::{
    auth::{Audience, Claims, Inactive, Resource},
    oauth::{
        access_token::{self, quote},
        json_claims::{JsonClaims, JsonClaimsError},
    },
};

impl Jwt {
    pub(super) fn check_issuer(&self, payload: &JsonClaims) -> Result<(), Inactive> {
        let expected = self.discovery.issuer.as_str();
        match payload.string("iss").map_err(|error| invalid_payload(&error))? {
            Some(issuer) if issuer == expected => Ok(()),
            Some(issuer) => Err(Inactive::new(format!("the issuer is {}, expected {expected:?}", quote(&issuer)))),
            None => Err(Inactive::new("the JWT has no `iss`")),
        }
    }

    pub(super) fn check_type(&self, token: &CompactJwt<'_>) -> Result<(), Inactive> {
        match token.r#type.as_deref() {
            Some("at+jwt") => Ok(()),
            None | Some("jwt") if self.untyped_tokens => Ok(()),
            found => Err(Inactive::new(format!(
                "the type of the JWT is {}, expected \"at+jwt\" (RFC 9068); if the issuer does not set it, see \
                 `Jwt::accept_untyped_tokens`",
                found.map_or_else(|| "missing".to_owned(), quote)
            ))),
        }
    }

    /// Checks the claims of a token with a valid signature.
    pub(super) fn check_claims(
        &self,
        mut payload: JsonClaims,
        token: &CompactJwt<'_>,
        resource: &Resource,
        now: SystemTime,
    ) -> Result<Claims, Inactive> {
        let invalid = |error: JsonClaimsError| invalid_payload(&error);
        let not_before = payload.time("nbf").map_err(invalid)?;
        let issued_at = payload.time("iat").map_err(invalid)?;
        let authorized_party = payload.string("azp").map_err(invalid)?;
        if payload.get("aud").is_none() {
            return Err(Inactive::new("the JWT has no `aud`"));
        }
        let mut claims = payload.claims(&self.names).map_err(invalid)?;
        claims.client_id = claims.client_id.or(authorized_party);
        access_token::check_kind(&claims.raw)?;
        if token.r#type.as_deref() != Some("at+jwt") {
            access_token::check_untyped(&claims.raw)?;
        }
        let expires_at = claims.expires_at.ok_or_else(|| Inactive::new("the JWT has no `exp`"))?;
        let accepted_until = expires_at + self.clock_skew;
        if accepted_until <= now {
            let age = now.duration_since(expires_at).unwrap_or_default().as_secs();
            return Err(Inactive::new(format!("the token expired {age} s ago")));
        }
        for (name, time) in [("nbf", not_before), ("iat", issued_at)] {
            let ahead = time.and_then(|time| time.duration_since(now + self.clock_skew).ok()).unwrap_or_default();
            if !ahead.is_zero() {
                let ahead = (ahead + self.clock_skew).as_secs();
                return Err(Inactive::new(format!("`{name}` is {ahead} s in the future: compare the clocks")));
            }
        }
        let lifetime = expires_at.duration_since(issued_at.unwrap_or(now)).unwrap_or_default();
        if lifetime > self.max_lifetime {
            return Err(Inactive::new(format!(
                "the token is valid for {} s, expected at most {} s: have the issuer shorten it, or see \
                 `Jwt::max_lifetime`",
                lifetime.as_secs(),
                self.max_lifetime.as_secs()
            )));
        }
        self.audiences.verify(&mut claims, resource)?;
        debug_assert_eq!(claims.audience, Audience::Verified);
        // The server compares it with its own clock.
        claims.expires_at = Some(accepted_until);
        let since = issued_at.and_then(|issued_at| issued_at.checked_sub(self.clock_skew));
        claims.self_contained_since = Some(since.unwrap_or(SystemTime::UNIX_EPOCH).max(SystemTime::UNIX_EPOCH));
        Ok(claims)
    }
}

pub(super) fn invalid_payload(error: &JsonClaimsError) -> Inactive {
    Inactive::new(format!("invalid payload of the JWT: {error}"))
}
