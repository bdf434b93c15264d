"""Runs the parts, in order, and says how it went."""

import argparse
import signal
import sys

from . import chromium, conformance, inspector, issuers, story
from .report import Report
from .servers import InternalServer
from .setup import Setup


def client_part(name):
    def part(report, setup):
        client = setup.clients()[name]
        with InternalServer(setup, f"{name}-server") as server:
            story.run(report, setup, client, server)

    return part


PARTS = {
    "fastmcp": client_part("fastmcp"),
    "sdk-v1": client_part("sdk-v1"),
    "sdk-v1-forgetful": client_part("sdk-v1-forgetful"),
    "sdk-v2": client_part("sdk-v2"),
    "sdk-v2-modern": client_part("sdk-v2-modern"),
    "rmcp": client_part("rmcp"),
    "rmcp-modern": client_part("rmcp-modern"),
    "issuers": issuers.run,
    "chromium": chromium.run,
    "inspector": inspector.run,
    "conformance": conformance.run,
}


def main():
    parser = argparse.ArgumentParser(prog="tests/interop/run", description="Real clients against the sample server.")
    parser.add_argument("--only", action="append", choices=PARTS, metavar="NAME", help=f"one of: {', '.join(PARTS)}")
    parser.add_argument("--list", action="store_true", help="print the names of the parts, and exit")
    arguments = parser.parse_args()
    if arguments.list:
        print("\n".join(PARTS))
        return 0
    wanted = arguments.only or PARTS
    # Whoever stops the run, such as its time limit, stops the servers too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("the run was stopped"))
    report, setup = Report(), Setup()
    for name in PARTS:
        if name in wanted:
            with report.part(name):
                PARTS[name](report, setup)
    report.write(setup.artifacts / "results.json")
    print(f"{report.passed} passed, {report.failed} failed")
    return 1 if report.failed or not report.passed else 0


sys.exit(main())
