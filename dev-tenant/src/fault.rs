//! Faults that the introspection endpoint shows on request.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What goes wrong with every introspection until it is cleared.
///
/// Set with [`DevTenant::set_fault`](crate::DevTenant::set_fault), so that a test can see what a resource
/// server makes of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Fault {
    /// The right answer, but late.
    Delay {
        /// How late, in milliseconds.
        milliseconds: u64,
    },
    /// No answer; the connection stays open until the client gives up or the tenant stops.
    Hang,
    /// `500 Internal Server Error`.
    ServerError,
    /// `429 Too Many Requests`.
    TooManyRequests {
        /// The `Retry-After` header in seconds; without it there is none.
        #[serde(default)]
        retry_after_seconds: Option<u64>,
    },
    /// `200 OK` and JSON that ends in the middle.
    MalformedJson,
    /// A right answer with padding.
    Oversized {
        /// The size of the padding in bytes, at most 64 MiB.
        bytes: usize,
    },
    /// `401 Unauthorized`, as if the introspection credentials were wrong.
    WrongCredentials,
    /// An answer without `aud`.
    MissingAudience,
    /// `scope` as a JSON array instead of a string.
    ScopeAsArray,
    /// `active: true` with an `exp` that has passed.
    ExpiredButActive,
    /// `307 Temporary Redirect` to another address of the tenant.
    Redirect,
    /// A JSON object without `active`.
    MissingActive,
}

impl Fault {
    /// [`Fault::Delay`] by a [`Duration`].
    pub fn delay(by: Duration) -> Self {
        Self::Delay { milliseconds: u64::try_from(by.as_millis()).unwrap_or(u64::MAX) }
    }

    /// [`Fault::Oversized`] with two MiB of padding.
    pub fn oversized() -> Self {
        Self::Oversized { bytes: 2 << 20 }
    }
}
