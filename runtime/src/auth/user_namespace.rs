//! Namespace of user IDs: which validators have the same users.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::TokenValidator;

/// Set of users in which an ID names one user. It is the start of the digest of a name that the author configures, because
/// the token cache may hold a million of them, and because it must be the same on all replicas.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct UserNamespace([u8; 4]);

impl UserNamespace {
    /// Returns the namespace of the users whose tokens a validator validates.
    pub(crate) fn of(validator: &dyn TokenValidator) -> Self {
        validator.user_namespace().map_or_else(Self::default, |name| {
            let [first, second, third, fourth, ..]: [u8; 32] = Sha256::digest(name.as_bytes()).into();
            Self([first, second, third, fourth])
        })
    }

    #[cfg(all(feature = "rates", feature = "redis"))]
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}
