use toolgate::prelude::*;

use crate::company::{Company, RevenueReport};
use crate::domain::Quarter;

/// Report the revenue of a quarter: in all, by product, by region, and against the quarter before.
#[tool(scopes = "finance:read:revenue", read_only)]
async fn revenue_report(
    /// The quarter, such as `2026-Q3`.
    quarter: Quarter,
    company: &Company,
) -> Result<Json<RevenueReport>, ToolError> {
    if let Some(report) = company.revenue_report(quarter).await? {
        return Ok(Json(report));
    }
    let (first, last) = company.revenue_quarters().await?;
    Err(ToolError::new(format!("there are no figures for {quarter}; ask for a quarter from {first} to {last}")))
}
