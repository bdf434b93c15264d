//! Where PropelAuth says that access ended.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Request, State},
    http::{HeaderValue, Response, StatusCode, header},
    routing::post,
};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use tokio::time::Instant;

use super::Server;
use crate::{
    auth::{Peers, Revocation, Revocations, Untold},
    metrics,
    propelauth::webhook::{Rejected, Stamp, Webhooks},
};

pub(crate) const PATH: &str = "/webhooks/propelauth";

const VARIABLE: &str = "PROPELAUTH_WEBHOOK_SECRET";

/// In bytes. PropelAuth's events are a few hundred.
const MAX_BODY: usize = 256 * 1024;
/// How long a delivery may take to arrive.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often the log says that a delivery was refused: anybody can send one.
const QUIET: Duration = Duration::from_secs(60);

impl Server {
    /// The signing secret of PropelAuth's webhooks (`whsec_...`). With one, `POST /webhooks/propelauth` is there, and
    /// access ends when PropelAuth says so, before its webhook is acknowledged: cached answers are worth nothing any
    /// more, and open streams end.
    ///
    /// Can be called again while one secret is replaced by another: a webhook signed with either is good. Default: the
    /// variable `PROPELAUTH_WEBHOOK_SECRET`, where a comma or white space stands between two.
    ///
    /// ```
    /// # use toolgate::prelude::*;
    /// # pub static SCOPES: Scopes = Scopes::new(&["a:read"]);
    /// # fn main() {
    /// let server = Server::new("company", &SCOPES)
    ///     .webhook_secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    ///     .webhook_secret("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD");
    /// assert!(!format!("{server:?}").contains("whsec_"));
    /// # }
    /// ```
    pub fn webhook_secret(mut self, secret: impl Into<SecretString>) -> Self {
        self.webhook_secrets.push(secret.into());
        self
    }
}

/// What the secrets make, if there are any.
pub(crate) fn configured(
    given: &[SecretString],
    variable: Option<SecretString>,
    problems: &mut Vec<String>,
) -> Option<Webhooks> {
    let (source, webhooks) = if given.is_empty() {
        let variable = variable?;
        let separator = |c: char| c == ',' || c.is_whitespace();
        let secrets = variable.expose_secret().split(separator).filter(|secret| !secret.is_empty());
        let secrets: Vec<SecretString> = secrets.map(SecretString::from).collect();
        if secrets.is_empty() {
            return None;
        }
        (VARIABLE, Webhooks::new(&secrets))
    } else {
        ("the secret given to `webhook_secret`", Webhooks::new(given))
    };
    webhooks.map_err(|error| problems.push(format!("{source} {error}"))).ok()
}

/// The variable, if it is set to something.
pub(crate) fn secret_from_env() -> Option<SecretString> {
    // One that is not UTF-8 is a mistake to be reported, and none that could be read.
    std::env::var_os(VARIABLE).map(|value| value.to_string_lossy().into_owned().into())
}

struct Receiver {
    webhooks: Webhooks,
    revocations: Arc<Revocations>,
    peers: Option<Arc<dyn Peers>>,
    last_refusal: Mutex<Option<Instant>>,
}

/// The endpoint, at its address and below the path of the server's URL, which a proxy may or may not take off.
pub(crate) fn router(
    webhooks: Webhooks,
    revocations: Arc<Revocations>,
    peers: Option<Arc<dyn Peers>>,
    base_path: &str,
) -> Router {
    let receiver = Arc::new(Receiver { webhooks, revocations, peers, last_refusal: Mutex::default() });
    let mut router = Router::new().route(PATH, post(receive));
    if !base_path.is_empty() {
        router = router.route(&format!("{base_path}{PATH}"), post(receive));
    }
    router.with_state(receiver)
}

