//! Determining the outcome of a task.

use super::{Mismatch, classify, scopes_data};
use crate::{
    audit::{CallOutcome as Recorded, RecordedCall},
    mcp::INSUFFICIENT_SCOPE,
    metrics::Label,
    testing::{Outcome, response::Response},
};

/// Determines the outcome of a task that has ended, from the records of its call since it became a task. Each round that
/// asked for input has one, and the end of the body has one.
///
/// # Errors
///
/// The task does not fit the records.
pub(in crate::testing) fn classify_task(
    name: &str,
    records: &[RecordedCall],
    response: &Response,
) -> Result<Outcome, Mismatch> {
    let ends: Vec<_> = records.iter().filter(|record| record.outcome != Recorded::InputRequired).collect();
    let record = match (&ends[..], records) {
        ([end], _) => *end,
        // The task ended while it waited for input.
        ([], [.., asked]) => asked,
        _ => return Err(Mismatch::Records(ends.len())),
    };
    let mismatch = |expected| Mismatch::Response { recorded: record.outcome.name(), expected };
    let task = response.result().ok_or(mismatch("200 with the task"))?;
    match (task["status"].as_str().unwrap_or_default(), record.outcome) {
        ("completed", Recorded::InputRequired) => {
            let result = response.with_result(&task["result"]);
            let text = result.error_text().ok_or(mismatch("a task with the error of its time limit"))?;
            Ok(Outcome::TimedOut(text.to_owned()))
        }
        ("completed", _) => {
            let mut result = task["result"].clone();
            result["resultType"] = "complete".into();
            classify(name, std::slice::from_ref(record), &response.with_result(&result), None)
        }
        ("failed", Recorded::InsufficientScope) => {
            let error = &task["error"];
            if error["code"] != INSUFFICIENT_SCOPE || error["data"] != scopes_data(&record.scopes) {
                return Err(mismatch("a failed task whose error names the required scopes"));
            }
            Ok(Outcome::MissingScopes(record.scopes.clone()))
        }
        ("failed", Recorded::Failed) => {
            let text = task["error"]["message"].as_str().ok_or(mismatch("a failed task with a message"))?;
            Ok(Outcome::Failed(text.to_owned()))
        }
        // The body may have ended before the cancellation arrived.
        ("cancelled", _) => Ok(Outcome::Cancelled),
        _ => Err(mismatch("a task that ended in the same way")),
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, StatusCode};
    use serde_json::{Value, json};

    use super::*;
    use crate::scope::MissingScopes;

    fn classify(outcomes: &[Recorded], task: &Value) -> Result<Outcome, Mismatch> {
        let scopes = MissingScopes { required: vec!["a", "b"], missing: vec!["b"] };
        let records: Vec<_> =
            outcomes.iter().map(|&outcome| RecordedCall { outcome, scopes: scopes.clone() }).collect();
        let body = json!({ "jsonrpc": "2.0", "id": 7, "result": task }).to_string();
        let response = Response::new(7, StatusCode::OK, HeaderMap::new(), body.as_bytes());
        classify_task("t", &records, &response)
    }

    fn completed(text: &str, is_error: bool) -> Value {
        let content = json!([{ "type": "text", "text": text }]);
        json!({ "status": "completed", "result": { "content": content, "isError": is_error } })
    }

    fn missing_scopes(missing: &[&str]) -> Value {
        let data = json!({ "required": ["a", "b"], "missing": missing });
        json!({ "status": "failed", "error": { "code": -32010, "message": "x", "data": data } })
    }

    #[test]
    fn a_task_that_fits_its_records_is_accepted() {
        let (asked, text) = (Recorded::InputRequired, || "x".to_owned());
        assert!(matches!(classify(&[Recorded::Completed], &completed("x", false)), Ok(Outcome::Allowed(_))));
        let scopes = classify(&[Recorded::InsufficientScope], &missing_scopes(&["b"]));
        assert!(matches!(scopes, Ok(Outcome::MissingScopes(_))), "{scopes:?}");
        let failed = json!({ "status": "failed", "error": { "code": -32000, "message": "x" } });
        let cancelled = json!({ "status": "cancelled" });
        for (records, task, expected) in [
            (&[asked, Recorded::Failed][..], completed("x", true), Outcome::Failed(text())),
            (&[asked, asked], completed("x", true), Outcome::TimedOut(text())),
            (&[Recorded::Failed], failed, Outcome::Failed(text())),
            (&[Recorded::Cancelled], cancelled.clone(), Outcome::Cancelled),
            (&[asked], cancelled, Outcome::Cancelled),
        ] {
            assert_eq!(classify(records, &task), Ok(expected), "{records:?}: {task}");
        }
    }

    #[test]
    fn any_other_task_is_a_mismatch() {
        for (records, task) in [
            (&[][..], completed("x", false)),
            (&[Recorded::Completed, Recorded::Completed], completed("x", false)),
            (&[Recorded::Failed], completed("x", false)),
            (&[Recorded::Masked], completed("the password is swordfish", true)),
            (&[Recorded::InputRequired], completed("x", false)),
            (&[Recorded::InsufficientScope], missing_scopes(&["a"])),
            (&[Recorded::InsufficientScope], completed("x", false)),
            (&[Recorded::Completed], missing_scopes(&["b"])),
        ] {
            assert!(classify(records, &task).is_err(), "{records:?}: {task}");
        }
    }
}
