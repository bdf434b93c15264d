//! Fuzz targets of introspection responses and webhooks, for `crate::__fuzzing`.

use std::time::{Duration, UNIX_EPOCH};

use http::{HeaderMap, HeaderValue};
use serde_json::Value;
use standardwebhooks::Webhook;

use super::webhook::{DeliveryHeaders, Webhooks};
use crate::oauth::{ClaimNames, introspection_response::IntrospectionResponse};

const SECRETS: [&str; 2] = ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"];

/// Parses an introspection response.
///
/// # Panics
///
/// A token is reported as active although it is not, or its claims differ from the response.
pub fn introspection(input: &[u8]) {
    let now = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let Ok(response) = IntrospectionResponse::parse(input, &ClaimNames::DEFAULT, now) else { return };
    let reference: Value = serde_json::from_slice(input).expect("the response is JSON");
    match response {
        IntrospectionResponse::Active(claims) => {
            assert_eq!(reference["active"], true);
            assert!(!claims.is_expired(now) && claims.expires_at.is_none_or(|at| at > now));
            assert!(reference["exp"].is_null() == claims.expires_at.is_none(), "the expiry is lost");
            assert!(claims.scopes.iter().all(|scope| !scope.is_empty()));
            assert_eq!(claims.subject.as_deref(), reference["sub"].as_str());
            assert_eq!(claims.org_id.as_deref(), reference["org_id"].as_str());
            assert_eq!(claims.org_role.as_deref(), reference["org_role"].as_str());
        }
        IntrospectionResponse::Inactive => assert!(reference["active"] == false || !reference["exp"].is_null()),
    }
}

/// Verifies a delivery. The first three lines are its ID, its time (or `now`) and its signatures (or `good`); the
/// rest is the body.
///
/// # Panics
///
/// A delivery without a valid signature is accepted, or one with a valid signature is rejected.
pub fn webhook(input: &[u8]) {
    let mut lines = input.splitn(4, |&byte| byte == b'\n');
    let [id, time, signatures, body] = [(); 4].map(|()| lines.next().unwrap_or_default());
    let now = UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs());
    let now_text = now.to_string();
    let time = if time == b"now" { now_text.as_bytes() } else { time };
    let expected = SECRETS.map(|secret| {
        let time = str::from_utf8(time).ok()?.parse().ok()?;
        Webhook::new(secret).expect("the secret is valid").sign(str::from_utf8(id).ok()?, time, body).ok()
    });
    let valid = expected[1].clone().unwrap_or_default();
    let signatures = if signatures == b"good" { valid.as_bytes() } else { signatures };
    let mut headers = HeaderMap::new();
    for (name, value) in [("svix-id", id), ("svix-timestamp", time), ("svix-signature", signatures)] {
        if let Ok(value) = HeaderValue::from_bytes(value) {
            headers.insert(name, value);
        }
    }
    let webhooks = Webhooks::new(&SECRETS.map(Into::into)).expect("the secrets are valid");
    let Ok(headers) = DeliveryHeaders::parse(&headers) else { return };
    let is_signed = expected
        .iter()
        .flatten()
        .any(|expected| signatures.split(|&byte| byte == b' ').any(|signature| signature == expected.as_bytes()));
    let Ok(delivery) = webhooks.verify(&headers, body) else {
        assert!(!is_signed, "a delivery with a valid signature is rejected");
        return;
    };
    assert!(is_signed, "a delivery without a valid signature is accepted");
    assert!(delivery.sent_at().elapsed().unwrap_or_default() <= Duration::from_secs(301));
    assert!(!webhooks.is_replay(&delivery));
    let revocations = webhooks.revocations(&delivery);
    assert!(
        serde_json::from_slice::<Value>(body).is_ok() || !revocations.is_empty(),
        "an unreadable body revokes nothing"
    );
    webhooks.mark_applied(&delivery);
    assert!(webhooks.is_replay(&delivery));
}
