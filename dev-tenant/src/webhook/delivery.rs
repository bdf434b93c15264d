//! Signing and sending webhooks, one after the other, with a few retries.

use std::fmt;
use std::time::Duration;

use serde::Serialize;
use standardwebhooks::Webhook;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio_util::sync::CancellationToken;
use url::Url;
use uuid::Uuid;

use crate::clock::now;

/// How many webhooks may wait; further ones are dropped and logged.
const QUEUE: usize = 1000;

/// How long an endpoint has for an answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The pauses before the second and the third attempt.
const RETRIES: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(5)];

/// Where webhooks go, for [`DevTenantBuilder::webhook`](crate::DevTenantBuilder::webhook).
#[derive(Clone)]
pub struct WebhookEndpoint {
    url: Url,
    secret: String,
}

impl WebhookEndpoint {
    /// Checks the address and the `whsec_...` secret that they are signed with.
    ///
    /// # Errors
    ///
    /// [`WebhookError`] says which of them is no good.
    pub fn new(url: &str, secret: &str) -> Result<Self, WebhookError> {
        let url = Url::parse(url)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https"))
            .ok_or_else(|| WebhookError::Url(url.to_owned()))?;
        let key = secret.strip_prefix("whsec_").ok_or(WebhookError::Secret)?;
        if key.is_empty() || Webhook::new(secret).is_err() {
            return Err(WebhookError::Secret);
        }
        Ok(Self { url, secret: secret.to_owned() })
    }

    /// The address.
    pub fn url(&self) -> &str {
        self.url.as_str()
    }
}

impl fmt::Debug for WebhookEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookEndpoint").field("url", &self.url.as_str()).finish_non_exhaustive()
    }
}

/// Why a webhook endpoint cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WebhookError {
    /// Not an http or https address.
    #[error("the webhook address `{0}` is no http or https URL; write one such as http://127.0.0.1:8000/webhooks")]
    Url(String),
    /// Not a signing secret.
    #[error("the webhook secret is not `whsec_` and base64; make one with: echo whsec_$(openssl rand -base64 24)")]
    Secret,
}

/// The queue of webhooks.
#[derive(Debug, Default)]
pub(crate) struct Webhooks {
    endpoint: Option<WebhookEndpoint>,
    queue: Option<Sender<Message>>,
}

#[derive(Debug)]
struct Message {
    id: String,
    body: String,
}

impl Webhooks {
    /// Starts the task that sends them, until it is told to stop.
    pub(crate) fn start(endpoint: Option<WebhookEndpoint>, stop: CancellationToken) -> Self {
        let queue = endpoint.clone().map(|endpoint| {
            let (sender, receiver) = channel(QUEUE);
            tokio::spawn(async move { stop.run_until_cancelled(send_all(endpoint, receiver)).await });
            sender
        });
        Self { endpoint, queue }
    }

    /// Where they go, if anywhere.
    pub(crate) fn url(&self) -> Option<&str> {
        self.endpoint.as_ref().map(WebhookEndpoint::url)
    }

    /// Queues an event; forgets it where no endpoint is set.
    pub(crate) fn send(&self, event: &impl Serialize) {
        let Some(queue) = &self.queue else { return };
        let body = match serde_json::to_string(event) {
            Ok(body) => body,
            Err(error) => return tracing::error!(%error, "a webhook cannot be written as JSON"),
        };
        let id = format!("msg_{}", Uuid::new_v4().simple());
        if let Err(error) = queue.try_send(Message { id, body }) {
            tracing::warn!(%error, "a webhook was dropped");
        }
    }
}

async fn send_all(endpoint: WebhookEndpoint, mut messages: Receiver<Message>) {
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).timeout(TIMEOUT);
    let client = if crate::resource::is_loopback(&endpoint.url) { client.no_proxy() } else { client };
    let client = match client.build() {
        Ok(client) => client,
        Err(error) => return tracing::error!(%error, "webhooks cannot be sent"),
    };
    while let Some(message) = messages.recv().await {
        let mut pauses = RETRIES.into_iter();
        while let Err(error) = send(&client, &endpoint, &message).await {
            let Some(pause) = pauses.next() else {
                tracing::warn!(%error, id = message.id, "a webhook was given up");
                break;
            };
            tracing::info!(%error, id = message.id, "a webhook is sent again");
            tokio::time::sleep(pause).await;
        }
    }
}

/// Why one attempt failed.
#[derive(Debug, thiserror::Error)]
enum SendError {
    #[error("the endpoint cannot be reached: {0}")]
    Http(#[from] reqwest::Error),
    #[error("the endpoint answered {0}")]
    Status(reqwest::StatusCode),
    #[error("it cannot be signed: {0}")]
    Sign(#[from] standardwebhooks::WebhookError),
}

async fn send(client: &reqwest::Client, endpoint: &WebhookEndpoint, message: &Message) -> Result<(), SendError> {
    let timestamp = i64::try_from(now()).unwrap_or(i64::MAX);
    let signature = Webhook::new(&endpoint.secret)?.sign(&message.id, timestamp, message.body.as_bytes())?;
    let response = client
        .post(endpoint.url.clone())
        .header("svix-id", &message.id)
        .header("svix-timestamp", timestamp)
        .header("svix-signature", signature)
        .header("content-type", "application/json")
        .body(message.body.clone())
        .send()
        .await?;
    if response.status().is_success() { Ok(()) } else { Err(SendError::Status(response.status())) }
}
