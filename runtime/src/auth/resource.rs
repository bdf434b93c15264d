//! The protected resource: the server, as the audience of tokens.

/// The resource that tokens must be issued for (RFC 8707): the URL of the MCP endpoint. A server can have several names,
/// such as its URL with and without the path of the endpoint.
///
/// ```
/// use toolgate::auth::Resource;
///
/// let resource = Resource::new("https://mcp.example.com/mcp");
/// assert!(resource.is_named("https://MCP.example.com:443/mcp/"));
/// assert!(!resource.is_named("https://mcp.example.com/other"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    url: String,
    /// Other names of the resource.
    equivalents: Vec<String>,
}

impl Resource {
    /// Creates a resource with this URL.
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), equivalents: Vec::new() }
    }

    /// Adds other names of the resource.
    pub(crate) fn with_equivalents(mut self, urls: Vec<String>) -> Self {
        self.equivalents = urls;
        self
    }

    /// Returns the URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns whether `audience` is a name of this resource. The scheme and the host are compared without regard to case,
    /// and a default port and one slash at the end do not matter. Everything else must be equal.
    pub fn is_named(&self, audience: &str) -> bool {
        is_same_resource(audience, &self.url)
            || self.equivalents.iter().any(|equivalent| is_same_resource(audience, equivalent))
    }
}

/// Compares two resource URLs: the scheme and host without regard to case, a default port as none (RFC 3986, sections
/// 6.2.2.1 and 6.2.3), and one trailing slash as none. Everything else is compared exactly.
fn is_same_resource(a: &str, b: &str) -> bool {
    a == b
        || match (ResourceUrl::split(a), ResourceUrl::split(b)) {
            (Some(a), Some(b)) => a.is_same(&b),
            _ => false,
        }
}

/// The parts of a resource URL as it is written. A parser for browsers would accept and rewrite what is not a URL.
struct ResourceUrl<'a> {
    scheme: &'a str,
    /// User information with its `@`.
    user_info: &'a str,
    host: &'a str,
    /// `None` for the default port of the scheme.
    port: Option<&'a str>,
    /// Path, query and fragment, without a slash at the end.
    rest: &'a str,
}

impl<'a> ResourceUrl<'a> {
    fn split(url: &'a str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let (authority, rest) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        let (user_info, host) = authority.split_at(authority.rfind('@').map_or(0, |at| at + 1));
        // An IPv6 address contains colons and ends with a bracket.
        let (host, port) = match host.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
            _ => (host, None),
        };
        let default = if scheme.eq_ignore_ascii_case("https") { "443" } else { "80" };
        let has_default = scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http");
        let port = port.filter(|port| !(has_default && (port.is_empty() || *port == default)));
        Some(Self { scheme, user_info, host, port, rest: rest.strip_suffix('/').unwrap_or(rest) })
    }

    fn is_same(&self, other: &Self) -> bool {
        self.scheme.eq_ignore_ascii_case(other.scheme)
            && self.host.eq_ignore_ascii_case(other.host)
            && (self.user_info, self.port, self.rest) == (other.user_info, other.port, other.rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a5_equivalent_urls_are_one_resource() {
        for (one, other) in [
            ("https://mcp.example.com/mcp", "HTTPS://MCP.Example.com/mcp"),
            ("https://mcp.example.com/mcp", "https://mcp.example.com:443/mcp"),
            ("https://mcp.example.com/mcp", "https://mcp.example.com:/mcp/"),
            ("https://mcp.example.com:8443/mcp", "https://MCP.example.com:8443/mcp"),
            ("http://127.0.0.1/mcp", "http://127.0.0.1:80/mcp"),
            ("http://[::1]/mcp", "HTTP://[::1]:80/mcp"),
            ("https://mcp.example.com", "https://mcp.example.com:443/"),
            ("urn:example:mcp", "urn:example:mcp"),
        ] {
            assert!(is_same_resource(one, other) && is_same_resource(other, one), "{one} {other}");
        }
    }

    #[test]
    fn a5_urls_that_differ_in_more_than_spelling_are_different_resources() {
        let own = "https://mcp.example.com/mcp";
        for other in [
            "https://mcp.example.com/MCP",
            "https://mcp.example.com/mcp//",
            "https://mcp.example.com//mcp",
            "https://mcp.example.com/x/../mcp",
            "https://mcp.example.com/%6Dcp",
            "https://mcp.example.com\\mcp",
            "https://mcp.example.com:80/mcp",
            "https://mcp.example.com:0443/mcp",
            "https://mcp.example.com:443:443/mcp",
            "https://mcp.example.com./mcp",
            "http://mcp.example.com:443/mcp",
            "https://user@mcp.example.com/mcp",
            "https://mcp.example.com:443@evil.example/mcp",
            "https://evil.example/https://mcp.example.com/mcp",
            "https://mcp.example.com/mcp?x",
            "https://mcp.example.com/mcp?",
            "https://mcp.example.com/mcp#",
            "https://mcp.example.com?/mcp",
            " https://mcp.example.com/mcp",
            "https:/mcp.example.com/mcp",
            "",
        ] {
            assert!(!is_same_resource(own, other) && !is_same_resource(other, own), "{other}");
        }
        assert!(!is_same_resource("https://a@mcp.example.com/", "https://A@mcp.example.com/"));
        assert!(!is_same_resource("https://[::1]/mcp", "https://[::443]/mcp"));
        assert!(!is_same_resource("https://mcp.example.com/mcp?x/", "https://mcp.example.com/mcp?X/"));
    }
}
