//! Metrics of calls of tools, gets of prompts and reads of resources.

use ::metrics::{Unit, describe_counter, describe_histogram};

use super::{CounterSet, HistogramHandle, Label};

/// Metrics of tools, prompts and resources.
pub(crate) const OPERATIONS: [OperationMetrics; 3] = [
    OperationMetrics { outcomes: "toolgate_calls_total", duration: "toolgate_call_duration_seconds", label: "tool" },
    OperationMetrics {
        outcomes: "toolgate_prompts_total",
        duration: "toolgate_prompt_duration_seconds",
        label: "prompt",
    },
    OperationMetrics {
        outcomes: "toolgate_resource_reads_total",
        duration: "toolgate_resource_read_duration_seconds",
        label: "resource",
    },
];

/// Names of the metrics of one kind of operation.
#[derive(Clone, Copy)]
pub(crate) struct OperationMetrics {
    outcomes: &'static str,
    pub(super) duration: &'static str,
    /// Label with the name of the operation.
    label: &'static str,
}

impl OperationMetrics {
    /// Creates the counters of the operation named `name`.
    pub(crate) fn outcomes<L: Label>(self, name: &'static str) -> CounterSet<L> {
        CounterSet::new(self.outcomes, "outcome").with_label(self.label, name)
    }

    /// Creates the histogram of the operation named `name`.
    pub(crate) fn durations(self, name: &'static str) -> HistogramHandle {
        HistogramHandle::new(self.duration, self.label, name)
    }

    pub(super) fn describe(self) {
        let Self { outcomes, duration, label } = self;
        describe_counter!(outcomes, Unit::Count, format!("Requests for each {label}, by outcome."));
        describe_histogram!(
            duration,
            Unit::Seconds,
            format!("Time from the arrival of the request to the {label}'s result.")
        );
    }
}
