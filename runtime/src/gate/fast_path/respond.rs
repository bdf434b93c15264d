//! Responding to canonical requests with the bytes that rmcp would send.

use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use rmcp::model::{ErrorData, ServerResult};
use serde_json::{Map, Value};

use super::{
    FastPath,
    chunked_body::ChunkedBody,
    recognize::{CanonicalRequest, Operation},
};
use crate::{
    audit::RequestInfo,
    auth::Caller,
    gate::jsonrpc::{self, INTERNAL_ERROR},
    mcp::Revision,
    registry::{CallRequest, CallResult, Dispatcher},
    scope::MissingScopes,
};

/// Initial size of the buffer for the response to a call, in bytes. Most results fit.
const RESPONSE_BYTES: usize = 512;

/// Size from which a list is sent as a chunk of its own instead of being copied, in bytes.
const CHUNK_THRESHOLD: usize = 4096;

impl FastPath {
    /// Responds to a canonical request, which consumes its authorization. `name` and `arguments` are those of a call.
    ///
    /// # Errors
    ///
    /// The body required scopes that the token lacks.
    pub(crate) async fn respond(
        &self,
        request: CanonicalRequest<'_>,
        name: &str,
        arguments: Map<String, Value>,
        dispatcher: &Dispatcher,
        caller: &Arc<Caller>,
        info: RequestInfo<'_>,
    ) -> Result<Response<Body>, MissingScopes> {
        let response = match request.operation {
            Operation::List(kind) => match self.lists.get(dispatcher, kind, caller, request.revision) {
                Ok(list) => {
                    dispatcher.audit().list(info, caller, kind.name(), list.items);
                    Some(listed(info.id, list.result))
                }
                Err(_) => None,
            },
            Operation::Call(authorized) => {
                let operation = authorized.operation();
                let (kind, counted) = (operation.kind(), Some((operation.kind(), operation.name())));
                let call = CallRequest { kind, name, arguments, info, counted };
                match dispatcher.call_authorized(authorized, call, None).await {
                    CallResult::Complete(result) => completed(info.id, result.into(), request.revision).ok(),
                    CallResult::Failed(error) => return Ok(failure(info.id, &error)),
                    CallResult::NotFound => {
                        return Ok(failure(info.id, &request.revision.unknown_operation(kind, name)));
                    }
                    CallResult::InsufficientScope(scopes) => return Err(scopes),
                    // Only a function that takes a `&Context` or needs an approval can ask for input. It is not recognized.
                    CallResult::InputRequired(_) | CallResult::UrlElicitationRequired(_) => None,
                }
            }
        };
        Ok(response.unwrap_or_else(|| internal_error(info.id)))
    }
}

/// Serializes a result in the shape of a revision.
pub(super) fn serialize(mut result: ServerResult, revision: Revision) -> Result<Bytes, serde_json::Error> {
    revision.adapt(&mut result);
    serde_json::to_vec(&result).map(Bytes::from)
}

/// Creates the response with the result of a call.
fn completed(id: &str, mut result: ServerResult, revision: Revision) -> Result<Response<Body>, serde_json::Error> {
    revision.adapt(&mut result);
    let mut message = start(id, RESPONSE_BYTES);
    serde_json::to_writer(&mut message, &result)?;
    message.push(b'}');
    Ok(json(Body::from(message)))
}

/// Creates the response with a list. A large one is shared, not copied.
fn listed(id: &str, result: Bytes) -> Response<Body> {
    if result.len() >= CHUNK_THRESHOLD {
        return json(Body::new(ChunkedBody::new([start(id, 0).into(), result, Bytes::from_static(b"}")])));
    }
    let mut message = start(id, result.len() + 1);
    message.extend_from_slice(&result);
    message.push(b'}');
    json(Body::from(message))
}

/// Begins `{"jsonrpc":"2.0","id":…,"result":…}`, with capacity for the result.
fn start(id: &str, capacity: usize) -> Vec<u8> {
    let (before, after) = (br#"{"jsonrpc":"2.0","id":"#, br#","result":"#);
    let mut message = Vec::with_capacity(before.len() + id.len() + after.len() + capacity);
    message.extend_from_slice(before);
    message.extend_from_slice(id.as_bytes());
    message.extend_from_slice(after);
    message
}

/// Creates the response with a JSON-RPC error, as rmcp does: with status 200.
fn failure(id: &str, error: &ErrorData) -> Response<Body> {
    json(Body::from(jsonrpc::error_response(id, error.code.0, &error.message, error.data.as_ref())))
}

fn internal_error(id: &str) -> Response<Body> {
    let body = jsonrpc::error_response(id, INTERNAL_ERROR, "internal error", None::<&()>);
    let mut response = json(Body::from(body));
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    response
}

fn json(body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
