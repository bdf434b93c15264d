//! Rates: how often something may happen, such as `30/minute`.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

/// Largest quantity of a [`Rate`].
const MAX_QUANTITY: u32 = 1_000_000;

/// Number of requests in a period of time, such as `30/minute`.
///
/// The quantity can be used in one burst. It refills continuously: one request of `30/minute` every two seconds (GCRA, the
/// generic cell rate algorithm). As text, a rate is a quantity from 1 to 1,000,000, a slash, and `second`, `minute`, `hour`
/// or `day`.
///
/// ```
/// use std::time::Duration;
/// use toolgate::Rate;
///
/// let rate: Rate = "30/minute".parse()?;
/// assert_eq!(rate, Rate::per_minute(30));
/// assert_eq!((rate.quantity(), rate.period()), (30, Duration::from_secs(60)));
/// assert_eq!(rate.to_string(), "30/minute");
/// # Ok::<(), toolgate::RateError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rate {
    quantity: u32,
    unit: Unit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Unit {
    Second,
    Minute,
    Hour,
    Day,
}

impl Unit {
    const ALL: [Self; 4] = [Self::Second, Self::Minute, Self::Hour, Self::Day];

    const fn name(self) -> &'static str {
        match self {
            Self::Second => "second",
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }

    const fn seconds(self) -> u64 {
        match self {
            Self::Second => 1,
            Self::Minute => 60,
            Self::Hour => 60 * 60,
            Self::Day => 24 * 60 * 60,
        }
    }
}

impl Rate {
    /// Creates a rate with a quantity for each second.
    ///
    /// # Panics
    ///
    /// If the quantity is 0 or above 1,000,000, as all constructors do. In a constant, a panic is a compile error.
    pub const fn per_second(quantity: u32) -> Self {
        Self::new(quantity, Unit::Second)
    }

    /// Creates a rate with a quantity for each minute.
    pub const fn per_minute(quantity: u32) -> Self {
        Self::new(quantity, Unit::Minute)
    }

    /// Creates a rate with a quantity for each hour.
    pub const fn per_hour(quantity: u32) -> Self {
        Self::new(quantity, Unit::Hour)
    }

    /// Creates a rate with a quantity for each day of 24 hours.
    pub const fn per_day(quantity: u32) -> Self {
        Self::new(quantity, Unit::Day)
    }

    const fn new(quantity: u32, unit: Unit) -> Self {
        assert!(quantity > 0 && quantity <= MAX_QUANTITY, "the quantity of a rate must be from 1 to 1000000");
        Self { quantity, unit }
    }

    /// Returns the number of requests in each period, which is also that of a burst.
    pub const fn quantity(self) -> u32 {
        self.quantity
    }

    /// Returns the time after which the whole quantity is available again.
    pub const fn period(self) -> Duration {
        Duration::from_secs(self.unit.seconds())
    }

    /// Returns the name of the period: `second`, `minute`, `hour` or `day`.
    pub(crate) const fn unit(self) -> &'static str {
        self.unit.name()
    }

    /// Returns whether this rate allows requests that `other` rejects: a larger burst, or more in the long run.
    pub(crate) fn exceeds(self, other: Self) -> bool {
        let in_the_long_run = |a: Self, b: Self| u64::from(a.quantity) * b.unit.seconds();
        self.quantity > other.quantity || in_the_long_run(self, other) > in_the_long_run(other, self)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.quantity, self.unit.name())
    }
}

/// A text is not a [`Rate`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "expected a quantity from 1 to {MAX_QUANTITY} and `second`, `minute`, `hour` or `day`, such as 30/minute, got `{0}`"
)]
pub struct RateError(String);

impl FromStr for Rate {
    type Err = RateError;

    fn from_str(text: &str) -> Result<Self, RateError> {
        let rate = text.split_once('/').and_then(|(quantity, unit)| {
            let is_number = quantity.bytes().all(|byte| byte.is_ascii_digit());
            let quantity =
                quantity.parse().ok().filter(|quantity| is_number && (1..=MAX_QUANTITY).contains(quantity))?;
            let unit = Unit::ALL.into_iter().find(|known| known.name() == unit)?;
            Some(Self { quantity, unit })
        });
        rate.ok_or_else(|| RateError(text.to_owned()))
    }
}

/// As text.
impl Serialize for Rate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// From text.
impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_read_as_it_is_written() {
        for text in ["1/second", "30/minute", "500/hour", "1000000/day"] {
            assert_eq!(text.parse::<Rate>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn any_other_text_is_rejected_with_what_is_expected() {
        let texts = [
            "",
            "30",
            "30/",
            "/minute",
            "0/minute",
            "-1/minute",
            "+1/minute",
            "1.5/second",
            "1000001/day",
            "4/minutes",
        ];
        for text in texts.into_iter().chain(["30 / minute", "30/Minute", "30/week", "30/minute ", "99999999999/day"])
        {
            let error = text.parse::<Rate>().unwrap_err().to_string();
            assert!(error.contains("such as 30/minute") && error.ends_with(&format!("got `{text}`")), "{error}");
        }
    }

    #[test]
    fn a_rate_exceeds_another_by_its_burst_or_in_the_long_run() {
        let per_minute = Rate::per_minute(60);
        assert!(!per_minute.exceeds(per_minute));
        assert!(Rate::per_minute(61).exceeds(per_minute) && !Rate::per_minute(59).exceeds(per_minute));
        // A larger burst, and fewer in the long run.
        assert!(Rate::per_hour(61).exceeds(per_minute) && per_minute.exceeds(Rate::per_hour(61)));
        // As many in the long run, and a smaller burst.
        assert!(!Rate::per_second(1).exceeds(per_minute) && per_minute.exceeds(Rate::per_second(1)));
        assert!(Rate::per_second(2).exceeds(per_minute));
    }
}
