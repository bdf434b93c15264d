//! The rules of access, over every possible token, and the reviewed policy.
#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use internal_server::{ROLES, policy};
use toolgate::policy::scopes;
use toolgate::testing::assert_policy_lock;

#[test]
fn the_policy_is_the_reviewed_one() {
    assert_policy_lock(&policy().unwrap(), "policy.lock");
}

#[test]
fn payroll_needs_the_payroll_scope() {
    policy().unwrap().only("payroll:read:all", "payroll_*").unwrap();
    policy().unwrap().only("payroll:read:all", "company://policies/payroll").unwrap();
}

#[test]
fn source_code_is_only_for_engineering() {
    let policy = policy().unwrap();
    for role in ["Management", "HR", "Support"] {
        policy.never(role, "repository_*").unwrap();
    }
}

#[test]
fn nobody_reads_payroll_and_source_code() {
    policy().unwrap().separate("payroll_summary", "repository_*").unwrap();
}

#[test]
fn a_token_of_the_directory_cannot_read_private_records() {
    let directory = scopes(["employees:read:public"]);
    for private in ["employee_information_private", "company://employees/*/private*"] {
        policy().unwrap().never(directory.clone(), private).unwrap();
    }
}

#[test]
fn a_rule_that_does_not_hold_names_the_smallest_token_that_breaks_it() {
    let violation = policy().unwrap().never("HR", "payroll_summary").unwrap_err();
    assert_eq!(violation.to_string(), "HR with `payroll:read:all` can call `payroll_summary`");
}

#[test]
fn the_readme_of_the_repository_shows_lines_of_these_tests() {
    let readme = include_str!("../../../README.md");
    let (_, block) = readme.split_once("```rust,ignore\n").unwrap();
    let (block, _) = block.split_once("```").unwrap();
    let tests = [include_str!("policy.rs"), include_str!("tools.rs")].concat();
    let lines: Vec<_> = block.lines().filter(|line| !line.is_empty()).collect();
    assert_eq!(lines.len(), 4, "{block}");
    for line in lines {
        assert!(tests.lines().any(|test| test.trim() == line), "no test has the line {line}");
    }
}

#[test]
fn the_roles_are_those_of_the_tenant() {
    let policy = policy().unwrap();
    let roles: Vec<_> = policy.roles.iter().map(|role| role.name.as_str()).collect();
    assert_eq!(roles, ROLES.names());
}

#[test]
fn the_readme_shows_the_access_of_each_role() {
    let matrix = policy().unwrap().to_markdown();
    let readme = include_str!("../README.md");
    for row in matrix.lines().filter(|line| line.starts_with("| `")) {
        assert!(readme.contains(row), "README.md lacks the row {row}");
    }
}
