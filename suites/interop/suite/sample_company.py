"""Roles, scopes, tools and users of the sample company.

Written by hand from the requirements instead of read from the server, so that the checks are independent of it.
"""

# Scopes that each role holds.
ROLE_SCOPES = {
    "Management": [
        "analytics:read:all",
        "customers:read:summary",
        "employees:read:public",
        "finance:read:revenue",
        "ticket:read:all",
    ],
    "HR": ["employees:read:private", "employees:read:public", "payroll:read:all"],
    "Engineering": ["analytics:read:all", "code:read:repositories", "employees:read:public", "ticket:read:all"],
    "Support": [
        "customers:read:contact",
        "customers:read:summary",
        "employees:read:public",
        "ticket:read:all",
        "ticket:write:update",
    ],
}
ROLES = list(ROLE_SCOPES)
ALL_SCOPES = sorted({scope for scopes in ROLE_SCOPES.values() for scope in scopes})

# Scopes that each tool requires.
TOOL_SCOPES = {
    "analytics_query": ["analytics:read:all"],
    "customer_contact": ["customers:read:summary", "customers:read:contact"],
    "customer_summary": ["customers:read:summary"],
    "employee_information_private": ["employees:read:private"],
    "employee_information_public": ["employees:read:public"],
    "employee_search": ["employees:read:public"],
    "payroll_summary": ["payroll:read:all"],
    "repository_read": ["code:read:repositories"],
    "repository_search": ["code:read:repositories"],
    "revenue_report": ["finance:read:revenue"],
    "ticket_list": ["ticket:read:all"],
    "ticket_update": ["ticket:write:update"],
    "whoami": [],
}

# Arguments of a successful call of each tool.
TOOL_ARGUMENTS = {
    "analytics_query": {"metric": "daily_active_users", "from": "2026-07-01", "to": "2026-07-07"},
    "customer_contact": {"customer_id": "cus_0007"},
    "customer_summary": {"customer_id": "cus_0007"},
    "employee_information_private": {"employee_id": "emp_0042"},
    "employee_information_public": {"employee_id": "emp_0042"},
    "employee_search": {"query": "an", "limit": 3},
    "payroll_summary": {"year": 2026, "month": 8},
    "repository_read": {"path": "README.md"},
    "repository_search": {"query": "client", "limit": 2},
    "revenue_report": {"quarter": "2026-Q2"},
    "ticket_list": {},
    "ticket_update": {"ticket_id": "tkt_0003", "status": "waiting", "comment": "Seen by the interoperability tests."},
    "whoami": {},
}

# A user with each role.
USER_IDS = {
    "Management": "5a3e1f00-0000-4000-8000-000000000101",
    "HR": "5a3e1f00-0000-4000-8000-000000000201",
    "Engineering": "5a3e1f00-0000-4000-8000-000000000301",
    "Support": "5a3e1f00-0000-4000-8000-000000000401",
}

# A tool that the role can never call.
TOOL_OUTSIDE_ROLE = {
    "Management": "employee_information_private",
    "HR": "revenue_report",
    "Engineering": "payroll_summary",
    "Support": "repository_read",
}

# A tool that requires other scopes of the role than `FIRST_SCOPE`.
STEP_UP_TOOL = {
    "Management": "revenue_report",
    "HR": "employee_information_private",
    "Engineering": "repository_search",
    "Support": "customer_contact",
}
FIRST_SCOPE = "employees:read:public"


def tools_for(scopes):
    """Returns the tools that these scopes allow, in the order of `tools/list`."""
    return [tool for tool, required in sorted(TOOL_SCOPES.items()) if set(required) <= set(scopes)]
