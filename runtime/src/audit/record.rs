//! One record of the audit log, as a `tracing` event.

use std::{borrow::Cow, sync::LazyLock, time::Instant};

use http::{HeaderMap, HeaderName};
use memchr::memmem::Finder;
use tracing::Level;

use super::{TARGET, reason::RequiredBy, sanitize};
use crate::{auth::Caller, operation_kind::OperationKind};

/// Header of a W3C trace context, and its member in `_meta`.
pub(crate) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Returns whether `_meta` can have a trace context. Most requests have none, and this takes less than parsing `_meta`.
pub(crate) fn mentions_trace(meta: &str) -> bool {
    static TEXT: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("traceparent"));
    TEXT.find(meta.as_bytes()).is_some()
}

/// Maximum length of the caller's scopes in a record, in bytes.
const MAX_GRANTED: usize = 4 * 1024;
/// Size of the scopes of most callers, in bytes.
const GRANTED_BYTES: usize = 512;

/// Identification of the request that a decision is about, as far as it has been read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RequestInfo<'a> {
    /// JSON-RPC id, as JSON or as plain text; empty while the body has not been read.
    pub(crate) id: &'a str,
    pub(crate) trace_id: Option<TraceId>,
    pub(crate) received_at: Instant,
}

impl RequestInfo<'_> {
    /// Information that the headers of a new request give.
    pub(crate) fn from_headers(headers: &HeaderMap) -> Self {
        let trace_id = headers.get(TRACEPARENT).and_then(|value| TraceId::parse(value.to_str().ok()?));
        Self { id: "", trace_id, received_at: Instant::now() }
    }

    /// Returns the id as plain text for a log; `None` if the request has none.
    pub(crate) fn sanitized_id(&self) -> Option<Cow<'_, str>> {
        sanitize::request_id(self.id)
    }
}

/// Trace id of a W3C trace context: 32 lowercase hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TraceId([u8; 32]);

impl TraceId {
    /// Reads a `traceparent` value (Trace Context, section 3.2).
    pub(crate) fn parse(traceparent: &str) -> Option<Self> {
        sanitize::trace_id(traceparent)?.as_bytes().try_into().ok().map(Self)
    }

    /// Creates a trace id from 32 lowercase hexadecimal digits.
    #[cfg(feature = "otel")]
    pub(crate) fn from_digits(digits: [u8; 32]) -> Option<Self> {
        digits.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')).then_some(Self(digits))
    }

    pub(crate) fn as_str(&self) -> &str {
        str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// One event of the audit log. It never holds a token.
pub(super) struct AuditRecord<'a> {
    pub(super) request: RequestInfo<'a>,
    pub(super) caller: Option<&'a Caller>,
    pub(super) policy: Option<&'a str>,
    /// The operation, named as it was declared or, if it does not exist, as the request has it.
    pub(super) operation: Option<(OperationKind, &'a str)>,
    /// Method and path of a request to a route of an app.
    pub(super) route: Option<&'a str>,
    /// URI of a resource that matches a template.
    pub(super) uri: Option<&'a str>,
    pub(super) outcome: &'static str,
    pub(super) required: &'a [&'static str],
    pub(super) missing: &'a [&'static str],
    pub(super) required_by: Option<RequiredBy>,
    pub(super) list: Option<&'static str>,
    /// Number of listed operations.
    pub(super) items: Option<u64>,
    pub(super) arguments: Option<&'a str>,
    pub(super) reference: Option<&'a str>,
    /// Reference of the approval that the record is about, or that the call needed or used.
    pub(super) approval: Option<&'a str>,
    /// Name of a task, which does not show its ID.
    pub(super) task: Option<&'a str>,
    /// Name of the limit that the request was beyond.
    pub(super) limit: Option<&'static str>,
    /// Number of decisions, if it is not one.
    pub(super) count: Option<u64>,
}

impl<'a> AuditRecord<'a> {
    pub(super) fn new(request: RequestInfo<'a>, outcome: &'static str) -> Self {
        Self {
            request,
            caller: None,
            policy: None,
            operation: None,
            route: None,
            uri: None,
            outcome,
            required: &[],
            missing: &[],
            required_by: None,
            list: None,
            items: None,
            arguments: None,
            reference: None,
            approval: None,
            task: None,
            limit: None,
            count: None,
        }
    }

