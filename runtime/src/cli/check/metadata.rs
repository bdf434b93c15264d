//! The metadata of the authorization server, as a client of MCP reads it (RFC 8414; MCP, Authorization).

use serde_json::{Map, Value};

use super::report::{CheckResult, quoted};

/// Checks whether a client can register, log in and stay logged in.
pub(super) fn check(document: &Map<String, Value>, name: &str) -> Vec<CheckResult> {
    vec![registration(document, name), pkce(document, name), refresh(document, name)]
}

fn registration(document: &Map<String, Value>, name: &str) -> CheckResult {
    const CODE: &str = "registration";
    let has_documents = document.get("client_id_metadata_document_supported") == Some(&Value::Bool(true));
    match (document.contains_key("registration_endpoint"), has_documents) {
        (true, _) => CheckResult::ok(CODE, format!("clients can register at {name} (RFC 7591)")),
        (false, true) => CheckResult::ok(CODE, format!("{name} accepts the metadata documents of clients")),
        (false, false) => {
            let text = format!("{name} does not let clients register, so every client needs a client ID of its own");
            let action =
                "enable dynamic client registration there, or register each client and give its ID to its users";
            CheckResult::warning(CODE, text).action(action)
        }
    }
}

fn pkce(document: &Map<String, Value>, name: &str) -> CheckResult {
    const CODE: &str = "pkce";
    if values(document, "code_challenge_methods_supported").any(|method| method == "S256") {
        return CheckResult::ok(CODE, format!("{name} supports PKCE with S256"));
    }
    let text = format!("the metadata of {name} does not have S256 in `code_challenge_methods_supported`");
    CheckResult::error(CODE, text).action("enable PKCE with S256 there: clients of MCP reject the server without it")
}

/// Without `grant_types_supported`, the grants are `authorization_code` and `implicit` (RFC 8414, section 2).
fn refresh(document: &Map<String, Value>, name: &str) -> CheckResult {
    const CODE: &str = "refresh";
    let has = |grant: &str| values(document, "grant_types_supported").any(|value| value == grant);
    if document.contains_key("grant_types_supported") && !has("authorization_code") {
        let text =
            format!("the metadata of {name} does not have the grant `authorization_code`, so no user can log in");
        return CheckResult::error(CODE, text).action("enable the authorization code grant there");
    }
    if has("refresh_token") {
        return CheckResult::ok(CODE, format!("{name} issues refresh tokens"));
    }
    let text = format!("the metadata of {name} does not have the grant `refresh_token`");
    CheckResult::warning(CODE, text)
        .action("enable refresh tokens there: users log in again whenever a token expires")
}

/// Checks that a document names the issuer that it was fetched for (RFC 8414, section 3.3).
pub(super) fn issuer(document: &Map<String, Value>, expected: &str) -> Option<CheckResult> {
    let issuer = document.get("issuer").and_then(Value::as_str).unwrap_or_default();
    (issuer != expected).then(|| {
        let text = format!(
            "the authorization server's metadata names the issuer {:?} instead of {expected}, which strict clients reject",
            quoted(issuer)
        );
        CheckResult::error("issuer", text).action("advertise the issuer that the document names")
    })
}

/// Returns the URLs at which clients look for the metadata of an issuer, in their order (RFC 8414, section 3; `OpenID`
/// Connect Discovery, section 4; MCP, Authorization Server Metadata Discovery).
pub(super) fn urls(issuer: &str) -> Vec<String> {
    let Some((scheme, rest)) = issuer.split_once("://") else { return Vec::new() };
    let rest = rest.trim_end_matches('/');
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let mut urls = vec![
        format!("{scheme}://{host}/.well-known/oauth-authorization-server{path}"),
        format!("{scheme}://{host}/.well-known/openid-configuration{path}"),
    ];
    if !path.is_empty() {
        urls.push(format!("{scheme}://{host}{path}/.well-known/openid-configuration"));
    }
    urls
}

fn values<'a>(document: &'a Map<String, Value>, key: &str) -> impl Iterator<Item = &'a str> {
    document.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cli::check::report::Level;

    fn levels(document: Value) -> Vec<Level> {
        let Value::Object(document) = document else { panic!("not an object") };
        check(&document, "Directory").into_iter().map(|result| result.level).collect()
    }

    #[test]
    fn a_client_needs_registration_pkce_and_refresh_tokens() {
        let complete = json!({
            "registration_endpoint": "https://auth.example.com/register",
            "code_challenge_methods_supported": ["plain", "S256"],
            "grant_types_supported": ["authorization_code", "refresh_token"],
        });
        assert_eq!(levels(complete), [Level::Ok; 3]);
        assert_eq!(levels(json!({})), [Level::Warning, Level::Error, Level::Warning]);
        let other = json!({
            "client_id_metadata_document_supported": true,
            "code_challenge_methods_supported": ["plain"],
            "grant_types_supported": ["client_credentials", "refresh_token"],
        });
        assert_eq!(levels(other), [Level::Ok, Level::Error, Level::Error]);
    }

    #[test]
    fn the_metadata_of_an_issuer_has_the_urls_that_clients_try() {
        assert_eq!(
            urls("https://auth.example.com/oauth/2.1/"),
            [
                "https://auth.example.com/.well-known/oauth-authorization-server/oauth/2.1",
                "https://auth.example.com/.well-known/openid-configuration/oauth/2.1",
                "https://auth.example.com/oauth/2.1/.well-known/openid-configuration",
            ]
        );
        assert_eq!(urls("https://auth.example.com").len(), 2);
        assert!(urls("urn:issuer").is_empty());
    }
}
