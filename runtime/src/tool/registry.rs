//! All tools of a server, made ready when it is built.

use std::{collections::HashMap, fmt, sync::Arc, time::Duration};

use foldhash::fast::FixedState;
use rmcp::model::{Tool, ToolAnnotations};
use serde_json::Value;
use tokio::sync::Semaphore;

use super::{
    Annotations, Outcome, ToolDescriptor, ToolInfo,
    arguments::{self, ArgumentSchema},
    descriptor::is_given_by_the_call,
    output,
    state::States,
};
use crate::{
    auth::Caller,
    metrics::{self, CounterSet, HistogramHandle},
    scope::{Requirement, ScopeIndex, Scopes},
};

/// A rule that switches tools off while the server runs.
pub(crate) type DenyRule = Box<dyn Fn(&ToolInfo) -> bool + Send + Sync>;

/// The tools of a server, in the order of their names.
pub(crate) struct Registry {
    tools: Vec<RegisteredTool>,
    /// The hash is quick and has no secret: callers only look names up, and the names that are in it are the author's.
    by_name: HashMap<&'static str, usize, FixedState>,
    states: States,
    deny: Vec<DenyRule>,
    default_timeout: Option<Duration>,
    max_answer: usize,
}

/// What a registry is made of.
pub(crate) struct Parts<'a> {
    pub(crate) lists: &'a [&'static Scopes],
    pub(crate) index: &'a ScopeIndex,
    /// Scopes that every tool needs, besides its own.
    pub(crate) required_by_all: &'a [&'static str],
    pub(crate) states: States,
    pub(crate) deny: Vec<DenyRule>,
    pub(crate) default_timeout: Option<Duration>,
    /// The largest result, in bytes.
    pub(crate) max_answer: usize,
}

/// A tool that is ready to be listed and called.
pub(crate) struct RegisteredTool {
    descriptor: &'static ToolDescriptor,
    requirement: Requirement,
    arguments: ArgumentSchema,
    output: Option<jsonschema::Validator>,
    needs_only_the_caller: bool,
    info: ToolInfo,
    listing: Tool,
    /// The calls that may run at once, if the tool says how many.
    slots: Option<Semaphore>,
    calls: CounterSet<Outcome>,
    durations: HistogramHandle,
}

