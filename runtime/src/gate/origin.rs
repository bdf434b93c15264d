//! Which hosts and origins a request may name: the defence against DNS rebinding (MCP, Streamable HTTP).

use std::net::IpAddr;

use http::{HeaderMap, HeaderValue, Uri, header};
use url::{Host, Url};

/// The hosts and origins of a server.
#[derive(Clone, Debug)]
pub(crate) struct AllowedOrigins {
    /// `host[:port]` of the server's own URL: what nearly every request has.
    authority: String,
    hosts: Vec<String>,
    origins: Vec<String>,
    /// A server on loopback is reached under any of the machine's own names.
    loopback: bool,
}

impl AllowedOrigins {
    /// Those of the server's own URL, and the extra ones.
    pub(crate) fn new(server_url: &Url, extra_hosts: &[String], extra_origins: &[String]) -> Self {
        let own = server_url.host_str().map(str::to_owned);
        Self {
            authority: server_url.authority().to_owned(),
            hosts: own.into_iter().chain(extra_hosts.iter().cloned()).map(|host| normal(&host)).collect(),
            origins: std::iter::once(server_url.origin().ascii_serialization())
                .chain(extra_origins.iter().map(|origin| origin.trim_end_matches('/').to_ascii_lowercase()))
                .collect(),
            loopback: is_loopback(server_url),
        }
    }

    /// # Errors
    ///
    /// A sentence for the client and the log.
    pub(crate) fn check(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), &'static str> {
        self.check_host(uri, headers)?;
        match headers.get(header::ORIGIN) {
            Some(origin) if !self.allows_origin(origin) => {
                Err("requests from this origin are not allowed; if they should be, add it with `allow_origin`")
            }
            _ => Ok(()),
        }
    }

    fn check_host(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), &'static str> {
        let host = match headers.get(header::HOST) {
            Some(value) if value == self.authority.as_str() => return Ok(()),
            Some(value) => value.to_str().ok().and_then(host_of),
            // HTTP/2 has the authority in the URI.
            None => uri.authority().map(|authority| authority.host().to_owned()),
        };
        let host = host.ok_or("the Host header is missing or malformed")?;
        if !self.allows_host(&host) {
            return Err(
                "this server is not known under the host that the request names; if it is, add it with `allow_host`",
            );
        }
        Ok(())
    }

    pub(crate) fn allows_origin(&self, origin: &HeaderValue) -> bool {
        let Ok(origin) = origin.to_str() else { return false };
        if self.origins.iter().any(|allowed| allowed.eq_ignore_ascii_case(origin)) {
            return true;
        }
        self.loopback
            && Url::parse(origin).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && is_loopback(&url))
    }

    fn allows_host(&self, host: &str) -> bool {
        let host = normal(host);
        self.hosts.contains(&host) || self.loopback && is_loopback_host(&host)
    }
}

/// The host of `host[:port]`.
fn host_of(value: &str) -> Option<String> {
    let authority: http::uri::Authority = value.parse().ok()?;
    // `user@host` is no Host header.
    (!value.contains('@')).then(|| authority.host().to_owned())
}

fn normal(host: &str) -> String {
    host.trim_end_matches('.').trim_matches(['[', ']']).to_ascii_lowercase()
}

fn is_loopback_host(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Whether a URL leads to this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(domain)) => is_loopback_host(&normal(domain)),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
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
    fn h1_a_foreign_origin_is_refused() {
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
    fn a_host_that_is_not_ours_is_refused() {
        let server = "https://mcp.example.com";
        for host in ["mcp.example.com", "MCP.Example.com:443", "mcp.example.com.", "internal.example.com"] {
            assert!(check(server, host, None), "{host}");
        }
        for host in ["evil.example", "localhost", "127.0.0.1", "mcp.example.com.evil.example", "a@mcp.example.com"] {
            assert!(!check(server, host, None), "{host}");
        }
    }

    #[test]
    fn loopback_is_allowed_only_where_the_server_is_loopback() {
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
