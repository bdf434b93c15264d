//! The tools of one server.

use std::{collections::HashMap, time::Duration};

use foldhash::fast::FixedState;

use super::RegisteredTool;
use crate::{
    auth::Caller,
    error::BuildProblem,
    policy::ToolPolicy,
    scope::{ScopeIndex, Scopes},
    tool::{States, ToolDescriptor, VisibleTools},
};

/// Rule that disables tools while the server runs.
pub(crate) type DenyRule = Box<dyn Fn(&ToolPolicy) -> bool + Send + Sync>;

/// The tools of a server, sorted by name.
pub(crate) struct ToolRegistry {
    tools: Vec<RegisteredTool>,
    /// A fast hash without a secret is safe here: callers only look names up, and the author chose the entries.
    by_name: HashMap<&'static str, usize, FixedState>,
    states: States,
    deny: Vec<DenyRule>,
    is_decided_by_scopes: bool,
    lists_acquirable: bool,
    /// Bit of the first tool in a visibility key that also has scopes.
    first_tool_bit: usize,
    default_timeout: Option<Duration>,
    max_result_bytes: usize,
}

/// Input of [`ToolRegistry::new`].
pub(crate) struct RegistryConfig<'a> {
    pub(crate) lists: &'a [&'static Scopes],
    pub(crate) index: &'a ScopeIndex,
    /// Scopes that every tool requires in addition to its own.
    pub(crate) required_for_all: &'a [&'static str],
    pub(crate) states: States,
    pub(crate) deny: Vec<DenyRule>,
    pub(crate) default_timeout: Option<Duration>,
    pub(crate) max_result_bytes: usize,
    /// Whether lists also have the tools for which the caller only lacks scopes.
    pub(crate) lists_acquirable: bool,
}

impl ToolRegistry {
    /// Registers the tools that were checked against one of `lists`.
    ///
    /// # Errors
    ///
    /// Every problem of every tool.
    pub(crate) fn new(config: RegistryConfig<'_>) -> Result<Self, Vec<BuildProblem>> {
        let mut problems = Vec::new();
        let mut descriptors: Vec<_> = ToolDescriptor::registered(config.lists).collect();
        descriptors.sort_by_key(|descriptor| descriptor.name);
        for pair in descriptors.windows(2) {
            if pair[0].name == pair[1].name {
                let defined_at = [pair[0].defined_at, pair[1].defined_at];
                problems.push(BuildProblem::DuplicateTool { name: pair[0].name, defined_at });
            }
        }
        problems.extend(copied_lists(config.lists));

        let mut tools = Vec::with_capacity(descriptors.len());
        for descriptor in descriptors {
            let missing = descriptor
                .states
                .iter()
                .filter(|state| !state.is_provided_by_call() && !config.states.contains(state.id()));
            problems.extend(
                missing.map(|state| BuildProblem::MissingState { tool: descriptor.name, state: state.name() }),
            );
            match RegisteredTool::new(descriptor, config.index, config.required_for_all) {
                Ok(tool) => tools.push(tool),
                Err(problem) => problems.push(BuildProblem::Tool { tool: descriptor.name, problem }),
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let by_name = tools.iter().enumerate().map(|(i, tool)| (tool.name(), i)).collect();
        let is_decided_by_scopes = config.deny.is_empty() && tools.iter().all(RegisteredTool::is_decided_by_scopes);
        Ok(Self {
            tools,
            is_decided_by_scopes,
            lists_acquirable: config.lists_acquirable,
            // A requirement uses the bit after the last scope for a scope that is in no list.
            first_tool_bit: config.index.names().len() + 1,
            by_name,
            states: config.states,
            deny: config.deny,
            default_timeout: config.default_timeout,
            max_result_bytes: config.max_result_bytes,
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

    pub(crate) fn time_limit(&self, tool: &RegisteredTool) -> Option<Duration> {
        tool.descriptor().timeout.or(self.default_timeout)
    }

    /// Returns whether scopes alone decide which tools a caller sees.
    pub(crate) fn is_decided_by_scopes(&self) -> bool {
        self.is_decided_by_scopes
    }

    /// Returns whether lists also have the tools for which the caller only lacks scopes.
    pub(crate) fn lists_acquirable(&self) -> bool {
        self.lists_acquirable
    }

    pub(super) fn first_tool_bit(&self) -> usize {
        self.first_tool_bit
    }

    /// Maximum size of a result, in bytes of JSON.
    pub(crate) fn max_result_bytes(&self) -> usize {
        self.max_result_bytes
    }

    /// Returns whether a deny rule disables the tool.
    pub(crate) fn is_disabled(&self, tool: &RegisteredTool) -> bool {
        self.deny.iter().any(|rule| rule(tool.policy()))
    }
}

/// Finds tools whose list equals one of `lists` but is not the same `static`. `SCOPES` is then a `const`, and every use
/// of it makes a new list, so these tools would be left out without a message.
fn copied_lists(lists: &[&'static Scopes]) -> impl Iterator<Item = BuildProblem> {
    ToolDescriptor::all_registered().filter_map(move |descriptor| {
        let is_copy = lists.iter().all(|&list| !std::ptr::eq(list, descriptor.list))
            && lists.iter().any(|list| list.names() == descriptor.list.names());
        is_copy.then_some(BuildProblem::CopiedScopeList { tool: descriptor.name, defined_at: descriptor.defined_at })
    })
}

impl VisibleTools for ToolRegistry {
    fn names(&self, caller: &Caller) -> Vec<&'static str> {
        self.visible_to(caller).map(RegisteredTool::name).collect()
    }
}
