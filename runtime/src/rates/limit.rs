//! Kinds of limits, and the rejection of a request beyond one.

use std::time::Duration;

use thiserror::Error;

use super::quota::Quota;
use crate::{metrics::Label, rate::Rate};

/// What a limit counts; the label `limit` of `toolgate_rate_limited_total`.
#[cfg_attr(not(feature = "rates"), expect(dead_code, reason = "no server has limits"))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LimitKind {
    /// Requests of a caller.
    Caller,
    /// Requests of a caller whose role has a rate of its own.
    Role,
    /// Calls of an operation by a caller.
    Operation,
    /// Calls of an operation by all callers.
    OperationTotal,
}

impl LimitKind {
    /// Whether responses show what is left of the quota. From that of all callers, each could
    /// tell how often other callers call.
    #[cfg(feature = "rates")]
    pub(super) fn is_shown(self) -> bool {
        self != Self::OperationTotal
    }
}

impl Label for LimitKind {
    const COUNT: usize = LimitKind::OperationTotal as usize + 1;

    fn index(self) -> usize {
        self as usize
    }

    fn name(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Role => "role",
            Self::Operation => "operation",
            Self::OperationTotal => "operation_total",
        }
    }
}

/// A request beyond a rate. `Display` is the text for the client.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "too many requests{}: {} may send {} per {}; try again in {}",
    self.what(), self.who(), .rate.quantity(), .rate.unit(), seconds(self.retry_after_seconds())
)]
pub(crate) struct RateLimited {
    pub(crate) limit: LimitKind,
    pub(crate) rate: Rate,
    /// The role or the label of the operation. Empty if the limit is that of all requests of a caller.
    pub(super) subject: Box<str>,
    /// Time until a request is within the rate again, unless others are sent in the meantime.
    pub(super) retry_after: Duration,
}

impl RateLimited {
    /// Returns the time until a request is within the rate again, in seconds, rounded up; at least 1.
    pub(crate) fn retry_after_seconds(&self) -> u64 {
        let whole = self.retry_after.as_secs();
        let seconds = if self.retry_after.subsec_nanos() > 0 { whole + 1 } else { whole };
        seconds.max(1)
    }

    /// Returns what the limit is of, with a space before it.
    fn what(&self) -> String {
        match self.limit {
            LimitKind::Caller | LimitKind::Role => String::new(),
            LimitKind::Operation | LimitKind::OperationTotal => format!(" for {}", self.subject),
        }
    }

    /// Returns whose requests it counts.
    fn who(&self) -> String {
        match self.limit {
            LimitKind::Caller | LimitKind::Operation => "a caller".to_owned(),
            LimitKind::Role => format!("a caller with the role {}", self.subject),
            LimitKind::OperationTotal => "all callers together".to_owned(),
        }
    }

    /// Returns what is left of the quota: nothing.
    pub(super) fn quota(&self) -> Option<Quota> {
        (self.limit != LimitKind::OperationTotal).then_some(Quota {
            limit: self.limit,
            rate: self.rate,
            remaining: 0,
        })
    }
}

fn seconds(seconds: u64) -> String {
    if seconds == 1 { "1 second".to_owned() } else { format!("{seconds} seconds") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_names_the_limit_and_the_time_until_the_next_request() {
        let text = |limit, subject: &str, millis| {
            let retry_after = Duration::from_millis(millis);
            RateLimited { limit, rate: Rate::per_minute(30), subject: subject.into(), retry_after }.to_string()
        };
        for (text, expected) in [
            (
                text(LimitKind::Caller, "", 0),
                "too many requests: a caller may send 30 per minute; try again in 1 second",
            ),
            (
                text(LimitKind::Role, "HR", 1001),
                "too many requests: a caller with the role HR may send 30 per minute; try again in 2 seconds",
            ),
            (
                text(LimitKind::Operation, "prompt review", 2000),
                "too many requests for prompt review: a caller may send 30 per minute; try again in 2 seconds",
            ),
            (
                text(LimitKind::OperationTotal, "payroll", 1),
                "too many requests for payroll: all callers together may send 30 per minute; try again in 1 second",
            ),
        ] {
            assert_eq!(text, expected);
        }
    }
}
