//! Labels of the audit log and of the metrics: why the gate decided as it did, and how a call ended.

use crate::{metrics::Label, operation_kind::OperationKind, traces::Ending};

/// Codes of JSON-RPC errors, for traces.
const INSUFFICIENT_SCOPE: i32 = -32010;
const RATE_LIMITED: i32 = -32011;
const INTERNAL_ERROR: i32 = -32603;
const INVALID_PARAMS: i32 = -32602;

/// Reason for a decision; the label `reason` of `toolgate_decisions_total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// The caller was authorized and the operation ran.
    Allowed,
    /// The caller received a list.
    Listed,
    /// `Host` or `Origin` does not belong to this server.
    ForeignOrigin,
    /// The server-wide in-flight limit is reached.
    TooManyRequests,
    /// The caller's in-flight limit is reached.
    TooManyRequestsFromCaller,
    /// The request is beyond a rate.
    RateLimited,
    /// Too many tokens that were not valid before are being validated.
    TooManyUnknownTokens,
    /// The bodies of requests in flight take as much memory as they may.
    TooMuchBodyMemory,
    /// The limit of the server on open streams is reached.
    TooManyStreams,
    /// The caller's limit on open streams is reached.
    TooManyStreamsFromCaller,
    /// The limit of the server on sessions is reached.
    TooManySessions,
    /// All sessions that the caller may have are in use.
    TooManySessionsFromCaller,
    /// The session does not exist, has ended, or belongs to another caller.
    UnknownSession,
    /// The request has no bearer token.
    MissingToken,
    /// The `Authorization` header is malformed.
    MalformedToken,
    /// The token is inactive, expired, or issued for another resource.
    InvalidToken,
    /// The token could not be validated.
    TokensUnavailable,
    /// The audit log cannot be written.
    AuditUnavailable,
    /// The body is too large, too slow, or incomplete.
    UnreadableBody,
    /// The body is not a valid JSON-RPC or MCP message.
    MalformedMessage,
    /// The method, a media type, a content coding or the revision of the request is not supported.
    UnsupportedRequest,
    /// The cursor does not continue a list of this caller.
    InvalidCursor,
    /// `requestState` was not issued by this server for this call, or it has expired.
    InvalidRequestState,
    /// The token lacks a scope.
    InsufficientScope,
    /// No operation has this name.
    Unknown,
    /// The operation is hidden from this caller.
    Hidden,
    /// A guard denied the call.
    Denied,
    /// No task of this caller has the ID.
    UnknownTask,
}

impl Reason {
    #[cfg(any(test, feature = "console"))]
    pub(super) const ALL: [Self; Self::COUNT] = [
        Self::Allowed,
        Self::Listed,
        Self::ForeignOrigin,
        Self::TooManyRequests,
        Self::TooManyRequestsFromCaller,
        Self::RateLimited,
        Self::TooManyUnknownTokens,
        Self::TooMuchBodyMemory,
        Self::TooManyStreams,
        Self::TooManyStreamsFromCaller,
        Self::TooManySessions,
        Self::TooManySessionsFromCaller,
        Self::UnknownSession,
        Self::MissingToken,
        Self::MalformedToken,
        Self::InvalidToken,
        Self::TokensUnavailable,
        Self::AuditUnavailable,
        Self::UnreadableBody,
        Self::MalformedMessage,
        Self::UnsupportedRequest,
        Self::InvalidCursor,
        Self::InvalidRequestState,
        Self::InsufficientScope,
        Self::Unknown,
        Self::Hidden,
        Self::Denied,
        Self::UnknownTask,
    ];

    /// Whether the decision is written to the audit log. A client without a token can cause any number of 429 responses,
    /// so those are counted only.
    pub(crate) fn is_logged(self) -> bool {
        !matches!(self, Self::TooManyRequests | Self::TooManyUnknownTokens)
    }

    /// Returns how a message ended that this decision was about.
    pub(super) fn ending(self) -> Ending {
        // Errors of the client, such as a malformed message, are no errors of the server.
        let is_error = match self {
            Self::TooManyRequests
            | Self::TooManyRequestsFromCaller
            | Self::RateLimited
            | Self::TooManyUnknownTokens
            | Self::TooMuchBodyMemory
            | Self::TooManyStreams
            | Self::TooManyStreamsFromCaller
            | Self::TooManySessions
            | Self::TooManySessionsFromCaller
            | Self::TokensUnavailable
            | Self::AuditUnavailable
            | Self::InsufficientScope => true,
            Self::Allowed
            | Self::Listed
            | Self::ForeignOrigin
            | Self::UnknownSession
            | Self::MissingToken
            | Self::MalformedToken
            | Self::InvalidToken
            | Self::UnreadableBody
            | Self::MalformedMessage
            | Self::UnsupportedRequest
            | Self::InvalidCursor
            | Self::InvalidRequestState
            | Self::Unknown
            | Self::Hidden
            | Self::Denied
            | Self::UnknownTask => false,
        };
        let code = match self {
            Self::InsufficientScope => Some(INSUFFICIENT_SCOPE),
            Self::RateLimited => Some(RATE_LIMITED),
            _ => None,
        };
        Ending { outcome: self.name(), error: is_error.then_some(self.name()), code }
    }
}

