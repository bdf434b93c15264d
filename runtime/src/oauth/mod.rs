//! OAuth authorization servers: requests to them, introspection responses (RFC 7662) and metadata (RFC 8414).

pub(crate) mod credentials;
pub(crate) mod endpoints;
pub(crate) mod http_client;
pub(crate) mod introspection_response;
pub(crate) mod metadata;
pub(crate) mod request_error;
mod retry_after;
#[cfg(test)]
pub(crate) mod stub;
