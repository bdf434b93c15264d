//! The names under which one server on loopback is known.

use http::{HeaderMap, Uri, header};

/// `host[:port]` of each equivalent name of the server; the first is that of `SERVER_URL`. Empty unless that is a loopback
/// URL: no other server has several names, because the resource is a part of its tokens.
#[derive(Clone, Debug, Default)]
pub(crate) struct HostNames(Vec<String>);

impl HostNames {
    pub(crate) fn new(names: Vec<String>) -> Self {
        Self(names)
    }

    /// Returns the position of the name that a request uses; 0 for every other name.
    pub(crate) fn position(&self, uri: &Uri, headers: &HeaderMap) -> usize {
        if self.0.is_empty() {
            return 0;
        }
        let host = match headers.get(header::HOST) {
            Some(host) => host.as_bytes(),
            // HTTP/2 carries the authority in the URI.
            None => uri.authority().map_or("", |authority| authority.as_str()).as_bytes(),
        };
        self.0.iter().position(|name| host.eq_ignore_ascii_case(name.as_bytes())).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_uses_the_name_in_its_host() {
        let names = HostNames::new(vec!["127.0.0.1:8000".to_owned(), "localhost:8000".to_owned()]);
        let position = |host: Option<&str>, uri: &'static str| {
            let mut headers = HeaderMap::new();
            headers.extend(host.map(|host| (header::HOST, host.parse().unwrap())));
            names.position(&Uri::from_static(uri), &headers)
        };
        assert_eq!(position(Some("localhost:8000"), "/mcp"), 1);
        assert_eq!(position(Some("LOCALHOST:8000"), "/mcp"), 1);
        assert_eq!(position(None, "http://localhost:8000/mcp"), 1);
        for host in ["127.0.0.1:8000", "localhost:9000", "localhost", "evil.example"] {
            assert_eq!(position(Some(host), "/mcp"), 0, "{host}");
        }
        assert_eq!(HostNames::default().position(&Uri::from_static("/mcp"), &HeaderMap::new()), 0);
    }
}
