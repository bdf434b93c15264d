use super::super::*;
use super::{company, count, digest};
use crate::access::test_caller;
use crate::domain::{CustomerId, EmployeeId, TicketId};

#[tokio::test]
async fn the_private_profile_includes_the_public_profile() {
    let fixture = company().await;
    let access = &test_caller();
    let id: EmployeeId = "emp_0042".parse().unwrap();
    let public = fixture.company.public_profile(access.grant().unwrap(), &id).await.unwrap().unwrap();
    let private = fixture.company.private_profile(access.grant().unwrap(), &id).await.unwrap().unwrap();
    assert_eq!(private.public, public);

    let public = serde_json::to_value(&public).unwrap();
    for secret in ["annual_salary_usd", "date_of_birth", "home_address", "personal_email", "personal_phone"] {
        assert!(public.get(secret).is_none(), "{secret}");
    }
    let unknown: EmployeeId = "emp_9999".parse().unwrap();
    assert_eq!(fixture.company.public_profile(access.grant().unwrap(), &unknown).await.unwrap(), None);
    assert_eq!(fixture.company.private_profile(access.grant().unwrap(), &unknown).await.unwrap(), None);
}

#[tokio::test]
async fn the_head_of_the_company_has_no_manager() {
    let fixture = company().await;
    let access = &test_caller();
    let id: EmployeeId = "emp_0001".parse().unwrap();
    let head = fixture.company.public_profile(access.grant().unwrap(), &id).await.unwrap().unwrap();
    assert_eq!(head.manager_id, None);
    assert_eq!(count(&fixture.company, "SELECT count(*) FROM employees WHERE manager_id IS NULL").await, 1);
}

#[tokio::test]
async fn a_search_treats_the_query_as_plain_text() {
    let fixture = company().await;
    let access = &test_caller();
    let company = &fixture.company;
    let all = company.search_employees(access.grant().unwrap(), "", None, 5).await.unwrap();
    assert_eq!((all.total, all.employees.len()), (240, 5));

    let hr = company.search_employees(access.grant().unwrap(), "", Some(Department::Hr), 50).await.unwrap();
    assert_eq!(hr.total, 14);
    assert!(hr.employees.iter().all(|employee| employee.department == Department::Hr));

    let upper = company.search_employees(access.grant().unwrap(), "ALEX", None, 50).await.unwrap();
    assert_eq!(upper.total, 15);
    for injection in ["%", "_", "' OR 1=1 --", "\0"] {
        let found = company.search_employees(access.grant().unwrap(), injection, None, 50).await.unwrap();
        assert_eq!(found.total, 0, "{injection:?}");
    }
}

#[tokio::test]
async fn the_payroll_totals_are_the_sums_of_their_parts() {
    let fixture = company().await;
    let access = &test_caller();
    let december = fixture.company.payroll_summary(access.grant().unwrap(), 2025, 12).await.unwrap().unwrap();
    assert_eq!(december.month, "2025-12");
    assert!(december.bonuses_usd > 0);
    let parts: i64 = december.departments.iter().map(|part| part.salaries_usd).sum();
    assert_eq!(december.salaries_usd, parts);
    assert_eq!(december.total_usd, december.salaries_usd + december.bonuses_usd + december.employer_taxes_usd);
    assert_eq!(fixture.company.payroll_summary(access.grant().unwrap(), 2030, 1).await.unwrap(), None);
    assert_eq!(
        fixture.company.payroll_months(access.grant().unwrap()).await.unwrap(),
        ("2024-10".to_owned(), "2026-09".to_owned())
    );
}

