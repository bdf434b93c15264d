use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::FormatError;

/// Returns whether `text` is `prefix`, an underscore and four to eight digits.
fn is_id(text: &str, prefix: &str) -> bool {
    text.strip_prefix(prefix)
        .and_then(|rest| rest.strip_prefix('_'))
        .is_some_and(|number| (4..=8).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit()))
}

macro_rules! id {
    ($name:ident, $prefix:literal, $expected:literal) => {
        #[doc = concat!("An ID in the form `", $prefix, "_0042`: the prefix, `_` and four to eight digits.")]
        #[derive(
            Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, sqlx::Type,
        )]
        #[serde(try_from = "String")]
        #[sqlx(transparent)]
        pub struct $name(String);

        impl $name {
            /// Returns the ID with this number.
            pub fn numbered(number: usize) -> Self {
                Self(format!("{}_{number:04}", $prefix))
            }

            /// Returns the ID as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = FormatError;

            fn try_from(text: String) -> Result<Self, FormatError> {
                if is_id(&text, $prefix) {
                    Ok(Self(text))
                } else {
                    Err(FormatError::new(text, $expected))
                }
            }
        }

        impl FromStr for $name {
            type Err = FormatError;

            fn from_str(text: &str) -> Result<Self, FormatError> {
                Self::try_from(text.to_owned())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({
                    "type": "string",
                    "pattern": concat!("^", $prefix, "_[0-9]{4,8}$"),
                })
            }
        }
    };
}

id!(EmployeeId, "emp", "an employee ID such as `emp_0042`");
id!(CustomerId, "cus", "a customer ID such as `cus_0042`");
id!(TicketId, "tkt", "a ticket ID such as `tkt_0042`");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_prefix_and_four_to_eight_digits() {
        for good in ["emp_0001", "emp_12345678"] {
            assert_eq!(good.parse::<EmployeeId>().unwrap().as_str(), good);
        }
        for bad in
            ["", "emp_", "emp_001", "emp_123456789", "cus_0001", "EMP_0001", "emp_00a1", "emp_0001 ", "emp_٠٠٠١"]
        {
            assert!(bad.parse::<EmployeeId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn the_error_for_an_invalid_id_shows_a_valid_one() {
        let error = serde_json::from_str::<TicketId>("\"42\"").unwrap_err();
        assert_eq!(error.to_string(), "`42` is not a ticket ID such as `tkt_0042`");
    }
}
