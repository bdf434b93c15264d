"""MCP Inspector's command line, with the bearer token that the server prints for each role and with its own login."""

import json

from . import sample_company as company
from .browser_driver import BrowserDriver
from .processes import environment, run_command
from .servers import InternalServer

TIMEOUT = 60  # seconds


def run(report, paths):
    with InternalServer(paths, "inspector-server") as server:
        inspector = Inspector(paths, server.url, "tokens")
        report.equal("the server prints a token for each role", sorted(server.tokens), sorted(company.ROLES))
        for era in ["legacy", "modern"]:
            for role in company.ROLES:
                with report.group(f"{role}, {era}"):
                    check_role(report, inspector, server, role, era)
        finished = inspector.run("--method", "tools/list", "--stored-auth-only")
        login_required = finished.returncode != 0 and "auth_required" in finished.stderr
        report.check("reports auth_required without a token", login_required, finished)
        with report.group("login"):
            check_login(report, Inspector(paths, server.url, "login"))


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


def check_login(report, inspector):
    """Logs in through the browser, and calls a tool without another login."""
    role = "HR"
    inspector.browser.set_user(company.USER_IDS[role])
    report.equal("lists the tools of the role", inspector.list_tools(), company.tools_for(company.ROLE_SCOPES[role]))
    report.equal("the server identifies the role", inspector.whoami().get("role"), role)
    report.equal("the user logs in once", len(inspector.browser.visits()), 1)


def check_climb(report, paths, server):
    """Logs in to a server that advertises a baseline, and calls a tool that requires another scope."""
    role = "HR"
    inspector = Inspector(paths, server.url, "climb")
    inspector.browser.set_user(company.USER_IDS[role])
    report.equal("lists the tools of the baseline", inspector.list_tools(), company.tools_for(company.BASELINE))
    tool, arguments = company.STEP_UP_CALL[role]
    arguments = json.dumps(arguments)
    called = inspector.run("--method", "tools/call", "--tool-name", tool, "--tool-args-json", arguments)
    # It refreshes the token, which does not change the scopes.
    refused = called.returncode != 0 and "auth() returned AUTHORIZED without authorization code" in called.stderr
    report.check("does not step up, as measured before", refused, called)
    requested = [visit["requested"] for visit in inspector.browser.visits()]
    report.equal("the only login requests the baseline", requested, [company.BASELINE])


def first_request(paths, server, name):
    """Returns the scopes that each request of the first login has."""
    inspector = Inspector(paths, server.url, name)
    inspector.browser.set_user(company.USER_IDS["HR"])
    inspector.log_in()
    return [visit["requested"] for visit in inspector.browser.wait_for_visits(after=0)]


def result_of(finished):
    return json.loads(finished.stdout)["result"] if finished.returncode == 0 else {}


class Inspector:
    def __init__(self, paths, url, name):
        # Inspector writes files to the home folder.
        home = paths.scratch / "inspector" / name
        self.browser = BrowserDriver(home)
        self._env = environment(
            HOME=home,
            BROWSER=paths.interop / "scripted_browser.py",
            INTEROP_BROWSER_FOLDER=home,
            MCP_AUTO_OPEN_ENABLED="true",
            MCP_INSPECTOR_SECRET_STORE="file",
        )
        launcher = paths.npm_file("@modelcontextprotocol/inspector/clients/launcher/build/index.js")
        self._command = [paths.node, launcher, "--cli", url, "--transport", "http", "--format", "json"]
        # The default is a fixed port.
        self._command += ["--callback-url", "http://127.0.0.1:0/oauth/callback"]

    def run(self, *arguments):
        return run_command([*self._command, *arguments], TIMEOUT, self._env)

    def log_in(self):
        """Lists the tools, which opens the browser unless Inspector has a token."""
        return self.run("--method", "tools/list")

    def list_tools(self):
        return [tool["name"] for tool in result_of(self.log_in()).get("tools", [])]

    def whoami(self):
        """Returns the content of the `whoami` tool's result, which is empty if the call failed."""
        return result_of(self.run("--method", "tools/call", "--tool-name", "whoami")).get("structuredContent") or {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.browser.close()
