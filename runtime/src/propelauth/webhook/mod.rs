//! Webhooks of PropelAuth, which delivers them through Svix: signature, event, and revocation.
//!
//! Svix may deliver a webhook more than once and in any order. Both are harmless: a revocation only invalidates what
//! was cached before it, and access that still exists is introspected again.

mod endpoint;
mod event;
mod replay;
mod route;
mod signature;
mod test_delivery;
mod unsigned;

use std::{
    sync::{Mutex, PoisonError},
    time::SystemTime,
};

use secrecy::SecretString;

#[cfg(all(feature = "dev-tenant", debug_assertions))]
pub(crate) use self::route::PATH as WEBHOOK_PATH;
use self::route::route;
pub(super) use self::{
    endpoint::WebhookEndpoint,
    signature::{DeliveryHeaders, InvalidSecret, RejectedDelivery},
};
use self::{
    event::{Event, UnknownEventTypes},
    replay::{AppliedIds, IdDigest},
    signature::Keys,
};
use crate::auth::Revocation;

/// Verifies and interprets deliveries.
pub(super) struct Webhooks {
    keys: Keys,
    applied: Mutex<AppliedIds>,
    unknown_types: Mutex<UnknownEventTypes>,
}

/// Delivery with a valid signature.
#[derive(Debug)]
pub(super) struct Delivery {
    id: IdDigest,
    sent_at: SystemTime,
    event: Event,
}

impl Webhooks {
    /// Accepts deliveries signed with any of these secrets, so that a secret can be replaced without rejecting
    /// deliveries.
    pub(super) fn new(secrets: &[SecretString]) -> Result<Self, InvalidSecret> {
        Ok(Self { keys: Keys::new(secrets)?, applied: Mutex::default(), unknown_types: Mutex::default() })
    }

    /// Verifies the signature of a delivery and parses its body.
    pub(super) fn verify(&self, headers: &DeliveryHeaders<'_>, body: &[u8]) -> Result<Delivery, RejectedDelivery> {
        self.keys.verify(headers, body)?;
        Ok(Delivery { id: IdDigest::of(headers.id()), sent_at: headers.sent_at(), event: Event::parse(body) })
    }

    /// Returns whether this delivery was applied before.
    pub(super) fn is_replay(&self, delivery: &Delivery) -> bool {
        self.applied.lock().unwrap_or_else(PoisonError::into_inner).contains(delivery.id)
    }

    /// Returns the revocations that the delivery requires. Logs a warning if its type is unknown or IDs are missing.
    pub(super) fn revocations(&self, delivery: &Delivery) -> Vec<Revocation> {
        let event = &delivery.event;
        let event_type = event.event_type();
        if event.is_unknown() && self.unknown_types.lock().unwrap_or_else(PoisonError::into_inner).insert(event_type)
        {
            tracing::warn!(
                event = ?event_type,
                "a webhook has a type that this version does not know; the access of the user or organization that it \
                 names, if any, is revoked"
            );
        }
        let revocations = event.revocations();
        if !event.is_complete() {
            tracing::warn!(
                event = ?event_type,
                ?revocations,
                "a webhook does not name its user or organization; more access than necessary is revoked"
            );
        }
        revocations
    }

    /// Marks the delivery as applied, so that a delivery with the same ID is a replay.
    pub(super) fn mark_applied(&self, delivery: &Delivery) {
        self.applied.lock().unwrap_or_else(PoisonError::into_inner).insert(delivery.id);
    }
}

impl Delivery {
    /// Returns the type of the event.
    pub(super) fn event_type(&self) -> &str {
        self.event.event_type()
    }

    /// Returns when the delivery was sent, by the sender's clock.
    pub(super) fn sent_at(&self) -> SystemTime {
        self.sent_at
    }
}

/// Omits the keys.
impl std::fmt::Debug for Webhooks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Webhooks").field("secrets", &self.keys.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    #[test]
    fn debug_shows_no_secret() {
        let webhooks = Webhooks::new(&[SECRET.into()]).unwrap();
        assert_eq!(format!("{webhooks:?}"), "Webhooks { secrets: 1, .. }");
    }
}
