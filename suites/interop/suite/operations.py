"""Operations of every kind with each client, against the server in `server`, under scopes."""

import base64
from dataclasses import replace

from .clients import ClientSession, clients_under_test
from .servers import OperationsServer

CLIENTS = ["fastmcp", "fastmcp-legacy", "sdk-v1", "sdk-v2", "sdk-v2-modern", "rmcp", "rmcp-modern"]

# The person in `server/tenant.toml`, and what the scopes of their role allow.
USER_ID = "5a3e1f00-0000-4000-8000-000000000501"
RESOURCES = ["company://handbook", "company://logo"]
TEMPLATES = ["company://employees/{employee_id}"]
PROMPTS = ["welcome"]

HANDBOOK, EMPLOYEE, PAYROLL = "company://handbook", "company://employees/emp_0002", "company://payroll"
LIST_CHANGES = [f"notifications/{kind}/list_changed" for kind in ("prompts", "resources", "tools")]
VACATION = {"days": 5, "paid": True}


def run(report, paths):
    clients = clients_under_test(paths)
    for name in CLIENTS:
        client, folder = clients[name], paths.scratch / "operations" / name
        client = replace(client, options=client.options | {"tasks": client.runs_tasks})
        with report.group(name), OperationsServer(paths, f"operations/{name}") as server:
            check_all_scopes_granted(report, paths, client, server, folder / "all")
            check_step_up(report, paths, client, server, folder / "one")


def check_all_scopes_granted(report, paths, client, server, folder):
    with ClientSession(paths, client, server.url, folder) as session:
        session.browser.set_user(USER_ID)
        connected = session.connect()
        if not report.check("connects", connected["ok"], connected):
            return
        report.equal("negotiates the expected protocol version", connected["protocol_version"], client.protocol_version)
        check_resources(report, session)
        check_prompts(report, session)
        check_completion(report, session)
        check_notifications(report, session)
        check_subscription_outside_role(report, session)
        check_forms(report, session)
        check_approvals(report, server, session)
        if client.runs_tasks:
            check_tasks(report, server, session)
        else:
            result = session.call("report", {})
            report.equal("calls a tool without a task", result.get("content"), {"employees": 3})
        check_outside_role(report, client, server, session)


def check_resources(report, session):
    listed = session.request("list_resources")
    report.equal("lists the resources of the role", listed.get("resources"), RESOURCES)
    report.equal("lists the templates of the role", listed.get("templates"), TEMPLATES)
    handbook = session.request("read", uri=HANDBOOK)
    report.equal("reads a text", handbook.get("text"), "We work from 9 to 5.")
    report.equal("knows the media type", handbook.get("mime_type"), "text/markdown")
    logo = session.request("read", uri="company://logo")
    report.equal("reads bytes", base64.b64decode(logo.get("blob", "")), b"\xff\x00\xfe\x80")
    employee = session.request("read", uri=EMPLOYEE)
    report.equal("reads a resource of a template", employee.get("text"), '{"employee_id":"emp_0002","name":"Grace"}')
    unknown = session.request("read", uri="company://employees/emp_9999")
    report.check("reports a resource that does not exist", "not found" in unknown.get("error", ""), unknown)


def check_prompts(report, session):
    report.equal("lists the prompts of the role", session.request("list_prompts").get("prompts"), PROMPTS)
    prompt = session.request("get_prompt", prompt="welcome", arguments={"employee_id": "emp_0001", "tone": "formal"})
    report.equal("gets a prompt with arguments", prompt.get("messages"), ["Write a formal welcome for Ada."])


def check_completion(report, session):
    by_function = session.request("complete", prompt="welcome", argument="employee_id", value="emp_000")
    report.equal("completes an argument by a function", by_function.get("values"), ["emp_0001", "emp_0002"])
    by_type = session.request("complete", prompt="welcome", argument="tone", value="fo")
    report.equal("completes an argument by its type", by_type.get("values"), ["formal"])
    variable = session.request("complete", template=TEMPLATES[0], argument="employee_id", value="emp_001")
    report.equal("completes a variable of a template", variable.get("values"), ["emp_0010"])


def check_notifications(report, session):
    subscribed = session.request("subscribe", uri=HANDBOOK)
    report.equal("subscribes to a resource", subscribed.get("accepted"), [HANDBOOK])
    check_update(report, session, "The first change.")
    for is_published, change in ((True, "appear"), (False, "disappear")):
        session.call("announcement_publish", {"is_published": is_published})
        received = session.request("receive_notifications", count=len(LIST_CHANGES)).get("notifications", [])
        methods = sorted(notification["method"] for notification in received)
        report.equal(f"is notified when operations {change}", methods, LIST_CHANGES)
        prompts = session.request("list_prompts").get("prompts")
        report.equal(f"the prompt is in the list: {is_published}", "explain_announcement" in prompts, is_published)
    check_update(report, session, "The second change.")


def check_update(report, session, text):
    """Changes the handbook. The next notification is the one about it, so no earlier change caused another one."""
    session.call("handbook_write", {"text": text})
    received = session.request("receive_notifications", count=1).get("notifications")
    report.equal(f"is notified: {text}", received, [{"method": "notifications/resources/updated", "uri": HANDBOOK}])
    report.equal(f"reads: {text}", session.request("read", uri=HANDBOOK).get("text"), text)


