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

/// Size from which a result is sent as a chunk of its own instead of being copied, in bytes.
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
        let result = match request.operation {
            Operation::List(kind) => match self.lists.get(dispatcher, kind, caller, request.revision) {
                Ok(list) => {
                    dispatcher.audit().list(info, caller, kind.name(), list.items);
                    Some(list.result)
                }
                Err(_) => None,
            },
            Operation::Call(authorized) => {
                let operation = authorized.operation();
                let (kind, counted) = (operation.kind(), Some((operation.kind(), operation.name())));
                let call = CallRequest { kind, name, arguments, info, counted };
                match dispatcher.call_authorized(authorized, call, None).await {
                    CallResult::Complete(result) => serialize(result.into(), request.revision).ok(),
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
        Ok(result.map_or_else(|| internal_error(info.id), |result| success(info.id, result)))
    }
}

/// Serializes a result in the shape of a revision.
pub(super) fn serialize(mut result: ServerResult, revision: Revision) -> Result<Bytes, serde_json::Error> {
    revision.adapt(&mut result);
    serde_json::to_vec(&result).map(Bytes::from)
}

/// Creates `{"jsonrpc":"2.0","id":…,"result":…}`. A large result is shared, not copied.
fn success(id: &str, result: Bytes) -> Response<Body> {
    let mut head = Vec::with_capacity(32 + id.len());
    head.extend_from_slice(br#"{"jsonrpc":"2.0","id":"#);
    head.extend_from_slice(id.as_bytes());
    head.extend_from_slice(br#","result":"#);
    let body = if result.len() < CHUNK_THRESHOLD {
        head.extend_from_slice(&result);
        head.push(b'}');
        Body::from(head)
    } else {
        Body::new(ChunkedBody::new([head.into(), result, Bytes::from_static(b"}")]))
    };
    json(body)
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
