//! Calls to PropelAuth: one pooled client, bounded in time and in size, that follows no redirect.

use std::{error::Error as _, sync::OnceLock, time::Duration};

use reqwest::{
    Client, RequestBuilder, Response, StatusCode,
    header::{ACCEPT, RETRY_AFTER},
    redirect::Policy,
};
use thiserror::Error;

use super::{auth_url::AuthUrl, retry_after};

/// Limits of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct HttpLimits {
    pub(super) connect_timeout: Duration,
    /// From the first byte sent to the last one read, the connection included.
    pub(super) timeout: Duration,
    /// Of an introspection answer.
    pub(super) max_response_bytes: usize,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(2),
            timeout: Duration::from_secs(5),
            max_response_bytes: 64 * 1024,
        }
    }
}

/// The HTTP client. It is made when it is first needed, since a builder method may still change the limits.
pub(super) struct HttpClient {
    client: OnceLock<Client>,
    limits: HttpLimits,
    plain: bool,
    loopback: bool,
}

/// A call that led to no answer. The texts say what to do; none holds a token, a secret or a part of an answer.
#[derive(Debug, Error)]
pub(super) enum HttpError {
    #[error("HTTPS could not be set up ({0}): install the operating system's CA certificates")]
    Setup(String),
    #[error("no connection within {0:?}: check that this server may reach it")]
    ConnectTimeout(Duration),
    #[error("no connection ({0}): check PROPELAUTH_AUTH_URL, and that this server may reach it")]
    Connect(String),
    #[error("no whole answer within {0:?}")]
    Timeout(Duration),
    #[error("the connection broke ({0})")]
    Broken(String),
    #[error("the answer is larger than {0} bytes")]
    TooLarge(usize),
    #[error(
        "it answered with the redirect {0}, which is not followed: set PROPELAUTH_AUTH_URL to the Auth URL that the \
         dashboard shows under Backend Integration"
    )]
    Redirect(StatusCode),
    #[error("it is not there (404): is MCP enabled for this environment (MCP -> Enable MCP)?")]
    NotFound,
    #[error("it cannot take calls just now ({status})")]
    Overloaded { status: StatusCode, retry_after: Option<Duration> },
    #[error("it answered {0}")]
    Status(StatusCode),
}

impl HttpClient {
    /// Makes the client at once, so that a machine without certificates is noticed when the server starts.
    pub(super) fn new(auth_url: &AuthUrl) -> Result<Self, HttpError> {
        let http = Self {
            client: OnceLock::new(),
            limits: HttpLimits::default(),
            plain: auth_url.is_plain(),
            loopback: auth_url.is_loopback(),
        };
        http.client()?;
        Ok(http)
    }

    pub(super) fn limits(&self) -> HttpLimits {
        self.limits
    }

    pub(super) fn set_limits(&mut self, limits: HttpLimits) {
        if limits.connect_timeout != self.limits.connect_timeout {
            self.client = OnceLock::new();
        }
        self.limits = limits;
    }

    pub(super) fn client(&self) -> Result<&Client, HttpError> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let client = self.make_client().map_err(|error| HttpError::Setup(causes(&error)))?;
        Ok(self.client.get_or_init(|| client))
    }

    fn make_client(&self) -> reqwest::Result<Client> {
        let mut builder = Client::builder()
            .user_agent(concat!("toolgate/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(self.limits.connect_timeout)
            .redirect(Policy::none())
            .https_only(!self.plain);
        if self.loopback {
            builder = builder.no_proxy();
        }
        if self.plain {
            // No TLS will be spoken, so a machine without CA certificates can still talk to itself.
            builder = builder.tls_certs_only([]);
        }
        builder.build()
    }

    /// Sends a request and reads the whole body of an answer with a status of success, up to `max_bytes`.
    pub(super) async fn call(&self, request: RequestBuilder, max_bytes: usize) -> Result<Vec<u8>, HttpError> {
        let failed = |error| self.failed(error);
        let response =
            request.header(ACCEPT, "application/json").timeout(self.limits.timeout).send().await.map_err(failed)?;
        let mut response = successful(response)?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if chunk.len() > max_bytes - body.len() {
                return Err(HttpError::TooLarge(max_bytes));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    fn failed(&self, error: reqwest::Error) -> HttpError {
        let error = error.without_url();
        match (error.is_connect(), error.is_timeout()) {
            (true, true) => HttpError::ConnectTimeout(self.limits.connect_timeout),
            (true, false) => HttpError::Connect(causes(&error)),
            (false, true) => HttpError::Timeout(self.limits.timeout),
            (false, false) => HttpError::Broken(causes(&error)),
        }
    }
}

fn successful(response: Response) -> Result<Response, HttpError> {
    let status = response.status();
    match status {
        _ if status.is_success() => Ok(response),
        _ if status.is_redirection() => Err(HttpError::Redirect(status)),
        StatusCode::NOT_FOUND => Err(HttpError::NotFound),
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
            let retry_after = response.headers().get(RETRY_AFTER).and_then(retry_after::read);
            Err(HttpError::Overloaded { status, retry_after })
        }
        _ => Err(HttpError::Status(status)),
    }
}

/// An error with its causes: reqwest's own text says only that sending failed.
fn causes(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
