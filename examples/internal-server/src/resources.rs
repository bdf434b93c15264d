//! The MCP resources: the company's policies, and the records of its employees.

use toolgate::prelude::*;

use crate::access::{DirectoryRead, PrivateRecordsRead};
use crate::company::{Company, PublicProfile};
use crate::domain::EmployeeId;
use crate::records::EmployeeRecord;

/// How the company works: hours, time off, equipment, and whom to ask.
#[resource(
    uri = "company://policies/handbook",
    authenticated,
    title = "Employee handbook",
    mime_type = "text/markdown",
    priority = 0.8
)]
async fn handbook() -> &'static str {
    include_str!("../policies/handbook.md")
}

/// What the company pays for on business trips.
#[resource(uri = "company://policies/travel", authenticated, title = "Travel policy", mime_type = "text/markdown")]
async fn travel_policy() -> &'static str {
    include_str!("../policies/travel.md")
}

/// How replies to customers read, and what they must not promise.
#[resource(
    uri = "company://policies/support",
    scopes = "ticket:read:all",
    title = "Support policy",
    mime_type = "text/markdown"
)]
async fn support_policy() -> &'static str {
    SUPPORT_POLICY
}

/// The text of the support policy, which the prompt `support_reply` contains.
pub(crate) const SUPPORT_POLICY: &str = include_str!("../policies/support.md");

/// How salaries are paid, and who approves an export.
#[resource(
    uri = "company://policies/payroll",
    scopes = "payroll:read:all",
    title = "Payroll policy",
    mime_type = "text/markdown"
)]
async fn payroll_policy() -> &'static str {
    include_str!("../policies/payroll.md")
}

/// An employee's public profile: name, title, department, location, work e-mail and manager.
#[resource(uri = "company://employees/{employee_id}", scopes = "employees:read:public", title = "Employee")]
async fn employee(
    /// The employee's ID, such as `emp_0042`.
    #[arg(complete = employee_ids(value, caller, company))]
    employee_id: EmployeeId,
    company: &Company,
    access: &Granted<DirectoryRead>,
) -> Result<Json<PublicProfile>, ToolError> {
    company.public_profile(access, &employee_id).await?.map(Json).ok_or_else(ToolError::not_found)
}

async fn employee_ids(value: &str, caller: &Caller, company: &Company) -> Result<Vec<String>, ToolError> {
    Ok(company.employee_ids(caller.grant()?, value).await?)
}

/// An employee's private record: date of birth, home address and private contact details, together with the public profile,
/// and the salary if it is asked for.
#[resource(
    uri = "company://employees/{employee_id}/private{?with_salary}",
    scopes = "employees:read:private",
    scopes_if(with_salary == Some(true), "payroll:read:all"),
    title = "Private record of an employee"
)]
async fn employee_private(
    /// The employee's ID, such as `emp_0042`.
    employee_id: EmployeeId,
    /// Whether to return the salary. Defaults to false.
    with_salary: Option<bool>,
    caller: &Caller,
    company: &Company,
    access: &Granted<PrivateRecordsRead>,
) -> Result<Json<EmployeeRecord>, ToolError> {
    let record = EmployeeRecord::read(company, caller, access, &employee_id, with_salary).await?;
    record.map(Json).ok_or_else(ToolError::not_found)
}
