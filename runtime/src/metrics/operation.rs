//! Metrics of calls of tools, gets of prompts and reads of resources.

use super::{
    CounterSet, Definition, HistogramHandle, Label,
    definitions::{CALL_DURATION, CALLS, PROMPT_DURATION, PROMPTS, RESOURCE_READ_DURATION, RESOURCE_READS},
};

/// Metrics of tools, prompts and resources.
pub(crate) const OPERATIONS: [OperationMetrics; 3] = [
    OperationMetrics { outcomes: CALLS, duration: CALL_DURATION },
    OperationMetrics { outcomes: PROMPTS, duration: PROMPT_DURATION },
    OperationMetrics { outcomes: RESOURCE_READS, duration: RESOURCE_READ_DURATION },
];

/// Metrics of one kind of operation.
#[derive(Clone, Copy)]
pub(crate) struct OperationMetrics {
    /// Counter of requests, whose labels are the name of the operation and the outcome.
    outcomes: Definition,
    /// Histogram of durations, whose label is the name of the operation.
    duration: Definition,
}

impl OperationMetrics {
    /// Creates the counters of the operation named `name`.
    pub(crate) fn outcomes<L: Label>(self, name: &'static str) -> CounterSet<L> {
        CounterSet::of_operation(self.outcomes, name)
    }

    /// Creates the histogram of the operation named `name`.
    pub(crate) fn durations(self, name: &'static str) -> HistogramHandle {
        HistogramHandle::new(self.duration, name)
    }
}
