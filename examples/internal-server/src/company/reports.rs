//! Reports of quarters and years: the revenue, and what the product's users did.

use schemars::JsonSchema;
use serde::Serialize;
use toolgate::Granted;

use super::{AnalyticsReport, Company, Metric, RevenueReport};
use crate::access::{AnalyticsRead, RevenueRead};
use crate::domain::Quarter;

/// The report of a year.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct AnnualReport {
    /// The year.
    pub year: u16,
    /// The total revenue of the quarters with data.
    pub total_usd: i64,
    /// The quarters with data.
    pub quarters: Vec<QuarterReport>,
}

/// The report of a quarter.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct QuarterReport {
    /// The revenue.
    pub revenue: RevenueReport,
    /// The product metrics.
    pub metrics: Vec<MetricSummary>,
}

/// The daily values of a metric in a quarter.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct MetricSummary {
    /// The metric.
    pub metric: Metric,
    /// The smallest value. Absent if the quarter has no data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minimum: Option<f64>,
    /// The largest value. Absent if the quarter has no data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maximum: Option<f64>,
    /// The mean, with two decimals. Absent if the quarter has no data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mean: Option<f64>,
}

impl Company {
    /// Returns the report of a quarter, or `None` if the quarter has no data.
    pub async fn quarter_report(
        &self,
        revenue: &Granted<RevenueRead>,
        analytics: &Granted<AnalyticsRead>,
        quarter: Quarter,
    ) -> Result<Option<QuarterReport>, sqlx::Error> {
        let (Some(revenue), Some((from, to))) = (self.revenue_report(revenue, quarter).await?, quarter.days()) else {
            return Ok(None);
        };
        let mut metrics = Vec::with_capacity(Metric::ALL.len());
        for metric in Metric::ALL {
            let AnalyticsReport { minimum, maximum, mean, .. } = self.analytics(analytics, metric, from, to).await?;
            metrics.push(MetricSummary { metric, minimum, maximum, mean });
        }
        Ok(Some(QuarterReport { revenue, metrics }))
    }
}
