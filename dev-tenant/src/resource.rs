//! Which resources (RFC 8707) the tenant issues tokens for.

use std::net::IpAddr;

use url::{Host, Url};

/// Whether tokens may be issued for servers beyond this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ResourcePolicy {
    LoopbackOnly,
    Anywhere,
}

impl ResourcePolicy {
    /// Checks a `resource` and answers it as the caller wrote it.
    pub(crate) fn check(self, resource: &str) -> Result<String, ResourceError> {
        let refused = |reason| ResourceError::Invalid { resource: resource.to_owned(), reason };
        let url = Url::parse(resource).map_err(|_| refused("it is no absolute URL"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(refused("it is neither http nor https"));
        }
        if url.fragment().is_some() {
            return Err(refused("it has a fragment"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refused("it has a user name or a password"));
        }
        if self == Self::LoopbackOnly && !is_loopback(&url) {
            return Err(ResourceError::BeyondLoopback { resource: resource.to_owned() });
        }
        Ok(resource.to_owned())
    }
}

/// Whether the URL's host is this machine: `localhost`, `127.0.0.0/8` or `::1`.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => IpAddr::from(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::from(address).is_loopback(),
        None => false,
    }
}

/// Why no token is issued for a resource.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ResourceError {
    /// Not a resource indicator (RFC 8707 section 2).
    #[error(
        "the resource `{resource}` is refused because {reason}; name the MCP endpoint, such as \
         http://127.0.0.1:8000/mcp"
    )]
    Invalid {
        /// As it was written.
        resource: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A server that others can reach.
    #[error(
        "the resource `{resource}` is not on this machine; a development tenant lets anybody log in as \
         anybody, so it issues tokens for loopback only, unless it is started with \
         --dangerously-allow-remote-resources"
    )]
    BeyondLoopback {
        /// As it was written.
        resource: String,
    },
}

/// Whether two resources are one. Trailing slashes do not matter; everything else does.
pub(crate) fn same_resource(one: &str, other: &str) -> bool {
    one.trim_end_matches('/') == other.trim_end_matches('/')
}
