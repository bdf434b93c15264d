//! The descriptor that `#[tool]`, `#[prompt]` and `#[resource]` generate for a function.

use std::{fmt, future::Future, pin::Pin, time::Duration};

use schemars::{Schema, SchemaGenerator};

use super::{
    Annotations, Completion, ConditionalScopes, Context, InputSchema, Invocation, OperationKind, OperationResult,
    Provided, ResourceDescriptor, StateType, ToolDescriptor, ToolError,
};
use crate::{
    rate::Rate,
    scope::{Scope, Scopes},
};

/// A tool, a prompt or a resource as its author declared it. The macros create descriptors and register them.
pub struct OperationDescriptor {
    /// Name of a tool or a prompt; URI or URI template of a resource.
    pub(crate) name: &'static str,
    pub(crate) kind: DescriptorKind,
    pub(crate) title: Option<&'static str>,
    pub(crate) description: Option<&'static str>,
    pub(crate) list: &'static Scopes,
    pub(crate) all: &'static [Scope],
    pub(crate) any: &'static [Scope],
    pub(crate) input: fn(&mut SchemaGenerator) -> InputSchema,
    /// Completions of arguments that the author declared.
    pub(crate) completions: &'static [Completion],
    pub(crate) states: &'static [StateType],
    pub(crate) scopes_if: &'static [ConditionalScopes],
    /// Source texts of the guards, which the body calls.
    pub(crate) guards: &'static [&'static str],
    /// Source text of the message with which a person is asked to approve a call.
    pub(crate) approve: Option<&'static str>,
    pub(crate) visible_to: &'static [VisibilityRule],
    /// Organizations whose callers may see the operation; empty if all may.
    pub(crate) orgs: &'static [&'static str],
    /// Roles whose callers may see the operation; empty if all may.
    pub(crate) org_roles: &'static [&'static str],
    pub(crate) timeout: Option<Duration>,
    /// Maximum number of concurrent calls.
    pub(crate) concurrency: Option<u32>,
    /// Rate of the calls of each caller.
    pub(crate) rate: Option<Rate>,
    /// Rate of the calls of all callers together.
    pub(crate) total_rate: Option<Rate>,
    /// Names of the arguments that audit records may contain.
    pub(crate) audit: &'static [&'static str],
    pub(crate) meta: Option<fn() -> serde_json::Value>,
    /// The generated function with the steps of a call. Only a call that consumed an `Authorized` gets to the author's
    /// function.
    pub(crate) body: Body,
    pub(crate) defined_at: &'static str,
    /// Version of the crate of the function, if Cargo compiled it.
    pub(crate) crate_version: Option<&'static str>,
}

/// What a tool, a prompt or a resource has beyond what all operations have.
#[derive(Debug)]
pub(crate) enum DescriptorKind {
    Tool(ToolDescriptor),
    Prompt,
    Resource(ResourceDescriptor),
}

inventory::collect!(OperationDescriptor);

/// Generated function that reads the arguments, takes the [steps](super::CallSteps), and calls the author's function.
pub(crate) type Body = for<'a> fn(Invocation<'a>) -> BodyFuture<'a>;

/// Future that a [`Body`] returns.
#[doc(hidden)]
pub type BodyFuture<'a> = Pin<Box<dyn Future<Output = Result<OperationResult, ToolError>> + Send + 'a>>;

/// A call in `visible_to(..)`, which decides lists and calls.
#[doc(hidden)]
#[derive(Debug)]
pub struct VisibilityRule {
    /// Source text of the call.
    pub source: &'static str,
    pub allows: fn(Provided<'_>) -> Result<bool, ToolError>,
}

impl OperationDescriptor {
    /// Creates the descriptor of a tool from the parts that every tool has. Generated code adds the optional parts.
    #[doc(hidden)]
    pub const fn tool(
        name: &'static str,
        list: &'static Scopes,
        input: fn(&mut SchemaGenerator) -> InputSchema,
        output: fn(&mut SchemaGenerator) -> Option<Schema>,
        body: for<'a> fn(Invocation<'a>) -> BodyFuture<'a>,
        defined_at: &'static str,
    ) -> Self {
        Self::new(name, DescriptorKind::Tool(ToolDescriptor::new(output)), list, input, body, defined_at)
    }

