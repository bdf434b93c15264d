//! Tools that notify clients, ask the user, wait for an approval, and run as a task.

use toolgate::{Notifications, input::Form, prelude::*};

use crate::company::{Company, is_published};

/// The handbook after a change.
#[derive(Serialize, JsonSchema)]
struct Handbook {
    text: String,
}

/// Replace the text of the handbook.
#[tool(scopes = "handbook:write")]
async fn handbook_write(text: String, company: &Company, notifications: &Notifications) -> Json<Handbook> {
    company.set_handbook(text.clone());
    notifications.resource_updated("company://handbook");
    Json(Handbook { text })
}

/// Whether the announcement is published.
#[derive(Serialize, JsonSchema)]
struct Announcement {
    is_published: bool,
}

/// Publish or withdraw the announcement. A tool, a prompt and a resource exist while it is published.
#[tool(scopes = "handbook:write")]
async fn announcement_publish(
    is_published: bool,
    company: &Company,
    notifications: &Notifications,
) -> Json<Announcement> {
    company.publish_announcement(is_published);
    notifications.access_changed();
    Json(Announcement { is_published })
}

/// Read the announcement, while it is published.
#[tool(scopes = "handbook:read", visible_to = is_published(company), read_only)]
async fn announcement_read(company: &Company) -> Json<Handbook> {
    Json(Handbook { text: company.handbook() })
}

/// Details of a vacation, which the user enters.
#[derive(Deserialize, JsonSchema, Form)]
struct Vacation {
    /// Number of days.
    days: u8,
    /// Whether the vacation is paid.
    paid: bool,
}

/// What was recorded.
#[derive(Serialize, JsonSchema)]
struct Recorded {
    employee_id: String,
    days: u8,
    paid: bool,
}

/// Record a vacation. The user enters its details.
#[tool(scopes = "employees:read")]
async fn vacation_record(employee_id: String, context: &Context) -> Result<Json<Recorded>, ToolError> {
    let Vacation { days, paid } = context.ask(format!("How long is the vacation of {employee_id}?")).await?;
    Ok(Json(Recorded { employee_id, days, paid }))
}

/// Delete the announcements of a year. A person approves it on a page of the server.
#[tool(scopes = "handbook:write", destructive, approve = "Delete the announcements of {year}")]
async fn announcements_delete(year: u16) -> Json<Deleted> {
    Json(Deleted { year })
}

/// What was deleted.
#[derive(Serialize, JsonSchema)]
struct Deleted {
    year: u16,
}

/// A report.
#[derive(Serialize, JsonSchema)]
struct Report {
    employees: usize,
}

/// Create a report, as a task if the client supports tasks.
#[tool(scopes = "employees:read", task, read_only)]
async fn report(context: &Context) -> Result<Json<Report>, ToolError> {
    context.progress(1.0, Some(1.0), Some("counting the employees")).await;
    Ok(Json(Report { employees: 3 }))
}

/// Create a report, as a task that asks the user for its details.
#[tool(scopes = "employees:read", task)]
async fn vacation_report(context: &Context) -> Result<Json<Recorded>, ToolError> {
    let Vacation { days, paid } = context.ask("How long is the vacation?").await?;
    Ok(Json(Recorded { employee_id: "emp_0001".to_owned(), days, paid }))
}