    /// Creates one record of decisions that have no record of their own.
    pub(super) fn counted(outcome: &'static str, count: u64) -> Self {
        let request = RequestInfo { id: "", trace_id: None, received_at: Instant::now() };
        Self { count: Some(count), ..Self::new(request, outcome) }
    }

    pub(super) fn emit(&self) {
        if !tracing::enabled!(target: TARGET, Level::INFO) {
            return;
        }
        let caller = |field: fn(&Caller) -> Option<&str>| self.caller.and_then(field).map(sanitize::text);
        let (user, organization) = (caller(Caller::user_id), caller(Caller::org_id));
        let (role, client) = (caller(Caller::org_role), caller(Caller::client_id));
        let request_id = self.request.sanitized_id();
        let operation = self.operation.map(|(kind, name)| (kind, sanitize::text(name)));
        let name = |of: OperationKind| operation.as_ref().filter(|(kind, _)| *kind == of).map(|(_, name)| &**name);
        let (uri, route) = (self.uri.map(sanitize::text), self.route.map(sanitize::text));
        let granted = self.caller.map(granted);
        let (granted, granted_omitted) = match &granted {
            Some(GrantedScopes::Recorded(scopes)) => (Some(scopes.as_str()), None),
            Some(GrantedScopes::Omitted(count)) => (None, Some(*count)),
            None => (None, None),
        };
        let required = space_separated(self.required);
        let missing = space_separated(self.missing);
        let latency = self.count.is_none().then(|| self.request.received_at.elapsed().as_micros());
        tracing::info!(
            target: TARGET,
            outcome = self.outcome,
            request_id = request_id.as_deref(),
            trace_id = self.request.trace_id.as_ref().map(TraceId::as_str),
            user = user.as_deref(),
            organization = organization.as_deref(),
            role = role.as_deref(),
            client = client.as_deref(),
            granted,
            granted_omitted,
            policy = self.policy,
            tool = name(OperationKind::Tool),
            prompt = name(OperationKind::Prompt),
            resource = name(OperationKind::Resource),
            uri = uri.as_deref(),
            route = route.as_deref(),
            required = required.as_deref(),
            missing = missing.as_deref(),
            required_by = self.required_by.map(RequiredBy::name),
            list = self.list,
            items = self.items,
            arguments = self.arguments,
            reference = self.reference,
            approval = self.approval,
            task = self.task,
            limit = self.limit,
            count = self.count,
            latency_us = latency.map(|micros| u64::try_from(micros).unwrap_or(u64::MAX)),
            "decision"
        );
    }
}

/// How the scopes of a caller are recorded.
enum GrantedScopes {
    /// In the form of RFC 6749, section 3.3.
    Recorded(String),
    /// As their number, because the text is too long.
    Omitted(u64),
}

fn granted(caller: &Caller) -> GrantedScopes {
    let mut text = String::with_capacity(GRANTED_BYTES);
    for scope in caller.scopes() {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(scope);
        if text.len() > MAX_GRANTED {
            return GrantedScopes::Omitted(caller.scopes().count() as u64);
        }
    }
    GrantedScopes::Recorded(text)
}

/// Formats scopes as RFC 6749, section 3.3. `None` if there are none.
fn space_separated(scopes: &[&'static str]) -> Option<Cow<'static, str>> {
    match scopes {
        [] => None,
        [scope] => Some(Cow::Borrowed(scope)),
        scopes => Some(Cow::Owned(scopes.join(" "))),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        auth::Claims,
        scope::{ScopeIndex, Scopes},
    };

    #[test]
    fn the_text_of_granted_scopes_is_bounded() {
        let name = |i: usize| -> &'static str { format!("scope:{i:0>58}").leak() };
        let names: &'static [&'static str; 64] = Box::leak(Box::new(std::array::from_fn(name)));
        let index = Arc::new(ScopeIndex::new([&*Box::leak(Box::new(Scopes::new(names)))]));
        let caller =
            |count: usize| Caller::new(&Claims::new().scopes(names[..count].iter().copied()), Arc::clone(&index));
        assert!(matches!(granted(&caller(0)), GrantedScopes::Recorded(text) if text.is_empty()));
        assert!(matches!(granted(&caller(63)), GrantedScopes::Recorded(text) if text == names[..63].join(" ")));
        // 64 scopes of 64 bytes and 63 spaces.
        assert!(matches!(granted(&caller(64)), GrantedScopes::Omitted(64)));
    }
}
