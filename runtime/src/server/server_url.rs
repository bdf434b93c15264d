//! The public URL of a server.

use url::Url;

use crate::{error::ServerUrlError, url::is_loopback};

/// A valid `SERVER_URL`: `https`, or `http` on loopback; no user information, query or fragment.
#[derive(Clone, Debug)]
pub(crate) struct ServerUrl {
    url: Url,
    /// The URL without a slash at the end.
    base: String,
}

/// Names of loopback that reach one server, as hosts of a URL.
const LOOPBACK_NAMES: [&str; 3] = ["127.0.0.1", "localhost", "[::1]"];

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

    /// Checks that the URL does not end with the path of the endpoint, which is appended to it.
    pub(crate) fn check_endpoint(&self, endpoint: &str) -> Result<(), ServerUrlError> {
        match self.base.strip_suffix(endpoint) {
            Some(expected) if self.path().ends_with(endpoint) => {
                Err(ServerUrlError::EndpointPath { endpoint: self.resource(endpoint), expected: expected.to_owned() })
            }
            _ => Ok(()),
        }
    }

    /// Returns this URL and, if its host is one of the usual names of loopback, the same URL with each other
    /// name. Clients and people use any of them for one server.
    pub(crate) fn equivalents(&self) -> Vec<Self> {
        let own = self.url.host_str().unwrap_or_default();
        let mut all = vec![self.clone()];
        if !LOOPBACK_NAMES.contains(&own) {
            return all;
        }
        for name in LOOPBACK_NAMES.into_iter().filter(|&name| name != own) {
            let mut url = self.url.clone();
            if url.set_host(Some(name)).is_ok() {
                let base = url.as_str().trim_end_matches('/').to_owned();
                all.push(Self { url, base });
            }
        }
        all
    }

    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    /// Returns the URL without a slash at the end.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// Returns the path of the URL; empty for the root.
    pub(crate) fn path(&self) -> &str {
        self.url.path().trim_end_matches('/')
    }

    /// Returns the resource identifier of the MCP endpoint (RFC 8707).
    pub(crate) fn resource(&self, endpoint: &str) -> String {
        format!("{}{endpoint}", self.base)
    }

    /// Returns the well-known URL of a document about `path`, inserted between host and path (RFC 9728, section 3.1;
    /// RFC 8414, section 3.1).
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
    fn an_invalid_server_url_is_rejected() {
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
        }
    }

    #[test]
    fn a_url_that_ends_with_the_path_of_the_endpoint_shows_the_doubled_path() {
        for url in ["https://mcp.example.com/mcp", "https://mcp.example.com/mcp/"] {
            let error = ServerUrl::parse(url).unwrap().check_endpoint("/mcp").unwrap_err();
            assert_eq!(
                error.to_string(),
                "must not end with the path of the MCP endpoint, which would then be https://mcp.example.com/mcp/mcp: set \
                 it to https://mcp.example.com, or change `http.endpoint_path`"
            );
        }
        for url in ["https://mcp.example.com", "https://mcp.example.com/tools/mcps", "https://x/mcp/tools"] {
            assert_eq!(ServerUrl::parse(url).unwrap().check_endpoint("/mcp"), Ok(()), "{url}");
        }
    }

    #[test]
    fn only_usual_loopback_names_have_equivalents() {
        let resources = |url: &str| -> Vec<String> {
            ServerUrl::parse(url).unwrap().equivalents().iter().map(|url| url.resource("/mcp")).collect()
        };
        assert_eq!(
            resources("http://localhost:8000/a"),
            ["http://localhost:8000/a/mcp", "http://127.0.0.1:8000/a/mcp", "http://[::1]:8000/a/mcp"]
        );
        assert_eq!(resources("http://[::1]:1")[..2], ["http://[::1]:1/mcp", "http://127.0.0.1:1/mcp"]);
        for url in ["https://mcp.example.com", "http://127.0.0.2:8000", "https://localhost.example.com"] {
            assert_eq!(resources(url).len(), 1, "{url}");
        }
    }

    #[test]
    fn a_trailing_slash_is_ignored() {
        for url in ["https://mcp.example.com", "https://mcp.example.com/", " https://MCP.example.com:443/ "] {
            assert_eq!(ServerUrl::parse(url).unwrap().resource("/mcp"), "https://mcp.example.com/mcp");
        }
    }

    #[test]
    fn well_known_urls_are_inserted_before_the_path() {
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
