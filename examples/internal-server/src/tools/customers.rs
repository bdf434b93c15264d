use toolgate::prelude::*;

use crate::company::{Company, CustomerContact, CustomerSummary};
use crate::domain::CustomerId;

/// Summarize the business with a customer: plan, seats, contract, health and open tickets.
#[tool(scopes = "customers:read:summary", read_only)]
async fn customer_summary(
    /// The customer's ID, such as `cus_0042`.
    customer_id: CustomerId,
    company: &Company,
) -> Result<Json<CustomerSummary>, ToolError> {
    match company.customer_summary(&customer_id).await? {
        Some(summary) => Ok(Json(summary)),
        None => Err(no_customer(&customer_id, company).await),
    }
}

/// Return whom to reach at a customer: name, title, e-mail address, telephone number and billing address.
#[tool(scopes("customers:read:summary", "customers:read:contact"), read_only)]
async fn customer_contact(
    /// The customer's ID, such as `cus_0042`.
    customer_id: CustomerId,
    company: &Company,
) -> Result<Json<CustomerContact>, ToolError> {
    match company.customer_contact(&customer_id).await? {
        Some(contact) => Ok(Json(contact)),
        None => Err(no_customer(&customer_id, company).await),
    }
}

async fn no_customer(id: &CustomerId, company: &Company) -> ToolError {
    match company.customer_ids().await {
        Ok((first, last)) => ToolError::new(format!("no customer {id}; IDs go from {first} to {last}")),
        Err(error) => error.into(),
    }
}
