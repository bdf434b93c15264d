//! Daily product metrics.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use toolgate::Granted;

use super::Company;
use crate::access::AnalyticsRead;
use crate::domain::Day;

/// A metric that is measured daily.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Metric {
    /// Number of users who were active on the day.
    DailyActiveUsers,
    /// Number of new accounts.
    Signups,
    /// Number of requests to the public API.
    ApiRequests,
    /// Share of API requests that ended in a server error, in percent.
    ErrorRatePercent,
    /// 95th percentile of the API's response time, in milliseconds.
    LatencyP95Ms,
    /// Number of tickets that customers opened.
    TicketsOpened,
}

impl Metric {
    /// Every metric.
    pub const ALL: [Self; 6] = [
        Self::DailyActiveUsers,
        Self::Signups,
        Self::ApiRequests,
        Self::ErrorRatePercent,
        Self::LatencyP95Ms,
        Self::TicketsOpened,
    ];
}

/// The values of a metric over a range of days.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct AnalyticsReport {
    /// The metric.
    pub metric: Metric,
    /// The first day of the range.
    pub from: Day,
    /// The last day of the range (inclusive).
    pub to: Day,
    /// The smallest value. Absent if the range has no data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minimum: Option<f64>,
    /// The largest value. Absent if the range has no data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maximum: Option<f64>,
    /// The mean, with two decimals. Absent if the range has no data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mean: Option<f64>,
    /// The values, sorted by day. Days without data are omitted.
    pub points: Vec<DataPoint>,
}

/// A metric's value on one day.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema, sqlx::FromRow)]
#[schemars(inline)]
pub struct DataPoint {
    /// The day.
    pub day: Day,
    /// The value, in the unit of the metric.
    pub value: f64,
}

impl Company {
    /// Returns the values of a metric from one day to another (inclusive).
    pub async fn analytics(
        &self,
        _access: &Granted<AnalyticsRead>,
        metric: Metric,
        from: Day,
        to: Day,
    ) -> Result<AnalyticsReport, sqlx::Error> {
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

    /// Returns the first and the last day with data.
    pub async fn analytics_days(&self, _access: &Granted<AnalyticsRead>) -> Result<(Day, Day), sqlx::Error> {
        sqlx::query_as("SELECT min(day), max(day) FROM metrics").fetch_one(&self.pool).await
    }
}
