//! How values of settings are written, where that differs from serde's way.

#![allow(clippy::ref_option, clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference to the field")]

use std::{fmt, time::Duration};

use serde::{
    Deserializer, Serializer,
    de::{Error, Unexpected, Visitor},
};

/// A duration, or `"none"` for no limit.
pub(crate) mod duration_or_none {
    use super::{Deserializer, Duration, Error, Serializer, Unexpected, Visitor, fmt};

    struct DurationOrNone;

    impl<'de> Visitor<'de> for DurationOrNone {
        type Value = Option<Duration>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a duration such as \"30s\", or \"none\"")
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
            if text == "none" {
                return Ok(None);
            }
            humantime::parse_duration(text)
                .map(Some)
                .map_err(|_| E::invalid_value(Unexpected::Other("a text of another form"), &self))
        }

        fn visit_none<E: Error>(self) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
            deserializer.deserialize_any(self)
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
        deserializer.deserialize_option(DurationOrNone)
    }

    pub(crate) fn serialize<S: Serializer>(value: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
        match value {
            Some(duration) => serializer.collect_str(&humantime::format_duration(*duration)),
            None => serializer.serialize_str("none"),
        }
    }
}

/// A rate, or `"none"`.
pub(crate) mod rate_or_none {
    use serde::{Deserialize as _, Serialize as _};

    use super::{Deserializer, Error, Serializer};
    use crate::rate::Rate;

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Rate>, D::Error> {
        match Option::<String>::deserialize(deserializer)?.as_deref() {
            None | Some("none") => Ok(None),
            Some(text) => text.parse().map(Some).map_err(D::Error::custom),
        }
    }

    pub(crate) fn serialize<S: Serializer>(value: &Option<Rate>, serializer: S) -> Result<S::Ok, S::Error> {
        match value {
            Some(rate) => rate.serialize(serializer),
            // The default: no rate.
            None => serializer.serialize_none(),
        }
    }
}

/// Rates by names. A rate of `"none"` means unlimited.
pub(crate) mod rates {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::{Deserializer, Serializer, rate_or_none};
    use crate::rate::Rate;

    #[derive(Deserialize)]
    #[serde(transparent)]
    struct RateOrNone(#[serde(deserialize_with = "rate_or_none::deserialize")] Option<Rate>);

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<BTreeMap<String, Option<Rate>>, D::Error> {
        let rates = BTreeMap::<String, RateOrNone>::deserialize(deserializer)?;
        Ok(rates.into_iter().map(|(name, rate)| (name, rate.0)).collect())
    }

    pub(crate) fn serialize<S: Serializer>(
        rates: &BTreeMap<String, Option<Rate>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let text = |rate: &Option<Rate>| rate.map_or_else(|| "none".to_owned(), |rate| rate.to_string());
        serializer.collect_map(rates.iter().map(|(name, rate)| (name, text(rate))))
    }
}

/// An address to listen on, as [`parse_address`](super::parse_address) reads it.
pub(crate) mod address {
    use std::net::SocketAddr;

    use serde::Deserialize as _;

    use super::{super::parse_address, Deserializer, Error, Serializer};

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SocketAddr>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        let parse = |text: String| parse_address(&text).ok_or_else(|| D::Error::custom("not an address and a port"));
        text.map(parse).transpose()
    }

    pub(crate) fn serialize<S: Serializer>(value: &Option<SocketAddr>, serializer: S) -> Result<S::Ok, S::Error> {
        match value {
            Some(address) => serializer.collect_str(address),
            None => serializer.serialize_none(),
        }
    }
}

/// A secret, which is never serialized.
pub(crate) mod secret {
    use secrecy::SecretString;
    use serde::Deserialize as _;

    use super::{Deserializer, Serializer};

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SecretString>, D::Error> {
        Ok(Option::<String>::deserialize(deserializer)?.map(SecretString::from))
    }

    #[allow(clippy::unnecessary_wraps, reason = "serde defines the signature")]
    pub(crate) fn serialize<S: Serializer>(_: &Option<SecretString>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_none()
    }
}
