//! The route `POST /webhooks/propelauth`.

use std::{pin::pin, sync::Arc, time::Duration};

use axum::{
    Json,
    body::{Body, Bytes},
    extract::{Request, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use futures_util::future::poll_immediate;
use serde_json::json;

use super::{DeliveryHeaders, RejectedDelivery, Webhooks, unsigned::UnsignedDeliveries};
use crate::{
    auth::{Revocations, Route},
    body::{BodyError, read_body},
    log_limit::LogLimit,
    peer::Peer,
};

/// Path of the route.
pub(crate) const PATH: &str = "/webhooks/propelauth";

/// Maximum size of a delivery, in bytes. PropelAuth's events have a few hundred bytes.
const MAX_BODY_BYTES: usize = 16 * 1024;
/// Time within which a delivery must arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(5);
/// Maximum number of deliveries whose body has not arrived. The server keeps at most this number times twice
/// [`MAX_BODY_BYTES`] for bodies whose signature is not verified yet.
const MAX_UNSIGNED: usize = 16;

/// Returns the route that receives deliveries and revokes access.
pub(in crate::propelauth) fn route(webhooks: Arc<Webhooks>, revocations: Revocations) -> Route {
    let unsigned = UnsignedDeliveries::new(MAX_UNSIGNED);
    let receiver = Receiver { webhooks, revocations, unsigned, rejected: LogLimit::default() };
    Route::new(PATH, post(receive).with_state(Arc::new(receiver)))
}

struct Receiver {
    webhooks: Arc<Webhooks>,
    revocations: Revocations,
    unsigned: UnsignedDeliveries,
    /// Any client can send a delivery.
    rejected: LogLimit,
}

async fn receive(State(receiver): State<Arc<Receiver>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let headers = match DeliveryHeaders::parse(&parts.headers) {
        Ok(headers) => headers,
        Err(rejected) => return receiver.reject(rejected),
    };
    let body = match receiver.read(body, Peer::of(&parts.extensions)).await {
        Ok(Ok(body)) => body,
        Ok(Err(BodyError::TooLarge)) => return error(StatusCode::PAYLOAD_TOO_LARGE, "invalid_request"),
        Ok(Err(BodyError::Timeout)) => return error(StatusCode::REQUEST_TIMEOUT, "invalid_request"),
        Ok(Err(BodyError::Incomplete)) => return error(StatusCode::BAD_REQUEST, "invalid_request"),
        Err(Replaced) => return unavailable(),
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
            return unavailable();
        }
        // Only after access has ended: a delivery that is marked as applied is acknowledged without effect.
        receiver.webhooks.mark_applied(&delivery);
    }
    StatusCode::NO_CONTENT.into_response()
}

/// A delivery lost its place to another one before its body arrived.
struct Replaced;

impl Receiver {
    /// Reads the body of a delivery, which is not known to be genuine before it is complete.
    async fn read(&self, body: Body, peer: Option<Peer>) -> Result<Result<Bytes, BodyError>, Replaced> {
        let mut reading = pin!(read_body(body, MAX_BODY_BYTES, BODY_TIMEOUT));
        // A body that has arrived with its head needs no place in the pool. The first poll asks hyper to pass it on.
        for _ in 0..2 {
            if let Some(body) = poll_immediate(reading.as_mut()).await {
                return Ok(body);
            }
            tokio::task::yield_now().await;
        }
        let mut place = self.unsigned.admit(peer);
        tokio::select! {
            biased;
            body = reading => Ok(body),
            () = place.replaced() => Err(Replaced),
        }
    }

    /// Rejects a delivery. The reason is logged; the sender does not see it.
    fn reject(&self, rejected: RejectedDelivery) -> Response {
        self.rejected.log(|suppressed| tracing::warn!(reason = %rejected, suppressed, "rejected a webhook"));
        error(StatusCode::UNAUTHORIZED, "unauthorized")
    }
}

/// Response to a delivery that the sender is to repeat, which Svix does.
fn unavailable() -> Response {
    ([(header::RETRY_AFTER, "1")], error(StatusCode::SERVICE_UNAVAILABLE, "unavailable")).into_response()
}

fn error(status: StatusCode, error: &str) -> Response {
    (status, Json(json!({ "error": error }))).into_response()
}
