//! Registered clients, bounded in number.

use std::collections::HashSet;

use crate::oauth::{Client, OAuthError};

use super::State;

/// Maximum number of stored clients.
const MAX_CLIENTS: usize = 1000;

impl State {
    pub(crate) fn client(&self, id: &str) -> Option<&Client> {
        self.clients.get(id)
    }

    #[cfg(test)]
    pub(crate) fn client_count(&self) -> usize {
        self.clients.len()
    }

    /// Stores a client. At the maximum, it evicts the oldest client without a grant.
    pub(crate) fn put_client(&mut self, client: Client) -> Result<(), OAuthError> {
        if self.clients.len() >= MAX_CLIENTS && self.clients.get(&client.id).is_none() {
            self.evict_client()?;
        }
        let id = client.id.clone();
        self.clients.put(id, client);
        Ok(())
    }

    fn evict_client(&mut self) -> Result<(), OAuthError> {
        let with_grants: HashSet<&str> = self.grants.values().map(|grant| &*grant.client_id).collect();
        let oldest = self
            .clients
            .values()
            .filter(|client| !with_grants.contains(&*client.id))
            .min_by_key(|client| client.issued_at)
            .map(|client| client.id.clone())
            .ok_or(OAuthError::TooManyClients)?;
        self.clients.remove(&oldest);
        Ok(())
    }
}
