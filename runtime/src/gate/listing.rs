//! The answer to `tools/list`.
//!
//! It is a pure function of the tools that the caller may see and the protocol's revision, so it is kept as bytes, for
//! each set of tools that was asked for.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use bytes::Bytes;
use rmcp::model::{CacheScope, ListToolsResult, ServerResult};

use super::canonical::Revision;
use crate::{auth::Caller, scope::ScopeSet, tool::Registry};

/// How many lists are kept; past that they are made anew.
const MAX_LISTS: usize = 256;

/// Makes lists, and remembers them.
pub(crate) struct Listings {
    registry: Arc<Registry>,
    ttl_ms: u64,
    kept: RwLock<HashMap<(ScopeSet, Revision), Listing>>,
}

/// A list as bytes, and how many tools are in it.
#[derive(Clone, Debug)]
pub(crate) struct Listing {
    pub(crate) result: Bytes,
    pub(crate) tools: usize,
}

impl Listings {
    /// `ttl` is how long a client may take a list for current.
    pub(crate) fn new(registry: Arc<Registry>, ttl: Duration) -> Self {
        let ttl_ms = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX);
        Self { registry, ttl_ms, kept: RwLock::default() }
    }

    /// The list of a caller, as rmcp takes it.
    pub(crate) fn of(&self, caller: &Caller) -> ListToolsResult {
        let tools = self.registry.visible_to(caller).map(|tool| tool.listing().clone()).collect();
        let mut result = ListToolsResult::with_all_items(tools);
        result.ttl_ms = Some(self.ttl_ms);
        result.cache_scope = Some(CacheScope::Private);
        result
    }

    /// The same as JSON, the way rmcp writes it for this revision.
    pub(crate) fn bytes(&self, caller: &Caller, revision: Revision) -> Result<Listing, serde_json::Error> {
        let key = (self.registry.visibility_key(caller), revision);
        if let Some(listing) = self.kept.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Ok(listing.clone());
        }
        let list = self.of(caller);
        let tools = list.tools.len();
        let mut result = ServerResult::ListToolsResult(list);
        for_revision(&mut result, revision);
        let listing = Listing { result: serde_json::to_vec(&result)?.into(), tools };
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MAX_LISTS {
            kept.clear();
        }
        kept.insert(key, listing.clone());
        Ok(listing)
    }
}

/// What rmcp does to a result before it is sent; its own functions.
pub(crate) fn for_revision(result: &mut ServerResult, revision: Revision) {
    match revision {
        Revision::Current => result.fill_missing_cache_hints(),
        Revision::Legacy => {
            result.strip_result_type_for_legacy_peer();
            result.strip_non_object_output_for_legacy_peer();
        }
    }
}
