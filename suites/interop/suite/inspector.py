"""MCP Inspector's command line with the bearer token that the server prints for each role."""

import json

from . import sample_company as company
from .processes import environment, run_command
from .servers import InternalServer

TIMEOUT = 60  # seconds


def run(report, paths):
    with InternalServer(paths, "inspector-server") as server:
        inspector = Inspector(paths, server.url)
        report.equal("the server prints a token for each role", sorted(server.tokens), sorted(company.ROLES))
        for era in ["legacy", "modern"]:
            for role in company.ROLES:
                with report.group(f"{role}, {era}"):
                    check_role(report, inspector, server, role, era)
        finished = inspector.run("--method", "tools/list", "--stored-auth-only")
        login_required = finished.returncode != 0 and "auth_required" in finished.stderr
        report.check("reports auth_required without a token", login_required, finished)


def check_role(report, inspector, server, role, era):
    options = ["--header", f"Authorization: Bearer {server.tokens[role]}", "--protocol-era", era]
    listed = inspector.run("--method", "tools/list", *options)
    names = [tool["name"] for tool in result_of(listed).get("tools", [])]
    report.equal("lists the tools of the role", names, company.tools_for(company.ROLE_SCOPES[role]))

    def call(tool, arguments):
        arguments = json.dumps(arguments)
        return inspector.run("--method", "tools/call", "--tool-name", tool, "--tool-args-json", arguments, *options)

    tool, arguments = company.STEP_UP_CALL[role]
    called = call(tool, arguments)
    report.check(f"{tool} returns a result", result_of(called).get("structuredContent"), called)

    # Inspector lists the tools before a call and does not send a call of an unlisted tool, so it is never challenged.
    tool = company.TOOL_OUTSIDE_ROLE[role]
    calls = len(server.audited_calls())
    rejected = call(tool, company.TOOL_ARGUMENTS[tool])
    not_found = rejected.returncode != 0 and "tool_not_found" in rejected.stderr
    report.check(f"{tool} is reported as tool_not_found", not_found, rejected)
    report.equal(f"no call of {tool} is sent", server.audited_calls()[calls:], [])


def result_of(finished):
    return json.loads(finished.stdout)["result"] if finished.returncode == 0 else {}


class Inspector:
    def __init__(self, paths, url):
        # Inspector writes files to the home folder.
        home = paths.scratch / "inspector"
        home.mkdir()
        self._env = environment(HOME=home)
        launcher = paths.npm_file("@modelcontextprotocol/inspector/clients/launcher/build/index.js")
        self._command = [paths.node, launcher, "--cli", url, "--transport", "http", "--format", "json"]

    def run(self, *arguments):
        return run_command([*self._command, *arguments], TIMEOUT, self._env)
