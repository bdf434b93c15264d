//! A running server, by its public URL: its responses show whether requests arrive as clients send them.

use std::time::Duration;

use http::{HeaderMap, Method, StatusCode, header};
use reqwest::RequestBuilder;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use tokio::time::timeout;
use uuid::Uuid;

use super::{
    probe::{Probe, ProbeError, Received},
    report::{CheckResult, Level, quoted},
    time_limit::TimeLimit,
    webhook,
};
use crate::server::Deployment;

const METADATA: &str = "resource_metadata";
const AUTHORIZATION: &str = "proxy_authorization";
const STREAM: &str = "proxy_stream";
/// Time within which the first event of a stream must arrive.
const FIRST_EVENT_TIMEOUT: Duration = Duration::from_secs(3);

pub(super) async fn check(
    deployment: &Deployment,
    probe: &Probe,
    token: Option<&SecretString>,
    limit: TimeLimit,
) -> Vec<CheckResult> {
    let client = &Client { deployment, probe };
    let of_this_server = async {
        let metadata =
            limit.step(METADATA, "the request for the metadata of the server", async { [client.metadata().await] });
        let metadata = metadata.await;
        // Another server must receive neither the token nor a signed event.
        let is_this_server = metadata.iter().all(|result| result.level == Level::Ok);
        let (stream, delivered) = if is_this_server {
            let stream = async {
                match token {
                    Some(token) => Some(client.stream(token).await),
                    None => None,
                }
            };
            tokio::join!(
                limit.step(STREAM, "the stream", stream),
                limit.step(webhook::CODE, "the test delivery", webhook::check(deployment, probe))
            )
        } else {
            let unknown =
                |code, what| CheckResult::note(code, format!("{what}: the server is not known to be this one"));
            let has_deliveries = !deployment.validators.test_deliveries().is_empty();
            (
                token.map(|_| unknown(STREAM, "no stream was opened")).into_iter().collect(),
                has_deliveries.then(|| unknown(webhook::CODE, "no test delivery was sent")).into_iter().collect(),
            )
        };
        (metadata, stream, delivered)
    };
    let (ready, (metadata, stream, delivered), challenge, credentials) = tokio::join!(
        limit.step("ready", "the request for the readiness", client.ready()),
        of_this_server,
        limit.step("challenge", "the request without a token", async { [client.challenge().await] }),
        limit.step(AUTHORIZATION, "the request with an invalid token", async { [client.authorization().await] }),
    );
    // A request that does not arrive fails in the same way for each of them.
    let mut results: Vec<CheckResult> = Vec::new();
    for result in [ready, metadata, challenge, credentials, stream].into_iter().flatten() {
        if !results.iter().any(|other| other.text == result.text) {
            results.push(result);
        }
    }
    results.extend(delivered);
    results
}

struct Client<'a> {
    deployment: &'a Deployment,
    probe: &'a Probe,
}

