//! A delivery that is verified like one of PropelAuth and changes no access.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::json;
use uuid::Uuid;

use super::{Webhooks, route};
use crate::auth::TestDelivery;

/// Type of an event that changes no access.
const EVENT_TYPE: &str = "user.login";

/// Returns a delivery with a new ID, signed with every secret.
pub(super) fn test_delivery(webhooks: &Webhooks) -> TestDelivery {
    let id = format!("toolgate-check-{}", Uuid::new_v4().simple());
    let body = json!({ "event_type": EVENT_TYPE, "user_id": id }).to_string().into_bytes();
    let time = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let headers = webhooks.keys.sign(&id, i64::try_from(time).unwrap_or_default(), &body);
    TestDelivery::new(route::PATH, body).headers(headers).rejected(
        "the running server has another PROPELAUTH_WEBHOOK_SECRET, or its clock differs by more than 5 minutes: set the \
         signing secret that PropelAuth's dashboard shows on the page of the webhook, and restart the server",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::propelauth::webhook::DeliveryHeaders;

    #[test]
    fn a_test_delivery_is_verified_and_revokes_nothing() {
        let old = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let both = Webhooks::new(&[old.into(), "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD".into()]).unwrap();
        let test = test_delivery(&both);
        for webhooks in [&both, &Webhooks::new(&[old.into()]).unwrap()] {
            let delivery = webhooks.verify(&DeliveryHeaders::parse(&test.headers).unwrap(), &test.body).unwrap();
            assert_eq!(webhooks.revocations(&delivery), []);
        }
        assert_eq!(format!("{test:?}"), r#"TestDelivery { path: "/webhooks/propelauth", .. }"#);
        assert_ne!(test.body, test_delivery(&both).body, "each delivery has an ID of its own");
    }
}
