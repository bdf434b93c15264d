//! What `#[tool]` makes of a function.

use std::{any::Any, fmt, future::Future, pin::Pin, time::Duration};

use rmcp::model::CallToolResult;
use schemars::{Schema, SchemaGenerator};
use serde::Serialize;

use super::{Arguments, Context, Guard, StateType, ToolError, Visibility, state::States};
use crate::{
    auth::Caller,
    scope::{Scope, Scopes},
};

/// A tool as its author declared it. `#[tool]` makes these, and registers them by itself.
pub struct ToolDescriptor {
    pub(crate) name: &'static str,
    pub(crate) title: Option<&'static str>,
    pub(crate) description: Option<&'static str>,
    pub(crate) list: &'static Scopes,
    pub(crate) all: &'static [Scope],
    pub(crate) any: &'static [Scope],
    pub(crate) annotations: Annotations,
    pub(crate) input: fn(&mut SchemaGenerator) -> Schema,
    pub(crate) output: fn(&mut SchemaGenerator) -> Option<Schema>,
    pub(crate) states: &'static [StateType],
    pub(crate) guards: &'static [&'static dyn Guard],
    pub(crate) visible_to: &'static [&'static dyn Visibility],
    pub(crate) timeout: Option<Duration>,
    /// How many calls can run at once.
    pub(crate) concurrency: Option<u32>,
    /// The arguments that the audit may have.
    pub(crate) audit: &'static [&'static str],
    pub(crate) meta: Option<fn() -> serde_json::Value>,
    /// Only [`Authorized`](super::Authorized) calls it.
    pub(crate) body: Body,
    pub(crate) defined_at: &'static str,
}

inventory::collect!(ToolDescriptor);

/// The generated function around the author's.
pub(crate) type Body = for<'a> fn(Invocation<'a>) -> BodyFuture<'a>;

/// What a [`Body`] returns.
#[doc(hidden)]
pub type BodyFuture<'a> = Pin<Box<dyn Future<Output = Result<CallToolResult, ToolError>> + Send + 'a>>;

/// What the author said of a tool's behaviour; hints for clients, never a part of the decision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Annotations {
    /// `readOnlyHint`: it changes nothing.
    pub read_only: Option<bool>,
    /// `destructiveHint`: what it changes may be lost.
    pub destructive: Option<bool>,
    /// `idempotentHint`: twice is the same as once.
    pub idempotent: Option<bool>,
    /// `openWorldHint`: it reaches beyond a closed set of things.
    pub open_world: Option<bool>,
}

impl ToolDescriptor {
    /// The parts that every tool has; generated code adds the others with the methods below.
    #[doc(hidden)]
    pub const fn new(
        name: &'static str,
        list: &'static Scopes,
        input: fn(&mut SchemaGenerator) -> Schema,
        output: fn(&mut SchemaGenerator) -> Option<Schema>,
        body: for<'a> fn(Invocation<'a>) -> BodyFuture<'a>,
        defined_at: &'static str,
    ) -> Self {
        Self {
            name,
            title: None,
            description: None,
            list,
            all: &[],
            any: &[],
            annotations: Annotations { read_only: None, destructive: None, idempotent: None, open_world: None },
            input,
            output,
            states: &[],
            guards: &[],
            visible_to: &[],
            timeout: None,
            concurrency: None,
            audit: &[],
            meta: None,
            body,
            defined_at,
        }
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

    #[doc(hidden)]
    pub const fn annotations(mut self, annotations: Annotations) -> Self {
        self.annotations = annotations;
        self
    }

    #[doc(hidden)]
    pub const fn states(mut self, states: &'static [StateType]) -> Self {
        self.states = states;
        self
    }

    #[doc(hidden)]
    pub const fn guards(mut self, guards: &'static [&'static dyn Guard]) -> Self {
        self.guards = guards;
        self
    }

    #[doc(hidden)]
    pub const fn visible_to(mut self, rules: &'static [&'static dyn Visibility]) -> Self {
        self.visible_to = rules;
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
    pub const fn audit(mut self, arguments: &'static [&'static str]) -> Self {
        self.audit = arguments;
        self
    }

    #[doc(hidden)]
    pub const fn meta(mut self, meta: fn() -> serde_json::Value) -> Self {
        self.meta = Some(meta);
        self
    }

    /// The name on the wire.
    pub const fn name(&self) -> &'static str {
        self.name
    }
}

impl ToolDescriptor {
    /// Whether the body takes the request around the call.
    pub(crate) fn takes_context(&self) -> bool {
        self.states.iter().any(|state| state.id() == StateType::of::<Context>().id())
    }
}

impl fmt::Debug for ToolDescriptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ToolDescriptor")
            .field("name", &self.name)
            .field("defined_at", &self.defined_at)
            .finish_non_exhaustive()
    }
}

/// One call on its way into the body.
#[doc(hidden)]
pub struct Invocation<'a> {
    pub(crate) arguments: Arguments,
    pub(crate) caller: &'a Caller,
    pub(crate) context: Option<&'a Context>,
    pub(crate) states: &'a States,
}

impl<'a> Invocation<'a> {
    /// The arguments as the tool's parameters. They fit the schema, so an error here is a finer point that the schema
    /// cannot say, and the model is told.
    pub fn arguments<T: serde::de::DeserializeOwned>(&mut self) -> Result<T, ToolError> {
        let arguments = std::mem::replace(&mut self.arguments, Arguments::new(serde_json::Map::new()));
        T::deserialize(serde_json::Value::Object(arguments.into_object())).map_err(|error| {
            ToolError::invalid_arguments(vec![super::arguments::Violation::of_all(error.to_string())])
        })
    }

    /// One argument, as a parameter.
    pub fn argument<T: super::Argument>(&mut self, name: &str) -> Result<T, ToolError> {
        super::parameters::take(self.arguments.as_object_mut(), name)
    }

    /// What a parameter of type `&T` gets.
    pub fn state<T: Send + Sync + 'static>(&self) -> Result<&'a T, ToolError> {
        let caller: &'a (dyn Any + Send + Sync) = self.caller;
        let context = self.context.map(|context| -> &'a (dyn Any + Send + Sync) { context });
        caller
            .downcast_ref()
            .or_else(|| context.and_then(<dyn Any + Send + Sync>::downcast_ref))
            .or_else(|| self.states.get())
            .ok_or_else(|| ToolError::masked(format!("no state of the type {}", std::any::type_name::<T>())))
    }
}

/// Whether a parameter of this type is provided by the call itself, not by `Server::state`.
pub(crate) fn is_given_by_the_call(state: StateType) -> bool {
    [StateType::of::<Caller>(), StateType::of::<Context>()].iter().any(|given| given.id() == state.id())
}
