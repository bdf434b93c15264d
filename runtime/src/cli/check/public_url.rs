//! The public URL: whether it reaches this machine as clients use it.
//!
//! If no server listens on the address of the settings, `check` listens there itself and compares what arrives with what it
//! sent. Otherwise it sends requests to the running server whose responses show the same.

use std::{io, time::Duration};

use http::Method;
use secrecy::SecretString;
use tokio::time::timeout;

use super::{
    echo::Echo,
    probe::Probe,
    proxy::{self, Reached},
    report::{CheckResult, quoted},
    running,
    time_limit::TimeLimit,
};
use crate::server::{Deployment, listen};

const CODE: &str = "public_url";
/// Time limit of the request by plain HTTP, which usually nothing answers.
const PLAIN_HTTP_TIMEOUT: Duration = Duration::from_secs(3);

pub(super) async fn check(
    deployment: &Deployment,
    token: Option<&SecretString>,
    limit: TimeLimit,
) -> Vec<CheckResult> {
    let http = &deployment.config.http;
    let address = http.bind_address();
    if address.port() == 0 && http.server_url.is_none() {
        let text = "the server listens on any free port, and has no public URL to check";
        return vec![CheckResult::note(CODE, text).action("set `http.bind` or SERVER_URL")];
    }
    let probe = match Probe::new(deployment.url.url()) {
        Ok(probe) => probe,
        Err(error) => return vec![error.result(CODE)],
    };
    let (mut results, plain) = tokio::join!(reach(deployment, &probe, token, limit), plain_http(deployment));
    results.extend(plain);
    results
}

async fn reach(
    deployment: &Deployment,
    probe: &Probe,
    token: Option<&SecretString>,
    limit: TimeLimit,
) -> Vec<CheckResult> {
    let address = deployment.config.http.bind_address();
    let mut results = Vec::new();
    match listen(address) {
        Ok(_) if deployment.config.http.has_tls() => {
            let text = "the server terminates TLS itself, and does not run: its public URL was not checked";
            return vec![CheckResult::note(CODE, text).action("start the server, and run `check` again")];
        }
        Ok(listener) => {
            let echo = Echo::start(listener, proxy::MAX_BODY_BYTES);
            match proxy::check(deployment, probe, &echo, limit).await {
                Reached::ThisProcess(found) => return found,
                Reached::Nothing(result) => return vec![result],
                Reached::AnotherServer => {
                    let text = format!(
                        "no server listens on {address} of this machine, and {} is answered by another server",
                        deployment.resource.url()
                    );
                    let action = "if the URL is to reach this machine, correct the address in the proxy; if other replicas \
                                  run, run `check` also where they run";
                    results.push(CheckResult::warning(CODE, text).action(action));
                }
            }
        }
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
        Err(error) => {
            let text = format!("the server cannot listen on {address}: {error}");
            results.push(CheckResult::error("bind", text).action("choose an address of this machine with BIND_ADDR"));
        }
    }
    results.extend(running::check(deployment, probe, token, limit).await);
    results
}

/// Warns if the host of an `https` URL also answers plain HTTP with something else than a redirect.
async fn plain_http(deployment: &Deployment) -> Option<CheckResult> {
    let url = deployment.url.url();
    if url.scheme() != "https" || url.port().is_some() {
        return None;
    }
    let plain = deployment.resource.url().replacen("https://", "http://", 1);
    let mut other = url.clone();
    other.set_scheme("http").ok()?;
    let probe = Probe::new(&other).ok()?;
    let received = timeout(PLAIN_HTTP_TIMEOUT, probe.send(probe.request(Method::POST, &plain))).await.ok()?.ok()?;
    // A proxy for another host, or one that rejects plain HTTP.
    if !matches!(received.status.as_u16(), 200..=299 | 401) {
        return None;
    }
    let text = format!("{} is also served without TLS ({})", quoted(&plain), received.status);
    let action =
        "redirect plain HTTP to https in the proxy, or close the port: clients could send tokens unencrypted";
    Some(CheckResult::warning("plain_http", text).action(action))
}
