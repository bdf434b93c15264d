//! HTTP responses as the tests read them.

use std::collections::BTreeMap;

use axum::{
    Router,
    body::{Body, to_bytes},
    http::Request,
};
use reqwest::{RequestBuilder, Response, header::HeaderMap};
use serde_json::Value;
use tower::ServiceExt;

/// A complete response.
#[derive(Clone, Debug)]
pub struct HttpResponse {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as text.
    pub text: String,
    messages: Vec<Value>,
}

/// Sends a request and reads the complete response.
///
/// # Panics
///
/// If there is no complete response.
pub async fn send(request: RequestBuilder) -> HttpResponse {
    match request.send().await {
        Ok(response) => HttpResponse::read(response).await,
        Err(error) => panic!("no response: {error:?}"),
    }
}

/// Sends a request to a router in process and reads the complete response.
///
/// # Panics
///
/// If the body ends with an error or is not UTF-8.
pub async fn exchange(router: &Router, request: Request<Body>) -> HttpResponse {
    let Ok(response) = router.clone().oneshot(request).await;
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.expect("the response is complete");
    HttpResponse::new(parts.status.as_u16(), parts.headers, String::from_utf8(body.into()).expect("UTF-8"))
}

impl HttpResponse {
    /// Reads the rest of a response.
    ///
    /// # Panics
    ///
    /// If the connection ends before the response does.
    pub async fn read(response: Response) -> Self {
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let text = response.text().await.expect("the response is complete");
        Self::new(status, headers, text)
    }

    /// Creates a response from its parts.
    pub fn new(status: u16, headers: HeaderMap, text: String) -> Self {
        let messages = match serde_json::from_str(&text) {
            Ok(message) => vec![message],
            Err(_) => events(&text),
        };
        Self { status, headers, text, messages }
    }

    /// Returns a header, or an empty string if it is missing.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Returns the JSON of the body, or that of the last event of a stream.
    pub fn json(&self) -> &Value {
        self.messages.last().unwrap_or(&Value::Null)
    }

    /// Returns the JSON of all events of a stream.
    pub fn messages(&self) -> &[Value] {
        &self.messages
    }

    /// Returns the JSON-RPC result.
    ///
    /// # Panics
    ///
    /// If the response is not the result of the request with ID 1.
    pub fn result(&self) -> &Value {
        assert_eq!(self.status, 200, "{self:?}");
        assert_eq!(self.json()["id"], 1, "{self:?}");
        let result = &self.json()["result"];
        assert!(result.is_object(), "{self:?}");
        result
    }

    /// Returns the code of the JSON-RPC error.
    pub fn error_code(&self) -> Option<i64> {
        self.json()["error"]["code"].as_i64()
    }

    /// Returns the text of the tool result.
    pub fn text_content(&self) -> &str {
        self.result()["content"][0]["text"].as_str().unwrap_or_default()
    }

    /// Returns the names in the result of `tools/list`.
    ///
    /// # Panics
    ///
    /// If the response is not a list of tools.
    pub fn tool_names(&self) -> Vec<String> {
        let tools = self.result()["tools"].as_array().unwrap_or_else(|| panic!("{self:?}"));
        tools.iter().filter_map(|tool| tool["name"].as_str().map(str::to_owned)).collect()
    }

    /// Returns whether the response is a result that is not a tool error.
    pub fn is_success(&self) -> bool {
        self.status == 200 && self.json()["result"].is_object() && self.json()["result"]["isError"] != true
    }

    /// Returns whether the response is a tool result with `isError`.
    pub fn is_tool_error(&self) -> bool {
        self.status == 200 && self.json()["result"]["isError"] == true
    }

    /// Returns the challenge.
    ///
    /// # Panics
    ///
    /// If there are several challenges, or one that RFC 9110 does not allow.
    pub fn challenge(&self) -> Option<Challenge> {
        let mut values = self.headers.get_all("www-authenticate").iter();
        let value = values.next()?;
        assert!(values.next().is_none(), "several challenges: {self:?}");
        Some(Challenge::parse(value.to_str().expect("a challenge is ASCII")))
    }

    /// Returns the challenge of a response that must have one.
    ///
    /// # Panics
    ///
    /// If there is not exactly one valid challenge.
    pub fn expect_challenge(&self) -> Challenge {
        self.challenge().unwrap_or_else(|| panic!("no challenge: {self:?}"))
    }
}

/// Parses the messages of a stream of server-sent events.
fn events(text: &str) -> Vec<Value> {
    text.lines()
        .filter_map(|line| line.strip_prefix("data:"))
        .filter_map(|data| serde_json::from_str(data.trim()).ok())
        .collect()
}

/// The parameters of a `WWW-Authenticate: Bearer` challenge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge(BTreeMap<String, String>);

impl Challenge {
    /// Returns a parameter, or an empty string if it is missing.
    pub fn get(&self, name: &str) -> &str {
        self.0.get(name).map(String::as_str).unwrap_or_default()
    }

    /// Returns the names of the parameters.
    pub fn names(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).collect()
    }

    /// Returns the scopes in their order.
    pub fn scopes(&self) -> Vec<&str> {
        self.get("scope").split(' ').filter(|scope| !scope.is_empty()).collect()
    }

    /// Parses `Bearer name="value", name="value"`, the only form that toolgate sends.
    fn parse(header: &str) -> Self {
        let mut rest = header.strip_prefix("Bearer ").expect("the scheme is Bearer");
        let mut parameters = BTreeMap::new();
        while !rest.is_empty() {
            let (name, tail) = rest.split_once("=\"").expect("a quoted parameter");
            assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'), "{header}");
            let mut value = String::new();
            let mut characters = tail.char_indices();
            let end = loop {
                match characters.next().expect("a closing quote") {
                    (_, '\\') => value.extend(characters.next().map(|(_, c)| c)),
                    (at, '"') => break at,
                    (_, c) => value.push(c),
                }
            };
            assert!(parameters.insert(name.to_owned(), value).is_none(), "duplicate parameter {name}: {header}");
            rest = &tail[end + 1..];
            if !rest.is_empty() {
                rest = rest.strip_prefix(", ").expect("a comma between parameters");
            }
        }
        Self(parameters)
    }
}
