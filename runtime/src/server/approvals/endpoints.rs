//! Endpoints of the authorization server that a login needs, from its metadata (RFC 8414).

use serde_json::Value;
use url::Url;

use super::login::LoginError;
use crate::{JsonObject, auth::AuthorizationServer, url::is_loopback};

/// Endpoints, each an `https` URL, or `http` on loopback.
#[derive(Clone, Debug)]
pub(super) struct Endpoints {
    pub(super) authorization: Url,
    pub(super) token: Url,
    /// `None` if clients cannot register themselves.
    pub(super) registration: Option<Url>,
    pub(super) revocation: Option<Url>,
    /// Whether a client sends its secret with HTTP Basic, and not in the body.
    pub(super) takes_basic: bool,
}

impl Endpoints {
    /// Reads the metadata that the validator describes its authorization server with.
    pub(super) fn of(server: &AuthorizationServer) -> Result<Self, LoginError> {
        let empty = JsonObject::new();
        let document = server.document.as_ref().unwrap_or(&empty);
        let endpoint = |name: &'static str| {
            let url = document.get(name).and_then(Value::as_str).and_then(|text| Url::parse(text).ok());
            url.filter(|url| url.scheme() == "https" || url.scheme() == "http" && is_loopback(url))
        };
        let required = |name| endpoint(name).ok_or(LoginError::Endpoint(name));
        let methods = document.get("token_endpoint_auth_methods_supported").and_then(Value::as_array);
        Ok(Self {
            authorization: required("authorization_endpoint")?,
            token: required("token_endpoint")?,
            registration: endpoint("registration_endpoint"),
            revocation: endpoint("revocation_endpoint"),
            // The default of RFC 8414, section 2.
            takes_basic: methods.is_none_or(|methods| methods.iter().any(|method| method == "client_secret_basic")),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn endpoints(document: &Value) -> Result<Endpoints, LoginError> {
        let document = document.as_object().cloned();
        Endpoints::of(&AuthorizationServer { document, ..AuthorizationServer::default() })
    }

    #[test]
    fn endpoints_are_https_urls_or_on_loopback() {
        let document = json!({
            "authorization_endpoint": "https://auth.example.com/authorize",
            "token_endpoint": "http://127.0.0.1:4000/token",
            "registration_endpoint": "http://auth.example.com/register",
        });
        let found = endpoints(&document).unwrap();
        assert!(found.registration.is_none() && found.revocation.is_none() && found.takes_basic);
        for (name, url) in [
            ("authorization_endpoint", json!("http://auth.example.com/authorize")),
            ("authorization_endpoint", json!("javascript:alert(1)")),
            ("token_endpoint", json!("/token")),
            ("token_endpoint", json!(null)),
        ] {
            let mut document = document.clone();
            document[name] = url;
            let error = endpoints(&document).unwrap_err();
            assert!(matches!(error, LoginError::Endpoint(missing) if missing == name), "{error}");
        }
    }
}
