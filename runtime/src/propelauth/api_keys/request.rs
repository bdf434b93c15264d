//! The request that validates an API key, and its errors.

use std::time::Duration;

use http::{StatusCode, header::CONTENT_TYPE};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Value, json};
use thiserror::Error;

use super::{
    super::ADVICE,
    validation_response::{ValidationResponse, ValidationResponseError},
};
use crate::{
    auth::Unavailable,
    oauth::http_client::{HttpClient, HttpError, ResponseWithStatus},
};

/// Maximum time after which to retry. A longer one is reduced to this.
const MAX_WAIT: Duration = Duration::from_mins(5);

/// Whether PropelAuth knows an API key.
#[derive(Debug)]
pub(super) enum KeyStatus {
    Active(Box<ValidationResponse>),
    Inactive,
}

/// An API key could not be validated. The text is for the log, says what to do, and holds neither a key nor a part of a
/// response.
#[derive(Debug, Error)]
pub(super) enum KeyRequestError {
    #[error("{}", ADVICE.describe(.0))]
    Http(#[from] HttpError),
    #[error(
        "the backend integration key of this server was rejected ({0}): create one in the dashboard under Backend \
         Integration -> Create New API Key, in the environment of this Auth URL (\"Validation Only\" suffices), and set \
         PROPELAUTH_API_KEY"
    )]
    BackendKeyRejected(StatusCode),
    #[error(
        "not found (404): set PROPELAUTH_AUTH_URL to the Auth URL that the dashboard shows under Backend Integration"
    )]
    NotFound,
    #[error("PropelAuth limits the rate of requests ({})", StatusCode::TOO_MANY_REQUESTS)]
    RateLimited(Option<Duration>),
    #[error("unexpected status {0}")]
    Status(StatusCode),
    #[error("invalid response: {0}")]
    Response(#[from] ValidationResponseError),
}

impl KeyRequestError {
    /// Converts the error and adds the URL of the request.
    pub(super) fn to_unavailable(&self, url: &str) -> Unavailable {
        let unavailable = Unavailable::new(format!("PropelAuth at {url}: {self}"));
        match self {
            Self::RateLimited(Some(after)) | Self::Http(HttpError::Overloaded { retry_after: Some(after), .. }) => {
                unavailable.retry_after(*after)
            }
            Self::BackendKeyRejected(_) => unavailable.misconfigured(),
            // An immediate retry would return the same response.
            Self::NotFound
            | Self::RateLimited(None)
            | Self::Status(_)
            | Self::Response(_)
            | Self::Http(HttpError::Redirect(_) | HttpError::TooLarge(_)) => unavailable.permanent(),
            Self::Http(_) => unavailable,
        }
    }
}

/// Members of the body of a client error. PropelAuth's libraries distinguish them, too. None of them hides the other if it
/// has another type.
#[derive(Default, Deserialize)]
struct ClientError {
    /// What is wrong with the key.
    api_key_token: Option<IgnoredAny>,
    /// Time until the key can be used again, in seconds. It is over the limit that PropelAuth's dashboard sets for keys.
    wait_seconds: Option<Value>,
}

/// Validates an API key, authenticated with the backend key.
pub(super) async fn validate(
    http: &HttpClient,
    url: &str,
    backend_key: &SecretString,
    key: &str,
) -> Result<KeyStatus, KeyRequestError> {
    let body = json!({"api_key_token": key}).to_string();
    let request = http.client()?.post(url).bearer_auth(backend_key.expose_secret());
    let request = request.header(CONTENT_TYPE, "application/json").body(body);
    let response = http.send_for_status(request, http.limits().max_response_bytes).await?;
    if response.status.is_success() {
        return Ok(KeyStatus::Active(Box::new(ValidationResponse::parse(&response.body)?)));
    }
    client_error(&response)
}

/// Returns what a client error (4xx) means. Only a response that names the key is about the key.
fn client_error(response: &ResponseWithStatus) -> Result<KeyStatus, KeyRequestError> {
    let error: ClientError = serde_json::from_slice(&response.body).unwrap_or_default();
    Err(match response.status {
        StatusCode::TOO_MANY_REQUESTS => {
            let wait = error.wait_seconds.as_ref().and_then(Value::as_f64);
            let wait = wait.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
            KeyRequestError::RateLimited(response.retry_after.or(wait).map(|wait| wait.min(MAX_WAIT)))
        }
        _ if error.api_key_token.is_some() => return Ok(KeyStatus::Inactive),
        status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => KeyRequestError::BackendKeyRejected(status),
        StatusCode::NOT_FOUND => KeyRequestError::NotFound,
        status => KeyRequestError::Status(status),
    })
}
