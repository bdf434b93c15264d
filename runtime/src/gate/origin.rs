//! Validation of `Host` and `Origin` against DNS rebinding (MCP, Streamable HTTP).

use std::net::IpAddr;

use http::{HeaderMap, HeaderValue, Uri, header, uri::Authority};
use thiserror::Error;
use url::Url;

use crate::{
    audit::sanitize,
    url::{is_loopback, is_loopback_host},
};

/// Hosts and origins that requests may name.
#[derive(Clone, Debug)]
pub(crate) struct AllowedOrigins {
    /// `host[:port]` of the server's own URL, which most requests name.
    authority: String,
    hosts: Vec<String>,
    origins: Vec<String>,
    /// Whether the server's own URL is a loopback URL, so that every loopback name is accepted.
    loopback: bool,
    /// Whether every IP address is accepted.
    addresses: bool,
}

/// A request that names a host or an origin of another server.
///
/// The log shows the sanitized value; the response does not.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum OriginError {
    #[error("the Host header is missing, duplicate or malformed")]
    MalformedHost,
    #[error(
        "this server is not known under the host that the request names; if it should be, add the host to \
         `http.allowed_hosts`"
    )]
    ForeignHost(String),
    #[error("requests from this origin are not allowed; if they should be, add the origin to `http.allowed_origins`")]
    ForeignOrigin(String),
}

impl AllowedOrigins {
    /// Allows the host and origin of the server's own URL and the additional ones.
    pub(crate) fn new(server_url: &Url, extra_hosts: &[String], extra_origins: &[String]) -> Self {
        let own = server_url.host_str().map(str::to_owned);
        Self {
            authority: server_url.authority().to_owned(),
            hosts: own.into_iter().chain(extra_hosts.iter().cloned()).map(|host| normalized(&host)).collect(),
            origins: std::iter::once(server_url.origin().ascii_serialization())
                .chain(extra_origins.iter().map(|origin| origin.trim_end_matches('/').to_ascii_lowercase()))
                .collect(),
            loopback: is_loopback(server_url),
            addresses: false,
        }
    }

    /// Allows every IP address, which no other site can give to a browser as a name of its own, the names of loopback, and
    /// the additional hosts.
    #[cfg(feature = "prometheus")]
    pub(crate) fn addresses_and(hosts: &[String]) -> Self {
        Self {
            authority: "localhost".to_owned(),
            hosts: hosts.iter().map(|host| normalized(host)).collect(),
            origins: Vec::new(),
            loopback: true,
            addresses: true,
        }
    }

    /// Checks `Host` and, if the request has one, `Origin`.
    pub(crate) fn check(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), OriginError> {
        self.check_host(uri, headers)?;
        match headers.get_all(header::ORIGIN).iter().find(|origin| !self.allows_origin(origin)) {
            Some(origin) => Err(OriginError::ForeignOrigin(sanitize(&String::from_utf8_lossy(origin.as_bytes())))),
            None => Ok(()),
        }
    }

    fn check_host(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), OriginError> {
        let mut hosts = headers.get_all(header::HOST).iter();
        let host = match hosts.next() {
            // Which of them a proxy or another check has used is not known (RFC 9112, section 3.2).
            Some(_) if hosts.next().is_some() => None,
            Some(value) if value == self.authority.as_str() => return Ok(()),
            Some(value) => value.to_str().ok().and_then(host_of),
            // HTTP/2 carries the authority in the URI.
            None => uri.authority().map(|authority| authority.host().to_owned()),
        };
        let host = host.ok_or(OriginError::MalformedHost)?;
        if self.allows_host(&host) { Ok(()) } else { Err(OriginError::ForeignHost(sanitize(&host))) }
    }

    pub(crate) fn allows_origin(&self, origin: &HeaderValue) -> bool {
        let Ok(origin) = origin.to_str() else { return false };
        if self.origins.iter().any(|allowed| allowed.eq_ignore_ascii_case(origin)) {
            return true;
        }
        self.loopback
            && Url::parse(origin).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && is_loopback(&url))
    }

    /// Returns whether a target in absolute form may name this authority.
    pub(crate) fn allows_authority(&self, authority: &Authority) -> bool {
        !authority.as_str().contains('@') && self.allows_host(authority.host())
    }

    fn allows_host(&self, host: &str) -> bool {
        let host = normalized(host);
        self.hosts.contains(&host)
            || self.loopback && is_loopback_host(&host)
            || self.addresses && host.parse::<IpAddr>().is_ok()
    }
}

/// Returns the host of `host[:port]`.
fn host_of(value: &str) -> Option<String> {
    let authority: http::uri::Authority = value.parse().ok()?;
    // An authority with user information is not a valid `Host`.
    (!value.contains('@')).then(|| authority.host().to_owned())
}

