"""Claude Code from npm, with an empty home folder and no connection beyond loopback.

`scripted_model.py` replaces the model, so that Claude Code's own MCP client lists and calls the tools.
"""

import contextlib
import json
import os
import tempfile
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from . import sample_company as company
from .browser_driver import BrowserDriver
from .http_server import HttpServer
from .processes import Server, environment, run_command, run_in_terminal
from .servers import InternalServer

TIMEOUT = 60  # seconds
# Name of the MCP server in Claude Code's configuration.
NAME = "company"
SWITCHES = {
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "DISABLE_AUTOUPDATER": "1",
    "DISABLE_ERROR_REPORTING": "1",
    "DISABLE_TELEMETRY": "1",
    # Offers every tool to the model at the start, instead of a search for tools.
    "ENABLE_TOOL_SEARCH": "false",
    # Waits for the MCP server before the first request to the model.
    "MCP_CONNECTION_NONBLOCKING": "false",
}


def run(report, paths):
    with InternalServer(paths, "claude-code-server") as server:
        for role in company.ROLES:
            with report.group(role):
                check_role(report, paths, server, role)


def check_role(report, paths, server, role):
    """Adds the server, logs in, and calls each tool of the role."""
    tools = company.tools_for(company.ROLE_SCOPES[role])
    with ClaudeCode(paths, server.url, paths.scratch / "claude-code" / role) as claude:
        claude.browser.set_user(company.USER_IDS[role])
        report.equal("needs a login at first", claude.status(), "! Needs authentication")
        check_login(report, claude, "all", company.ALL_SCOPES)
        report.equal("is connected after the login", claude.status(), "✔ Connected")

        session = claude.use([(tool, company.TOOL_ARGUMENTS[tool]) for tool in tools])
        report.equal("offers the tools of the role to the model", session.tools, tools)
        for tool, result in zip(tools, session.results, strict=True):
            if tool == company.NEEDS_APPROVAL:
                report.check(f"{tool} is not approved without a person", "was dismissed" in result.text, result)
            else:
                report.check(f"{tool} returns a result", result.structured_content, result)
        report.equal("the server identifies the role", claude.whoami().get("role"), role)

        calls = len(server.audited_calls())
        tool = company.TOOL_OUTSIDE_ROLE[role]
        [result] = claude.use([(tool, company.TOOL_ARGUMENTS[tool])]).results
        report.check(f"{tool} is reported as not available", "No such tool available" in result.text, result)
        report.equal(f"no call of {tool} is sent", server.audited_calls()[calls:], [])
        report.equal("requests no connection beyond loopback", claude.proxy.requests, [])


def check_climb(report, paths, server):
    """Logs in to a server that advertises a baseline, and calls a tool that requires another scope."""
    role = "HR"
    step_up_call = company.STEP_UP_CALL[role]
    with ClaudeCode(paths, server.url, paths.scratch / "claude-code" / "climb") as claude:
        claude.browser.set_user(company.USER_IDS[role])
        check_login(report, claude, "the baseline", company.BASELINE)

        unlisted = ("payroll_summary", company.TOOL_ARGUMENTS["payroll_summary"])
        calls = len(server.audited_calls())
        [result] = claude.use([unlisted]).results
        report.check("does not call an unlisted tool", "No such tool available" in result.text, result)
        report.equal("no call of the unlisted tool is sent", server.audited_calls()[calls:], [])
        check_login(report, claude, "the baseline again", company.BASELINE)

        [result] = claude.use([step_up_call]).results
        asks = "needs additional permissions" in result.text and "payroll:read:all" in result.text
        report.check("asks the user to log in again", asks, result)
        report.equal("does not open the browser by itself", len(claude.browser.visits()), 2)
        check_login(report, claude, "the granted scopes and those of the challenge", company.ROLE_SCOPES[role])
        [result] = claude.use([step_up_call]).results
        report.check("the call succeeds after the login", result.structured_content, result)
        report.equal("the token has the requested scopes", claude.whoami().get("scopes"), company.ROLE_SCOPES[role])


def first_request(paths, server, name):
    """Returns the scopes that each request of the first login has."""
    with ClaudeCode(paths, server.url, paths.scratch / "claude-code" / name) as claude:
        claude.browser.set_user(company.USER_IDS["HR"])
        claude.log_in()
        return [visit["requested"] for visit in claude.browser.wait_for_visits(after=0)]


