//! HTTP client for an authorization server. It limits time and response size, and does not follow redirects.

use std::{sync::OnceLock, time::Duration};

use reqwest::{
    Client, RequestBuilder, Response, StatusCode,
    header::{ACCEPT, RETRY_AFTER},
    redirect::Policy,
};
use thiserror::Error;
use url::Url;

use super::retry_after;
use crate::{error::ErrorChain, traces::ClientSpan, url::is_loopback};

/// Limits of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HttpLimits {
    pub(crate) connect_timeout: Duration,
    /// Time limit from connecting to the last byte of the response.
    pub(crate) timeout: Duration,
    /// Maximum size of an introspection response, in bytes.
    pub(crate) max_response_bytes: usize,
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

/// How to connect to an authorization server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Transport {
    /// Without TLS, which is valid on loopback only.
    pub(crate) plain_http: bool,
    /// Without the proxy of the environment.
    pub(crate) loopback: bool,
}

impl Transport {
    pub(crate) fn of(url: &Url) -> Self {
        Self { plain_http: url.scheme() == "http", loopback: is_loopback(url) }
    }
}

/// Pooled HTTP client. Clones share the pool.
#[derive(Clone)]
pub(crate) struct HttpClient {
    /// Empty after a change of `connect_timeout`, until the next request.
    client: OnceLock<Client>,
    limits: HttpLimits,
    transport: Transport,
}

/// A request failed. The text holds neither a token nor a secret nor a part of a response.
#[derive(Debug, Error)]
pub(crate) enum HttpError {
    #[error("cannot set up HTTPS ({0}): install the CA certificates of the operating system")]
    Setup(String),
    #[error("cannot connect within {0:?}")]
    ConnectTimeout(Duration),
    #[error("cannot connect ({0})")]
    Connect(String),
    #[error("no complete response within {0:?}")]
    Timeout(Duration),
    #[error("the connection was interrupted ({0})")]
    Interrupted(String),
    #[error("the response is larger than {0} bytes")]
    TooLarge(usize),
    #[error("the response is a redirect ({0}), which is not followed")]
    Redirect(StatusCode),
    #[error("not found (404)")]
    NotFound,
    #[error("temporarily unavailable ({status})")]
    Overloaded { status: StatusCode, retry_after: Option<Duration> },
    #[error("unexpected status {0}")]
    Status(StatusCode),
}

/// Response that is successful or a client error.
pub(crate) struct ResponseWithStatus {
    pub(crate) status: StatusCode,
    /// Delay of the header `Retry-After`.
    pub(crate) retry_after: Option<Duration>,
    pub(crate) body: Vec<u8>,
}

impl HttpClient {
    /// Creates the HTTP client eagerly, so that missing CA certificates are reported when the server starts.
    pub(crate) fn new(transport: Transport) -> Result<Self, HttpError> {
        let http = Self { client: OnceLock::new(), limits: HttpLimits::default(), transport };
        http.client()?;
        Ok(http)
    }

    pub(crate) fn limits(&self) -> HttpLimits {
        self.limits
    }

    pub(crate) fn change_limits(&mut self, change: impl FnOnce(&mut HttpLimits)) {
        let mut limits = self.limits;
        change(&mut limits);
        if limits.connect_timeout != self.limits.connect_timeout {
            self.client = OnceLock::new();
        }
        self.limits = limits;
    }

    pub(crate) fn client(&self) -> Result<&Client, HttpError> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let client = self.create_client().map_err(|error| HttpError::Setup(ErrorChain(&error).to_string()))?;
        Ok(self.client.get_or_init(|| client))
    }

    fn create_client(&self) -> reqwest::Result<Client> {
        let mut builder = Client::builder()
            .user_agent(concat!("toolgate/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(self.limits.connect_timeout)
            .redirect(Policy::none())
            .https_only(!self.transport.plain_http);
        if self.transport.loopback {
            builder = builder.no_proxy();
        }
        if self.transport.plain_http {
            // Without TLS, a machine without CA certificates can connect to loopback.
            builder = builder.tls_certs_only([]);
        }
        builder.build()
    }

    /// Sends a request and returns the body of a successful response of at most `max_bytes`.
    pub(crate) async fn send(&self, request: RequestBuilder, max_bytes: usize) -> Result<Vec<u8>, HttpError> {
        self.exchange(request, async |response| self.read_body(check_status(response)?, max_bytes).await).await
    }

    /// Sends a request and returns the response with a body of at most `max_bytes`, whether it is successful or a client
    /// error (4xx). Every other status is an error.
    pub(crate) async fn send_for_status(
        &self,
        request: RequestBuilder,
        max_bytes: usize,
    ) -> Result<ResponseWithStatus, HttpError> {
        let read = async |mut response: Response| {
            let status = response.status();
            let retry_after = response.headers().get(RETRY_AFTER).and_then(retry_after::parse);
            if !status.is_client_error() {
                response = check_status(response)?;
            }
            let body = self.read_body(response, max_bytes).await?;
            Ok(ResponseWithStatus { status, retry_after, body })
        };
        self.exchange(request, read).await
    }

    /// Sends a request and reads the response, in one span.
    async fn exchange<T>(
        &self,
        request: RequestBuilder,
        read: impl AsyncFnOnce(Response) -> Result<T, HttpError>,
    ) -> Result<T, HttpError> {
        let (client, request) = request.header(ACCEPT, "application/json").timeout(self.limits.timeout).build_split();
        let mut request = request.map_err(|error| self.classify(error))?;
        let (method, url) = (request.method().clone(), request.url().clone());
        let span = ClientSpan::http(&method, &url, request.headers_mut());
        span.run(async {
            let response = client.execute(request).await.inspect_err(|_| span.failed("no_response"));
            let response = response.map_err(|error| self.classify(error))?;
            span.status(response.status());
            read(response).await
        })
        .await
    }

    async fn read_body(&self, mut response: Response, max_bytes: usize) -> Result<Vec<u8>, HttpError> {
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.classify(error))? {
            if chunk.len() > max_bytes - body.len() {
                return Err(HttpError::TooLarge(max_bytes));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    fn classify(&self, error: reqwest::Error) -> HttpError {
        let error = error.without_url();
        match (error.is_connect(), error.is_timeout()) {
            (true, true) => HttpError::ConnectTimeout(self.limits.connect_timeout),
            (true, false) => HttpError::Connect(ErrorChain(&error).to_string()),
            (false, true) => HttpError::Timeout(self.limits.timeout),
            (false, false) => HttpError::Interrupted(ErrorChain(&error).to_string()),
        }
    }
}

/// Returns the response if its status is successful.
fn check_status(response: Response) -> Result<Response, HttpError> {
    let status = response.status();
    match status {
        _ if status.is_success() => Ok(response),
        _ if status.is_redirection() => Err(HttpError::Redirect(status)),
        StatusCode::NOT_FOUND => Err(HttpError::NotFound),
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
            let retry_after = response.headers().get(RETRY_AFTER).and_then(retry_after::parse);
            Err(HttpError::Overloaded { status, retry_after })
        }
        _ => Err(HttpError::Status(status)),
    }
}
