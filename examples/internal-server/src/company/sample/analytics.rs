use chrono::{Datelike, Weekday};
use serde::Serialize;

use super::{SampleRng, days};
use crate::company::Metric;
use crate::domain::Day;

/// A row of the table `metrics`.
#[derive(Serialize)]
pub(super) struct Measurement {
    metric: Metric,
    day: Day,
    value: f64,
}

/// The model that a metric's values follow.
struct MetricModel {
    metric: Metric,
    /// Value on the first day. Like `weekly_growth` and `noise`, a multiple of 1/`scale` of the metric's unit.
    start: u32,
    /// Growth per week.
    weekly_growth: u32,
    /// Maximum random addition per day.
    noise: u32,
    /// Values on Saturdays and Sundays, in percent of the values on weekdays.
    weekend_percent: u32,
    /// Divisor that converts `start`, `weekly_growth` and `noise` to the metric's unit.
    scale: u32,
}

const METRIC_MODELS: [MetricModel; 6] = [
    MetricModel {
        metric: Metric::DailyActiveUsers,
        start: 8200,
        weekly_growth: 45,
        noise: 600,
        weekend_percent: 40,
        scale: 1,
    },
    MetricModel { metric: Metric::Signups, start: 60, weekly_growth: 1, noise: 30, weekend_percent: 50, scale: 1 },
    MetricModel {
        metric: Metric::ApiRequests,
        start: 1_900_000,
        weekly_growth: 14_000,
        noise: 150_000,
        weekend_percent: 60,
        scale: 1,
    },
    MetricModel {
        metric: Metric::ErrorRatePercent,
        start: 8,
        weekly_growth: 0,
        noise: 30,
        weekend_percent: 100,
        scale: 100,
    },
    MetricModel {
        metric: Metric::LatencyP95Ms,
        start: 1600,
        weekly_growth: 1,
        noise: 450,
        weekend_percent: 90,
        scale: 10,
    },
    MetricModel {
        metric: Metric::TicketsOpened,
        start: 2,
        weekly_growth: 0,
        noise: 6,
        weekend_percent: 50,
        scale: 1,
    },
];

/// Returns the value of every metric on every day.
pub(super) fn all() -> Vec<Measurement> {
    let mut rng = SampleRng::new(4);
    let mut rows = Vec::new();
    for model in &METRIC_MODELS {
        for (age, day) in (0..).zip(days()) {
            let weekday = model.start + model.weekly_growth * age / 7 + rng.between(0, model.noise);
            let amount = match day.weekday() {
                Weekday::Sat | Weekday::Sun => weekday * model.weekend_percent / 100,
                _ => weekday,
            };
            rows.push(Measurement {
                metric: model.metric,
                day: Day::from(day),
                value: f64::from(amount) / f64::from(model.scale),
            });
        }
    }
    rows
}
