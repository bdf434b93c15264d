//! Definitions of all metrics.

use ::metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, histogram};

/// Definition of a metric. A dashboard and alert rules can be checked against the definitions.
///
/// ```
/// use toolgate::metrics::{DEFINITIONS, Kind};
///
/// let decisions = DEFINITIONS.iter().find(|metric| metric.name == "toolgate_decisions_total").unwrap();
/// assert_eq!(decisions.kind, Kind::Counter);
/// assert_eq!(decisions.labels[0].name, "reason");
/// assert!(decisions.labels[0].values.contains(&"tokens_unavailable"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Definition {
    /// Name of the metric. Its end is the unit: `_seconds`, or `_total` for a number of events.
    pub name: &'static str,
    /// Kind of the metric.
    pub kind: Kind,
    /// Labels of the metric.
    pub labels: &'static [LabelDefinition],
    /// What the metric measures, as sentences.
    pub description: &'static str,
}

/// Kind of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// A number that only increases while the process runs.
    Counter,
    /// A number that can increase and decrease.
    Gauge,
    /// Observed durations, in seconds.
    Histogram,
}

/// Label of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LabelDefinition {
    /// Name of the label.
    pub name: &'static str,
    /// All values. Empty if the server defines them, such as the names of its tools.
    pub values: &'static [&'static str],
}

impl Kind {
    /// Returns the kind as Prometheus names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

impl Definition {
    pub(super) const fn counter(
        name: &'static str,
        labels: &'static [LabelDefinition],
        description: &'static str,
    ) -> Self {
        Self { name, kind: Kind::Counter, labels, description }
    }

    pub(super) const fn gauge(
        name: &'static str,
        labels: &'static [LabelDefinition],
        description: &'static str,
    ) -> Self {
        Self { name, kind: Kind::Gauge, labels, description }
    }

    pub(super) const fn histogram(
        name: &'static str,
        labels: &'static [LabelDefinition],
        description: &'static str,
    ) -> Self {
        Self { name, kind: Kind::Histogram, labels, description }
    }

    /// Describes the metric to the recorder.
    pub(super) fn describe(&self) {
        let Self { name, description, .. } = *self;
        match self.kind {
            Kind::Counter => describe_counter!(name, Unit::Count, description),
            Kind::Gauge => describe_gauge!(name, description),
            Kind::Histogram => describe_histogram!(name, Unit::Seconds, description),
        }
    }

    /// Creates the series of a counter or a histogram with 0, if they are known. A series that begins with its first
    /// event hides this event from `rate` and `increase`.
    pub(super) fn begin(&self) {
        let Self { name, .. } = *self;
        match (self.kind, self.labels) {
            (Kind::Counter, []) => counter!(name).increment(0),
            (Kind::Counter, [label]) => {
                label.values.iter().for_each(|&value| counter!(name, label.name => value).increment(0));
            }
            (Kind::Histogram, []) => drop(histogram!(name)),
            (Kind::Histogram, [label]) => {
                label.values.iter().for_each(|&value| drop(histogram!(name, label.name => value)));
            }
            _ => {}
        }
    }
}

impl LabelDefinition {
    pub(super) const fn new(name: &'static str, values: &'static [&'static str]) -> Self {
        Self { name, values }
    }
}
