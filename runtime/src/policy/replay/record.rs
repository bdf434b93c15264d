//! Reading audit records.

use serde::Deserialize;

use super::super::subject::Claim;
use crate::audit::{self, CallOutcome, RequiredBy};

/// An audit record.
#[derive(Debug)]
pub(super) enum Record {
    Call(Box<RecordedCall>),
    /// A list, or a request that did not reach a tool.
    Other,
}

/// Record of a call.
#[derive(Debug)]
pub(super) struct RecordedCall {
    pub(super) time: Option<String>,
    pub(super) outcome: CallOutcome,
    pub(super) user: Option<String>,
    pub(super) organization: Option<String>,
    pub(super) role: Option<String>,
    pub(super) policy: Option<String>,
    /// The caller's scopes, if they are recorded.
    pub(super) granted: Option<Vec<String>>,
    pub(super) tool: String,
    pub(super) required: Vec<String>,
    pub(super) missing: Vec<String>,
    pub(super) required_by: Option<RequiredBy>,
}

/// Fields of a record that matter here.
#[derive(Deserialize)]
struct Fields {
    time: Option<String>,
    outcome: String,
    user: Option<String>,
    organization: Option<String>,
    role: Option<String>,
    policy: Option<String>,
    granted: Option<String>,
    tool: Option<String>,
    required: Option<String>,
    missing: Option<String>,
    required_by: Option<String>,
}

impl Record {
    /// Parses a line. `None` if it is not a record.
    pub(super) fn parse(line: &[u8]) -> Option<Self> {
        let fields: Fields = serde_json::from_slice(line).ok()?;
        // The other records name no tool.
        let Some(tool) = fields.tool else { return Some(Self::Other) };
        let scopes = |text: Option<String>| text.as_deref().map(scopes).unwrap_or_default();
        let plain = |text: Option<String>| text.map(|text| audit::sanitize(&text));
        Some(Self::Call(Box::new(RecordedCall {
            time: fields.time.filter(|time| is_time(time)),
            outcome: CallOutcome::from_name(&fields.outcome)?,
            user: plain(fields.user),
            organization: plain(fields.organization),
            role: plain(fields.role),
            policy: fields.policy,
            granted: fields.granted.as_deref().map(self::scopes),
            tool: audit::sanitize(&tool),
            required: scopes(fields.required),
            missing: scopes(fields.missing),
            required_by: match fields.required_by {
                Some(name) => Some(RequiredBy::from_name(&name)?),
                None => None,
            },
        })))
    }
}

impl RecordedCall {
    pub(super) fn org(&self) -> Claim {
        claim(self.organization.as_deref())
    }

    pub(super) fn org_role(&self) -> Claim {
        claim(self.role.as_deref())
    }
}

/// Reads a claim. A caller whose record does not have it did not have it, either.
fn claim(recorded: Option<&str>) -> Claim {
    match recorded {
        None => Claim::Absent,
        Some(text) if audit::is_changed(text) => Claim::Unknown,
        Some(text) => Claim::Is(text.to_owned()),
    }
}

fn scopes(text: &str) -> Vec<String> {
    text.split(' ').filter(|scope| !scope.is_empty()).map(str::to_owned).collect()
}

/// Returns whether a text can be a time as in RFC 3339, which begins with the date.
fn is_time(text: &str) -> bool {
    (20..=40).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_digit() || b"-:.+TZ".contains(&byte))
        && text.as_bytes()[10] == b'T'
}
