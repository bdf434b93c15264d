"""Command line of the suite: runs the check groups in order and prints the totals."""

import argparse
import signal
import sys

from . import (
    authorization_servers,
    baseline,
    chromium,
    claude_code,
    conformance,
    deployment,
    deployment_soak,
    inspector,
    inspector_web,
    issuers,
    operations,
    restart,
    scenario,
    schemas,
)
from .clients import clients_under_test
from .paths import Paths
from .report import Report
from .servers import InternalServer


def client_group(name):
    def run(report, paths):
        with InternalServer(paths, f"{name}-server") as server:
            scenario.run(report, paths, clients_under_test(paths)[name], server)

    return run


CLIENTS = ["fastmcp", "sdk-v1", "sdk-v1-no-refresh", "sdk-v2", "sdk-v2-modern", "rmcp", "rmcp-modern"]
GROUPS = {name: client_group(name) for name in CLIENTS} | {
    "operations": operations.run,
    "authorization-servers": authorization_servers.run,
    "claude-code": claude_code.run,
    "baseline": baseline.run,
    "restart": restart.run,
    "issuers": issuers.run,
    "chromium": chromium.run,
    "inspector": inspector.run,
    "schemas": schemas.run,
    "inspector-web": inspector_web.run,
    "conformance": conformance.run,
}

# With the groups that run only if they are named. `suites/drills/run` runs `deployment`.
ALL_GROUPS = GROUPS | {"deployment": deployment.run, "deployment-soak": deployment_soak.run}


def main():
    parser = argparse.ArgumentParser(
        prog="suites/interop/run", description="Test real MCP clients against the sample server."
    )
    parser.add_argument(
        "--only", action="append", choices=ALL_GROUPS, metavar="GROUP", help=f"run one group: {', '.join(ALL_GROUPS)}"
    )
    parser.add_argument("--list", action="store_true", help="print the names of the groups and exit")
    arguments = parser.parse_args()
    if arguments.list:
        print("\n".join(ALL_GROUPS))
        return 0
    # `sys.exit` leaves the `with` blocks, which stops the servers when the time limit ends the run.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("the run was terminated"))
    report, paths = Report(), Paths()
    paths.clear_output()
    for name, run in ALL_GROUPS.items():
        if name in (arguments.only or GROUPS):
            with report.group(name):
                run(report, paths)
    report.write(paths.artifacts / "results.json")
    print(f"{report.passed} passed, {report.failed} failed")
    return 1 if report.failed or not report.passed else 0


if __name__ == "__main__":
    sys.exit(main())
