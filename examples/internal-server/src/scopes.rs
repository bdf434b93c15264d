use toolgate::{Roles, Scopes};

/// Every scope of this server, as configured in PropelAuth under MCP -> Org Scopes and, for the development tenant,
/// in `tenant.toml`.
pub static SCOPES: Scopes = Scopes::new(&[
    "analytics:read:all",
    "code:read:repositories",
    "customers:read:contact",
    "customers:read:summary",
    "employees:read:private",
    "employees:read:public",
    "finance:read:revenue",
    "payroll:read:all",
    "ticket:read:all",
    "ticket:write:close",
    "ticket:write:update",
]);

/// Every role of the company, as configured in PropelAuth under Roles & Permissions.
pub static ROLES: Roles = Roles::new(&["Management", "HR", "Engineering", "Support"]);
