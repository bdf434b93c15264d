//! The way from the public URL to this process, while no server uses its address: a request must arrive as it was sent, and
//! a stream without delay.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use http::{Method, StatusCode, Uri, header};
use reqwest::RequestBuilder;
use tokio::time::timeout;
use uuid::Uuid;

use super::{
    echo::{self, EVENTS, Echo, Echoed},
    probe::{Probe, ProbeError},
    report::{CheckResult, quoted},
    time_limit::TimeLimit,
};
use crate::{gate::TrustedProxies, server::Deployment};

/// Time within which the events of a stream must arrive.
const STREAM_TIMEOUT: Duration = Duration::from_secs(3);
/// Time for which a proxy may respond that no server runs: until now, none did.
const RECOVERY_TIMEOUT: Duration = Duration::from_secs(5);
const RETRY_INTERVAL: Duration = Duration::from_millis(250);
/// Maximum size of the body that is sent to test the limit of the proxy, in bytes.
pub(super) const MAX_BODY_BYTES: usize = 4 * 1024 * 1024;

/// Result of the first request.
pub(super) enum Reached {
    /// The request arrived at this process. The results are about all requests.
    ThisProcess(Vec<CheckResult>),
    /// Another server responded.
    AnotherServer,
    /// No server responded.
    Nothing(CheckResult),
}

pub(super) async fn check(deployment: &Deployment, probe: &Probe, echo: &Echo, limit: TimeLimit) -> Reached {
    let request = &Request::new(deployment, probe, echo);
    let url = deployment.resource.url();
    let reached = limit.within("public_url", format!("the first request to {url}"), request.reach()).await;
    let echoed = match reached {
        Ok(Ok(Ok(echoed))) => echoed,
        Ok(Ok(Err(
            status @ (StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT),
        ))) => {
            return Reached::Nothing(not_forwarded(deployment, status, echo.health_checked()));
        }
        Ok(Ok(Err(_))) => return Reached::AnotherServer,
        Ok(Err(error)) => return Reached::Nothing(error.result("public_url")),
        Err(unfinished) => return Reached::Nothing(unfinished),
    };
    let mut results =
        vec![CheckResult::ok("public_url", format!("{url} reaches this process, from {}", echoed.peer.ip()))];
    results.push(host(&echoed, deployment));
    results.push(authorization(&echoed, request));
    results.extend(path(&echoed, deployment));
    results.extend(forwarded_for(&echoed, deployment));
    let paths = deployment.validators.test_deliveries();
    let paths: Vec<_> = paths.iter().map(|delivery| format!("{}{}", deployment.url.base(), delivery.path)).collect();
    let others =
        std::iter::once((Method::GET, &deployment.metadata_url)).chain(paths.iter().map(|path| (Method::POST, path)));
    let others = others.map(|(method, url)| {
        let step = format!("the request to {url}");
        limit.step("proxy_path", step, async move { [request.forwarded(method, url).await] })
    });
    let (body, stream, others) = tokio::join!(
        limit.step("proxy_body", "the request with a large body", async { [request.large_body().await] }),
        limit.step("proxy_stream", "the stream", async { [request.stream().await] }),
        futures_util::future::join_all(others)
    );
    results.extend([body, stream].into_iter().chain(others).flatten());
    Reached::ThisProcess(results)
}

/// Requests of one check.
struct Request<'a> {
    deployment: &'a Deployment,
    probe: &'a Probe,
    echo: &'a Echo,
    /// A credential that is valid nowhere.
    credential: String,
}

impl<'a> Request<'a> {
    fn new(deployment: &'a Deployment, probe: &'a Probe, echo: &'a Echo) -> Self {
        let credential = format!("Bearer toolgate-check-{}", Uuid::new_v4().simple());
        Self { deployment, probe, echo, credential }
    }

    fn to(&self, method: Method, url: &str) -> RequestBuilder {
        let request = self.probe.request(method, url);
        request.header(echo::NONCE, &self.echo.nonce).header(header::AUTHORIZATION, &self.credential)
    }

