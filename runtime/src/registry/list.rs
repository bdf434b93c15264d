//! Lists of operations: which list has which operation, and pages.
//!
//! A page is cut from the caller's own list. Its cursor holds a position and a digest of the list that it continues, so a
//! cursor of another caller, or from before the caller's list changed, is invalid instead of skipping entries.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use rmcp::model::{
    CacheScope, ListPromptsResult, ListResourceTemplatesResult, ListResourcesResult, ListToolsResult, ServerResult,
};
use sha2::{Digest, Sha256};
use thiserror::Error;

use super::Listing;
use crate::{operation::OperationKind, scope::ScopeSet};

/// A list that a client can request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum ListKind {
    Tools,
    Prompts,
    Resources,
    ResourceTemplates,
}

impl ListKind {
    pub(crate) const ALL: [Self; 4] = [Self::Tools, Self::Prompts, Self::Resources, Self::ResourceTemplates];

    /// Returns the list that a method requests.
    pub(crate) fn of_method(method: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.method() == method)
    }

    pub(crate) fn method(self) -> &'static str {
        match self {
            Self::Tools => "tools/list",
            Self::Prompts => "prompts/list",
            Self::Resources => "resources/list",
            Self::ResourceTemplates => "resources/templates/list",
        }
    }

    /// Returns what the list consists of.
    pub(crate) fn operations(self) -> OperationKind {
        match self {
            Self::Tools => OperationKind::Tool,
            Self::Prompts => OperationKind::Prompt,
            Self::Resources | Self::ResourceTemplates => OperationKind::Resource,
        }
    }

    /// Returns the name of the list in audit records.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Tools => "tools",
            Self::Prompts => "prompts",
            Self::Resources => "resources",
            Self::ResourceTemplates => "resource_templates",
        }
    }
}

/// One page of a caller's list.
#[derive(Debug)]
pub(crate) struct ListPage {
    pub(super) kind: ListKind,
    pub(super) items: Vec<Listing>,
    pub(super) next_cursor: Option<String>,
    pub(super) ttl_ms: u64,
}

/// A cursor that was not created for this list of this caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("invalid cursor: it does not continue this list, or the list has changed; request the list from its start")]
pub(crate) struct InvalidCursor;

/// Position in a list.
pub(super) struct Cursor;

/// Length of a position, in bytes.
const POSITION: usize = size_of::<u32>();
/// Length of the digest in a cursor, in bytes.
const DIGEST: usize = 12;

impl Cursor {
    /// Creates the cursor of the entry at `position` in the list of the callers with this visibility key.
    pub(super) fn encode(position: usize, kind: ListKind, key: &ScopeSet) -> String {
        let position = u32::try_from(position).unwrap_or(u32::MAX).to_be_bytes();
        let mut bytes = position.to_vec();
        bytes.extend_from_slice(&digest(position, kind, key));
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Returns the position of a cursor.
    ///
    /// # Errors
    ///
    /// The cursor is not one of this list.
    pub(super) fn decode(cursor: &str, kind: ListKind, key: &ScopeSet) -> Result<usize, InvalidCursor> {
        let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| InvalidCursor)?;
        let (position, found) = bytes.split_first_chunk::<POSITION>().ok_or(InvalidCursor)?;
        if found != digest(*position, kind, key) {
            return Err(InvalidCursor);
        }
        usize::try_from(u32::from_be_bytes(*position)).map_err(|_| InvalidCursor)
    }
}

/// Returns a digest of a position and the list that it belongs to. It needs no key: a client that computes one only gets a
/// page of its own list.
fn digest(position: [u8; POSITION], kind: ListKind, key: &ScopeSet) -> [u8; DIGEST] {
    let mut hash = Sha256::new();
    hash.update(position);
    hash.update(kind.name());
    for bit in key.bits() {
        hash.update(bit.to_be_bytes());
    }
    let mut digest = [0; DIGEST];
    digest.copy_from_slice(&hash.finalize()[..DIGEST]);
    digest
}

macro_rules! list_results {
    ($($result:ident { $variant:ident })*) => {$(
        impl From<ListPage> for $result {
            fn from(page: ListPage) -> Self {
                let items = page.items.into_iter().filter_map(|item| match item {
                    Listing::$variant(item) => Some(item),
                    _ => None,
                });
                let mut result = Self::with_all_items(items.collect());
                result.next_cursor = page.next_cursor;
                result.ttl_ms = Some(page.ttl_ms);
                result.cache_scope = Some(CacheScope::Private);
                result
            }
        }
    )*};
}

list_results! {
    ListToolsResult { Tool }
    ListPromptsResult { Prompt }
    ListResourcesResult { Resource }
    ListResourceTemplatesResult { ResourceTemplate }
}

impl From<ListPage> for ServerResult {
    fn from(page: ListPage) -> Self {
        match page.kind {
            ListKind::Tools => Self::ListToolsResult(page.into()),
            ListKind::Prompts => Self::ListPromptsResult(page.into()),
            ListKind::Resources => Self::ListResourcesResult(page.into()),
            ListKind::ResourceTemplates => Self::ListResourceTemplatesResult(page.into()),
        }
    }
}

impl ListPage {
    /// Number of operations on the page.
    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_continues_only_the_list_that_it_was_created_for() {
        let key = |bits: &[usize]| {
            let mut key = ScopeSet::default();
            for &bit in bits {
                key.insert(bit);
            }
            key
        };
        let cursor = Cursor::encode(100, ListKind::Tools, &key(&[1, 70]));
        assert_eq!(Cursor::decode(&cursor, ListKind::Tools, &key(&[1, 70])), Ok(100));
        assert_eq!(Cursor::decode(&cursor, ListKind::Tools, &key(&[1])), Err(InvalidCursor));
        assert_eq!(Cursor::decode(&cursor, ListKind::Prompts, &key(&[1, 70])), Err(InvalidCursor));
        for cursor in ["", "AAAA", "100", "\u{e9}", &cursor[1..], &format!("{cursor}AA")] {
            assert_eq!(Cursor::decode(cursor, ListKind::Tools, &key(&[1, 70])), Err(InvalidCursor), "{cursor}");
        }
    }
}
