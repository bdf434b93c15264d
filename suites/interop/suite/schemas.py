"""The schemas of tools, as validators of clients read them: Ajv in strict mode, and the lint of MCP Inspector."""

import json
import subprocess

from . import sample_company as company
from .inspector import Inspector, result_of
from .processes import environment
from .servers import InternalServer

# Written by a test of `tests/tests/protocol/schema_subsets.rs`: tools with arguments of every type.
ARGUMENT_TYPES = "argument_types.json"
TIMEOUT = 60  # seconds


def run(report, paths):
    with InternalServer(paths, "schemas-server") as server:
        inspector = Inspector(paths, server.url, "schemas")
        token = server.tokens[company.ROLES[0]]
        listed = inspector.run(
            "--method", "tools/list", "--strict", "--header", f"Authorization: Bearer {token}"
        )
        tools = result_of(listed).get("tools", [])
        report.check("the sample company lists tools", tools, listed)
        findings = json.loads(listed.stdout).get("schemaFindings", []) if listed.stdout else listed
        report.equal("Inspector finds every schema of the sample company portable", findings, [])
    report.equal("Ajv compiles every schema of the sample company", ajv_problems(paths, tools), [])
    tools = json.loads((paths.interop / ARGUMENT_TYPES).read_text())
    report.check("there are tools with arguments of every type", tools)
    report.equal("Ajv compiles the schemas of all argument types", ajv_problems(paths, tools), [])


def ajv_problems(paths, tools):
    """Returns what Ajv rejects or warns about."""
    finished = subprocess.run(
        [str(part) for part in paths.node_command("clients/check_schemas.mjs")],
        input=json.dumps(tools),
        capture_output=True,
        text=True,
        env=environment(),
        timeout=TIMEOUT,
    )
    return json.loads(finished.stdout) if finished.returncode == 0 else finished.stderr
