use serde::Serialize;

use super::customers::Customer;
use super::employees::Employee;
use super::{SampleRng, date, days_after};
use crate::company::{Department, Priority, TicketQueue, TicketStatus};
use crate::domain::{CustomerId, EmployeeId, TicketId};

/// A row of the table `tickets`.
#[derive(Serialize)]
pub(super) struct Ticket<'a> {
    id: TicketId,
    customer_id: &'a CustomerId,
    assignee_id: &'a EmployeeId,
    queue: TicketQueue,
    subject: &'static str,
    description: String,
    priority: Priority,
    status: TicketStatus,
    opened_at: String,
    updated_at: String,
}

/// A row of the table `support_agents`.
#[derive(Serialize)]
pub(super) struct Agent {
    email: &'static str,
    queue: TicketQueue,
}

/// The support agents: the people with the role Support in `tenant.toml`.
pub(super) const AGENTS: [Agent; 2] = [
    Agent { email: "sanna.support@example.com", queue: TicketQueue::Product },
    Agent { email: "silas.support@example.com", queue: TicketQueue::Accounts },
];

const COUNT: usize = 40;

/// Subjects and their descriptions.
const SUBJECTS: [(&str, &str); 8] = [
    ("Export stops half way", "The CSV export ends after 10,000 rows and shows no error."),
    ("Cannot invite a colleague", "The invitation says that the address is taken, but it is not."),
    ("Invoice shows the wrong address", "We moved offices and the invoice still has the old address."),
    ("Dashboard loads slowly", "Since this morning the dashboard takes half a minute to open."),
    ("Webhook is delivered twice", "Every event arrives two times, a few seconds apart."),
    ("Question about seat limits", "How do we see how many seats are in use?"),
    ("Login loop after single sign-on", "After signing in we are sent back to the login page."),
    ("API returns 500", "Requests for one of our projects fail with a server error."),
];

/// Returns every ticket, sorted by ID and by time of creation.
pub(super) fn all<'a>(employees: &'a [Employee], customers: &'a [Customer<'_>]) -> Vec<Ticket<'a>> {
    let assignees: Vec<&EmployeeId> = employees
        .iter()
        .filter(|employee| employee.department == Department::Support)
        .map(|employee| &employee.id)
        .collect();
    let customer_ids: Vec<&CustomerId> = customers.iter().map(|customer| &customer.id).collect();
    let mut rng = SampleRng::new(5);
    (0..)
        .zip(1..=COUNT)
        .map(|(index, number)| {
            let (subject, detail) = rng.choose(&SUBJECTS);
            let workspace = rng.between(1, 9);
            let hour = rng.between(8, 16);
            let opened = days_after(date(2026, 8, 1), index * 3 / 2);
            let updated = days_after(date(2026, 8, 1), index * 3 / 2 + rng.between(0, 2));
            Ticket {
                id: TicketId::numbered(number),
                customer_id: rng.choose(&customer_ids),
                assignee_id: rng.choose(&assignees),
                queue: if number % 2 == 0 { TicketQueue::Accounts } else { TicketQueue::Product },
                subject,
                description: format!("{detail} It concerns workspace {workspace}."),
                priority: rng.choose(&[
                    Priority::Low,
                    Priority::Normal,
                    Priority::Normal,
                    Priority::High,
                    Priority::Urgent,
                ]),
                status: rng.choose(&[
                    TicketStatus::Open,
                    TicketStatus::Open,
                    TicketStatus::InProgress,
                    TicketStatus::Waiting,
                    TicketStatus::Closed,
                ]),
                opened_at: format!("{opened}T{hour:02}:15:00Z"),
                updated_at: format!("{updated}T{:02}:40:00Z", hour + 1),
            }
        })
        .collect()
}
