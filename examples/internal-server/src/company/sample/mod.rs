//! The sample company's fictional data, composed from small lists of words.
//!
//! The data is the same on every machine and with every version of every dependency: it does not depend on a clock,
//! on the system's randomness or on a library's generator. Each subject has its own [`SampleRng`], so a change to one
//! subject does not change the other subjects.

mod analytics;
mod customers;
mod employees;
mod finance;
mod payroll;
mod people;
mod rng;
mod tickets;

use chrono::{Datelike, NaiveDate};
use serde::Serialize;
use sqlx::SqliteConnection;

use crate::domain::Day;
use rng::SampleRng;

/// First day of the data, at the start of eight full quarters.
const FIRST_DAY: NaiveDate = date(2024, 10, 1);
/// Last day of the data.
const LAST_DAY: NaiveDate = date(2026, 9, 30);

/// Returns a date that is validated at compile time when it is used in a constant.
const fn date(year: i32, month: u32, day: u32) -> NaiveDate {
    match NaiveDate::from_ymd_opt(year, month, day) {
        Some(date) => date,
        None => panic!("not a calendar day"),
    }
}

/// Returns every day from [`FIRST_DAY`] to [`LAST_DAY`].
fn days() -> impl Iterator<Item = NaiveDate> {
    FIRST_DAY.iter_days().take_while(|day| *day <= LAST_DAY)
}

/// Returns the first day of every month with data.
fn months() -> impl Iterator<Item = NaiveDate> {
    days().filter(|day| day.day() == 1)
}

/// Returns the day `days` after `start`.
fn days_after(start: NaiveDate, days: u32) -> Day {
    Day::from(start + chrono::Days::new(u64::from(days)))
}

/// Inserts the sample data into the empty tables.
pub(super) async fn fill(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    let employees = employees::all();
    let customers = customers::all(&employees);
    insert(
        connection,
        "INSERT INTO employees (id, name, title, department, location, email, manager_id, started_on,
                                date_of_birth, annual_salary_usd, personal_email, personal_phone, home_address)
         SELECT value ->> 'id', value ->> 'name', value ->> 'title', value ->> 'department', value ->> 'location',
                value ->> 'email', value ->> 'manager_id', value ->> 'started_on', value ->> 'date_of_birth',
                value ->> 'annual_salary_usd', value ->> 'personal_email', value ->> 'personal_phone',
                value ->> 'home_address'
         FROM json_each(?1)",
        &employees,
    )
    .await?;
    insert(
        connection,
        "INSERT INTO payroll (month, employee_id, salary_usd, bonus_usd, employer_taxes_usd)
         SELECT value ->> 'month', value ->> 'employee_id', value ->> 'salary_usd', value ->> 'bonus_usd',
                value ->> 'employer_taxes_usd'
         FROM json_each(?1)",
        &payroll::all(&employees),
    )
    .await?;
    insert(
        connection,
        "INSERT INTO customers (id, name, industry, region, plan, status, customer_since, seats,
                                annual_contract_usd, health_score, account_manager_id, contact_name,
                                contact_title, contact_email, contact_phone, billing_address)
         SELECT value ->> 'id', value ->> 'name', value ->> 'industry', value ->> 'region', value ->> 'plan',
                value ->> 'status', value ->> 'since', value ->> 'seats',
                value ->> 'annual_contract_usd', value ->> 'health_score', value ->> 'account_manager_id',
                value ->> 'contact_name', value ->> 'contact_title', value ->> 'contact_email',
                value ->> 'contact_phone', value ->> 'billing_address'
         FROM json_each(?1)",
        &customers,
    )
    .await?;
    insert(
        connection,
        "INSERT INTO revenue (quarter, product, region, amount_usd)
         SELECT value ->> 'quarter', value ->> 'product', value ->> 'region', value ->> 'amount_usd'
         FROM json_each(?1)",
        &finance::all(),
    )
    .await?;
    insert(
        connection,
        "INSERT INTO metrics (metric, day, value)
         SELECT value ->> 'metric', value ->> 'day', value ->> 'value' FROM json_each(?1)",
        &analytics::all(),
    )
    .await?;
    insert(
        connection,
        "INSERT INTO tickets (id, customer_id, assignee_id, queue, subject, description, priority, status,
                              opened_at, updated_at)
         SELECT value ->> 'id', value ->> 'customer_id', value ->> 'assignee_id', value ->> 'queue',
                value ->> 'subject', value ->> 'description', value ->> 'priority', value ->> 'status',
                value ->> 'opened_at', value ->> 'updated_at'
         FROM json_each(?1)",
        &tickets::all(&employees, &customers),
    )
    .await?;
    insert(
        connection,
        "INSERT INTO support_agents (email, queue) SELECT value ->> 'email', value ->> 'queue' FROM json_each(?1)",
        &tickets::AGENTS,
    )
    .await
}

/// Inserts all rows of a table with one statement, which takes them as one JSON parameter.
async fn insert<Row: Serialize>(
    connection: &mut SqliteConnection,
    statement: &'static str,
    rows: &[Row],
) -> Result<(), sqlx::Error> {
    let rows = serde_json::to_string(rows).map_err(|error| sqlx::Error::Encode(error.into()))?;
    sqlx::query(statement).bind(rows).execute(connection).await?;
    Ok(())
}
