//! A tool that is ready to be listed and called.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

use rmcp::model::{MetaObject, Tool, ToolAnnotations};
use serde_json::{Map, Value};
use tokio::sync::Semaphore;

use crate::{
    audit::CallOutcome,
    auth::Caller,
    error::ToolProblem,
    metrics::{self, CounterSet, HistogramHandle},
    policy::{ToolPolicy, is_same_organization},
    scope::{Requirement, ScopeIndex},
    tool::{Annotations, ArgumentSchema, MetConditions, Provided, States, ToolDescriptor, VisibilityRule, output},
};

/// A tool of a server, with everything that lists and calls need precomputed.
pub(crate) struct RegisteredTool {
    descriptor: &'static ToolDescriptor,
    required_scopes: Vec<&'static str>,
    requirement: Requirement,
    arguments: ArgumentSchema,
    /// Checks results against the output schema in debug builds.
    output_validator: Option<jsonschema::Validator>,
    mirrors_headers: bool,
    policy: ToolPolicy,
    listing: Tool,
    concurrency_limit: Option<Semaphore>,
    calls: CounterSet<CallOutcome>,
    durations: HistogramHandle,
}

impl RegisteredTool {
    /// Registers a tool that requires the scopes of its descriptor and those in `required_for_all`.
    pub(super) fn new(
        descriptor: &'static ToolDescriptor,
        index: &ScopeIndex,
        required_for_all: &[&'static str],
    ) -> Result<Self, ToolProblem> {
        let arguments = ArgumentSchema::new((descriptor.input)(&mut ArgumentSchema::generator()))?;
        let output_schema = (descriptor.output)(&mut output::schema_generator()).and_then(output::output_schema);
        let output_validator = output_schema
            .as_ref()
            // A debug build detects a `Serialize` that disagrees with its `JsonSchema`; a release build trusts the type.
            .filter(|_| cfg!(debug_assertions))
            .map(|schema| jsonschema::options().offline().build(&Value::Object(schema.clone())))
            .transpose()
            .map_err(|error| ToolProblem::InvalidOutputSchema(error.to_string()))?;
        check_audited_arguments(descriptor, &arguments)?;

        let required_scopes = descriptor.required_scopes(required_for_all);
        let any_scope = descriptor.any.iter().map(|scope| scope.name());
        let requirement = Requirement::new(index, required_scopes.iter().copied(), any_scope);

        let mut listing = Tool::new_with_raw(
            descriptor.name,
            descriptor.description.map(Into::into),
            Arc::clone(arguments.schema()),
        );
        listing.title = descriptor.title.map(str::to_owned);
        listing.output_schema = output_schema.map(Arc::new);
        listing.annotations = listed_annotations(descriptor.annotations);
        listing.meta = match descriptor.meta.map(|meta| meta()) {
            None => None,
            Some(Value::Object(meta)) => Some(MetaObject(meta)),
            Some(_) => return Err(ToolProblem::MetaNotAnObject),
        };
        let mirrors_headers = mirrors_headers(arguments.schema())?;
        Ok(Self {
            descriptor,
            policy: ToolPolicy::declared(descriptor, required_for_all),
            required_scopes,
            requirement,
            arguments,
            output_validator,
            mirrors_headers,
            listing,
            concurrency_limit: descriptor
                .concurrency
                .map(|calls| Semaphore::new(usize::try_from(calls).unwrap_or(usize::MAX))),
            calls: CounterSet::new(metrics::CALLS, "outcome").with_label("tool", descriptor.name),
            durations: HistogramHandle::new(metrics::CALL_DURATION, "tool", descriptor.name),
        })
    }

    pub(crate) fn name(&self) -> &'static str {
        self.descriptor.name
    }

