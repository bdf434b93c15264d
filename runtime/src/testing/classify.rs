//! Determining the outcome of a call: the audit record says what happened, and the response must be the one that "On the
//! wire" in ARCHITECTURE.md specifies for it.

use http::StatusCode;
use serde_json::json;
use thiserror::Error;

use super::{Outcome, ToolResult, response::Response};
use crate::{
    audit::{CallOutcome as Recorded, RecordedCall},
    mcp::INSUFFICIENT_SCOPE,
    metrics::Label,
    scope::MissingScopes,
};

/// JSON-RPC error code for a tool that does not exist.
const INVALID_PARAMS: i64 = -32602;

/// First line of a result about arguments that violate the schema. Each violation has a line of its own.
const INVALID_ARGUMENTS: &str = "the arguments do not fit the tool's input schema:";

/// The response is not the one that is specified for what the audit log records.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(super) enum Mismatch {
    #[error("the audit log must have one record of the call, and has {0}")]
    Records(usize),
    #[error("the audit log records the outcome `{recorded}`, for which the response must be {expected}")]
    Response { recorded: &'static str, expected: &'static str },
}

/// Response to a call of a tool that does not exist, by the same caller with the same arguments.
pub(super) struct UnknownToolResponse {
    pub(super) tool: String,
    pub(super) response: Response,
}

/// Returns whether [`classify`] needs the response for a tool that does not exist.
pub(super) fn is_reported_as_unknown(response: &Response) -> bool {
    response.error(StatusCode::OK).is_some_and(|(code, _)| code == INVALID_PARAMS)
}

/// Determines the outcome of a call of `tool`.
///
/// # Errors
///
/// The response does not fit the records.
pub(super) fn classify(
    tool: &str,
    records: &[RecordedCall],
    response: &Response,
    unknown: Option<&UnknownToolResponse>,
) -> Result<Outcome, Mismatch> {
    let record = match records {
        [record] => record,
        // Rejected before the call was decided.
        [] if response.status.is_client_error() || response.status.is_server_error() => {
            return Ok(Outcome::Rejected { status: response.status.as_u16(), message: response.description() });
        }
        _ => return Err(Mismatch::Records(records.len())),
    };
    let mismatch = |expected| Mismatch::Response { recorded: record.outcome.name(), expected };
    let error = || response.error_text().ok_or(mismatch("200 with a tool result that has `isError` and a text"));
    let is_like_unknown = unknown.is_some_and(|unknown| response.is_like(tool, &unknown.response, &unknown.tool));
    let outcome = match record.outcome {
        Recorded::Completed => completed(response).ok_or(mismatch("200 with a complete tool result"))?,
        Recorded::InsufficientScope if is_like_unknown => Outcome::Hidden,
        Recorded::InsufficientScope => {
            if !is_step_up(response, &record.scopes) {
                return Err(mismatch("403 with a challenge that names the required scopes"));
            }
            Outcome::MissingScopes(record.scopes.clone())
        }
        Recorded::Hidden | Recorded::Unknown if !is_like_unknown => {
            return Err(mismatch("byte for byte that for a tool that does not exist"));
        }
        Recorded::Hidden => Outcome::Hidden,
        Recorded::Unknown => Outcome::Unknown,
        Recorded::InvalidArguments => {
            let violations = violations(error()?).ok_or(mismatch("a tool result with a line for each violation"))?;
            Outcome::InvalidArguments(violations)
        }
        Recorded::Denied => {
            let text = error()?;
            if !text.starts_with("not allowed: ") {
                return Err(mismatch("a tool result that begins with `not allowed: `"));
            }
            Outcome::DeniedByGuard(text.to_owned())
        }
        Recorded::Failed => Outcome::Failed(error()?.to_owned()),
        Recorded::Masked | Recorded::Panicked => {
            let text = error()?;
            if !is_masked(text) {
                return Err(mismatch("a tool result with `internal error` and a reference only"));
            }
            let masked = if record.outcome == Recorded::Masked { Outcome::Masked } else { Outcome::Panicked };
            masked(text.to_owned())
        }
        Recorded::TimedOut => Outcome::TimedOut(error()?.to_owned()),
        Recorded::Busy => Outcome::Busy(error()?.to_owned()),
        Recorded::ResultTooLarge => Outcome::ResultTooLarge(error()?.to_owned()),
        Recorded::InputRequired => {
            let result = response.result().filter(|result| result["resultType"] == "input_required");
            let result = result.ok_or(mismatch("200 with a result that asks for input"))?;
            Outcome::InputRequired(result["inputRequests"].clone())
        }
        Recorded::Cancelled => return Err(mismatch("none, because the client has cancelled the call")),
    };
    Ok(outcome)
}

/// A result that the body returned; it may be an error that the body created itself.
fn completed(response: &Response) -> Option<Outcome> {
    let result = response.result().filter(|result| result["resultType"] == "complete")?;
    if let Some(text) = response.error_text() {
        return Some(Outcome::Failed(text.to_owned()));
    }
    let result: rmcp::model::CallToolResult = serde_json::from_value(result.clone()).ok()?;
    Some(if result.is_error == Some(true) {
        Outcome::Failed(String::new())
    } else {
        Outcome::Allowed(ToolResult::new(result))
    })
}

fn is_step_up(response: &Response, scopes: &MissingScopes) -> bool {
    let data = json!({ "required": scopes.required, "missing": scopes.missing });
    response.error(StatusCode::FORBIDDEN) == Some((INSUFFICIENT_SCOPE.into(), Some(&data)))
        && response.challenged_scopes().is_some_and(|challenged| challenged == scopes.required)
}

fn violations(text: &str) -> Option<Vec<String>> {
    let violations = text.strip_prefix(INVALID_ARGUMENTS)?.strip_prefix("\n- ")?;
    Some(violations.split("\n- ").map(str::to_owned).collect())
}

fn is_masked(text: &str) -> bool {
    let reference = text.strip_prefix("internal error (reference ").and_then(|rest| rest.strip_suffix(')'));
    reference.is_some_and(|reference| reference.len() == 12 && reference.bytes().all(|b| b.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, header};
    use serde_json::Value;

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
        let unknown = UnknownToolResponse { tool: "no-tool".to_owned(), response: unknown_tool("no-tool") };
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
    fn a_call_has_exactly_one_record() {
        let failed = error_result("x");
        assert_eq!(classify("t", &[], &failed, None), Err(Mismatch::Records(0)));
        let records = [record(Recorded::Failed), record(Recorded::Failed)];
        assert_eq!(classify("t", &records, &failed, None), Err(Mismatch::Records(2)));
        let rejected = response(429, None, "error", &json!({ "message": "later" }));
        let outcome = Outcome::Rejected { status: 429, message: "later".to_owned() };
        assert_eq!(classify("t", &[], &rejected, None), Ok(outcome));
    }

    #[test]
    fn the_response_to_another_request_is_a_mismatch() {
        let body = json!({ "jsonrpc": "2.0", "id": 8, "result": { "resultType": "complete", "content": [] } });
        let response = Response::new(7, StatusCode::OK, HeaderMap::new(), body.to_string().as_bytes());
        assert!(classify_as(Recorded::Completed, &response).is_err());
    }
}