    fn to_endpoint(&self, body: Vec<u8>) -> RequestBuilder {
        let request = self.to(Method::POST, self.deployment.resource.url()).body(body);
        request
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "application/json, text/event-stream")
    }

    /// Sends a request. The inner error is the status of a response that is not of this process.
    async fn send(&self, request: RequestBuilder) -> Result<Result<Echoed, StatusCode>, ProbeError> {
        let received = self.probe.send(request).await?;
        Ok(self.echo.parse(&received.body).ok_or(received.status))
    }

    /// Sends the first request. A proxy to which no server responded before this process listened does not use its address
    /// for a while.
    async fn reach(&self) -> Result<Result<Echoed, StatusCode>, ProbeError> {
        let started = Instant::now();
        loop {
            let response = self.send(self.to_endpoint(b"{}".to_vec())).await?;
            let is_down = response.as_ref().is_err_and(|status| matches!(status.as_u16(), 502..=504));
            if !is_down || started.elapsed() > RECOVERY_TIMEOUT {
                return Ok(response);
            }
            tokio::time::sleep(RETRY_INTERVAL).await;
        }
    }

    /// Checks that the proxy forwards a URL to this process.
    async fn forwarded(&self, method: Method, url: &str) -> CheckResult {
        const CODE: &str = "proxy_path";
        let request = self.to(method.clone(), url).body(if method == Method::POST { "{}" } else { "" });
        match self.send(request).await {
            Ok(Ok(_)) => CheckResult::ok(CODE, format!("{url} reaches this process")),
            Ok(Err(status)) => CheckResult::error(
                CODE,
                format!("{method} {url} does not reach this process: the proxy responds {status}"),
            )
            .action("forward this path in the proxy"),
            Err(error) => error.result(CODE),
        }
    }

    /// Sends a body of the maximum size that the server accepts.
    async fn large_body(&self) -> CheckResult {
        const CODE: &str = "proxy_body";
        let maximum = self.deployment.config.http.max_body_bytes;
        let size = maximum.min(MAX_BODY_BYTES);
        let body = vec![b' '; size];
        let expected = echo::digest(&body);
        let setting = format!(
            "set its limit on request bodies to `http.max_body_bytes`, {maximum} (nginx: client_max_body_size {maximum})"
        );
        match self.send(self.to_endpoint(body)).await {
            Ok(Ok(echoed)) if echoed.body.as_ref() == Some(&expected) => {
                CheckResult::ok(CODE, format!("a body of {size} bytes arrives unchanged"))
            }
            Ok(Ok(_)) => CheckResult::error(CODE, format!("a body of {size} bytes does not arrive as it was sent"))
                .action("configure the proxy to pass on request bodies unchanged"),
            Ok(Err(StatusCode::PAYLOAD_TOO_LARGE)) => {
                let text = format!("the proxy rejects a body of {size} bytes with 413, which the server accepts");
                CheckResult::warning(CODE, text).action(setting)
            }
            Ok(Err(status)) => {
                let text = format!("the proxy responds {status} to a body of {size} bytes, which the server accepts");
                CheckResult::warning(CODE, text).action(setting)
            }
            Err(error) => CheckResult { level: super::report::Level::Warning, ..error.result(CODE) },
        }
    }

    /// Checks that every event of a stream arrives while the stream is open. The next one is only sent after it.
    async fn stream(&self) -> CheckResult {
        const CODE: &str = "proxy_stream";
        let request = self.to_endpoint(b"{}".to_vec()).header(echo::STREAM, &self.echo.nonce);
        let arrived = AtomicUsize::new(0);
        let receive = async {
            let mut response = self.probe.open(request).await?;
            let mut received = Vec::new();
            for index in 0..EVENTS {
                let event = self.echo.event(index);
                while !String::from_utf8_lossy(&received).contains(&event) {
                    let Ok(Some(chunk)) = response.chunk().await else { return Ok(()) };
                    received.extend_from_slice(&chunk);
                }
                arrived.fetch_add(1, Ordering::Relaxed);
                self.echo.continue_stream();
            }
            Ok(())
        };
        let finished: Result<Result<(), ProbeError>, _> = timeout(STREAM_TIMEOUT, receive).await;
        let arrived = arrived.into_inner();
        match finished {
            Ok(Ok(())) if arrived == EVENTS => {
                CheckResult::ok(CODE, "the events of a stream arrive while the stream is open")
            }
            Ok(Ok(())) => CheckResult::error(CODE, "a stream ends before its events arrive")
                .action("configure the proxy to pass on responses of the type text/event-stream unchanged"),
            Ok(Err(error)) => error.result(CODE),
            Err(_) => {
                let text = format!(
                    "the proxy buffers responses: {arrived} of {EVENTS} events of a stream arrived within {STREAM_TIMEOUT:?} \
                     while the stream was open"
                );
                let action = "disable buffering of responses in the proxy (nginx: proxy_buffering off)";
                CheckResult::error(CODE, text).action(action)
            }
        }
    }
}

