//! Differences between protocol revisions, decided by rmcp's own functions.

use std::borrow::Cow;

use rmcp::model::{CacheScope, ErrorCode, ErrorData, ProtocolVersion, RequestMetaObject, ServerResult};
use serde_json::json;

use crate::operation::OperationKind;

/// Protocol revision, as far as the shape of results depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Revision {
    /// A revision before 2026-07-28.
    Legacy,
    /// 2026-07-28.
    Current,
}

impl Revision {
    /// Reads an `MCP-Protocol-Version`. `None` if this server does not support it.
    pub(crate) fn parse(version: &str) -> Option<Self> {
        let current = ProtocolVersion::V_2026_07_28;
        if version == current.as_str() {
            return Some(Self::Current);
        }
        let is_known = ProtocolVersion::KNOWN_VERSIONS.iter().any(|known| known.as_str() == version);
        (is_known && version < current.as_str()).then_some(Self::Legacy)
    }

    /// Returns the revision of a request in which rmcp found this version.
    pub(super) fn of(version: Option<&ProtocolVersion>) -> Self {
        let is_current = version.is_some_and(|version| *version >= ProtocolVersion::V_2026_07_28);
        if is_current { Self::Current } else { Self::Legacy }
    }

    /// Removes what a result does not have under this revision: how long it may be cached.
    pub(super) fn adapt_cache_hints(self, ttl_ms: &mut Option<u64>, cache_scope: &mut Option<CacheScope>) {
        if self == Self::Legacy {
            *ttl_ms = None;
            *cache_scope = None;
        }
    }

    /// Returns the error for an operation that does not exist, is hidden, or is concealed; the same in all three cases.
    pub(crate) fn unknown_operation(self, kind: OperationKind, name: &str) -> ErrorData {
        match kind {
            OperationKind::Tool | OperationKind::Prompt => {
                ErrorData::invalid_params(format!("unknown {kind}: {name}"), None)
            }
            OperationKind::Resource => {
                let code = match self {
                    Self::Legacy => ErrorCode::RESOURCE_NOT_FOUND,
                    Self::Current => ErrorCode::INVALID_PARAMS,
                };
                ErrorData::new(code, Cow::Borrowed("resource not found"), Some(json!({ "uri": name })))
            }
        }
    }

    /// Changes a result as rmcp does before it sends it under this revision.
    pub(crate) fn adapt(self, result: &mut ServerResult) {
        match self {
            Self::Current => result.fill_missing_cache_hints(),
            Self::Legacy => {
                match result {
                    ServerResult::ListToolsResult(list) => {
                        self.adapt_cache_hints(&mut list.ttl_ms, &mut list.cache_scope);
                    }
                    ServerResult::ListPromptsResult(list) => {
                        self.adapt_cache_hints(&mut list.ttl_ms, &mut list.cache_scope);
                    }
                    ServerResult::ListResourcesResult(list) => {
                        self.adapt_cache_hints(&mut list.ttl_ms, &mut list.cache_scope);
                    }
                    ServerResult::ListResourceTemplatesResult(list) => {
                        self.adapt_cache_hints(&mut list.ttl_ms, &mut list.cache_scope);
                    }
                    ServerResult::ReadResourceResult(read) => {
                        self.adapt_cache_hints(&mut read.ttl_ms, &mut read.cache_scope);
                    }
                    _ => {}
                }
                result.strip_result_type_for_legacy_peer();
                result.strip_non_object_output_for_legacy_peer();
            }
        }
    }
}

/// Returns the revisions that this server supports.
pub(crate) fn revisions() -> Vec<&'static str> {
    ProtocolVersion::KNOWN_VERSIONS.iter().map(ProtocolVersion::as_str).collect()
}

/// Returns whether `_meta`, given as JSON, has every key that 2026-07-28 requires and declares that revision.
pub(crate) fn is_complete_meta(meta: &str) -> bool {
    let Ok(meta) = serde_json::from_str::<RequestMetaObject>(meta) else { return false };
    meta.missing_required_keys(&ProtocolVersion::V_2026_07_28).is_empty()
        && meta.protocol_version().is_some_and(|version| version == ProtocolVersion::V_2026_07_28)
}
