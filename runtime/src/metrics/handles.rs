//! Handles of metrics, registered once so that recording neither allocates nor looks up the metric.
//!
//! A handle is registered on first use, because a recorder may be installed after the server was built.

use std::{fmt, marker::PhantomData, sync::OnceLock, time::Duration};

use ::metrics::{Counter, Gauge, Histogram, Label as MetricLabel, counter, gauge, histogram};

use super::{Definition, LabelDefinition};

/// Label whose values are a closed set.
pub(crate) trait Label: Copy + 'static {
    /// Number of values.
    const COUNT: usize;

    /// Returns the index of this value, less than [`COUNT`](Self::COUNT).
    fn index(self) -> usize;

    /// Returns the value of the label.
    fn name(self) -> &'static str;
}

/// Counters of one metric, one for each value of a label.
pub(crate) struct CounterSet<L> {
    metric: &'static str,
    label: &'static LabelDefinition,
    /// Label with the same value for all counters.
    constant_label: Option<(&'static str, &'static str)>,
    counters: Box<[OnceLock<Counter>]>,
    values: PhantomData<fn(L)>,
}

impl<L: Label> CounterSet<L> {
    /// Creates the counters of a metric with one label.
    pub(crate) fn new(metric: Definition) -> Self {
        Self::with_constant_label(metric, None)
    }

    /// Creates the counters of a metric with two labels. The first one has the same value for all.
    pub(crate) fn of_operation(metric: Definition, operation: &'static str) -> Self {
        Self::with_constant_label(metric, metric.labels.first().map(|label| (label.name, operation)))
    }

    fn with_constant_label(metric: Definition, constant_label: Option<(&'static str, &'static str)>) -> Self {
        let label = metric.labels.last().expect("the metric has a label");
        let counters = std::iter::repeat_with(OnceLock::new).take(L::COUNT).collect();
        Self { metric: metric.name, label, constant_label, counters, values: PhantomData }
    }

    pub(crate) fn increment(&self, value: L) {
        let Some(counter) = self.counters.get(value.index()) else { return };
        counter.get_or_init(|| self.register(value)).increment(1);
    }

    fn register(&self, value: L) -> Counter {
        debug_assert!(self.label.values.contains(&value.name()), "{} has no value {}", self.metric, value.name());
        let labels = self.constant_label.into_iter().chain([(self.label.name, value.name())]);
        let labels: Vec<_> = labels.map(|(label, value)| MetricLabel::from_static_parts(label, value)).collect();
        counter!(self.metric, labels)
    }
}

impl<L> fmt::Debug for CounterSet<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CounterSet").field("metric", &self.metric).finish_non_exhaustive()
    }
}

/// Gauge without labels.
pub(crate) struct GaugeHandle {
    metric: &'static str,
    gauge: OnceLock<Gauge>,
}

impl GaugeHandle {
    pub(crate) const fn new(metric: Definition) -> Self {
        Self { metric: metric.name, gauge: OnceLock::new() }
    }

    pub(crate) fn increment(&self) {
        self.get().increment(1.0);
    }

    pub(crate) fn decrement(&self) {
        self.get().decrement(1.0);
    }

    fn get(&self) -> &Gauge {
        self.gauge.get_or_init(|| gauge!(self.metric))
    }
}

/// Histogram of durations with one label, whose value is constant.
pub(crate) struct HistogramHandle {
    metric: &'static str,
    label: (&'static str, &'static str),
    histogram: OnceLock<Histogram>,
}

impl HistogramHandle {
    /// Creates the histogram of a metric with one label, which has the value `value`.
    pub(crate) fn new(metric: Definition, value: &'static str) -> Self {
        let label = metric.labels.first().expect("the metric has a label").name;
        Self { metric: metric.name, label: (label, value), histogram: OnceLock::new() }
    }

    pub(crate) fn record(&self, duration: Duration) {
        let (label, value) = self.label;
        let register = || histogram!(self.metric, vec![MetricLabel::from_static_parts(label, value)]);
        self.histogram.get_or_init(register).record(duration);
    }
}
