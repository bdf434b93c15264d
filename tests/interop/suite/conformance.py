"""The conformance suite's scenarios for authorization servers, against the development tenant.

Its other scenarios have other subjects: `server` ones an MCP server, `client` ones (`auth/..`) an MCP client, before
which the suite itself plays the authorization server. README.md says which of them apply here.
"""

import json
import socket
import subprocess
import urllib.request

from . import company
from .desk import Desk
from .processes import Process, environment
from .servers import InternalServer, Tenant

SCENARIOS = {"authorization-server-metadata-endpoint", "authorization-code-grant"}
ALL_WELL = {
    "authorization-server-metadata": "SUCCESS",
    "authorization-server-metadata-cimd": "SUCCESS",
    "authorization-code-grant": "SUCCESS",
}
# PropelAuth does not take client ID metadata documents, and the specification only recommends them.
AS_PROPELAUTH = {**ALL_WELL, "authorization-server-metadata-cimd": "WARNING"}


def run(report, setup):
    listed = subprocess.run([*command(setup), "list", "--authorization"], capture_output=True, text=True, timeout=60)
    names = {line.split()[1] for line in listed.stdout.splitlines() if line.startswith("  - ")}
    report.equal("these are all scenarios for authorization servers", names, SCENARIOS)

    with report.part("as PropelAuth is"), Tenant(setup, "conformance-1") as tenant:
        found = conformance(setup, "as-propelauth", tenant, f"{tenant.auth_url}/oauth/2.1")
        report.equal("the checks", found, AS_PROPELAUTH)

    flags = ["--iss-parameter", "--client-id-metadata-documents"]
    with report.part("with all that can be switched on"), Tenant(setup, "conformance-2", *flags) as tenant:
        found = conformance(setup, "all-on", tenant, f"{tenant.auth_url}/oauth/2.1")
        report.equal("the checks", found, ALL_WELL)

    with (
        report.part("the inconsistent metadata, as this server passes it on"),
        Tenant(setup, "conformance-3", "--issuer-variant", "at-root") as tenant,
        InternalServer(setup, "conformance-3", tenant) as server,
    ):
        report.equal("the checks", conformance(setup, "at-root", tenant, server.base_url), AS_PROPELAUTH)
        direct = conformance(setup, "at-root-direct", tenant, f"{tenant.auth_url}/oauth/2.1")
        report.equal("it is refused where PropelAuth serves it", direct["authorization-server-metadata"], "FAILURE")


def command(setup):
    return [setup.node, setup.package("@modelcontextprotocol/conformance/dist/index.js")]


def conformance(setup, name, tenant, issuer):
    """Runs every scenario against this issuer, with somebody at the browser. Returns the status of each check."""
    folder = setup.scratch / "conformance" / name
    desk = Desk(folder)
    desk.seat(company.PEOPLE["HR"])
    port = free_port()
    client = register(tenant, f"http://127.0.0.1:{port}/callback")
    arguments = ["authorization", "--url", issuer, "--client-id", client, "--port", port, "--output-dir", folder]
    arguments += ["--resource", "http://127.0.0.1:8000/mcp"]
    env = environment(INTEROP_DESK=folder)
    with Process([*command(setup), *arguments], folder / "suite.log", env) as suite:
        # Without usable metadata there is nothing to open.
        opened = suite.await_output(r"^(http://\S+/authorize\?\S+)$|^Test Results:|^=== SUMMARY ===")[1]
        if opened:
            subprocess.run([setup.here / "browser", opened], env=env, check=True, timeout=60)
        suite.process.wait(60)
    checks = [check for file in sorted(folder.rglob("checks.json")) for check in json.loads(file.read_text())]
    return {check["id"]: check["status"] for check in checks}


def register(tenant, redirect_uri):
    wish = {
        "client_name": "Conformance suite",
        "redirect_uris": [redirect_uri],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
    }
    request = urllib.request.Request(
        f"{tenant.auth_url}/oauth/2.1/register",
        data=json.dumps(wish).encode(),
        headers={"content-type": "application/json"},
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=10) as answer:
        return json.load(answer)["client_id"]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
