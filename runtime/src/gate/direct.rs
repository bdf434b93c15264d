//! Answers the sure case, with the bytes that rmcp would send.

use std::{borrow::Cow, sync::Arc};

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderValue, Response, header};
use rmcp::model::ServerResult;

use super::{
    audit::Asked,
    canonical::{Canonical, CanonicalRequest, Revision},
    dispatch::{Call, Dispatched, Dispatcher},
    listing::for_revision,
    refusal::Refusals,
    spliced::Spliced,
};
use crate::{auth::Caller, tool::Registry};

const RESULT: &[u8] = br#","result":"#;

/// Whether a tool can be called without rmcp: the caller may, it needs nothing of the request but the caller, and it has
/// no argument that a header has to repeat.
pub(crate) fn can_call(registry: &Registry, tool: &str, caller: &Arc<Caller>) -> bool {
    registry.decide(tool, caller).is_ok_and(|authorized| authorized.tool().needs_only_the_caller())
}

/// Answers a list, or a call for which [`can_call`] said yes; nothing if it turns out to be rmcp's after all.
pub(crate) async fn answer(
    dispatcher: &Dispatcher,
    refusals: &Refusals,
    caller: &Arc<Caller>,
    asked: Asked<'_>,
    canonical: Canonical,
    tool: Option<Cow<'_, str>>,
) -> Option<Response<Body>> {
    let id = asked.id;
    match canonical.request {
        CanonicalRequest::List => {
            let listing = dispatcher.listings().bytes(caller, canonical.revision).ok()?;
            dispatcher.trail().listed(asked, caller, listing.tools);
            Some(respond(id, listing.result))
        }
        CanonicalRequest::Call { arguments } => {
            let name = tool?;
            let call = Call { name: &name, arguments, asked };
            match dispatcher.call(caller, call, None).await {
                Dispatched::Result(result) => {
                    let result = write(ServerResult::CallToolResult(result), canonical.revision)?;
                    Some(respond(id, result))
                }
                Dispatched::InsufficientScope(shortfall) => Some(refusals.insufficient_scope(&shortfall, id)),
                // A tool that was switched off since it was looked up; and what a tool without a context cannot ask.
                Dispatched::UnknownTool | Dispatched::InputRequired(_) => None,
            }
        }
    }
}

fn write(mut result: ServerResult, revision: Revision) -> Option<Bytes> {
    for_revision(&mut result, revision);
    serde_json::to_vec(&result).ok().map(Bytes::from)
}

/// `{"jsonrpc":"2.0","id":…,"result":…}`, the result shared and not copied.
fn respond(id: &str, result: Bytes) -> Response<Body> {
    let mut head = Vec::with_capacity(32 + id.len());
    head.extend_from_slice(br#"{"jsonrpc":"2.0","id":"#);
    head.extend_from_slice(id.as_bytes());
    head.extend_from_slice(RESULT);
    let body = if result.len() < 4096 {
        head.extend_from_slice(&result);
        head.push(b'}');
        Body::from(head)
    } else {
        Body::new(Spliced::new([head.into(), result, Bytes::from_static(b"}")]))
    };
    let mut response = Response::new(body);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
