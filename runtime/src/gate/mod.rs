//! The gate: authenticates and decides every request to the MCP endpoint before anything behind it sees the request.

mod accept;
mod body;
mod challenge;
mod fast_path;
#[cfg(any(fuzzing, toolgate_internals))]
pub(crate) mod fuzzing;
mod host_names;
mod in_flight;
mod json_bounds;
mod jsonrpc;
mod origin;
mod peer_limit;
mod pipeline;
mod rejection;
mod revocable_stream;
mod rmcp_response;
mod route;
mod session_methods;
mod stream_limit;
mod subscribe;
mod trusted_proxies;
mod unknown_tokens;

use http::{HeaderMap, header};

pub(crate) use body::BodyLimits;
pub(crate) use fast_path::FastPath;
pub(crate) use host_names::HostNames;
pub(crate) use in_flight::{InFlightLimit, InFlightMaxima};
pub(crate) use origin::AllowedOrigins;
#[cfg(feature = "approvals")]
pub(crate) use peer_limit::PeerLimit;
#[cfg(feature = "landing-page")]
pub(crate) use pipeline::UnauthorizedPage;
pub(crate) use pipeline::{Gate, GateService};
#[cfg(feature = "testing")]
pub(crate) use rejection::RATE_LIMITED;
pub(crate) use rejection::{RejectionLog, RejectionResponder};
pub(crate) use stream_limit::{StreamLimit, StreamMaxima};
pub(crate) use subscribe::SubscriptionGate;
pub(crate) use trusted_proxies::TrustedProxies;
pub(crate) use unknown_tokens::UnknownTokenLimit;

/// Returns whether `Content-Type` is this media type, with or without parameters.
fn has_content_type(headers: &HeaderMap, media_type: &str) -> bool {
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return false };
    // Most clients write nothing else.
    value == media_type
        || value
            .to_str()
            .is_ok_and(|value| value.split(';').next().unwrap_or(value).trim().eq_ignore_ascii_case(media_type))
}
