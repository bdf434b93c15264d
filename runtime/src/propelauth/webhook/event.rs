//! Events of webhooks, and the revocations that they require.

use std::collections::HashSet;

use serde_json::{Map, Value};

use crate::auth::Revocation;

/// Maximum length of an ID, in bytes. A longer ID counts as missing, which bounds the memory of the revocation clock.
const MAX_ID_BYTES: usize = 256;
/// Maximum number of unknown event types that are logged.
const MAX_LOGGED_TYPES: usize = 64;
/// Maximum length of a type for comparison with the logged types, in characters.
const MAX_TYPE_CHARS: usize = 128;

/// Access that an event changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Affected {
    /// All access of a user.
    User,
    /// Access of a user in one organization.
    Member,
    /// Access of all users in an organization.
    Organization,
    /// Access of the API keys of an organization.
    Machines,
    /// No access.
    Nothing,
    /// The type is not in the list of PropelAuth's event types.
    Unknown,
    /// The body has no type.
    MissingType,
}

/// Event of a delivery with a valid signature.
#[derive(Debug)]
pub(super) struct Event {
    /// Type of the event. Empty if the body has none.
    name: String,
    affected: Affected,
    /// All users that the event names.
    users: Vec<String>,
    org: Option<String>,
}

impl Event {
    /// Parses a body. A body without a type, such as one that is not JSON, affects all access.
    pub(super) fn parse(body: &[u8]) -> Self {
        let fields: Option<Map<String, Value>> = serde_json::from_slice(body).ok();
        let string = |name: &str| {
            let value = fields.as_ref()?.get(name)?.as_str()?;
            (!value.is_empty() && value.len() <= MAX_ID_BYTES).then(|| value.to_owned())
        };
        let event_type = string("event_type");
        let affected = event_type.as_deref().map_or(Affected::MissingType, Affected::of_event_type);
        let mut users: Vec<_> = ["user_id", "removed_user_id"].into_iter().filter_map(string).collect();
        users.dedup();
        Self { name: event_type.unwrap_or_default(), affected, users, org: string("org_id") }
    }

    pub(super) fn event_type(&self) -> &str {
        &self.name
    }

    pub(super) fn is_unknown(&self) -> bool {
        self.affected == Affected::Unknown
    }

    /// Returns whether the event has the IDs that its type requires.
    pub(super) fn is_complete(&self) -> bool {
        let (has_user, has_org) = (!self.users.is_empty(), self.org.is_some());
        match self.affected {
            Affected::User => has_user,
            Affected::Member => has_user && has_org,
            Affected::Organization | Affected::Machines => has_org,
            Affected::Nothing | Affected::Unknown => true,
            Affected::MissingType => false,
        }
    }

    /// Returns the revocations that the event requires. If IDs are missing, they cover more access rather than less.
    pub(super) fn revocations(&self) -> Vec<Revocation> {
        let users = || self.users.iter().cloned().map(Revocation::User).collect();
        match (self.affected, &self.org, self.users.is_empty()) {
            (Affected::Nothing, _, _) | (Affected::Unknown, None, true) => Vec::new(),
            (Affected::User, _, false) | (Affected::Member | Affected::Unknown, None, false) => users(),
            (Affected::Member, Some(org), false) => {
                let member = |user: &String| Revocation::Member { user: user.clone(), org: org.clone() };
                self.users.iter().map(member).collect()
            }
            (Affected::Organization | Affected::Unknown, Some(org), _) | (Affected::Member, Some(org), true) => {
                vec![Revocation::Organization(org.clone())]
            }
            (Affected::Machines, Some(org), _) => vec![Revocation::Machines(org.clone())],
            (Affected::User, _, true)
            | (Affected::Member, None, true)
            | (Affected::Organization | Affected::Machines, None, _)
            | (Affected::MissingType, _, _) => vec![Revocation::All],
        }
    }
}

impl Affected {
    /// Returns the access that an event type changes.
    fn of_event_type(event_type: &str) -> Self {
        match event_type {
            "user.deleted"
            | "user.disabled"
            | "user.locked"
            | "user.logged_out"
            | "user.deleted_personal_api_key" => Self::User,
            "user.removed_from_org"
            | "user.role_changed_within_org"
            | "user.added_to_org"
            | "user.removed_from_scim_group"
            | "user.added_to_scim_group" => Self::Member,
            "org.deleted" | "org.scim_group_updated" | "org.scim_group_deleted" | "org.scim_key_revoked" => {
                Self::Organization
            }
            "org.api_key_deleted" => Self::Machines,
            "user.created"
            | "user.updated"
            | "user.enabled"
            | "user.login"
            | "user.impersonated"
            | "user.invited_to_org"
            | "user.send_mfa_phone_code"
            | "org.created"
            | "org.updated"
            | "org.saml_setup"
            | "org.saml_went_live"
            | "org.saml_removed"
            | "org.scim_group_created"
            | "org.scim_key_created" => Self::Nothing,
            _ => Self::Unknown,
        }
    }
}

/// Unknown event types that were logged.
#[derive(Debug, Default)]
pub(super) struct UnknownEventTypes(HashSet<String>);

impl UnknownEventTypes {
    /// Returns whether to log this type: if it was not logged before and the maximum is not reached.
    pub(super) fn insert(&mut self, event_type: &str) -> bool {
        let event_type: String = event_type.chars().take(MAX_TYPE_CHARS).collect();
        self.0.len() < MAX_LOGGED_TYPES && self.0.insert(event_type)
    }
}

#[cfg(test)]
mod tests;
