//! PropelAuth's authorization server metadata (RFC 8414).

use serde_json::{Map, Value};
use thiserror::Error;
use url::Url;

use super::auth_url::is_https_or_loopback;

/// A metadata document of which the parts that matter were checked; the rest is as PropelAuth wrote it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Metadata {
    pub(super) issuer: String,
    pub(super) scopes_supported: Option<Vec<String>>,
    pub(super) document: Map<String, Value>,
}

/// Why a metadata document is of no use.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(super) enum BadDocument {
    #[error("it is not a JSON object")]
    NotAnObject,
    #[error("it has no `issuer`, or one that is not a string")]
    NoIssuer,
    #[error("`{0}` is not an https URL (or an http URL on loopback)")]
    Address(String),
    #[error("`scopes_supported` is not an array of strings")]
    Scopes,
}

impl Metadata {
    pub(super) fn read(body: &[u8]) -> Result<Self, BadDocument> {
        let document: Map<String, Value> = serde_json::from_slice(body).map_err(|_| BadDocument::NotAnObject)?;
        let issuer = document.get("issuer").and_then(Value::as_str).filter(|issuer| !issuer.is_empty());
        let issuer = issuer.ok_or(BadDocument::NoIssuer)?.to_owned();
        let bad = document.iter().find(|(key, value)| is_address(key) && !is_safe(value));
        if let Some((key, _)) = bad {
            return Err(BadDocument::Address(key.clone()));
        }
        let scopes_supported = document.get("scopes_supported").map(strings).transpose()?;
        Ok(Self { issuer, scopes_supported, document })
    }
}

/// Addresses that a client sends its user or its secrets to. RFC 8414, section 2 names them all like this.
fn is_address(key: &str) -> bool {
    key.ends_with("_endpoint") || key == "jwks_uri"
}

fn is_safe(value: &Value) -> bool {
    let url = value.as_str().and_then(|text| Url::parse(text).ok());
    url.is_some_and(|url| is_https_or_loopback(&url))
}

fn strings(value: &Value) -> Result<Vec<String>, BadDocument> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let texts = value.as_array().and_then(|values| values.iter().map(text).collect());
    texts.ok_or(BadDocument::Scopes)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(document: &Value) -> Result<Metadata, BadDocument> {
        Metadata::read(document.to_string().as_bytes())
    }

    #[test]
    fn a_document_is_kept_as_it_is() {
        let document = json!({
            "issuer": "https://auth.example.com",
            "token_endpoint": "https://auth.example.com/oauth/2.1/token",
            "scopes_supported": ["offline_access", "a"],
            "something": {"else": [1, null]},
        });
        let metadata = read(&document).unwrap();
        assert_eq!(metadata.issuer, "https://auth.example.com");
        assert_eq!(metadata.scopes_supported.as_deref(), Some(&["offline_access".to_owned(), "a".to_owned()][..]));
        assert_eq!(Value::Object(metadata.document), document);
    }

    #[test]
    fn scopes_may_be_missing() {
        assert_eq!(read(&json!({"issuer": "x"})).unwrap().scopes_supported, None);
    }

    #[test]
    fn a_document_of_no_use_is_refused() {
        for body in ["", "<html>", "[]", "null", "{"] {
            assert_eq!(Metadata::read(body.as_bytes()), Err(BadDocument::NotAnObject), "{body}");
        }
        for document in [json!({}), json!({"issuer": 1}), json!({"issuer": ""}), json!({"issuer": null})] {
            assert_eq!(read(&document), Err(BadDocument::NoIssuer), "{document}");
        }
        for scopes in [json!("a"), json!([1]), json!({}), json!(null)] {
            let document = json!({"issuer": "x", "scopes_supported": scopes});
            assert_eq!(read(&document), Err(BadDocument::Scopes), "{document}");
        }
        for address in [
            json!(1),
            json!(null),
            json!("/token"),
            json!("javascript:alert(1)"),
            json!("http://auth.example.com/token"),
        ] {
            for key in ["authorization_endpoint", "token_endpoint", "future_endpoint", "jwks_uri"] {
                let document = json!({"issuer": "x", key: address});
                assert_eq!(read(&document), Err(BadDocument::Address(key.into())), "{document}");
            }
        }
    }

    #[test]
    fn a_document_of_this_machine_may_be_plain_http() {
        assert!(read(&json!({"issuer": "x", "token_endpoint": "http://127.0.0.1:4000/token"})).is_ok());
    }
}
