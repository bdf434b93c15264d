//! Signature of a delivery, in the format of Standard Webhooks, which Svix uses.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};
use standardwebhooks::Webhook;
use subtle::ConstantTimeEq as _;
use thiserror::Error;

/// Maximum difference between the time of a delivery and the current time, in either direction.
pub(super) const TOLERANCE: Duration = Duration::from_mins(5);

const SECRET_PREFIX: &str = "whsec_";
/// Minimum length of a key, in bytes (Standard Webhooks, "Signature scheme").
const MIN_KEY_BYTES: usize = 24;
const MAX_ID_BYTES: usize = 256;
/// Prefix of a symmetric signature. Asymmetric ones start with `v1a,`.
const SYMMETRIC: &str = "v1,";
/// Length of a symmetric signature with its prefix: base64 of an HMAC-SHA256.
const SIGNATURE_LENGTH: usize = SYMMETRIC.len() + 44;

/// Names of the headers with ID, time and signatures: those of Svix, and those of Standard Webhooks.
const HEADER_NAMES: [[&str; 3]; 2] =
    [["svix-id", "svix-timestamp", "svix-signature"], ["webhook-id", "webhook-timestamp", "webhook-signature"]];

/// A signing secret is not `whsec_` followed by base64 of at least 24 bytes. The text does not repeat the secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("expected `whsec_` followed by base64 of at least {MIN_KEY_BYTES} bytes")]
pub(crate) struct InvalidSecret;

/// Reason why a delivery is rejected. It is for the log only; the response does not contain it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum RejectedDelivery {
    #[error("the header `{0}` is missing")]
    MissingHeader(&'static str),
    #[error("the header `{0}` is malformed")]
    MalformedHeader(&'static str),
    #[error("it was sent more than 5 minutes before or after the time of this machine: check the clock")]
    Time,
    #[error(
        "its signature does not match PROPELAUTH_WEBHOOK_SECRET: compare that with the signing secret of the webhook \
         in PropelAuth's dashboard"
    )]
    Signature,
}

/// Headers of a delivery whose time is within the tolerance.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DeliveryHeaders<'a> {
    id: &'a str,
    /// Seconds since 1970.
    time: i64,
    signatures: &'a str,
}

impl<'a> DeliveryHeaders<'a> {
    /// Reads the headers of a delivery that was just received, before its body.
    pub(crate) fn parse(headers: &'a HeaderMap) -> Result<Self, RejectedDelivery> {
        Self::parse_at(headers, SystemTime::now())
    }

    fn parse_at(headers: &'a HeaderMap, now: SystemTime) -> Result<Self, RejectedDelivery> {
        // All three headers must have names of the same kind.
        let [svix, standard] = HEADER_NAMES;
        let names = if svix.iter().any(|name| headers.contains_key(*name)) { svix } else { standard };
        let header = |name| {
            let value: &HeaderValue = headers.get(name).ok_or(RejectedDelivery::MissingHeader(name))?;
            value.to_str().map_err(|_| RejectedDelivery::MalformedHeader(name))
        };
        let [id, time, signatures] = [header(names[0])?, header(names[1])?, header(names[2])?];
        // The signature covers `id.time.body`. A dot in the ID would make that ambiguous.
        let legal = |byte: u8| byte.is_ascii_graphic() && byte != b'.';
        if id.is_empty() || id.len() > MAX_ID_BYTES || !id.bytes().all(legal) {
            return Err(RejectedDelivery::MalformedHeader(names[0]));
        }
        let time: i64 = time.parse().map_err(|_| RejectedDelivery::MalformedHeader(names[1]))?;
        let now = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let difference = u64::try_from(time).map_err(|_| RejectedDelivery::Time)?.abs_diff(now);
        if difference > TOLERANCE.as_secs() {
            return Err(RejectedDelivery::Time);
        }
        // A body that no signature can match is not read.
        if possible_signatures(signatures).next().is_none() {
            return Err(RejectedDelivery::Signature);
        }
        Ok(Self { id, time, signatures })
    }

    pub(super) fn id(&self) -> &'a str {
        self.id
    }

    /// Returns when the delivery was sent, by the sender's clock.
    pub(super) fn sent_at(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(self.time.unsigned_abs())
    }
}