def check_login(report, claude, requested, scopes):
    visits = len(claude.browser.visits())
    code, output = claude.log_in()
    report.equal(f"`claude mcp login` ends with success, for {requested}", code, 0)
    new = [visit["requested"] for visit in claude.browser.wait_for_visits(after=visits)]
    report.check(f"the login requests {requested}", new == [scopes], (new, output))


@dataclass(frozen=True)
class Result:
    """Result of a tool as Claude Code passes it to the model."""

    text: str
    structured_content: dict | None


@dataclass(frozen=True)
class Session:
    # Tools of the MCP server that the model can use.
    tools: list
    results: list


class ClaudeCode:
    """A new installation of Claude Code with one MCP server in its configuration."""

    def __init__(self, paths, url, folder):
        self.browser = BrowserDriver(folder)
        self._resources = contextlib.ExitStack()
        # Outside of the repository, whose settings Claude Code would read.
        self._home = Path(self._resources.enter_context(tempfile.TemporaryDirectory(prefix="interop-claude-code-")))
        self.proxy = self._resources.enter_context(RefusingProxy())
        model = Server([paths.python, paths.interop / "scripted_model.py"], folder / "model.log", environment())
        self._resources.enter_context(model)
        # No variable of the user's own Claude Code, and no key: the scripted model accepts any.
        self._env = {
            "PATH": os.environ["PATH"],
            "HOME": str(self._home),
            "TERM": "dumb",
            "BROWSER": str(paths.interop / "scripted_browser.py"),
            "INTEROP_BROWSER_FOLDER": str(folder),
            "ANTHROPIC_BASE_URL": model.wait_for_output(r"^(http://\S+)$")[1],
            "ANTHROPIC_API_KEY": "scripted-model",
            "HTTP_PROXY": self.proxy.base_url,
            "HTTPS_PROXY": self.proxy.base_url,
            "NO_PROXY": "127.0.0.1,localhost",
            **SWITCHES,
        }
        self._command = [paths.node, paths.npm_file("@anthropic-ai/claude-code/cli-wrapper.cjs")]
        self._run("mcp", "add", "--transport", "http", NAME, url)

    def log_in(self):
        """Returns the exit code and the output of `claude mcp login`, which requires a terminal."""
        return run_in_terminal([*self._command, "mcp", "login", NAME], TIMEOUT, self._env, self._home)

    def status(self):
        """Returns the status of the MCP server that `claude mcp list` prints."""
        output = self._run("mcp", "list").stdout
        [line] = [line for line in output.splitlines() if line.startswith(f"{NAME}: ")]
        return line.rpartition(" - ")[2]

    def use(self, calls):
        """Makes the model use these tools of the MCP server in a new session."""
        prefix = f"mcp__{NAME}__"
        prompt = json.dumps({"use": [(prefix + tool, arguments) for tool, arguments in calls]})
        options = ["--allowedTools", f"mcp__{NAME}", "--output-format", "stream-json", "--verbose"]
        finished = self._run("-p", prompt, *options)
        messages = [json.loads(line) for line in finished.stdout.splitlines()]
        [start] = [message for message in messages if message.get("subtype") == "init"]
        results = {}
        for message in messages:
            if message["type"] == "user":
                [block] = message["message"]["content"]
                detail = message.get("tool_use_result")
                structured_content = detail.get("structuredContent") if isinstance(detail, dict) else None
                results[block["tool_use_id"]] = Result(json.dumps(block["content"]), structured_content)
        tools = [tool.removeprefix(prefix) for tool in start["tools"] if tool.startswith(prefix)]
        return Session(tools, [results[f"toolu_{index}"] for index in range(len(calls))])

    def whoami(self):
        """Returns the content of the `whoami` tool's result, which is empty if the call failed."""
        return self.use([("whoami", {})]).results[0].structured_content or {}

    def _run(self, *arguments):
        return run_command([*self._command, *arguments], TIMEOUT, self._env, cwd=self._home, check=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.browser.close()
        self._resources.close()


class RefusingProxy(HttpServer):
    """An HTTP proxy that refuses every request and keeps a list of them."""

    def __init__(self):
        requests = self.requests = []

        class Handler(BaseHTTPRequestHandler):
            def refuse(self):
                requests.append(f"{self.command} {self.path}")
                self.send_response(403)
                self.send_header("content-length", "0")
                self.end_headers()

            do_CONNECT = do_DELETE = do_GET = do_HEAD = do_POST = do_PUT = refuse

            def log_message(self, *_):
                pass

        super().__init__(Handler)
