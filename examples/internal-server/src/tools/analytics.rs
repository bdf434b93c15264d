use toolgate::prelude::*;

use crate::company::{AnalyticsReport, Company, Metric};
use crate::domain::Day;

/// How many days one answer covers at most.
const MAX_DAYS: i64 = 366;

/// Return the daily values of a metric, with their minimum, maximum and mean.
#[tool(scopes = "analytics:read:all", read_only)]
async fn analytics_query(
    /// The metric.
    metric: Metric,
    /// The first day, such as `2026-07-01`.
    from: Day,
    /// The last day, such as `2026-07-31`; it is included. At most 366 days can be asked for at once.
    to: Day,
    company: &Company,
) -> Result<Json<AnalyticsReport>, ToolError> {
    let days = from.days_until(to) + 1;
    if days < 1 {
        return Err(ToolError::new(format!("`from` ({from}) is later than `to` ({to}); exchange them")));
    }
    if days > MAX_DAYS {
        return Err(ToolError::new(format!("{from} to {to} are {days} days; ask for at most {MAX_DAYS} at once")));
    }
    let report = company.analytics(metric, from, to).await?;
    if report.points.is_empty() {
        let (first, last) = company.analytics_days().await?;
        return Err(ToolError::new(format!(
            "there is no data from {from} to {to}; ask for days from {first} to {last}"
        )));
    }
    Ok(Json(report))
}
