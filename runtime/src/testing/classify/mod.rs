//! Determining the outcome of a call: the audit record says what happened, and the response must be the one that "On the
//! wire" in ARCHITECTURE.md specifies for it.

mod completion;
mod task;

use http::StatusCode;
use rmcp::model::{CallToolResult, ContentBlock};
use serde_json::{Value, json};
use thiserror::Error;

use super::{Outcome, PromptResult, ResourceResult, ToolResult, response::Response};
use crate::{
    audit::{CallOutcome as Recorded, RecordedCall},
    mcp::INSUFFICIENT_SCOPE,
    metrics::Label,
    operation::OperationKind,
    scope::MissingScopes,
};

pub(super) use completion::classify_completion;
pub(super) use task::classify_task;

/// JSON-RPC error code for an operation that does not exist, and for invalid arguments of a prompt.
const INVALID_PARAMS: i64 = -32602;

/// JSON-RPC error code for all other errors of prompts and resources.
const INTERNAL_ERROR: i64 = -32603;

/// The response is not the one that is specified for what the audit log records.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(super) enum Mismatch {
    #[error("the audit log must have one record of the call, and has {0}")]
    Records(usize),
    #[error("the audit log records the outcome `{recorded}`, for which the response must be {expected}")]
    Response { recorded: &'static str, expected: &'static str },
}

/// Result of an operation, as the response has it.
pub(super) trait ReadResult: Sized {
    const KIND: OperationKind;

    /// First line of the text about arguments that violate the schema. Each violation has a line of its own.
    const INVALID_ARGUMENTS: &'static str;

    /// Reads a complete result. It may be an error that the body created itself.
    fn read(result: &Value) -> Option<Outcome<Self>>;
}

impl ReadResult for ToolResult {
    const KIND: OperationKind = OperationKind::Tool;
    const INVALID_ARGUMENTS: &'static str = "the arguments do not fit the tool's input schema:";

    fn read(result: &Value) -> Option<Outcome<Self>> {
        let result: CallToolResult = serde_json::from_value(result.clone()).ok()?;
        if result.is_error != Some(true) {
            return Some(Outcome::Allowed(Self::new(result)));
        }
        let text = result.content.first().and_then(ContentBlock::as_text);
        Some(Outcome::Failed(text.map(|content| content.text.clone()).unwrap_or_default()))
    }
}

impl ReadResult for PromptResult {
    const KIND: OperationKind = OperationKind::Prompt;
    const INVALID_ARGUMENTS: &'static str = "the arguments do not fit the prompt:";

    fn read(result: &Value) -> Option<Outcome<Self>> {
        serde_json::from_value(result.clone()).ok().map(|result| Outcome::Allowed(Self::new(result)))
    }
}

impl ReadResult for ResourceResult {
    const KIND: OperationKind = OperationKind::Resource;
    const INVALID_ARGUMENTS: &'static str = "";

    fn read(result: &Value) -> Option<Outcome<Self>> {
        serde_json::from_value(result.clone()).ok().map(|result| Outcome::Allowed(Self::new(result)))
    }
}

/// Response to a request for an operation that does not exist, by the same caller with the same arguments.
pub(super) struct UnknownResponse {
    pub(super) name: String,
    pub(super) response: Response,
}

/// Returns whether [`classify`] needs the response for an operation that does not exist.
pub(super) fn is_reported_as_unknown(response: &Response) -> bool {
    response.error(StatusCode::OK).is_some_and(|(code, _)| code == INVALID_PARAMS)
}

