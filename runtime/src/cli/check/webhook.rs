//! Routes of the validators: a test delivery to each, by the public URL.

use futures_util::future::join_all;
use http::{Method, StatusCode};

use super::{
    probe::Probe,
    report::{CheckResult, quoted},
};
use crate::{auth::TestDelivery, server::Deployment};

pub(super) const CODE: &str = "webhook";

/// Sends a test delivery to each route of the running server, which is known to be this one.
pub(super) async fn check(deployment: &Deployment, probe: &Probe) -> Vec<CheckResult> {
    let deliveries = deployment.validators.test_deliveries();
    join_all(deliveries.into_iter().map(|delivery| deliver(deployment, probe, delivery))).await
}

async fn deliver(deployment: &Deployment, probe: &Probe, delivery: TestDelivery) -> CheckResult {
    let TestDelivery { path, headers, body, rejected } = delivery;
    let url = format!("{}{path}", deployment.url.base());
    let request = probe.request(Method::POST, &url).headers(headers).body(body);
    let request = request.header(http::header::CONTENT_TYPE, "application/json");
    let received = match probe.send(request).await {
        Ok(received) => received,
        Err(error) => return error.result(CODE),
    };
    let status = received.status;
    let error = |action: &str| CheckResult::error(CODE, format!("POST {url} responds {status}")).action(action);
    match status {
        _ if status.is_success() => {
            CheckResult::ok(CODE, format!("{url} accepts a test delivery with the secret of this configuration"))
        }
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => error(&rejected),
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => error(&format!(
            "forward {path} in the proxy, with POST; if it is forwarded, the running server has no secret for this route: \
             restart it with the current settings"
        )),
        StatusCode::SERVICE_UNAVAILABLE => {
            error("the server cannot replicate revocations at the moment: check Redis, and the log of the server")
        }
        _ => error(&format!(
            "look for the response in the logs of the proxy and of the server: {}",
            quoted(&String::from_utf8_lossy(&received.body))
        )),
    }
}
