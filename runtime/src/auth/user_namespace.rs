//! Namespace of user IDs: which validators have the same users.

use std::hash::{Hash, Hasher};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::TokenValidator;

/// Set of users in which an ID names one user. It is the start of the digest of a name that the author configures, because
/// the token cache may hold a million of them, and because it must be the same on all replicas.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct UserNamespace([u8; 4]);

/// Hashes one number. The hash of an array has its length, too, and each request hashes its principal.
impl Hash for UserNamespace {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u32(u32::from_ne_bytes(self.0));
    }
}

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
