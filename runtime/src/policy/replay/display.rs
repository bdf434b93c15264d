//! Text of a replay.

use std::fmt;

use super::{Replay, ReplayChange, ReplayEffect, UndecidedCalls, UndecidedReason};
use crate::policy::{
    Access,
    access::Provided,
    lock::{write_label, write_word},
    text_table::one_line,
};

impl fmt::Display for Replay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for change in &self.changes {
            // Names and source text of a policy can have line breaks.
            writeln!(f, "{}", one_line(&change.to_string()))?;
        }
        if self.more_changed > 0 {
            writeln!(f, "{} more would be decided differently", Calls(self.more_changed))?;
        }
        for calls in &self.undecided_calls {
            writeln!(f, "{}", one_line(&calls.to_string()))?;
        }
        if self.more_undecided > 0 {
            writeln!(f, "{} more undecided", Calls(self.more_undecided))?;
        }
        if !(self.changes.is_empty() && self.undecided_calls.is_empty()) {
            writeln!(f)?;
        }
        self.totals(f)
    }
}

impl Replay {
    fn totals(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} unchanged", Calls(self.calls), self.unchanged)?;
        if self.same_policy > 0 {
            write!(f, " ({} under the same policy)", self.same_policy)?;
        }
        writeln!(
            f,
            ", {} would be rejected, {} would be allowed, {} undecided",
            self.would_be_rejected, self.would_be_allowed, self.undecided
        )?;
        if self.other_records > 0 {
            writeln!(f, "other records: {}", self.other_records)?;
        }
        if self.unreadable_lines > 0 {
            let numbers: Vec<_> = self.first_unreadable_lines.iter().map(u64::to_string).collect();
            let more = if numbers.len() as u64 == self.unreadable_lines { "" } else { ", ..." };
            writeln!(f, "unreadable lines: {} (at {}{more})", self.unreadable_lines, numbers.join(", "))?;
        }
        Ok(())
    }
}

impl fmt::Display for ReplayChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} by ", write_label(&self.operation), Calls(self.calls))?;
        match &self.user {
            Some(user) => write!(f, "user {}", write_word(user))?,
            None => f.write_str("a token without a user")?,
        }
        match (self.role.as_deref().map(write_word), self.organization.as_deref().map(write_word)) {
            (Some(role), Some(organization)) => write!(f, " ({role} in {organization})")?,
            (Some(role), None) => write!(f, " ({role})")?,
            (None, Some(organization)) => write!(f, " (in {organization})")?,
            (None, None) => {}
        }
        write!(f, " {}", self.what)?;
        match (self.first.as_deref().and_then(date), self.last.as_deref().and_then(date)) {
            (Some(first), Some(last)) if first == last => write!(f, " ({first})"),
            (Some(first), Some(last)) => write!(f, " ({first} to {last})"),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for ReplayEffect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WouldBeRejected { because: Access::MissingScopes { missing, .. } } => {
                write!(f, "would be rejected: missing {}", missing.join(", "))
            }
            Self::WouldBeRejected { because } => write!(f, "would be rejected: {because}"),
            Self::WouldBeAllowed => f.write_str("would be allowed"),
        }
    }
}

impl fmt::Display for UndecidedCalls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} undecided: {}", write_label(&self.operation), Calls(self.calls), self.because)
    }
}

impl fmt::Display for UndecidedReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Checks(checks) => write!(f, "allowed{}", Provided(checks)),
            Self::Denied => f.write_str("a guard that this policy does not have, or the body, denied the call"),
            Self::UnknownScopes => f.write_str("the scopes of the caller are not recorded"),
        }
    }
}

/// Number of calls.
struct Calls(u64);

impl fmt::Display for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.0, if self.0 == 1 { "call" } else { "calls" })
    }
}

/// Returns the date of a time in RFC 3339.
fn date(time: &str) -> Option<&str> {
    time.get(..10)
}
