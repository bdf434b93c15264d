//! An operation that is ready to be listed and called.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

use rmcp::model::MetaObject;
use serde_json::{Map, Value};
use tokio::sync::Semaphore;

use super::{
    ListKind, Listing, MountedOperation, MountedServer, RateOverrides,
    listing::{listed_prompt, listed_resource, listed_template, listed_tool},
};
#[cfg(feature = "json-schema")]
use crate::operation::ResultValidator;
use crate::{
    audit::CallOutcome,
    auth::Caller,
    error::OperationProblem,
    metrics::{CounterSet, HistogramHandle, OPERATIONS},
    operation::{
        ArgumentSchema, DescriptorKind, MetConditions, OperationDescriptor, OperationKind, Provided, States,
        VisibilityRule, argument_without_texts, from_text,
    },
    policy::{OperationPolicy, is_same_organization},
    rate::Rate,
    resource::{UriTemplate, Variables},
    scope::{Requirement, ScopeIndex},
    tool::output,
};

/// An operation of a server, with everything that lists and calls need precomputed.
pub(crate) struct RegisteredOperation {
    descriptor: &'static OperationDescriptor,
    required_scopes: Vec<&'static str>,
    requirement: Requirement,
    arguments: ArgumentSchema,
    /// Checks results of a tool against the output schema in debug builds.
    #[cfg(feature = "json-schema")]
    result_validator: Option<ResultValidator>,
    mirrors_headers: bool,
    /// The URIs of a resource whose URI is a template.
    template: Option<UriTemplate>,
    policy: OperationPolicy,
    listing: Listing,
    /// Server of the operation, if it is not one of this program's functions.
    mounted: Option<Arc<dyn MountedServer>>,
    concurrency_limit: Option<Semaphore>,
    rate: Option<Rate>,
    total_rate: Option<Rate>,
    calls: CounterSet<CallOutcome>,
    durations: HistogramHandle,
}

