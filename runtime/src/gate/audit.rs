//! A record of every decision.

use std::time::Instant;

use crate::auth::Caller;

/// The `tracing` target of the records.
pub(crate) const TARGET: &str = "toolgate::audit";

/// One decision, to be recorded. Arguments and tokens are no part of it.
pub(crate) struct Decision<'a> {
    pub(crate) caller: &'a Caller,
    pub(crate) request_id: &'a str,
    pub(crate) tool: &'a str,
    pub(crate) outcome: &'static str,
    pub(crate) required: &'a [&'static str],
    pub(crate) missing: &'a [&'static str],
    pub(crate) since: Instant,
}

impl Decision<'_> {
    pub(crate) fn record(&self) {
        tracing::info!(
            target: TARGET,
            user = self.caller.user_id(),
            organization = self.caller.org_id(),
            role = self.caller.org_role(),
            client = self.caller.client_id(),
            request_id = self.request_id,
            tool = self.tool,
            outcome = self.outcome,
            required = self.required.join(" "),
            missing = self.missing.join(" "),
            latency_us = u64::try_from(self.since.elapsed().as_micros()).unwrap_or(u64::MAX),
            "decision"
        );
    }
}
