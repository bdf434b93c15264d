use toolgate::prelude::*;

use crate::company::{Company, Department, EmployeeSearch, PrivateProfile, PublicProfile};
use crate::domain::EmployeeId;

/// Return an employee's public profile: name, title, department, location, work e-mail and manager.
#[tool(scopes = "employees:read:public", read_only)]
async fn employee_information_public(
    /// The employee's ID, such as `emp_0042`. Use `employee_search` to find it.
    employee_id: EmployeeId,
    company: &Company,
) -> Result<Json<PublicProfile>, ToolError> {
    let profile = company.public_profile(&employee_id).await?;
    profile.map(Json).ok_or_else(|| no_employee(&employee_id))
}

/// Return an employee's private record: salary, date of birth, home address and private contact,
/// together with the public profile.
#[tool(scopes = "employees:read:private", read_only)]
async fn employee_information_private(
    /// The employee's ID, such as `emp_0042`. Use `employee_search` to find it.
    employee_id: EmployeeId,
    company: &Company,
) -> Result<Json<PrivateProfile>, ToolError> {
    let profile = company.private_profile(&employee_id).await?;
    profile.map(Json).ok_or_else(|| no_employee(&employee_id))
}

/// Find employees by a part of their name, title, location or work e-mail address.
#[tool(scopes = "employees:read:public", read_only)]
async fn employee_search(
    /// What to look for, in whatever case. An empty text finds everybody.
    #[schemars(length(max = 100))]
    query: String,
    /// Only employees of this department.
    department: Option<Department>,
    /// How many employees to return at most. 10 if left out.
    #[schemars(range(min = 1, max = 50))]
    limit: Option<u32>,
    company: &Company,
) -> Result<Json<EmployeeSearch>, ToolError> {
    let found = company.search_employees(query.trim(), department, limit.unwrap_or(10)).await?;
    Ok(Json(found))
}

fn no_employee(id: &EmployeeId) -> ToolError {
    ToolError::new(format!("no employee {id}; use employee_search to find IDs"))
}
