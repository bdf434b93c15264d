//! What a webhook says, and whose access it changes.

use std::collections::HashSet;

use serde_json::{Map, Value};

use crate::auth::Revocation;

/// Longer IDs are taken for none, so that what is remembered of revocations stays small.
const LONGEST_ID: usize = 256;
/// How many unknown types are named in the log, and how much of each.
const MAX_UNKNOWN_TYPES: usize = 64;
const LONGEST_TYPE: usize = 128;

/// Whose access an event changes, by its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    User,
    Member,
    Organization,
    Nobody,
    /// A type that is not in PropelAuth's list as we know it.
    Unknown,
}

/// An event. It came signed, so it is true; whether it is complete is another matter.
#[derive(Debug)]
pub(super) struct Event {
    kind: String,
    reach: Reach,
    /// Every user that it may be about.
    users: Vec<String>,
    org: Option<String>,
    readable: bool,
}

impl Event {
    /// Reads a body. One that cannot be read is an event that may be about everybody.
    pub(super) fn read(body: &[u8]) -> Self {
        let fields: Option<Map<String, Value>> = serde_json::from_slice(body).ok();
        let text = |name: &str| {
            let text = fields.as_ref()?.get(name)?.as_str()?;
            (!text.is_empty() && text.len() <= LONGEST_ID).then(|| text.to_owned())
        };
        let kind = text("event_type");
        let mut users: Vec<_> = ["user_id", "removed_user_id"].into_iter().filter_map(text).collect();
        users.dedup();
        let readable = kind.is_some();
        let kind = kind.unwrap_or_default();
        Self { reach: Reach::of(&kind), kind, users, org: text("org_id"), readable }
    }

    pub(super) fn kind(&self) -> &str {
        &self.kind
    }

    pub(super) fn is_unknown(&self) -> bool {
        self.readable && self.reach == Reach::Unknown
    }

    /// Whether it says whom it is about, as its type has it.
    pub(super) fn is_complete(&self) -> bool {
        let (user, org) = (!self.users.is_empty(), self.org.is_some());
        self.readable
            && match self.reach {
                Reach::User => user,
                Reach::Member => user && org,
                Reach::Organization => org,
                Reach::Nobody | Reach::Unknown => true,
            }
    }

    /// Whose access ends. Where the event does not say enough, more people's rather than fewer.
    pub(super) fn revocations(&self) -> Vec<Revocation> {
        if !self.readable {
            return vec![Revocation::All];
        }
        let users = || self.users.iter().cloned().map(Revocation::User).collect();
        match (self.reach, &self.org, self.users.is_empty()) {
            (Reach::Nobody, _, _) | (Reach::Unknown, None, true) => Vec::new(),
            (Reach::User | Reach::Unknown | Reach::Member, None, false) | (Reach::User, Some(_), false) => users(),
            (Reach::Member, Some(org), false) => {
                let member = |user: &String| Revocation::Member { user: user.clone(), org: org.clone() };
                self.users.iter().map(member).collect()
            }
            (Reach::Organization | Reach::Unknown, Some(org), _) | (Reach::Member, Some(org), true) => {
                vec![Revocation::Organization(org.clone())]
            }
            (Reach::User, _, true) | (Reach::Member, None, true) | (Reach::Organization, None, _) => {
                vec![Revocation::All]
            }
        }
    }
}

impl Reach {
    /// PropelAuth's events.
    fn of(kind: &str) -> Self {
        match kind {
            "user.deleted" | "user.disabled" | "user.locked" | "user.logged_out" => Self::User,
            "user.removed_from_org"
            | "user.role_changed_within_org"
            | "user.added_to_org"
            | "user.removed_from_scim_group"
            | "user.added_to_scim_group" => Self::Member,
            "org.deleted" | "org.scim_group_updated" | "org.scim_group_deleted" | "org.scim_key_revoked" => {
                Self::Organization
            }
            "user.created"
            | "user.updated"
            | "user.enabled"
            | "user.login"
            | "user.impersonated"
            | "user.invited_to_org"
            | "user.send_mfa_phone_code"
            | "user.deleted_personal_api_key"
            | "org.created"
            | "org.updated"
            | "org.api_key_deleted"
            | "org.saml_setup"
            | "org.saml_went_live"
            | "org.saml_removed"
            | "org.scim_group_created"
            | "org.scim_key_created" => Self::Nobody,
            _ => Self::Unknown,
        }
    }
}

/// The unknown types that were named in the log already.
#[derive(Debug, Default)]
pub(super) struct UnknownTypes(HashSet<String>);

impl UnknownTypes {
    /// Whether this one has not been named yet and is still to be.
    pub(super) fn is_first(&mut self, kind: &str) -> bool {
        let kind: String = kind.chars().take(LONGEST_TYPE).collect();
        self.0.len() < MAX_UNKNOWN_TYPES && self.0.insert(kind)
    }
}

#[cfg(test)]
mod tests;
