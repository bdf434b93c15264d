//! The MCP tools. `#[tool]` registers each function; no list of tools is needed.

use toolgate::prelude::*;

use crate::access::{
    AnalyticsRead, CodeRead, CustomerContactsRead, CustomersRead, DirectoryRead, PayrollRead, PrivateRecordsRead,
    RevenueRead, TicketsRead, TicketsWrite,
};
use crate::company::{
    AnalyticsReport, AnnualReport, Company, CustomerContact, CustomerSummary, Department, EmployeeSearch, Metric,
    PayrollExport, PayrollSummary, PublicProfile, RevenueReport, TicketDetails, TicketList, TicketStatus,
    TicketUpdate,
};
use crate::domain::{CustomerId, Day, EmployeeId, Quarter, TicketId};
use crate::guards::{month_with_payroll, own_queue, unknown_month};
use crate::records::EmployeeRecord;
use crate::repository::{FileText, Repository, RepositoryError, RepositoryPath, SearchResult};

/// The authenticated caller, as `whoami` returns it.
#[derive(Debug, Serialize, JsonSchema)]
struct Identity {
    /// The user's ID. Absent if the token belongs to no user.
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<String>,
    /// The ID of the user's organization.
    #[serde(skip_serializing_if = "Option::is_none")]
    organization: Option<String>,
    /// The user's role in the organization.
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<String>,
    /// The granted scopes.
    scopes: Vec<&'static str>,
    /// The names of the tools that the caller may call.
    tools: Vec<&'static str>,
}

/// Return the caller's user ID, organization, role and scopes, and the tools that the caller may call.
#[tool(authenticated, read_only)]
async fn whoami(caller: &Caller, context: &Context) -> Json<Identity> {
    Json(Identity {
        user_id: caller.user_id().map(str::to_owned),
        organization: caller.org_id().map(str::to_owned),
        role: caller.org_role().map(str::to_owned),
        scopes: caller.scopes().collect(),
        tools: context.tools().collect(),
    })
}

/// Return an employee's public profile: name, title, department, location, work e-mail and manager.
#[tool(scopes = "employees:read:public", read_only)]
async fn employee_information_public(
    /// The employee's ID, such as `emp_0042`. Use `employee_search` to find it.
    employee_id: EmployeeId,
    company: &Company,
    access: &Granted<DirectoryRead>,
) -> Result<Json<PublicProfile>, ToolError> {
    let profile = company.public_profile(access, &employee_id).await?;
    profile.map(Json).ok_or_else(|| unknown_employee(&employee_id))
}

/// Return an employee's private record: date of birth, home address and private contact details, together with the
/// public profile, and the salary if it is asked for.
#[tool(scopes = "employees:read:private", scopes_if(with_salary == Some(true), "payroll:read:all"), read_only)]
async fn employee_information_private(
    /// The employee's ID, such as `emp_0042`. Use `employee_search` to find it.
    employee_id: EmployeeId,
    /// Whether to return the salary. Defaults to false.
    with_salary: Option<bool>,
    caller: &Caller,
    company: &Company,
    access: &Granted<PrivateRecordsRead>,
) -> Result<Json<EmployeeRecord>, ToolError> {
    let record = EmployeeRecord::read(company, caller, access, &employee_id, with_salary).await?;
    record.map(Json).ok_or_else(|| unknown_employee(&employee_id))
}

/// Find employees by a part of their name, title, location or work e-mail address.
#[tool(scopes = "employees:read:public", read_only)]
async fn employee_search(
    /// The text to search for, ignoring case. An empty text matches every employee.
    #[schemars(length(max = 100))]
    query: String,
    /// Return only employees of this department.
    department: Option<Department>,
    /// The maximum number of employees to return. Defaults to 10.
    #[schemars(range(min = 1, max = 50))]
    limit: Option<u32>,
    company: &Company,
    access: &Granted<DirectoryRead>,
) -> Result<Json<EmployeeSearch>, ToolError> {
    let found = company.search_employees(access, query.trim(), department, limit.unwrap_or(10)).await?;
    Ok(Json(found))
}

fn unknown_employee(id: &EmployeeId) -> ToolError {
    ToolError::new(format!("no employee {id}; use employee_search to find IDs"))
}

