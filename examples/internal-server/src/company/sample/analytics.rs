use chrono::{Datelike, Weekday};
use serde::Serialize;

use super::{Dice, days};
use crate::company::Metric;
use crate::domain::Day;

/// A row of `metrics`.
#[derive(Serialize)]
pub(super) struct Measurement {
    metric: Metric,
    day: Day,
    value: f64,
}

/// How a metric moves.
struct Course {
    metric: Metric,
    /// The value on the first day, in the unit of the metric divided by `scale`.
    start: u32,
    /// What a week adds.
    weekly_growth: u32,
    /// The largest deviation upwards.
    noise: u32,
    /// What is left of it on a Saturday or Sunday, in percent.
    weekend_percent: u32,
    scale: u32,
}

const COURSES: [Course; 6] = [
    Course {
        metric: Metric::DailyActiveUsers,
        start: 8200,
        weekly_growth: 45,
        noise: 600,
        weekend_percent: 40,
        scale: 1,
    },
    Course { metric: Metric::Signups, start: 60, weekly_growth: 1, noise: 30, weekend_percent: 50, scale: 1 },
    Course {
        metric: Metric::ApiRequests,
        start: 1_900_000,
        weekly_growth: 14_000,
        noise: 150_000,
        weekend_percent: 60,
        scale: 1,
    },
    Course {
        metric: Metric::ErrorRatePercent,
        start: 8,
        weekly_growth: 0,
        noise: 30,
        weekend_percent: 100,
        scale: 100,
    },
    Course {
        metric: Metric::LatencyP95Ms,
        start: 1600,
        weekly_growth: 1,
        noise: 450,
        weekend_percent: 90,
        scale: 10,
    },
    Course { metric: Metric::TicketsOpened, start: 2, weekly_growth: 0, noise: 6, weekend_percent: 50, scale: 1 },
];

/// Every metric on every day.
pub(super) fn all() -> Vec<Measurement> {
    let mut dice = Dice::new(4);
    let mut rows = Vec::new();
    for course in &COURSES {
        for (age, day) in (0..).zip(days()) {
            let weekday = course.start + course.weekly_growth * age / 7 + dice.between(0, course.noise);
            let amount = match day.weekday() {
                Weekday::Sat | Weekday::Sun => weekday * course.weekend_percent / 100,
                _ => weekday,
            };
            rows.push(Measurement {
                metric: course.metric,
                day: Day::from(day),
                value: f64::from(amount) / f64::from(course.scale),
            });
        }
    }
    rows
}
