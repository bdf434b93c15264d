"""MCP Inspector's command line with a bearer token, as the server prints one for each role."""

import json
import subprocess

from . import company
from .processes import environment
from .servers import InternalServer

TIMEOUT = 60  # seconds


def run(report, setup):
    with InternalServer(setup, "inspector-server") as server:
        inspector = Inspector(setup, server.url)
        report.equal("the server prints a token for each role", sorted(server.tokens), sorted(company.ROLES))
        for era in ["legacy", "modern"]:
            for role in company.ROLES:
                with report.part(f"{role}, {era}"):
                    one_role(report, inspector, server, role, era)
        answer = inspector.ask("--method", "tools/list", "--stored-auth-only")
        said = answer.returncode != 0 and "auth_required" in answer.stderr
        report.check("without a token it says that a login is needed", said, answer)


def one_role(report, inspector, server, role, era):
    header = ["--header", f"Authorization: Bearer {server.tokens[role]}", "--protocol-era", era]
    listed = inspector.ask("--method", "tools/list", *header)
    names = [tool["name"] for tool in result(listed).get("tools", [])]
    report.equal("the list is the role's", names, company.tools_of(company.SCOPES[role]))

    def call(tool):
        arguments = json.dumps(company.ARGUMENTS[tool])
        return inspector.ask("--method", "tools/call", "--tool-name", tool, "--tool-args-json", arguments, *header)

    tool = company.STEP_UP[role]
    called = call(tool)
    report.check(f"{tool} answers", result(called).get("structuredContent"), called)

    # It looks into the list first and does not send what is not in there, so it is never challenged.
    tool = company.FORBIDDEN[role]
    calls = len(server.calls())
    refused = call(tool)
    report.check(f"{tool} is not found", refused.returncode != 0 and "tool_not_found" in refused.stderr, refused)
    report.equal(f"{tool} is not even asked for", server.calls()[calls:], [])


def result(answer):
    return json.loads(answer.stdout)["result"] if answer.returncode == 0 else {}


class Inspector:
    def __init__(self, setup, url):
        home = setup.scratch / "inspector"
        home.mkdir()
        # It keeps files in the home folder.
        self.env = environment(HOME=home)
        launcher = setup.package("@modelcontextprotocol/inspector/clients/launcher/build/index.js")
        self.command = [setup.node, launcher, "--cli", url, "--transport", "http", "--format", "json"]

    def ask(self, *arguments):
        return subprocess.run(
            [*self.command, *arguments],
            capture_output=True,
            text=True,
            env=self.env,
            stdin=subprocess.DEVNULL,
            timeout=TIMEOUT,
        )
