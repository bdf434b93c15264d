//! Webhooks of PropelAuth, which delivers them through Svix: proved, read, and applied once.
//!
//! Redelivery is normal and no order is promised, so nothing here depends on either: an event only ever ends what was
//! learned before it came, and what is still allowed is learned again.

mod event;
mod replay;
mod route;
mod signature;

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use secrecy::SecretString;

pub(super) use self::route::route;
pub(crate) use self::signature::{DeliveryHeaders, InvalidSecret, RejectedDelivery};
use self::{
    event::{Event, UnknownTypes},
    replay::SeenIds,
    signature::Keys,
};
use crate::auth::Revocation;

/// Takes deliveries.
pub(crate) struct Webhooks {
    keys: Keys,
    seen: Mutex<SeenIds>,
    unknown: Mutex<UnknownTypes>,
}

/// A delivery whose signature is good.
#[derive(Debug)]
pub(crate) struct Delivery {
    id: replay::IdDigest,
    sent: SystemTime,
    event: Event,
}

impl Webhooks {
    /// Deliveries signed with any of these secrets are good, so that one can be replaced by the next without a gap.
    pub(crate) fn new(secrets: &[SecretString]) -> Result<Self, InvalidSecret> {
        Ok(Self { keys: Keys::new(secrets)?, seen: Mutex::default(), unknown: Mutex::default() })
    }

    /// # Errors
    ///
    /// Nobody who knows a secret sent it. What it says is worth nothing.
    pub(crate) fn verify(&self, stamp: &DeliveryHeaders<'_>, body: &[u8]) -> Result<Delivery, RejectedDelivery> {
        self.keys.verify(stamp, body)?;
        Ok(Delivery { id: replay::IdDigest::of(stamp.id()), sent: stamp.time(), event: Event::read(body) })
    }

    /// Whether this delivery was applied before.
    pub(crate) fn is_replay(&self, delivery: &Delivery) -> bool {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).contains(delivery.id)
    }

    /// Whose access the delivery ends. Says in the log what is unusual about it.
    pub(crate) fn revocations(&self, delivery: &Delivery) -> Vec<Revocation> {
        let event = &delivery.event;
        if event.is_unknown() && self.unknown.lock().unwrap_or_else(PoisonError::into_inner).is_first(event.kind()) {
            tracing::warn!(
                event = ?event.kind(),
                "PropelAuth sent a webhook of a type that this version does not know; access that it might change ends \
                 and is asked about again"
            );
        }
        let revocations = event.revocations();
        if !event.is_complete() {
            tracing::warn!(
                event = ?event.kind(),
                ?revocations,
                "a webhook does not say whom it is about; access ends for more people than need be"
            );
        }
        revocations
    }

    /// Says that the delivery was applied: the next one with its ID is not.
    pub(crate) fn mark_applied(&self, delivery: &Delivery) {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).insert(delivery.id);
    }
}

impl Delivery {
    /// The event's type, for the log.
    pub(crate) fn event(&self) -> &str {
        self.event.kind()
    }

    /// When it was sent, by the sender's clock.
    pub(crate) fn sent_at(&self) -> SystemTime {
        self.sent
    }

    /// How long ago it was sent, as far as two clocks can tell.
    pub(crate) fn lag(&self) -> Duration {
        self.sent.elapsed().unwrap_or_default()
    }
}

/// The keys stay out.
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
