//! What the user of a test answers.

use std::vec;

use serde_json::{Map, Value, json};

/// What a user does with a question of [`Context::ask`](crate::Context::ask); see
/// [`TestCaller::answering`](super::TestCaller::answering).
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::exhaustive_enums, reason = "MCP defines these three actions")]
pub enum Answer {
    /// The user accepts, with this content of the form: a JSON object.
    Accept(Value),
    /// The user declines.
    Decline,
    /// The user closes the question without a choice.
    Cancel,
}

impl Answer {
    fn to_response(&self) -> Value {
        match self {
            Self::Accept(content) => json!({ "action": "accept", "content": content }),
            Self::Decline => json!({ "action": "decline" }),
            Self::Cancel => json!({ "action": "cancel" }),
        }
    }
}

/// Answers the questions of a result, in the order of their messages, with the next answers. Returns the members of the
/// next request, or `None` if there are fewer answers than questions, or a question is not for the user.
pub(super) fn answer(result: &Value, answers: &mut vec::IntoIter<Answer>) -> Option<Map<String, Value>> {
    Some(Map::from_iter([
        ("inputResponses".to_owned(), responses(&result["inputRequests"], answers)?.into()),
        ("requestState".to_owned(), result["requestState"].clone()),
    ]))
}

/// Answers requests for input like [`answer`], and returns the responses by the keys of the requests.
pub(super) fn responses(requests: &Value, answers: &mut vec::IntoIter<Answer>) -> Option<Map<String, Value>> {
    // A person decides about an approval outside of the client.
    let is_question =
        |request: &Value| request["method"] == "elicitation/create" && request["params"]["mode"] != "url";
    let mut questions: Vec<(&String, &Value)> = requests.as_object()?.iter().collect();
    questions.sort_by_key(|(_, question)| question["params"]["message"].as_str());
    if answers.len() < questions.len() || !questions.iter().all(|(_, request)| is_question(request)) {
        return None;
    }
    Some(questions.into_iter().zip(answers).map(|((key, _), answer)| (key.clone(), answer.to_response())).collect())
}
