//! Auth URL of a PropelAuth environment, and the endpoints below it.

use thiserror::Error;
use url::Url;

use crate::{oauth::http_client::Transport, url::is_https_or_loopback};

/// Valid Auth URL: `https`, or `http` on loopback, without user, query and fragment, and without a slash at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AuthUrl {
    base: String,
    transport: Transport,
}

/// Reason why an Auth URL is invalid. The text omits the parts of the URL that may hold a secret.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AuthUrlError {
    /// It is not an absolute `http` or `https` URL.
    #[error(
        "must be an https:// URL: set it to the Auth URL that the dashboard shows under Backend Integration, such as \
         https://123456.propelauthtest.com"
    )]
    NotAUrl,
    /// It is an `http` URL of a host that is not loopback.
    #[error(
        "must be https:// on a host that is not loopback, because plain http sends tokens unencrypted: set it to \
         {suggestion}"
    )]
    PlainHttp {
        /// The same URL with `https`.
        suggestion: String,
    },
    /// It has a user name or a password.
    #[error(
        "must not have a user name or a password: set it to {suggestion}, and set the credentials in \
         PROPELAUTH_INTROSPECTION_CLIENT_ID and PROPELAUTH_INTROSPECTION_CLIENT_SECRET"
    )]
    UserInfo {
        /// The same URL without them.
        suggestion: String,
    },
    /// It has a query or a fragment.
    #[error("must not have a query or a fragment: set it to {suggestion}")]
    QueryOrFragment {
        /// The same URL without them.
        suggestion: String,
    },
    /// It is the issuer, which is the Auth URL with a path.
    #[error("must be the Auth URL, not the issuer: set it to {suggestion}, without /oauth/2.1")]
    Issuer {
        /// The same URL without the path.
        suggestion: String,
    },
}

const ISSUER_PATH: &str = "/oauth/2.1";

impl AuthUrl {
    pub(super) fn parse(text: &str) -> Result<Self, AuthUrlError> {
        let url = Url::parse(text.trim()).map_err(|_| AuthUrlError::NotAUrl)?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(AuthUrlError::NotAUrl);
        }
        let base = origin_and_path(&url);
        if !url.username().is_empty() || url.password().is_some() {
            return Err(AuthUrlError::UserInfo { suggestion: base });
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(AuthUrlError::QueryOrFragment { suggestion: base });
        }
        if !is_https_or_loopback(&url) {
            let suggestion = base.replacen("http://", "https://", 1);
            return Err(AuthUrlError::PlainHttp { suggestion });
        }
        if let Some(suggestion) = base.strip_suffix(ISSUER_PATH) {
            let suggestion = suggestion.to_owned();
            return Err(AuthUrlError::Issuer { suggestion });
        }
        Ok(Self { base, transport: Transport::of(&url) })
    }

    /// Returns the URL without a slash at the end.
    pub(super) fn as_str(&self) -> &str {
        &self.base
    }

    /// Returns how to connect to the URL. The scheme `http` is valid on loopback only.
    pub(super) fn transport(&self) -> Transport {
        self.transport
    }

    /// Returns the issuer whose metadata is at [`metadata_url`](Self::metadata_url) (RFC 8414, section 3).
    pub(super) fn issuer(&self) -> String {
        format!("{}{ISSUER_PATH}", self.base)
    }

    pub(super) fn introspection_url(&self) -> String {
        format!("{}{ISSUER_PATH}/introspect", self.base)
    }

    /// Returns the URL at which the backend API validates API keys.
    pub(super) fn api_key_validation_url(&self) -> String {
        format!("{}/api/backend/v1/end_user_api_keys/validate", self.base)
    }

    /// Returns the URL of the backend API for a user, and for a path below it. `None` if the ID cannot be a segment of a
    /// path.
    pub(super) fn user_url(&self, user_id: &str, path: &[&str], query: &str) -> Option<Url> {
        // A segment of dots would name another resource.
        if user_id.is_empty() || user_id.bytes().all(|byte| byte == b'.') {
            return None;
        }
        let mut url = Url::parse(&format!("{}/api/backend/v1/user", self.base)).ok()?;
        url.path_segments_mut().ok()?.push(user_id).extend(path);
        url.set_query(Some(query).filter(|query| !query.is_empty()));
        Some(url)
    }

    /// Returns the only URL at which PropelAuth serves its metadata. The URL without the path responds 404.
    pub(super) fn metadata_url(&self) -> String {
        format!("{}/.well-known/oauth-authorization-server{ISSUER_PATH}", self.base)
    }
}