/// Keys with which a delivery may be signed.
pub(super) struct Keys(Vec<Webhook>);

impl Keys {
    pub(super) fn new(secrets: &[SecretString]) -> Result<Self, InvalidSecret> {
        let key = |secret: &SecretString| {
            let text = secret.expose_secret().strip_prefix(SECRET_PREFIX).ok_or(InvalidSecret)?;
            // In base64, four characters without padding are three bytes.
            let bytes = text.trim_end_matches('=').len() * 3 / 4;
            if bytes < MIN_KEY_BYTES {
                return Err(InvalidSecret);
            }
            Webhook::new(text).map_err(|_| InvalidSecret)
        };
        secrets.iter().map(key).collect::<Result<_, _>>().map(Self)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns the headers of a delivery that is signed with each of the keys.
    pub(super) fn sign(&self, id: &str, time: i64, body: &[u8]) -> HeaderMap {
        let signatures: Vec<_> = self.0.iter().filter_map(|key| key.sign(id, time, body).ok()).collect();
        let values = [id.to_owned(), time.to_string(), signatures.join(" ")];
        let header = |(name, value): (&'static str, String)| {
            Some((HeaderName::from_static(name), HeaderValue::try_from(value).ok()?))
        };
        HEADER_NAMES[0].into_iter().zip(values).filter_map(header).collect()
    }

    /// Verifies that one of the signatures was made with one of the keys.
    ///
    /// `standardwebhooks` computes the expected signature. Its own verification is not used, because its time check
    /// can overflow; `subtle` compares in constant time.
    pub(super) fn verify(&self, headers: &DeliveryHeaders<'_>, body: &[u8]) -> Result<(), RejectedDelivery> {
        let signed_with = |key: &Webhook| {
            let Ok(expected) = key.sign(headers.id, headers.time, body) else { return false };
            let equal = |signature: &str| bool::from(signature.as_bytes().ct_eq(expected.as_bytes()));
            possible_signatures(headers.signatures).fold(false, |any, signature| any | equal(signature))
        };
        if self.0.iter().any(signed_with) { Ok(()) } else { Err(RejectedDelivery::Signature) }
    }
}

/// Returns the signatures that have the form of a symmetric one.
fn possible_signatures(signatures: &str) -> impl Iterator<Item = &str> {
    let is_possible = |signature: &&str| signature.len() == SIGNATURE_LENGTH && signature.starts_with(SYMMETRIC);
    signatures.split(' ').filter(is_possible)
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
        Keys::new(&secrets).unwrap().verify(&DeliveryHeaders::parse_at(headers, now)?, body)
    }

    #[test]
    fn accepts_the_header_names_of_svix_and_of_standard_webhooks() {
        for names in HEADER_NAMES {
            assert_eq!(verify(&[OLD], &signed(OLD, names), BODY, at(TIME)), Ok(()));
        }
    }

    #[test]
    fn accepts_either_of_two_secrets_and_no_third() {
        for secret in [OLD, NEW] {
            let headers = signed(secret, HEADER_NAMES[0]);
            assert_eq!(verify(&[OLD, NEW], &headers, BODY, at(TIME)), Ok(()));
            assert_eq!(verify(&[NEW, OLD], &headers, BODY, at(TIME)), Ok(()));
        }
        assert_eq!(verify(&[OLD], &signed(NEW, HEADER_NAMES[0]), BODY, at(TIME)), Err(RejectedDelivery::Signature));
        assert_eq!(verify(&[], &signed(NEW, HEADER_NAMES[0]), BODY, at(TIME)), Err(RejectedDelivery::Signature));
    }

    #[test]
    fn accepts_a_delivery_signed_with_two_secrets() {
        let sign = |secret| Webhook::new(secret).unwrap().sign("msg_1", TIME, BODY).unwrap();
        let both = format!("v1a,else {} {}", sign(OLD), sign(NEW));
        let headers = headers(HEADER_NAMES[0], ["msg_1", &TIME.to_string(), &both]);
        assert_eq!(verify(&[OLD], &headers, BODY, at(TIME)), Ok(()));
        assert_eq!(verify(&[NEW], &headers, BODY, at(TIME)), Ok(()));
    }

