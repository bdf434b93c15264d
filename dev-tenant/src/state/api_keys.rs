//! API keys, and the key of the backend integration that validates them.

use std::cmp::Reverse;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::api_key::{ApiKeyError, CreatedApiKey, KeyOwner};
use crate::clock::now;
use crate::config::TenantConfig;
use crate::secret::{Digest, Purpose, derived_secret, random_key};

use super::State;

/// Maximum number of API keys.
const MAX_API_KEYS: usize = 1000;

/// The key with which resource servers authenticate at the backend API.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct BackendKey(String);

impl BackendKey {
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for BackendKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BackendKey").finish_non_exhaustive()
    }
}

/// An API key, stored under its digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ApiKey {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) owner: KeyOwner,
    pub(crate) scopes: Vec<String>,
    pub(crate) resource: Option<String>,
    pub(crate) created_at: u64,
    /// `None` if the key does not expire.
    pub(crate) expires_at: Option<u64>,
    /// Whether `tenant.toml` declares the key.
    pub(crate) declared: bool,
    /// Whether the key was deleted. Only a declared key is stored then, so that a restart does not create it again.
    pub(crate) deleted: bool,
}

impl ApiKey {
    fn is_active(&self) -> bool {
        !self.deleted && self.expires_at.is_none_or(|at| at > now())
    }
}

impl State {
    /// Returns the key of the backend integration. It is created on the first start.
    pub(crate) fn backend_key(&mut self) -> BackendKey {
        const KEY: &str = "backend";
        if let Some(key) = self.backend_keys.get(KEY) {
            return key.clone();
        }
        let key = BackendKey(random_key());
        self.backend_keys.put(KEY, key.clone());
        key
    }

    /// Stores the keys that `tenant.toml` declares, and removes those that it no longer declares.
    pub(crate) fn declare_api_keys(&mut self, config: &TenantConfig, backend_key: &BackendKey) {
        let declared = config.api_keys().iter().map(|key| (declared_digest(backend_key, &key.name), key));
        let declared: Vec<_> = declared.collect();
        self.api_keys.remove_where(|digest, key| {
            key.declared && !declared.iter().any(|(declared, _)| declared.as_str() == digest)
        });
        for (digest, key) in declared {
            let before = self.api_keys.get(digest.as_str());
            let after = ApiKey {
                id: before.map_or_else(random_id, |before| before.id.clone()),
                name: key.name.clone(),
                owner: key.owner.clone(),
                scopes: key.scopes.clone(),
                resource: None,
                created_at: before.map_or_else(now, |before| before.created_at),
                expires_at: None,
                declared: true,
                deleted: before.is_some_and(|before| before.deleted),
            };
            if before != Some(&after) {
                self.api_keys.put(digest.as_str(), after);
            }
        }
    }

    /// Returns the key that `tenant.toml` declares with this name, unless it was deleted.
    pub(crate) fn declared_api_key(&self, backend_key: &BackendKey, name: &str) -> Option<String> {
        let key = derived_secret(backend_key.expose(), Purpose::ApiKey, name);
        self.api_keys.get(Digest::of(&key).as_str()).filter(|key| key.is_active())?;
        Some(key)
    }

    /// Creates a key. The id and the time of creation are set here.
    pub(crate) fn put_api_key(&mut self, mut key: ApiKey) -> Result<CreatedApiKey, ApiKeyError> {
        self.swept_at = 0;
        self.sweep();
        if self.api_keys.len() >= MAX_API_KEYS {
            return Err(ApiKeyError::TooMany(MAX_API_KEYS));
        }
        let secret = random_key();
        key.id = random_id();
        key.created_at = now();
        let created = CreatedApiKey { id: key.id.clone(), key: secret.clone() };
        self.api_keys.put(Digest::of(&secret).as_str(), key);
        Ok(created)
    }

    /// Looks up a key. Returns `None` if it is unknown, expired or deleted.
    pub(crate) fn active_api_key(&self, key: &str) -> Option<&ApiKey> {
        self.api_keys.get(Digest::of(key).as_str()).filter(|key| key.is_active())
    }

    /// Returns all active keys, newest first.
    pub(crate) fn active_api_keys(&self) -> Vec<ApiKey> {
        let mut keys: Vec<_> = self.api_keys.values().filter(|key| key.is_active()).cloned().collect();
        keys.sort_unstable_by(|one, other| {
            (Reverse(one.created_at), &one.name, &one.id).cmp(&(Reverse(other.created_at), &other.name, &other.id))
        });
        keys
    }

    /// Deletes a key. Returns what it was.
    pub(crate) fn delete_api_key(&mut self, id: &str) -> Option<ApiKey> {
        let (digest, key) = self.api_keys.iter().find(|(_, key)| key.id == id && key.is_active())?;
        let (digest, key) = (digest.to_owned(), key.clone());
        if key.declared {
            self.api_keys.put(digest, ApiKey { deleted: true, ..key.clone() });
        } else {
            self.api_keys.remove(&digest);
        }
        Some(key)
    }
}

fn declared_digest(backend_key: &BackendKey, name: &str) -> Digest {
    Digest::of(&derived_secret(backend_key.expose(), Purpose::ApiKey, name))
}

/// Returns an id in hexadecimal, as PropelAuth's are.
fn random_id() -> String {
    let mut id = random_key();
    id.truncate(32);
    id
}
