//! What PropelAuth sends, for `crate::__fuzzing`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{HeaderMap, HeaderValue};
use serde_json::Value;
use standardwebhooks::Webhook;

use super::{
    introspection_response::IntrospectionResponse,
    webhook::{DeliveryHeaders, Webhooks},
};

const SECRETS: [&str; 2] = ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"];

/// An introspection answer.
///
/// # Panics
///
/// When a token is taken for active that is not.
pub fn introspection(input: &[u8]) {
    let now = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let Ok(answer) = IntrospectionResponse::read(input, now) else { return };
    let other: Value = serde_json::from_slice(input).expect("what was read is JSON");
    match answer {
        IntrospectionResponse::Active(claims) => {
            assert_eq!(other["active"], true);
            assert!(!claims.is_expired(now) && claims.expires_at.is_none_or(|at| at > now));
            assert!(other["exp"].is_null() == claims.expires_at.is_none(), "an end that got lost");
            assert!(claims.scopes.iter().all(|scope| !scope.is_empty()));
            assert_eq!(claims.subject.as_deref(), other["sub"].as_str());
            assert_eq!(claims.org_id.as_deref(), other["org_id"].as_str());
            assert_eq!(claims.org_role.as_deref(), other["org_role"].as_str());
        }
        IntrospectionResponse::Inactive => assert!(other["active"] == false || !other["exp"].is_null()),
    }
}

/// A delivery: a line each for its ID, its time (or `now`) and its signatures (or `good`), and then the body.
///
/// # Panics
///
/// When a delivery is believed that is not signed, or the other way round.
pub fn webhook(input: &[u8]) {
    let mut lines = input.splitn(4, |&byte| byte == b'\n');
    let [id, time, signatures, body] = [(); 4].map(|()| lines.next().unwrap_or_default());
    let now = UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs());
    let now_text = now.to_string();
    let time = if time == b"now" { now_text.as_bytes() } else { time };
    let expected = SECRETS.map(|secret| {
        let time = str::from_utf8(time).ok()?.parse().ok()?;
        Webhook::new(secret).expect("the secrets above are some").sign(str::from_utf8(id).ok()?, time, body).ok()
    });
    let good = expected[1].clone().unwrap_or_default();
    let signatures = if signatures == b"good" { good.as_bytes() } else { signatures };
    let mut headers = HeaderMap::new();
    for (name, value) in [("svix-id", id), ("svix-timestamp", time), ("svix-signature", signatures)] {
        if let Ok(value) = HeaderValue::from_bytes(value) {
            headers.insert(name, value);
        }
    }
    let webhooks = Webhooks::new(&SECRETS.map(Into::into)).expect("the secrets above are some");
    let Ok(stamp) = DeliveryHeaders::read(&headers) else { return };
    let signed = expected
        .iter()
        .flatten()
        .any(|expected| signatures.split(|&byte| byte == b' ').any(|signature| signature == expected.as_bytes()));
    let Ok(delivery) = webhooks.verify(&stamp, body) else {
        assert!(!signed, "a good delivery was refused");
        return;
    };
    assert!(signed, "a delivery was believed that nobody signed");
    let sent = SystemTime::now() - delivery.lag();
    assert!(sent <= SystemTime::now() && delivery.lag() <= Duration::from_secs(301));
    assert!(!webhooks.is_replay(&delivery));
    let revocations = webhooks.revocations(&delivery);
    assert!(serde_json::from_slice::<Value>(body).is_ok() || !revocations.is_empty(), "unreadable ends nothing");
    webhooks.mark_applied(&delivery);
    assert!(webhooks.is_replay(&delivery));
}