/// Summarize a month's payroll, in total and by department.
#[tool(scopes = "payroll:read:all", read_only)]
async fn payroll_summary(
    /// The year, such as 2026.
    #[schemars(range(min = 2000, max = 2100))]
    year: u16,
    /// The month, from 1 to 12.
    #[schemars(range(min = 1, max = 12))]
    month: u8,
    company: &Company,
    access: &Granted<PayrollRead>,
) -> Result<Json<PayrollSummary>, ToolError> {
    if let Some(summary) = company.payroll_summary(access, year, month).await? {
        return Ok(Json(summary));
    }
    Err(ToolError::new(unknown_month(year, month, access, company).await?))
}

/// Export the payments of a month for the bank, with each employee's salary and bonus. The export replaces an earlier one
/// of the same month.
#[tool(
    scopes = "payroll:read:all",
    guard = month_with_payroll(year, month, company, access),
    approve = "Export the payroll of {year}-{month:02}",
    destructive
)]
async fn payroll_export(
    /// The year, such as 2026.
    #[schemars(range(min = 2000, max = 2100))]
    year: u16,
    /// The month, from 1 to 12.
    #[schemars(range(min = 1, max = 12))]
    month: u8,
    caller: &Caller,
    company: &Company,
    access: &Granted<PayrollRead>,
) -> Result<Json<PayrollExport>, ToolError> {
    match company.export_payroll(access, year, month, caller.user_id()).await? {
        Some(export) => Ok(Json(export)),
        None => Err(ToolError::new(unknown_month(year, month, access, company).await?)),
    }
}

/// Report the revenue of a quarter: in total, by product, by region, and compared with the previous quarter.
#[tool(scopes = "finance:read:revenue", read_only)]
async fn revenue_report(
    /// The quarter, such as `2026-Q3`.
    quarter: Quarter,
    company: &Company,
    access: &Granted<RevenueRead>,
) -> Result<Json<RevenueReport>, ToolError> {
    if let Some(report) = company.revenue_report(access, quarter).await? {
        return Ok(Json(report));
    }
    let (first, last) = company.revenue_quarters(access).await?;
    Err(ToolError::new(format!("no revenue data for {quarter}; request a quarter from {first} to {last}")))
}

/// Write the report of a year: the revenue and the product metrics of each quarter.
#[tool(scopes("analytics:read:all", "finance:read:revenue"), read_only, task, timeout = "10m", concurrency = 4)]
async fn annual_report(
    /// The year, such as 2025.
    #[schemars(range(min = 2000, max = 2100))]
    year: u16,
    context: &Context,
    company: &Company,
    revenue: &Granted<RevenueRead>,
    analytics: &Granted<AnalyticsRead>,
) -> Result<Json<AnnualReport>, ToolError> {
    let mut quarters = Vec::new();
    for (done, quarter) in (1_u8..).zip(Quarter::of_year(year)) {
        quarters.extend(company.quarter_report(revenue, analytics, quarter).await?);
        context.progress(done.into(), Some(4.0), Some(&format!("read {quarter}"))).await;
    }
    if quarters.is_empty() {
        let (first, last) = company.revenue_quarters(revenue).await?;
        return Err(ToolError::new(format!("no data for {year}; the quarters with data are from {first} to {last}")));
    }
    let total_usd = quarters.iter().map(|quarter| quarter.revenue.total_usd).sum();
    Ok(Json(AnnualReport { year, total_usd, quarters }))
}

/// Maximum number of days in one `analytics_query`.
const MAX_ANALYTICS_DAYS: i64 = 366;

/// Return the daily values of a metric, with their minimum, maximum and mean.
#[tool(scopes = "analytics:read:all", read_only)]
async fn analytics_query(
    /// The metric.
    metric: Metric,
    /// The first day, such as `2026-07-01`.
    from: Day,
    /// The last day (inclusive), such as `2026-07-31`. The range is limited to 366 days.
    to: Day,
    company: &Company,
    access: &Granted<AnalyticsRead>,
) -> Result<Json<AnalyticsReport>, ToolError> {
    let days = from.days_until(to) + 1;
    if days < 1 {
        return Err(ToolError::new(format!("`from` ({from}) is later than `to` ({to}); swap them")));
    }
    if days > MAX_ANALYTICS_DAYS {
        return Err(ToolError::new(format!(
            "the range from {from} to {to} has {days} days; request at most {MAX_ANALYTICS_DAYS}"
        )));
    }
    let report = company.analytics(access, metric, from, to).await?;
    if report.points.is_empty() {
        let (first, last) = company.analytics_days(access).await?;
        return Err(ToolError::new(format!("no data from {from} to {to}; request days from {first} to {last}")));
    }
    Ok(Json(report))
}