/// Determines the outcome of a call of the operation with this name or URI.
///
/// # Errors
///
/// The response does not fit the records.
pub(super) fn classify<R: ReadResult>(
    name: &str,
    records: &[RecordedCall],
    response: &Response,
    unknown: Option<&UnknownResponse>,
) -> Result<Outcome<R>, Mismatch> {
    let is_tool = R::KIND == OperationKind::Tool;
    let record = match records {
        [record] => record,
        // The server has no operation of this kind.
        [] if !is_tool && response.is_method_not_found() => return Ok(Outcome::Unknown),
        // Rejected before the call was decided.
        [] => return response.rejection().ok_or(Mismatch::Records(0)),
        _ => return Err(Mismatch::Records(records.len())),
    };
    let mismatch = |expected| Mismatch::Response { recorded: record.outcome.name(), expected };
    // Errors of prompts and resources are JSON-RPC errors.
    let error = |code| {
        if is_tool {
            response.error_text().ok_or(mismatch("200 with a tool result that has `isError` and a text"))
        } else {
            response.error_message(code).ok_or(mismatch("200 with a JSON-RPC error"))
        }
    };
    let failure = || error(INTERNAL_ERROR);
    let is_like_unknown = is_like_unknown(name, response, unknown);
    let outcome = match record.outcome {
        Recorded::Completed => {
            let result = response.result().filter(|result| result["resultType"] == "complete").and_then(R::read);
            result.ok_or(mismatch("200 with a complete result"))?
        }
        Recorded::Failed | Recorded::InvalidArguments if R::KIND == OperationKind::Resource && is_like_unknown => {
            Outcome::NotFound
        }
        Recorded::InvalidArguments if R::KIND == OperationKind::Resource => {
            return Err(mismatch("byte for byte that for a resource that does not exist"));
        }
        Recorded::InvalidArguments => {
            let violations = violations::<R>(error(INVALID_PARAMS)?);
            Outcome::InvalidArguments(violations.ok_or(mismatch("an error with a line for each violation"))?)
        }
        Recorded::Denied => {
            let text = failure()?;
            if !text.starts_with("not allowed: ") {
                return Err(mismatch("an error that begins with `not allowed: `"));
            }
            Outcome::DeniedByGuard(text.to_owned())
        }
        Recorded::Failed => {
            // A mounted server can respond with any JSON-RPC error.
            let text = failure().or_else(|mismatch| response.error_text_of_any_code().ok_or(mismatch))?;
            Outcome::Failed(text.to_owned())
        }
        Recorded::Masked | Recorded::Panicked => {
            let text = failure()?;
            if !is_masked(text) {
                return Err(mismatch("an error with `internal error` and a reference only"));
            }
            let masked = if record.outcome == Recorded::Masked { Outcome::Masked } else { Outcome::Panicked };
            masked(text.to_owned())
        }
        Recorded::TimedOut => Outcome::TimedOut(failure()?.to_owned()),
        Recorded::Busy => Outcome::Busy(failure()?.to_owned()),
        Recorded::ResultTooLarge => Outcome::ResultTooLarge(failure()?.to_owned()),
        Recorded::InputRequired => {
            let result = response.result().filter(|result| result["resultType"] == "input_required");
            let result = result.ok_or(mismatch("200 with a result that asks for input"))?;
            Outcome::InputRequired(result["inputRequests"].clone())
        }
        Recorded::ApprovalRequired => {
            let approval = response.result().and_then(RequestedApproval::read);
            let RequestedApproval { message, url } = approval.ok_or(mismatch("200 with a request to open a URL"))?;
            Outcome::ApprovalRequired(format!("{message}: {url}"))
        }
        Recorded::NotApproved => Outcome::NotApproved(failure()?.to_owned()),
        Recorded::Cancelled => return Err(mismatch("none, because the client has cancelled the call")),
        Recorded::TaskCreated => return Err(mismatch("a task, and the client did not declare the extension")),
        Recorded::Subscribed => return Err(mismatch("none, because the request is a call")),
        Recorded::RateLimited if response.is_rate_limited() => Outcome::RateLimited(response.description()),
        Recorded::RateLimited => return Err(mismatch("429 with `Retry-After` and a JSON-RPC error")),
        Recorded::InsufficientScope | Recorded::Hidden | Recorded::Unknown => {
            unauthorized(record, response, is_like_unknown)?
        }
    };
    Ok(outcome)
}

/// Determines the outcome of a call that the decision rejected.
fn unauthorized<R>(
    record: &RecordedCall,
    response: &Response,
    is_like_unknown: bool,
) -> Result<Outcome<R>, Mismatch> {
    let mismatch = |expected| Mismatch::Response { recorded: record.outcome.name(), expected };
    match record.outcome {
        Recorded::InsufficientScope if is_like_unknown => Ok(Outcome::Hidden),
        Recorded::InsufficientScope if is_step_up(response, &record.scopes) => {
            Ok(Outcome::MissingScopes(record.scopes.clone()))
        }
        Recorded::InsufficientScope => Err(mismatch("403 with a challenge that names the required scopes")),
        _ if !is_like_unknown => Err(mismatch("byte for byte that for an operation that does not exist")),
        Recorded::Hidden => Ok(Outcome::Hidden),
        _ => Ok(Outcome::Unknown),
    }
}

fn is_like_unknown(name: &str, response: &Response, unknown: Option<&UnknownResponse>) -> bool {
    unknown.is_some_and(|unknown| response.is_like(name, &unknown.response, &unknown.name))
}

fn is_step_up(response: &Response, scopes: &MissingScopes) -> bool {
    response.error(StatusCode::FORBIDDEN) == Some((INSUFFICIENT_SCOPE.into(), Some(&scopes_data(scopes))))
        && response.challenged_scopes().is_some_and(|challenged| challenged == scopes.required)
}

/// Returns the data of an error about missing scopes.
fn scopes_data(scopes: &MissingScopes) -> Value {
    json!({ "required": scopes.required, "missing": scopes.missing })
}

