"""Chromium as the browser of a client, and on every page of the development tenant and of the server."""

import json
from dataclasses import replace

from . import sample_company as company
from .clients import ClientSession, clients_under_test
from .processes import LOG_TAIL, run_command
from .servers import InternalServer

TIMEOUT = 240  # seconds


def run(report, paths):
    with InternalServer(paths, "chromium-server") as server:
        with report.group("fastmcp"):
            check_login_with_chromium(report, paths, server)
        with report.group("pages"):
            check_pages(report, paths, "check_pages.mjs", server.auth_url, server.url)
    with InternalServer(paths, "chromium-server-pages", console=True) as server:
        with report.group("server-pages"):
            check_pages(
                report, paths, "check_server_pages.mjs", server.url, server.console_url, server.tokens["Support"]
            )


def check_login_with_chromium(report, paths, server):
    client = replace(clients_under_test(paths)["fastmcp"], browser=paths.interop / "chromium/open_browser")
    with ClientSession(paths, client, server.url, paths.scratch / "chromium" / "fastmcp") as session:
        session.browser.set_user(company.USER_IDS["HR"])
        connected = session.connect()
        report.check("logs in through Chromium", connected["ok"], connected)
        report.equal("lists the tools of HR", session.list_tools(), company.tools_for(company.ROLE_SCOPES["HR"]))


def check_pages(report, paths, script, *arguments):
    """Runs a script of `chromium/`, whose last argument is the folder for screenshots, and reports its checks."""
    command = [*paths.node_command(f"chromium/{script}"), *arguments, paths.artifacts]
    finished = run_command(command, TIMEOUT)
    for line in finished.stdout.splitlines():
        check = json.loads(line)
        report.check(check["name"], check["passed"], check.get("detail"))
    report.check("the page checks run to their end", finished.returncode == 0, finished.stderr[-LOG_TAIL:])
