//! How the product is used, day by day.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Company;
use crate::domain::Day;

/// What is measured every day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Metric {
    /// Users who did something on the day.
    DailyActiveUsers,
    /// New accounts.
    Signups,
    /// Requests to the public API.
    ApiRequests,
    /// API requests that ended in a server error, in percent.
    ErrorRatePercent,
    /// The time within which 95 of 100 API requests were answered, in milliseconds.
    LatencyP95Ms,
    /// Tickets that customers opened.
    TicketsOpened,
}

/// A metric over a range of days.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct AnalyticsReport {
    /// What was measured.
    pub metric: Metric,
    /// The first day of the range.
    pub from: Day,
    /// The last day of the range; it is part of it.
    pub to: Day,
    /// The smallest value; absent when the range holds no data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minimum: Option<f64>,
    /// The largest value; absent when the range holds no data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maximum: Option<f64>,
    /// The mean of the values, with two decimals; absent when the range holds no data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mean: Option<f64>,
    /// The values in the order of the days. A day without data is left out.
    pub points: Vec<DataPoint>,
}

/// A metric's value on one day.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema, sqlx::FromRow)]
#[schemars(inline)]
pub struct DataPoint {
    /// The day.
    pub day: Day,
    /// The value, in the unit that the metric's name says.
    pub value: f64,
}

impl Company {
    /// The values of a metric from one day to another, both included.
    pub async fn analytics(&self, metric: Metric, from: Day, to: Day) -> Result<AnalyticsReport, sqlx::Error> {
        let points: Vec<DataPoint> = sqlx::query_as(
            "SELECT day, value FROM metrics
             WHERE metric = ?1 AND day BETWEEN ?2 AND ?3 ORDER BY day",
        )
        .bind(metric)
        .bind(from)
        .bind(to)
        .fetch_all(&self.pool)
        .await?;
        let (minimum, maximum, mean) = sqlx::query_as(
            "SELECT min(value), max(value), round(avg(value), 2) FROM metrics
             WHERE metric = ?1 AND day BETWEEN ?2 AND ?3",
        )
        .bind(metric)
        .bind(from)
        .bind(to)
        .fetch_one(&self.pool)
        .await?;
        Ok(AnalyticsReport { metric, from, to, minimum, maximum, mean, points })
    }

    /// The first and the last day that there is data for.
    pub async fn analytics_days(&self) -> Result<(Day, Day), sqlx::Error> {
        sqlx::query_as("SELECT min(day), max(day) FROM metrics").fetch_one(&self.pool).await
    }
}
