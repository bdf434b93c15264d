mod open;
mod queries;

use std::path::PathBuf;

use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::Company;

struct Fixture {
    company: Company,
    path: PathBuf,
    _folder: TempDir,
}

async fn company() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/company.db");
    Fixture { company: Company::open(&path).await.unwrap(), path, _folder: folder }
}

/// Returns a digest of every row of every table.
async fn digest(company: &Company) -> Vec<u8> {
    let mut hasher = Sha256::new();
    for statement in [
        "SELECT json_array(id, name, title, department, location, email, manager_id, started_on, date_of_birth,
                annual_salary_usd, personal_email, personal_phone, home_address) FROM employees ORDER BY id",
        "SELECT json_array(month, employee_id, salary_usd, bonus_usd, employer_taxes_usd) FROM payroll
         ORDER BY month, employee_id",
        "SELECT json_array(month, exported_by, exported_at) FROM payroll_exports ORDER BY month",
        "SELECT json_array(id, name, industry, region, plan, status, customer_since, seats, annual_contract_usd,
                health_score, account_manager_id, contact_name, contact_title, contact_email, contact_phone,
                billing_address) FROM customers ORDER BY id",
        "SELECT json_array(quarter, product, region, amount_usd) FROM revenue ORDER BY quarter, product, region",
        "SELECT json_array(metric, day, value) FROM metrics ORDER BY metric, day",
        "SELECT json_array(id, customer_id, assignee_id, queue, subject, description, priority, status, opened_at,
                updated_at) FROM tickets ORDER BY id",
        "SELECT json_array(email, queue) FROM support_agents ORDER BY email",
        "SELECT json_array(ticket_id, number, author, status, comment, written_at) FROM ticket_comments
         ORDER BY ticket_id, number",
    ] {
        let rows: Vec<String> = sqlx::query_scalar(statement).fetch_all(&company.pool).await.unwrap();
        hasher.update(rows.join("\n"));
        hasher.update(b"\0");
    }
    hasher.finalize().to_vec()
}

async fn count(company: &Company, statement: &'static str) -> i64 {
    sqlx::query_scalar(statement).fetch_one(&company.pool).await.unwrap()
}
