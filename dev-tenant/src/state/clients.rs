//! The clients that registered, bounded in number.

use std::collections::HashSet;

use crate::oauth::{Client, OAuthError};

use super::State;

/// How many clients are kept.
pub(crate) const MAX_CLIENTS: usize = 1000;

impl State {
    pub(crate) fn client(&self, id: &str) -> Option<&Client> {
        self.clients.get(id)
    }

    /// Keeps a client. When there are too many, the oldest that holds no grant makes room.
    pub(crate) fn put_client(&mut self, client: Client) -> Result<(), OAuthError> {
        if self.clients.len() >= MAX_CLIENTS && self.clients.get(&client.id).is_none() {
            self.evict_client()?;
        }
        let id = client.id.clone();
        self.clients.put(id, client);
        Ok(())
    }

    fn evict_client(&mut self) -> Result<(), OAuthError> {
        let holds_grants: HashSet<&str> = self.grants.values().map(|grant| &*grant.client_id).collect();
        let oldest = self
            .clients
            .values()
            .filter(|client| !holds_grants.contains(&*client.id))
            .min_by_key(|client| client.issued_at)
            .map(|client| client.id.clone())
            .ok_or(OAuthError::TooManyClients)?;
        self.clients.remove(&oldest);
        Ok(())
    }
}
