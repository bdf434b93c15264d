//! Webhooks, signed and delivered in order as PropelAuth delivers them through Svix.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use standardwebhooks::Webhook;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use url::Url;
use uuid::Uuid;

use crate::clock::now;

/// Maximum number of queued webhooks. Further ones are dropped and logged.
const QUEUE_CAPACITY: usize = 1000;

/// Timeout of one attempt to deliver a webhook.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Maximum time for which a change on the admin page waits for its webhook.
const MAX_WAIT: Duration = Duration::from_secs(2);

/// Delays before the second and the third attempt.
const RETRY_DELAYS: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(5)];

/// The body of a webhook, with PropelAuth's names.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event_type")]
pub(crate) enum Event {
    #[serde(rename = "user.disabled")]
    Disabled { user_id: String },
    #[serde(rename = "user.enabled")]
    Enabled { user_id: String },
    #[serde(rename = "user.logged_out")]
    LoggedOut { user_id: String },
    #[serde(rename = "user.deleted_personal_api_key")]
    PersonalKeyDeleted { user_id: String, api_key_id: String },
    #[serde(rename = "org.api_key_deleted")]
    OrganizationKeyDeleted { org_id: String, api_key_id: String },
    #[serde(rename = "user.role_changed_within_org")]
    RoleChanged { user_id: String, org_id: String, old_role: String, new_role: String },
}

/// The destination of webhooks, for [`DevTenantBuilder::webhook`](crate::DevTenantBuilder::webhook).
#[derive(Clone)]
pub struct WebhookEndpoint {
    url: Url,
    secret: String,
}

impl WebhookEndpoint {
    /// Validates the URL and the `whsec_...` secret that signs the webhooks.
    ///
    /// # Errors
    ///
    /// [`WebhookError`] names the invalid one.
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

    /// Validates the URL and generates a random secret, for a server in the same process.
    ///
    /// ```
    /// use toolgate_dev_tenant::WebhookEndpoint;
    ///
    /// let endpoint = WebhookEndpoint::with_random_secret("http://127.0.0.1:8000/webhooks")?;
    /// assert!(endpoint.secret().starts_with("whsec_"));
    /// # Ok::<(), toolgate_dev_tenant::WebhookError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`WebhookError::Url`] if the URL is invalid.
    pub fn with_random_secret(url: &str) -> Result<Self, WebhookError> {
        let secret = format!("whsec_{}", STANDARD.encode(rand::random::<[u8; 32]>()));
        Self::new(url, &secret)
    }

    /// Returns the secret that the receiver verifies signatures with.
    pub fn secret(&self) -> &str {
        &self.secret
    }

    /// Returns the URL.
    pub fn url(&self) -> &str {
        self.url.as_str()
    }
}

impl fmt::Debug for WebhookEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookEndpoint").field("url", &self.url.as_str()).finish_non_exhaustive()
    }
}

/// Reasons why a webhook endpoint is invalid.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WebhookError {
    /// The URL is not http or https.
    #[error("the webhook URL `{0}` is not an http or https URL; use one such as http://127.0.0.1:8000/webhooks")]
    Url(String),
    /// The secret is not a signing secret.
    #[error(
        "the webhook secret must be `whsec_` followed by base64; generate one with: \
         echo whsec_$(openssl rand -base64 24)"
    )]
    Secret,
}

/// The queue of webhooks. Without an endpoint, it discards them.
#[derive(Debug)]
pub(crate) struct Webhooks {
    endpoint: Option<WebhookEndpoint>,
    queue: Option<Sender<Message>>,
    /// Whether the last webhook was dropped because the queue was full.
    is_dropping: AtomicBool,
    /// Number of webhooks that were queued.
    queued: AtomicU64,
    /// Number of webhooks with at least one attempt to deliver them.
    attempted: watch::Receiver<u64>,
}

#[derive(Debug)]
struct Message {
    id: String,
    body: String,
}

impl Webhooks {
    /// Starts the task that delivers the webhooks, which runs until `shutdown` is cancelled.
    pub(crate) fn start(endpoint: Option<WebhookEndpoint>, shutdown: CancellationToken) -> Self {
        let (attempts, attempted) = watch::channel(0);
        let queue = endpoint.clone().map(|endpoint| {
            let (sender, receiver) = channel(QUEUE_CAPACITY);
            tokio::spawn(
                async move { shutdown.run_until_cancelled(deliver_all(endpoint, receiver, attempts)).await },
            );
            sender
        });
        Self { endpoint, queue, is_dropping: AtomicBool::new(false), queued: AtomicU64::new(0), attempted }
    }

