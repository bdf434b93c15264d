//! Who works here: the public directory and the private record.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Company;
use crate::domain::{Day, EmployeeId};

/// A department of the company.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema, sqlx::Type)]
#[schemars(inline)]
#[expect(missing_docs, reason = "a department's name says it all")]
pub enum Department {
    Engineering,
    Finance,
    #[serde(rename = "HR")]
    #[sqlx(rename = "HR")]
    Hr,
    Management,
    Marketing,
    Sales,
    Support,
}

/// What everybody in the company may know about an employee.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema, sqlx::FromRow)]
#[schemars(inline)]
pub struct PublicProfile {
    /// The employee's ID.
    pub employee_id: EmployeeId,
    /// First and last name.
    pub name: String,
    /// Job title.
    pub title: String,
    /// The department that the employee works in.
    pub department: Department,
    /// The office, or where a remote employee works from.
    pub location: String,
    /// E-mail address at work.
    pub email: String,
    /// The manager's employee ID; absent for the head of the company.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manager_id: Option<EmployeeId>,
    /// The first day of employment.
    pub started_on: Day,
}

/// What only HR may know about an employee, beside the public profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema, sqlx::FromRow)]
pub struct PrivateProfile {
    /// The public part.
    #[serde(flatten)]
    #[sqlx(flatten)]
    pub public: PublicProfile,
    /// Date of birth.
    pub date_of_birth: Day,
    /// Gross salary for a year, in US dollars.
    pub annual_salary_usd: i64,
    /// Private e-mail address.
    pub personal_email: String,
    /// Private telephone number.
    pub personal_phone: String,
    /// Home address.
    pub home_address: String,
}

/// The employees that a search found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct EmployeeSearch {
    /// How many employees match, including those beyond the limit.
    pub total: i64,
    /// The first of them, in the order of their IDs.
    pub employees: Vec<PublicProfile>,
}

impl Company {
    /// The public profile of an employee; `None` when nobody has this ID.
    pub async fn public_profile(&self, id: &EmployeeId) -> Result<Option<PublicProfile>, sqlx::Error> {
        sqlx::query_as(
            "SELECT id AS employee_id, name, title, department, location, email, manager_id, started_on
             FROM employees WHERE id = ?1",
        )
        .bind(id)
        .fetch_optional(&self.pool)
        .await
    }

    /// The whole record of an employee; `None` when nobody has this ID.
    pub async fn private_profile(&self, id: &EmployeeId) -> Result<Option<PrivateProfile>, sqlx::Error> {
        sqlx::query_as("SELECT id AS employee_id, * FROM employees WHERE id = ?1")
            .bind(id)
            .fetch_optional(&self.pool)
            .await
    }

    /// Employees whose name, title, location or e-mail address contains `query`, in whatever case.
    /// An empty query matches everybody.
    pub async fn search_employees(
        &self,
        query: &str,
        department: Option<Department>,
        limit: u32,
    ) -> Result<EmployeeSearch, sqlx::Error> {
        // instr instead of LIKE: `%` and `_` in a query are just characters.
        let total = sqlx::query_scalar(
            "SELECT count(*) FROM employees
             WHERE instr(lower(name || char(10) || title || char(10) || location || char(10) || email), lower(?1)) > 0
               AND (?2 IS NULL OR department = ?2)",
        )
        .bind(query)
        .bind(department)
        .fetch_one(&self.pool)
        .await?;
        let employees = sqlx::query_as(
            "SELECT id AS employee_id, name, title, department, location, email, manager_id, started_on
             FROM employees
             WHERE instr(lower(name || char(10) || title || char(10) || location || char(10) || email), lower(?1)) > 0
               AND (?2 IS NULL OR department = ?2)
             ORDER BY id LIMIT ?3",
        )
        .bind(query)
        .bind(department)
        .bind(limit)
        .fetch_all(&self.pool)
        .await?;
        Ok(EmployeeSearch { total, employees })
    }
}
