"""The server and the tenant restart while clients are logged in: each client continues without a new login."""

from contextlib import ExitStack, contextmanager

from . import sample_company as company
from .claude_code import ClaudeCode
from .clients import ClientSession, clients_under_test
from .inspector import Inspector
from .processes import free_port
from .servers import TENANT_PORT_DISTANCE, InternalServer, Tenant

CLIENTS = ["fastmcp", "sdk-v1", "sdk-v2", "sdk-v2-modern", "rmcp", "rmcp-modern"]
ROLE = "HR"


def run(report, paths):
    for name, servers in [("separate tenant", separate_tenant), ("embedded tenant", embedded_tenant)]:
        with report.group(name):
            check_restart(report, paths, name, servers)


def check_restart(report, paths, name, servers):
    folder, ports = f"restart-{name}".replace(" ", "-"), [free_port(), free_port(TENANT_PORT_DISTANCE)]
    with ExitStack() as stack:
        with servers(paths, folder, ports, "before.log") as server:
            clients = {name: stack.enter_context(client) for name, client in new_clients(paths, server, folder)}
            for name, client in clients.items():
                client.browser.set_user(company.USER_IDS[ROLE])
                logged_in = client.log_in()
                report.check(f"{name} is logged in before the restart", role_of(client) == ROLE, logged_in)
        with servers(paths, folder, ports, "after.log"):
            for name, client in clients.items():
                report.equal(f"{name} continues after the restart", role_of(client), ROLE)
                report.equal(f"{name} opened the browser once", len(client.browser.visits()), 1)


@contextmanager
def separate_tenant(paths, folder, ports, log):
    tenant_port, server_port = ports
    data = paths.scratch / folder / "tenant.jsonl"
    with (
        Tenant(paths, folder, "--data", data, port=tenant_port) as tenant,
        InternalServer(paths, folder, tenant, port=server_port, log=log) as server,
    ):
        yield server


def embedded_tenant(paths, folder, ports, log):
    return InternalServer(paths, folder, port=ports[1], log=log)


def new_clients(paths, server, folder):
    for name in CLIENTS:
        client = clients_under_test(paths)[name]
        yield name, ClientSession(paths, client, server.url, paths.scratch / name / folder)
    yield "claude-code", ClaudeCode(paths, server.url, paths.scratch / "claude-code" / folder)
    yield "inspector", Inspector(paths, server.url, folder)


def role_of(client):
    return client.whoami().get("role")