impl Label for Reason {
    const COUNT: usize = Reason::UnknownTask as usize + 1;

    fn index(self) -> usize {
        self as usize
    }

    fn name(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Listed => "listed",
            Self::ForeignOrigin => "foreign_origin",
            Self::TooManyRequests => "too_many_requests",
            Self::TooManyRequestsFromCaller => "too_many_requests_from_caller",
            Self::RateLimited => "rate_limited",
            Self::TooManyUnknownTokens => "too_many_unknown_tokens",
            Self::TooMuchBodyMemory => "too_much_body_memory",
            Self::TooManyStreams => "too_many_streams",
            Self::TooManyStreamsFromCaller => "too_many_streams_from_caller",
            Self::TooManySessions => "too_many_sessions",
            Self::TooManySessionsFromCaller => "too_many_sessions_from_caller",
            Self::UnknownSession => "unknown_session",
            Self::MissingToken => "missing_token",
            Self::MalformedToken => "malformed_token",
            Self::InvalidToken => "invalid_token",
            Self::TokensUnavailable => "tokens_unavailable",
            Self::AuditUnavailable => "audit_log_unavailable",
            Self::UnreadableBody => "unreadable_body",
            Self::MalformedMessage => "malformed_message",
            Self::UnsupportedRequest => "unsupported_request",
            Self::InvalidCursor => "invalid_cursor",
            Self::InvalidRequestState => "invalid_request_state",
            Self::InsufficientScope => "insufficient_scope",
            Self::Unknown => "unknown",
            Self::Hidden => "hidden",
            Self::Denied => "denied",
            Self::UnknownTask => "unknown_task",
        }
    }
}

/// What required the scopes that a token lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RequiredBy {
    /// The operation, for all calls.
    Operation,
    /// A condition of the operation on the arguments of the call.
    Arguments,
    /// The body of the operation.
    Body,
}

impl RequiredBy {
    const ALL: [Self; 3] = [Self::Operation, Self::Arguments, Self::Body];

    /// Reads a [`name`](Self::name).
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|required_by| required_by.name() == name)
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Operation => "operation",
            Self::Arguments => "arguments",
            Self::Body => "body",
        }
    }
}

/// How a call of a tool, or a request for a prompt or a resource, ended; the label `outcome` of the metrics of operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CallOutcome {
    /// The body returned a result.
    Completed,
    /// The body returned an error that the caller sees.
    Failed,
    /// The body asked the client for input.
    InputRequired,
    /// A person has to approve the call, and has not yet.
    ApprovalRequired,
    /// The person did not approve the call.
    NotApproved,
    /// The body returned an error that is masked.
    Masked,
    /// The body panicked.
    Panicked,
    /// The call exceeded its time limit.
    TimedOut,
    /// The client disconnected or cancelled the request.
    Cancelled,
    /// The arguments violate the input schema.
    InvalidArguments,
    /// A guard denied the call.
    Denied,
    /// The token lacks a scope.
    InsufficientScope,
    /// The operation's concurrency limit is reached.
    Busy,
    /// The result exceeds `max_result_bytes`.
    ResultTooLarge,
    /// The operation is hidden from this caller.
    Hidden,
    /// No operation has this name.
    Unknown,
    /// The call continues as a task.
    TaskCreated,
    /// The caller is notified of changes of the resource from now on.
    Subscribed,
    /// The call is beyond a rate of the operation.
    RateLimited,
}

impl CallOutcome {
    pub(super) const ALL: [Self; Self::COUNT] = [
        Self::Completed,
        Self::Failed,
        Self::InputRequired,
        Self::ApprovalRequired,
        Self::NotApproved,
        Self::Masked,
        Self::Panicked,
        Self::TimedOut,
        Self::Cancelled,
        Self::InvalidArguments,
        Self::Denied,
        Self::InsufficientScope,
        Self::Busy,
        Self::ResultTooLarge,
        Self::Hidden,
        Self::Unknown,
        Self::TaskCreated,
        Self::Subscribed,
        Self::RateLimited,
    ];

