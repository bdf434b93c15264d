use toolgate::prelude::*;

use crate::company::{Company, TicketDetails, TicketList, TicketStatus, TicketUpdate};
use crate::domain::TicketId;

/// List the customers' tickets, the most urgent first.
#[tool(scopes = "ticket:read:all", read_only)]
async fn ticket_list(
    /// Only tickets with this status.
    status: Option<TicketStatus>,
    company: &Company,
) -> Result<Json<TicketList>, ToolError> {
    Ok(Json(company.tickets(status).await?))
}

/// Give a ticket a status and write a comment on it.
#[tool(scopes = "ticket:write:update", destructive)]
async fn ticket_update(
    /// The ticket's ID, such as `tkt_0042`. Use `ticket_list` to find it.
    ticket_id: TicketId,
    /// The status that the ticket gets.
    status: TicketStatus,
    /// What to write on the ticket.
    #[schemars(length(min = 1, max = 2000))]
    comment: String,
    caller: &Caller,
    company: &Company,
) -> Result<Json<TicketDetails>, ToolError> {
    let update = TicketUpdate { ticket: &ticket_id, status, comment: &comment, author: caller.user_id() };
    company
        .update_ticket(update)
        .await?
        .map(Json)
        .ok_or_else(|| ToolError::new(format!("no ticket {ticket_id}; use ticket_list to find IDs")))
}
