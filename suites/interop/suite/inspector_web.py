"""MCP Inspector's web interface in headless Chromium."""

import json

from . import sample_company as company
from .processes import LOG_TAIL, Server, environment, free_port, run_command
from .servers import InternalServer

TIMEOUT = 120  # seconds
ROLE = "HR"


def run(report, paths):
    tools = company.tools_for(company.ROLE_SCOPES[ROLE])
    with InternalServer(paths, "inspector-web-server") as server:
        for era in ["legacy", "modern"]:
            with report.group(era):
                use_in_chromium(report, paths, server, era, f"inspector-{era}", company.ALL_SCOPES, tools)


def check_climb(report, paths, server):
    """Connects to a server that advertises a baseline, and calls a tool that requires another scope."""
    scopes = company.ROLE_SCOPES[ROLE]
    step_up = {"scopes": scopes, "tools": company.tools_for(scopes)}
    tools = company.tools_for(company.BASELINE)
    use_in_chromium(report, paths, server, "legacy", "inspector-climb", company.BASELINE, tools, step_up)


def use_in_chromium(report, paths, server, era, name, advertised, tools, step_up=None):
    """Connects, logs in, and lists and calls tools.

    `advertised` are the scopes that the login should request, and `tools` the tools that should be listed then.
    `step_up` has the scopes that the step-up should request, and the tools that should be listed after it.
    """
    expected = {
        "userId": company.USER_IDS[ROLE],
        "role": ROLE,
        "advertised": advertised,
        "tools": tools,
        "stepUp": step_up,
    }
    with InspectorWeb(paths, server.url, era, name) as inspector:
        script = paths.node_command("chromium/inspector_web.mjs")
        finished = run_command([*script, inspector.url, paths.artifacts / name, json.dumps(expected)], TIMEOUT)
    for line in finished.stdout.splitlines():
        check = json.loads(line)
        report.check(check["name"], check["passed"], check["detail"])
    report.check("runs to its end", finished.returncode == 0 and finished.stdout, finished.stderr[-LOG_TAIL:])


class InspectorWeb(Server):
    """Inspector's web server, with one MCP server and a new home folder."""

    def __init__(self, paths, mcp_url, era, name):
        folder = paths.scratch / name
        (folder / "home").mkdir(parents=True)
        # Inspector cannot select free ports itself.
        ports = {name: free_port() for name in ("CLIENT_PORT", "MCP_SANDBOX_PORT", "MCP_APP_ORIGIN_PORT")}
        settings = {"MCP_AUTO_OPEN_ENABLED": "false", "MCP_INSPECTOR_SECRET_STORE": "memory"}
        launcher = paths.npm_file("@modelcontextprotocol/inspector/clients/launcher/build/index.js")
        command = [paths.node, launcher, "--web", "--transport", "http", "--server-url", mcp_url, "--protocol-era", era]
        env = environment(HOME=folder / "home", **ports, **settings)
        super().__init__(command, folder / "inspector.log", env)
        self.url = self.wait_for_output(rf"(http://\S+:{ports['CLIENT_PORT']}\S*)")[1]