/// Request to open the page of an approval.
pub(super) struct RequestedApproval {
    pub(super) message: String,
    pub(super) url: String,
}

impl RequestedApproval {
    /// Reads the result of a call that a person has to approve.
    pub(super) fn read(result: &Value) -> Option<Self> {
        let mut requests = result["inputRequests"].as_object()?.values();
        let params = requests.find_map(|request| request.get("params").filter(|params| params["mode"] == "url"))?;
        let text = |member: &str| params[member].as_str().map(str::to_owned);
        Some(Self { message: text("message")?, url: text("url")? })
    }
}

fn violations<R: ReadResult>(text: &str) -> Option<Vec<String>> {
    let violations = text.strip_prefix(R::INVALID_ARGUMENTS)?.strip_prefix("\n- ")?;
    Some(violations.split("\n- ").map(str::to_owned).collect())
}

fn is_masked(text: &str) -> bool {
    let reference = text.strip_prefix("internal error (reference ").and_then(|rest| rest.strip_suffix(')'));
    reference.is_some_and(|reference| reference.len() == 12 && reference.bytes().all(|b| b.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, header};

    use super::*;

    const CHALLENGE: &str =
        r#"Bearer resource_metadata="x", error="insufficient_scope", error_description="x", scope="a b""#;

    fn response(status: u16, challenge: Option<&'static str>, member: &str, value: &Value) -> Response {
        let mut headers = HeaderMap::new();
        headers.extend(challenge.map(|challenge| (header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge))));
        let body = json!({ "jsonrpc": "2.0", "id": 7, member: value }).to_string();
        Response::new(7, StatusCode::from_u16(status).unwrap(), headers, body.as_bytes())
    }

    fn result(value: &Value) -> Response {
        response(200, None, "result", value)
    }

    fn error_result(text: &str) -> Response {
        result(&json!({ "resultType": "complete", "isError": true, "content": [{ "type": "text", "text": text }] }))
    }

    fn step_up(status: u16, challenge: &'static str, missing: &[&str]) -> Response {
        let data = json!({ "required": ["a", "b"], "missing": missing });
        let error = json!({ "code": -32010, "message": "insufficient scope", "data": data });
        response(status, Some(challenge), "error", &error)
    }

    fn unknown_tool(name: &str) -> Response {
        let error = json!({ "code": -32602, "message": format!("unknown tool: {name}") });
        response(200, None, "error", &error)
    }

    fn record(outcome: Recorded) -> RecordedCall {
        RecordedCall { outcome, scopes: MissingScopes { required: vec!["a", "b"], missing: vec!["b"] } }
    }

    /// Classifies the response to a call of the tool `t`.
    fn classify_as(outcome: Recorded, response: &Response) -> Result<Outcome, Mismatch> {
        let unknown = UnknownResponse { name: "no-tool".to_owned(), response: unknown_tool("no-tool") };
        classify("t", &[record(outcome)], response, Some(&unknown))
    }

    #[test]
    fn the_specified_response_is_accepted() {
        for (outcome, response) in [
            (Recorded::Completed, result(&json!({ "resultType": "complete", "content": [] }))),
            (Recorded::Completed, error_result("x")),
            (Recorded::Failed, error_result("x")),
            (Recorded::Masked, error_result("internal error (reference 0123456789ab)")),
            (Recorded::Panicked, error_result("internal error (reference 0123456789ab)")),
            (Recorded::InvalidArguments, error_result("the arguments do not fit the tool's input schema:\n- /a: x")),
            (Recorded::Denied, error_result("not allowed: x")),
            (Recorded::InputRequired, result(&json!({ "resultType": "input_required" }))),
            (Recorded::InsufficientScope, step_up(403, CHALLENGE, &["b"])),
            (Recorded::InsufficientScope, unknown_tool("t")),
            (Recorded::Hidden, unknown_tool("t")),
            (Recorded::Unknown, unknown_tool("t")),
        ] {
            assert!(classify_as(outcome, &response).is_ok(), "{outcome:?}: {response}");
        }
    }

    #[test]
    fn any_other_response_is_a_mismatch() {
        let invalid_token = r#"Bearer resource_metadata="x", error="invalid_token", scope="a b""#;
        let one_scope = r#"Bearer resource_metadata="x", error="insufficient_scope", scope="a""#;
        let revealing = json!({ "code": -32602, "message": "unknown tool: t", "data": {} });
        for (outcome, response) in [
            (Recorded::Completed, unknown_tool("t")),
            (Recorded::Completed, result(&json!({ "resultType": "input_required" }))),
            (Recorded::Failed, result(&json!({ "resultType": "complete", "content": [] }))),
            (Recorded::Masked, error_result("the password is swordfish")),
            (Recorded::Panicked, error_result("internal error (reference 0123456789ab): swordfish")),
            (Recorded::InvalidArguments, error_result("/a: x")),
            (Recorded::Denied, error_result("x")),
            (Recorded::InputRequired, error_result("x")),
            (Recorded::InsufficientScope, step_up(200, CHALLENGE, &["b"])),
            (Recorded::InsufficientScope, step_up(403, CHALLENGE, &["a"])),
            (Recorded::InsufficientScope, step_up(403, invalid_token, &["b"])),
            (Recorded::InsufficientScope, step_up(403, one_scope, &["b"])),
            (Recorded::Hidden, step_up(403, CHALLENGE, &["b"])),
            (Recorded::Hidden, unknown_tool("u")),
            (Recorded::Hidden, response(200, None, "error", &revealing)),
            (
                Recorded::Hidden,
                response(200, Some(CHALLENGE), "error", &json!({ "code": -32602, "message": "unknown tool: t" })),
            ),
            (Recorded::Unknown, error_result("unknown tool: t")),
            (Recorded::Cancelled, error_result("the call was cancelled")),
        ] {
            let mismatch = classify_as(outcome, &response).unwrap_err();
            assert!(matches!(mismatch, Mismatch::Response { .. }), "{outcome:?}: {response}");
        }
    }

    #[test]
    fn errors_of_prompts_and_resources_are_json_rpc_errors() {
        let protocol_error = |code: i64, message: &str, data: Option<Value>| {
            let mut error = json!({ "code": code, "message": message });
            error.as_object_mut().unwrap().extend(data.map(|data| ("data".to_owned(), data)));
            response(200, None, "error", &error)
        };
        let prompt = |outcome, response: &Response| classify::<PromptResult>("p", &[record(outcome)], response, None);
        let invalid = "the arguments do not fit the prompt:\n- /a: x";
        assert_eq!(
            prompt(Recorded::InvalidArguments, &protocol_error(-32602, invalid, None)),
            Ok(Outcome::InvalidArguments(vec!["/a: x".to_owned()]))
        );
        assert_eq!(
            prompt(Recorded::Denied, &protocol_error(-32603, "not allowed: x", None)),
            Ok(Outcome::DeniedByGuard("not allowed: x".to_owned()))
        );
        // A mounted server chooses the code.
        for code in [-32603, -32000] {
            let failed = prompt(Recorded::Failed, &protocol_error(code, "x", None));
            assert_eq!(failed, Ok(Outcome::Failed("x".to_owned())));
        }
        for (outcome, response) in [
            (Recorded::Failed, error_result("x")),
            (Recorded::Denied, protocol_error(-32602, "not allowed: x", None)),
            (Recorded::Masked, protocol_error(-32603, "swordfish", None)),
        ] {
            assert!(prompt(outcome, &response).is_err(), "{response}");
        }
        let not_found = |uri: &str| protocol_error(-32602, "resource not found", Some(json!({ "uri": uri })));
        let unknown = UnknownResponse { name: "no-resource:1".to_owned(), response: not_found("no-resource:1") };
        let resource = |outcome, response: &Response| {
            classify::<ResourceResult>("company://a/1", &[record(outcome)], response, Some(&unknown))
        };
        for (outcome, expected) in [
            (Recorded::Failed, Outcome::NotFound),
            (Recorded::InvalidArguments, Outcome::NotFound),
            (Recorded::Hidden, Outcome::Hidden),
            (Recorded::Unknown, Outcome::Unknown),
        ] {
            assert_eq!(resource(outcome, &not_found("company://a/1")), Ok(expected));
            let of_another_uri = resource(outcome, &not_found("company://a/2"));
            assert!(of_another_uri.is_err() || outcome == Recorded::Failed, "{of_another_uri:?}");
        }
    }

    #[test]
    fn a_call_has_exactly_one_record() {
        let failed = error_result("x");
        assert_eq!(classify::<ToolResult>("t", &[], &failed, None), Err(Mismatch::Records(0)));
        let records = [record(Recorded::Failed), record(Recorded::Failed)];
        assert_eq!(classify::<ToolResult>("t", &records, &failed, None), Err(Mismatch::Records(2)));
        let rejected = response(429, None, "error", &json!({ "message": "later" }));
        let outcome = Outcome::Rejected { status: 429, message: "later".to_owned() };
        assert_eq!(classify::<ToolResult>("t", &[], &rejected, None), Ok(outcome));
    }

    #[test]
    fn the_response_to_another_request_is_a_mismatch() {
        let body = json!({ "jsonrpc": "2.0", "id": 8, "result": { "resultType": "complete", "content": [] } });
        let response = Response::new(7, StatusCode::OK, HeaderMap::new(), body.to_string().as_bytes());
        assert!(classify_as(Recorded::Completed, &response).is_err());
    }
}
