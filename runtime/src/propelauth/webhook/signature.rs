//! Who sent a webhook: the signature of Svix, which is that of Standard Webhooks.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{HeaderMap, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};
use standardwebhooks::Webhook;
use subtle::ConstantTimeEq as _;
use thiserror::Error;

/// How far the time of a delivery may be from ours, in either direction.
pub(super) const TOLERANCE: Duration = Duration::from_secs(5 * 60);

const SECRET_PREFIX: &str = "whsec_";
/// In bytes; Standard Webhooks, "Signature scheme".
const SHORTEST_KEY: usize = 24;
const LONGEST_ID: usize = 256;
const VERSION: &str = "v1";

/// The headers of a delivery: the same three under Svix's names and those of Standard Webhooks.
const NAMES: [[&str; 3]; 2] =
    [["svix-id", "svix-timestamp", "svix-signature"], ["webhook-id", "webhook-timestamp", "webhook-signature"]];

/// The secret of a webhook cannot be one. Does not repeat it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "is not a webhook's signing secret, `whsec_` and base64: copy it again from the webhook's page in PropelAuth's \
     dashboard"
)]
pub(crate) struct InvalidSecret;

/// Why a delivery is not believed. For the log only: whoever sent it is told nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum RejectedDelivery {
    #[error("the header `{0}` is missing")]
    Missing(&'static str),
    #[error("the header `{0}` is not what such a header holds")]
    Malformed(&'static str),
    #[error("its time is more than five minutes from this machine's: check the clock")]
    Time,
    #[error(
        "its signature is not made with PROPELAUTH_WEBHOOK_SECRET: compare it with the signing secret of this webhook \
         in PropelAuth's dashboard"
    )]
    Signature,
}

/// The headers of a delivery that came in time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DeliveryHeaders<'a> {
    id: &'a str,
    /// In seconds since 1970.
    time: i64,
    signatures: &'a str,
}

impl<'a> DeliveryHeaders<'a> {
    /// Reads the headers of a delivery that just came, before its body.
    pub(crate) fn read(headers: &'a HeaderMap) -> Result<Self, RejectedDelivery> {
        Self::read_at(headers, SystemTime::now())
    }

    fn read_at(headers: &'a HeaderMap, now: SystemTime) -> Result<Self, RejectedDelivery> {
        // All three under the same kind of name.
        let [svix, standard] = NAMES;
        let names = if NAMES[0].iter().any(|name| headers.contains_key(*name)) { svix } else { standard };
        let text = |name| {
            let value: &HeaderValue = headers.get(name).ok_or(RejectedDelivery::Missing(name))?;
            value.to_str().map_err(|_| RejectedDelivery::Malformed(name))
        };
        let [id, time, signatures] = [text(names[0])?, text(names[1])?, text(names[2])?];
        // What is signed is `id.time.body`: with a dot in the ID there would be two ways to part it.
        let legal = |byte: u8| byte.is_ascii_graphic() && byte != b'.';
        if id.is_empty() || id.len() > LONGEST_ID || !id.bytes().all(legal) {
            return Err(RejectedDelivery::Malformed(names[0]));
        }
        let time: i64 = time.parse().map_err(|_| RejectedDelivery::Malformed(names[1]))?;
        let now = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let apart = u64::try_from(time).map_err(|_| RejectedDelivery::Time)?.abs_diff(now);
        if apart > TOLERANCE.as_secs() {
            return Err(RejectedDelivery::Time);
        }
        Ok(Self { id, time, signatures })
    }

    pub(super) fn id(&self) -> &'a str {
        self.id
    }

    /// When it was sent, by the sender's clock.
    pub(super) fn time(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(self.time.unsigned_abs())
    }
}

/// The keys that a delivery may be signed with.
pub(super) struct Keys(Vec<Webhook>);

