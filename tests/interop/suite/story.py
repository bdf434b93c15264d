"""What every client has to live through, once for each role."""

from . import company
from .client import Session


def everything_granted(report, setup, client, server, role, run="matrix"):
    """Logs in without having configured anything, grants all that the role can, and uses it."""
    scopes = company.SCOPES[role]
    with report.part(f"{role}, everything granted"), Session(
        setup, client, server.url, setup.scratch / client.name / run / f"{role}-all"
    ) as session:
        session.desk.seat(company.PEOPLE[role])
        connected = session.connect()
        if not report.check("it discovers, registers, logs in and connects", connected["ok"], connected):
            return
        report.equal("the protocol revision", connected["protocol"], client.protocol)
        [visit] = session.desk.visits_after(0)
        check_visit(report, visit, server)
        report.equal("the person sees the login page and the consent page", visit["pages"], ["login", "consent"])
        report.equal("the person can grant what the role holds", visit["offered"], scopes)
        report.equal("the rest is shown as not theirs to grant", set(visit["refused"]), set(visit["asked"]) - set(scopes))

        report.equal("the list is the role's", session.list().get("tools"), company.tools_of(scopes))
        whoami = session.call("whoami", {})
        report.equal("the server knows the role", (whoami.get("content") or {}).get("role"), role)
        report.equal("the token has the role's scopes", (whoami.get("content") or {}).get("scopes"), scopes)
        for tool in company.tools_of(scopes):
            answer = session.call(tool, company.ARGUMENTS[tool])
            report.check(f"{tool} answers", answer["ok"] and answer["content"], answer)

        beyond_the_role(report, client, server, session, role)


def beyond_the_role(report, client, server, session, role):
    """Calls a tool that the role can never call: nobody can grant its scope."""
    tool = company.FORBIDDEN[role]
    calls, visits = len(server.calls()), len(session.desk.visits())
    answer = session.call(tool, company.ARGUMENTS[tool])
    report.check(f"{tool} is refused", not answer["ok"], answer)
    answered = set(server.calls()[calls:])
    report.equal("it is answered with insufficient_scope only", answered, {(tool, "insufficient_scope")})
    if client.steps_up:
        visited = session.desk.visits_after(visits)
        report.check("it asks the person for the scope", asks_for(visited, tool), visited)
        report.check(
            "the person is told that it is not theirs to grant",
            visited and set(company.TOOLS[tool]) <= set(visited[-1]["refused"]),
            visited,
        )
        report.equal("the person was not asked who they are again", visited and visited[-1]["pages"], ["consent"])
    answer = session.call("whoami", {})
    report.equal("the client is still logged in", (answer.get("content") or {}).get("role"), role)


def one_scope_granted(report, setup, client, server, role, run="matrix"):
    """Grants one scope only, is challenged for another, and grants that."""
    scopes, tool = company.SCOPES[role], company.STEP_UP[role]
    with report.part(f"{role}, one scope granted, then more"), Session(
        setup, client, server.url, setup.scratch / client.name / run / f"{role}-one"
    ) as session:
        session.desk.seat(company.PEOPLE[role], tick=[company.FIRST_SCOPE])
        connected = session.connect()
        if not report.check("it connects with one scope", connected["ok"], connected):
            return
        session.desk.visits_after(0)
        report.equal("the list is that scope's", session.list().get("tools"), company.tools_of([company.FIRST_SCOPE]))

        session.desk.seat(company.PEOPLE[role])
        calls = len(server.calls())
        answer = session.call(tool, company.ARGUMENTS[tool])
        report.equal("the call is challenged", server.calls()[calls : calls + 1], [(tool, "insufficient_scope")])
        visited = session.desk.visits_after(1) if client.steps_up else session.desk.visits()[1:]
        if not client.steps_up:
            report.check("it cannot step up, as measured before", not answer["ok"] and not visited, (answer, visited))
            return
        report.check("it asks the person for the scopes of the challenge", asks_for(visited, tool), visited)
        report.check("the call succeeds after the step-up", answer["ok"] and answer["content"], answer)
        held = scopes_after_step_up(client, scopes, tool)
        report.equal("the list is that of the new scopes", session.list().get("tools"), company.tools_of(held))
        whoami = session.call("whoami", {})
        report.equal("it holds the scopes that it asked for", (whoami.get("content") or {}).get("scopes"), held)


def scopes_after_step_up(client, scopes, tool):
    """What the token holds when the person has allowed all that was asked for and is theirs."""
    asked = {
        "all": company.ALL_SCOPES,
        "granted": [company.FIRST_SCOPE, *company.TOOLS[tool]],
        "challenge": company.TOOLS[tool],
    }[client.asks]
    return [scope for scope in scopes if scope in asked]


def asks_for(visits, tool):
    return bool(visits) and set(company.TOOLS[tool]) <= set(visits[-1]["asked"])


def check_visit(report, visit, server):
    """What holds of every login, whoever logs in."""
    report.check("the browser has no problem", "problem" not in visit, visit)
    report.equal("it asks for a token for this server", visit.get("resource"), server.url)
    endpoint = f"{server.auth_url}/oauth/2.1/authorize"
    report.equal("the browser is sent to the tenant", visit.get("authorization_endpoint"), endpoint)
    report.check("the application gets a code", visit.get("code"), visit)


def run(report, setup, client, server):
    for role in company.ROLES:
        everything_granted(report, setup, client, server, role)
        one_scope_granted(report, setup, client, server, role)