    /// Creates the descriptor of a prompt.
    #[doc(hidden)]
    pub const fn prompt(
        name: &'static str,
        list: &'static Scopes,
        input: fn(&mut SchemaGenerator) -> InputSchema,
        body: for<'a> fn(Invocation<'a>) -> BodyFuture<'a>,
        defined_at: &'static str,
    ) -> Self {
        Self::new(name, DescriptorKind::Prompt, list, input, body, defined_at)
    }

    /// Creates the descriptor of a resource, or of the resources that match a URI template.
    #[doc(hidden)]
    pub const fn resource(
        uri: &'static str,
        name: &'static str,
        list: &'static Scopes,
        input: fn(&mut SchemaGenerator) -> InputSchema,
        body: for<'a> fn(Invocation<'a>) -> BodyFuture<'a>,
        defined_at: &'static str,
    ) -> Self {
        Self::new(uri, DescriptorKind::Resource(ResourceDescriptor::new(name)), list, input, body, defined_at)
    }

    /// Creates the descriptor of an operation of a mounted server.
    pub(crate) const fn mounted(
        kind: OperationKind,
        name: &'static str,
        list: &'static Scopes,
        all: &'static [Scope],
        any: &'static [Scope],
    ) -> Self {
        let kind = match kind {
            OperationKind::Tool => DescriptorKind::Tool(ToolDescriptor::new(no_output_schema)),
            OperationKind::Prompt => DescriptorKind::Prompt,
            OperationKind::Resource => DescriptorKind::Resource(ResourceDescriptor::new(name)),
        };
        Self { all, any, ..Self::new(name, kind, list, no_input, mounted_body, "a mounted server") }
    }

    const fn new(
        name: &'static str,
        kind: DescriptorKind,
        list: &'static Scopes,
        input: fn(&mut SchemaGenerator) -> InputSchema,
        body: for<'a> fn(Invocation<'a>) -> BodyFuture<'a>,
        defined_at: &'static str,
    ) -> Self {
        Self {
            name,
            kind,
            title: None,
            description: None,
            list,
            all: &[],
            any: &[],
            input,
            completions: &[],
            states: &[],
            scopes_if: &[],
            guards: &[],
            approve: None,
            visible_to: &[],
            orgs: &[],
            org_roles: &[],
            timeout: None,
            concurrency: None,
            rate: None,
            total_rate: None,
            audit: &[],
            meta: None,
            body,
            defined_at,
            crate_version: None,
        }
    }

    #[doc(hidden)]
    pub const fn crate_version(mut self, version: Option<&'static str>) -> Self {
        self.crate_version = version;
        self
    }

    #[doc(hidden)]
    pub const fn title(mut self, title: &'static str) -> Self {
        self.title = Some(title);
        self
    }

    #[doc(hidden)]
    pub const fn description(mut self, description: &'static str) -> Self {
        self.description = Some(description);
        self
    }

    #[doc(hidden)]
    pub const fn scopes(mut self, all: &'static [Scope]) -> Self {
        self.all = all;
        self
    }

    #[doc(hidden)]
    pub const fn any_scope(mut self, any: &'static [Scope]) -> Self {
        self.any = any;
        self
    }

    /// Sets the hints of a tool.
    #[doc(hidden)]
    pub const fn annotations(mut self, annotations: Annotations) -> Self {
        if let DescriptorKind::Tool(tool) = &mut self.kind {
            tool.annotations = annotations;
        }
        self
    }

    /// Sets the media type of a resource.
    #[doc(hidden)]
    pub const fn mime_type(mut self, mime_type: &'static str) -> Self {
        if let DescriptorKind::Resource(resource) = &mut self.kind {
            resource.mime_type = Some(mime_type);
        }
        self
    }

    /// Sets the size of a resource, in bytes.
    #[doc(hidden)]
    pub const fn size(mut self, bytes: u64) -> Self {
        if let DescriptorKind::Resource(resource) = &mut self.kind {
            resource.size = Some(bytes);
        }
        self
    }

    /// Sets for whom a resource is meant: `user`, `assistant`, or both.
    #[doc(hidden)]
    pub const fn audience(mut self, audience: &'static [&'static str]) -> Self {
        if let DescriptorKind::Resource(resource) = &mut self.kind {
            resource.audience = audience;
        }
        self
    }

    /// Sets the importance of a resource, from 0 to 1.
    #[doc(hidden)]
    pub const fn priority(mut self, priority: f32) -> Self {
        if let DescriptorKind::Resource(resource) = &mut self.kind {
            resource.priority = Some(priority);
        }
        self
    }

    #[doc(hidden)]
    pub const fn completions(mut self, completions: &'static [Completion]) -> Self {
        self.completions = completions;
        self
    }

    /// Lets calls of a tool become tasks.
    #[doc(hidden)]
    pub const fn task(mut self) -> Self {
        if let DescriptorKind::Tool(tool) = &mut self.kind {
            tool.task = true;
        }
        self
    }

    /// Sets the source text of the message with which a person approves a call.
    #[doc(hidden)]
    pub const fn approve(mut self, message: &'static str) -> Self {
        self.approve = Some(message);
        self
    }

    #[doc(hidden)]
    pub const fn states(mut self, states: &'static [StateType]) -> Self {
        self.states = states;
        self
    }

    #[doc(hidden)]
    pub const fn scopes_if(mut self, scopes: &'static [ConditionalScopes]) -> Self {
        self.scopes_if = scopes;
        self
    }

    #[doc(hidden)]
    pub const fn guards(mut self, sources: &'static [&'static str]) -> Self {
        self.guards = sources;
        self
    }

    #[doc(hidden)]
    pub const fn visible_to(mut self, rules: &'static [VisibilityRule]) -> Self {
        self.visible_to = rules;
        self
    }

    #[doc(hidden)]
    pub const fn orgs(mut self, ids: &'static [&'static str]) -> Self {
        self.orgs = ids;
        self
    }

    #[doc(hidden)]
    pub const fn org_roles(mut self, roles: &'static [&'static str]) -> Self {
        self.org_roles = roles;
        self
    }

    #[doc(hidden)]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    #[doc(hidden)]
    pub const fn concurrency(mut self, calls: u32) -> Self {
        self.concurrency = Some(calls);
        self
    }

    #[doc(hidden)]
    pub const fn rate(mut self, rate: Rate) -> Self {
        self.rate = Some(rate);
        self
    }

    #[doc(hidden)]
    pub const fn total_rate(mut self, rate: Rate) -> Self {
        self.total_rate = Some(rate);
        self
    }

    #[doc(hidden)]
    pub const fn audit(mut self, arguments: &'static [&'static str]) -> Self {
        self.audit = arguments;
        self
    }

    #[doc(hidden)]
    pub const fn meta(mut self, meta: fn() -> serde_json::Value) -> Self {
        self.meta = Some(meta);
        self
    }

    /// Returns the name of a tool or a prompt, or the URI or URI template of a resource.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) const fn kind(&self) -> OperationKind {
        match self.kind {
            DescriptorKind::Tool(_) => OperationKind::Tool,
            DescriptorKind::Prompt => OperationKind::Prompt,
            DescriptorKind::Resource(_) => OperationKind::Resource,
        }
    }

    /// Returns the hints of a tool; none for other operations.
    pub(crate) fn tool_annotations(&self) -> Annotations {
        match &self.kind {
            DescriptorKind::Tool(tool) => tool.annotations,
            DescriptorKind::Prompt | DescriptorKind::Resource(_) => Annotations::default(),
        }
    }
}

