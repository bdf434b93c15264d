//! Faults of the introspection endpoint, for tests.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A fault that the introspection endpoint shows for every request until it is cleared.
///
/// [`DevTenant::set_fault`](crate::DevTenant::set_fault) sets it, so that a test can check how a resource server reacts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Fault {
    /// The correct response after a delay.
    Delay {
        /// The delay, in milliseconds.
        milliseconds: u64,
    },
    /// No response. The connection stays open until the client closes it or the tenant stops.
    Hang,
    /// `500 Internal Server Error`.
    ServerError,
    /// `429 Too Many Requests`.
    TooManyRequests {
        /// The value of the `Retry-After` header, in seconds. `None` omits the header.
        #[serde(default)]
        retry_after_seconds: Option<u64>,
    },
    /// `200 OK` with truncated JSON.
    MalformedJson,
    /// The correct response with padding.
    Oversized {
        /// The size of the padding, in bytes. The maximum is 64 MiB.
        bytes: usize,
    },
    /// `401 Unauthorized`, as for wrong introspection credentials.
    WrongCredentials,
    /// A response without `aud`.
    MissingAudience,
    /// A response with `scope` as a JSON array instead of a string.
    ScopeAsArray,
    /// A response with `active: true` and an `exp` in the past.
    ExpiredButActive,
    /// `307 Temporary Redirect` to another URL of the tenant.
    Redirect,
    /// A response without `active`.
    MissingActive,
}

impl Fault {
    /// Returns [`Fault::Delay`] with this delay.
    pub fn delay(delay: Duration) -> Self {
        Self::Delay { milliseconds: u64::try_from(delay.as_millis()).unwrap_or(u64::MAX) }
    }

    /// Returns [`Fault::Oversized`] with 2 MiB of padding.
    pub fn oversized() -> Self {
        Self::Oversized { bytes: 2 << 20 }
    }
}
