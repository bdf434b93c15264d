//! Webhooks of PropelAuth, signed as Standard Webhooks.

use std::time::{Duration, UNIX_EPOCH};

use reqwest::{RequestBuilder, header::HeaderValue};
use serde_json::{Value, json};
use standardwebhooks::Webhook;

use toolgate::{
    PropelAuth,
    auth::{BearerToken, Claims, Resource, Revocations, Route, TokenValidator, ValidationError, async_trait},
};

use crate::{HttpResponse, RawRequest, http_client, send};

/// Secret with which deliveries are signed unless a test says otherwise.
pub const WEBHOOK_SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A validator with the webhook endpoint of PropelAuth, whose secret is [`WEBHOOK_SECRET`].
#[derive(Debug)]
pub struct WithWebhooks<V> {
    validator: V,
    webhooks: PropelAuth,
}

impl<V> WithWebhooks<V> {
    /// Adds the endpoint to a validator.
    ///
    /// # Panics
    ///
    /// Never: the secret is valid.
    pub fn new(validator: V) -> Self {
        let webhooks = PropelAuth::new("http://127.0.0.1:1", "client-id", "client-secret");
        let webhooks = webhooks.and_then(|webhooks| webhooks.webhook_secret(WEBHOOK_SECRET));
        Self { validator, webhooks: webhooks.expect("the settings are valid") }
    }
}

#[async_trait]
impl<V: TokenValidator> TokenValidator for WithWebhooks<V> {
    async fn validate(&self, token: &BearerToken, resource: &Resource) -> Result<Claims, ValidationError> {
        self.validator.validate(token, resource).await
    }

    fn routes(&self, revocations: Revocations) -> Vec<Route> {
        self.webhooks.routes(revocations)
    }

    fn reports_revocations(&self) -> bool {
        true
    }

    fn self_contained_lifetime(&self) -> Option<Duration> {
        self.validator.self_contained_lifetime()
    }
}

/// A delivery of an event to a server.
#[derive(Clone, Debug)]
pub struct WebhookDelivery {
    server_url: String,
    secret: &'static str,
    header_prefix: &'static str,
    id: String,
    body: String,
}

impl WebhookDelivery {
    /// Creates a delivery with an ID, by which the server recognizes a repeated delivery.
    pub fn new(server_url: &str, id: impl Into<String>, event: &Value) -> Self {
        Self {
            server_url: server_url.to_owned(),
            secret: WEBHOOK_SECRET,
            header_prefix: "svix",
            id: id.into(),
            body: event.to_string(),
        }
    }

    /// Creates a delivery of `user.disabled`.
    pub fn user_disabled(server_url: &str, id: impl Into<String>, user: &str) -> Self {
        Self::new(server_url, id, &json!({ "event_type": "user.disabled", "user_id": user }))
    }

    /// Sets the secret.
    pub fn signed_with(self, secret: &'static str) -> Self {
        Self { secret, ..self }
    }

    /// Sets the prefix of the header names: `svix` is PropelAuth's, `webhook` the one of Standard Webhooks.
    pub fn header_prefix(self, header_prefix: &'static str) -> Self {
        Self { header_prefix, ..self }
    }

    /// Returns the signed HTTP request.
    ///
    /// # Panics
    ///
    /// If the secret is invalid.
    pub fn request(&self) -> RequestBuilder {
        let now = UNIX_EPOCH.elapsed().expect("the clock is after 1970").as_secs();
        let time = i64::try_from(now).expect("the time fits 63 bits");
        let webhook = Webhook::new(self.secret).expect("the secret is valid");
        let signature = webhook.sign(&self.id, time, self.body.as_bytes()).expect("JSON is UTF-8");
        let prefix = self.header_prefix;
        http_client()
            .post(format!("{}/webhooks/propelauth", self.server_url))
            .header(format!("{prefix}-id"), &self.id)
            .header(format!("{prefix}-timestamp"), time)
            .header(format!("{prefix}-signature"), signature)
            .header("content-type", "application/json")
            .body(self.body.clone())
    }

    /// Returns the signed HTTP request as text, for a client that sends it slowly.
    ///
    /// # Panics
    ///
    /// If the secret is invalid.
    pub fn raw_request(&self) -> RawRequest {
        let request = self.request().build().expect("the request is valid");
        let value = |value: &HeaderValue| value.to_str().expect("the headers are ASCII").to_owned();
        let headers = request.headers().iter().map(|(name, header)| (name.as_str(), value(header)));
        let raw = RawRequest::new("POST", request.url().path()).body(self.body.clone());
        headers.fold(raw, |raw, (name, value)| raw.header(name, value))
    }

    /// Returns the text of the event, which is the body.
    pub fn body(&self) -> &str {
        &self.body
    }

    /// Sends the delivery.
    pub async fn send(&self) -> HttpResponse {
        send(self.request()).await
    }
}