    /// Waits until the endpoint was sent every webhook that is queued now, or did not respond to one of them. A change on
    /// the admin page therefore applies to the next request, even if the endpoint caches the state before it.
    pub(crate) async fn attempted(&self) {
        let queued = self.queued.load(Ordering::Acquire);
        let mut attempted = self.attempted.clone();
        // An error means that the tenant is shutting down.
        let _ = tokio::time::timeout(MAX_WAIT, attempted.wait_for(|&attempted| attempted >= queued)).await;
    }

    /// Returns the URL of the endpoint, if there is one.
    pub(crate) fn url(&self) -> Option<&str> {
        self.endpoint.as_ref().map(WebhookEndpoint::url)
    }

    /// Queues an event.
    pub(crate) fn send(&self, event: &impl Serialize) {
        let Some(queue) = &self.queue else { return };
        let body = match serde_json::to_string(event) {
            Ok(body) => body,
            Err(error) => return tracing::error!(%error, "a webhook cannot be serialized as JSON"),
        };
        let id = format!("msg_{}", Uuid::new_v4().simple());
        let dropped = queue.try_send(Message { id, body });
        if dropped.is_ok() {
            self.queued.fetch_add(1, Ordering::AcqRel);
        }
        let was_dropping = self.is_dropping.swap(dropped.is_err(), Ordering::Relaxed);
        if let Err(error) = dropped
            && !was_dropping
        {
            tracing::warn!(%error, "dropping webhooks until the endpoint has accepted those in the queue");
        }
    }
}

async fn deliver_all(endpoint: WebhookEndpoint, mut messages: Receiver<Message>, attempts: watch::Sender<u64>) {
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).timeout(TIMEOUT);
    let client = if crate::resource::is_loopback(&endpoint.url) {
        // The certificate of a server during development is for its public name, or self-signed. The event that is sent
        // there has no secret.
        client.no_proxy().tls_danger_accept_invalid_certs(true)
    } else {
        client
    };
    let client = match client.build() {
        Ok(client) => client,
        Err(error) => return tracing::error!(%error, "cannot create the HTTP client for webhooks"),
    };
    while let Some(message) = messages.recv().await {
        let mut delays = RETRY_DELAYS.into_iter();
        let mut result = deliver(&client, &endpoint, &message).await;
        attempts.send_modify(|attempts| *attempts += 1);
        while let Err(error) = result {
            let Some(delay) = delays.next() else {
                tracing::warn!(%error, id = message.id, "dropped a webhook after its last attempt");
                break;
            };
            tracing::info!(%error, id = message.id, ?delay, "retrying a webhook");
            tokio::time::sleep(delay).await;
            result = deliver(&client, &endpoint, &message).await;
        }
    }
}

/// Reasons why an attempt to deliver a webhook failed.
#[derive(Debug, thiserror::Error)]
enum DeliveryError {
    #[error("the endpoint cannot be reached: {0}")]
    Http(#[from] reqwest::Error),
    #[error("the endpoint returned the status {0}")]
    Status(reqwest::StatusCode),
    #[error("the webhook cannot be signed: {0}")]
    Sign(#[from] standardwebhooks::WebhookError),
}

async fn deliver(
    client: &reqwest::Client,
    endpoint: &WebhookEndpoint,
    message: &Message,
) -> Result<(), DeliveryError> {
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
    if response.status().is_success() { Ok(()) } else { Err(DeliveryError::Status(response.status())) }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn any_number_of_dropped_webhooks_is_one_line_in_the_log() {
        let (sender, mut waiting) = channel(1);
        let webhooks = Webhooks { queue: Some(sender), ..Webhooks::start(None, CancellationToken::new()) };
        let log = Log::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone()).finish();
        tracing::subscriber::with_default(subscriber, || {
            for _ in 0..100 {
                webhooks.send(&"event");
            }
            assert!(waiting.try_recv().is_ok());
            for _ in 0..100 {
                webhooks.send(&"event");
            }
        });
        let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        assert_eq!(log.lines().count(), 2, "{log}");
    }
}
