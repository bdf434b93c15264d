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
        "ticket:write:close",
        "ticket:write:update",
    ],
}
ROLES = list(ROLE_SCOPES)
ALL_SCOPES = sorted({scope for scopes in ROLE_SCOPES.values() for scope in scopes})

# Scopes that each tool requires for every call.
TOOL_SCOPES = {
    "analytics_query": ["analytics:read:all"],
    "annual_report": ["analytics:read:all", "finance:read:revenue"],
    "customer_contact": ["customers:read:summary", "customers:read:contact"],
    "customer_summary": ["customers:read:summary"],
    "employee_information_private": ["employees:read:private"],
    "employee_information_public": ["employees:read:public"],
    "employee_search": ["employees:read:public"],
    "payroll_export": ["payroll:read:all"],
    "payroll_summary": ["payroll:read:all"],
    "repository_read": ["code:read:repositories"],
    "repository_search": ["code:read:repositories"],
    "revenue_report": ["finance:read:revenue"],
    "ticket_list": ["ticket:read:all"],
    "ticket_update": ["ticket:write:update"],
    "whoami": [],
}

# Further scopes of the calls with a certain value of an argument.
CONDITIONAL_SCOPES = [
    ("employee_information_private", "with_salary", True, "payroll:read:all"),
    ("ticket_update", "status", "closed", "ticket:write:close"),
]

# Arguments of a successful call of each tool. Sanna, the user with the role Support, may update tickets of the queue
# `product`, which have odd numbers.
TOOL_ARGUMENTS = {
    "analytics_query": {"metric": "daily_active_users", "from": "2026-07-01", "to": "2026-07-07"},
    "annual_report": {"year": 2025},
    "customer_contact": {"customer_id": "cus_0007"},
    "customer_summary": {"customer_id": "cus_0007"},
    "employee_information_private": {"employee_id": "emp_0042"},
    "employee_information_public": {"employee_id": "emp_0042"},
    "employee_search": {"query": "an", "limit": 3},
    "payroll_export": {"year": 2026, "month": 8},
    "payroll_summary": {"year": 2026, "month": 8},
    "repository_read": {"path": "README.md"},
    "repository_search": {"query": "client", "limit": 2},
    "revenue_report": {"quarter": "2026-Q2"},
    "ticket_list": {},
    "ticket_update": {"ticket_id": "tkt_0003", "status": "closed", "comment": "Seen by the interoperability tests."},
    "whoami": {},
}

# A tool whose calls a person approves on a page of the server.
NEEDS_APPROVAL = "payroll_export"

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

# A call that requires other scopes of the role than `FIRST_SCOPE`. Those of HR depend on the arguments, too.
STEP_UP_CALL = {
    "Management": ("revenue_report", TOOL_ARGUMENTS["revenue_report"]),
    "HR": ("employee_information_private", {"employee_id": "emp_0042", "with_salary": True}),
    "Engineering": ("repository_search", TOOL_ARGUMENTS["repository_search"]),
    "Support": ("customer_contact", TOOL_ARGUMENTS["customer_contact"]),
}
FIRST_SCOPE = "employees:read:public"

# Scopes that a server advertises in the checks of a baseline. They list the tool of `STEP_UP_CALL["HR"]`, whose arguments
# require another scope, because some clients call only listed tools.
BASELINE = ["employees:read:private", "employees:read:public"]

# A call that the guard of the tool denies to the user with the role: the ticket is in the queue of another agent.
DENIED_CALL = {
    "Support": ("ticket_update", {"ticket_id": "tkt_0004", "status": "waiting", "comment": "Not in this queue."}),
}


def scopes_of_call(tool, arguments):
    """Returns the scopes that a call requires."""
    conditional = [
        scope
        for conditional_tool, argument, value, scope in CONDITIONAL_SCOPES
        if conditional_tool == tool and arguments.get(argument) == value
    ]
    return TOOL_SCOPES[tool] + conditional


def tools_for(scopes):
    """Returns the tools that these scopes allow, in the order of `tools/list`."""
    return [tool for tool, required in sorted(TOOL_SCOPES.items()) if set(required) <= set(scopes)]
