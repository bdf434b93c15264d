//! Cache of serialized tool lists.
//!
//! A list is a function of the tools that the caller sees and of the revision, so its bytes are cached under these two.

use std::{
    collections::HashMap,
    sync::{PoisonError, RwLock},
};

use bytes::Bytes;
use foldhash::fast::FixedState;
use rmcp::model::ServerResult;

use super::respond::serialize;
use crate::{auth::Caller, mcp::Revision, registry::Dispatcher, scope::ScopeSet};

/// Maximum number of cached lists. A full cache is cleared.
const MAX_LISTS: usize = 256;

/// Cached lists, by [visibility key](crate::registry::ToolRegistry::visibility_key) and revision.
///
/// A fast hash without a secret is safe here: a key is a set of bits of this server, and the number of keys is bounded.
#[derive(Default)]
pub(super) struct ListCache(RwLock<HashMap<(ScopeSet, Revision), SerializedList, FixedState>>);

/// The result of `tools/list` as JSON.
#[derive(Clone, Debug)]
pub(super) struct SerializedList {
    pub(super) result: Bytes,
    /// Number of tools in the list.
    pub(super) tools: usize,
}

impl ListCache {
    /// Returns the list for a caller.
    pub(super) fn get(
        &self,
        dispatcher: &Dispatcher,
        caller: &Caller,
        revision: Revision,
    ) -> Result<SerializedList, serde_json::Error> {
        let key = (dispatcher.registry().visibility_key(caller), revision);
        if let Some(list) = self.0.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Ok(list.clone());
        }
        // From the key, and not from the rules: what they decide may have changed since, and the entry is used again.
        let list = dispatcher.list_by_key(&key.0);
        let tools = list.tools.len();
        let list = SerializedList { result: serialize(ServerResult::ListToolsResult(list), revision)?, tools };
        let mut lists = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if lists.len() >= MAX_LISTS {
            lists.clear();
        }
        lists.insert(key, list.clone());
        Ok(list)
    }
}
