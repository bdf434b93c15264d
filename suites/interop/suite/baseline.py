"""A server that advertises a baseline of scopes, and how each client gets the other scopes that its calls require.

The sample server advertises all its scopes, so a proxy in front of it makes it advertise the baseline.
"""

import json
from contextlib import contextmanager

from . import claude_code, inspector, inspector_web
from . import sample_company as company
from .clients import ClientSession, clients_under_test
from .processes import Server, environment, free_port
from .scenario import scopes_after_step_up
from .servers import TENANT_PORT_DISTANCE, InternalServer

CLIENTS = ["fastmcp", "sdk-v1", "sdk-v1-no-refresh", "sdk-v2", "sdk-v2-modern", "rmcp", "rmcp-modern"]
ROLE = "HR"


def run(report, paths):
    clients = [clients_under_test(paths)[name] for name in CLIENTS]
    with baseline_server(paths, "baseline", challenge=company.BASELINE, metadata=company.BASELINE) as server:
        for client in clients:
            with report.group(client.name):
                check_climb(report, paths, client, server)
        with report.group("claude-code"):
            claude_code.check_climb(report, paths, server)
        with report.group("inspector"):
            inspector.check_climb(report, paths, server)
        with report.group("inspector-web"):
            inspector_web.check_climb(report, paths, server)
    for part in ["challenge", "metadata"]:
        with (
            report.group(f"only in the {part}"),
            baseline_server(paths, f"baseline-{part}", **{part: company.BASELINE}) as server,
        ):
            check_first_requests(report, paths, clients, server, part)


class BaselineProxy(Server):
    """`baseline_proxy.mjs` with these options, in front of the server on this port."""

    def __init__(self, paths, name, port, options):
        command = [paths.node, paths.interop / "baseline_proxy.mjs", f"http://127.0.0.1:{port}", json.dumps(options)]
        super().__init__(command, paths.scratch / name / "proxy.log", environment())
        self.url = self.wait_for_output(r"^(http://\S+)$")[1]


@contextmanager
def baseline_server(paths, name, **options):
    port = free_port(TENANT_PORT_DISTANCE)
    with (
        BaselineProxy(paths, name, port, options) as proxy,
        InternalServer(paths, name, port=port, public_url=proxy.url) as server,
    ):
        yield server


def check_climb(report, paths, client, server):
    """Logs in with the baseline, and calls a tool that requires another scope."""
    tool, arguments = company.STEP_UP_CALL[ROLE]
    scopes, challenged = company.ROLE_SCOPES[ROLE], company.scopes_of_call(tool, arguments)
    with log_in(report, paths, client, server, "climb") as session:
        report.equal("lists the tools of the baseline", session.list_tools(), company.tools_for(company.BASELINE))
        result = session.call(tool, arguments)
        if client.steps_up:
            [visit] = session.browser.wait_for_visits(after=1)
            granted = scopes_after_step_up(client, scopes, challenged, company.BASELINE, company.BASELINE)
            report.equal("requests the expected scopes from the user", visit["requested"], granted)
            report.check("the call succeeds after the step-up", result["ok"] and result["content"], result)
            report.equal("the token has the requested scopes", session.whoami().get("scopes"), granted)
            return
        visits = session.browser.visits()[1:]
        report.check("does not step up, as measured before", not result["ok"] and not visits, (result, visits))
    with log_in(report, paths, client, server, "climb-again") as session:
        [visit] = session.browser.visits()
        report.equal("a new login requests the baseline again", visit["requested"], company.BASELINE)


@contextmanager
def log_in(report, paths, client, server, name):
    with ClientSession(paths, client, server.url, paths.scratch / client.name / name) as session:
        session.browser.set_user(company.USER_IDS[ROLE])
        connected = session.connect()
        report.check("connects", connected["ok"], connected)
        [visit] = session.browser.wait_for_visits(after=0)
        report.equal("the first login requests the baseline", visit["requested"], company.BASELINE)
        yield session


def check_first_requests(report, paths, clients, server, part):
    """Checks which scopes each client requests first if only the challenge or only the metadata names the baseline."""
    name = f"first-request-{part}"
    for client in clients:
        folder = paths.scratch / client.name / name
        with ClientSession(paths, client, server.url, folder) as session:
            session.browser.set_user(company.USER_IDS[ROLE])
            session.connect()
            requested = [visit["requested"] for visit in session.browser.wait_for_visits(after=0)]
        expected = company.BASELINE if part == "metadata" or client.reads_challenge else company.ALL_SCOPES
        report.equal(f"{client.name} requests the expected scopes", requested, [expected])
    expected = company.BASELINE if part == "metadata" else company.ALL_SCOPES
    for client in [claude_code, inspector]:
        requested = client.first_request(paths, server, name)
        report.equal(f"{client.__name__} requests the expected scopes", requested, [expected])
