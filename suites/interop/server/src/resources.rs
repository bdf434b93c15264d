//! A resource of each kind.

use toolgate::prelude::*;

use crate::company::{Company, employee_ids, employee_name, is_published};

/// The handbook.
#[resource(uri = "company://handbook", scopes = "handbook:read", mime_type = "text/markdown")]
async fn handbook(company: &Company) -> String {
    company.handbook()
}

/// The company's logo: four bytes that are not UTF-8.
#[resource(uri = "company://logo", scopes = "handbook:read", mime_type = "application/octet-stream")]
async fn logo() -> Vec<u8> {
    vec![0xff, 0x00, 0xfe, 0x80]
}

/// A member of the staff.
#[derive(Serialize, JsonSchema)]
struct Employee {
    employee_id: String,
    name: &'static str,
}

/// An employee's profile.
#[resource(uri = "company://employees/{employee_id}", scopes = "employees:read")]
async fn employee(#[arg(complete = employee_ids)] employee_id: String) -> Result<Json<Employee>, ToolError> {
    let name = employee_name(&employee_id).ok_or_else(ToolError::not_found)?;
    Ok(Json(Employee { employee_id, name }))
}

/// The payroll, which the role of the user cannot read.
#[resource(uri = "company://payroll", scopes = "payroll:read", mime_type = "text/plain")]
async fn payroll() -> &'static str {
    "1,000,000"
}

/// The announcement, while it is published.
#[resource(
    uri = "company://announcement",
    scopes = "handbook:read",
    visible_to = is_published(company),
    mime_type = "text/plain"
)]
async fn announcement(company: &Company) -> String {
    format!("There is a new handbook: {}", company.handbook())
}