impl Keys {
    pub(super) fn new(secrets: &[SecretString]) -> Result<Self, InvalidSecret> {
        let key = |secret: &SecretString| {
            let text = secret.expose_secret().strip_prefix(SECRET_PREFIX).ok_or(InvalidSecret)?;
            // Base64: four characters for three bytes, of which the padding stands for none.
            let bytes = text.trim_end_matches('=').len() * 3 / 4;
            if bytes < SHORTEST_KEY {
                return Err(InvalidSecret);
            }
            Webhook::new(text).map_err(|_| InvalidSecret)
        };
        secrets.iter().map(key).collect::<Result<_, _>>().map(Self)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The crate makes the signature; comparing it is done here, by a function that promises to take the same time
    /// whatever differs, and so is the check of the time, where the crate's arithmetic can overflow.
    pub(super) fn verify(&self, stamp: &DeliveryHeaders<'_>, body: &[u8]) -> Result<(), RejectedDelivery> {
        let signed_with = |key: &Webhook| {
            let Ok(expected) = key.sign(stamp.id, stamp.time, body) else { return false };
            let signatures = stamp.signatures.split(' ').filter(|signature| signature.starts_with(VERSION));
            let equal = |signature: &str| bool::from(signature.as_bytes().ct_eq(expected.as_bytes()));
            signatures.fold(false, |found, signature| found | equal(signature))
        };
        if self.0.iter().any(signed_with) { Ok(()) } else { Err(RejectedDelivery::Signature) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const NEW: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
    const BODY: &[u8] = br#"{"event_type":"user.disabled","user_id":"u"}"#;
    const TIME: i64 = 1_700_000_000;

    fn at(time: i64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(time.try_into().unwrap())
    }

    fn signed(secret: &str, names: [&'static str; 3]) -> HeaderMap {
        let signature = Webhook::new(secret).unwrap().sign("msg_1", TIME, BODY).unwrap();
        headers(names, ["msg_1", &TIME.to_string(), &signature])
    }

    fn headers(names: [&'static str; 3], values: [&str; 3]) -> HeaderMap {
        names.into_iter().zip(values).map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    fn verify(secrets: &[&str], headers: &HeaderMap, body: &[u8], now: SystemTime) -> Result<(), RejectedDelivery> {
        let secrets: Vec<SecretString> = secrets.iter().map(|&secret| secret.into()).collect();
        Keys::new(&secrets).unwrap().verify(&DeliveryHeaders::read_at(headers, now)?, body)
    }

    #[test]
    fn a_delivery_is_good_under_the_names_of_svix_and_of_standard_webhooks() {
        for names in NAMES {
            assert_eq!(verify(&[OLD], &signed(OLD, names), BODY, at(TIME)), Ok(()));
        }
    }

    #[test]
    fn either_of_two_secrets_will_do_and_no_third() {
        for secret in [OLD, NEW] {
            let headers = signed(secret, NAMES[0]);
            assert_eq!(verify(&[OLD, NEW], &headers, BODY, at(TIME)), Ok(()));
            assert_eq!(verify(&[NEW, OLD], &headers, BODY, at(TIME)), Ok(()));
        }
        assert_eq!(verify(&[OLD], &signed(NEW, NAMES[0]), BODY, at(TIME)), Err(RejectedDelivery::Signature));
        assert_eq!(verify(&[], &signed(NEW, NAMES[0]), BODY, at(TIME)), Err(RejectedDelivery::Signature));
    }

    #[test]
    fn a_delivery_signed_with_both_secrets_is_good_for_either() {
        let sign = |secret| Webhook::new(secret).unwrap().sign("msg_1", TIME, BODY).unwrap();
        let both = format!("v1a,else {} {}", sign(OLD), sign(NEW));
        let headers = headers(NAMES[0], ["msg_1", &TIME.to_string(), &both]);
        assert_eq!(verify(&[OLD], &headers, BODY, at(TIME)), Ok(()));
        assert_eq!(verify(&[NEW], &headers, BODY, at(TIME)), Ok(()));
    }

    #[test]
    fn whatever_is_changed_breaks_the_signature() {
        let good = signed(OLD, NAMES[0]);
        assert_eq!(verify(&[OLD], &good, b"{}", at(TIME)), Err(RejectedDelivery::Signature));
        assert_eq!(verify(&[OLD], &good, b"\xff", at(TIME)), Err(RejectedDelivery::Signature));
        let signature = good["svix-signature"].to_str().unwrap().to_owned();
        let (time, cut) = (TIME.to_string(), signature[..signature.len() - 1].to_owned());
        let later = (TIME + 1).to_string();
        for values in [
            ["msg_2", &time, &signature],
            ["msg_1", &later, &signature],
            ["msg_1", &time, &cut],
            ["msg_1", &time, "v1,"],
            ["msg_1", &time, "v1"],
            ["msg_1", &time, ""],
            ["msg_1", &time, signature.trim_start_matches("v1,")],
            ["msg_1", &time, &signature.replace("v1,", "v2,")],
        ] {
            assert_eq!(verify(&[OLD], &headers(NAMES[0], values), BODY, at(TIME)), Err(RejectedDelivery::Signature));
        }
    }

    #[test]
    fn five_minutes_is_the_tolerance_in_both_directions() {
        let headers = signed(OLD, NAMES[0]);
        for (now, verdict) in
            [(300, Ok(())), (-300, Ok(())), (301, Err(RejectedDelivery::Time)), (-301, Err(RejectedDelivery::Time))]
        {
            assert_eq!(verify(&[OLD], &headers, BODY, at(TIME + now)), verdict, "{now}");
        }
    }

    #[test]
    fn headers_that_are_none_are_refused_before_the_body_is_read() {
        let refused = |id: &str, time: &str| {
            let headers = headers(NAMES[0], [id, time, "v1,x"]);
            DeliveryHeaders::read_at(&headers, at(TIME)).unwrap_err()
        };
        let time = TIME.to_string();
        for id in ["", "a.1", "a b", &"x".repeat(LONGEST_ID + 1)] {
            assert_eq!(refused(id, &time), RejectedDelivery::Malformed("svix-id"), "{id}");
        }
        for time in ["", "now", "1.7e9", "99999999999999999999"] {
            assert_eq!(refused("a", time), RejectedDelivery::Malformed("svix-timestamp"), "{time}");
        }
        for time in [i64::MIN.to_string(), i64::MAX.to_string(), "-1".to_owned(), "0".to_owned()] {
            assert_eq!(refused("a", &time), RejectedDelivery::Time, "{time}");
        }
        assert_eq!(
            DeliveryHeaders::read_at(&HeaderMap::new(), at(TIME)).unwrap_err(),
            RejectedDelivery::Missing("webhook-id")
        );
        let mut mixed = signed(OLD, NAMES[0]);
        let signature = mixed.remove("svix-signature").unwrap();
        mixed.insert("webhook-signature", signature);
        assert_eq!(
            DeliveryHeaders::read_at(&mixed, at(TIME)).unwrap_err(),
            RejectedDelivery::Missing("svix-signature")
        );
    }

    #[test]
    fn a_secret_that_is_none_is_refused_without_repeating_it() {
        for secret in ["", "whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_%%%", "whsec_aHVudGVyMg=="] {
            let error = Keys::new(&[OLD.into(), secret.into()]).err().unwrap();
            assert!(!error.to_string().contains("aHVu"), "{error}");
        }
    }
}
