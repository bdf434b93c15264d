//! Response streams as the tests read them: one message at a time.

use reqwest::Response;
use serde_json::{Value, json};

use crate::{Client, HttpResponse, Revision, within_deadline};

/// An open response stream.
#[derive(Debug)]
pub struct EventStream {
    response: Response,
    buffer: String,
}

impl EventStream {
    /// Sends `subscriptions/listen` with this filter.
    ///
    /// # Panics
    ///
    /// If the response is not a stream.
    pub async fn listen(client: &Client, filter: Value) -> Self {
        Self::open(client, filter).await.unwrap_or_else(|response| panic!("{response:?}"))
    }

    /// Sends `subscriptions/listen` with this filter.
    ///
    /// # Errors
    ///
    /// The response, if it is not a stream.
    ///
    /// # Panics
    ///
    /// If the server sends no response.
    pub async fn open(client: &Client, filter: Value) -> Result<Self, HttpResponse> {
        let message = Revision::Modern.message("subscriptions/listen", json!({ "notifications": filter }));
        let response = client.request(&message).send().await.expect("a response");
        let content_type = response.headers().get("content-type").and_then(|value| value.to_str().ok());
        if content_type.is_some_and(|value| value.starts_with("text/event-stream")) {
            return Ok(Self { response, buffer: String::new() });
        }
        Err(HttpResponse::read(response).await)
    }

    /// Waits for the next message. `None` at the end of the stream.
    ///
    /// # Panics
    ///
    /// If neither arrives in time, or an event is not JSON.
    pub async fn next(&mut self) -> Option<Value> {
        within_deadline("a message", async {
            loop {
                if let Some(end) = self.buffer.find("\n\n") {
                    let event: String = self.buffer.drain(..end + 2).collect();
                    match event.lines().find_map(|line| line.strip_prefix("data:")) {
                        Some(data) => break Some(serde_json::from_str(data).expect("JSON")),
                        // A comment that keeps the connection open.
                        None => continue,
                    }
                }
                match self.response.chunk().await {
                    Ok(Some(chunk)) => self.buffer.push_str(&String::from_utf8_lossy(&chunk)),
                    Ok(None) | Err(_) => break None,
                }
            }
        })
        .await
    }

    /// Waits for the next message and returns its method.
    ///
    /// # Panics
    ///
    /// If the stream ends, or the message is the result.
    pub async fn next_method(&mut self) -> String {
        let message = self.next().await.expect("a message");
        assert_eq!(message["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"], 1, "{message}");
        message["method"].as_str().unwrap_or_else(|| panic!("{message}")).to_owned()
    }

    /// Waits for the acknowledgment and returns what the server will send.
    ///
    /// # Panics
    ///
    /// If the next message is another one.
    pub async fn acknowledged(&mut self) -> Value {
        let message = self.next().await.expect("a message");
        assert_eq!(message["method"], "notifications/subscriptions/acknowledged", "{message}");
        assert_eq!(message["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"], 1, "{message}");
        message["params"]["notifications"].clone()
    }
}
