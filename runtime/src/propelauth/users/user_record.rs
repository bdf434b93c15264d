//! Records of users, as PropelAuth's backend API returns them.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{
    auth::{Membership, Profile},
    json_memory,
};

/// Maximum number of JSON values in a record, including those inside of others.
const MAX_VALUES: usize = 4096;

#[derive(Debug, Deserialize)]
pub(super) struct UserRecord {
    user_id: String,
    email: Option<String>,
    username: Option<String>,
    first_name: Option<String>,
    last_name: Option<String>,
    properties: Option<Map<String, Value>>,
    org_id_to_org_info: Option<BTreeMap<String, OrganizationInfo>>,
}

#[derive(Debug, Deserialize)]
struct OrganizationInfo {
    org_id: String,
    org_name: Option<String>,
    user_role: String,
    /// Contains the role itself.
    inherited_user_roles_plus_current_role: Option<Vec<String>>,
    user_permissions: Option<Vec<String>>,
    additional_roles: Option<Vec<String>>,
}

impl UserRecord {
    /// Parses a record. Returns `None` if it is not one.
    pub(super) fn parse(body: &[u8]) -> Option<Self> {
        if json_memory::has_more_values_than(body, MAX_VALUES) {
            return None;
        }
        serde_json::from_slice(body).ok()
    }

    pub(super) fn user_id(&self) -> &str {
        &self.user_id
    }

    pub(super) fn into_profile(self) -> Profile {
        let mut profile = Profile::new(self.user_id);
        profile.email = self.email;
        profile.username = self.username;
        profile.first_name = self.first_name;
        profile.last_name = self.last_name;
        profile.properties = self.properties.unwrap_or_default();
        let organizations = self.org_id_to_org_info.unwrap_or_default().into_values();
        profile.memberships = organizations.map(OrganizationInfo::into_membership).collect();
        profile
    }
}

impl OrganizationInfo {
    fn into_membership(self) -> Membership {
        let mut membership = Membership::new(self.org_id, self.user_role);
        let mut inherited = self.inherited_user_roles_plus_current_role.unwrap_or_default();
        inherited.retain(|role| *role != membership.role);
        membership.org_name = self.org_name;
        membership.inherited_roles = inherited;
        membership.additional_roles = self.additional_roles.unwrap_or_default();
        membership.permissions = self.user_permissions.unwrap_or_default();
        membership
    }
}
