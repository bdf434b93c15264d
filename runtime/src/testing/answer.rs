//! What the user of a test answers.

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
pub(super) fn answer(result: &Value, answers: &mut std::slice::Iter<'_, Answer>) -> Option<Map<String, Value>> {
    let mut questions: Vec<(&String, &Value)> = result["inputRequests"].as_object()?.iter().collect();
    questions.sort_by_key(|(_, question)| question["params"]["message"].as_str());
    if answers.len() < questions.len() || questions.iter().any(|(_, one)| one["method"] != "elicitation/create") {
        return None;
    }
    let responses: Map<_, _> =
        questions.into_iter().zip(answers).map(|((key, _), answer)| (key.clone(), answer.to_response())).collect();
    Some(Map::from_iter([
        ("inputResponses".to_owned(), responses.into()),
        ("requestState".to_owned(), result["requestState"].clone()),
    ]))
}
