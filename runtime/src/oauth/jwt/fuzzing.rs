//! Fuzz target of JWTs and key sets, for `crate::__fuzzing`.

use std::{
    sync::LazyLock,
    time::{Duration, UNIX_EPOCH},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;

use super::{CompactJwt, Jwt, KeySet, compact::unverified_issuer};
use crate::{
    auth::{Audience, Resource},
    oauth::json_claims::JsonClaims,
};

const ISSUER: &str = "http://127.0.0.1:1/issuer";
const RESOURCE: &str = "https://mcp.example.com/mcp";

static JWT: LazyLock<Jwt> = LazyLock::new(|| Jwt::new(ISSUER).expect("the issuer is valid"));

/// Reads a token as if its signature was valid. The first line is the header, the rest the payload. All of the input is
/// also read as a key set, and as a token.
///
/// # Panics
///
/// A token is accepted although its header or a claim must be rejected.
pub fn jwt(input: &[u8]) {
    let _ = KeySet::parse(input);
    if let Ok(text) = str::from_utf8(input) {
        let _ = unverified_issuer(text);
        let _ = CompactJwt::parse(text, &JWT.algorithms);
    }
    let mut lines = input.splitn(2, |&byte| byte == b'\n');
    let [header, payload] = [(); 2].map(|()| lines.next().unwrap_or_default());
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
    let token = format!("{message}.c2ln");
    let Ok(jwt) = CompactJwt::parse(&token, &JWT.algorithms) else { return };
    assert_eq!(jwt.message, message.as_bytes());
    assert_eq!(jwt.payload, payload);
    let reference: Value = serde_json::from_slice(header).expect("the header is JSON");
    assert!(["RS256", "PS256", "ES256", "EdDSA", "Ed25519"].iter().any(|name| reference["alg"] == *name));
    assert!(reference["crit"].is_null());
    if JWT.check_type(&jwt).is_err() {
        return;
    }
    let Ok(payload) = JsonClaims::parse(payload) else { return };
    if JWT.check_issuer(&payload).is_err() {
        return;
    }
    let now = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let Ok(claims) = JWT.check_claims(payload, &jwt, &Resource::new(RESOURCE), now) else { return };
    assert_eq!(claims.raw["iss"], ISSUER);
    assert_eq!(unverified_issuer(&token).as_deref(), Some(ISSUER));
    assert_eq!(claims.audience, Audience::Verified);
    let audience = &claims.raw["aud"];
    let named = |value: &Value| value.as_str().is_some_and(|name| Resource::new(RESOURCE).is_named(name));
    assert!(named(audience) || audience.as_array().is_some_and(|names| names.iter().any(named)));
    assert!(claims.expires_at.is_some_and(|at| at > now));
    assert!(claims.raw.get("cnf").is_none_or(Value::is_null));
}
