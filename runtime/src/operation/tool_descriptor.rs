//! What a tool has beyond what all operations have.

use std::fmt;

use schemars::{Schema, SchemaGenerator};

use super::Annotations;

/// The part of a descriptor that only tools have.
pub(crate) struct ToolDescriptor {
    pub(crate) annotations: Annotations,
    pub(crate) output: fn(&mut SchemaGenerator) -> Option<Schema>,
    /// Whether a call becomes a task if the client supports tasks.
    pub(crate) task: bool,
}

impl ToolDescriptor {
    pub(crate) const fn new(output: fn(&mut SchemaGenerator) -> Option<Schema>) -> Self {
        let annotations = Annotations { read_only: None, destructive: None, idempotent: None, open_world: None };
        Self { annotations, output, task: false }
    }
}

impl fmt::Debug for ToolDescriptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ToolDescriptor").field("annotations", &self.annotations).finish_non_exhaustive()
    }
}
