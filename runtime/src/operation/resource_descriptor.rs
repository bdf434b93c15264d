//! What a resource has beyond what all operations have.

use rmcp::model::{Annotations, Role};

/// The part of a descriptor that only resources have.
#[derive(Debug)]
pub(crate) struct ResourceDescriptor {
    /// Name for people and programs. The URI identifies the resource.
    pub(crate) name: &'static str,
    pub(crate) mime_type: Option<&'static str>,
    /// Size in bytes.
    pub(crate) size: Option<u64>,
    pub(crate) audience: &'static [&'static str],
    /// Importance, from 0 to 1.
    pub(crate) priority: Option<f32>,
}

impl ResourceDescriptor {
    pub(crate) const fn new(name: &'static str) -> Self {
        Self { name, mime_type: None, size: None, audience: &[], priority: None }
    }

    /// Returns the annotations that lists show; `None` if the author declared none.
    pub(crate) fn annotations(&self) -> Option<Annotations> {
        if self.audience.is_empty() && self.priority.is_none() {
            return None;
        }
        let role = |name: &&str| if *name == "assistant" { Role::Assistant } else { Role::User };
        let mut annotations = Annotations::default();
        annotations.audience = (!self.audience.is_empty()).then(|| self.audience.iter().map(role).collect());
        annotations.priority = self.priority;
        Some(annotations)
    }
}
