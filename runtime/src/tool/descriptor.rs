//! The descriptor that `#[tool]` generates for a function.

use std::{fmt, future::Future, pin::Pin, time::Duration};

use rmcp::model::CallToolResult;
use schemars::{Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

use super::{ConditionalScopes, Context, InputSchema, Invocation, Provided, StateType, ToolError};
use crate::scope::{Scope, Scopes};

/// A tool as its author declared it. `#[tool]` creates descriptors and registers them.
pub struct ToolDescriptor {
    pub(crate) name: &'static str,
    pub(crate) title: Option<&'static str>,
    pub(crate) description: Option<&'static str>,
    pub(crate) list: &'static Scopes,
    pub(crate) all: &'static [Scope],
    pub(crate) any: &'static [Scope],
    pub(crate) annotations: Annotations,
    pub(crate) input: fn(&mut SchemaGenerator) -> InputSchema,
    pub(crate) output: fn(&mut SchemaGenerator) -> Option<Schema>,
    pub(crate) states: &'static [StateType],
    pub(crate) scopes_if: &'static [ConditionalScopes],
    /// Source texts of the guards, which the body calls.
    pub(crate) guards: &'static [&'static str],
    pub(crate) visible_to: &'static [VisibilityRule],
    /// Organizations whose callers may see the tool; empty if all may.
    pub(crate) orgs: &'static [&'static str],
    /// Roles whose callers may see the tool; empty if all may.
    pub(crate) org_roles: &'static [&'static str],
    pub(crate) timeout: Option<Duration>,
    /// Maximum number of concurrent calls.
    pub(crate) concurrency: Option<u32>,
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

inventory::collect!(ToolDescriptor);

/// Generated function that reads the arguments, takes the [steps](super::CallSteps), and calls the author's function.
pub(crate) type Body = for<'a> fn(Invocation<'a>) -> BodyFuture<'a>;

/// Future that a [`Body`] returns.
#[doc(hidden)]
pub type BodyFuture<'a> = Pin<Box<dyn Future<Output = Result<CallToolResult, ToolError>> + Send + 'a>>;

/// A call in `visible_to(..)`, which decides lists and calls.
#[doc(hidden)]
#[derive(Debug)]
pub struct VisibilityRule {
    /// Source text of the call.
    pub source: &'static str,
    pub allows: fn(Provided<'_>) -> Result<bool, ToolError>,
}

/// MCP's hints about a tool's behaviour. Clients may use them; the decision never does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
        input: fn(&mut SchemaGenerator) -> InputSchema,
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
            scopes_if: &[],
            guards: &[],
            visible_to: &[],
            orgs: &[],
            org_roles: &[],
            timeout: None,
            concurrency: None,
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
