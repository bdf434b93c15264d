//! What came back over HTTP.

use std::collections::BTreeMap;

use reqwest::{RequestBuilder, Response, header::HeaderMap};
use serde_json::Value;

/// A whole response.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, as text.
    pub text: String,
    messages: Vec<Value>,
}

/// A `WWW-Authenticate: Bearer` challenge, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge(BTreeMap<String, String>);

impl Reply {
    /// Sends a request and reads the whole response.
    ///
    /// # Panics
    ///
    /// When there is none.
    pub async fn to(request: RequestBuilder) -> Self {
        match request.send().await {
            Ok(response) => Self::of(response).await,
            Err(error) => panic!("no response: {error:?}"),
        }
    }

    /// Reads the rest of a response.
    ///
    /// # Panics
    ///
    /// When it breaks off.
    pub async fn of(response: Response) -> Self {
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let text = response.text().await.expect("the response is complete");
        Self::new(status, headers, text)
    }

    /// A response from its parts.
    pub fn new(status: u16, headers: HeaderMap, text: String) -> Self {
        let messages = match serde_json::from_str(&text) {
            Ok(message) => vec![message],
            Err(_) => events(&text),
        };
        Self { status, headers, text, messages }
    }

    /// One header; empty if there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The JSON of the body, or the last event of a stream.
    pub fn json(&self) -> &Value {
        self.messages.last().unwrap_or(&Value::Null)
    }

    /// All events of a stream.
    pub fn messages(&self) -> &[Value] {
        &self.messages
    }

    /// The result of a request.
    ///
    /// # Panics
    ///
    /// When it is something else.
    pub fn result(&self) -> &Value {
        assert_eq!(self.status, 200, "{self:?}");
        assert_eq!(self.json()["id"], 1, "{self:?}");
        let result = &self.json()["result"];
        assert!(result.is_object(), "{self:?}");
        result
    }

    /// The code of a JSON-RPC error.
    pub fn error_code(&self) -> Option<i64> {
        self.json()["error"]["code"].as_i64()
    }

    /// The text of a tool's result.
    pub fn text_content(&self) -> &str {
        self.result()["content"][0]["text"].as_str().unwrap_or_default()
    }

    /// Whether a tool ran and gave a result that is no error.
    pub fn is_success(&self) -> bool {
        self.status == 200 && self.json()["result"].is_object() && self.json()["result"]["isError"] != true
    }

    /// Whether a tool's result says that something went wrong.
    pub fn is_tool_error(&self) -> bool {
        self.status == 200 && self.json()["result"]["isError"] == true
    }

    /// The challenge, if there is one.
    ///
    /// # Panics
    ///
    /// When there are several, or one that RFC 9110 does not allow.
    pub fn challenge(&self) -> Option<Challenge> {
        let mut values = self.headers.get_all("www-authenticate").iter();
        let value = values.next()?;
        assert!(values.next().is_none(), "one challenge: {self:?}");
        Some(Challenge::parse(value.to_str().expect("a challenge is ASCII")))
    }

    /// The challenge, which has to be there.
    ///
    /// # Panics
    ///
    /// When it is not.
    pub fn must_challenge(&self) -> Challenge {
        self.challenge().unwrap_or_else(|| panic!("there is no challenge: {self:?}"))
    }
}

/// The messages of a stream of server-sent events.
fn events(text: &str) -> Vec<Value> {
    text.lines()
        .filter_map(|line| line.strip_prefix("data:"))
        .filter_map(|data| serde_json::from_str(data.trim()).ok())
        .collect()
}

impl Challenge {
    /// One parameter; empty if there is none.
    pub fn get(&self, name: &str) -> &str {
        self.0.get(name).map(String::as_str).unwrap_or_default()
    }

    /// The names of the parameters.
    pub fn names(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).collect()
    }

    /// The scopes, in order.
    pub fn scopes(&self) -> Vec<&str> {
        self.get("scope").split(' ').filter(|scope| !scope.is_empty()).collect()
    }

    /// Strictly `Bearer name="value", name="value"`.
    fn parse(header: &str) -> Self {
        let mut rest = header.strip_prefix("Bearer ").expect("the scheme is Bearer");
        let mut parameters = BTreeMap::new();
        while !rest.is_empty() {
            let (name, tail) = rest.split_once("=\"").expect("a quoted parameter");
            assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'), "{header}");
            let mut value = String::new();
            let mut characters = tail.char_indices();
            let end = loop {
                match characters.next().expect("the string is closed") {
                    (_, '\\') => value.extend(characters.next().map(|(_, c)| c)),
                    (at, '"') => break at,
                    (_, c) => value.push(c),
                }
            };
            assert!(parameters.insert(name.to_owned(), value).is_none(), "{name} stands twice: {header}");
            rest = &tail[end + 1..];
            if !rest.is_empty() {
                rest = rest.strip_prefix(", ").expect("a comma between parameters");
            }
        }
        Self(parameters)
    }
}
