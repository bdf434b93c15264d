use toolgate::prelude::*;

use crate::company::{Company, PayrollSummary};

/// Summarize what the company paid its staff in one month, in all and department by department.
#[tool(scopes = "payroll:read:all", read_only)]
async fn payroll_summary(
    /// The year, such as 2026.
    #[schemars(range(min = 2000, max = 2100))]
    year: u16,
    /// The month, from 1 to 12.
    #[schemars(range(min = 1, max = 12))]
    month: u8,
    company: &Company,
) -> Result<Json<PayrollSummary>, ToolError> {
    if let Some(summary) = company.payroll_summary(year, month).await? {
        return Ok(Json(summary));
    }
    let (first, last) = company.payroll_months().await?;
    Err(ToolError::new(format!(
        "there is no payroll for {year:04}-{month:02}; ask for a month from {first} to {last}"
    )))
}
