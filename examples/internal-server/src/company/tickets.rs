//! What customers ask for help with.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Company;
use crate::domain::{CustomerId, EmployeeId, TicketId};

/// Where a ticket stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(rename_all = "snake_case")]
#[schemars(inline)]
pub enum TicketStatus {
    /// Nobody has answered yet.
    Open,
    /// Somebody is working on it.
    InProgress,
    /// The customer has to answer.
    Waiting,
    /// Done.
    Closed,
}

/// How much a ticket hurts the customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Priority {
    /// A question, or a wish.
    Low,
    /// Something is wrong, and there is a way around it.
    Normal,
    /// The customer cannot work as usual.
    High,
    /// The customer cannot work at all.
    Urgent,
}

/// A ticket of a customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema, sqlx::FromRow)]
#[schemars(inline)]
pub struct Ticket {
    /// The ticket's ID.
    pub ticket_id: TicketId,
    /// The customer who opened it.
    pub customer_id: CustomerId,
    /// The employee who works on it.
    pub assignee_id: EmployeeId,
    /// What it is about, in one line.
    pub subject: String,
    /// What the customer wrote.
    pub description: String,
    /// How much it hurts the customer.
    pub priority: Priority,
    /// Where it stands.
    pub status: TicketStatus,
    /// When it was opened, in UTC (RFC 3339).
    pub opened_at: String,
    /// When it was last changed, in UTC (RFC 3339).
    pub updated_at: String,
    /// How many comments were written on it.
    pub comments: i64,
}

/// Tickets in the order to work on them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TicketList {
    /// The most urgent first, and of equally urgent ones the oldest first.
    pub tickets: Vec<Ticket>,
}

/// A comment on a ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema, sqlx::FromRow)]
#[schemars(inline)]
pub struct TicketComment {
    /// The ID of the user who wrote it; absent when the token belonged to no user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// The status that the ticket was given with it.
    pub status: TicketStatus,
    /// The comment.
    pub comment: String,
    /// When it was written, in UTC (RFC 3339).
    pub written_at: String,
}

/// A ticket with what was written on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TicketDetails {
    /// The ticket as it stands now.
    pub ticket: Ticket,
    /// Everything that was written on it, the oldest first.
    pub history: Vec<TicketComment>,
}

/// A change of a ticket.
#[derive(Debug, Clone, Copy)]
pub struct TicketUpdate<'a> {
    /// The ticket.
    pub ticket: &'a TicketId,
    /// The status that it gets.
    pub status: TicketStatus,
    /// What is written on it.
    pub comment: &'a str,
    /// The ID of the user who writes it, if it is one.
    pub author: Option<&'a str>,
}

impl Company {
    /// All tickets, or those with one status.
    pub async fn tickets(&self, status: Option<TicketStatus>) -> Result<TicketList, sqlx::Error> {
        let tickets = sqlx::query_as(
            "SELECT id AS ticket_id, customer_id, assignee_id, subject, description, priority, status,
                    opened_at, updated_at,
                    (SELECT count(*) FROM ticket_comments WHERE ticket_id = tickets.id) AS comments
             FROM tickets
             WHERE ?1 IS NULL OR status = ?1
             ORDER BY CASE priority WHEN 'urgent' THEN 0 WHEN 'high' THEN 1 WHEN 'normal' THEN 2 ELSE 3 END,
                      opened_at, id",
        )
        .bind(status)
        .fetch_all(&self.pool)
        .await?;
        Ok(TicketList { tickets })
    }

    /// Gives a ticket a status and a comment, both or neither; `None` when there is no such ticket.
    pub async fn update_ticket(&self, update: TicketUpdate<'_>) -> Result<Option<TicketDetails>, sqlx::Error> {
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        let changed = sqlx::query(
            "UPDATE tickets SET status = ?2, updated_at = strftime('%Y-%m-%dT%H:%M:%SZ', 'now')
             WHERE id = ?1",
        )
        .bind(update.ticket)
        .bind(update.status)
        .execute(&mut *transaction)
        .await?;
        if changed.rows_affected() == 0 {
            return Ok(None);
        }
        sqlx::query(
            "INSERT INTO ticket_comments (ticket_id, number, author, status, comment, written_at)
             VALUES (?1, (SELECT count(*) + 1 FROM ticket_comments WHERE ticket_id = ?1),
                     ?2, ?3, ?4, strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))",
        )
        .bind(update.ticket)
        .bind(update.author)
        .bind(update.status)
        .bind(update.comment)
        .execute(&mut *transaction)
        .await?;
        let ticket = sqlx::query_as(
            "SELECT id AS ticket_id, customer_id, assignee_id, subject, description, priority, status,
                    opened_at, updated_at,
                    (SELECT count(*) FROM ticket_comments WHERE ticket_id = tickets.id) AS comments
             FROM tickets WHERE id = ?1",
        )
        .bind(update.ticket)
        .fetch_one(&mut *transaction)
        .await?;
        let history = sqlx::query_as(
            "SELECT author, status, comment, written_at FROM ticket_comments
             WHERE ticket_id = ?1 ORDER BY number",
        )
        .bind(update.ticket)
        .fetch_all(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(Some(TicketDetails { ticket, history }))
    }
}