    #[test]
    fn rejects_a_delivery_if_any_part_is_changed() {
        let valid = signed(OLD, HEADER_NAMES[0]);
        assert_eq!(verify(&[OLD], &valid, b"{}", at(TIME)), Err(RejectedDelivery::Signature));
        assert_eq!(verify(&[OLD], &valid, b"\xff", at(TIME)), Err(RejectedDelivery::Signature));
        let signature = valid["svix-signature"].to_str().unwrap().to_owned();
        let (time, truncated) = (TIME.to_string(), signature[..signature.len() - 1].to_owned());
        let later = (TIME + 1).to_string();
        for values in [
            ["msg_2", &time, &signature],
            ["msg_1", &later, &signature],
            ["msg_1", &time, &truncated],
            ["msg_1", &time, "v1,"],
            ["msg_1", &time, "v1"],
            ["msg_1", &time, ""],
            ["msg_1", &time, signature.trim_start_matches("v1,")],
            ["msg_1", &time, &signature.replace("v1,", "v2,")],
        ] {
            assert_eq!(
                verify(&[OLD], &headers(HEADER_NAMES[0], values), BODY, at(TIME)),
                Err(RejectedDelivery::Signature)
            );
        }
    }

    #[test]
    fn the_tolerance_is_five_minutes_in_both_directions() {
        let headers = signed(OLD, HEADER_NAMES[0]);
        for (now, expected) in
            [(300, Ok(())), (-300, Ok(())), (301, Err(RejectedDelivery::Time)), (-301, Err(RejectedDelivery::Time))]
        {
            assert_eq!(verify(&[OLD], &headers, BODY, at(TIME + now)), expected, "{now}");
        }
    }

    #[test]
    fn rejects_malformed_headers_before_the_body_is_read() {
        let error = |id: &str, time: &str| {
            let headers = headers(HEADER_NAMES[0], [id, time, "v1,x"]);
            DeliveryHeaders::parse_at(&headers, at(TIME)).unwrap_err()
        };
        let time = TIME.to_string();
        for id in ["", "a.1", "a b", &"x".repeat(MAX_ID_BYTES + 1)] {
            assert_eq!(error(id, &time), RejectedDelivery::MalformedHeader("svix-id"), "{id}");
        }
        for time in ["", "now", "1.7e9", "99999999999999999999"] {
            assert_eq!(error("a", time), RejectedDelivery::MalformedHeader("svix-timestamp"), "{time}");
        }
        for time in [i64::MIN.to_string(), i64::MAX.to_string(), "-1".to_owned(), "0".to_owned()] {
            assert_eq!(error("a", &time), RejectedDelivery::Time, "{time}");
        }
        let long = format!("v1,{}", "A".repeat(45));
        for signatures in ["", "v1,", "v1,x", "v1a,x v2,x", &long] {
            let headers = headers(HEADER_NAMES[0], ["a", &time, signatures]);
            let error = DeliveryHeaders::parse_at(&headers, at(TIME)).unwrap_err();
            assert_eq!(error, RejectedDelivery::Signature, "{signatures}");
        }
        assert_eq!(
            DeliveryHeaders::parse_at(&HeaderMap::new(), at(TIME)).unwrap_err(),
            RejectedDelivery::MissingHeader("webhook-id")
        );
        let mut mixed = signed(OLD, HEADER_NAMES[0]);
        let signature = mixed.remove("svix-signature").unwrap();
        mixed.insert("webhook-signature", signature);
        assert_eq!(
            DeliveryHeaders::parse_at(&mixed, at(TIME)).unwrap_err(),
            RejectedDelivery::MissingHeader("svix-signature")
        );
    }

    #[test]
    fn rejects_an_invalid_secret_without_repeating_it() {
        for secret in ["", "whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_%%%", "whsec_aHVudGVyMg=="] {
            let error = Keys::new(&[OLD.into(), secret.into()]).err().unwrap();
            assert!(!error.to_string().contains("aHVu"), "{error}");
        }
    }
}
