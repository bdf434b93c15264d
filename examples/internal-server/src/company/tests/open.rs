use std::fs;

use sqlx::{Connection, SqliteConnection};

use super::super::*;
use super::{company, count, digest};
use crate::access::test_caller;
use crate::domain::TicketId;

#[tokio::test]
async fn two_new_companies_have_the_same_data() {
    let first = company().await;
    let second = company().await;
    assert_eq!(digest(&first.company).await, digest(&second.company).await);
}

#[tokio::test]
async fn the_company_has_its_documented_size() {
    let fixture = company().await;
    for (statement, expected) in [
        ("SELECT count(*) FROM employees", 240),
        ("SELECT count(*) FROM customers", 60),
        ("SELECT count(DISTINCT name) FROM customers", 60),
        ("SELECT count(DISTINCT quarter) FROM revenue", 8),
        ("SELECT count(*) FROM tickets", 40),
        ("SELECT count(DISTINCT metric) FROM metrics", 6),
        ("SELECT count(*) FROM metrics WHERE metric = 'signups'", 730),
        ("SELECT count(DISTINCT month) FROM payroll", 24),
    ] {
        assert_eq!(count(&fixture.company, statement).await, expected, "{statement}");
    }
}

#[tokio::test]
async fn every_email_address_is_below_example_com() {
    let fixture = company().await;
    let other_addresses = count(
        &fixture.company,
        "SELECT count(*) FROM (SELECT email FROM employees UNION ALL SELECT personal_email FROM employees
                               UNION ALL SELECT contact_email FROM customers)
         WHERE email NOT LIKE '%@example.com' AND email NOT LIKE '%.example.com'",
    )
    .await;
    assert_eq!(other_addresses, 0);
}

#[tokio::test]
async fn reopening_a_company_keeps_its_changes() {
    let fixture = company().await;
    let access = &test_caller();
    let ticket: TicketId = "tkt_0007".parse().unwrap();
    let update = TicketUpdate {
        ticket: &ticket,
        status: TicketStatus::Closed,
        comment: "It works now.",
        author: Some("user_1"),
    };
    fixture.company.update_ticket(access.grant().unwrap(), update).await.unwrap().unwrap();
    let before = digest(&fixture.company).await;
    fixture.company.close().await;

    let reopened = Company::open(&fixture.path).await.unwrap();
    assert_eq!(digest(&reopened).await, before);
}

#[tokio::test]
async fn two_concurrent_opens_fill_the_company_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("company.db");
    let (first, second) = tokio::join!(Company::open(&path), Company::open(&path));
    let (first, second) = (first.unwrap(), second.unwrap());
    assert_eq!(count(&first, "SELECT count(*) FROM employees").await, 240);
    assert_eq!(digest(&first).await, digest(&second).await);
}

#[tokio::test]
async fn an_interrupted_fill_leaves_an_empty_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("company.db");
    let mut connection = SqliteConnectOptions::new().filename(&path).create_if_missing(true).connect().await.unwrap();
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.unwrap();
    sqlx::raw_sql(include_str!("../schema.sql")).execute(&mut *transaction).await.unwrap();
    sample::fill(&mut transaction).await.unwrap();
    drop(transaction);
    connection.close().await.unwrap();

    let company = Company::open(&path).await.unwrap();
    assert_eq!(count(&company, "SELECT count(*) FROM employees").await, 240);
}

#[tokio::test]
async fn rejects_a_file_that_is_not_a_database_and_does_not_change_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.txt");
    let text = "These are notes, not a database.\n".repeat(40);
    fs::write(&path, &text).unwrap();
    let error = Company::open(&path).await.unwrap_err();
    assert!(matches!(error, OpenError::Damaged { .. }), "{error:?}");
    assert!(error.to_string().contains("--data"), "{error}");
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
}

#[tokio::test]
async fn rejects_a_damaged_database() {
    let fixture = company().await;
    fixture.company.close().await;
    let mut bytes = fs::read(&fixture.path).unwrap();
    // Keeps the header, which identifies the file, and destroys the table of the schema.
    bytes[100..4096].fill(0xff);
    fs::write(&fixture.path, bytes).unwrap();
    let error = Company::open(&fixture.path).await.unwrap_err();
    assert!(matches!(error, OpenError::Damaged { .. }), "{error:?}");
}

#[tokio::test]
async fn rejects_the_database_of_another_program_and_does_not_change_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other.db");
    let mut connection: SqliteConnection =
        SqliteConnectOptions::new().filename(&path).create_if_missing(true).connect().await.unwrap();
    sqlx::raw_sql("CREATE TABLE other (id INTEGER PRIMARY KEY)").execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    let before = fs::read(&path).unwrap();

    let error = Company::open(&path).await.unwrap_err();
    assert!(matches!(error, OpenError::Foreign(_)), "{error:?}");
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[tokio::test]
async fn rejects_a_database_with_another_schema_version() {
    let fixture = company().await;
    sqlx::raw_sql("PRAGMA user_version = 9").execute(&fixture.company.pool).await.unwrap();
    fixture.company.close().await;
    let error = Company::open(&fixture.path).await.unwrap_err();
    assert!(matches!(error, OpenError::OtherVersion { found: 9, expected: SCHEMA_VERSION, .. }), "{error:?}");
}

#[tokio::test]
async fn the_error_for_an_unwritable_path_names_the_option() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let error = Company::open(file.join("company.db")).await.unwrap_err();
    assert!(matches!(error, OpenError::Folder { .. }), "{error:?}");

    let error = Company::open(folder.path()).await.unwrap_err();
    assert!(matches!(error, OpenError::Unwritable { .. }), "{error:?}");
    assert!(error.to_string().contains("--data"), "{error}");
}
