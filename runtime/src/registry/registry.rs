//! The operations of one server.

use std::{
    collections::{BTreeMap, HashMap},
    ops::Range,
    sync::{Arc, OnceLock},
    time::Duration,
};

use foldhash::fast::FixedState;
use serde_json::{Map, Value};

use super::{ListKind, MountedOperation, RegisteredOperation};
use crate::{
    auth::Caller,
    error::BuildProblem,
    operation::{Approver, OperationDescriptor, OperationKind, States, VisibleTools},
    policy::OperationPolicy,
    rate::Rate,
    resource::{ResourceUri, Variables},
    scope::{self, ScopeIndex, Scopes},
};

/// Rule that disables operations while the server runs.
pub(crate) type DenyRule = Box<dyn Fn(&OperationPolicy) -> bool + Send + Sync>;

/// The operations of a server, by list and then by name.
pub(crate) struct Registry {
    operations: Vec<RegisteredOperation>,
    lists: [List; 4],
    has_mounted: bool,
    /// Positions by name, for each kind of operation. A fast hash without a secret is safe here: callers only look names
    /// up, and the author chose the entries.
    by_name: [HashMap<&'static str, usize, FixedState>; 3],
    states: States,
    deny: Vec<DenyRule>,
    /// Whether the list of tools also has those for which the caller only lacks scopes.
    lists_acquirable_tools: bool,
    /// Bit of the first operation in a visibility key that also has scopes.
    first_operation_bit: usize,
    default_timeout: Option<Duration>,
    max_result_bytes: usize,
    /// Set once, when the server is connected; without it, no call that needs an approval runs.
    approver: OnceLock<Arc<dyn Approver>>,
}

/// A list of operations.
#[derive(Clone, Debug, Default)]
struct List {
    range: Range<usize>,
    /// Whether scopes alone decide which of the operations a caller sees.
    is_decided_by_scopes: bool,
}

/// The operation that a request names.
#[derive(Debug)]
pub(crate) struct Found<'a> {
    pub(crate) operation: &'a RegisteredOperation,
    /// Variables of the URI of a resource that matches a template.
    variables: Variables,
}

impl Found<'_> {
    pub(super) fn variables(&self) -> &Variables {
        &self.variables
    }

    /// Takes the arguments of the call: `given`, or the variables of the URI of a resource.
    pub(crate) fn take_arguments(&mut self, given: Map<String, Value>) -> Map<String, Value> {
        self.operation.call_arguments(given, std::mem::take(&mut self.variables))
    }
}

/// Input of [`Registry::new`].
pub(crate) struct RegistryConfig<'a> {
    pub(crate) lists: &'a [&'static Scopes],
    pub(crate) index: &'a ScopeIndex,
    pub(crate) mounted: Vec<MountedOperation>,
    /// Scopes that every operation requires in addition to its own.
    pub(crate) required_for_all: &'a [&'static str],
    pub(crate) states: States,
    pub(crate) deny: Vec<DenyRule>,
    pub(crate) default_timeout: Option<Duration>,
    pub(crate) max_result_bytes: usize,
    /// Whether the list of tools also has those for which the caller only lacks scopes.
    pub(crate) lists_acquirable_tools: bool,
    pub(crate) rates: RateOverrides<'a>,
}

/// Rates of the settings that replace those of the attributes, by the labels of the operations. `None` means
/// unlimited.
#[derive(Clone, Copy)]
pub(crate) struct RateOverrides<'a> {
    pub(crate) per_caller: &'a BTreeMap<String, Option<Rate>>,
    pub(crate) total: &'a BTreeMap<String, Option<Rate>>,
}

impl Default for RateOverrides<'_> {
    fn default() -> Self {
        static NONE: BTreeMap<String, Option<Rate>> = BTreeMap::new();
        Self { per_caller: &NONE, total: &NONE }
    }
}

impl RateOverrides<'_> {
    /// Finds labels that no operation has.
    fn problems(&self, operations: &[RegisteredOperation]) -> Vec<BuildProblem> {
        let labels: Vec<_> = operations.iter().map(|operation| operation.policy().label()).collect();
        let labels: Vec<&str> = labels.iter().map(AsRef::as_ref).collect();
        let settings = [("rates.operations", self.per_caller), ("rates.operation_totals", self.total)];
        let unknown = settings.into_iter().flat_map(|(setting, rates)| {
            let unknown = rates.keys().filter(|label| !labels.contains(&label.as_str()));
            unknown.map(move |label| (setting, label))
        });
        unknown
            .map(|(setting, label)| BuildProblem::UnknownRateOperation {
                setting,
                operation: label.clone(),
                similar: scope::nearest(label, &labels).map(str::to_owned),
            })
            .collect()
    }
}