/// Summarize a customer account: plan, seats, contract, health and open tickets.
#[tool(scopes = "customers:read:summary", read_only)]
async fn customer_summary(
    /// The customer's ID, such as `cus_0042`.
    customer_id: CustomerId,
    company: &Company,
    access: &Granted<CustomersRead>,
) -> Result<Json<CustomerSummary>, ToolError> {
    match company.customer_summary(access, &customer_id).await? {
        Some(summary) => Ok(Json(summary)),
        None => Err(unknown_customer(&customer_id, access, company).await),
    }
}

/// Return a customer's contact: name, title, e-mail address, telephone number and billing address.
// The rate limits how many contacts a caller can copy.
#[tool(scopes("customers:read:summary", "customers:read:contact"), read_only, rate = "200/hour")]
async fn customer_contact(
    /// The customer's ID, such as `cus_0042`.
    customer_id: CustomerId,
    company: &Company,
    access: &Granted<CustomersRead>,
    contacts: &Granted<CustomerContactsRead>,
) -> Result<Json<CustomerContact>, ToolError> {
    match company.customer_contact(contacts, &customer_id).await? {
        Some(contact) => Ok(Json(contact)),
        None => Err(unknown_customer(&customer_id, access, company).await),
    }
}

async fn unknown_customer(id: &CustomerId, access: &Granted<CustomersRead>, company: &Company) -> ToolError {
    match company.customer_ids(access).await {
        Ok((first, last)) => ToolError::new(format!("no customer {id}; use an ID from {first} to {last}")),
        Err(error) => error.into(),
    }
}

/// List customer tickets, the most urgent first.
#[tool(scopes = "ticket:read:all", read_only)]
async fn ticket_list(
    /// Return only tickets with this status.
    status: Option<TicketStatus>,
    company: &Company,
    access: &Granted<TicketsRead>,
) -> Result<Json<TicketList>, ToolError> {
    Ok(Json(company.tickets(access, status).await?))
}

/// Set a ticket's status and add a comment. Support agents can update tickets of their own queue.
#[tool(
    scopes = "ticket:write:update",
    scopes_if(status == TicketStatus::Closed, "ticket:write:close"),
    guard = own_queue(caller, &ticket_id, company, access),
    destructive
)]
async fn ticket_update(
    /// The ticket's ID, such as `tkt_0042`. Use `ticket_list` to find it.
    ticket_id: TicketId,
    /// The new status.
    status: TicketStatus,
    /// The text of the comment.
    #[schemars(length(min = 1, max = 2000))]
    comment: String,
    caller: &Caller,
    company: &Company,
    access: &Granted<TicketsWrite>,
) -> Result<Json<TicketDetails>, ToolError> {
    let update = TicketUpdate { ticket: &ticket_id, status, comment: &comment, author: caller.user_id() };
    company
        .update_ticket(access, update)
        .await?
        .map(Json)
        .ok_or_else(|| ToolError::new(format!("no ticket {ticket_id}; use ticket_list to find IDs")))
}

/// Find the lines that contain a text in the company's source code.
#[tool(scopes = "code:read:repositories", read_only)]
async fn repository_search(
    /// The text to search for, ignoring case. It is not a pattern.
    #[schemars(length(min = 1, max = 200))]
    query: String,
    /// Search only this folder or file, such as `src`.
    #[schemars(length(max = 1000))]
    path: Option<String>,
    /// The maximum number of lines to return. Defaults to 20.
    #[schemars(range(min = 1, max = 100))]
    limit: Option<u32>,
    repository: &Repository,
    access: &Granted<CodeRead>,
) -> Result<Json<SearchResult>, ToolError> {
    let path = RepositoryPath::parse(path.as_deref().unwrap_or_default()).map_err(repository_error)?;
    let limit = limit.unwrap_or(20) as usize;
    repository.search(access, &query, &path, limit).await.map(Json).map_err(repository_error)
}

/// Return the text of a file in the company's source code, up to 128 KiB.
#[tool(scopes = "code:read:repositories", read_only)]
async fn repository_read(
    /// The file's path relative to the root of the repository, such as `src/main.rs`.
    #[schemars(length(min = 1, max = 1000))]
    path: String,
    repository: &Repository,
    access: &Granted<CodeRead>,
) -> Result<Json<FileText>, ToolError> {
    let path = RepositoryPath::parse(&path).map_err(repository_error)?;
    repository.read(access, &path).await.map(Json).map_err(repository_error)
}

/// Shows the model what is wrong with a path, but masks errors of the operating system.
fn repository_error(error: RepositoryError) -> ToolError {
    match error {
        RepositoryError::Io(error) => error.into(),
        error => ToolError::new(error.to_string()),
    }
}