#[tokio::test]
async fn a_quarter_is_compared_with_the_previous_quarter() {
    let fixture = company().await;
    let access = &test_caller();
    let report = |quarter: &str| {
        let (company, quarter) = (fixture.company.clone(), quarter.parse().unwrap());
        async move { company.revenue_report(access.grant().unwrap(), quarter).await.unwrap() }
    };
    let first = report("2024-Q4").await.unwrap();
    assert_eq!((first.previous_total_usd, first.growth_percent), (None, None));

    let last = report("2026-Q3").await.unwrap();
    assert!(last.growth_percent.is_some());
    assert_eq!(last.by_product.iter().map(|share| share.amount_usd).sum::<i64>(), last.total_usd);
    assert_eq!(last.by_region.iter().map(|share| share.amount_usd).sum::<i64>(), last.total_usd);
    assert_eq!(report("2026-Q4").await, None);
}

#[tokio::test]
async fn a_range_of_days_includes_both_ends() {
    let fixture = company().await;
    let access = &test_caller();
    let (from, to) = ("2026-09-28".parse().unwrap(), "2026-09-30".parse().unwrap());
    let report =
        fixture.company.analytics(access.grant().unwrap(), Metric::DailyActiveUsers, from, to).await.unwrap();
    assert_eq!(report.points.len(), 3);
    assert_eq!(report.points[0].day, from);
    assert_eq!(report.points[2].day, to);

    let later = "2027-01-01".parse().unwrap();
    let empty = fixture.company.analytics(access.grant().unwrap(), Metric::Signups, later, later).await.unwrap();
    assert!(empty.points.is_empty());
    assert_eq!((empty.minimum, empty.maximum, empty.mean), (None, None, None));
}

#[tokio::test]
async fn the_summary_does_not_contain_the_contact() {
    let fixture = company().await;
    let access = &test_caller();
    let id: CustomerId = "cus_0001".parse().unwrap();
    let summary = fixture.company.customer_summary(access.grant().unwrap(), &id).await.unwrap().unwrap();
    let contact = fixture.company.customer_contact(access.grant().unwrap(), &id).await.unwrap().unwrap();
    assert_eq!(summary.name, contact.customer_name);
    let summary = serde_json::to_string(&summary).unwrap();
    assert!(!summary.contains(&contact.contact_email) && !summary.contains(&contact.contact_name));

    let unknown: CustomerId = "cus_9999".parse().unwrap();
    assert_eq!(fixture.company.customer_summary(access.grant().unwrap(), &unknown).await.unwrap(), None);
    assert_eq!(fixture.company.customer_contact(access.grant().unwrap(), &unknown).await.unwrap(), None);
}

#[tokio::test]
async fn urgent_tickets_are_listed_first() {
    let fixture = company().await;
    let access = &test_caller();
    let all = fixture.company.tickets(access.grant().unwrap(), None).await.unwrap().tickets;
    assert_eq!(all.len(), 40);
    assert_eq!(all[0].priority, Priority::Urgent);
    let open = fixture.company.tickets(access.grant().unwrap(), Some(TicketStatus::Open)).await.unwrap().tickets;
    assert!(!open.is_empty() && open.len() < all.len());
    assert!(open.iter().all(|ticket| ticket.status == TicketStatus::Open));
}

#[tokio::test]
async fn an_update_sets_the_status_and_adds_the_comment() {
    let fixture = company().await;
    let access = &test_caller();
    let id: TicketId = "tkt_0003".parse().unwrap();
    let update = |status, comment| {
        let (company, id) = (fixture.company.clone(), id.clone());
        async move {
            let update = TicketUpdate { ticket: &id, status, comment, author: Some("user_1") };
            company.update_ticket(access.grant().unwrap(), update).await.unwrap().unwrap()
        }
    };
    update(TicketStatus::InProgress, "Looking.").await;
    let details = update(TicketStatus::Closed, "'); DROP TABLE tickets; --").await;
    assert_eq!(details.ticket.status, TicketStatus::Closed);
    assert_eq!(details.ticket.comments, 2);
    assert_eq!(details.history[0].author.as_deref(), Some("user_1"));
    let history: Vec<_> = details.history.iter().map(|entry| entry.comment.as_str()).collect();
    assert_eq!(history, ["Looking.", "'); DROP TABLE tickets; --"]);
    assert_eq!(fixture.company.tickets(access.grant().unwrap(), None).await.unwrap().tickets.len(), 40);
}