fn not_forwarded(deployment: &Deployment, status: StatusCode, health_checked: bool) -> CheckResult {
    let (url, address) = (deployment.resource.url(), deployment.config.http.bind_address());
    if health_checked {
        let text = format!(
            "{url} responds {status}: the proxy asks {address} whether it is healthy, and forwards nothing until the server runs"
        );
        return CheckResult::note("public_url", text).action("start the server, and run `check` again");
    }
    let text = format!("{url} responds {status} while this process listens on {address}");
    CheckResult::error("public_url", text).action(format!(
        "correct the address in the proxy, which must be that of {address}, and open the firewall between them"
    ))
}

fn host(echoed: &Echoed, deployment: &Deployment) -> CheckResult {
    const CODE: &str = "proxy_host";
    let mut headers = http::HeaderMap::new();
    for value in echoed.headers.get("host").into_iter().flatten().filter_map(|value| value.parse().ok()) {
        headers.append(header::HOST, value);
    }
    let received = echoed.header("host").unwrap_or_default();
    let expected = deployment.url.url().authority();
    if deployment.hosts.check(&Uri::default(), &headers).is_err() {
        let text = format!("the proxy sends `Host: {}`, which the server rejects with 403", quoted(received));
        let action = format!("pass on `Host`, which is {expected} (nginx: proxy_set_header Host $http_host)");
        return CheckResult::error(CODE, text).action(action);
    }
    CheckResult::ok(CODE, format!("`Host: {}` arrives", quoted(received)))
}

fn authorization(echoed: &Echoed, request: &Request<'_>) -> CheckResult {
    const CODE: &str = "proxy_authorization";
    let action = "pass on `Authorization` unchanged, and use no authentication of the proxy for this path";
    match echoed.header("authorization") {
        Some(value) if value == request.credential => CheckResult::ok(CODE, "`Authorization` arrives"),
        Some(_) => CheckResult::error(CODE, "the proxy replaces `Authorization`").action(action),
        None => {
            CheckResult::error(CODE, "the proxy does not pass on `Authorization`, so no request can be authorized")
                .action(action)
        }
    }
}

/// Checks that the path is one that the server has a route for: with or without the path of the public URL.
fn path(echoed: &Echoed, deployment: &Deployment) -> Option<CheckResult> {
    let endpoint = &deployment.config.http.endpoint_path;
    let full = format!("{}{endpoint}", deployment.url.path());
    (echoed.path != *endpoint && echoed.path != full).then(|| {
        let text = format!("the proxy changes the path {full} to {}", quoted(&echoed.path));
        CheckResult::error("proxy_path", text).action(format!("pass on {full}, or {endpoint}"))
    })
}

fn forwarded_for(echoed: &Echoed, deployment: &Deployment) -> Option<CheckResult> {
    const CODE: &str = "trusted_proxies";
    let (peer, trusted) = (echoed.peer.ip().to_canonical(), &deployment.config.http.trusted_proxies);
    let is_trusted = TrustedProxies::parse(trusted).is_ok_and(|proxies| proxies.contains(peer));
    match (echoed.headers.contains_key("x-forwarded-for"), is_trusted) {
        (true, false) => {
            let text =
                format!("the proxy {peer} names the client in `X-Forwarded-For`, and the server does not trust it");
            let action = format!(
                "set TOOLGATE_HTTP_TRUSTED_PROXIES={peer}: otherwise all clients together have the limits of one address"
            );
            Some(CheckResult::warning(CODE, text).action(action))
        }
        (false, true) => {
            let text = format!("the trusted proxy {peer} does not name the client in `X-Forwarded-For`");
            let action =
                "add the header in the proxy (nginx: proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for)";
            Some(CheckResult::warning(CODE, text).action(action))
        }
        (true, true) => {
            Some(CheckResult::ok(CODE, format!("the trusted proxy {peer} names the client in `X-Forwarded-For`")))
        }
        (false, false) => None,
    }
}
