//! Record of a user.

use std::fmt;

use serde_json::{Map, Value};

use super::user_cache::UserValue;
use crate::json_memory;

/// Record of a user in the directory, such as PropelAuth's; see [`Caller::profile`](crate::Caller::profile).
///
/// ```
/// use toolgate::auth::{Membership, Profile};
///
/// let profile = Profile::new("u1").email("harriet@example.com").membership(Membership::new("o1", "HR"));
/// assert!(profile.has_role("o1", "HR") && !profile.has_role("o1", "Owner"));
/// ```
#[derive(Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Profile {
    /// ID of the user.
    pub user_id: String,
    /// E-mail address.
    pub email: Option<String>,
    /// User name.
    pub username: Option<String>,
    /// First name.
    pub first_name: Option<String>,
    /// Last name.
    pub last_name: Option<String>,
    /// Properties that the directory has for users.
    pub properties: Map<String, Value>,
    /// Organizations of the user.
    pub memberships: Vec<Membership>,
}

/// Membership of a user in an organization.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Membership {
    /// ID of the organization.
    pub org_id: String,
    /// Name of the organization.
    pub org_name: Option<String>,
    /// Role of the user.
    pub role: String,
    /// Roles that this role includes.
    pub inherited_roles: Vec<String>,
    /// Roles that the user has in addition.
    pub additional_roles: Vec<String>,
    /// Permissions of the user.
    pub permissions: Vec<String>,
}

/// A profile has data of the organizations of the user.
impl UserValue for Profile {
    fn organizations(&self) -> impl Iterator<Item = &str> {
        self.memberships.iter().map(|membership| membership.org_id.as_str())
    }
}

impl Profile {
    /// Creates the record of a user without any data.
    #[must_use]
    pub fn new(user_id: impl Into<String>) -> Self {
        Self { user_id: user_id.into(), ..Self::default() }
    }

    /// Sets the e-mail address.
    #[must_use]
    pub fn email(mut self, email: impl Into<String>) -> Self {
        self.email = Some(email.into());
        self
    }

    /// Adds an organization.
    #[must_use]
    pub fn membership(mut self, membership: Membership) -> Self {
        self.memberships.push(membership);
        self
    }

    /// Returns the membership in an organization.
    pub fn membership_in(&self, org_id: &str) -> Option<&Membership> {
        self.memberships.iter().find(|membership| membership.org_id == org_id)
    }

    /// Returns whether the user has a role in an organization: as their role, through their role, or in addition.
    pub fn has_role(&self, org_id: &str, role: &str) -> bool {
        self.membership_in(org_id).is_some_and(|membership| membership.roles().any(|other| other == role))
    }

    /// Returns an upper bound of the bytes that this value takes.
    pub(super) fn bytes(&self) -> usize {
        let texts = [&self.email, &self.username, &self.first_name, &self.last_name].into_iter().flatten();
        let properties = self.properties.iter().map(|(name, value)| {
            name.len() + json_memory::STRING + json_memory::ENTRY + json_memory::of_value(value)
        });
        size_of::<Self>()
            + texts.chain([&self.user_id]).map(String::len).sum::<usize>()
            + json_memory::OBJECT
            + properties.sum::<usize>()
            + self.memberships.iter().map(Membership::bytes).sum::<usize>()
    }
}

impl Membership {
    /// Creates the membership of a user with a role.
    #[must_use]
    pub fn new(org_id: impl Into<String>, role: impl Into<String>) -> Self {
        Self { org_id: org_id.into(), role: role.into(), ..Self::default() }
    }

    /// Returns all roles of the user: their role, those that it includes, and the additional ones.
    pub fn roles(&self) -> impl Iterator<Item = &str> {
        let others = self.inherited_roles.iter().chain(&self.additional_roles);
        std::iter::once(&self.role).chain(others).map(String::as_str)
    }

    fn bytes(&self) -> usize {
        let lists = [&self.inherited_roles, &self.additional_roles, &self.permissions].into_iter().flatten();
        let texts = lists.chain(&self.org_name).map(|text| text.len() + size_of::<String>() + json_memory::STRING);
        2 * size_of::<Self>() + self.org_id.len() + self.role.len() + texts.sum::<usize>()
    }
}

/// Omits personal data beyond the IDs.
impl fmt::Debug for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Profile")
            .field("user_id", &self.user_id)
            .field("memberships", &self.memberships)
            .finish_non_exhaustive()
    }
}
