use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use chrono::{Months, NaiveDate};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::{Day, FormatError};

const EXPECTED: &str = "a quarter such as `2026-Q3`";

/// A quarter of a year in the form `2026-Q3`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Quarter {
    year: u16,
    number: u8,
}

impl Quarter {
    /// Returns the quarters of a year before 10000.
    pub fn of_year(year: u16) -> [Self; 4] {
        [1, 2, 3, 4].map(|number| Self { year, number })
    }

    /// Returns the first and the last day, or `None` if the calendar does not have them.
    pub fn days(self) -> Option<(Day, Day)> {
        let first = NaiveDate::from_ymd_opt(self.year.into(), u32::from(self.number) * 3 - 2, 1)?;
        let last = first.checked_add_months(Months::new(3))?.pred_opt()?;
        Some((first.into(), last.into()))
    }

    /// Returns the previous quarter, or `None` for the first quarter of year 0.
    pub fn previous(self) -> Option<Self> {
        if self.number > 1 {
            Some(Self { number: self.number - 1, ..self })
        } else {
            Some(Self { year: self.year.checked_sub(1)?, number: 4 })
        }
    }

    /// Returns the next quarter, or `None` for the last quarter of year 9999.
    pub fn next(self) -> Option<Self> {
        if self.number < 4 {
            Some(Self { number: self.number + 1, ..self })
        } else if self.year < 9999 {
            Some(Self { year: self.year + 1, number: 1 })
        } else {
            None
        }
    }
}

impl FromStr for Quarter {
    type Err = FormatError;

    fn from_str(text: &str) -> Result<Self, FormatError> {
        let parse = || {
            let (year, number) = text.split_once("-Q")?;
            let digits = |part: &str, length| part.len() == length && part.bytes().all(|byte| byte.is_ascii_digit());
            if !digits(year, 4) || !digits(number, 1) {
                return None;
            }
            let number = number.parse().ok()?;
            (1..=4).contains(&number).then_some(Self { year: year.parse().ok()?, number })
        };
        parse().ok_or_else(|| FormatError::new(text, EXPECTED))
    }
}

impl TryFrom<String> for Quarter {
    type Error = FormatError;

    fn try_from(text: String) -> Result<Self, FormatError> {
        text.parse()
    }
}

impl From<Quarter> for String {
    fn from(quarter: Quarter) -> Self {
        quarter.to_string()
    }
}

impl fmt::Display for Quarter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-Q{}", self.year, self.number)
    }
}

impl JsonSchema for Quarter {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Quarter".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^[0-9]{4}-Q[1-4]$",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quarter(text: &str) -> Quarter {
        text.parse().unwrap()
    }

    #[test]
    fn a_quarter_parses_and_prints_the_same_text() {
        assert_eq!(quarter("2026-Q3").to_string(), "2026-Q3");
        for bad in ["2026-Q5", "2026-Q0", "2026-Q12", "26-Q1", "2026Q1", "2026-q1", "+026-Q1", ""] {
            assert!(bad.parse::<Quarter>().is_err(), "{bad}");
        }
    }

    #[test]
    fn the_days_of_a_quarter_are_its_three_months() {
        let days = |quarter: Quarter| quarter.days().map(|(first, last)| format!("{first} {last}"));
        let [first, .., fourth] = Quarter::of_year(2024);
        assert_eq!(days(first).unwrap(), "2024-01-01 2024-03-31");
        assert_eq!(days(fourth).unwrap(), "2024-10-01 2024-12-31");
        assert_eq!(days(quarter("9999-Q4")).unwrap(), "9999-10-01 9999-12-31");
    }

    #[test]
    fn previous_and_next_cross_year_boundaries() {
        assert_eq!(quarter("2026-Q1").previous(), Some(quarter("2025-Q4")));
        assert_eq!(quarter("2025-Q4").next(), Some(quarter("2026-Q1")));
        assert_eq!(quarter("0000-Q1").previous(), None);
        assert_eq!(quarter("9999-Q4").next(), None);
    }
}
