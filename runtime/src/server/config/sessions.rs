//! Settings of sessions.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::check_minimum;
use crate::{error::BuildProblem, mcp::SessionMaxima};

/// Settings of sessions, which clients of the revisions before 2026-07-28 can open; see [`Server::sessions`].
///
/// [`Server::sessions`]: crate::Server::sessions
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct SessionsConfig {
    /// Whether `initialize` opens a session. A session exists in one process: several replicas need a load balancer that
    /// sends the requests of a session to the same one. Default: `false`.
    pub enabled: bool,
    /// Maximum number of sessions. `initialize` beyond it is rejected with 429. Default: 1024.
    pub max_sessions: usize,
    /// Maximum number of sessions of each caller. For one beyond it, the session of the caller that was idle for the longest
    /// time ends; if all are in use, `initialize` is rejected with 429. Default: 16.
    pub max_sessions_per_caller: usize,
    /// Time without a request, a running call and an open stream after which a session ends. Default: 30 minutes.
    #[serde(with = "humantime_serde")]
    pub idle_timeout: Duration,
    /// Time after which a session ends even if it is in use. Default: 24 hours.
    #[serde(with = "humantime_serde")]
    pub max_lifetime: Duration,
    /// Time that a client has to respond to a request of the server, such as a form. Default: 5 minutes.
    #[serde(with = "humantime_serde")]
    pub input_timeout: Duration,
    /// Maximum number of messages that a session stores for a client which does not read them or resumes a stream; the
    /// oldest ones are discarded. Default: 256.
    pub max_buffered_messages: usize,
    /// Maximum size of these messages, in bytes. The newest message of a stream that the client is reading may be larger.
    /// One caller takes at most this times [`max_sessions_per_caller`](Self::max_sessions_per_caller). Default: 256 KiB.
    pub max_buffered_bytes: usize,
}

impl Default for SessionsConfig {
    fn default() -> Self {
        Self {
            enabled: false,
            max_sessions: 1024,
            max_sessions_per_caller: 16,
            idle_timeout: Duration::from_mins(30),
            max_lifetime: Duration::from_hours(24),
            input_timeout: Duration::from_mins(5),
            max_buffered_messages: 256,
            max_buffered_bytes: 256 * 1024,
        }
    }
}

impl SessionsConfig {
    pub(super) fn problems(&self) -> impl Iterator<Item = BuildProblem> {
        let positive = |setting, value: Duration| value.is_zero().then_some(BuildProblem::ZeroDuration(setting));
        [
            check_minimum("sessions.max_sessions", self.max_sessions, 1),
            check_minimum("sessions.max_sessions_per_caller", self.max_sessions_per_caller, 1),
            positive("sessions.idle_timeout", self.idle_timeout),
            positive("sessions.max_lifetime", self.max_lifetime),
            positive("sessions.input_timeout", self.input_timeout),
            check_minimum("sessions.max_buffered_messages", self.max_buffered_messages, 1),
            check_minimum("sessions.max_buffered_bytes", self.max_buffered_bytes, 1024),
        ]
        .into_iter()
        .flatten()
    }

    /// Returns the limits on sessions, if there are sessions.
    pub(crate) fn maxima(&self) -> Option<SessionMaxima> {
        self.enabled.then_some(SessionMaxima {
            sessions: self.max_sessions,
            sessions_per_caller: self.max_sessions_per_caller,
            idle_timeout: self.idle_timeout,
            max_lifetime: self.max_lifetime,
            input_timeout: self.input_timeout,
            buffered_messages: self.max_buffered_messages,
            buffered_bytes: self.max_buffered_bytes,
        })
    }
}
