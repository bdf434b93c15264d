//! Operations as lists show them.

use std::sync::Arc;

use rmcp::model::{MetaObject, Prompt, Resource, ResourceTemplate, Tool, ToolAnnotations};

use super::ListKind;
use crate::{
    operation::{
        Annotations, ArgumentSchema, OperationDescriptor, OperationKind, ResourceDescriptor, ToolDescriptor,
    },
    prompt::listed_arguments,
};

/// An operation as lists show it.
#[derive(Clone, Debug)]
pub(crate) enum Listing {
    Tool(Tool),
    Prompt(Prompt),
    Resource(Resource),
    ResourceTemplate(ResourceTemplate),
}

impl Listing {
    pub(crate) fn list(&self) -> ListKind {
        match self {
            Self::Tool(_) => ListKind::Tools,
            Self::Prompt(_) => ListKind::Prompts,
            Self::Resource(_) => ListKind::Resources,
            Self::ResourceTemplate(_) => ListKind::ResourceTemplates,
        }
    }

    /// Returns the kind and the name of the operation: of a resource, its URI or URI template.
    pub(crate) fn identity(&self) -> (OperationKind, &str) {
        match self {
            Self::Tool(tool) => (OperationKind::Tool, &tool.name),
            Self::Prompt(prompt) => (OperationKind::Prompt, &prompt.name),
            Self::Resource(resource) => (OperationKind::Resource, &resource.uri),
            Self::ResourceTemplate(template) => (OperationKind::Resource, &template.uri_template),
        }
    }

    pub(crate) fn as_tool(&self) -> Option<&Tool> {
        match self {
            Self::Tool(tool) => Some(tool),
            _ => None,
        }
    }
}

pub(super) fn listed_tool(
    descriptor: &OperationDescriptor,
    tool: &ToolDescriptor,
    arguments: &ArgumentSchema,
    meta: Option<MetaObject>,
) -> Tool {
    let description = descriptor.description.map(Into::into);
    let mut listing = Tool::new_with_raw(descriptor.name, description, Arc::clone(arguments.schema()));
    listing.title = descriptor.title.map(str::to_owned);
    listing.annotations = listed_annotations(tool.annotations);
    listing.meta = meta;
    listing
}

pub(super) fn listed_prompt(
    descriptor: &OperationDescriptor,
    arguments: &ArgumentSchema,
    meta: Option<MetaObject>,
) -> Prompt {
    let mut listing = Prompt::new(descriptor.name, descriptor.description, listed_arguments(arguments));
    listing.title = descriptor.title.map(str::to_owned);
    listing.meta = meta;
    listing
}

pub(super) fn listed_resource(
    descriptor: &OperationDescriptor,
    resource: &ResourceDescriptor,
    meta: Option<MetaObject>,
) -> Resource {
    let mut listing = Resource::new(descriptor.name, resource.name);
    listing.title = descriptor.title.map(str::to_owned);
    listing.description = descriptor.description.map(str::to_owned);
    listing.mime_type = resource.mime_type.map(str::to_owned);
    listing.size = resource.size;
    listing.annotations = resource.annotations();
    listing.meta = meta;
    listing
}

pub(super) fn listed_template(
    descriptor: &OperationDescriptor,
    resource: &ResourceDescriptor,
    meta: Option<MetaObject>,
) -> ResourceTemplate {
    let mut listing = ResourceTemplate::new(descriptor.name, resource.name);
    listing.title = descriptor.title.map(str::to_owned);
    listing.description = descriptor.description.map(str::to_owned);
    listing.mime_type = resource.mime_type.map(str::to_owned);
    listing.annotations = resource.annotations();
    listing.meta = meta;
    listing
}

fn listed_annotations(annotations: Annotations) -> Option<ToolAnnotations> {
    if annotations == Annotations::default() {
        return None;
    }
    Some(ToolAnnotations::from_raw(
        None,
        annotations.read_only,
        annotations.destructive,
        annotations.idempotent,
        annotations.open_world,
    ))
}
