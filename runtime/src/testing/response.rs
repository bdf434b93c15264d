//! Responses as a client reads them.

use std::fmt;

use http::{HeaderMap, StatusCode, header};
use serde_json::Value;

/// Length from which the body is shortened in a message, in characters.
const MAX_SHOWN: usize = 2000;

/// A complete response.
#[derive(Clone, Debug)]
pub(super) struct Response {
    id: u64,
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    text: String,
    /// `Null` if the body is not JSON.
    json: Value,
}

impl Response {
    pub(super) fn new(id: u64, status: StatusCode, headers: HeaderMap, body: &[u8]) -> Self {
        let text = String::from_utf8_lossy(body).into_owned();
        let json = serde_json::from_slice(body).unwrap_or_default();
        Self { id, status, headers, text, json }
    }

    /// Returns the result if the response is 200 with the result of this request.
    pub(super) fn result(&self) -> Option<&Value> {
        let is_response = self.status == StatusCode::OK && self.repeats_id();
        self.json.get("result").filter(|result| is_response && result.is_object())
    }

    /// Returns the code and the data of the JSON-RPC error if the response has this status and is an error of this
    /// request.
    pub(super) fn error(&self, status: StatusCode) -> Option<(i64, Option<&Value>)> {
        let error = self.json.get("error").filter(|_| self.status == status && self.repeats_id())?;
        Some((error.get("code")?.as_i64()?, error.get("data")))
    }

    /// Returns the text of a result with `isError`.
    pub(super) fn error_text(&self) -> Option<&str> {
        let result = self.result().filter(|result| result["isError"] == true)?;
        result["content"][0]["text"].as_str()
    }

    /// Returns the scopes of a step-up challenge (RFC 6750, section 3).
    pub(super) fn challenged_scopes(&self) -> Option<Vec<&str>> {
        let mut challenges = self.headers.get_all(header::WWW_AUTHENTICATE).iter();
        let challenge = challenges.next().filter(|_| challenges.next().is_none())?.to_str().ok()?;
        let is_step_up = challenge.starts_with("Bearer ") && challenge.contains(r#", error="insufficient_scope""#);
        // A quote within a quoted string is escaped, and scopes contain neither quotes nor backslashes.
        let (_, scopes) = challenge.split_once(r#", scope=""#).filter(|_| is_step_up)?;
        Some(scopes.split_once('"')?.0.split(' ').collect())
    }

    /// Returns what the server says about a request that it rejected.
    pub(super) fn description(&self) -> String {
        let text = self.json.get("error_description").or(self.json["error"].get("message")).and_then(Value::as_str);
        text.unwrap_or(&self.text).to_owned()
    }

    /// Returns the names in the result of `tools/list`.
    pub(super) fn tools(&self) -> Option<&Vec<Value>> {
        self.result()?["tools"].as_array()
    }

    /// Returns whether this response to a call of `tool` is, except for the name and the ID, that to a call of
    /// `other_tool`, a name that occurs nowhere else.
    pub(super) fn is_like(&self, tool: &str, other: &Self, other_tool: &str) -> bool {
        let quoted = Value::from(tool).to_string();
        let expected = other.text.replace(other_tool, &quoted[1..quoted.len() - 1]);
        let [id, other_id] = [self.id, other.id].map(|id| format!("\"id\":{id}"));
        let headers = |response: &Self| {
            let mut headers = response.headers.clone();
            headers.remove(header::CONTENT_LENGTH);
            headers
        };
        self.status == other.status
            && headers(self) == headers(other)
            && self.text == expected.replacen(&other_id, &id, 1)
    }

    fn repeats_id(&self) -> bool {
        self.json["jsonrpc"] == "2.0" && self.json["id"] == self.id
    }
}

/// Status, challenge and body.
impl fmt::Display for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.status)?;
        if let Some(challenge) = self.headers.get(header::WWW_AUTHENTICATE) {
            write!(f, ", WWW-Authenticate: {}", String::from_utf8_lossy(challenge.as_bytes()))?;
        }
        match self.text.char_indices().nth(MAX_SHOWN) {
            Some((end, _)) => write!(f, ", {} [..]", &self.text[..end]),
            None => write!(f, ", {}", self.text),
        }
    }
}
