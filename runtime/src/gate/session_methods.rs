//! GET and DELETE of the MCP endpoint: the streams of a session, and its end.

use std::{convert::Infallible, sync::Arc};

use axum::body::Body;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use tower::Service;

use super::{
    accept::Accepted,
    has_content_type,
    in_flight::InFlightGuard,
    pipeline::{Gate, forward},
    rejection::Rejection,
    revocable_stream,
    rmcp_response::{is_current_revision, is_known_revision},
};
use crate::{
    audit::RequestInfo,
    auth::Access,
    mcp::{AuthenticatedRequest, SESSION_ID, SessionRequest, Sessions},
};

/// Methods of the MCP endpoint without sessions.
pub(super) const WITHOUT_SESSIONS: &str = "POST";
/// Methods of the MCP endpoint with sessions.
pub(super) const WITH_SESSIONS: &str = "GET, POST, DELETE";

/// Returns whether only sessions have this method.
pub(super) fn is_session_method(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::DELETE)
}

impl Gate {
    /// Handles GET, which opens a stream of a session, or DELETE, which ends a session.
    pub(super) async fn handle_session_method<S>(
        &self,
        sessions: &Sessions,
        request: &mut Request<Body>,
        (in_flight, access): (InFlightGuard, Access),
        info: RequestInfo<'_>,
        inner: S,
    ) -> Result<Response<Body>, Rejection>
    where
        S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    {
        let headers = request.headers();
        if !is_known_revision(headers) {
            return Err(Rejection::UnsupportedRevision);
        }
        if is_current_revision(headers) {
            return Err(Rejection::MethodNotAllowed { allowed: WITHOUT_SESSIONS });
        }
        if !headers.contains_key(SESSION_ID) {
            return Err(Rejection::MissingSession);
        }
        let session = sessions.find(headers, &access).ok_or(Rejection::UnknownSession)?;
        if request.method() == Method::DELETE {
            session.session().end();
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::NO_CONTENT;
            return Ok(response);
        }
        if !Accepted::of(headers).stream {
            return Err(Rejection::StreamNotAccepted);
        }
        // A stream is open for as long as the session is, so it does not count as a request in flight.
        let stream = self.streams.acquire(&access.caller)?;
        drop(in_flight);
        let authenticated = AuthenticatedRequest::new(access.clone(), info, true, None).with_session(
            SessionRequest::Use(session),
            access.clone(),
            Arc::new(()),
        );
        let response = forward(request, Bytes::new(), authenticated, inner).await?;
        if !has_content_type(response.headers(), "text/event-stream") {
            return Err(Rejection::Transport(response.status()));
        }
        Ok(stream.hold(revocable_stream::end_with_access(response, access)))
    }
}