impl OperationDescriptor {
    /// Returns every operation of this program, regardless of its scope list.
    pub(crate) fn all_registered() -> impl Iterator<Item = &'static Self> {
        inventory::iter::<Self>.into_iter()
    }

    /// Returns the operations that were checked against one of these lists.
    pub(crate) fn registered(lists: &[&'static Scopes]) -> impl Iterator<Item = &'static Self> {
        Self::all_registered().filter(move |operation| lists.iter().any(|&list| std::ptr::eq(list, operation.list)))
    }

    /// Returns the scopes that are all required: those of the operation, then those that the server requires for all.
    pub(crate) fn required_scopes(&self, required_for_all: &[&'static str]) -> Vec<&'static str> {
        let mut scopes: Vec<_> = self.all.iter().map(|scope| scope.name()).collect();
        for &scope in required_for_all {
            if !scopes.contains(&scope) {
                scopes.push(scope);
            }
        }
        scopes
    }

    /// Returns whether a call becomes a task if the client supports tasks.
    pub(crate) const fn has_tasks(&self) -> bool {
        matches!(&self.kind, DescriptorKind::Tool(tool) if tool.task)
    }

    /// Returns whether the function takes a `&Context`.
    pub(crate) fn takes_context(&self) -> bool {
        self.states.iter().any(|state| state.id() == StateType::of::<Context>().id())
    }
}

fn no_output_schema(_: &mut SchemaGenerator) -> Option<Schema> {
    None
}

fn no_input(_: &mut SchemaGenerator) -> InputSchema {
    InputSchema { schema: Schema::default(), parameters: Vec::new() }
}

/// Body of an operation of a mounted server, which the registry calls instead.
fn mounted_body(_: Invocation<'_>) -> BodyFuture<'_> {
    Box::pin(std::future::ready(Err(ToolError::masked("an operation of a mounted server has no body"))))
}

impl fmt::Debug for OperationDescriptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OperationDescriptor")
            .field("name", &self.name)
            .field("defined_at", &self.defined_at)
            .finish_non_exhaustive()
    }
}