fn normalized(host: &str) -> String {
    host.trim_end_matches('.').trim_matches(['[', ']']).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(server: &str, host: &str, origin: Option<&str>) -> bool {
        let allowed = AllowedOrigins::new(
            &Url::parse(server).unwrap(),
            &["internal.example.com".to_owned()],
            &["https://app.example.com/".to_owned()],
        );
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, origin.parse().unwrap());
        }
        allowed.check(&Uri::from_static("/mcp"), &headers).is_ok()
    }

    #[test]
    fn h1_a_foreign_origin_is_rejected() {
        let server = "https://mcp.example.com";
        assert!(check(server, "mcp.example.com", None));
        assert!(check(server, "mcp.example.com", Some("https://mcp.example.com")));
        assert!(check(server, "mcp.example.com", Some("https://app.example.com")));
        for origin in [
            "https://evil.example",
            "http://mcp.example.com",
            "https://mcp.example.com:444",
            "null",
            "http://localhost:6274",
        ] {
            assert!(!check(server, "mcp.example.com", Some(origin)), "{origin}");
        }
    }

    #[test]
    fn a_foreign_host_is_rejected() {
        let server = "https://mcp.example.com";
        for host in ["mcp.example.com", "MCP.Example.com:443", "mcp.example.com.", "internal.example.com"] {
            assert!(check(server, host, None), "{host}");
        }
        for host in ["evil.example", "localhost", "127.0.0.1", "mcp.example.com.evil.example", "a@mcp.example.com"] {
            assert!(!check(server, host, None), "{host}");
        }
    }

    #[cfg(feature = "prometheus")]
    #[test]
    fn an_endpoint_for_addresses_rejects_other_names() {
        let allowed = AllowedOrigins::addresses_and(&["metrics.internal".to_owned()]);
        for (host, is_allowed) in [
            ("10.1.2.3:9464", true),
            ("[2001:db8::1]:9464", true),
            ("127.0.0.1", true),
            ("localhost:9464", true),
            ("Metrics.internal:9464", true),
            ("evil.example:9464", false),
            ("10.1.2.3.evil.example", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, host.parse().unwrap());
            assert_eq!(allowed.check(&Uri::from_static("/metrics"), &headers).is_ok(), is_allowed, "{host}");
            headers.insert(header::ORIGIN, HeaderValue::from_static("https://evil.example"));
            assert!(allowed.check(&Uri::from_static("/metrics"), &headers).is_err(), "{host}");
        }
    }

    #[test]
    fn several_hosts_are_rejected_even_if_they_are_equal() {
        let allowed = AllowedOrigins::new(&Url::parse("https://mcp.example.com").unwrap(), &[], &[]);
        for second in ["mcp.example.com", "evil.example"] {
            let mut headers = HeaderMap::new();
            headers.append(header::HOST, HeaderValue::from_static("mcp.example.com"));
            headers.append(header::HOST, HeaderValue::from_static(second));
            assert_eq!(
                allowed.check(&Uri::from_static("/mcp"), &headers),
                Err(OriginError::MalformedHost),
                "{second}"
            );
        }
    }

    #[test]
    fn each_of_several_origins_is_checked() {
        let allowed = AllowedOrigins::new(&Url::parse("https://mcp.example.com").unwrap(), &[], &[]);
        let mut headers = HeaderMap::new();
        headers.append(header::HOST, HeaderValue::from_static("mcp.example.com"));
        headers.append(header::ORIGIN, HeaderValue::from_static("https://mcp.example.com"));
        assert_eq!(allowed.check(&Uri::from_static("/mcp"), &headers), Ok(()));
        headers.append(header::ORIGIN, HeaderValue::from_static("https://evil.example"));
        let error = allowed.check(&Uri::from_static("/mcp"), &headers).unwrap_err();
        assert!(matches!(error, OriginError::ForeignOrigin(_)), "{error}");
    }

    #[test]
    fn loopback_names_are_accepted_only_by_a_loopback_server() {
        let server = "http://127.0.0.1:8000";
        for host in ["127.0.0.1:8000", "localhost:8000", "[::1]:8000", "127.0.0.2"] {
            assert!(check(server, host, None), "{host}");
        }
        for origin in ["http://localhost:6274", "http://127.0.0.1:6274", "http://[::1]:1"] {
            assert!(check(server, "localhost", Some(origin)), "{origin}");
        }
        assert!(!check(server, "evil.example", None));
        assert!(!check(server, "127.0.0.1:8000", Some("http://evil.example")));
        assert!(!check(server, "127.0.0.1:8000", Some("http://localhost.evil.example")));
    }
}
