//! Responses as a client reads them.

use std::fmt;

use http::{HeaderMap, StatusCode, header};
use serde_json::{Value, json};

use super::Outcome;
use crate::gate::RATE_LIMITED;

/// Length from which the body is shortened in a message, in characters.
const MAX_SHOWN: usize = 2000;

/// JSON-RPC error code for a method that the server does not have.
const METHOD_NOT_FOUND: i64 = -32601;

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

    /// Creates the response that has this result and the ID of this response.
    pub(super) fn with_result(&self, result: &Value) -> Self {
        let body = json!({ "jsonrpc": "2.0", "id": self.id, "result": result }).to_string();
        Self::new(self.id, StatusCode::OK, HeaderMap::new(), body.as_bytes())
    }

    /// Returns the ID of the request.
    pub(super) fn id(&self) -> u64 {
        self.id
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

    /// Returns the message of a JSON-RPC error with this code, if the response is 200 and an error of this request.
    pub(super) fn error_message(&self, code: i64) -> Option<&str> {
        self.error(StatusCode::OK).filter(|(found, _)| *found == code)?;
        self.json["error"]["message"].as_str()
    }

    /// Returns the message of a JSON-RPC error with any code, if the response is 200 and an error of this request.
    pub(super) fn error_text_of_any_code(&self) -> Option<&str> {
        let (code, _) = self.error(StatusCode::OK)?;
        self.error_message(code)
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

    /// Returns whether the request was rejected because it was beyond a rate. Its ID is unknown before the body is read.
    pub(super) fn is_rate_limited(&self) -> bool {
        self.status == StatusCode::TOO_MANY_REQUESTS
            && self.headers.contains_key(header::RETRY_AFTER)
            && self.json["error"]["code"] == RATE_LIMITED
            && (self.json["id"].is_null() || self.repeats_id())
    }

    /// Returns the outcome of a request that was rejected before its call was decided. `None` if it was not.
    pub(super) fn rejection<R>(&self) -> Option<Outcome<R>> {
        let (status, message) = (self.status, self.description());
        if self.is_rate_limited() {
            Some(Outcome::RateLimited(message))
        } else if status.is_client_error() || status.is_server_error() {
            Some(Outcome::Rejected { status: status.as_u16(), message })
        } else {
            None
        }
    }

    /// Returns what the server says about a request that it rejected.
    pub(super) fn description(&self) -> String {
        let text = self.json.get("error_description").or(self.json["error"].get("message")).and_then(Value::as_str);
        text.unwrap_or(&self.text).to_owned()
    }

    /// Returns a page of a list: its entries in this member of the result, and the cursor of the next page.
    pub(super) fn page(&self, member: &str) -> Option<(&[Value], Option<&str>)> {
        let result = self.result()?;
        Some((result[member].as_array()?, result["nextCursor"].as_str()))
    }

    /// Returns whether the response is that to a method that the server does not have.
    pub(super) fn is_method_not_found(&self) -> bool {
        self.repeats_id() && self.json["error"]["code"] == METHOD_NOT_FOUND
    }

    /// Returns whether this response to a request with `name` is, except for the name and the ID, that to a request with
    /// `other_name`, which occurs nowhere else.
    pub(super) fn is_like(&self, name: &str, other: &Self, other_name: &str) -> bool {
        let quoted = Value::from(name).to_string();
        let expected = other.text.replace(other_name, &quoted[1..quoted.len() - 1]);
        let [id, other_id] = [self.id, other.id].map(|id| format!("\"id\":{id}"));
        let headers = |response: &Self| {
            let mut headers = response.headers.clone();
            headers.remove(header::CONTENT_LENGTH);
            // Each request is counted.
            headers.remove("ratelimit");
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