impl Registry {
    /// Registers the operations that were checked against one of `lists`.
    ///
    /// # Errors
    ///
    /// Every problem of every operation.
    pub(crate) fn new(config: RegistryConfig<'_>) -> Result<Self, Vec<BuildProblem>> {
        let mut problems = Vec::new();
        let mut descriptors: Vec<_> = OperationDescriptor::registered(config.lists).collect();
        descriptors.sort_by_key(|descriptor| (descriptor.kind(), descriptor.name));
        for pair in descriptors.windows(2) {
            if (pair[0].kind(), pair[0].name) == (pair[1].kind(), pair[1].name) {
                let defined_at = [pair[0].defined_at, pair[1].defined_at];
                problems.push(BuildProblem::DuplicateOperation {
                    kind: pair[0].kind(),
                    name: pair[0].name,
                    defined_at,
                });
            }
        }
        problems.extend(copied_lists(config.lists));

        let mut operations = Vec::with_capacity(descriptors.len());
        for descriptor in descriptors {
            let (kind, name) = (descriptor.kind(), descriptor.name);
            let missing = descriptor
                .states
                .iter()
                .filter(|state| !state.is_provided_by_call() && !config.states.contains(state.id()));
            problems.extend(missing.map(|state| BuildProblem::MissingState { kind, name, state: state.name() }));
            match RegisteredOperation::new(descriptor, config.index, config.required_for_all) {
                Ok(operation) => operations.push(operation),
                Err(problem) => problems.push(BuildProblem::Operation { kind, name, problem }),
            }
        }
        for mounted in config.mounted {
            let (kind, name) = (mounted.descriptor.kind(), mounted.descriptor.name);
            if operations.iter().any(|other| (other.kind(), other.name()) == (kind, name)) {
                let defined_at = ["a function", mounted.descriptor.defined_at];
                problems.push(BuildProblem::DuplicateOperation { kind, name, defined_at });
            }
            match RegisteredOperation::mounted(mounted, config.index, config.required_for_all) {
                Ok(operation) => operations.push(operation),
                Err(problem) => problems.push(BuildProblem::Operation { kind, name, problem }),
            }
        }
        operations.sort_by_key(|operation| (operation.kind(), operation.name()));
        problems.extend(ambiguous_templates(&operations));
        for operation in &mut operations {
            operation.replace_rates(&config.rates);
        }
        problems.extend(config.rates.problems(&operations));
        if !cfg!(feature = "rates") {
            let limited = operations.iter().filter(|operation| operation.has_rate());
            problems.extend(
                limited
                    .map(|operation| BuildProblem::RatesFeature { kind: operation.kind(), name: operation.name() }),
            );
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        // Stable: the operations of a list stay sorted by name.
        operations.sort_by_key(|operation| operation.list() as usize);
        let lists = ListKind::ALL.map(|list| {
            let start = operations.partition_point(|operation| (operation.list() as usize) < list as usize);
            let end = operations.partition_point(|operation| operation.list() as usize <= list as usize);
            let by_scopes = operations[start..end].iter().all(RegisteredOperation::is_decided_by_scopes);
            List { range: start..end, is_decided_by_scopes: config.deny.is_empty() && by_scopes }
        });
        let by_name = OperationKind::ALL.map(|kind| {
            let of_kind = operations.iter().enumerate().filter(|(_, operation)| operation.kind() == kind);
            of_kind.map(|(i, operation)| (operation.name(), i)).collect()
        });
        Ok(Self {
            has_mounted: operations.iter().any(|operation| operation.mounted_server().is_some()),
            operations,
            lists,
            lists_acquirable_tools: config.lists_acquirable_tools,
            // A requirement uses the bit after the last scope for a scope that is in no list.
            first_operation_bit: config.index.names().len() + 1,
            by_name,
            states: config.states,
            deny: config.deny,
            default_timeout: config.default_timeout,
            max_result_bytes: config.max_result_bytes,
            approver: OnceLock::new(),
        })
    }

    /// Returns the tool or prompt with this name, or the resource that was declared with this URI or template.
    pub(crate) fn get(&self, kind: OperationKind, name: &str) -> Option<&RegisteredOperation> {
        self.by_name[kind as usize].get(name).map(|&i| &self.operations[i])
    }

    /// Returns the operation that a request names: the tool or prompt with this name, or the resource with this URI. A
    /// resource that was declared with the URI takes precedence over one whose template matches it.
    pub(crate) fn find(&self, kind: OperationKind, name: &str) -> Option<Found<'_>> {
        let declared = self.get(kind, name).filter(|operation| operation.list() != ListKind::ResourceTemplates);
        if let Some(operation) = declared {
            return Some(Found { operation, variables: Variables::default() });
        }
        if kind != OperationKind::Resource || ResourceUri::parse(name).is_err() {
            return None;
        }
        self.list(ListKind::ResourceTemplates).iter().find_map(|operation| {
            let variables = operation.match_uri(name)?;
            Some(Found { operation, variables })
        })
    }