impl RegisteredOperation {
    /// Registers an operation that requires the scopes of its descriptor and those in `required_for_all`.
    pub(super) fn new(
        descriptor: &'static OperationDescriptor,
        index: &ScopeIndex,
        required_for_all: &[&'static str],
    ) -> Result<Self, OperationProblem> {
        let arguments = ArgumentSchema::new((descriptor.input)(&mut ArgumentSchema::generator()))?;
        check_audited_arguments(descriptor, &arguments)?;
        let required_scopes = descriptor.required_scopes(required_for_all);
        let any_scope = descriptor.any.iter().map(|scope| scope.name());
        let requirement = Requirement::new(index, required_scopes.iter().copied(), any_scope);
        let meta = match descriptor.meta.map(|meta| meta()) {
            None => None,
            Some(Value::Object(meta)) => Some(MetaObject(meta)),
            Some(_) => return Err(OperationProblem::MetaNotAnObject),
        };
        let mirrors_headers = mirrors_headers(arguments.schema())?;
        if descriptor.kind() != OperationKind::Tool
            && let Some(name) = argument_without_texts(arguments.schema())
        {
            return Err(OperationProblem::ArgumentNotText(name.to_owned()));
        }
        let mut template = None;
        #[cfg(feature = "json-schema")]
        let mut result_validator = None;
        let listing = match &descriptor.kind {
            DescriptorKind::Tool(tool) => {
                let output_schema = (tool.output)(&mut output::schema_generator()).and_then(output::output_schema);
                #[cfg(feature = "json-schema")]
                {
                    result_validator = output_schema.as_ref().map(ResultValidator::new).transpose()?.flatten();
                }
                let mut listing = listed_tool(descriptor, tool, &arguments, meta);
                listing.output_schema = output_schema.map(Arc::new);
                Listing::Tool(listing)
            }
            DescriptorKind::Prompt => Listing::Prompt(listed_prompt(descriptor, &arguments, meta)),
            DescriptorKind::Resource(resource) => {
                let uri = UriTemplate::parse(descriptor.name)
                    .map_err(|error| OperationProblem::InvalidUri(error.to_string()))?;
                check_optional_variables(&uri, &arguments)?;
                if uri.is_uri() {
                    Listing::Resource(listed_resource(descriptor, resource, meta))
                } else {
                    template = Some(uri);
                    Listing::ResourceTemplate(listed_template(descriptor, resource, meta))
                }
            }
        };
        let metrics = OPERATIONS[descriptor.kind() as usize];
        Ok(Self {
            descriptor,
            policy: OperationPolicy::declared(descriptor, required_for_all),
            required_scopes,
            requirement,
            arguments,
            #[cfg(feature = "json-schema")]
            result_validator,
            mirrors_headers,
            template,
            listing,
            mounted: None,
            concurrency_limit: descriptor
                .concurrency
                .map(|calls| Semaphore::new(usize::try_from(calls).unwrap_or(usize::MAX))),
            rate: descriptor.rate,
            total_rate: descriptor.total_rate,
            calls: metrics.outcomes(descriptor.name),
            durations: metrics.durations(descriptor.name),
        })
    }

    /// Registers an operation of a mounted server. The server validates the arguments and publishes their schema itself.
    pub(super) fn mounted(
        mounted: MountedOperation,
        index: &ScopeIndex,
        required_for_all: &[&'static str],
    ) -> Result<Self, OperationProblem> {
        let MountedOperation { descriptor, listing, server } = mounted;
        let required_scopes = descriptor.required_scopes(required_for_all);
        let any_scope = descriptor.any.iter().map(|scope| scope.name());
        let schema = match &listing {
            Listing::Tool(tool) => Arc::clone(&tool.input_schema),
            _ => Arc::default(),
        };
        let template = match &listing {
            Listing::ResourceTemplate(template) => Some(
                UriTemplate::parse(&template.uri_template)
                    .map_err(|error| OperationProblem::InvalidUri(error.to_string()))?,
            ),
            _ => None,
        };
        let metrics = OPERATIONS[descriptor.kind() as usize];
        Ok(Self {
            descriptor,
            policy: OperationPolicy::declared(descriptor, required_for_all),
            requirement: Requirement::new(index, required_scopes.iter().copied(), any_scope),
            required_scopes,
            mirrors_headers: mirrors_headers(&schema)?,
            arguments: ArgumentSchema::published(schema),
            #[cfg(feature = "json-schema")]
            result_validator: None,
            template,
            listing,
            mounted: Some(server),
            concurrency_limit: None,
            rate: None,
            total_rate: None,
            calls: metrics.outcomes(descriptor.name),
            durations: metrics.durations(descriptor.name),
        })
    }

    pub(crate) fn mounted_server(&self) -> Option<&Arc<dyn MountedServer>> {
        self.mounted.as_ref()
    }

    pub(crate) fn name(&self) -> &'static str {
        self.descriptor.name
    }

    pub(crate) fn kind(&self) -> OperationKind {
        self.descriptor.kind()
    }

    /// Returns the list that has this operation.
    pub(crate) fn list(&self) -> ListKind {
        self.listing.list()
    }

    /// Returns the variables of a URI that matches the template of this resource.
    pub(super) fn match_uri(&self, uri: &str) -> Option<Variables> {
        self.template.as_ref()?.matches(uri)
    }

    /// Returns whether a URI can belong to both resources, of which neither takes precedence: it matches both templates, or
    /// it is another spelling of the URI of one and matches the template of the other.
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        if self.kind() != OperationKind::Resource || other.kind() != OperationKind::Resource {
            return false;
        }
        match (&self.template, &other.template) {
            (Some(template), Some(other)) => template.overlaps(other),
            (Some(template), None) => template.matches_other_spellings_of(other.name()),
            (None, Some(template)) => template.matches_other_spellings_of(self.name()),
            (None, None) => false,
        }
    }

    /// Returns the arguments of a call: those of the request, or the variables of the URI, converted from text where the
    /// protocol has text.
    pub(crate) fn call_arguments(&self, mut given: Map<String, Value>, variables: Variables) -> Map<String, Value> {
        match self.kind() {
            OperationKind::Tool => return given,
            OperationKind::Prompt => {}
            OperationKind::Resource => {
                given = variables.into_iter().map(|(name, value)| (name.to_string(), Value::String(value))).collect();
            }
        }
        from_text(&mut given, self.arguments.schema());
        given
    }

    pub(crate) fn descriptor(&self) -> &'static OperationDescriptor {
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

    #[cfg(feature = "json-schema")]
    pub(crate) fn result_validator(&self) -> Option<&ResultValidator> {
        self.result_validator.as_ref()
    }

    /// Returns whether the fast path can run the operation: it takes no `&Context`, needs no approval, mirrors no argument
    /// into a header, its calls do not become tasks, and it is not one of a mounted server.
    pub(crate) fn supports_fast_path(&self) -> bool {
        let needs_context = self.descriptor.takes_context() || self.descriptor.approve.is_some();
        !needs_context && !self.mirrors_headers && !self.descriptor.has_tasks() && self.mounted.is_none()
    }

    /// Returns whether an argument is mirrored into a header, so that rmcp compares the two.
    pub(crate) fn mirrors_headers(&self) -> bool {
        self.mirrors_headers
    }

