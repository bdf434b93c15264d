//! The route `POST /webhooks/propelauth`.

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    body::{Body, Bytes},
    extract::{Request, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::post,
};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde_json::json;

use super::{DeliveryHeaders, RejectedDelivery, Webhooks};
use crate::{
    auth::{Revocations, Route},
    log_limit::LogLimit,
};

const PATH: &str = "/webhooks/propelauth";

/// Maximum size of a delivery, in bytes. PropelAuth's events have a few hundred bytes.
const MAX_BODY_BYTES: usize = 256 * 1024;
/// Time within which a delivery must arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// Returns the route that receives deliveries and revokes access.
pub(in crate::propelauth) fn route(webhooks: Arc<Webhooks>, revocations: Revocations) -> Route {
    let receiver = Receiver { webhooks, revocations, rejected: LogLimit::default() };
    Route::new(PATH, post(receive).with_state(Arc::new(receiver)))
}

struct Receiver {
    webhooks: Arc<Webhooks>,
    revocations: Revocations,
    /// Any client can send a delivery.
    rejected: LogLimit,
}

async fn receive(State(receiver): State<Arc<Receiver>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let headers = match DeliveryHeaders::parse(&parts.headers) {
        Ok(headers) => headers,
        Err(rejected) => return receiver.reject(rejected),
    };
    let body = match read_body(body).await {
        Ok(body) => body,
        Err(status) => return error(status, "invalid_request"),
    };
    let delivery = match receiver.webhooks.verify(&headers, &body) {
        Ok(delivery) => delivery,
        Err(rejected) => return receiver.reject(rejected),
    };
    if !receiver.webhooks.is_replay(&delivery) {
        let revocations = receiver.webhooks.revocations(&delivery);
        tracing::info!(event = ?delivery.event_type(), ?revocations, "received a webhook from PropelAuth");
        if let Err(reason) = receiver.revocations.revoke_since(&revocations, delivery.sent_at()).await {
            tracing::error!(
                %reason,
                "the revocations could not be replicated: the webhook is not acknowledged, and PropelAuth will retry it"
            );
            return error(StatusCode::SERVICE_UNAVAILABLE, "unavailable");
        }
        // Only after access has ended: a delivery that is marked as applied is acknowledged without effect.
        receiver.webhooks.mark_applied(&delivery);
    }
    StatusCode::NO_CONTENT.into_response()
}

impl Receiver {
    /// Rejects a delivery. The reason is logged; the sender does not see it.
    fn reject(&self, rejected: RejectedDelivery) -> Response {
        self.rejected.log(|suppressed| tracing::warn!(reason = %rejected, suppressed, "rejected a webhook"));
        error(StatusCode::UNAUTHORIZED, "unauthorized")
    }
}

async fn read_body(body: Body) -> Result<Bytes, StatusCode> {
    match tokio::time::timeout(BODY_TIMEOUT, Limited::new(body, MAX_BODY_BYTES).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(StatusCode::PAYLOAD_TOO_LARGE),
        Ok(Err(_)) => Err(StatusCode::BAD_REQUEST),
        Err(_) => Err(StatusCode::REQUEST_TIMEOUT),
    }
}

fn error(status: StatusCode, error: &str) -> Response {
    (status, Json(json!({ "error": error }))).into_response()
}
