//! The table that `--scope-table` prints: every tool, its required scopes, and the roles that may call it.

use std::fmt;

use serde::Serialize;
use toolgate::{ScopeTable, ToolInfo};
use toolgate_dev_tenant::{Role, TenantConfig};

use crate::SCOPES;

/// The tools of this server and the roles that may call each of them.
#[derive(Debug, Clone, Serialize)]
pub struct RoleTable {
    /// Role names, in the order of `tenant.toml`.
    pub roles: Vec<String>,
    /// The tools, sorted by name.
    pub tools: Vec<RoleTableRow>,
}

/// A tool and the roles that may call it.
#[derive(Debug, Clone, Serialize)]
pub struct RoleTableRow {
    /// The tool's name, scopes and annotations.
    #[serde(flatten)]
    pub tool: ToolInfo,
    /// The roles that hold the scopes that the tool requires.
    pub roles: Vec<String>,
}

impl RoleTable {
    /// Builds the table for the roles of a tenant.
    pub fn new(tenant: &TenantConfig) -> Self {
        let roles = tenant.roles();
        let tools = ScopeTable::of(&SCOPES)
            .tools()
            .iter()
            .map(|tool| RoleTableRow {
                tool: tool.clone(),
                roles: roles.iter().filter(|role| may_call(role, tool)).map(|role| role.name.clone()).collect(),
            })
            .collect();
        Self { roles: roles.iter().map(|role| role.name.clone()).collect(), tools }
    }
}

/// Returns whether a user with this role can get a token that may call the tool.
fn may_call(role: &Role, tool: &ToolInfo) -> bool {
    tool.scopes.iter().all(|scope| role.grants(scope))
        && (tool.any_scope.is_empty() || tool.any_scope.iter().any(|scope| role.grants(scope)))
}

impl fmt::Display for RoleTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = vec![vec!["tool".to_owned(), "hints".to_owned(), "requires".to_owned()]];
        lines[0].extend(self.roles.iter().cloned());
        for row in &self.tools {
            let mut line = vec![row.tool.name.to_owned(), row.tool.annotations.to_string(), row.tool.requirement()];
            line.extend(self.roles.iter().map(|role| if row.roles.contains(role) { "x" } else { "" }.to_owned()));
            lines.push(line);
        }
        let widths: Vec<usize> = (0..lines[0].len())
            .map(|column| lines.iter().map(|line| line[column].len()).max().unwrap_or_default())
            .collect();
        for line in lines {
            let cells: Vec<String> = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
            writeln!(f, "{}", cells.join("  ").trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> RoleTable {
        RoleTable::new(&crate::tenant::config().unwrap())
    }

    #[test]
    fn each_role_may_call_the_tools_of_its_scopes() {
        let tools_of = |role: &str| -> Vec<&str> {
            let table = table();
            let rows = table.tools.iter().filter(|row| row.roles.iter().any(|name| name == role));
            rows.map(|row| row.tool.name).collect()
        };
        assert_eq!(
            tools_of("Management"),
            [
                "analytics_query",
                "customer_summary",
                "employee_information_public",
                "employee_search",
                "revenue_report",
                "ticket_list",
                "whoami",
            ]
        );
        assert_eq!(
            tools_of("HR"),
            [
                "employee_information_private",
                "employee_information_public",
                "employee_search",
                "payroll_summary",
                "whoami",
            ]
        );
        assert_eq!(
            tools_of("Engineering"),
            [
                "analytics_query",
                "employee_information_public",
                "employee_search",
                "repository_read",
                "repository_search",
                "ticket_list",
                "whoami",
            ]
        );
        assert_eq!(
            tools_of("Support"),
            [
                "customer_contact",
                "customer_summary",
                "employee_information_public",
                "employee_search",
                "ticket_list",
                "ticket_update",
                "whoami",
            ]
        );
    }

    #[test]
    fn only_ticket_update_is_not_read_only() {
        for row in table().tools {
            let annotations = row.tool.annotations;
            if row.tool.name == "ticket_update" {
                assert_eq!(annotations.destructive, Some(true));
                assert_ne!(annotations.read_only, Some(true));
            } else {
                assert_eq!(annotations.read_only, Some(true), "{}", row.tool.name);
            }
        }
    }

    #[test]
    fn the_text_shows_required_scopes_and_roles() {
        let text = table().to_string();
        let line = |tool: &str| text.lines().find(|line| line.starts_with(tool)).unwrap();
        assert!(line("customer_contact").contains("customers:read:summary and customers:read:contact"));
        assert_eq!(line("payroll_summary").matches('x').count(), 1);
        assert!(line("whoami").contains("any valid token"));
        assert_eq!(text.lines().count(), 14);
    }

    #[test]
    fn the_json_shows_required_scopes_and_roles() {
        let json = serde_json::to_value(table()).unwrap();
        assert_eq!(json["roles"], serde_json::json!(["Management", "HR", "Engineering", "Support"]));
        let tools = json["tools"].as_array().unwrap();
        let payroll = tools.iter().find(|tool| tool["name"] == "payroll_summary").unwrap();
        assert_eq!(payroll["scopes"], serde_json::json!(["payroll:read:all"]));
        assert_eq!(payroll["roles"], serde_json::json!(["HR"]));
        assert_eq!(payroll["annotations"]["read_only"], true);
    }

    #[test]
    fn the_readme_shows_the_same_table() {
        let readme = include_str!("../README.md");
        let table = table();
        for row in &table.tools {
            let scopes: Vec<String> = row.tool.scopes.iter().map(|scope| format!("`{scope}`")).collect();
            let scopes = if scopes.is_empty() { "any valid token".to_owned() } else { scopes.join(" and ") };
            let marks = table.roles.iter().map(|role| if row.roles.contains(role) { "| x " } else { "| " });
            let line = format!("| `{}` | {scopes} {}|", row.tool.name, marks.collect::<String>());
            assert!(readme.contains(&line), "README.md lacks the table row {line}");
        }
    }
}
