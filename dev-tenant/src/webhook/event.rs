//! What changed, in PropelAuth's words.

use serde::Serialize;

/// A webhook's body.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event_type")]
pub(crate) enum Event {
    #[serde(rename = "user.disabled")]
    Disabled { user_id: String },
    #[serde(rename = "user.enabled")]
    Enabled { user_id: String },
    /// All sessions and tokens of the user ended.
    #[serde(rename = "user.logged_out")]
    LoggedOut { user_id: String },
    #[serde(rename = "user.role_changed_within_org")]
    RoleChanged { user_id: String, org_id: String, old_role: String, new_role: String },
}
