//! Resources (RFC 8707) for which the tenant issues tokens.

use std::net::IpAddr;

use url::{Host, Url};

/// Maximum length of a resource, in bytes.
const MAX_RESOURCE_BYTES: usize = 2048;

/// The resources for which a tenant issues tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ResourcePolicy {
    LoopbackOnly,
    Any,
}

impl ResourcePolicy {
    /// Validates a `resource` and returns it unchanged.
    pub(crate) fn check(self, resource: &str) -> Result<String, ResourceError> {
        let invalid = |reason| ResourceError::Invalid { resource: resource.to_owned(), reason };
        if resource.len() > MAX_RESOURCE_BYTES {
            return Err(invalid("it is longer than 2048 bytes"));
        }
        // RFC 3986 section 2. A parser for browsers would encode the other characters.
        if !resource.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(invalid("it has spaces or characters that are not ASCII"));
        }
        let url = Url::parse(resource).map_err(|_| invalid("it is not an absolute URL"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(invalid("its scheme is neither http nor https"));
        }
        if url.fragment().is_some() {
            return Err(invalid("it has a fragment"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(invalid("it has a user name or a password"));
        }
        if self == Self::LoopbackOnly && !is_loopback(&url) {
            return Err(ResourceError::NotLoopback { resource: resource.to_owned() });
        }
        Ok(resource.to_owned())
    }
}

/// Returns whether the host of a URL is `localhost`, in `127.0.0.0/8`, or `::1`.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => IpAddr::from(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::from(address).is_loopback(),
        None => false,
    }
}

/// Reasons why the tenant issues no token for a resource.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ResourceError {
    /// The resource is not a valid resource indicator (RFC 8707 section 2).
    #[error(
        "the resource `{resource}` is invalid because {reason}; use the URL of the MCP endpoint, such as \
         http://127.0.0.1:8000/mcp"
    )]
    Invalid {
        /// The resource as it was requested.
        resource: String,
        /// The problem, as a clause.
        reason: &'static str,
    },
    /// The resource is not on loopback, and the tenant issues tokens for loopback only.
    #[error(
        "the resource `{resource}` is not on this machine; a development tenant asks for no password, so it issues \
         tokens for loopback only, unless it is started with --dangerously-allow-remote-resources"
    )]
    NotLoopback {
        /// The resource as it was requested.
        resource: String,
    },
}

/// Returns whether two resources are equal, apart from trailing slashes.
pub(crate) fn same_resource(one: &str, other: &str) -> bool {
    one.trim_end_matches('/') == other.trim_end_matches('/')
}
