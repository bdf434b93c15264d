//! Handles of metrics, registered once so that recording neither allocates nor looks up the metric.
//!
//! A handle is registered on first use, because a recorder may be installed after the server was built.

use std::{fmt, marker::PhantomData, sync::OnceLock, time::Duration};

use ::metrics::{Counter, Gauge, Histogram, Label as MetricLabel, counter, gauge, histogram};

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
    label: &'static str,
    /// Label with the same value for all counters.
    constant_label: Option<(&'static str, &'static str)>,
    counters: Box<[OnceLock<Counter>]>,
    values: PhantomData<fn(L)>,
}

impl<L: Label> CounterSet<L> {
    pub(crate) fn new(metric: &'static str, label: &'static str) -> Self {
        let counters = std::iter::repeat_with(OnceLock::new).take(L::COUNT).collect();
        Self { metric, label, constant_label: None, counters, values: PhantomData }
    }

    pub(crate) fn with_label(mut self, label: &'static str, value: &'static str) -> Self {
        self.constant_label = Some((label, value));
        self
    }

    pub(crate) fn increment(&self, value: L) {
        let Some(counter) = self.counters.get(value.index()) else { return };
        counter.get_or_init(|| self.register(value)).increment(1);
    }

    fn register(&self, value: L) -> Counter {
        let labels = self.constant_label.into_iter().chain([(self.label, value.name())]);
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
    pub(crate) const fn new(metric: &'static str) -> Self {
        Self { metric, gauge: OnceLock::new() }
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
    pub(crate) const fn new(metric: &'static str, label: &'static str, value: &'static str) -> Self {
        Self { metric, label: (label, value), histogram: OnceLock::new() }
    }

    pub(crate) fn record(&self, duration: Duration) {
        let (label, value) = self.label;
        let register = || histogram!(self.metric, vec![MetricLabel::from_static_parts(label, value)]);
        self.histogram.get_or_init(register).record(duration);
    }
}