def check_subscription_outside_role(report, session):
    """2026-07-28 acknowledges the subscription without the resource. 2025-11-25 has the error of an unknown resource."""
    for uri in (PAYROLL, "company://unknown"):
        subscribed = session.request("subscribe", uri=uri)
        rejected = "not found" in subscribed.get("error", "") or not subscribed.get("accepted", [uri])
        report.check(f"does not subscribe to {uri}", rejected, subscribed)


def check_forms(report, session):
    arguments = {"employee_id": "emp_0001"}
    result = session.request("call", tool="vacation_record", arguments=arguments, answer=VACATION)
    report.equal("fills in a form", result.get("content"), arguments | VACATION)
    report.equal("shows the question once", result.get("asked"), ["How long is the vacation of emp_0001?"])
    declined = session.request("call", tool="vacation_record", arguments=arguments)
    report.check("declines a form", "declined" in declined.get("error", ""), declined)


def check_approvals(report, server, session):
    arguments = {"year": 2025}
    calls, visits = len(server.audited_calls()), len(session.browser.visits())
    result = session.request("call", tool="announcements_delete", arguments=arguments)
    report.equal("runs a tool that a person approved", result.get("content"), arguments)
    report.equal("shows the reason for the approval once", len(result.get("asked", [])), 1)
    [visit] = session.browser.wait_for_visits(after=visits)
    report.equal("the person logs in at the server and decides", visit["pages"], ["consent", "approval"])
    report.equal("the page shows the approval", visit["heading"], "Approved")
    outcomes = [("announcements_delete", outcome) for outcome in ("approval_required", "approval_given", "completed")]
    report.equal("the audit log has the approval", server.audited_calls()[calls:], outcomes)

    session.browser.set_user(USER_ID, approval="decline")
    result = session.request("call", tool="announcements_delete", arguments=arguments)
    report.check("does not run a tool that a person declined", "declined" in result.get("error", ""), result)
    [visit] = session.browser.wait_for_visits(after=visits + 1)
    report.equal("the page shows the decision", visit["heading"], "Declined")
    session.browser.set_user(USER_ID)


def check_tasks(report, server, session):
    calls = len(server.audited_calls())
    result = session.request("call_task", tool="report", arguments={})
    outcomes = [("report", "task_created"), ("report", "completed")]
    report.equal("the server creates a task", server.audited_calls()[calls:], outcomes)
    report.equal("runs a task", (result.get("kind"), result.get("content")), ("task", {"employees": 3}))
    result = session.request("call_task", tool="vacation_report", arguments={}, answer=VACATION)
    report.equal("fills in the form of a task", result.get("content"), {"employee_id": "emp_0001"} | VACATION)
    report.equal("shows the question of the task once", result.get("asked"), ["How long is the vacation?"])


def check_outside_role(report, client, server, session):
    """Requests a resource and a prompt whose scope the role does not hold, so that the user cannot grant it."""
    requests = {PAYROLL: ("read", {"uri": PAYROLL})}
    requests["payroll_review"] = ("get_prompt", {"prompt": "payroll_review", "arguments": {}})
    for name, (command, arguments) in requests.items():
        calls, visits = len(server.audited_calls()), len(session.browser.visits())
        result = session.request(command, **arguments)
        report.check(f"{name} is rejected", not result["ok"], result)
        outcomes = set(server.audited_calls()[calls:])
        report.equal(f"the only outcome of {name}", outcomes, {(name, "insufficient_scope")})
        if client.steps_up:
            new_visits = session.browser.wait_for_visits(after=visits)
            unavailable = new_visits and "payroll:read" in new_visits[-1]["unavailable"]
            report.check(f"the consent page for {name} shows that the role lacks the scope", unavailable, new_visits)
    report.equal("the client is still logged in", session.request("list_prompts").get("prompts"), PROMPTS)


def check_step_up(report, paths, client, server, folder):
    """Grants one scope, and reads a resource and gets a prompt that require another one."""
    with ClientSession(paths, client, server.url, folder) as session:
        session.browser.set_user(USER_ID, scopes=["handbook:read"])
        connected = session.connect()
        if not report.check("connects with one scope", connected["ok"], connected):
            return
        session.browser.wait_for_visits(after=0)
        listed = session.request("list_resources")
        report.equal("lists the resources of one scope", listed.get("resources"), RESOURCES)
        report.equal("lists no template without its scope", listed.get("templates"), [])
        report.equal("lists no prompt without its scope", session.request("list_prompts").get("prompts"), [])

        session.browser.set_user(USER_ID)
        calls = len(server.audited_calls())
        employee = session.request("read", uri=EMPLOYEE)
        first_call = server.audited_calls()[calls : calls + 1]
        report.equal("the first read is challenged", first_call, [(TEMPLATES[0], "insufficient_scope")])
        if not client.steps_up:
            report.check("does not step up, as measured before", not employee["ok"], employee)
            return
        report.check("reads the resource after the step-up", "Grace" in employee.get("text", ""), employee)
        prompt = session.request("get_prompt", prompt="welcome", arguments={"employee_id": "emp_0002"})
        report.equal("gets the prompt afterwards", prompt.get("messages"), ["Write a friendly welcome for Grace."])
        report.equal("lists the prompts afterwards", session.request("list_prompts").get("prompts"), PROMPTS)
