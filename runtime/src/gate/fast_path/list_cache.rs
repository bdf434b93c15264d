//! Cache of serialized lists.
//!
//! A list is a function of the operations that the caller sees and of the revision, so its bytes are cached under these two.

use std::{
    collections::HashMap,
    sync::{PoisonError, RwLock},
};

use bytes::Bytes;
use foldhash::fast::FixedState;

use super::respond::serialize;
use crate::{
    auth::Caller,
    mcp::Revision,
    registry::{Dispatcher, ListKind},
    scope::ScopeSet,
};

/// Maximum number of cached lists. A full cache is cleared.
const MAX_LISTS: usize = 256;

/// Cached lists, by list, [visibility key](crate::registry::Registry::visibility_key) and revision.
///
/// A fast hash without a secret is safe here: a key is a set of bits of this server, and the number of keys is bounded.
#[derive(Default)]
pub(super) struct ListCache(RwLock<HashMap<(ListKind, ScopeSet, Revision), SerializedList, FixedState>>);

/// The first page of a list as JSON.
#[derive(Clone, Debug)]
pub(super) struct SerializedList {
    pub(super) result: Bytes,
    /// Number of operations on the page.
    pub(super) items: usize,
}

impl ListCache {
    /// Returns the list for a caller.
    pub(super) fn get(
        &self,
        dispatcher: &Dispatcher,
        kind: ListKind,
        caller: &Caller,
        revision: Revision,
    ) -> Result<SerializedList, serde_json::Error> {
        let key = (kind, dispatcher.registry().visibility_key(kind, caller), revision);
        if let Some(list) = self.0.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Ok(list.clone());
        }
        // From the key, and not from the rules: what they decide may have changed since, and the entry is used again.
        let page = dispatcher.list_by_key(kind, &key.1);
        let items = page.len();
        let list = SerializedList { result: serialize(page.into(), revision)?, items };
        let mut lists = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if lists.len() >= MAX_LISTS {
            lists.clear();
        }
        lists.insert(key, list.clone());
        Ok(list)
    }
}
