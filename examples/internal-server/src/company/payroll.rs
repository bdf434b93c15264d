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

/// The payroll of one month for the bank. All amounts are whole US dollars.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PayrollExport {
    /// The month, in the form `YYYY-MM`.
    pub month: String,
    /// The time of the export, in UTC (RFC 3339).
    pub exported_at: String,
    /// The sum of the gross salaries and the bonuses.
    pub total_usd: i64,
    /// The payments, sorted by employee ID.
    pub payments: Vec<Payment>,
}

/// The payment to one employee in a month. All amounts are whole US dollars.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema, sqlx::FromRow)]
#[schemars(inline)]
pub struct Payment {
    /// The employee's ID.
    pub employee_id: EmployeeId,
    /// The employee's first and last name.
    pub name: String,
    /// The gross salary.
    pub salary_usd: i64,
    /// The bonus.
    pub bonus_usd: i64,
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

    /// Returns the payments of a month, or `None` if the month has no data. Records who exported them, in place of an
    /// earlier export of the month.
    pub async fn export_payroll(
        &self,
        _access: &Granted<PayrollRead>,
        year: u16,
        month: u8,
        user: Option<&str>,
    ) -> Result<Option<PayrollExport>, sqlx::Error> {
        let month = format!("{year:04}-{month:02}");
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        let payments: Vec<Payment> = sqlx::query_as(
            "SELECT employee_id, name, salary_usd, bonus_usd
             FROM payroll JOIN employees ON employees.id = payroll.employee_id
             WHERE month = ?1 ORDER BY employee_id",
        )
        .bind(&month)
        .fetch_all(&mut *transaction)
        .await?;
        if payments.is_empty() {
            return Ok(None);
        }
        let exported_at = sqlx::query_scalar(
            "INSERT OR REPLACE INTO payroll_exports (month, exported_by, exported_at)
             VALUES (?1, ?2, strftime('%Y-%m-%dT%H:%M:%SZ', 'now')) RETURNING exported_at",
        )
        .bind(&month)
        .bind(user)
        .fetch_one(&mut *transaction)
        .await?;
        transaction.commit().await?;
        let total_usd = payments.iter().map(|payment| payment.salary_usd + payment.bonus_usd).sum();
        Ok(Some(PayrollExport { month, exported_at, total_usd, payments }))
    }

    /// Returns the first and the last month with data, in the form `YYYY-MM`.
    pub async fn payroll_months(&self, _access: &Granted<PayrollRead>) -> Result<(String, String), sqlx::Error> {
        sqlx::query_as("SELECT min(month), max(month) FROM payroll").fetch_one(&self.pool).await
    }
}