async fn receive(State(receiver): State<Arc<Receiver>>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let stamp = match Stamp::of(&parts.headers) {
        Ok(stamp) => stamp,
        Err(rejected) => return receiver.refuse(rejected),
    };
    let body = match read(body).await {
        Ok(body) => body,
        Err(status) => return answer(status, "invalid_request"),
    };
    let delivery = match receiver.webhooks.open(&stamp, &body) {
        Ok(delivery) => delivery,
        Err(rejected) => return receiver.refuse(rejected),
    };
    if !receiver.webhooks.is_replay(&delivery) {
        let revocations = receiver.webhooks.revocations(&delivery);
        tracing::info!(event = ?delivery.event(), ?revocations, "PropelAuth sent a webhook");
        let told = receiver.revoke(&revocations, delivery.sent()).await;
        for _ in &revocations {
            metrics::revocation_applied(delivery.lag());
        }
        if let Err(untold) = told {
            tracing::error!(reason = %untold, "a webhook is not acknowledged, so that PropelAuth sends it again");
            return answer(StatusCode::SERVICE_UNAVAILABLE, "unavailable");
        }
        // Only what was applied may be acknowledged, this time or the next.
        receiver.webhooks.applied(&delivery);
    }
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

impl Receiver {
    /// Ends access here, and at the other replicas if there are any.
    async fn revoke(&self, revocations: &[Revocation], sent: SystemTime) -> Result<(), Untold> {
        if let Some(peers) = &self.peers {
            return peers.revoke(revocations, sent).await;
        }
        for revocation in revocations {
            self.revocations.revoke(revocation);
        }
        Ok(())
    }

    /// The sender learns nothing, the log why.
    fn refuse(&self, rejected: Rejected) -> Response<Body> {
        let mut last = self.last_refusal.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_none_or(|at| at.elapsed() >= QUIET) {
            *last = Some(Instant::now());
            tracing::warn!(reason = %rejected, "refused a webhook");
        }
        answer(StatusCode::UNAUTHORIZED, "unauthorized")
    }
}

async fn read(body: Body) -> Result<Bytes, StatusCode> {
    match tokio::time::timeout(PATIENCE, Limited::new(body, MAX_BODY).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(StatusCode::PAYLOAD_TOO_LARGE),
        Ok(Err(_)) => Err(StatusCode::BAD_REQUEST),
        Err(_) => Err(StatusCode::REQUEST_TIMEOUT),
    }
}

fn answer(status: StatusCode, error: &str) -> Response<Body> {
    let mut response = Response::new(Body::from(json!({ "error": error }).to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const NEW: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

    fn from_variable(value: &str) -> (Option<Webhooks>, Vec<String>) {
        let mut problems = Vec::new();
        (configured(&[], Some(value.into()), &mut problems), problems)
    }

    #[test]
    fn the_variable_holds_one_secret_or_several() {
        for value in [format!(" {OLD}\n"), format!("{OLD},{NEW}"), format!("{OLD} {NEW}"), format!("{OLD}, {NEW},")] {
            let (webhooks, problems) = from_variable(&value);
            assert!(webhooks.is_some() && problems.is_empty(), "{problems:?}");
        }
        for value in ["", " ", ","] {
            let (webhooks, problems) = from_variable(value);
            assert!(webhooks.is_none() && problems.is_empty(), "{problems:?}");
        }
    }

    #[test]
    fn a_secret_that_is_none_is_a_problem_that_names_the_variable_and_not_the_secret() {
        for value in ["hunter2", "whsec_hunter2", "whsec_\u{fffd}", &format!("{OLD},hunter2")] {
            let (webhooks, problems) = from_variable(value);
            assert!(webhooks.is_none() && problems.len() == 1);
            assert!(problems[0].starts_with("PROPELAUTH_WEBHOOK_SECRET is not") && !problems[0].contains("hunter2"));
        }
        let mut problems = Vec::new();
        assert!(configured(&["hunter2".into()], Some(OLD.into()), &mut problems).is_none());
        assert!(problems[0].contains("`webhook_secret`") && !problems[0].contains("hunter2"));
    }
}
