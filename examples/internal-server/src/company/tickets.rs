//! Customer tickets and their comments.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::SqliteConnection;
use toolgate::Granted;

use super::Company;
use crate::access::{TicketsRead, TicketsWrite};
use crate::domain::{CustomerId, EmployeeId, TicketId};

/// The status of a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(rename_all = "snake_case")]
#[schemars(inline)]
pub enum TicketStatus {
    /// New, without an answer.
    Open,
    /// In progress.
    InProgress,
    /// Waiting for the customer.
    Waiting,
    /// Finished.
    Closed,
}

/// The priority of a ticket, by its effect on the customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Priority {
    /// A question or a feature request.
    Low,
    /// A problem with a workaround.
    Normal,
    /// A problem that limits the customer's work.
    High,
    /// A problem that stops the customer's work.
    Urgent,
}

/// A queue of tickets, in which one group of support agents works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(rename_all = "snake_case")]
#[schemars(inline)]
pub enum TicketQueue {
    /// Contracts, invoices and seats.
    Accounts,
    /// Problems with the product.
    Product,
}

impl TicketQueue {
    /// Returns the name of the queue, as JSON shows it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Accounts => "accounts",
            Self::Product => "product",
        }
    }
}

/// A ticket of a customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema, sqlx::FromRow)]
#[schemars(inline)]
pub struct Ticket {
    /// The ticket's ID.
    pub ticket_id: TicketId,
    /// The customer who opened it.
    pub customer_id: CustomerId,
    /// The employee who is assigned to it.
    pub assignee_id: EmployeeId,
    /// The queue that it is in.
    pub queue: TicketQueue,
    /// The subject, in one line.
    pub subject: String,
    /// The customer's description.
    pub description: String,
    /// The priority.
    pub priority: Priority,
    /// The status.
    pub status: TicketStatus,
    /// The time of creation, in UTC (RFC 3339).
    pub opened_at: String,
    /// The time of the last change, in UTC (RFC 3339).
    pub updated_at: String,
    /// The number of comments.
    pub comments: i64,
}

/// A list of tickets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TicketList {
    /// The tickets, sorted by priority and age: the most urgent first, then the oldest.
    pub tickets: Vec<Ticket>,
}

/// A comment on a ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema, sqlx::FromRow)]
#[schemars(inline)]
pub struct TicketComment {
    /// The ID of the user who wrote the comment. Absent if the token belonged to no user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// The ticket's status after the comment.
    pub status: TicketStatus,
    /// The text of the comment.
    pub comment: String,
    /// The time of the comment, in UTC (RFC 3339).
    pub written_at: String,
}

/// A ticket and its comments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TicketDetails {
    /// The ticket.
    pub ticket: Ticket,
    /// All comments, the oldest first.
    pub history: Vec<TicketComment>,
}

/// An update of a ticket.
#[derive(Debug, Clone, Copy)]
pub struct TicketUpdate<'a> {
    /// The ticket's ID.
    pub ticket: &'a TicketId,
    /// The new status.
    pub status: TicketStatus,
    /// The text of the comment.
    pub comment: &'a str,
    /// The ID of the user who writes the comment, if the token belongs to a user.
    pub author: Option<&'a str>,
}

impl Company {
    /// Returns all tickets, or the tickets with one status.
    pub async fn tickets(
        &self,
        _access: &Granted<TicketsRead>,
        status: Option<TicketStatus>,
    ) -> Result<TicketList, sqlx::Error> {
        let tickets = sqlx::query_as(
            "SELECT id AS ticket_id, customer_id, assignee_id, queue, subject, description, priority, status,
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

    /// Returns a ticket and its comments, or `None` if the ticket does not exist.
    pub async fn ticket(
        &self,
        _access: &Granted<TicketsRead>,
        id: &TicketId,
    ) -> Result<Option<TicketDetails>, sqlx::Error> {
        details(&mut *self.pool.acquire().await?, id).await
    }

    /// Returns the first 100 IDs that begin with `prefix`, of tickets in a queue that are not closed.
    pub async fn unclosed_tickets(
        &self,
        _access: &Granted<TicketsRead>,
        queue: TicketQueue,
        prefix: &str,
    ) -> Result<Vec<String>, sqlx::Error> {
        sqlx::query_scalar(
            "SELECT id FROM tickets
             WHERE queue = ?1 AND status <> 'closed' AND substr(id, 1, length(?2)) = ?2 ORDER BY id LIMIT 100",
        )
        .bind(queue)
        .bind(prefix)
        .fetch_all(&self.pool)
        .await
    }

    /// Returns the queue of a ticket, or `None` if the ticket does not exist.
    pub async fn ticket_queue(
        &self,
        _access: &Granted<TicketsWrite>,
        id: &TicketId,
    ) -> Result<Option<TicketQueue>, sqlx::Error> {
        sqlx::query_scalar("SELECT queue FROM tickets WHERE id = ?1").bind(id).fetch_optional(&self.pool).await
    }

    /// Returns the queue in which the support agent with this e-mail address works, or `None` if there is no such agent.
    pub async fn agent_queue(
        &self,
        _access: &Granted<TicketsWrite>,
        email: &str,
    ) -> Result<Option<TicketQueue>, sqlx::Error> {
        sqlx::query_scalar("SELECT queue FROM support_agents WHERE email = ?1")
            .bind(email)
            .fetch_optional(&self.pool)
            .await
    }

    /// Sets a ticket's status and adds a comment in one transaction. Returns `None` if the ticket does not exist.
    pub async fn update_ticket(
        &self,
        _access: &Granted<TicketsWrite>,
        update: TicketUpdate<'_>,
    ) -> Result<Option<TicketDetails>, sqlx::Error> {
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
        let details = details(&mut transaction, update.ticket).await?;
        transaction.commit().await?;
        Ok(details)
    }
}

/// Returns a ticket and its comments, or `None` if the ticket does not exist.
async fn details(connection: &mut SqliteConnection, id: &TicketId) -> Result<Option<TicketDetails>, sqlx::Error> {
    let ticket = sqlx::query_as(
        "SELECT id AS ticket_id, customer_id, assignee_id, queue, subject, description, priority, status,
                opened_at, updated_at,
                (SELECT count(*) FROM ticket_comments WHERE ticket_id = tickets.id) AS comments
         FROM tickets WHERE id = ?1",
    )
    .bind(id)
    .fetch_optional(&mut *connection)
    .await?;
    let Some(ticket) = ticket else { return Ok(None) };
    let history = sqlx::query_as(
        "SELECT author, status, comment, written_at FROM ticket_comments
         WHERE ticket_id = ?1 ORDER BY number",
    )
    .bind(id)
    .fetch_all(connection)
    .await?;
    Ok(Some(TicketDetails { ticket, history }))
}
