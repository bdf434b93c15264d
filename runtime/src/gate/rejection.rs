//! Rejections: every reason to reject a request at the gate, and the response for each.

use std::time::Duration;

use axum::{Json, body::Body, response::IntoResponse};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, Uri, header};
use serde::Serialize;
use thiserror::Error;

use super::{
    challenge::Challenge,
    host_names::HostNames,
    json_bounds::JsonBoundsError,
    jsonrpc::{self, INVALID_PARAMS, INVALID_REQUEST, InvalidParams, MalformedMessage},
    origin::OriginError,
};
use crate::{
    audit::{MAX_TEXT, Reason},
    auth::{CredentialsError, Unavailable, ValidationError},
    log_limit::LogLimit,
    mcp::{self, INSUFFICIENT_SCOPE, UNSUPPORTED_REVISION},
    metrics::Label as _,
    rate::Rate,
    rates::RateLimited,
    resource::MAX_URI_BYTES,
    scope::MissingScopes,
};

/// JSON-RPC error code for a request beyond a rate.
pub(crate) const RATE_LIMITED: i32 = -32011;

/// `Retry-After` of a 503 response if the validator gives none.
const DEFAULT_RETRY_AFTER: Duration = Duration::from_secs(5);

/// Rejection of a request at the gate. The text is the description in the response.
#[derive(Debug, Error)]
pub(crate) enum Rejection {
    /// 403: `Host` or `Origin` does not belong to this server.
    #[error(transparent)]
    Origin(#[from] OriginError),
    /// 429: the server-wide in-flight limit is reached.
    #[error("too many requests are in flight; try again in a moment")]
    TooManyRequests,
    /// 429: the caller's in-flight limit is reached.
    #[error("too many requests are in flight; try again in a moment")]
    TooManyRequestsFromCaller,
    /// 429: too many tokens that were not valid before are being validated.
    #[error("too many tokens are being validated; try again in a moment")]
    TooManyUnknownTokens,
    /// 429: the request is beyond a rate.
    #[error(transparent)]
    RateLimited(Box<RateLimited>),
    /// 429: the bodies of requests in flight take as much memory as they may.
    #[error("too many large requests are in flight; try again in a moment")]
    TooMuchBodyMemory,
    /// 429: the limit of the server on open streams is reached.
    #[error("too many streams are open; try again in a moment")]
    TooManyStreams,
    /// 429: the caller's limit on open streams is reached.
    #[error("you have too many streams open; close one before you open another")]
    TooManyStreamsFromCaller,
    /// 401 without credentials, 400 with malformed ones (RFC 6750, section 3.1).
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// 401: the token is inactive, expired, or issued for another resource. One text for all three.
    #[error("the token is invalid, expired, or not meant for this server")]
    InvalidToken,
    /// 503: the token cannot be validated. Never 401, because clients discard a token then.
    #[error("this server cannot validate tokens at the moment; the token was not rejected, try again later")]
    TokensUnavailable(Unavailable),
    /// 503: the audit log cannot be written, and no call runs without its record.
    #[error("this server cannot record calls at the moment and therefore runs none; try again later")]
    AuditUnavailable,
    /// 413: the body is larger than the limit, in bytes.
    #[error("the request body is larger than {limit} bytes")]
    BodyTooLarge { limit: usize },
    /// 413: the message is larger than the limit, in bytes, without the arguments and the input of a call.
    #[error("the message is larger than {limit} bytes without the arguments and the input of a call")]
    MessageTooLarge { limit: usize },
    /// 408: the body did not arrive within the time limit.
    #[error("the request body took too long to arrive")]
    BodyTimeout,
    /// 400: the connection ended before the body was complete.
    #[error("the request body ended before it was complete")]
    IncompleteBody,
    /// 400: the body is not a JSON-RPC message.
    #[error(transparent)]
    MalformedMessage(#[from] MalformedMessage),
    /// 400: the body has too many JSON values, or it is nested too deeply.
    #[error(transparent)]
    JsonBounds(#[from] JsonBoundsError),
    /// 400: a header that is passed on to rmcp is too long.
    #[error("the header `{0}` is too long: send at most {MAX_TEXT} bytes, or {MAX_URI_BYTES} in `mcp-name`")]
    HeaderTooLong(&'static str),
    /// 400: the parameters of a call have the wrong shape, or a parameter must not reach a log.
    #[error(transparent)]
    InvalidParams(#[from] InvalidParams),
    /// 400: the body is a JSON-RPC message that MCP does not define.
    #[error("the body is not a valid MCP message")]
    UnknownMessage,
    /// 405: the endpoint does not have this method.
    #[error("the MCP endpoint takes only {allowed} requests")]
    MethodNotAllowed { allowed: &'static str },
    /// 400: GET and DELETE belong to a session.
    #[error("this request belongs to a session: send the `Mcp-Session-Id` of the response to `initialize`")]
    MissingSession,
    /// 404: there is no session with this ID, it has ended, or it belongs to another caller.
    #[error("there is no session with this `Mcp-Session-Id`: send `initialize` without it to open one")]
    UnknownSession,
    /// 429: the server has as many sessions as it may have.
    #[error("too many sessions are open; try again later")]
    TooManySessions,
    /// 429: all sessions of the caller are in use.
    #[error("you have too many sessions in use; end one before you open another")]
    TooManySessionsFromCaller,
    /// 415: the body is not JSON.
    #[error("the body must be JSON, with `Content-Type: application/json`")]
    UnsupportedMediaType,
    /// 415: the body has a content coding (RFC 9110, section 8.4).
    #[error("the body must have no content coding: send it without `Content-Encoding`")]
    UnsupportedContentCoding,
    /// 406: the client does not accept JSON.
    #[error("responses are JSON: `Accept` must allow `application/json`")]
    NotAcceptable,
    /// 406: the response is a stream, which the client does not accept.
    #[error("the response to this request is a stream: `Accept` must allow `text/event-stream`")]
    StreamNotAccepted,
    /// 400: this server does not support the revision in `MCP-Protocol-Version`.
    #[error(
        "`MCP-Protocol-Version` names a revision that this server does not support; `data.supported` lists those that it does"
    )]
    UnsupportedRevision,
    /// 4xx: rmcp's transport rejected the request without a JSON-RPC error.
    #[error("the request does not follow the Streamable HTTP transport of MCP")]
    Transport(StatusCode),
    /// 403: the token lacks a scope. The response is the step-up challenge.
    #[error("{needed}")]
    InsufficientScope {
        scopes: MissingScopes,
        /// The operation and its scopes, as a sentence.
        needed: String,
    },
}

impl From<Box<RateLimited>> for Rejection {
    fn from(limited: Box<RateLimited>) -> Self {
        Self::RateLimited(limited)
    }
}

impl From<ValidationError> for Rejection {
    fn from(error: ValidationError) -> Self {
        match error {
            ValidationError::Inactive(_) => Self::InvalidToken,
            ValidationError::Unavailable(unavailable) => Self::TokensUnavailable(unavailable),
        }
    }
}

impl Rejection {
    /// Status of the response.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Origin(_) | Self::InsufficientScope { .. } => StatusCode::FORBIDDEN,
            Self::TooManyRequests
            | Self::TooManyRequestsFromCaller
            | Self::RateLimited(_)
            | Self::TooManyUnknownTokens
            | Self::TooMuchBodyMemory
            | Self::TooManyStreams
            | Self::TooManyStreamsFromCaller
            | Self::TooManySessions
            | Self::TooManySessionsFromCaller => StatusCode::TOO_MANY_REQUESTS,
            Self::Credentials(CredentialsError::Missing) | Self::InvalidToken => StatusCode::UNAUTHORIZED,
            Self::TokensUnavailable(_) | Self::AuditUnavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::BodyTooLarge { .. } | Self::MessageTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::BodyTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::MethodNotAllowed { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::UnknownSession => StatusCode::NOT_FOUND,
            Self::UnsupportedMediaType | Self::UnsupportedContentCoding => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::NotAcceptable | Self::StreamNotAccepted => StatusCode::NOT_ACCEPTABLE,
            Self::Transport(status) => *status,
            Self::Credentials(_)
            | Self::IncompleteBody
            | Self::MalformedMessage(_)
            | Self::JsonBounds(_)
            | Self::HeaderTooLong(_)
            | Self::InvalidParams(_)
            | Self::UnsupportedRevision
            | Self::MissingSession
            | Self::UnknownMessage => StatusCode::BAD_REQUEST,
        }
    }

    /// Reason in the audit log and in the metrics.
    pub(crate) fn reason(&self) -> Reason {
        match self {
            Self::Origin(_) => Reason::ForeignOrigin,
            Self::TooManyRequests => Reason::TooManyRequests,
            Self::TooManyRequestsFromCaller => Reason::TooManyRequestsFromCaller,
            Self::RateLimited(_) => Reason::RateLimited,
            Self::TooManyUnknownTokens => Reason::TooManyUnknownTokens,
            Self::TooMuchBodyMemory => Reason::TooMuchBodyMemory,
            Self::TooManyStreams => Reason::TooManyStreams,
            Self::TooManyStreamsFromCaller => Reason::TooManyStreamsFromCaller,
            Self::Credentials(CredentialsError::Missing) => Reason::MissingToken,
            Self::Credentials(_) => Reason::MalformedToken,
            Self::InvalidToken => Reason::InvalidToken,
            Self::TokensUnavailable(_) => Reason::TokensUnavailable,
            Self::AuditUnavailable => Reason::AuditUnavailable,
            Self::BodyTooLarge { .. } | Self::MessageTooLarge { .. } | Self::BodyTimeout | Self::IncompleteBody => {
                Reason::UnreadableBody
            }
            Self::MalformedMessage(_)
            | Self::JsonBounds(_)
            | Self::HeaderTooLong(_)
            | Self::InvalidParams(_)
            | Self::Transport(_)
            | Self::UnknownMessage => Reason::MalformedMessage,
            Self::MethodNotAllowed { .. }
            | Self::MissingSession
            | Self::UnsupportedMediaType
            | Self::UnsupportedContentCoding
            | Self::NotAcceptable
            | Self::StreamNotAccepted
            | Self::UnsupportedRevision => Reason::UnsupportedRequest,
            Self::UnknownSession => Reason::UnknownSession,
            Self::TooManySessions => Reason::TooManySessions,
            Self::TooManySessionsFromCaller => Reason::TooManySessionsFromCaller,
            Self::InsufficientScope { .. } => Reason::InsufficientScope,
        }
    }
}

/// Logs the causes of rejections that an operator may have to act on. Any client can cause them, so each is limited.
#[derive(Debug, Default)]
pub(crate) struct RejectionLog {
    malformed_host: LogLimit,
    foreign_host: LogLimit,
    foreign_origin: LogLimit,
    tokens_unavailable: LogLimit,
}

impl RejectionLog {
    pub(crate) fn log(&self, rejection: &Rejection) {
        match rejection {
            Rejection::Origin(error @ OriginError::MalformedHost) => self.malformed_host.log(|suppressed| {
                tracing::warn!(reason = %error, suppressed, "rejected a request");
            }),
            Rejection::Origin(error @ OriginError::ForeignHost(host)) => self.foreign_host.log(|suppressed| {
                tracing::warn!(host, reason = %error, suppressed, "rejected a request");
            }),
            Rejection::Origin(error @ OriginError::ForeignOrigin(origin)) => self.foreign_origin.log(|suppressed| {
                tracing::warn!(origin, reason = %error, suppressed, "rejected a request");
            }),
            Rejection::TokensUnavailable(unavailable) => self.tokens_unavailable.log(|suppressed| {
                tracing::error!(reason = %unavailable, suppressed, "a token could not be validated");
            }),
            _ => {}
        }
    }
}

/// Creates the response for each rejection of one server.
#[derive(Debug)]
pub(crate) struct RejectionResponder {
    /// Beginning of every challenge, for each of the server's names.
    challenges: Vec<Challenge>,
    names: HostNames,
    /// Scopes in the challenge for a client without a token, separated by spaces.
    initial_scopes: String,
}

impl RejectionResponder {
    /// `resource_metadata` are the URLs of the protected resource metadata (RFC 9728), one for each of `names`, and at least
    /// one.
    pub(crate) fn new(resource_metadata: &[String], initial_scopes: &[&'static str], names: HostNames) -> Self {
        let challenges = resource_metadata.iter().map(|url| Challenge::bearer(url)).collect();
        Self { challenges, names, initial_scopes: initial_scopes.join(" ") }
    }

    /// Returns the position of the server's name that a request uses.
    pub(crate) fn host_name(&self, uri: &Uri, headers: &HeaderMap) -> usize {
        self.names.position(uri, headers)
    }

    /// Creates the response for a rejection. `request_id` is the JSON-RPC id as JSON, or empty if it is unknown; `host_name`
    /// is the [name](Self::host_name) that the request uses.
    pub(crate) fn respond(&self, rejection: &Rejection, request_id: &str, host_name: usize) -> Response<Body> {
        let status = rejection.status();
        // A request without a body has no ID either.
        let request_id = if request_id.is_empty() { "null" } else { request_id };
        let challenge = || self.challenges[host_name].clone();
        match rejection {
            Rejection::Origin(_) => oauth_error(status, "forbidden", rejection),
            Rejection::TooManyRequests
            | Rejection::TooManyRequestsFromCaller
            | Rejection::TooManyUnknownTokens
            | Rejection::TooMuchBodyMemory
            | Rejection::TooManyStreams
            | Rejection::TooManyStreamsFromCaller
            | Rejection::TooManySessions
            | Rejection::TooManySessionsFromCaller => {
                let retry_after = HeaderValue::from_static("1");
                with_header(oauth_error(status, "too_many_requests", rejection), header::RETRY_AFTER, retry_after)
            }
            Rejection::RateLimited(limited) => {
                let RateLimited { limit, rate, .. } = **limited;
                let retry_after = limited.retry_after_seconds();
                let data = RateLimitData { limit: limit.name(), rate, retry_after };
                let body = jsonrpc::error_response(request_id, RATE_LIMITED, &limited.to_string(), Some(&data));
                with_header(json(status, body), header::RETRY_AFTER, HeaderValue::from(retry_after))
            }
            Rejection::Credentials(CredentialsError::Missing) => {
                let challenge = challenge().scope(&self.initial_scopes);
                with_challenge(oauth_error(status, "unauthorized", rejection), challenge)
            }
            Rejection::Credentials(_) => {
                let challenge = challenge().error("invalid_request", &rejection.to_string());
                with_challenge(oauth_error(status, "invalid_request", rejection), challenge)
            }
            Rejection::InvalidToken => {
                let challenge = challenge().error("invalid_token", &rejection.to_string());
                with_challenge(oauth_error(status, "invalid_token", rejection), challenge)
            }
            Rejection::TokensUnavailable(unavailable) => {
                let seconds = unavailable.retry_after.unwrap_or(DEFAULT_RETRY_AFTER).as_secs().max(1);
                let response = oauth_error(status, "temporarily_unavailable", rejection);
                with_header(response, header::RETRY_AFTER, HeaderValue::from(seconds))
            }
            Rejection::AuditUnavailable => {
                let retry_after = HeaderValue::from(DEFAULT_RETRY_AFTER.as_secs());
                let response = oauth_error(status, "temporarily_unavailable", rejection);
                with_header(response, header::RETRY_AFTER, retry_after)
            }
            Rejection::BodyTooLarge { .. } | Rejection::MessageTooLarge { .. } => {
                oauth_error(status, "request_too_large", rejection)
            }
            Rejection::BodyTimeout => {
                // The rest of the body may still arrive, so the connection cannot be reused.
                let close = HeaderValue::from_static("close");
                with_header(oauth_error(status, "request_timeout", rejection), header::CONNECTION, close)
            }
            Rejection::IncompleteBody | Rejection::HeaderTooLong(_) => {
                oauth_error(status, "invalid_request", rejection)
            }
            Rejection::MalformedMessage(error) => rpc_error(status, "null", error.code, rejection),
            Rejection::JsonBounds(_) => rpc_error(status, "null", INVALID_REQUEST, rejection),
            Rejection::InvalidParams(_) => rpc_error(status, request_id, INVALID_PARAMS, rejection),
            Rejection::UnknownMessage
            | Rejection::NotAcceptable
            | Rejection::StreamNotAccepted
            | Rejection::MissingSession
            | Rejection::UnknownSession
            | Rejection::Transport(_) => rpc_error(status, request_id, INVALID_REQUEST, rejection),
            Rejection::UnsupportedRevision => {
                let data = SupportedRevisions { supported: &mcp::revisions() };
                let text = rejection.to_string();
                json(status, jsonrpc::error_response(request_id, UNSUPPORTED_REVISION, &text, Some(&data)))
            }
            Rejection::MethodNotAllowed { allowed } => {
                let allow = HeaderValue::from_static(allowed);
                with_header(oauth_error(status, "method_not_allowed", rejection), header::ALLOW, allow)
            }
            Rejection::UnsupportedMediaType => oauth_error(status, "unsupported_media_type", rejection),
            Rejection::UnsupportedContentCoding => {
                // RFC 9110, section 15.5.16.
                let identity = HeaderValue::from_static("identity");
                with_header(
                    oauth_error(status, "unsupported_media_type", rejection),
                    header::ACCEPT_ENCODING,
                    identity,
                )
            }
            Rejection::InsufficientScope { scopes, needed } => self.step_up(scopes, needed, request_id, host_name),
        }
    }

    /// Creates the step-up challenge: 403 with every scope that the call needs (MCP, Scope Challenge), and `needed` as the
    /// sentence about them.
    pub(crate) fn step_up(
        &self,
        scopes: &MissingScopes,
        needed: &str,
        request_id: &str,
        host_name: usize,
    ) -> Response<Body> {
        let required = scopes.required.join(" ");
        let description = ["the request needs the scope ", &required].concat();
        let challenge = self.challenges[host_name].insufficient_scope(&description, &required);
        let body = jsonrpc::error_response(request_id, INSUFFICIENT_SCOPE, needed, Some(scopes));
        with_challenge(json(StatusCode::FORBIDDEN, body), challenge)
    }

    /// Creates the step-up challenge of a route of an app, with the body of an OAuth error.
    pub(crate) fn step_up_of_route(&self, scopes: &MissingScopes, host_name: usize) -> Response<Body> {
        #[derive(Serialize)]
        struct InsufficientScope<'a> {
            error: &'static str,
            error_description: &'a str,
            scope: &'a str,
        }
        let required = scopes.required.join(" ");
        let (error, description) = ("insufficient_scope", ["the request needs the scope ", &required].concat());
        let challenge = self.challenges[host_name].insufficient_scope(&description, &required);
        let body = Json(InsufficientScope { error, error_description: &description, scope: &required });
        let no_store = HeaderValue::from_static("no-store");
        let response = (StatusCode::FORBIDDEN, body).into_response();
        with_challenge(with_header(response, header::CACHE_CONTROL, no_store), challenge)
    }
}

/// Data of the error for a request beyond a rate.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RateLimitData {
    limit: &'static str,
    rate: Rate,
    /// In seconds.
    retry_after: u64,
}

/// Data of the error for an unsupported revision.
#[derive(Serialize)]
struct SupportedRevisions<'a> {
    supported: &'a [&'static str],
}

/// Body with the member names of OAuth errors (RFC 6749, section 5.2).
fn oauth_error(status: StatusCode, code: &'static str, rejection: &Rejection) -> Response<Body> {
    #[derive(Serialize)]
    struct OAuthError {
        error: &'static str,
        error_description: String,
    }
    let body = OAuthError { error: code, error_description: rejection.to_string() };
    with_header((status, Json(body)).into_response(), header::CACHE_CONTROL, HeaderValue::from_static("no-store"))
}

fn rpc_error(status: StatusCode, request_id: &str, code: i32, rejection: &Rejection) -> Response<Body> {
    json(status, jsonrpc::error_response(request_id, code, &rejection.to_string(), None::<&()>))
}

pub(super) fn json(status: StatusCode, body: Vec<u8>) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let response = with_header(response, header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    with_header(response, header::CACHE_CONTROL, HeaderValue::from_static("no-store"))
}

fn with_challenge(response: Response<Body>, challenge: Challenge) -> Response<Body> {
    with_header(response, header::WWW_AUTHENTICATE, challenge.into_header())
}

fn with_header(mut response: Response<Body>, name: HeaderName, value: HeaderValue) -> Response<Body> {
    response.headers_mut().insert(name, value);
    response
}
