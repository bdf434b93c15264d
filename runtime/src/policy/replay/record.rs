//! Reading audit records.

use serde::Deserialize;

use super::super::subject::Claim;
use crate::{
    audit::{self, ApprovalEvent, CallOutcome, RequiredBy},
    operation::OperationKind,
};

/// An audit record.
#[derive(Debug)]
pub(super) enum Record {
    Call(Box<RecordedCall>),
    /// A list, an event on the page of an approval, or a request that did not reach an operation.
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
    pub(super) kind: OperationKind,
    /// Name of a tool or a prompt, or URI or template of a resource, as it was declared. If there was no such operation, the
    /// name is that of the request.
    pub(super) name: String,
    /// URI of a resource that was read by its template.
    pub(super) uri: Option<String>,
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
    prompt: Option<String>,
    resource: Option<String>,
    uri: Option<String>,
    required: Option<String>,
    missing: Option<String>,
    required_by: Option<String>,
}

impl Record {
    /// Parses a line. `None` if it is not a record.
    pub(super) fn parse(line: &[u8]) -> Option<Self> {
        let fields: Fields = serde_json::from_slice(line).ok()?;
        let tool = fields.tool.map(|name| (OperationKind::Tool, name));
        let prompt = fields.prompt.map(|name| (OperationKind::Prompt, name));
        let resource = fields.resource.map(|name| (OperationKind::Resource, name));
        // Of the other records, only those about approvals name an operation.
        let Some((kind, name)) = tool.or(prompt).or(resource) else { return Some(Self::Other) };
        if ApprovalEvent::from_name(&fields.outcome).is_some() {
            return Some(Self::Other);
        }
        let scopes = |text: Option<String>| text.as_deref().map(scopes).unwrap_or_default();
        let plain = |text: Option<String>| text.map(|text| audit::sanitize(&text));
        Some(Self::Call(Box::new(RecordedCall {
            time: fields.time.filter(|time| is_time(time)),
            outcome: outcome(&fields.outcome)?,
            user: plain(fields.user),
            organization: plain(fields.organization),
            role: plain(fields.role),
            policy: fields.policy,
            granted: fields.granted.as_deref().map(self::scopes),
            kind,
            name: audit::sanitize(&name),
            uri: plain(fields.uri),
            required: scopes(fields.required),
            missing: scopes(fields.missing),
            required_by: match fields.required_by {
                Some(name) => Some(required_by(&name)?),
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

/// Reads an outcome, also as the records had it that were written when all operations were tools.
fn outcome(name: &str) -> Option<CallOutcome> {
    if name == "unknown_tool" { Some(CallOutcome::Unknown) } else { CallOutcome::from_name(name) }
}

/// Reads what required the missing scopes, also as the records had it that were written when all operations were tools.
fn required_by(name: &str) -> Option<RequiredBy> {
    if name == "tool" { Some(RequiredBy::Operation) } else { RequiredBy::from_name(name) }
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
