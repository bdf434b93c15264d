//! Requests of the server to the client of a session, during a call.

use std::time::Duration;

use rmcp::{
    RoleServer,
    model::{
        CancelledNotification, CancelledNotificationParam, ClientCapabilities, GetExtensions, InputRequest,
        RequestId, ServerRequest,
    },
    service::{OriginatingRequestId, Peer, PeerRequestOptions, RequestContext, ServiceError},
};
use serde_json::Value;

use crate::{
    operation::{InputUnavailable, undeclared_capabilities},
    spawn::spawn,
};

/// Sends a request to the client of a call's session and waits for its result.
///
/// # Errors
///
/// The client did not declare the capability, or it did not respond with a result in time.
pub(super) async fn send(
    call: &RequestContext<RoleServer>,
    request: InputRequest,
    declared: Option<ClientCapabilities>,
    timeout: Duration,
) -> Result<Value, InputUnavailable> {
    if let Some(missing) = undeclared_capabilities([&request], &declared.unwrap_or_default()) {
        return Err(InputUnavailable::Undeclared(Box::new(missing)));
    }
    let mut request = match request {
        InputRequest::Elicitation(request) => ServerRequest::ElicitRequest(request),
        InputRequest::CreateMessage(request) => ServerRequest::CreateMessageRequest(request),
        InputRequest::ListRoots(request) => ServerRequest::ListRootsRequest(request),
        // Unknown to this version of toolgate.
        _ => return Err(InputUnavailable::NoSession),
    };
    // The request is sent on the stream of the call (SEP-2260).
    request.extensions_mut().insert(OriginatingRequestId(call.id.clone()));
    let options = PeerRequestOptions::with_timeout(timeout);
    let sent = call.peer.send_request_with_option(request, options).await.map_err(unavailable)?;
    let mut pending = PendingRequest { peer: call.peer.clone(), id: Some(sent.id.clone()) };
    let response = tokio::select! {
        biased;
        () = call.ct.cancelled() => return Err(InputUnavailable::NoSession),
        response = sent.await_response() => response,
    };
    // It was answered, or rmcp has cancelled it after the time limit.
    pending.id = None;
    let result = response.map_err(unavailable)?;
    serde_json::to_value(result).map_err(|_| InputUnavailable::NoSession)
}

fn unavailable(error: ServiceError) -> InputUnavailable {
    match error {
        ServiceError::Timeout { timeout } => InputUnavailable::TimedOut(timeout),
        ServiceError::McpError(error) => InputUnavailable::Rejected(error),
        _ => InputUnavailable::NoSession,
    }
}

/// A request that the client has not answered. If it is dropped, the client is notified and the response is ignored.
struct PendingRequest {
    peer: Peer<RoleServer>,
    id: Option<RequestId>,
}

impl Drop for PendingRequest {
    fn drop(&mut self) {
        let Some(id) = self.id.take() else { return };
        let peer = self.peer.clone();
        let params = CancelledNotificationParam::new(Some(id), Some("the call has ended".to_owned()));
        spawn(async move {
            // The session may have ended with the call.
            let _ = peer.send_notification(CancelledNotification::new(params).into()).await;
        });
    }
}
