//! Responses of rmcp that the gate states better: every error is JSON, with a sentence.

use axum::body::Body;
use bytes::Bytes;
use http::{Response, StatusCode};
use http_body::Body as _;
use http_body_util::BodyExt;
use serde::Deserialize;

use super::{
    accept::Accepted,
    has_content_type,
    jsonrpc::{self, INTERNAL_ERROR, InvalidParams, METHOD_NOT_FOUND, Message},
    rejection::{Rejection, json},
};
use crate::mcp::{self, Revision};

/// Maximum size of an error response for an unknown method, in bytes. It repeats the method, of at most 256 bytes.
const MAX_ERROR_BYTES: u64 = 1024;

/// Request that a response belongs to.
pub(super) struct Exchange<'a> {
    pub(super) message: &'a Message<'a>,
    /// The body that rmcp received.
    pub(super) body: Bytes,
    pub(super) accepted: Accepted,
    /// Whether the server supports the revision in the headers, or there is none.
    pub(super) is_known_revision: bool,
    /// Whether the request belongs to a session.
    pub(super) in_session: bool,
}

impl Exchange<'_> {
    /// Returns the response, or states its error better.
    ///
    /// # Errors
    ///
    /// The request is invalid.
    pub(super) async fn restate(&self, response: Response<Body>) -> Result<Response<Body>, Rejection> {
        let status = response.status();
        let is_json = has_content_type(response.headers(), "application/json");
        if status.is_server_error() && !is_json {
            let text = "the server could not complete the request";
            let body = jsonrpc::error_response(self.message.request_id(), INTERNAL_ERROR, text, None::<&()>);
            return Ok(json(status, body));
        }
        if status.is_client_error() && !is_json {
            return Err(match status {
                // rmcp responds with 415 to JSON that is not an MCP message; the gate has checked the media type.
                StatusCode::UNSUPPORTED_MEDIA_TYPE => Rejection::UnknownMessage,
                _ if !self.is_known_revision => Rejection::UnsupportedRevision,
                StatusCode::NOT_FOUND if self.in_session => Rejection::UnknownSession,
                status => Rejection::Transport(status),
            });
        }
        if !self.accepted.stream && has_content_type(response.headers(), "text/event-stream") {
            return Err(Rejection::StreamNotAccepted);
        }
        if is_json && response.body().size_hint().upper().is_some_and(|size| size <= MAX_ERROR_BYTES) {
            return self.restate_unknown_method(response).await;
        }
        Ok(response)
    }

    /// rmcp's error for a method that it does not know, or whose parameters do not fit, is the name of the method.
    async fn restate_unknown_method(&self, response: Response<Body>) -> Result<Response<Body>, Rejection> {
        let (parts, body) = response.into_parts();
        let Ok(body) = body.collect().await else { return Err(Rejection::Transport(StatusCode::BAD_REQUEST)) };
        let body = body.to_bytes();
        let method = self.message.method.as_deref().unwrap_or_default();
        if !is_method_not_found(&body) {
            return Ok(Response::from_parts(parts, body.into()));
        }
        // rmcp responds with 404 in the revision 2026-07-28 only.
        if parts.status != StatusCode::NOT_FOUND || !mcp::is_removed(method) {
            mcp::check_shape(method, &self.body).map_err(InvalidParams::from)?;
        }
        let text = format!("this server does not support the method `{method}`");
        let body = jsonrpc::error_response(self.message.request_id(), METHOD_NOT_FOUND, &text, None::<&()>);
        Ok(json(parts.status, body))
    }
}

fn is_method_not_found(body: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Response {
        error: Error,
    }
    #[derive(Deserialize)]
    struct Error {
        code: i32,
    }
    let marker = METHOD_NOT_FOUND.to_string();
    body.windows(marker.len()).any(|window| window == marker.as_bytes())
        && serde_json::from_slice(body).is_ok_and(|response: Response| response.error.code == METHOD_NOT_FOUND)
}

/// Returns whether the server supports the revision in `MCP-Protocol-Version`, or there is none.
pub(super) fn is_known_revision(headers: &http::HeaderMap) -> bool {
    headers
        .get("mcp-protocol-version")
        .is_none_or(|version| version.to_str().is_ok_and(|version| Revision::parse(version).is_some()))
}

/// Returns whether `MCP-Protocol-Version` names 2026-07-28, which has no sessions.
pub(super) fn is_current_revision(headers: &http::HeaderMap) -> bool {
    headers
        .get("mcp-protocol-version")
        .and_then(|version| Revision::parse(version.to_str().ok()?))
        .is_some_and(|revision| revision == Revision::Current)
}