    pub(crate) fn descriptor(&self) -> &'static ToolDescriptor {
        self.descriptor
    }

    /// Scopes that are all required.
    pub(crate) fn required_scopes(&self) -> &[&'static str] {
        &self.required_scopes
    }

    pub(crate) fn requirement(&self) -> &Requirement {
        &self.requirement
    }

    pub(crate) fn arguments(&self) -> &ArgumentSchema {
        &self.arguments
    }

    pub(crate) fn output_validator(&self) -> Option<&jsonschema::Validator> {
        self.output_validator.as_ref()
    }

    /// Returns whether the fast path can call the tool: it takes no `&Context`, and mirrors no argument into a header.
    pub(crate) fn supports_fast_path(&self) -> bool {
        !self.descriptor.takes_context() && !self.mirrors_headers
    }

    /// Returns whether an argument is mirrored into a header, so that rmcp compares the two.
    pub(crate) fn mirrors_headers(&self) -> bool {
        self.mirrors_headers
    }

    pub(crate) fn policy(&self) -> &ToolPolicy {
        &self.policy
    }

    /// The tool as `tools/list` shows it.
    pub(crate) fn listing(&self) -> &Tool {
        &self.listing
    }

    pub(crate) fn concurrency_limit(&self) -> Option<&Semaphore> {
        self.concurrency_limit.as_ref()
    }

    /// Counts a call of this tool in the metrics.
    pub(crate) fn count(&self, outcome: CallOutcome, duration: Duration) {
        self.calls.increment(outcome);
        self.durations.record(duration);
    }

    /// Returns whether the arguments of a call can require scopes beyond [`requirement`](Self::requirement).
    pub(crate) fn has_conditional_scopes(&self) -> bool {
        !self.descriptor.scopes_if.is_empty()
    }

    /// Returns the scopes that the challenge for a call names: those of the tool, those of the conditions that hold, and
    /// `others`.
    pub(crate) fn challenged_scopes(
        &self,
        caller: &Caller,
        met: &MetConditions,
        others: &[&'static str],
    ) -> Vec<&'static str> {
        let mut scopes = self.requirement.required_scopes(caller.granted());
        for scope in met.scopes(self.descriptor).iter().chain(others) {
            if !scopes.contains(scope) {
                scopes.push(scope);
            }
        }
        scopes
    }

    /// Returns whether scopes alone decide who sees the tool.
    pub(crate) fn is_decided_by_scopes(&self) -> bool {
        let ToolDescriptor { orgs, org_roles, visible_to, .. } = self.descriptor;
        orgs.is_empty() && org_roles.is_empty() && visible_to.is_empty()
    }

    /// Returns whether the rules beyond scopes allow the caller to see the tool.
    pub(crate) fn is_visible_to(&self, caller: &Caller, states: &States) -> bool {
        let ToolDescriptor { orgs, org_roles, visible_to, .. } = self.descriptor;
        (orgs.is_empty() || acts_for(caller, orgs))
            && (org_roles.is_empty() || has_role(caller, org_roles))
            && visible_to.iter().all(|rule| self.allows(rule, Provided { caller, context: None, states }))
    }

    /// Returns each rule of [`is_visible_to`](Self::is_visible_to), and whether it allows the caller to see the tool.
    pub(crate) fn visibility(&self, caller: &Caller, states: &States) -> impl Iterator<Item = (String, bool)> {
        let ToolDescriptor { orgs, org_roles, visible_to, .. } = self.descriptor;
        let org = (!orgs.is_empty()).then(|| (format!("org {}", orgs.join(" or ")), acts_for(caller, orgs)));
        let role = (!org_roles.is_empty())
            .then(|| (format!("org role {}", org_roles.join(" or ")), has_role(caller, org_roles)));
        let rules = visible_to.iter().map(move |rule| {
            let allows = self.allows(rule, Provided { caller, context: None, states });
            (format!("visible_to `{}`", rule.source), allows)
        });
        org.into_iter().chain(role).chain(rules)
    }

    /// Evaluates a visibility rule. A rule that fails or panics hides the tool.
    fn allows(&self, rule: &VisibilityRule, provided: Provided<'_>) -> bool {
        let allowed = catch_unwind(AssertUnwindSafe(|| (rule.allows)(provided)));
        if !matches!(allowed, Ok(Ok(_))) {
            tracing::error!(tool = self.name(), rule = rule.source, "visibility rule failed; the tool is hidden");
        }
        matches!(allowed, Ok(Ok(true)))
    }
}

/// Returns whether the caller acts for one of these organizations.
fn acts_for(caller: &Caller, orgs: &[&str]) -> bool {
    caller.org_id().is_some_and(|id| orgs.iter().any(|org| is_same_organization(org, id)))
}

fn has_role(caller: &Caller, roles: &[&str]) -> bool {
    caller.org_role().is_some_and(|role| roles.contains(&role))
}

impl fmt::Debug for RegisteredTool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.policy, f)
    }
}

/// Checks the names in `audit(..)`. The macro cannot check them where a parameter is flattened.
fn check_audited_arguments(descriptor: &ToolDescriptor, arguments: &ArgumentSchema) -> Result<(), ToolProblem> {
    let properties = arguments.schema().get("properties").and_then(Value::as_object);
    let is_known = |name: &str| properties.is_some_and(|properties| properties.contains_key(name));
    match descriptor.audit.iter().find(|name| !is_known(name)) {
        Some(name) => Err(ToolProblem::UnknownAuditArgument(name)),
        None => Ok(()),
    }
}

/// Returns whether an argument is mirrored into a header (SEP-2243), which is possible for plain values only.
fn mirrors_headers(schema: &Map<String, Value>) -> Result<bool, ToolProblem> {
    let mut found = false;
    for (name, schema) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        if schema.get("x-mcp-header").is_some() {
            found = true;
            let types = match schema.get("type") {
                Some(Value::Array(types)) => {
                    types.iter().filter_map(Value::as_str).filter(|&ty| ty != "null").collect()
                }
                Some(Value::String(ty)) => vec![ty.as_str()],
                _ => Vec::new(),
            };
            if !matches!(types.as_slice(), ["string" | "integer" | "boolean"]) {
                return Err(ToolProblem::HeaderArgumentType(name.clone()));
            }
        } else if mentions_header(schema) {
            // A nested `x-mcp-header` is interpreted by rmcp.
            found = true;
        }
    }
    Ok(found)
}

fn mentions_header(value: &Value) -> bool {
    let is_header = |text: &str| text.contains("x-mcp-header");
    match value {
        Value::String(text) => is_header(text),
        Value::Array(values) => values.iter().any(mentions_header),
        Value::Object(values) => values.iter().any(|(name, value)| is_header(name) || mentions_header(value)),
        _ => false,
    }
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
