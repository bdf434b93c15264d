//! A record of every decision: an event for the audit, and a number for the metrics.

mod reason;
mod text;

use std::{fmt, time::Instant};

use http::HeaderMap;
use serde::Deserialize;
use serde_json::{Map, Value};
use tracing::{Level, field::display};

pub(crate) use reason::Reason;

use super::envelope::Envelope;
use crate::{
    audit::TARGET,
    auth::Caller,
    metrics::{self, CounterSet, Label},
    tool::{Outcome, RegisteredTool},
};

/// The name by which the metrics know every tool that does not exist.
const UNKNOWN: &str = "unknown";

/// Records what the gate decides.
#[derive(Debug)]
pub(crate) struct Trail {
    decisions: CounterSet<Reason>,
    /// Calls of tools that do not exist.
    unknown: CounterSet<Outcome>,
}

/// The request that is decided about, as its sender describes it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    /// The JSON-RPC id, as JSON or as text; empty if it is not known.
    pub(crate) id: &'a str,
    /// The W3C trace context.
    pub(crate) traceparent: Option<&'a str>,
    /// When the request arrived.
    pub(crate) since: Instant,
}

/// How a call of a tool ended, and what it needed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ended<'a> {
    pub(crate) outcome: Outcome,
    pub(crate) required: &'a [&'static str],
    pub(crate) missing: &'a [&'static str],
    /// Those that the tool opted in, as JSON.
    pub(crate) arguments: Option<&'a str>,
}

impl<'a> Asked<'a> {
    /// A request of which only the headers are known.
    pub(crate) fn by_headers(headers: &'a HeaderMap, since: Instant) -> Self {
        let traceparent = headers.get("traceparent").and_then(|value| value.to_str().ok());
        Self { id: "", traceparent, since }
    }

    /// The same, with what its body says.
    pub(crate) fn with_body(self, envelope: &Envelope<'a>) -> Self {
        #[derive(Deserialize)]
        struct Meta<'m> {
            traceparent: Option<&'m str>,
        }
        let meta = envelope.params.meta.map(serde_json::value::RawValue::get);
        let traceparent = meta
            .filter(|meta| meta.contains("traceparent"))
            .and_then(|meta| serde_json::from_str::<Meta<'_>>(meta).ok()?.traceparent)
            .or(self.traceparent);
        Self { id: envelope.request_id(), traceparent, since: self.since }
    }
}

impl Trail {
    pub(crate) fn new() -> Self {
        Self {
            decisions: CounterSet::new(metrics::DECISIONS, "reason"),
            unknown: CounterSet::new(metrics::CALLS, "outcome").beside("tool", UNKNOWN),
        }
    }

    /// Counts a decision that is not worth a line, because anybody can cause as many as they like.
    pub(crate) fn count(&self, reason: Reason) {
        self.decisions.increment(reason);
    }

    /// A request that did not get as far as a tool.
    pub(crate) fn refused(&self, asked: Asked<'_>, caller: Option<&Caller>, reason: Reason) {
        self.decisions.increment(reason);
        Decision { caller, ..Decision::new(asked, reason.name()) }.record();
    }

    /// A list with this many tools.
    pub(crate) fn listed(&self, asked: Asked<'_>, caller: &Caller, tools: usize) {
        self.decisions.increment(Reason::Listed);
        let tools = u64::try_from(tools).ok();
        Decision { caller: Some(caller), tools, ..Decision::new(asked, Reason::Listed.name()) }.record();
    }

    /// A call of a tool that does not exist.
    pub(crate) fn unknown_tool(&self, asked: Asked<'_>, caller: &Caller, name: &str) {
        self.decisions.increment(Reason::UnknownTool);
        self.unknown.increment(Outcome::UnknownTool);
        let decision = Decision::new(asked, Outcome::UnknownTool.name());
        Decision { caller: Some(caller), tool: Some(name), ..decision }.record();
    }

    /// A call of a tool.
    pub(crate) fn called(&self, asked: Asked<'_>, caller: &Caller, tool: &RegisteredTool, ended: Ended<'_>) {
        self.decisions.increment(match ended.outcome {
            Outcome::Hidden => Reason::Hidden,
            Outcome::UnknownTool => Reason::UnknownTool,
            Outcome::InsufficientScope => Reason::InsufficientScope,
            Outcome::Denied => Reason::Denied,
            _ => Reason::Allowed,
        });
        tool.count(ended.outcome, asked.since.elapsed());
        Decision {
            caller: Some(caller),
            tool: Some(tool.name()),
            required: ended.required,
            missing: ended.missing,
            arguments: ended.arguments,
            ..Decision::new(asked, ended.outcome.name())
        }
        .record();
    }
}

/// The arguments that a tool opted in, as a JSON object; nothing if it did not, or if none of them is there.
pub(crate) fn opted_in(tool: &RegisteredTool, arguments: &Map<String, Value>) -> Option<String> {
    let names = tool.descriptor().audit;
    if names.is_empty() || !tracing::enabled!(target: TARGET, Level::INFO) {
        return None;
    }
    let chosen: Map<_, _> =
        names.iter().filter_map(|&name| Some((name.to_owned(), text::bounded(arguments.get(name)?)))).collect();
    (!chosen.is_empty()).then(|| Value::Object(chosen).to_string())
}

/// One event. Tokens are no part of it.
struct Decision<'a> {
    asked: Asked<'a>,
    caller: Option<&'a Caller>,
    tool: Option<&'a str>,
    outcome: &'static str,
    required: &'a [&'static str],
    missing: &'a [&'static str],
    tools: Option<u64>,
    arguments: Option<&'a str>,
}

impl<'a> Decision<'a> {
    fn new(asked: Asked<'a>, outcome: &'static str) -> Self {
        Self { asked, caller: None, tool: None, outcome, required: &[], missing: &[], tools: None, arguments: None }
    }

    fn record(&self) {
        if !tracing::enabled!(target: TARGET, Level::INFO) {
            return;
        }
        let of_caller = |part: fn(&Caller) -> Option<&str>| self.caller.and_then(part).map(text::clean);
        let (user, organization) = (of_caller(Caller::user_id), of_caller(Caller::org_id));
        let (role, client) = (of_caller(Caller::org_role), of_caller(Caller::client_id));
        let request_id = text::request_id(self.asked.id);
        let tool = self.tool.map(text::clean);
        let required = Spaced::of(self.required).map(display);
        let missing = Spaced::of(self.missing).map(display);
        tracing::info!(
            target: TARGET,
            outcome = self.outcome,
            request_id = request_id.as_deref(),
            trace_id = self.asked.traceparent.and_then(text::trace_id),
            user = user.as_deref(),
            organization = organization.as_deref(),
            role = role.as_deref(),
            client = client.as_deref(),
            tool = tool.as_deref(),
            required,
            missing,
            tools = self.tools,
            arguments = self.arguments,
            latency_us = u64::try_from(self.asked.since.elapsed().as_micros()).unwrap_or(u64::MAX),
            "decision"
        );
    }
}

/// Scopes, as OAuth writes them.
struct Spaced<'a>(&'a [&'static str]);

impl<'a> Spaced<'a> {
    fn of(scopes: &'a [&'static str]) -> Option<Self> {
        (!scopes.is_empty()).then_some(Self(scopes))
    }
}

impl fmt::Display for Spaced<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, scope) in self.0.iter().enumerate() {
            let space = if i == 0 { "" } else { " " };
            write!(f, "{space}{scope}")?;
        }
        Ok(())
    }
}
