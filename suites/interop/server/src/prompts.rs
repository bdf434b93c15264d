//! Prompts with arguments that are completed, for different scopes.

use toolgate::prelude::*;

use crate::company::{Company, employee_ids, employee_name, is_published};

/// How a text sounds.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Tone {
    Formal,
    Friendly,
}

/// Welcome an employee.
#[prompt(scopes = "employees:read")]
async fn welcome(
    /// The employee's ID, such as `emp_0001`.
    #[arg(complete = employee_ids)]
    employee_id: String,
    /// How the text sounds. Defaults to `friendly`.
    tone: Option<Tone>,
) -> Result<String, ToolError> {
    let name =
        employee_name(&employee_id).ok_or_else(|| ToolError::new(format!("unknown employee ID: {employee_id}")))?;
    let tone = match tone.unwrap_or(Tone::Friendly) {
        Tone::Formal => "formal",
        Tone::Friendly => "friendly",
    };
    Ok(format!("Write a {tone} welcome for {name}."))
}

/// Review the payroll, which the role of the user cannot read.
#[prompt(scopes = "payroll:read")]
async fn payroll_review() -> &'static str {
    "Review the payroll."
}

/// Explain the announcement, while it is published.
#[prompt(scopes = "handbook:read", visible_to = is_published(company))]
async fn explain_announcement(company: &Company) -> String {
    format!("Explain this handbook: {}", company.handbook())
}