    /// Reads a [`name`](Label::name).
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.name() == name)
    }

    /// Returns how the message of a call ended, as the conventions of OpenTelemetry name it. The codes `-32602` and
    /// `-32002` are errors of the client, and not of the server.
    pub(crate) fn ending(self, kind: OperationKind) -> Ending {
        let (error, code) = match self {
            Self::Completed | Self::InputRequired | Self::ApprovalRequired | Self::TaskCreated | Self::Subscribed => {
                (None, None)
            }
            Self::InsufficientScope => (Some(self.name()), Some(INSUFFICIENT_SCOPE)),
            Self::RateLimited => (Some(self.name()), Some(RATE_LIMITED)),
            Self::Hidden | Self::Unknown => (None, Some(INVALID_PARAMS)),
            Self::Cancelled => (Some(self.name()), None),
            _ if kind == OperationKind::Tool => (Some("tool_error"), None),
            Self::InvalidArguments => (None, Some(INVALID_PARAMS)),
            _ => (Some(self.name()), Some(INTERNAL_ERROR)),
        };
        Ending { outcome: self.name(), error, code }
    }

    /// Reason under which the decision about this call is counted.
    pub(crate) fn reason(self) -> Reason {
        match self {
            Self::Hidden => Reason::Hidden,
            Self::Unknown => Reason::Unknown,
            Self::InsufficientScope => Reason::InsufficientScope,
            Self::Denied | Self::NotApproved => Reason::Denied,
            Self::RateLimited => Reason::RateLimited,
            Self::Completed
            | Self::Failed
            | Self::InputRequired
            | Self::ApprovalRequired
            | Self::Masked
            | Self::Panicked
            | Self::TimedOut
            | Self::Cancelled
            | Self::InvalidArguments
            | Self::Busy
            | Self::ResultTooLarge
            | Self::TaskCreated
            | Self::Subscribed => Reason::Allowed,
        }
    }
}

impl Label for CallOutcome {
    const COUNT: usize = CallOutcome::RateLimited as usize + 1;

    fn index(self) -> usize {
        self as usize
    }

    fn name(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::InputRequired => "input_required",
            Self::ApprovalRequired => "approval_required",
            Self::NotApproved => "not_approved",
            Self::Masked => "internal_error",
            Self::Panicked => "panicked",
            Self::TimedOut => "timed_out",
            Self::Cancelled => "cancelled",
            Self::InvalidArguments => "invalid_arguments",
            Self::Denied => "denied",
            Self::InsufficientScope => "insufficient_scope",
            Self::Busy => "busy",
            Self::ResultTooLarge => "result_too_large",
            Self::Hidden => "hidden",
            Self::Unknown => "unknown",
            Self::TaskCreated => "task_created",
            Self::Subscribed => "subscribed",
            Self::RateLimited => "rate_limited",
        }
    }
}

/// Event on the page of an approval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ApprovalEvent {
    /// The person approved the call.
    Given,
    /// The person declined the call.
    Declined,
    /// A person for whom the call does not act logged in on the page.
    Rejected,
}

impl ApprovalEvent {
    const ALL: [Self; 3] = [Self::Given, Self::Declined, Self::Rejected];

    /// Reads a [`name`](Self::name).
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|event| event.name() == name)
    }

    /// Returns the `outcome` of the record.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Given => "approval_given",
            Self::Declined => "approval_declined",
            Self::Rejected => "approval_rejected",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{DECISIONS, DEFINITIONS};

    #[test]
    fn the_definitions_of_the_metrics_have_every_value_of_their_labels() {
        assert_eq!(Reason::ALL.map(Label::name), *DECISIONS.labels[0].values);
        let counted = CallOutcome::ALL.into_iter().filter(|outcome| {
            // The end of a task has an outcome, and a subscription is not a call.
            !matches!(outcome, CallOutcome::TaskCreated | CallOutcome::Subscribed)
        });
        let counted: Vec<_> = counted.map(Label::name).collect();
        let labels = DEFINITIONS.iter().flat_map(|metric| metric.labels);
        let outcomes: Vec<_> =
            labels.filter(|label| label.name == "outcome" && label.values.contains(&"completed")).collect();
        assert_eq!(outcomes.len(), 3);
        assert!(outcomes.iter().all(|label| label.values == counted));
    }

    #[test]
    fn every_outcome_can_be_read() {
        for (i, outcome) in CallOutcome::ALL.into_iter().enumerate() {
            assert_eq!((outcome.index(), CallOutcome::from_name(outcome.name())), (i, Some(outcome)));
        }
        for (i, reason) in Reason::ALL.into_iter().enumerate() {
            assert_eq!(reason.index(), i);
        }
        for event in ApprovalEvent::ALL {
            assert_eq!(ApprovalEvent::from_name(event.name()), Some(event));
        }
        for required_by in RequiredBy::ALL {
            assert_eq!(RequiredBy::from_name(required_by.name()), Some(required_by));
        }
    }
}
