//! Employees: the public directory and the private records.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use toolgate::Granted;

use super::Company;
use crate::access::{DirectoryRead, PrivateRecordsRead};
use crate::domain::{Day, EmployeeId};

/// A department of the company.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema, sqlx::Type)]
#[schemars(inline)]
#[expect(missing_docs, reason = "the variants are the departments' names")]
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

/// The public profile of an employee.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema, sqlx::FromRow)]
#[schemars(inline)]
pub struct PublicProfile {
    /// The employee's ID.
    pub employee_id: EmployeeId,
    /// The employee's first and last name.
    pub name: String,
    /// The job title.
    pub title: String,
    /// The department.
    pub department: Department,
    /// The city of the office, or `Remote`.
    pub location: String,
    /// The work e-mail address.
    pub email: String,
    /// The manager's employee ID. Absent for the head of the company.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manager_id: Option<EmployeeId>,
    /// The first day of employment.
    pub started_on: Day,
}

/// The private record of an employee, including the public profile. Salaries are payroll data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema, sqlx::FromRow)]
pub struct PrivateProfile {
    /// The public profile.
    #[serde(flatten)]
    #[sqlx(flatten)]
    pub public: PublicProfile,
    /// The date of birth.
    pub date_of_birth: Day,
    /// The private e-mail address.
    pub personal_email: String,
    /// The private telephone number.
    pub personal_phone: String,
    /// The home address.
    pub home_address: String,
}

/// The result of an employee search.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct EmployeeSearch {
    /// The number of matching employees, including those beyond the limit.
    pub total: i64,
    /// The matching employees up to the limit, sorted by ID.
    pub employees: Vec<PublicProfile>,
}

impl Company {
    /// Returns the public profile of an employee, or `None` if the ID does not exist.
    pub async fn public_profile(
        &self,
        _access: &Granted<DirectoryRead>,
        id: &EmployeeId,
    ) -> Result<Option<PublicProfile>, sqlx::Error> {
        sqlx::query_as(
            "SELECT id AS employee_id, name, title, department, location, email, manager_id, started_on
             FROM employees WHERE id = ?1",
        )
        .bind(id)
        .fetch_optional(&self.pool)
        .await
    }

    /// Returns the private record of an employee, or `None` if the ID does not exist.
    pub async fn private_profile(
        &self,
        _access: &Granted<PrivateRecordsRead>,
        id: &EmployeeId,
    ) -> Result<Option<PrivateProfile>, sqlx::Error> {
        sqlx::query_as(
            "SELECT id AS employee_id, name, title, department, location, email, manager_id, started_on,
                    date_of_birth, personal_email, personal_phone, home_address
             FROM employees WHERE id = ?1",
        )
        .bind(id)
        .fetch_optional(&self.pool)
        .await
    }

    /// Returns the first 100 employee IDs that begin with `prefix`.
    pub async fn employee_ids(
        &self,
        _access: &Granted<DirectoryRead>,
        prefix: &str,
    ) -> Result<Vec<String>, sqlx::Error> {
        sqlx::query_scalar("SELECT id FROM employees WHERE substr(id, 1, length(?1)) = ?1 ORDER BY id LIMIT 100")
            .bind(prefix)
            .fetch_all(&self.pool)
            .await
    }

    /// Finds employees whose name, title, location or e-mail address contains `query`, ignoring case. An empty query
    /// matches every employee.
    pub async fn search_employees(
        &self,
        _access: &Granted<DirectoryRead>,
        query: &str,
        department: Option<Department>,
        limit: u32,
    ) -> Result<EmployeeSearch, sqlx::Error> {
        // `instr` instead of `LIKE`, because `%` and `_` in a query are not wildcards.
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
