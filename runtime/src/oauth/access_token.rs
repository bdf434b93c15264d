//! Whether claims are those of a bearer access token, and whether it was issued for this server.

use serde_json::{Map, Value};

use crate::auth::{Audience, Claims, Inactive, Resource};

/// Maximum length of a text of a token in the reason for its rejection, in characters.
const MAX_QUOTED: usize = 100;

/// Checks that claims are not those of another kind of token, such as a refresh token, which an authorization server may
/// report as active or sign with the same key (RFC 8725, section 3.12).
///
/// A token that is bound to a key of its client is rejected, too (`cnf`; RFC 8705, RFC 9449): this server cannot verify that
/// the request comes from that client.
pub(super) fn check_kind(claims: &Map<String, Value>) -> Result<(), Inactive> {
    for (name, access_token) in [
        // RFC 7662, section 2.2: the type of RFC 6749, section 5.1. Some servers write the kind of the token instead.
        ("token_type", &["bearer", "access_token"][..]),
        // Keycloak: `Bearer`, `Refresh`, `Offline`, `ID` or `Logout`.
        ("typ", &["bearer", "at+jwt", "jwt"][..]),
        // Hydra and Cognito.
        ("token_use", &["access_token", "access"][..]),
    ] {
        if let Some(kind) = claims.get(name).and_then(Value::as_str)
            && !access_token.iter().any(|expected| kind.eq_ignore_ascii_case(expected))
        {
            return Err(Inactive::new(format!("`{name}` is {}: not a bearer access token", quote(kind))));
        }
    }
    if claims.get("cnf").is_some_and(|binding| !binding.is_null()) {
        return Err(Inactive::new(
            "the token is bound to a key of its client (`cnf`), which this server cannot verify",
        ));
    }
    Ok(())
}

/// Checks claims whose token has no type that distinguishes it from an ID token (`OpenID` Connect Core 1.0, sections 2
/// and 3.1.3.6) or a logout token (`OpenID` Connect Back-Channel Logout 1.0, section 2.4).
#[cfg(feature = "jwt")]
pub(super) fn check_untyped(claims: &Map<String, Value>) -> Result<(), Inactive> {
    // Keycloak's access tokens may have a `nonce`. `check_kind` has checked these.
    if claims.contains_key("typ") || claims.contains_key("token_use") {
        return Ok(());
    }
    match ["nonce", "at_hash", "c_hash", "events"].iter().find(|name| claims.contains_key(**name)) {
        Some(name) => Err(Inactive::new(format!("the claim `{name}` is not one of an access token"))),
        None => Ok(()),
    }
}

/// Names under which an authorization server knows this server, in addition to its URL.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Audiences(pub(super) Vec<String>);

impl Audiences {
    /// Sets the audience of the claims to [`Audience::Verified`] if it has a name of this server.
    pub(super) fn verify(&self, claims: &mut Claims, resource: &Resource) -> Result<(), Inactive> {
        let Audience::Resources(audience) = &claims.audience else { return Ok(()) };
        if audience.iter().any(|name| resource.is_named(name) || self.0.contains(name)) {
            claims.audience = Audience::Verified;
            return Ok(());
        }
        let audience = quote(&audience.join(" "));
        Err(Inactive::new(format!("the audience is {audience}, expected {}", self.expected(resource))))
    }

    fn expected(&self, resource: &Resource) -> String {
        let mut expected = resource.url().to_owned();
        for name in &self.0 {
            expected.push_str(" or ");
            expected.push_str(name);
        }
        expected
    }
}

/// Quotes a text of a token for a reason, and shortens it.
pub(super) fn quote(text: &str) -> String {
    let mut quoted: String = text.chars().take(MAX_QUOTED).collect();
    if quoted.len() < text.len() {
        quoted.push('…');
    }
    format!("{quoted:?}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(claims: Value) -> Result<(), Inactive> {
        let Value::Object(claims) = claims else { panic!("not an object: {claims}") };
        check_kind(&claims)
    }

    #[test]
    fn claims_of_bearer_access_tokens_are_accepted() {
        for claims in [
            json!({}),
            json!({"typ": "Bearer", "azp": "mcp"}),
            json!({"token_type": "Bearer"}),
            json!({"token_type": "bearer", "token_use": "access_token"}),
            json!({"token_type": "access_token"}),
            json!({"token_use": "access"}),
            json!({"cnf": null}),
        ] {
            assert!(check(claims.clone()).is_ok(), "{claims}");
        }
    }

    #[test]
    fn claims_of_other_kinds_of_tokens_are_rejected() {
        for claims in [
            json!({"typ": "Refresh"}),
            json!({"typ": "Offline"}),
            json!({"typ": "ID"}),
            json!({"typ": "Logout"}),
            json!({"token_type": "refresh_token"}),
            json!({"token_type": "DPoP"}),
            json!({"token_use": "refresh_token"}),
            json!({"token_use": "id"}),
            json!({"cnf": {"jkt": "x"}}),
            json!({"cnf": {"x5t#S256": "x"}}),
        ] {
            assert!(check(claims.clone()).is_err(), "{claims}");
        }
    }

    #[cfg(feature = "jwt")]
    #[test]
    fn an_id_token_is_rejected_although_it_has_no_type() {
        let check = |claims: Value| check_untyped(claims.as_object().unwrap());
        for claims in [json!({"nonce": "n"}), json!({"at_hash": "h"}), json!({"c_hash": "h"}), json!({"events": {}})]
        {
            assert!(check(claims.clone()).is_err(), "{claims}");
        }
        for claims in [json!({}), json!({"typ": "Bearer", "nonce": "n"})] {
            assert!(check(claims.clone()).is_ok(), "{claims}");
        }
    }

    #[test]
    fn a_quoted_text_is_short_and_escaped() {
        assert_eq!(quote("a\n\u{202e}"), "\"a\\n\\u{202e}\"");
        assert_eq!(quote(&"a".repeat(1000)), format!("\"{}…\"", "a".repeat(100)));
    }
}
