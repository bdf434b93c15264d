//! Handles that are looked up once: a request pays for an atomic, and nothing is allocated.
//!
//! They are looked up when they are first used, because a recorder may be installed after the server was built.

use std::{fmt, marker::PhantomData, sync::OnceLock, time::Duration};

use ::metrics::{Counter, Gauge, Histogram, Label as Pair, counter, gauge, histogram};

/// The values of one label: a closed set.
pub(crate) trait Label: Copy + 'static {
    /// How many there are.
    const COUNT: usize;

    /// Which of them this is, below [`COUNT`](Self::COUNT).
    fn index(self) -> usize;

    fn name(self) -> &'static str;
}

/// A counter for each value of a label.
pub(crate) struct CounterSet<L> {
    metric: &'static str,
    label: &'static str,
    /// One more label, the same for all of them.
    second_label: Option<(&'static str, &'static str)>,
    counters: Box<[OnceLock<Counter>]>,
    values: PhantomData<fn(L)>,
}

impl<L: Label> CounterSet<L> {
    pub(crate) fn new(metric: &'static str, label: &'static str) -> Self {
        let counters = std::iter::repeat_with(OnceLock::new).take(L::COUNT).collect();
        Self { metric, label, second_label: None, counters, values: PhantomData }
    }

    pub(crate) fn with_label(mut self, label: &'static str, value: &'static str) -> Self {
        self.second_label = Some((label, value));
        self
    }

    pub(crate) fn increment(&self, value: L) {
        let Some(counter) = self.counters.get(value.index()) else { return };
        counter.get_or_init(|| self.register(value)).increment(1);
    }

    fn register(&self, value: L) -> Counter {
        let own = Pair::from_static_parts(self.label, value.name());
        let second = self.second_label.map(|(label, value)| Pair::from_static_parts(label, value));
        let labels: Vec<_> = second.into_iter().chain([own]).collect();
        counter!(self.metric, labels)
    }
}

impl<L> fmt::Debug for CounterSet<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CounterSet").field("metric", &self.metric).finish_non_exhaustive()
    }
}

/// A gauge without labels.
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

/// A histogram of durations, with one label.
pub(crate) struct HistogramHandle {
    metric: &'static str,
    label: (&'static str, &'static str),
    histogram: OnceLock<Histogram>,
}

impl HistogramHandle {
    pub(crate) const fn new(metric: &'static str, label: &'static str, value: &'static str) -> Self {
        Self { metric, label: (label, value), histogram: OnceLock::new() }
    }

    pub(crate) fn record(&self, took: Duration) {
        let (label, value) = self.label;
        let register = || histogram!(self.metric, vec![Pair::from_static_parts(label, value)]);
        self.histogram.get_or_init(register).record(took);
    }
}
