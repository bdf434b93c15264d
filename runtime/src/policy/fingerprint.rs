//! Fingerprint of a policy.

use sha2::{Digest as _, Sha256};

use super::Policy;
use crate::hexadecimal::hexadecimal;

impl Policy {
    /// Returns a fingerprint of the policy without its roles: the first 16 hexadecimal digits of the SHA-256 of its
    /// canonical text. Two servers with equal fingerprints require the same of the same operations.
    ///
    /// ```
    /// use toolgate::policy::Policy;
    ///
    /// let policy = Policy::from_lock("scope a\n\ntool first\n  scopes a\n")?;
    /// let with_role = Policy::from_lock("scope a\n\nrole HR\n  a\n\ntool first\n  scopes a\n")?;
    /// assert_eq!(policy.fingerprint(), with_role.fingerprint());
    /// assert_eq!(policy.fingerprint().len(), 16);
    /// # Ok::<(), toolgate::policy::LockError>(())
    /// ```
    pub fn fingerprint(&self) -> String {
        let mut policy = self.canonical();
        policy.roles.clear();
        hexadecimal(&Sha256::digest(policy.canonical_text())[..8])
    }
}
