//! Customers: their accounts and their contacts.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use toolgate::Granted;

use super::Company;
use crate::access::{CustomerContactsRead, CustomersRead};
use crate::domain::{CustomerId, Day, EmployeeId};

/// A customer's plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(rename_all = "snake_case")]
#[schemars(inline)]
#[expect(missing_docs, reason = "the variants are the plans' names")]
pub enum Plan {
    Starter,
    Business,
    Enterprise,
}

/// The status of a customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(rename_all = "snake_case")]
#[schemars(inline)]
pub enum CustomerStatus {
    /// In a trial, without a contract.
    Trial,
    /// Under contract.
    Active,
    /// Under contract, but likely to cancel.
    AtRisk,
    /// No longer under contract.
    Churned,
}

/// A customer's account, without contact data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema, sqlx::FromRow)]
pub struct CustomerSummary {
    /// The customer's ID.
    pub customer_id: CustomerId,
    /// The customer's name.
    pub name: String,
    /// The customer's industry.
    pub industry: String,
    /// The sales region.
    pub region: String,
    /// The plan.
    pub plan: Plan,
    /// The status.
    pub status: CustomerStatus,
    /// The first day of the first contract.
    pub customer_since: Day,
    /// The number of licensed seats.
    pub seats: i64,
    /// The annual value of the contract, in whole US dollars.
    pub annual_contract_usd: i64,
    /// The customer's success with the product, from 0 to 100.
    pub health_score: i64,
    /// The number of this customer's tickets that are not closed.
    pub open_tickets: i64,
    /// The ID of the employee who manages the account.
    pub account_manager_id: EmployeeId,
}

/// A customer's contact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema, sqlx::FromRow)]
pub struct CustomerContact {
    /// The customer's ID.
    pub customer_id: CustomerId,
    /// The customer's name.
    pub customer_name: String,
    /// The name of the contact.
    pub contact_name: String,
    /// The contact's job title.
    pub contact_title: String,
    /// The contact's e-mail address.
    pub contact_email: String,
    /// The contact's telephone number.
    pub contact_phone: String,
    /// The address for invoices.
    pub billing_address: String,
}

impl Company {
    /// Returns a customer's account, or `None` if the ID does not exist.
    pub async fn customer_summary(
        &self,
        _access: &Granted<CustomersRead>,
        id: &CustomerId,
    ) -> Result<Option<CustomerSummary>, sqlx::Error> {
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

    /// Returns a customer's contact, or `None` if the ID does not exist.
    pub async fn customer_contact(
        &self,
        _access: &Granted<CustomerContactsRead>,
        id: &CustomerId,
    ) -> Result<Option<CustomerContact>, sqlx::Error> {
        sqlx::query_as(
            "SELECT id AS customer_id, name AS customer_name, contact_name, contact_title,
                    contact_email, contact_phone, billing_address
             FROM customers WHERE id = ?1",
        )
        .bind(id)
        .fetch_optional(&self.pool)
        .await
    }

    /// Returns the first and the last customer ID.
    pub async fn customer_ids(
        &self,
        _access: &Granted<CustomersRead>,
    ) -> Result<(CustomerId, CustomerId), sqlx::Error> {
        sqlx::query_as("SELECT min(id), max(id) FROM customers").fetch_one(&self.pool).await
    }
}
