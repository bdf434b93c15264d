//! The addresses of a server: where clients find it, and where it listens.

use thiserror::Error;
use url::Url;

use crate::gate::is_loopback;

/// The public base URL, checked.
#[derive(Clone, Debug)]
pub(crate) struct ServerUrl {
    url: Url,
    /// Without a slash at the end.
    base: String,
}

/// Why a `SERVER_URL` cannot be one.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum ServerUrlError {
    #[error(
        "SERVER_URL is not a URL: write the address under which clients reach this server, such as https://mcp.example.com"
    )]
    NotAUrl,
    #[error("SERVER_URL has the scheme `{0}`: write an https:// URL, or http:// for a server on loopback")]
    Scheme(String),
    #[error(
        "SERVER_URL is plain http on a host that is not loopback, so tokens would cross the network unencrypted: write https://"
    )]
    PlainHttp,
    #[error("SERVER_URL has a query: remove everything from the `?` on")]
    Query,
    #[error("SERVER_URL has a fragment: remove everything from the `#` on")]
    Fragment,
    #[error("SERVER_URL has a user name or a password in it: remove what stands before the `@`")]
    UserInfo,
}

impl ServerUrl {
    pub(crate) fn parse(text: &str) -> Result<Self, ServerUrlError> {
        let url = Url::parse(text.trim()).map_err(|_| ServerUrlError::NotAUrl)?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(ServerUrlError::Scheme(url.scheme().to_owned()));
        }
        if url.host().is_none() {
            return Err(ServerUrlError::NotAUrl);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(ServerUrlError::UserInfo);
        }
        if url.query().is_some() {
            return Err(ServerUrlError::Query);
        }
        if url.fragment().is_some() {
            return Err(ServerUrlError::Fragment);
        }
        if url.scheme() == "http" && !is_loopback(&url) {
            return Err(ServerUrlError::PlainHttp);
        }
        let base = url.as_str().trim_end_matches('/').to_owned();
        Ok(Self { url, base })
    }

    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    /// The URL without a slash at the end.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// The path of the URL, empty for the root.
    pub(crate) fn path(&self) -> &str {
        self.url.path().trim_end_matches('/')
    }

    /// The resource identifier of the MCP endpoint (RFC 8707).
    pub(crate) fn resource(&self, endpoint: &str) -> String {
        format!("{}{endpoint}", self.base)
    }

    /// The well-known address of a document about `path` of this server: inserted between host and path, as RFC 9728,
    /// section 3.1 and RFC 8414, section 3.1 have it.
    pub(crate) fn well_known(&self, document: &str, path: &str) -> String {
        format!("{}{}", self.url.origin().ascii_serialization(), self.well_known_path(document, path))
    }

    pub(crate) fn well_known_path(&self, document: &str, path: &str) -> String {
        format!("/.well-known/{document}{}{path}", self.path())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_url_that_cannot_be_one_is_refused_with_a_sentence() {
        for (url, error) in [
            ("", ServerUrlError::NotAUrl),
            ("mcp.example.com", ServerUrlError::NotAUrl),
            ("ftp://mcp.example.com", ServerUrlError::Scheme("ftp".to_owned())),
            ("http://mcp.example.com", ServerUrlError::PlainHttp),
            ("http://10.0.0.1:8000", ServerUrlError::PlainHttp),
            ("https://mcp.example.com?a=b", ServerUrlError::Query),
            ("https://mcp.example.com#a", ServerUrlError::Fragment),
            ("https://a:b@mcp.example.com", ServerUrlError::UserInfo),
        ] {
            assert_eq!(ServerUrl::parse(url).unwrap_err(), error, "{url}");
            assert!(error.to_string().starts_with("SERVER_URL "), "{error}");
        }
    }

    #[test]
    fn a_trailing_slash_does_not_matter() {
        for url in ["https://mcp.example.com", "https://mcp.example.com/", " https://MCP.example.com:443/ "] {
            assert_eq!(ServerUrl::parse(url).unwrap().resource("/mcp"), "https://mcp.example.com/mcp");
        }
    }

    #[test]
    fn well_known_addresses_are_inserted_before_the_path() {
        let url = ServerUrl::parse("https://example.com/tools/").unwrap();
        assert_eq!(
            url.well_known("oauth-protected-resource", "/mcp"),
            "https://example.com/.well-known/oauth-protected-resource/tools/mcp"
        );
        let root = ServerUrl::parse("http://127.0.0.1:8000").unwrap();
        assert_eq!(
            root.well_known("oauth-protected-resource", "/mcp"),
            "http://127.0.0.1:8000/.well-known/oauth-protected-resource/mcp"
        );
    }
}
