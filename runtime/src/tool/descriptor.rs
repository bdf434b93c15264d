//! The descriptor that `#[tool]` generates for a function.

use std::{any::Any, fmt, future::Future, pin::Pin, time::Duration};

use rmcp::model::CallToolResult;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Serialize, de::DeserializeOwned};

use super::{Arguments, Context, Guard, StateType, States, ToolError, Violation, Visibility, parameters};
use crate::{
    auth::Caller,
    scope::{Scope, Scopes},
};

/// A tool as its author declared it. `#[tool]` creates descriptors and registers them.
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
    /// Maximum number of concurrent calls.
    pub(crate) concurrency: Option<u32>,
    /// Names of the arguments that audit records may contain.
    pub(crate) audit: &'static [&'static str],
    pub(crate) meta: Option<fn() -> serde_json::Value>,
    /// The generated wrapper of the author's function. Only a call that consumed an `Authorized` runs it.
    pub(crate) body: Body,
    pub(crate) defined_at: &'static str,
}

inventory::collect!(ToolDescriptor);

/// Generated function that reads the arguments and calls the author's function.
pub(crate) type Body = for<'a> fn(Invocation<'a>) -> BodyFuture<'a>;

/// Future that a [`Body`] returns.
#[doc(hidden)]
pub type BodyFuture<'a> = Pin<Box<dyn Future<Output = Result<CallToolResult, ToolError>> + Send + 'a>>;

/// MCP's hints about a tool's behaviour. Clients may use them; the decision never does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[allow(clippy::exhaustive_structs, reason = "generated code constructs it")]
pub struct Annotations {
    /// `readOnlyHint`: the tool modifies nothing.
    pub read_only: Option<bool>,
    /// `destructiveHint`: the tool may delete or overwrite data.
    pub destructive: Option<bool>,
    /// `idempotentHint`: calling the tool twice has the same effect as calling it once.
    pub idempotent: Option<bool>,
    /// `openWorldHint`: the tool interacts with systems outside a closed domain.
    pub open_world: Option<bool>,
}

impl fmt::Display for Annotations {
    /// Lists the hints that are set, or `-` if none is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hints = [
            ("read-only", self.read_only),
            ("destructive", self.destructive),
            ("idempotent", self.idempotent),
            ("open-world", self.open_world),
        ];
        let words: Vec<_> = hints
            .iter()
            .filter_map(|(word, hint)| hint.map(|yes| if yes { (*word).to_owned() } else { format!("not {word}") }))
            .collect();
        f.write_str(&if words.is_empty() { "-".to_owned() } else { words.join(", ") })
    }
}

impl ToolDescriptor {
    /// Creates a descriptor from the parts that every tool has. Generated code adds the optional parts.
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

    /// Returns the name on the wire.
    pub const fn name(&self) -> &'static str {
        self.name
    }
}

impl ToolDescriptor {
    /// Returns every tool of this program, regardless of its scope list.
    pub(crate) fn all_registered() -> impl Iterator<Item = &'static Self> {
        inventory::iter::<Self>.into_iter()
    }

    /// Returns the tools that were checked against one of these lists.
    pub(crate) fn registered(lists: &[&'static Scopes]) -> impl Iterator<Item = &'static Self> {
        Self::all_registered().filter(move |tool| lists.iter().any(|&list| std::ptr::eq(list, tool.list)))
    }

    /// Returns the scopes that are all required: those of the tool, then those that the server requires for all tools.
    pub(crate) fn required_scopes(&self, required_for_all: &[&'static str]) -> Vec<&'static str> {
        let mut scopes: Vec<_> = self.all.iter().map(|scope| scope.name()).collect();
        for &scope in required_for_all {
            if !scopes.contains(&scope) {
                scopes.push(scope);
            }
        }
        scopes
    }

    /// Returns whether the function takes a `&Context`.
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

/// Input of a tool's body: the arguments and everything that its parameters can refer to.
#[doc(hidden)]
pub struct Invocation<'a> {
    pub(crate) arguments: Arguments,
    pub(crate) caller: &'a Caller,
    pub(crate) context: Option<&'a Context>,
    pub(crate) states: &'a States,
}

impl<'a> Invocation<'a> {
    /// Deserializes all arguments into one type. They fit the schema already, so an error is about a rule that the schema
    /// cannot express; the model sees it.
    pub fn arguments<T: serde::de::DeserializeOwned>(&mut self) -> Result<T, ToolError> {
        let arguments = std::mem::replace(&mut self.arguments, Arguments::new(serde_json::Map::new()));
        T::deserialize(serde_json::Value::Object(arguments.into_object()))
            .map_err(|error| ToolError::invalid_arguments(vec![Violation::of_arguments(error.to_string())]))
    }

    /// Removes one argument and deserializes it.
    pub fn argument<T: DeserializeOwned + JsonSchema>(&mut self, name: &str) -> Result<T, ToolError> {
        parameters::take(self.arguments.as_object_mut(), name)
    }

    /// Returns the value for a parameter of type `&T`: the caller, the context, or a state of the server.
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
