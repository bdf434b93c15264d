//! Operations of a mounted rmcp server, as the registry calls them.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use serde_json::{Map, Value};

use super::Listing;
use crate::operation::{Context, OperationDescriptor, OperationKind, OperationResult, ToolError};

/// An rmcp server behind the gate; implemented in `mcp/`, which knows rmcp's requests.
#[async_trait]
pub(crate) trait MountedServer: Send + Sync {
    /// Runs a call that has been decided. `name` is what the request names: for a resource, its URI.
    async fn call(
        &self,
        kind: OperationKind,
        name: &str,
        arguments: Map<String, Value>,
        context: &Context,
    ) -> Result<OperationResult, ToolError>;
}

/// An operation that the policy of a mounted server names, and that the server lists.
#[derive(Clone)]
pub(crate) struct MountedOperation {
    pub(crate) descriptor: &'static OperationDescriptor,
    pub(crate) listing: Listing,
    pub(crate) server: Arc<dyn MountedServer>,
}

impl fmt::Debug for MountedOperation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MountedOperation").field("name", &self.descriptor.name).finish_non_exhaustive()
    }
}