#[tokio::test]
async fn an_update_of_an_unknown_ticket_changes_nothing() {
    let fixture = company().await;
    let access = &test_caller();
    let before = digest(&fixture.company).await;
    let update = TicketUpdate {
        ticket: &"tkt_9999".parse().unwrap(),
        status: TicketStatus::Closed,
        comment: "Gone.",
        author: Some("user_1"),
    };
    assert_eq!(fixture.company.update_ticket(access.grant().unwrap(), update).await.unwrap(), None);
    assert_eq!(digest(&fixture.company).await, before);
}

#[tokio::test]
async fn an_export_has_the_payments_of_the_month_and_replaces_the_record_of_an_earlier_one() {
    let fixture = company().await;
    let (company, access) = (&fixture.company, &test_caller());
    let summary = company.payroll_summary(access.grant().unwrap(), 2025, 12).await.unwrap().unwrap();
    for user in [Some("user_1"), Some("user_2")] {
        let export = company.export_payroll(access.grant().unwrap(), 2025, 12, user).await.unwrap().unwrap();
        assert_eq!(export.total_usd, summary.salaries_usd + summary.bonuses_usd);
        assert_eq!(i64::try_from(export.payments.len()).unwrap(), summary.employees);
    }
    assert_eq!(company.export_payroll(access.grant().unwrap(), 2030, 1, None).await.unwrap(), None);
    assert_eq!(count(company, "SELECT count(*) FROM payroll_exports").await, 1);
    let last = "SELECT count(*) FROM payroll_exports WHERE month = '2025-12' AND exported_by = 'user_2'";
    assert_eq!(count(company, last).await, 1);
}

#[tokio::test]
async fn completions_treat_what_was_typed_as_plain_text_and_are_bounded() {
    let fixture = company().await;
    let (company, access) = (&fixture.company, &test_caller());
    let employees = async |prefix: &str| company.employee_ids(access.grant().unwrap(), prefix).await.unwrap();
    assert_eq!(employees("emp_004").await.len(), 10);
    assert_eq!(employees("emp_0042").await, ["emp_0042"]);
    assert_eq!(employees("").await.len(), 100);
    let quarters = async |prefix: &str| company.quarters(access.grant().unwrap(), prefix).await.unwrap();
    assert_eq!(quarters("2026").await, ["2026-Q3", "2026-Q2", "2026-Q1"]);
    let tickets = async |prefix: &str| {
        company.unclosed_tickets(access.grant().unwrap(), TicketQueue::Product, prefix).await.unwrap()
    };
    let product = tickets("tkt_").await;
    assert!(product.contains(&"tkt_0005".to_owned()) && !product.contains(&"tkt_0002".to_owned()), "{product:?}");
    for typed in ["%", "_", "emp%", "' OR 1=1 --", "\0"] {
        assert!(employees(typed).await.is_empty() && quarters(typed).await.is_empty(), "{typed:?}");
        assert!(tickets(typed).await.is_empty(), "{typed:?}");
    }
}

#[tokio::test]
async fn the_report_of_a_quarter_has_its_revenue_and_every_metric() {
    let fixture = company().await;
    let (company, access) = (&fixture.company, &test_caller());
    let report = async |quarter: &str| {
        let quarter = quarter.parse().unwrap();
        company.quarter_report(access.grant().unwrap(), access.grant().unwrap(), quarter).await.unwrap()
    };
    let quarter = report("2026-Q3").await.unwrap();
    let revenue = company.revenue_report(access.grant().unwrap(), "2026-Q3".parse().unwrap()).await.unwrap();
    assert_eq!(Some(quarter.revenue), revenue);
    assert_eq!(quarter.metrics.iter().map(|summary| summary.metric).collect::<Vec<_>>(), Metric::ALL);
    assert!(quarter.metrics.iter().all(|summary| summary.mean.is_some()));
    assert_eq!(report("2030-Q1").await, None);
}
