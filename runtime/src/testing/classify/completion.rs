//! Determining the outcome of a completion.

use super::{INTERNAL_ERROR, INVALID_PARAMS, Mismatch, UnknownResponse, is_like_unknown, is_masked, unauthorized};
use crate::{
    audit::{CallOutcome as Recorded, RecordedCall},
    metrics::Label,
    testing::{CompletionResult, Outcome, response::Response},
};

/// Determines the outcome of the completion of an argument of the prompt or template with this name. The audit log has a
/// record of a completion that failed or was rejected.
///
/// # Errors
///
/// The response does not fit the records.
pub(in crate::testing) fn classify_completion(
    name: &str,
    records: &[RecordedCall],
    response: &Response,
    unknown: Option<&UnknownResponse>,
) -> Result<Outcome<CompletionResult>, Mismatch> {
    let record = match records {
        [record] => record,
        [] => {
            return if let Some(completion) = response.result().and_then(CompletionResult::read) {
                Ok(Outcome::Allowed(completion))
            } else {
                response.rejection().ok_or(Mismatch::Records(0))
            };
        }
        _ => return Err(Mismatch::Records(records.len())),
    };
    let mismatch = |expected| Mismatch::Response { recorded: record.outcome.name(), expected };
    match record.outcome {
        Recorded::InsufficientScope | Recorded::Hidden | Recorded::Unknown => {
            unauthorized(record, response, is_like_unknown(name, response, unknown))
        }
        Recorded::Failed => {
            let text = response.error_message(INTERNAL_ERROR).ok_or(mismatch("200 with a JSON-RPC error"))?;
            let outcome = if is_masked(text) { Outcome::Masked } else { Outcome::Failed };
            Ok(outcome(text.to_owned()))
        }
        Recorded::InvalidArguments => {
            let text = response.error_message(INVALID_PARAMS).ok_or(mismatch("200 with a JSON-RPC error"))?;
            Ok(Outcome::InvalidArguments(vec![text.to_owned()]))
        }
        _ => Err(mismatch("none, because a completion does not end in this way")),
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, StatusCode};
    use serde_json::{Value, json};

    use super::*;
    use crate::scope::MissingScopes;

    fn response(status: u16, member: &str, value: &Value) -> Response {
        let body = json!({ "jsonrpc": "2.0", "id": 7, member: value }).to_string();
        Response::new(7, StatusCode::from_u16(status).unwrap(), HeaderMap::new(), body.as_bytes())
    }

    fn error(code: i64, message: &str) -> Response {
        response(200, "error", &json!({ "code": code, "message": message }))
    }

    fn classify(outcome: Option<Recorded>, response: &Response) -> Result<Outcome<CompletionResult>, Mismatch> {
        let scopes = MissingScopes { required: vec!["a"], missing: vec!["a"] };
        let records = Vec::from_iter(outcome.map(|outcome| RecordedCall { outcome, scopes }));
        let unknown = UnknownResponse { name: "no-prompt".to_owned(), response: error(-32602, "unknown: no-prompt") };
        classify_completion("p", &records, response, Some(&unknown))
    }

    #[test]
    fn the_specified_response_is_accepted() {
        let values = response(200, "result", &json!({ "completion": { "values": ["x"] } }));
        assert!(matches!(classify(None, &values), Ok(Outcome::Allowed(_))));
        for (record, response, expected) in [
            (
                Some(Recorded::InvalidArguments),
                error(-32602, "no such argument"),
                Outcome::InvalidArguments(vec!["no such argument".to_owned()]),
            ),
            (Some(Recorded::Hidden), error(-32602, "unknown: p"), Outcome::Hidden),
            (Some(Recorded::InsufficientScope), error(-32602, "unknown: p"), Outcome::Hidden),
            (Some(Recorded::Unknown), error(-32602, "unknown: p"), Outcome::Unknown),
            (Some(Recorded::Failed), error(-32603, "x"), Outcome::Failed("x".to_owned())),
        ] {
            assert_eq!(classify(record, &response), Ok(expected), "{record:?}: {response}");
        }
    }

    #[test]
    fn any_other_response_is_a_mismatch() {
        let values = response(200, "result", &json!({ "completion": { "values": [] } }));
        for (record, response) in [
            (None, error(-32602, "x")),
            (Some(Recorded::InvalidArguments), error(-32603, "x")),
            (None, response(200, "result", &json!({}))),
            (Some(Recorded::Hidden), error(-32602, "unknown: q")),
            (Some(Recorded::Hidden), values.clone()),
            (Some(Recorded::InsufficientScope), values.clone()),
            (Some(Recorded::Failed), values.clone()),
            (Some(Recorded::Completed), values),
        ] {
            assert!(classify(record, &response).is_err(), "{record:?}: {response}");
        }
    }
}
