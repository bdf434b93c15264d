//! Why the gate decided as it did: a closed set.

use crate::metrics::Label;

/// Why a request was let through or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// The caller may call the tool.
    Allowed,
    /// The caller was told which tools there are.
    Listed,
    /// The host or the origin is not one of this server's.
    ForeignOrigin,
    /// As many requests as there may be are under way.
    TooManyRequests,
    /// As many of this caller are.
    TooManyRequestsOfCaller,
    /// There is no token.
    MissingToken,
    /// What should be a token is none.
    MalformedToken,
    /// The token is not active, or not for this server.
    InvalidToken,
    /// The token cannot be checked.
    TokensUnavailable,
    /// The body is too large, took too long, or broke off.
    UnreadableBody,
    /// The body is no message.
    MalformedMessage,
    /// What a client brought back between rounds is not what this server gave it.
    InvalidRequestState,
    /// The token has too few scopes.
    InsufficientScope,
    /// There is no such tool.
    UnknownTool,
    /// There is one, but not for this caller.
    Hidden,
    /// A guard said no.
    Denied,
}

impl Label for Reason {
    const COUNT: usize = Reason::Denied as usize + 1;

    fn index(self) -> usize {
        self as usize
    }

    fn name(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Listed => "listed",
            Self::ForeignOrigin => "foreign_origin",
            Self::TooManyRequests => "too_many_requests",
            Self::TooManyRequestsOfCaller => "too_many_requests_of_caller",
            Self::MissingToken => "missing_token",
            Self::MalformedToken => "malformed_token",
            Self::InvalidToken => "invalid_token",
            Self::TokensUnavailable => "tokens_unavailable",
            Self::UnreadableBody => "unreadable_body",
            Self::MalformedMessage => "malformed_message",
            Self::InvalidRequestState => "invalid_request_state",
            Self::InsufficientScope => "insufficient_scope",
            Self::UnknownTool => "unknown_tool",
            Self::Hidden => "hidden",
            Self::Denied => "denied",
        }
    }
}
