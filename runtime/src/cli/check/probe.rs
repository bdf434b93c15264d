//! HTTP requests of the checks. The text of a failure is what a client would see, and what to do.

use std::time::{Duration, Instant};

use http::{HeaderMap, Method, StatusCode, header};
use reqwest::{Client, RequestBuilder, Response, redirect::Policy};
use url::Url;

use super::report::{CheckResult, quoted};
use crate::{error::ErrorChain, url::is_loopback};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Time limit of a request, with its body.
pub(super) const TIMEOUT: Duration = Duration::from_secs(6);
/// Maximum size of a response, in bytes.
const MAX_BYTES: usize = 1024 * 1024;

/// HTTP client for one host. It follows no redirect.
pub(super) struct Probe {
    client: Client,
}

/// A complete response.
pub(super) struct Received {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    pub(super) elapsed: Duration,
}

/// A request without a usable response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ProbeError {
    /// The response is a redirect.
    Redirect { method: Method, url: String, status: StatusCode, location: String },
    /// No response arrived.
    Unreachable { url: String, reason: String },
}

impl Probe {
    /// Creates a client for the host of `url`.
    ///
    /// # Errors
    ///
    /// The operating system has no CA certificates.
    pub(super) fn new(url: &Url) -> Result<Self, ProbeError> {
        let mut builder = Client::builder()
            .user_agent(concat!("toolgate-check/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            // As most clients do. nginx buffers responses to HTTP/1.1 that it passes on immediately by HTTP/2.
            .http1_only()
            .redirect(Policy::none());
        if is_loopback(url) {
            builder = builder.no_proxy();
        }
        if url.scheme() == "http" {
            // Without TLS, a machine without CA certificates can connect.
            builder = builder.tls_certs_only([]);
        }
        builder.build().map(|client| Self { client }).map_err(|error| ProbeError::unreachable(url.as_str(), error))
    }

    pub(super) fn request(&self, method: Method, url: &str) -> RequestBuilder {
        self.client.request(method, url)
    }

    /// Sends a request. The body of the response has not arrived.
    pub(super) async fn open(&self, request: RequestBuilder) -> Result<Response, ProbeError> {
        let (client, request) = request.build_split();
        let request = request.map_err(|error| ProbeError::unreachable("the URL", error))?;
        let (method, url) = (request.method().clone(), request.url().to_string());
        let response = client.execute(request).await.map_err(|error| ProbeError::unreachable(&url, error))?;
        let status = response.status();
        if status.is_redirection() {
            let location = response.headers().get(header::LOCATION).and_then(|value| value.to_str().ok());
            let location = location.unwrap_or_default().to_owned();
            return Err(ProbeError::Redirect { method, url, status, location });
        }
        Ok(response)
    }

    /// Sends a request and reads the response, of which at most the first [`MAX_BYTES`].
    pub(super) async fn send(&self, request: RequestBuilder) -> Result<Received, ProbeError> {
        let started = Instant::now();
        let mut response = self.open(request).await?;
        let elapsed = started.elapsed();
        let url = response.url().to_string();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| ProbeError::unreachable(&url, error))? {
            if body.len() + chunk.len() > MAX_BYTES {
                break;
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Received { status: response.status(), headers: response.headers().clone(), body, elapsed })
    }
}

impl ProbeError {
    fn unreachable(url: &str, error: reqwest::Error) -> Self {
        let timed_out = error.is_timeout().then(|| format!(" (no response within {TIMEOUT:?})"));
        let reason = format!("{}{}", ErrorChain(&error.without_url()), timed_out.unwrap_or_default());
        Self::Unreachable { url: url.to_owned(), reason: quoted(&reason) }
    }

    /// Returns the error of a check.
    pub(super) fn result(&self, code: &'static str) -> CheckResult {
        match self {
            Self::Unreachable { url, reason } => {
                CheckResult::error(code, format!("{url} cannot be reached from this machine: {reason}")).action(
                    "check DNS, the firewall, the certificate, and that the proxy forwards this path to the server",
                )
            }
            Self::Redirect { method, url, status, location } => {
                let effect = redirect_effect(method, url, *status, location);
                let location = quoted(location);
                CheckResult::error(code, format!("{method} {url} is redirected to {location} ({status}): {effect}"))
                    .action(redirect_action(url, &location))
            }
        }
    }
}

/// Returns what a redirect does to the requests of clients (RFC 9110, section 15.4).
fn redirect_effect(method: &Method, url: &str, status: StatusCode, location: &str) -> &'static str {
    let origins = Url::parse(url).ok().and_then(|url| Some((url.origin(), url.join(location).ok()?.origin())));
    if origins.is_none_or(|(one, other)| one != other) {
        "clients do not send `Authorization` to another scheme, host or port"
    } else if *method == Method::POST && matches!(status.as_u16(), 301..=303) {
        "clients send GET instead of POST there"
    } else {
        "clients need not follow it"
    }
}

fn redirect_action(url: &str, location: &str) -> String {
    let path = Url::parse(url).map(|url| url.path().to_owned()).unwrap_or_default();
    match location.strip_suffix(path.as_str()).filter(|base| base.contains("://") && path.len() > 1) {
        Some(base) => {
            format!("set SERVER_URL to {base}, which clients then use, or remove the redirect in the proxy")
        }
        None => "remove the redirect in the proxy".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_names_its_target_its_effect_and_what_to_do() {
        let url = "https://mcp.example.com/mcp";
        for (status, location, effect, action) in [
            (
                308,
                "https://www.example.com/mcp",
                "do not send `Authorization`",
                "set SERVER_URL to https://www.example.com,",
            ),
            (301, "https://mcp.example.com/mcp/", "GET instead of POST", "remove the redirect"),
            (307, "/mcp/", "need not follow", "remove the redirect"),
            (
                302,
                "http://mcp.example.com/mcp",
                "do not send `Authorization`",
                "set SERVER_URL to http://mcp.example.com,",
            ),
            (302, "", "GET instead of POST", "remove the redirect"),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            let error = ProbeError::Redirect {
                method: Method::POST,
                url: url.to_owned(),
                status,
                location: location.to_owned(),
            };
            let result = error.result("redirect");
            assert!(result.text.contains(effect) && result.text.contains(location), "{}", result.text);
            assert!(result.action.as_ref().unwrap().starts_with(action), "{result:?}");
        }
    }
}
