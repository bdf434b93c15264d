//! The scopes that the functions of the data layer require, as types.
//!
//! A function takes a `&Granted<PayrollRead>`, so a tool can call it only if it declares `payroll:read:all`.

use toolgate::ScopeMarker;

macro_rules! scopes {
    ($($(#[$doc:meta])* $marker:ident = $scope:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, ScopeMarker)]
        #[scope($scope)]
        pub struct $marker;
    )*};
}

scopes! {
    /// Access to the daily metrics.
    AnalyticsRead = "analytics:read:all";
    /// Access to the source code.
    CodeRead = "code:read:repositories";
    /// Access to the contacts of customers.
    CustomerContactsRead = "customers:read:contact";
    /// Access to the accounts of customers.
    CustomersRead = "customers:read:summary";
    /// Access to the private records of employees, without their salaries.
    PrivateRecordsRead = "employees:read:private";
    /// Access to the directory of employees.
    DirectoryRead = "employees:read:public";
    /// Access to the revenue.
    RevenueRead = "finance:read:revenue";
    /// Access to salaries.
    PayrollRead = "payroll:read:all";
    /// Access to tickets.
    TicketsRead = "ticket:read:all";
    /// Permission to update tickets.
    TicketsWrite = "ticket:write:update";
}

/// A caller with every scope, who grants the proofs that tests of the data layer need.
#[cfg(test)]
pub(crate) fn test_caller() -> toolgate::Caller {
    let scopes = crate::SCOPES.names().iter().copied();
    toolgate::testing::caller(&crate::SCOPES, toolgate::auth::Claims::new().scopes(scopes))
}
