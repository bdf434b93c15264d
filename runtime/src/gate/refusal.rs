//! The responses of the gate when it does not let a request through.

use std::time::Duration;

use axum::body::Body;
use http::{HeaderValue, Response, StatusCode, header};
use serde::Serialize;
use serde_json::json;

use super::{
    challenge::Challenge,
    envelope::{Envelope, INVALID_PARAMS, INVALID_REQUEST, Malformed},
};
use crate::{
    auth::{CredentialsError, Unavailable},
    scope::Shortfall,
};

/// JSON-RPC's code for a call that needs more scopes; the HTTP status is 403.
pub(crate) const INSUFFICIENT_SCOPE: i32 = -32010;

/// When to try again, if nobody said.
const DEFAULT_RETRY_AFTER: Duration = Duration::from_secs(5);

/// Makes the refusals of one server.
#[derive(Debug)]
pub(crate) struct Refusals {
    /// What every challenge begins with.
    challenge: Challenge,
    /// What a first connection needs; named in the 401 of a client without a token.
    initial_scopes: Vec<String>,
}

impl Refusals {
    /// `resource_metadata` is where the protected resource metadata is.
    pub(crate) fn new(resource_metadata: &str, initial_scopes: Vec<String>) -> Self {
        Self { challenge: Challenge::bearer(resource_metadata), initial_scopes }
    }

    /// RFC 6750, section 3.1: without credentials no error; with malformed ones 400.
    pub(crate) fn credentials(&self, error: CredentialsError) -> Response<Body> {
        let challenge = self.challenge.clone();
        let text = error.to_string();
        match error {
            CredentialsError::Missing => {
                let challenge = challenge.scope(self.initial_scopes.iter().map(String::as_str));
                challenged(StatusCode::UNAUTHORIZED, challenge, "unauthorized", &text)
            }
            CredentialsError::Doubled | CredentialsError::Malformed | CredentialsError::TooLong => challenged(
                StatusCode::BAD_REQUEST,
                challenge.error("invalid_request", &text),
                "invalid_request",
                &text,
            ),
        }
    }

    /// One wording for every token that is not good, so that nobody learns which it was.
    pub(crate) fn invalid_token(&self) -> Response<Body> {
        let text = "the token is invalid, expired, or not meant for this server";
        let challenge = self.challenge.clone().error("invalid_token", text);
        challenged(StatusCode::UNAUTHORIZED, challenge, "invalid_token", text)
    }

    /// The step-up challenge: every scope that the call needs, in one.
    pub(crate) fn insufficient_scope(&self, shortfall: &Shortfall, request_id: &str) -> Response<Body> {
        let scopes = shortfall.required.join(" ");
        let text = ["the tool needs the scope ", &scopes].concat();
        let challenge = self.challenge.clone().error("insufficient_scope", &text).scope([&*scopes]);
        let mut response =
            rpc_error(StatusCode::FORBIDDEN, request_id, INSUFFICIENT_SCOPE, "insufficient scope", Some(shortfall));
        response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge.into_header());
        response
    }
}

/// Tokens cannot be checked just now. Never 401: clients throw good tokens away on 401.
pub(crate) fn unavailable(unavailable: &Unavailable) -> Response<Body> {
    let after = unavailable.retry_after.unwrap_or(DEFAULT_RETRY_AFTER).as_secs().max(1);
    let mut response = error(
        StatusCode::SERVICE_UNAVAILABLE,
        "temporarily_unavailable",
        "this server cannot check tokens just now; the token was not refused, try again later",
    );
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(after));
    response
}

pub(crate) fn malformed(malformed: &Malformed) -> Response<Body> {
    rpc_error(StatusCode::BAD_REQUEST, "null", malformed.code, &malformed.message, None)
}

/// A call whose parameters are none.
pub(crate) fn bad_call(envelope: &Envelope<'_>, text: &str) -> Response<Body> {
    rpc_error(StatusCode::BAD_REQUEST, envelope.request_id(), INVALID_PARAMS, text, None)
}

/// A body that is JSON and not a message that MCP knows.
pub(crate) fn not_a_message(envelope: &Envelope<'_>) -> Response<Body> {
    let text = "the body is not a valid MCP message";
    rpc_error(StatusCode::BAD_REQUEST, envelope.request_id(), INVALID_REQUEST, text, None)
}

pub(crate) fn too_large(limit: usize) -> Response<Body> {
    let text = format!("the request body is larger than {limit} bytes");
    error(StatusCode::PAYLOAD_TOO_LARGE, "request_too_large", &text)
}

/// The body did not come in time. The rest of it may still come, so the connection cannot be used again.
pub(crate) fn body_timeout() -> Response<Body> {
    let text = "the request body took too long to arrive";
    let mut response = error(StatusCode::REQUEST_TIMEOUT, "request_timeout", text);
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

/// There are as many requests under way as there may be, of this caller or of all.
pub(crate) fn too_many_requests() -> Response<Body> {
    let text = "too many requests are being answered at once; try again in a moment";
    let mut response = error(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", text);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

pub(crate) fn unreadable_body() -> Response<Body> {
    error(StatusCode::BAD_REQUEST, "invalid_request", "the request body ended before it was complete")
}

pub(crate) fn forbidden(text: &str) -> Response<Body> {
    error(StatusCode::FORBIDDEN, "forbidden", text)
}

fn challenged(status: StatusCode, challenge: Challenge, code: &str, text: &str) -> Response<Body> {
    let mut response = error(status, code, text);
    response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge.into_header());
    response
}

/// The small JSON body of a refusal, with the names that OAuth has for its errors.
fn error(status: StatusCode, code: &str, description: &str) -> Response<Body> {
    json_response(status, json!({ "error": code, "error_description": description }).to_string().into())
}

/// A JSON-RPC error. The id is JSON already.
fn rpc_error(
    status: StatusCode,
    request_id: &str,
    code: i32,
    message: &str,
    data: Option<&Shortfall>,
) -> Response<Body> {
    #[derive(Serialize)]
    struct RpcError<'a> {
        code: i32,
        message: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        data: Option<&'a Shortfall>,
    }

    let mut body = Vec::with_capacity(256);
    body.extend_from_slice(br#"{"jsonrpc":"2.0","id":"#);
    body.extend_from_slice(request_id.as_bytes());
    body.extend_from_slice(br#","error":"#);
    serde_json::to_writer(&mut body, &RpcError { code, message, data }).expect("texts and numbers are JSON");
    body.push(b'}');
    json_response(status, body)
}

fn json_response(status: StatusCode, body: Vec<u8>) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
