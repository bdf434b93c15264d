"""The conformance suite's scenarios for authorization servers, run against the development tenant.

README.md names the conformance suite's other scenarios and why they do not apply here.
"""

import json

from . import sample_company as company
from .browser_driver import BrowserDriver
from .processes import Server, environment, free_port, run_command
from .servers import InternalServer, Tenant

TIMEOUT = 60  # seconds
SCENARIOS = {"authorization-server-metadata-endpoint", "authorization-code-grant"}
ALL_CHECKS_PASS = {
    "authorization-server-metadata": "SUCCESS",
    "authorization-server-metadata-cimd": "SUCCESS",
    "authorization-code-grant": "SUCCESS",
}
# PropelAuth does not support client ID metadata documents, which the specification recommends but does not require.
PROPELAUTH_CHECKS = {**ALL_CHECKS_PASS, "authorization-server-metadata-cimd": "WARNING"}


def run(report, paths):
    listed = run_command([*suite_command(paths), "list", "--authorization"], TIMEOUT)
    names = {line.split()[1] for line in listed.stdout.splitlines() if line.startswith("  - ")}
    report.equal("the conformance suite has no other authorization server scenarios", names, SCENARIOS)

    with report.group("default options"), Tenant(paths, "conformance-1") as tenant:
        statuses = run_scenarios(paths, "default", tenant, f"{tenant.auth_url}/oauth/2.1")
        report.equal("the checks have the expected statuses", statuses, PROPELAUTH_CHECKS)

    flags = ["--iss-parameter", "--client-id-metadata-documents"]
    with report.group("all options"), Tenant(paths, "conformance-2", *flags) as tenant:
        statuses = run_scenarios(paths, "all-options", tenant, f"{tenant.auth_url}/oauth/2.1")
        report.equal("the checks have the expected statuses", statuses, ALL_CHECKS_PASS)

    with (
        report.group("inconsistent issuer"),
        Tenant(paths, "conformance-3", "--issuer-variant", "at-root") as tenant,
        InternalServer(paths, "conformance-3", tenant) as server,
    ):
        statuses = run_scenarios(paths, "at-root", tenant, server.base_url)
        report.equal("the checks of the metadata that toolgate serves", statuses, PROPELAUTH_CHECKS)
        statuses = run_scenarios(paths, "at-root-direct", tenant, f"{tenant.auth_url}/oauth/2.1")
        report.equal("the tenant's own metadata fails", statuses["authorization-server-metadata"], "FAILURE")


def suite_command(paths):
    return [paths.node, paths.npm_file("@modelcontextprotocol/conformance/dist/index.js")]


def run_scenarios(paths, name, tenant, issuer):
    """Runs every scenario against this issuer with the scripted browser. Returns the status of each check."""
    folder = paths.scratch / "conformance" / name
    BrowserDriver(folder).set_user(company.USER_IDS["HR"])
    port = free_port()
    client_id = tenant.register_client(f"http://127.0.0.1:{port}/callback")
    arguments = ["authorization", "--url", issuer, "--client-id", client_id, "--port", port, "--output-dir", folder]
    arguments += ["--resource", "http://127.0.0.1:8000/mcp"]
    env = environment(INTEROP_BROWSER_FOLDER=folder)
    with Server([*suite_command(paths), *arguments], folder / "suite.log", env) as suite:
        # With unusable metadata the suite prints its results without a URL to open.
        url = suite.wait_for_output(r"^(http://\S+/authorize\?\S+)$|^Test Results:|^=== SUMMARY ===")[1]
        if url:
            run_command([paths.interop / "scripted_browser.py", url], TIMEOUT, env, check=True)
        suite.process.wait(TIMEOUT)
    checks = [check for file in sorted(folder.rglob("checks.json")) for check in json.loads(file.read_text())]
    return {check["id"]: check["status"] for check in checks}
