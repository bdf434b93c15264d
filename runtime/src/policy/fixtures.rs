//! Policies for tests.

use super::{ConditionalScopes, Implication, Policy, Role, ToolPolicy};

impl Policy {
    /// Creates a policy with these scopes and without tools.
    pub(crate) fn of(scopes: &[&str]) -> Self {
        Self { scopes: owned(scopes), ..Self::default() }
    }

    pub(crate) fn implying(mut self, scope: &str, implies: &[&str]) -> Self {
        self.hierarchy.push(Implication { scope: scope.to_owned(), implies: owned(implies) });
        self
    }

    pub(crate) fn with_role(mut self, name: &str, scopes: &[&str]) -> Self {
        self.roles.push(Role::new(name, owned(scopes)));
        self
    }

    /// Adds a tool and sorts the tools.
    pub(crate) fn with_tool(mut self, tool: ToolPolicy) -> Self {
        self.tools.push(tool);
        self.tools.sort_by(|a, b| a.name.cmp(&b.name));
        self
    }
}

impl ToolPolicy {
    pub(crate) fn of(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    pub(crate) fn all(mut self, scopes: &[&str]) -> Self {
        self.scopes = owned(scopes);
        self
    }

    pub(crate) fn any(mut self, scopes: &[&str]) -> Self {
        self.any_scope = owned(scopes);
        self
    }

    pub(crate) fn when(mut self, condition: &str, scopes: &[&str]) -> Self {
        self.scopes_if.push(ConditionalScopes { condition: condition.to_owned(), scopes: owned(scopes) });
        self
    }

    pub(crate) fn guard(mut self, guard: &str) -> Self {
        self.guards.push(guard.to_owned());
        self
    }

    pub(crate) fn visible_to(mut self, function: &str) -> Self {
        self.visible_to.push(function.to_owned());
        self
    }

    pub(crate) fn org_roles(mut self, roles: &[&str]) -> Self {
        self.org_roles = owned(roles);
        self
    }

    pub(crate) fn orgs(mut self, orgs: &[&str]) -> Self {
        self.orgs = owned(orgs);
        self
    }

    pub(crate) fn read_only(mut self) -> Self {
        self.annotations.read_only = Some(true);
        self
    }
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}

/// A policy that uses every kind of rule.
pub(crate) fn company() -> Policy {
    let mut policy = Policy::of(&[
        "mcp:connect",
        "employees:read:private",
        "employees:read:public",
        "payroll:read:all",
        "ticket:read:all",
        "ticket:write:update",
        "ticket:write:close",
        "support:agent",
        "support:lead",
    ])
    .implying("employees:read:private", &["employees:read:public"])
    .with_role("HR", &["mcp:connect", "employees:read:private", "payroll:read:all"])
    .with_role("Customer Support", &["mcp:connect", "employees:read:public", "ticket:write:update", "support:agent"])
    .with_role("Owner", &["mcp:connect", "ticket:write:update", "ticket:write:close", "support:lead"])
    .with_tool(ToolPolicy::of("whoami").all(&["mcp:connect"]).read_only())
    .with_tool(ToolPolicy::of("employee_search").all(&["employees:read:public", "mcp:connect"]).read_only())
    .with_tool(
        ToolPolicy::of("ticket_update")
            .all(&["ticket:write:update", "mcp:connect"])
            .any(&["support:agent", "support:lead"])
            .when("matches!(status, TicketStatus::Closed)", &["ticket:write:close"])
            .guard("own_queue(caller, &ticket_id, company)"),
    )
    .with_tool(
        ToolPolicy::of("payroll_summary").all(&["payroll:read:all", "mcp:connect"]).visible_to("on_duty(caller)"),
    )
    .with_tool(ToolPolicy::of("server_settings").all(&["mcp:connect"]).org_roles(&["Owner"]));
    policy.server.required_scopes = owned(&["mcp:connect"]);
    policy.server.conceal_forbidden_tools = true;
    policy
}
