"""The scenario that each client runs for each role: log in, list and call tools, and request more scopes."""

from . import sample_company as company
from .clients import LEGACY, ClientSession


def run(report, paths, client, server):
    for role in company.ROLES:
        check_all_scopes_granted(report, paths, client, server, role)
        check_step_up(report, paths, client, server, role)


def check_all_scopes_granted(report, paths, client, server, role, run_name="matrix"):
    """Logs in without prior configuration, grants every scope of the role, and calls each of its tools."""
    scopes = company.ROLE_SCOPES[role]
    tools = company.tools_for(scopes)
    folder = paths.scratch / client.name / run_name / f"{role}-all"
    with report.group(f"{role}, all scopes granted"), ClientSession(paths, client, server.url, folder) as session:
        session.browser.set_user(company.USER_IDS[role])
        connected = session.connect()
        if not report.check("discovers the tenant, registers, logs in and connects", connected["ok"], connected):
            return
        report.equal("negotiates the expected protocol version", connected["protocol_version"], client.protocol_version)
        [visit] = session.browser.wait_for_visits(after=0)
        check_login(report, visit, server)
        report.equal("the user sees the login page and the consent page", visit["pages"], ["login", "consent"])
        report.equal("the consent page offers the scopes of the role", visit["offered"], scopes)
        unavailable = set(visit["requested"]) - set(scopes)
        report.equal("the consent page names the other requested scopes", set(visit["unavailable"]), unavailable)

        report.equal("lists the tools of the role", session.list_tools(), tools)
        whoami = session.whoami()
        report.equal("the server identifies the role", whoami.get("role"), role)
        report.equal("the token has the scopes of the role", whoami.get("scopes"), scopes)
        for tool in tools:
            check_tool(report, client, session, tool)

        if role in company.DENIED_CALL:
            check_denied_call(report, server, session, role)
        check_tool_outside_role(report, client, server, session, role)


def check_tool(report, client, session, tool):
    """Calls a tool of the role. If it needs an approval, the person approves the call on the page of the server."""
    visits = len(session.browser.visits())
    result = session.call(tool, company.TOOL_ARGUMENTS[tool])
    if tool == company.NEEDS_APPROVAL and client.protocol_version == LEGACY:
        # Without a session, the server cannot ask a client of this revision.
        asked = not result["ok"] and "/approve/" in result["error"]
        report.check(f"{tool} asks the model to show the URL of the approval", asked, result)
        return
    report.check(f"{tool} returns a result", result["ok"] and result["content"], result)
    if tool == company.NEEDS_APPROVAL:
        [visit] = session.browser.wait_for_visits(after=visits)
        report.equal(f"the person decides about {tool} on a page", visit["pages"], ["consent", "approval"])
        report.equal(f"the page shows the approval of {tool}", visit["heading"], "Approved")


def check_denied_call(report, server, session, role):
    """Calls a tool whose guard denies the call, so that no further scope would help."""
    tool, arguments = company.DENIED_CALL[role]
    calls, visits = len(server.audited_calls()), len(session.browser.visits())
    result = session.call(tool, arguments)
    denied = not result["ok"] and "not allowed" in result["error"]
    report.check(f"{tool} is denied for a ticket of another queue", denied, result)
    report.equal("the only audited outcome is denied", server.audited_calls()[calls:], [(tool, "denied")])
    report.equal("requests no scope from the user", session.browser.visits()[visits:], [])


def check_tool_outside_role(report, client, server, session, role):
    """Calls a tool that requires a scope that the role does not hold, so that the user cannot grant it."""
    tool = company.TOOL_OUTSIDE_ROLE[role]
    calls, visits = len(server.audited_calls()), len(session.browser.visits())
    result = session.call(tool, company.TOOL_ARGUMENTS[tool])
    report.check(f"{tool} is rejected", not result["ok"], result)
    outcomes = set(server.audited_calls()[calls:])
    report.equal("the only audited outcome is insufficient_scope", outcomes, {(tool, "insufficient_scope")})
    if client.steps_up:
        new_visits = session.browser.wait_for_visits(after=visits)
        scopes = company.TOOL_SCOPES[tool]
        report.check("requests the missing scope from the user", requests(scopes, new_visits), new_visits)
        report.check(
            "the consent page shows that the role does not hold the scope",
            new_visits and set(scopes) <= set(new_visits[-1]["unavailable"]),
            new_visits,
        )
        pages = new_visits and new_visits[-1]["pages"]
        report.equal("the user does not log in again", pages, ["consent"])
    report.equal("the client is still logged in", session.whoami().get("role"), role)


def check_step_up(report, paths, client, server, role, run_name="matrix"):
    """Grants one scope, receives a challenge for another, and grants that scope too."""
    scopes, (tool, arguments) = company.ROLE_SCOPES[role], company.STEP_UP_CALL[role]
    challenged = company.scopes_of_call(tool, arguments)
    folder = paths.scratch / client.name / run_name / f"{role}-one"
    with report.group(f"{role}, step-up from one scope"), ClientSession(paths, client, server.url, folder) as session:
        session.browser.set_user(company.USER_IDS[role], scopes=[company.FIRST_SCOPE])
        connected = session.connect()
        if not report.check("connects with one scope", connected["ok"], connected):
            return
        session.browser.wait_for_visits(after=0)
        report.equal("lists the tools of that scope", session.list_tools(), company.tools_for([company.FIRST_SCOPE]))

        session.browser.set_user(company.USER_IDS[role])
        calls = len(server.audited_calls())
        result = session.call(tool, arguments)
        first_call = server.audited_calls()[calls : calls + 1]
        report.equal("the call is challenged", first_call, [(tool, "insufficient_scope")])
        visits = session.browser.wait_for_visits(after=1) if client.steps_up else session.browser.visits()[1:]
        if not client.steps_up:
            report.check("does not step up, as measured before", not result["ok"] and not visits, (result, visits))
            return
        report.check("requests the scopes of the challenge from the user", requests(challenged, visits), visits)
        report.check("the call succeeds after the step-up", result["ok"] and result["content"], result)
        granted = scopes_after_step_up(client, scopes, challenged, [company.FIRST_SCOPE], company.ALL_SCOPES)
        report.equal("lists the tools of the new scopes", session.list_tools(), company.tools_for(granted))
        report.equal("the token has the requested scopes", session.whoami().get("scopes"), granted)


def scopes_after_step_up(client, role_scopes, challenged, granted, advertised):
    """Returns the scopes of the token when the user grants every requested scope that the role holds."""
    requested = {
        "all": [*advertised, *granted, *challenged],
        "granted+challenge": [*granted, *challenged],
        "challenge": challenged,
    }[client.step_up_scopes]
    return [scope for scope in role_scopes if scope in requested]


def requests(scopes, visits):
    return bool(visits) and set(scopes) <= set(visits[-1]["requested"])


def check_login(report, visit, server):
    """Checks what holds for every login, independent of the client and the role."""
    report.check("the browser reports no error", "error" not in visit, visit)
    report.equal("requests a token for this server", visit.get("resource"), server.url)
    endpoint = f"{server.auth_url}/oauth/2.1/authorize"
    report.equal("opens the tenant's authorization endpoint", visit.get("authorization_endpoint"), endpoint)
    report.check("receives an authorization code", visit.get("has_code"), visit)
