//! Who buys from the company: the business side and the people to reach.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Company;
use crate::domain::{CustomerId, Day, EmployeeId};

/// What a customer pays for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(rename_all = "snake_case")]
#[schemars(inline)]
#[expect(missing_docs, reason = "a plan's name says it all")]
pub enum Plan {
    Starter,
    Business,
    Enterprise,
}

/// How things stand with a customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(rename_all = "snake_case")]
#[schemars(inline)]
pub enum CustomerStatus {
    /// Trying the product out; nothing is paid yet.
    Trial,
    /// Under contract.
    Active,
    /// Under contract, and likely to leave.
    AtRisk,
    /// The contract has ended.
    Churned,
}

/// The business with a customer, without the people behind it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema, sqlx::FromRow)]
pub struct CustomerSummary {
    /// The customer's ID.
    pub customer_id: CustomerId,
    /// The customer's name.
    pub name: String,
    /// The line of business that the customer is in.
    pub industry: String,
    /// The sales region.
    pub region: String,
    /// What the customer pays for.
    pub plan: Plan,
    /// How things stand.
    pub status: CustomerStatus,
    /// The first day of the first contract.
    pub customer_since: Day,
    /// How many seats are licensed.
    pub seats: i64,
    /// What the customer pays for a year, in whole US dollars.
    pub annual_contract_usd: i64,
    /// How well the customer does with the product, from 0 to 100.
    pub health_score: i64,
    /// Tickets of this customer that are not closed.
    pub open_tickets: i64,
    /// The employee who looks after the customer.
    pub account_manager_id: EmployeeId,
}

/// How to reach a customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema, sqlx::FromRow)]
pub struct CustomerContact {
    /// The customer's ID.
    pub customer_id: CustomerId,
    /// The customer's name.
    pub customer_name: String,
    /// The person to speak to.
    pub contact_name: String,
    /// That person's job title.
    pub contact_title: String,
    /// That person's e-mail address.
    pub contact_email: String,
    /// That person's telephone number.
    pub contact_phone: String,
    /// Where invoices go.
    pub billing_address: String,
}

impl Company {
    /// The business with a customer; `None` when there is no such customer.
    pub async fn customer_summary(&self, id: &CustomerId) -> Result<Option<CustomerSummary>, sqlx::Error> {
        sqlx::query_as(
            "SELECT id AS customer_id, name, industry, region, plan, status, customer_since, seats,
                    annual_contract_usd, health_score, account_manager_id,
                    (SELECT count(*) FROM tickets
                     WHERE tickets.customer_id = customers.id AND tickets.status <> 'closed'
                    ) AS open_tickets
             FROM customers WHERE id = ?1",
        )
        .bind(id)
        .fetch_optional(&self.pool)
        .await
    }

    /// How to reach a customer; `None` when there is no such customer.
    pub async fn customer_contact(&self, id: &CustomerId) -> Result<Option<CustomerContact>, sqlx::Error> {
        sqlx::query_as(
            "SELECT id AS customer_id, name AS customer_name, contact_name, contact_title,
                    contact_email, contact_phone, billing_address
             FROM customers WHERE id = ?1",
        )
        .bind(id)
        .fetch_optional(&self.pool)
        .await
    }

    /// The first and the last customer ID.
    pub async fn customer_ids(&self) -> Result<(CustomerId, CustomerId), sqlx::Error> {
        sqlx::query_as("SELECT min(id), max(id) FROM customers").fetch_one(&self.pool).await
    }
}
