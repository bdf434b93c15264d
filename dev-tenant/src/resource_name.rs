//! Names of MCP servers for people: the configured one, or the `resource_name` of the server's metadata (RFC 9728).

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use url::Url;

use crate::fetch::fetch;
use crate::mcp_server::McpServer;
use crate::resource::{is_loopback, same_resource};
use crate::tenant::Tenant;
use crate::text::shown;

/// Time limit of a fetch. A page waits for it.
const TIMEOUT: Duration = Duration::from_secs(1);

/// Maximum size of the metadata, in bytes. It may list many scopes.
const MAX_METADATA_BYTES: usize = 64 << 10;

/// Time for which a name is cached.
const TTL: Duration = Duration::from_mins(5);

/// Time for which the lack of a name is cached. The server may be starting.
const FAILURE_TTL: Duration = Duration::from_secs(10);

/// Maximum number of cached resources. At the maximum, the one that expires first is evicted.
const MAX_CACHED: usize = 100;

/// Maximum number of fetches at the same time.
const MAX_FETCHES: usize = 4;

/// The protected resource metadata (RFC 9728 section 2).
#[derive(Deserialize)]
struct Metadata {
    resource: String,
    resource_name: Option<String>,
}

/// The fetches in progress, and the cached names.
#[derive(Debug)]
pub(crate) struct ResourceNames {
    fetches: Semaphore,
    cached: Mutex<HashMap<String, Cached>>,
}

#[derive(Clone, Debug)]
struct Cached {
    /// `None` if the server has no name.
    name: Option<String>,
    expires_at: Instant,
}

impl Default for ResourceNames {
    fn default() -> Self {
        Self { fetches: Semaphore::new(MAX_FETCHES), cached: Mutex::default() }
    }
}

impl ResourceNames {
    fn cached(&self, resource: &str) -> Option<Cached> {
        self.lock().get(resource).filter(|cached| cached.expires_at > Instant::now()).cloned()
    }

    fn put(&self, resource: &str, name: Option<String>) {
        let mut cached = self.lock();
        let now = Instant::now();
        cached.retain(|_, cached| cached.expires_at > now);
        if cached.len() >= MAX_CACHED {
            let first = cached.iter().min_by_key(|(_, cached)| cached.expires_at).map(|(key, _)| key.clone());
            cached.remove(&first.unwrap_or_default());
        }
        let expires_at = now + if name.is_some() { TTL } else { FAILURE_TTL };
        cached.insert(resource.to_owned(), Cached { name, expires_at });
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Cached>> {
        self.cached.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tenant {
    /// Returns the name of a resource, if it is configured or cached.
    pub(crate) fn known_resource_name(&self, resource: &str) -> Option<String> {
        let mut servers = self.settings.mcp_servers.iter();
        let configured = servers.find(|server| same_resource(server.url(), resource)).map(McpServer::name);
        match configured {
            Some(name) if !name.is_empty() => Some(name.to_owned()),
            _ => self.resource_names.cached(resource)?.name,
        }
    }

    /// Returns the name of a resource. It may fetch the metadata of a resource on loopback, so call it only if a person is
    /// logged in.
    pub(crate) async fn resource_name(&self, resource: &str) -> Option<String> {
        if let Some(name) = self.known_resource_name(resource) {
            return Some(name);
        }
        let url = metadata_url(resource)?;
        if self.resource_names.cached(resource).is_some() {
            return None;
        }
        let _permit = self.resource_names.fetches.try_acquire().ok()?;
        let name = fetch_name(resource, url).await;
        self.resource_names.put(resource, name.clone());
        name
    }
}

/// Returns the URL of the metadata of a resource on loopback (RFC 9728 section 3.1).
fn metadata_url(resource: &str) -> Option<Url> {
    let mut url = Url::parse(resource).ok().filter(is_loopback)?;
    let path = format!("/.well-known/oauth-protected-resource{}", url.path().trim_end_matches('/'));
    url.set_path(&path);
    // A website chooses the resource, so the tenant sends no query of it.
    url.set_query(None);
    Some(url)
}

/// Fetches a name. The metadata must be that of the resource (RFC 9728 section 3.3).
async fn fetch_name(resource: &str, url: Url) -> Option<String> {
    let text = match fetch(url, TIMEOUT, MAX_METADATA_BYTES).await {
        Ok(text) => text,
        Err(error) => {
            tracing::debug!(%error, resource, "the name of the server is unknown without its metadata");
            return None;
        }
    };
    let metadata: Metadata = serde_json::from_slice(&text).ok()?;
    let name = shown(metadata.resource_name?.trim());
    (same_resource(&metadata.resource, resource) && !name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_metadata_is_at_the_well_known_path_of_a_resource_on_loopback() {
        let url = |resource| metadata_url(resource).map(String::from);
        for (resource, expected) in [
            ("http://127.0.0.1:8000/mcp", "http://127.0.0.1:8000/.well-known/oauth-protected-resource/mcp"),
            ("http://localhost:8000/", "http://localhost:8000/.well-known/oauth-protected-resource"),
            ("http://[::1]:1/a/b/?q", "http://[::1]:1/.well-known/oauth-protected-resource/a/b"),
        ] {
            assert_eq!(url(resource).as_deref(), Some(expected));
        }
        assert_eq!(url("https://mcp.example.com/mcp"), None);
    }

    #[tokio::test(start_paused = true)]
    async fn names_are_cached_for_a_time_and_bounded_in_number() {
        let names = ResourceNames::default();
        for i in 0..10 * MAX_CACHED {
            names.put(&i.to_string(), None);
        }
        assert_eq!(names.lock().len(), MAX_CACHED);
        names.put("a", Some("A".to_owned()));
        names.put("b", None);
        let name = |resource| names.cached(resource).map(|cached| cached.name);
        assert_eq!((name("a"), name("b")), (Some(Some("A".to_owned())), Some(None)));
        tokio::time::advance(FAILURE_TTL).await;
        assert_eq!((name("a"), name("b")), (Some(Some("A".to_owned())), None));
        tokio::time::advance(TTL).await;
        assert_eq!(name("a"), None);
    }
}
