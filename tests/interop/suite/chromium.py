"""Chromium on the tenant's pages, and as the browser of a client."""

import json
import subprocess
from dataclasses import replace

from . import company
from .client import Session
from .processes import environment
from .servers import InternalServer

TIMEOUT = 240  # seconds


def run(report, setup):
    with InternalServer(setup, "chromium-server") as server:
        with report.part("fastmcp"):
            client_with_chromium(report, setup, server)
        with report.part("pages"):
            pages(report, setup, server)


def client_with_chromium(report, setup, server):
    client = replace(setup.clients()["fastmcp"], browser=setup.here / "chromium/browser")
    with Session(setup, client, server.url, setup.scratch / "chromium" / "fastmcp") as session:
        session.desk.seat(company.PEOPLE["HR"])
        answer = session.connect()
        report.check("it logs in through Chromium", answer["ok"], answer)
        report.equal("the list is HR's", session.list().get("tools"), company.tools_of(company.SCOPES["HR"]))


def pages(report, setup, server):
    log = setup.scratch / "chromium" / "pages.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [*setup.script("chromium/pages.mjs"), server.auth_url, server.url, setup.artifacts]
    with log.open("w") as stderr:
        done = subprocess.run(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env=environment(),
            text=True,
            timeout=TIMEOUT,
        )
    for line in done.stdout.splitlines():
        told = json.loads(line)
        report.check(told["name"], told["ok"], told.get("detail"))
    report.check("Chromium runs to its end", done.returncode == 0, log.read_text()[-2000:])
