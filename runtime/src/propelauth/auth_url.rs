//! The Auth URL of a PropelAuth environment, and the addresses under it.

use thiserror::Error;
use url::Url;

use crate::url::is_loopback;

/// An Auth URL that was checked: `https`, or `http` on loopback; no user, query or fragment; no slash at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AuthUrl {
    base: String,
    plain: bool,
    loopback: bool,
}

/// What is wrong with an Auth URL, and what to write instead. Quotes nothing that may hold a secret.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AuthUrlError {
    /// No absolute URL of a web server.
    #[error(
        "is not an http(s) URL: write the Auth URL that the dashboard shows under Backend Integration, such as \
         https://123456.propelauthtest.com"
    )]
    NotAUrl,
    /// `http` to another machine: the credentials and every token would travel in the clear.
    #[error("is plain http: write {suggestion} (plain http is only for 127.0.0.1, [::1] and localhost)")]
    PlainHttp {
        /// The same address with `https`.
        suggestion: String,
    },
    /// A user or a password.
    #[error("has a user name or a password in it: write {suggestion}; the credentials have variables of their own")]
    UserInfo {
        /// The same address without them.
        suggestion: String,
    },
    /// A query or a fragment.
    #[error("has a query (?) or a fragment (#): write {suggestion}")]
    QueryOrFragment {
        /// The same address without them.
        suggestion: String,
    },
    /// The issuer, which is the Auth URL and a path.
    #[error("is the issuer, not the Auth URL: write {suggestion}, without /oauth/2.1")]
    Issuer {
        /// The same address without the path.
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
        Ok(Self { base, plain: url.scheme() == "http", loopback: is_loopback(&url) })
    }

    /// The URL itself, without a slash at the end.
    pub(super) fn as_str(&self) -> &str {
        &self.base
    }

    /// Whether it is `http`, which only a loopback address may be.
    pub(super) fn is_plain(&self) -> bool {
        self.plain
    }

    pub(super) fn is_loopback(&self) -> bool {
        self.loopback
    }

    /// The issuer whose metadata [`metadata`](Self::metadata) should be (RFC 8414, section 3).
    pub(super) fn issuer(&self) -> String {
        format!("{}{ISSUER_PATH}", self.base)
    }

    pub(super) fn introspection(&self) -> String {
        format!("{}/oauth/2.1/introspect", self.base)
    }

    /// The only address at which PropelAuth serves the metadata: the one without the path is not found.
    pub(super) fn metadata(&self) -> String {
        format!("{}/.well-known/oauth-authorization-server/oauth/2.1", self.base)
    }
}

/// `https` to anybody, or `http` to this machine.
pub(super) fn is_https_or_loopback(url: &Url) -> bool {
    match url.scheme() {
        "https" => url.has_host(),
        "http" => is_loopback(url),
        _ => false,
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

    fn refusal(text: &str) -> AuthUrlError {
        AuthUrl::parse(text).unwrap_err()
    }

    #[test]
    fn a_trailing_slash_does_not_matter() {
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
        assert_eq!(url.introspection(), "https://auth.example.com/oauth/2.1/introspect");
        assert_eq!(url.metadata(), "https://auth.example.com/.well-known/oauth-authorization-server/oauth/2.1");
    }

    #[test]
    fn plain_http_is_for_loopback_only() {
        for text in ["http://127.0.0.1:4000", "http://127.9.9.9", "http://[::1]:4000", "http://localhost:4000"] {
            let url = AuthUrl::parse(text).unwrap();
            assert!(url.is_plain() && url.is_loopback(), "{text}");
        }
        for host in ["auth.example.com", "10.0.0.1", "0.0.0.0", "localhost.example.com", "[::ffff:7f00:1]"] {
            let suggestion = format!("https://{host}:4000");
            assert_eq!(refusal(&format!("http://{host}:4000/")), AuthUrlError::PlainHttp { suggestion });
        }
    }

    #[test]
    fn what_is_no_url_of_a_web_server_is_refused() {
        for text in [
            "",
            "auth.example.com",
            "auth.example.com:443",
            "/path",
            "https://",
            "ftp://auth.example.com",
            "file:///etc",
        ] {
            assert_eq!(refusal(text), AuthUrlError::NotAUrl, "{text}");
        }
    }

    #[test]
    fn an_error_says_what_to_write_and_repeats_no_secret() {
        for text in [
            "https://user:hunter2@auth.example.com",
            "https://hunter2@auth.example.com/?hunter2",
            "https://auth.example.com/?token=hunter2",
            "https://auth.example.com/#hunter2",
            "https://auth.example.com/oauth/2.1/",
            "http://auth.example.com",
        ] {
            let message = refusal(text).to_string();
            assert!(message.contains("write https://auth.example.com"), "{message}");
            assert!(!message.contains("hunter2"), "{message}");
        }
        assert!(!refusal("hunter2").to_string().contains("hunter2"));
    }
}