impl Registry {
    /// Takes the registered tools that were checked against one of `lists`.
    ///
    /// # Errors
    ///
    /// Every problem, a sentence each.
    pub(crate) fn new(parts: Parts<'_>) -> Result<Self, Vec<String>> {
        let mut problems = Vec::new();
        let mut descriptors: Vec<_> = descriptors(parts.lists).collect();
        descriptors.sort_by_key(|descriptor| descriptor.name);
        for pair in descriptors.windows(2) {
            if pair[0].name == pair[1].name {
                problems.push(format!(
                    "two tools are named `{}`, at {} and at {}: rename one with `#[tool(name = \"..\")]`",
                    pair[0].name, pair[0].defined_at, pair[1].defined_at
                ));
            }
        }
        problems.extend(strays(parts.lists));

        let mut tools = Vec::with_capacity(descriptors.len());
        for descriptor in descriptors {
            for state in descriptor.states {
                if !is_given_by_the_call(*state) && !parts.states.contains(state.id()) {
                    problems.push(format!(
                        "the tool `{}` takes `&{}`, which the server was not given: add `.state(..)` with one",
                        descriptor.name,
                        state.name()
                    ));
                }
            }
            match RegisteredTool::new(descriptor, parts.index, parts.required_by_all) {
                Ok(tool) => tools.push(tool),
                Err(problem) => problems.push(format!("the tool `{}`: {problem}", descriptor.name)),
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let by_name = tools.iter().enumerate().map(|(i, tool)| (tool.name(), i)).collect();
        Ok(Self {
            tools,
            by_name,
            states: parts.states,
            deny: parts.deny,
            default_timeout: parts.default_timeout,
            max_answer: parts.max_answer,
        })
    }

    pub(crate) fn get(&self, name: &str) -> Option<&RegisteredTool> {
        self.by_name.get(name).map(|&i| &self.tools[i])
    }

    pub(crate) fn tools(&self) -> &[RegisteredTool] {
        &self.tools
    }

    pub(crate) fn states(&self) -> &States {
        &self.states
    }

    pub(crate) fn timeout_of(&self, tool: &RegisteredTool) -> Option<Duration> {
        tool.descriptor.timeout.or(self.default_timeout)
    }

    /// Whether scopes alone decide about what a caller sees.
    pub(crate) fn is_decided_by_scopes(&self) -> bool {
        self.deny.is_empty() && self.tools.iter().all(|tool| tool.descriptor.visible_to.is_empty())
    }

    /// The largest result, in bytes.
    pub(crate) fn max_answer(&self) -> usize {
        self.max_answer
    }

    pub(crate) fn is_switched_off(&self, tool: &RegisteredTool) -> bool {
        self.deny.iter().any(|rule| rule(&tool.info))
    }
}

/// The registered tools of these lists.
pub(crate) fn descriptors(lists: &[&'static Scopes]) -> impl Iterator<Item = &'static ToolDescriptor> {
    inventory::iter::<ToolDescriptor>
        .into_iter()
        .filter(move |descriptor| lists.iter().any(|&list| std::ptr::eq(list, descriptor.list)))
}

/// Tools whose list has the entries of one of ours and is yet another: `SCOPES` is a `const`, so that every mention of
/// it is a list of its own. They would be left out without a word.
fn strays(lists: &[&'static Scopes]) -> impl Iterator<Item = String> {
    inventory::iter::<ToolDescriptor>.into_iter().filter_map(move |descriptor| {
        let stray = lists.iter().all(|&list| !std::ptr::eq(list, descriptor.list))
            && lists.iter().any(|list| list.names() == descriptor.list.names());
        stray.then(|| {
            format!(
                "the tool `{}` ({}) is checked against another list with the same scopes: declare the list once, as a \
                 `static` (not a `const`), and hand that one to `Server::new`",
                descriptor.name, descriptor.defined_at
            )
        })
    })
}

impl RegisteredTool {
    fn new(
        descriptor: &'static ToolDescriptor,
        index: &ScopeIndex,
        required_by_all: &[&'static str],
    ) -> Result<Self, String> {
        let arguments = ArgumentSchema::new((descriptor.input)(&mut arguments::schema_generator()))?;
        let output_schema = (descriptor.output)(&mut output::schema_generator()).and_then(output::output_schema);
        let output = output_schema
            .as_ref()
            // A release build trusts the type; a debug build finds a `Serialize` that disagrees with its `JsonSchema`.
            .filter(|_| cfg!(debug_assertions))
            .map(|schema| jsonschema::options().offline().build(&Value::Object(schema.clone())))
            .transpose()
            .map_err(|error| format!("the schema of its result is not valid: {error}"))?;
        check_audited(descriptor, &arguments)?;
        let info = ToolInfo::new(descriptor, required_by_all);
        let requirement =
            Requirement::new(index, info.scopes.iter().copied(), descriptor.any.iter().map(|scope| scope.name()));

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
            Some(Value::Object(meta)) => Some(rmcp::model::MetaObject(meta)),
            Some(_) => return Err("its `meta` is not a JSON object".to_owned()),
        };
        let mirrors_headers = mirrors_headers(arguments.schema())?;
        let needs_only_the_caller = !descriptor.takes_context() && !mirrors_headers;
        Ok(Self {
            descriptor,
            requirement,
            arguments,
            output,
            needs_only_the_caller,
            info,
            listing,
            slots: descriptor.concurrency.map(|calls| Semaphore::new(usize::try_from(calls).unwrap_or(usize::MAX))),
            calls: CounterSet::new(metrics::CALLS, "outcome").beside("tool", descriptor.name),
            durations: HistogramHandle::new(metrics::CALL_DURATION, "tool", descriptor.name),
        })
    }

    pub(crate) fn name(&self) -> &'static str {
        self.descriptor.name
    }

    pub(crate) fn descriptor(&self) -> &'static ToolDescriptor {
        self.descriptor
    }

    pub(crate) fn requirement(&self) -> &Requirement {
        &self.requirement
    }

    pub(crate) fn arguments(&self) -> &ArgumentSchema {
        &self.arguments
    }

    pub(crate) fn output(&self) -> Option<&jsonschema::Validator> {
        self.output.as_ref()
    }

    /// Whether a call needs nothing of the request: no context, and no argument that a header has to repeat.
    pub(crate) fn needs_only_the_caller(&self) -> bool {
        self.needs_only_the_caller
    }

    pub(crate) fn info(&self) -> &ToolInfo {
        &self.info
    }

    /// The tool as `tools/list` shows it.
    pub(crate) fn listing(&self) -> &Tool {
        &self.listing
    }

    /// The calls that may run at once, if the tool says how many.
    pub(crate) fn slots(&self) -> Option<&Semaphore> {
        self.slots.as_ref()
    }

    /// Counts a call of this tool.
    pub(crate) fn count(&self, outcome: Outcome, took: Duration) {
        self.calls.increment(outcome);
        self.durations.record(took);
    }

    pub(crate) fn is_visible_to(&self, caller: &Caller) -> bool {
        self.descriptor.visible_to.iter().all(|rule| rule.allows(caller))
    }
}

impl fmt::Debug for RegisteredTool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.info, f)
    }
}

/// What is in a flattened parameter is not known before its schema is.
fn check_audited(descriptor: &ToolDescriptor, arguments: &ArgumentSchema) -> Result<(), String> {
    let known = |name: &str| {
        arguments.schema().get("properties").and_then(Value::as_object).is_some_and(|all| all.contains_key(name))
    };
    match descriptor.audit.iter().find(|name| !known(name)) {
        Some(name) => Err(format!("`audit(\"{name}\")` names an argument that it does not have")),
        None => Ok(()),
    }
}

/// Whether an argument is repeated in a header (SEP-2243), which only a plain value can be.
fn mirrors_headers(schema: &serde_json::Map<String, Value>) -> Result<bool, String> {
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
                return Err(format!(
                    "its argument `{name}` cannot be repeated in a header: only strings, integers and booleans can"
                ));
            }
        } else if mentions_header(schema) {
            // Somewhere inside: rmcp knows what to make of it.
            found = true;
        }
    }
    Ok(found)
}

fn mentions_header(value: &Value) -> bool {
    let is_it = |text: &str| text.contains("x-mcp-header");
    match value {
        Value::String(text) => is_it(text),
        Value::Array(values) => values.iter().any(mentions_header),
        Value::Object(values) => values.iter().any(|(name, value)| is_it(name) || mentions_header(value)),
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
