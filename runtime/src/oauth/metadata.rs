//! Authorization server metadata (RFC 8414).

use serde_json::{Map, Value};
use thiserror::Error;
use url::Url;

use crate::{auth::AuthorizationServer, json_memory, url::is_https_or_loopback};

/// Maximum number of JSON values in a metadata document, including those inside of others: one for each scope, and
/// dozens of others. Parsed, they take at most 6 MiB.
const MAX_VALUES: usize = 16 * 1024;

/// Metadata document with a non-empty `issuer`, secure endpoint URLs and string scopes. The other fields are not checked.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Metadata {
    pub(crate) issuer: String,
    pub(crate) scopes_supported: Option<Vec<String>>,
    pub(crate) document: Map<String, Value>,
}

/// Reason why a metadata document is invalid.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum MetadataError {
    #[error("it is not a JSON object")]
    NotAnObject,
    #[error("it has more than {MAX_VALUES} values")]
    TooManyValues,
    #[error("`issuer` is missing or not a string")]
    MissingIssuer,
    #[error("`{0}` is not an https:// URL (or http:// on loopback)")]
    InsecureUrl(String),
    #[error("`scopes_supported` is not an array of strings")]
    InvalidScopes,
}

impl Metadata {
    pub(crate) fn parse(body: &[u8]) -> Result<Self, MetadataError> {
        if json_memory::has_more_values_than(body, MAX_VALUES) {
            return Err(MetadataError::TooManyValues);
        }
        let document: Map<String, Value> = serde_json::from_slice(body).map_err(|_| MetadataError::NotAnObject)?;
        let issuer = document.get("issuer").and_then(Value::as_str).filter(|issuer| !issuer.is_empty());
        let issuer = issuer.ok_or(MetadataError::MissingIssuer)?.to_owned();
        let insecure = document.iter().find(|(key, value)| is_endpoint(key) && !is_secure_url(value));
        if let Some((key, _)) = insecure {
            return Err(MetadataError::InsecureUrl(key.clone()));
        }
        let scopes_supported = document.get("scopes_supported").map(strings).transpose()?;
        Ok(Self { issuer, scopes_supported, document })
    }

    /// Returns the description of an authorization server that is advertised under its own issuer.
    pub(super) fn into_authorization_server(self) -> AuthorizationServer {
        AuthorizationServer {
            issuer: Some(self.issuer),
            document: Some(self.document),
            scopes_supported: self.scopes_supported,
        }
    }
}

/// Returns whether a field is a URL to which a client sends its user or its secrets (names of RFC 8414, section 2).
fn is_endpoint(key: &str) -> bool {
    key.ends_with("_endpoint") || key == "jwks_uri"
}

fn is_secure_url(value: &Value) -> bool {
    let url = value.as_str().and_then(|text| Url::parse(text).ok());
    url.is_some_and(|url| is_https_or_loopback(&url))
}

fn strings(value: &Value) -> Result<Vec<String>, MetadataError> {
    let string = |value: &Value| value.as_str().map(str::to_owned);
    let strings = value.as_array().and_then(|values| values.iter().map(string).collect());
    strings.ok_or(MetadataError::InvalidScopes)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(document: &Value) -> Result<Metadata, MetadataError> {
        Metadata::parse(document.to_string().as_bytes())
    }

    #[test]
    fn preserves_all_fields_of_the_document() {
        let document = json!({
            "issuer": "https://auth.example.com",
            "token_endpoint": "https://auth.example.com/oauth/2.1/token",
            "scopes_supported": ["offline_access", "a"],
            "something": {"else": [1, null]},
        });
        let metadata = parse(&document).unwrap();
        assert_eq!(metadata.issuer, "https://auth.example.com");
        assert_eq!(metadata.scopes_supported.as_deref(), Some(&["offline_access".to_owned(), "a".to_owned()][..]));
        assert_eq!(Value::Object(metadata.document), document);
    }

    #[test]
    fn scopes_supported_may_be_missing() {
        assert_eq!(parse(&json!({"issuer": "x"})).unwrap().scopes_supported, None);
    }

    #[test]
    fn rejects_an_invalid_document() {
        for body in ["", "<html>", "[]", "null", "{"] {
            assert_eq!(Metadata::parse(body.as_bytes()), Err(MetadataError::NotAnObject), "{body}");
        }
        let many = json!({"issuer": "x", "other": vec![0; MAX_VALUES]});
        assert_eq!(parse(&many), Err(MetadataError::TooManyValues));
        for document in [json!({}), json!({"issuer": 1}), json!({"issuer": ""}), json!({"issuer": null})] {
            assert_eq!(parse(&document), Err(MetadataError::MissingIssuer), "{document}");
        }
        for scopes in [json!("a"), json!([1]), json!({}), json!(null)] {
            let document = json!({"issuer": "x", "scopes_supported": scopes});
            assert_eq!(parse(&document), Err(MetadataError::InvalidScopes), "{document}");
        }
        for url in [
            json!(1),
            json!(null),
            json!("/token"),
            json!("javascript:alert(1)"),
            json!("http://auth.example.com/token"),
        ] {
            for key in ["authorization_endpoint", "token_endpoint", "future_endpoint", "jwks_uri"] {
                let document = json!({"issuer": "x", key: url});
                assert_eq!(parse(&document), Err(MetadataError::InsecureUrl(key.into())), "{document}");
            }
        }
    }

    #[test]
    fn accepts_plain_http_urls_on_loopback() {
        assert!(parse(&json!({"issuer": "x", "token_endpoint": "http://127.0.0.1:4000/token"})).is_ok());
    }
}