impl Client<'_> {
    fn to_endpoint(&self, body: &Value) -> RequestBuilder {
        let request = self.probe.request(Method::POST, self.deployment.resource.url()).body(body.to_string());
        request
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "application/json, text/event-stream")
    }

    /// Reads `/readyz`, which a proxy need not forward.
    async fn ready(&self) -> Option<CheckResult> {
        const CODE: &str = "ready";
        let url = format!("{}/readyz", self.deployment.url.base());
        let received = self.probe.send(self.probe.request(Method::GET, &url)).await.ok()?;
        let body: Value = serde_json::from_slice(&received.body).ok()?;
        let version =
            body.get("version").and_then(Value::as_str).map(|version| format!(", version {}", quoted(version)));
        let version = version.unwrap_or_default();
        let reasons = |key: &str| body.get(key).map(|reasons| quoted(&reasons.to_string()));
        match received.status {
            StatusCode::OK => match reasons("degraded") {
                None => Some(CheckResult::ok(CODE, format!("the running server is ready{version}"))),
                Some(reasons) => {
                    let text = format!("the running server is ready{version}, and degraded: {reasons}");
                    Some(CheckResult::warning(CODE, text).action("read its log, which has the details"))
                }
            },
            StatusCode::SERVICE_UNAVAILABLE => {
                let reasons = reasons("reasons")?;
                let text = format!("the running server is not ready{version}: {reasons}");
                Some(CheckResult::error(CODE, text).action("read its log, which has the details"))
            }
            _ => None,
        }
    }

    /// Compares the protected resource metadata with the settings.
    async fn metadata(&self) -> CheckResult {
        let url = &self.deployment.metadata_url;
        let received = match self.probe.send(self.probe.request(Method::GET, url)).await {
            Ok(received) => received,
            Err(error) => return error.result(METADATA),
        };
        let document: Option<Value> = serde_json::from_slice(&received.body).ok();
        let resource = document.as_ref().and_then(|document| document.get("resource")).and_then(Value::as_str);
        match resource {
            Some(resource) if resource == self.deployment.resource.url() => {
                CheckResult::ok(METADATA, format!("{url} names this server"))
            }
            Some(resource) => {
                let expected = self.deployment.resource.url();
                let text = format!("the server at {url} calls itself {} instead of {expected}", quoted(resource));
                CheckResult::error(METADATA, text).action(
                    "set the same SERVER_URL for the running server and for `check`, and pass on `Host` in the proxy",
                )
            }
            None => {
                let text = format!("{url} responds {} without the metadata of a resource", received.status);
                CheckResult::error(METADATA, text).action("forward /.well-known/ in the proxy to this server")
            }
        }
    }

    /// Sends a request without a token, whose challenge names the metadata.
    async fn challenge(&self) -> CheckResult {
        const CODE: &str = "challenge";
        let received = match self.probe.send(self.to_endpoint(&ping())).await {
            Ok(received) => received,
            Err(error) => return error.result(CODE),
        };
        if let Some(result) = self.unexpected(CODE, &received) {
            return result;
        }
        let challenge = challenge(&received.headers);
        if challenge.contains(&format!("resource_metadata=\"{}\"", self.deployment.metadata_url)) {
            return CheckResult::ok(CODE, "a request without a token gets 401 and the URL of the metadata");
        }
        let text = format!("the challenge of the 401 response is `{}`", quoted(&challenge));
        let action = format!(
            "pass on `WWW-Authenticate` in the proxy, use no authentication of the proxy, and set the same SERVER_URL for the \
             running server and for `check`: the challenge must name {}",
            self.deployment.metadata_url
        );
        CheckResult::error(CODE, text).action(action)
    }

    /// Sends an invalid token. The response to it differs from the one to a missing token.
    async fn authorization(&self) -> CheckResult {
        let token = format!("toolgate-check-{}", Uuid::new_v4().simple());
        let received = match self.probe.send(self.to_endpoint(&ping()).bearer_auth(token)).await {
            Ok(received) => received,
            Err(error) => return error.result(AUTHORIZATION),
        };
        if received.status == StatusCode::SERVICE_UNAVAILABLE {
            return CheckResult::error(AUTHORIZATION, "the running server cannot validate tokens (503)")
                .action("read its log, and compare its settings with those of this check");
        }
        if let Some(result) = self.unexpected(AUTHORIZATION, &received) {
            return result;
        }
        if challenge(&received.headers).contains("error=\"invalid_token\"") {
            return CheckResult::ok(AUTHORIZATION, "`Authorization` arrives: an invalid token is rejected");
        }
        let text =
            "a request with a token gets the response for a request without one: `Authorization` does not arrive";
        CheckResult::error(AUTHORIZATION, text).action("pass on `Authorization` in the proxy")
    }

    /// Opens a stream of notifications, whose first event is sent immediately (revision 2026-07-28).
    async fn stream(&self, token: &SecretString) -> CheckResult {
        let meta = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": { "name": "toolgate-check", "version": env!("CARGO_PKG_VERSION") },
            "io.modelcontextprotocol/clientCapabilities": {},
        });
        let listen = json!({
            "jsonrpc": "2.0",
            "id": 1,
            "method": "subscriptions/listen",
            "params": { "notifications": { "toolsListChanged": true }, "_meta": meta },
        });
        let request = self
            .to_endpoint(&listen)
            .header("mcp-protocol-version", "2026-07-28")
            .header("mcp-method", "subscriptions/listen")
            .bearer_auth(token.expose_secret().trim());
        let first = async {
            let mut response = self.probe.open(request).await?;
            let status = response.status();
            let mut received = Vec::new();
            while status == StatusCode::OK
                && let Ok(Some(chunk)) = response.chunk().await
            {
                received.extend_from_slice(&chunk);
                if String::from_utf8_lossy(&received).contains("data:") {
                    return Ok((status, true));
                }
            }
            Ok((status, false))
        };
        let first: Result<Result<(StatusCode, bool), ProbeError>, _> = timeout(FIRST_EVENT_TIMEOUT, first).await;
        match first {
            // A proxy that buffers responses may pass on the first event together with the head.
            Ok(Ok((_, true))) => {
                let text = "the first event of a stream arrives while the stream is open; stop the server to check later ones";
                CheckResult::ok(STREAM, text)
            }
            Ok(Ok((status, false))) => {
                let text = format!("the running server does not open a stream for the token (status {status})");
                CheckResult::error(STREAM, text).action("read the log of the server, which has the reason")
            }
            Ok(Err(error)) => error.result(STREAM),
            Err(_) => {
                let text = format!("the first event of a stream did not arrive within {FIRST_EVENT_TIMEOUT:?}");
                CheckResult::error(STREAM, text)
                    .action("disable buffering of responses in the proxy (nginx: proxy_buffering off)")
            }
        }
    }

    /// Returns a result for a response that is not 401.
    fn unexpected(&self, code: &'static str, received: &Received) -> Option<CheckResult> {
        let status = received.status;
        if status == StatusCode::UNAUTHORIZED {
            return None;
        }
        let authority = self.deployment.url.url().authority();
        let action = match status {
            StatusCode::FORBIDDEN => format!(
                "pass on `Host`, which is {authority} (nginx: proxy_set_header Host $http_host), or allow this machine in the \
                 proxy"
            ),
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => {
                format!("forward {} in the proxy, with POST", self.deployment.config.http.endpoint_path)
            }
            StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT | StatusCode::SERVICE_UNAVAILABLE => {
                let address = self.deployment.config.http.bind_address();
                format!("start the server, and correct its address in the proxy: it listens on {address}")
            }
            _ => "look for the response in the logs of the proxy and of the server".to_owned(),
        };
        let text = format!("POST {} responds {status} instead of 401", self.deployment.resource.url());
        Some(CheckResult::error(code, text).action(action))
    }
}

fn ping() -> Value {
    json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" })
}

fn challenge(headers: &HeaderMap) -> String {
    let values = headers.get_all(header::WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
    values.collect::<Vec<_>>().join(", ")
}
