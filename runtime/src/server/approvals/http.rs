//! HTTP requests to the authorization server, limited in time and size, without redirects.

use std::{sync::OnceLock, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderValue, header};
use reqwest::{Client, Method, Request, redirect::Policy};
use secrecy::{ExposeSecret as _, SecretString};
use thiserror::Error;
use url::{Url, form_urlencoded};

use crate::{error::ErrorChain, url::is_loopback};

/// Time limit of a request, from connecting to the last byte of the response.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Maximum size of a response, in bytes.
const MAX_BYTES: usize = 64 * 1024;

/// A request failed. The text holds nothing that was sent or received.
#[derive(Debug, Error)]
pub(super) enum HttpError {
    #[error("the authorization server did not respond: {0}")]
    Failed(String),
    #[error("a response of the authorization server is larger than {MAX_BYTES} bytes")]
    TooLarge,
}

impl From<reqwest::Error> for HttpError {
    fn from(error: reqwest::Error) -> Self {
        Self::Failed(ErrorChain(&error.without_url()).to_string())
    }
}

/// Creates a POST request.
pub(super) fn post(url: &Url, content_type: &'static str, body: Vec<u8>) -> Request {
    let mut request = Request::new(Method::POST, url.clone());
    request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    *request.body_mut() = Some(body.into());
    request
}

/// Adds the credentials of a client (RFC 6749, section 2.3.1).
pub(super) fn authenticate(request: &mut Request, id: &str, secret: &SecretString) {
    let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let credentials = STANDARD.encode(format!("{}:{}", encoded(id), encoded(secret.expose_secret())));
    if let Ok(mut value) = HeaderValue::try_from(format!("Basic {credentials}")) {
        value.set_sensitive(true);
        request.headers_mut().insert(header::AUTHORIZATION, value);
    }
}

/// Sends a request and reads the response.
pub(super) async fn send(mut request: Request) -> Result<http::Response<Vec<u8>>, HttpError> {
    request.headers_mut().insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    *request.timeout_mut() = Some(TIMEOUT);
    let is_local = request.url().scheme() == "http" && is_loopback(request.url());
    let mut response = client(is_local)?.execute(request).await?;
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if chunk.len() > MAX_BYTES - body.len() {
            return Err(HttpError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    let mut complete = http::Response::new(body);
    *complete.status_mut() = response.status();
    *complete.headers_mut() = std::mem::take(response.headers_mut());
    Ok(complete)
}

/// Returns the client for `https`, or the one for `http` on loopback, which needs no certificates and no proxy.
fn client(is_local: bool) -> Result<&'static Client, HttpError> {
    static REMOTE: OnceLock<Client> = OnceLock::new();
    static LOCAL: OnceLock<Client> = OnceLock::new();
    let clients = if is_local { &LOCAL } else { &REMOTE };
    if let Some(client) = clients.get() {
        return Ok(client);
    }
    let mut builder = Client::builder()
        .user_agent(concat!("toolgate/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::none())
        .https_only(!is_local);
    if is_local {
        builder = builder.no_proxy().tls_certs_only([]);
    }
    let client = builder.build()?;
    Ok(clients.get_or_init(|| client))
}