    pub(crate) fn policy(&self) -> &OperationPolicy {
        &self.policy
    }

    /// The operation as lists show it.
    pub(crate) fn listing(&self) -> &Listing {
        &self.listing
    }

    pub(crate) fn concurrency_limit(&self) -> Option<&Semaphore> {
        self.concurrency_limit.as_ref()
    }

    /// Replaces the rates that the attribute declares by those of the settings.
    pub(super) fn replace_rates(&mut self, rates: &RateOverrides<'_>) {
        let label = self.policy.label();
        let [rate, total] = [rates.per_caller, rates.total].map(|rates| rates.get(&*label).copied());
        self.rate = rate.unwrap_or(self.rate);
        self.total_rate = total.unwrap_or(self.total_rate);
    }

    /// Returns the rate of the calls of each caller.
    pub(crate) fn rate(&self) -> Option<Rate> {
        self.rate
    }

    /// Returns the rate of the calls of all callers together.
    pub(crate) fn total_rate(&self) -> Option<Rate> {
        self.total_rate
    }

    /// Returns whether calls are limited by a rate.
    pub(crate) fn has_rate(&self) -> bool {
        self.rate.is_some() || self.total_rate.is_some()
    }

    /// Counts a call of this operation in the metrics.
    pub(crate) fn count(&self, outcome: CallOutcome, duration: Duration) {
        self.calls.increment(outcome);
        self.durations.record(duration);
    }

    /// Returns whether the arguments of a call can require scopes beyond [`requirement`](Self::requirement).
    pub(crate) fn has_conditional_scopes(&self) -> bool {
        !self.descriptor.scopes_if.is_empty()
    }

    /// Returns the scopes that the challenge for a call names: those of the operation, those of the conditions that
    /// hold, and `others`.
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

    /// Returns whether scopes alone decide who sees the operation.
    pub(crate) fn is_decided_by_scopes(&self) -> bool {
        let OperationDescriptor { orgs, org_roles, visible_to, .. } = self.descriptor;
        orgs.is_empty() && org_roles.is_empty() && visible_to.is_empty()
    }

    /// Returns whether the rules beyond scopes allow the caller to see the operation.
    pub(crate) fn is_visible_to(&self, caller: &Caller, states: &States) -> bool {
        let OperationDescriptor { orgs, org_roles, visible_to, .. } = self.descriptor;
        (orgs.is_empty() || acts_for(caller, orgs))
            && (org_roles.is_empty() || has_role(caller, org_roles))
            && visible_to.iter().all(|rule| self.allows(rule, Provided { caller, context: None, states }))
    }

    /// Returns each rule of [`is_visible_to`](Self::is_visible_to), and whether it allows the caller to see the operation.
    pub(crate) fn visibility(&self, caller: &Caller, states: &States) -> impl Iterator<Item = (String, bool)> {
        let OperationDescriptor { orgs, org_roles, visible_to, .. } = self.descriptor;
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
            let (kind, name) = (self.kind().name(), self.name());
            tracing::error!(kind, name, rule = rule.source, "visibility rule failed; the operation is hidden");
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

impl fmt::Debug for RegisteredOperation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.policy, f)
    }
}

/// Checks that the parameters for variables which a URI can omit are optional.
fn check_optional_variables(template: &UriTemplate, arguments: &ArgumentSchema) -> Result<(), OperationProblem> {
    let required = arguments.schema().get("required").and_then(Value::as_array);
    let is_required = |name: &str| required.is_some_and(|required| required.iter().any(|known| known == name));
    match template.variables().find(|name| template.is_optional(name) && is_required(name)) {
        Some(name) => Err(OperationProblem::RequiredQueryVariable(name.to_owned())),
        None => Ok(()),
    }
}

/// Checks the names in `audit(..)`. The macro cannot check them where a parameter is flattened.
fn check_audited_arguments(
    descriptor: &OperationDescriptor,
    arguments: &ArgumentSchema,
) -> Result<(), OperationProblem> {
    let properties = arguments.schema().get("properties").and_then(Value::as_object);
    let is_known = |name: &str| properties.is_some_and(|properties| properties.contains_key(name));
    match descriptor.audit.iter().find(|name| !is_known(name)) {
        Some(name) => Err(OperationProblem::UnknownAuditArgument(name)),
        None => Ok(()),
    }
}

/// Returns whether an argument is mirrored into a header (SEP-2243), which is possible for plain values only.
fn mirrors_headers(schema: &Map<String, Value>) -> Result<bool, OperationProblem> {
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
                return Err(OperationProblem::HeaderArgumentType(name.clone()));
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
