use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use chrono::NaiveDate;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::FormatError;

const EXPECTED: &str = "a calendar day in the form `YYYY-MM-DD`, such as `2026-07-31`";

/// A calendar day in the form `YYYY-MM-DD`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, sqlx::Type)]
#[serde(try_from = "String")]
#[sqlx(transparent)]
pub struct Day(NaiveDate);

impl Day {
    /// Returns the number of days from `self` to `later`, negative if `later` is earlier.
    pub fn days_until(self, later: Self) -> i64 {
        (later.0 - self.0).num_days()
    }
}

impl From<NaiveDate> for Day {
    fn from(date: NaiveDate) -> Self {
        Self(date)
    }
}

impl TryFrom<String> for Day {
    type Error = FormatError;

    fn try_from(text: String) -> Result<Self, FormatError> {
        // chrono also accepts `2026-7-1` and `+2026-07-01`, which the schema rejects.
        match NaiveDate::parse_from_str(&text, "%Y-%m-%d") {
            Ok(date) if date.to_string() == text => Ok(Self(date)),
            _ => Err(FormatError::new(text, EXPECTED)),
        }
    }
}

impl FromStr for Day {
    type Err = FormatError;

    fn from_str(text: &str) -> Result<Self, FormatError> {
        Self::try_from(text.to_owned())
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl JsonSchema for Day {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Day".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "format": "date",
            "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_a_calendar_day_with_all_digits() {
        assert_eq!("2024-02-29".parse::<Day>().unwrap().to_string(), "2024-02-29");
        for bad in ["2026-02-29", "2026-7-1", "+2026-07-01", "01.07.2026", "2026-07-01T00:00:00Z", ""] {
            assert!(bad.parse::<Day>().is_err(), "{bad}");
        }
    }
}