    /// Returns whether an operation that a request names is one of a mounted server.
    pub(crate) fn is_mounted(&self, kind: OperationKind, name: &str) -> bool {
        self.has_mounted && self.find(kind, name).is_some_and(|found| found.operation.mounted_server().is_some())
    }

    pub(crate) fn operations(&self) -> &[RegisteredOperation] {
        &self.operations
    }

    /// Returns every operation of a list, in the order of their names.
    pub(crate) fn list(&self, list: ListKind) -> &[RegisteredOperation] {
        &self.operations[self.lists[list as usize].range.clone()]
    }

    /// Returns whether the server responds to a request for a list: it has operations of its kind, or it is the list of
    /// tools of a server without any operations.
    pub(crate) fn serves(&self, list: ListKind) -> bool {
        match list {
            ListKind::Tools => self.has(OperationKind::Tool) || self.operations.is_empty(),
            ListKind::Prompts => self.has(OperationKind::Prompt),
            ListKind::Resources | ListKind::ResourceTemplates => self.has(OperationKind::Resource),
        }
    }

    /// Returns whether the server has operations of this kind.
    pub(crate) fn has(&self, kind: OperationKind) -> bool {
        !self.by_name[kind as usize].is_empty()
    }

    pub(crate) fn states(&self) -> &States {
        &self.states
    }

    pub(crate) fn time_limit(&self, operation: &RegisteredOperation) -> Option<Duration> {
        operation.descriptor().timeout.or(self.default_timeout)
    }

    /// Returns whether scopes alone decide which operations of a list a caller sees.
    pub(crate) fn is_decided_by_scopes(&self, list: ListKind) -> bool {
        self.lists[list as usize].is_decided_by_scopes
    }

    /// Returns whether a list also has the operations for which the caller only lacks scopes.
    pub(crate) fn lists_acquirable(&self, list: ListKind) -> bool {
        self.lists_acquirable_tools && list == ListKind::Tools
    }

    pub(super) fn first_operation_bit(&self) -> usize {
        self.first_operation_bit
    }

    /// Maximum size of a result, in bytes of JSON.
    pub(crate) fn max_result_bytes(&self) -> usize {
        self.max_result_bytes
    }

    /// Returns what approves calls.
    pub(crate) fn approver(&self) -> Option<Arc<dyn Approver>> {
        self.approver.get().cloned()
    }

    /// Sets what approves calls. Only the first one counts.
    #[cfg(feature = "approvals")]
    pub(crate) fn set_approver(&self, approver: Arc<dyn Approver>) {
        let _ = self.approver.set(approver);
    }

    /// Returns the first tool whose calls need an approval.
    pub(crate) fn first_with_approval(&self) -> Option<&'static str> {
        self.operations
            .iter()
            .find(|operation| operation.descriptor().approve.is_some())
            .map(RegisteredOperation::name)
    }

    /// Returns whether a deny rule disables the operation.
    pub(crate) fn is_disabled(&self, operation: &RegisteredOperation) -> bool {
        self.deny.iter().any(|rule| rule(operation.policy()))
    }
}

/// Finds pairs of templates that one URI can match, so that it would have two policies.
fn ambiguous_templates(operations: &[RegisteredOperation]) -> impl Iterator<Item = BuildProblem> {
    operations.iter().enumerate().flat_map(move |(i, operation)| {
        let later = operations[i + 1..].iter().filter(move |other| operation.overlaps(other));
        later.map(move |other| BuildProblem::AmbiguousTemplates([operation.name(), other.name()]))
    })
}

/// Finds operations whose list equals one of `lists` but is not the same `static`. `SCOPES` is then a `const`, and every use
/// of it makes a new list, so these operations would be left out without a message.
fn copied_lists(lists: &[&'static Scopes]) -> impl Iterator<Item = BuildProblem> {
    OperationDescriptor::all_registered().filter_map(move |descriptor| {
        let is_copy = lists.iter().all(|&list| !std::ptr::eq(list, descriptor.list))
            && lists.iter().any(|list| list.names() == descriptor.list.names());
        is_copy.then_some(BuildProblem::CopiedScopeList {
            kind: descriptor.kind(),
            name: descriptor.name,
            defined_at: descriptor.defined_at,
        })
    })
}

impl VisibleTools for Registry {
    fn names(&self, caller: &Caller) -> Vec<&'static str> {
        self.visible_to(ListKind::Tools, caller).map(RegisteredOperation::name).collect()
    }
}
