//! Monthly payroll.

use schemars::JsonSchema;
use serde::Serialize;
use toolgate::Granted;

use super::{Company, Department};
use crate::access::PayrollRead;
use crate::domain::EmployeeId;

/// The payroll of one month. All amounts are whole US dollars.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PayrollSummary {
    /// The month, in the form `YYYY-MM`.
    pub month: String,
    /// The number of paid employees.
    pub employees: i64,
    /// The gross salaries.
    pub salaries_usd: i64,
    /// The bonuses.
    pub bonuses_usd: i64,
    /// The employer's share of payroll taxes.
    pub employer_taxes_usd: i64,
    /// The sum of salaries, bonuses and the employer's share of payroll taxes.
    pub total_usd: i64,
    /// The payroll of each department.
    pub departments: Vec<DepartmentPayroll>,
}

/// The payroll of one department in a month. All amounts are whole US dollars.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema, sqlx::FromRow)]
#[schemars(inline)]
pub struct DepartmentPayroll {
    /// The department.
    pub department: Department,
    /// The number of paid employees.
    pub employees: i64,
    /// The gross salaries.
    pub salaries_usd: i64,
    /// The bonuses.
    pub bonuses_usd: i64,
    /// The employer's share of payroll taxes.
    pub employer_taxes_usd: i64,
}

impl Company {
    /// Returns the gross annual salary of an employee in whole US dollars, or `None` if the ID does not exist.
    pub async fn annual_salary(
        &self,
        _access: &Granted<PayrollRead>,
        id: &EmployeeId,
    ) -> Result<Option<i64>, sqlx::Error> {
        sqlx::query_scalar("SELECT annual_salary_usd FROM employees WHERE id = ?1")
            .bind(id)
            .fetch_optional(&self.pool)
            .await
    }

    /// Returns the payroll of a month, or `None` if the month has no data.
    pub async fn payroll_summary(
        &self,
        _access: &Granted<PayrollRead>,
        year: u16,
        month: u8,
    ) -> Result<Option<PayrollSummary>, sqlx::Error> {
        let month = format!("{year:04}-{month:02}");
        let departments: Vec<DepartmentPayroll> = sqlx::query_as(
            "SELECT department,
                    count(*) AS employees,
                    sum(salary_usd) AS salaries_usd,
                    sum(bonus_usd) AS bonuses_usd,
                    sum(employer_taxes_usd) AS employer_taxes_usd
             FROM payroll JOIN employees ON employees.id = payroll.employee_id
             WHERE month = ?1
             GROUP BY department ORDER BY department",
        )
        .bind(&month)
        .fetch_all(&self.pool)
        .await?;
        if departments.is_empty() {
            return Ok(None);
        }
        let sum = |part: fn(&DepartmentPayroll) -> i64| departments.iter().map(part).sum();
        let salaries_usd: i64 = sum(|department| department.salaries_usd);
        let bonuses_usd: i64 = sum(|department| department.bonuses_usd);
        let employer_taxes_usd: i64 = sum(|department| department.employer_taxes_usd);
        Ok(Some(PayrollSummary {
            month,
            employees: sum(|department| department.employees),
            salaries_usd,
            bonuses_usd,
            employer_taxes_usd,
            total_usd: salaries_usd + bonuses_usd + employer_taxes_usd,
            departments,
        }))
    }

    /// Returns the first and the last month with data, in the form `YYYY-MM`.
    pub async fn payroll_months(&self, _access: &Granted<PayrollRead>) -> Result<(String, String), sqlx::Error> {
        sqlx::query_as("SELECT min(month), max(month) FROM payroll").fetch_one(&self.pool).await
    }
}