fn origin_and_path(url: &Url) -> String {
    let path = url.path().trim_end_matches('/');
    format!("{}{path}", url.origin().ascii_serialization())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base(text: &str) -> String {
        AuthUrl::parse(text).unwrap().as_str().to_owned()
    }

    fn error(text: &str) -> AuthUrlError {
        AuthUrl::parse(text).unwrap_err()
    }

    #[test]
    fn a_trailing_slash_is_ignored() {
        for text in [
            "https://auth.example.com",
            "https://auth.example.com/",
            "https://auth.example.com//",
            " https://auth.example.com/\n",
            "HTTPS://Auth.Example.com:443",
        ] {
            assert_eq!(base(text), "https://auth.example.com", "{text}");
        }
        let url = AuthUrl::parse("https://auth.example.com/").unwrap();
        assert_eq!(url.issuer(), "https://auth.example.com/oauth/2.1");
        assert_eq!(url.introspection_url(), "https://auth.example.com/oauth/2.1/introspect");
        assert_eq!(url.metadata_url(), "https://auth.example.com/.well-known/oauth-authorization-server/oauth/2.1");
    }

    #[test]
    fn the_id_of_a_user_is_one_segment_of_the_url() {
        let auth_url = AuthUrl::parse("https://auth.example.com").unwrap();
        for (id, path) in [("u1", "u1"), ("a/../b?c#d", "a%2F..%2Fb%3Fc%23d"), ("%2e", "%252e"), ("a b", "a%20b")] {
            let url = auth_url.user_url(id, &["google", "fresh_token"], "").unwrap();
            assert_eq!(
                url.as_str(),
                format!("https://auth.example.com/api/backend/v1/user/{path}/google/fresh_token")
            );
        }
        for id in ["", ".", ".."] {
            assert_eq!(auth_url.user_url(id, &[], "include_orgs=true"), None, "{id}");
        }
    }

    #[test]
    fn accepts_plain_http_on_loopback_only() {
        for text in ["http://127.0.0.1:4000", "http://127.9.9.9", "http://[::1]:4000", "http://localhost:4000"] {
            let url = AuthUrl::parse(text).unwrap();
            let expected = Transport { plain_http: true, loopback: true };
            assert_eq!(url.transport(), expected, "{text}");
        }
        for host in ["auth.example.com", "10.0.0.1", "0.0.0.0", "localhost.example.com", "[::ffff:7f00:1]"] {
            let suggestion = format!("https://{host}:4000");
            assert_eq!(error(&format!("http://{host}:4000/")), AuthUrlError::PlainHttp { suggestion });
        }
    }

    #[test]
    fn rejects_what_is_not_an_http_url() {
        for text in [
            "",
            "auth.example.com",
            "auth.example.com:443",
            "/path",
            "https://",
            "ftp://auth.example.com",
            "file:///etc",
        ] {
            assert_eq!(error(text), AuthUrlError::NotAUrl, "{text}");
        }
    }

    #[test]
    fn an_error_suggests_a_url_and_repeats_no_secret() {
        for text in [
            "https://user:hunter2@auth.example.com",
            "https://hunter2@auth.example.com/?hunter2",
            "https://auth.example.com/?token=hunter2",
            "https://auth.example.com/#hunter2",
            "https://auth.example.com/oauth/2.1/",
            "http://auth.example.com",
        ] {
            let message = error(text).to_string();
            assert!(message.contains("set it to https://auth.example.com"), "{message}");
            assert!(!message.contains("hunter2"), "{message}");
        }
        assert!(!error("hunter2").to_string().contains("hunter2"));
    }
}
