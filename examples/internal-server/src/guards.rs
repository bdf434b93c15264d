//! Checks that scopes cannot express. They run before the body of a tool or a prompt.

use toolgate::prelude::*;

use crate::access::{PayrollRead, TicketsWrite};
use crate::company::Company;
use crate::domain::TicketId;

/// Allows support agents to work only on tickets of their own queue.
pub(crate) async fn own_queue(
    caller: &Caller,
    ticket_id: &TicketId,
    company: &Company,
    access: &Granted<TicketsWrite>,
) -> Result<(), Denied> {
    let Some(queue) = company.ticket_queue(access, ticket_id).await? else {
        return Err(Denied::new(format!("no ticket {ticket_id}; use ticket_list to find IDs")));
    };
    let own = match caller.username() {
        Some(email) => company.agent_queue(access, email).await?,
        None => None,
    };
    match own {
        Some(own) if own == queue => Ok(()),
        Some(own) => Err(Denied::new(format!(
            "{ticket_id} is in the queue `{}`; you can update tickets of the queue `{}`",
            queue.name(),
            own.name(),
        ))),
        None => Err(Denied::new("only support agents can update tickets, and you are not in the list of agents")),
    }
}

/// Allows exports of months with data only. It runs before a person is asked to approve the export.
pub(crate) async fn month_with_payroll(
    year: u16,
    month: u8,
    company: &Company,
    access: &Granted<PayrollRead>,
) -> Result<(), Denied> {
    match company.payroll_summary(access, year, month).await? {
        Some(_) => Ok(()),
        None => Err(Denied::new(unknown_month(year, month, access, company).await?)),
    }
}

/// Returns what is wrong with a month without payroll.
pub(crate) async fn unknown_month(
    year: u16,
    month: u8,
    access: &Granted<PayrollRead>,
    company: &Company,
) -> Result<String, sqlx::Error> {
    let (first, last) = company.payroll_months(access).await?;
    Ok(format!("no payroll data for {year:04}-{month:02}; request a month from {first} to {last}"))
}
