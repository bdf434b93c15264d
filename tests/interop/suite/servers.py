"""The sample server and the development tenant, as people start them."""

import re

from .processes import Process, environment


class InternalServer(Process):
    """`internal-server` on a free port; with its embedded tenant unless it is given another."""

    def __init__(self, setup, name, tenant=None):
        folder = setup.scratch / name
        folder.mkdir(parents=True, exist_ok=True)
        command = [setup.binary("internal-server"), "--bind", "127.0.0.1:0"]
        command += ["--data", folder / "company.db", "--repo", setup.here]
        super().__init__(command, folder / "server.log", environment(**(tenant.variables if tenant else {})))
        self.url = self.await_output(r"^MCP URL: (\S+)$")[1]
        self.base_url = self.url.removesuffix("/mcp")
        if tenant is None:
            self.auth_url = self.await_output(r"^It runs at (\S+),")[1]
            tokens = re.findall(r"^  (\w+) +\S+ \(sample, \w+\) +(\S+)$", self.out.read_text(), re.MULTILINE)
            self.tokens = dict(tokens)
        else:
            self.auth_url = tenant.auth_url

    def calls(self):
        """The audit record of the calls: tool and outcome of each, oldest first."""
        lines = [line for line in self.log.read_text().splitlines() if " toolgate::audit: " in line]
        fields = [dict(re.findall(r'\b(tool|outcome)="([^"]*)"', line)) for line in lines]
        return [(one["tool"], one["outcome"]) for one in fields if "tool" in one]


class Tenant(Process):
    """`toolgate-dev-tenant` on a free port, with the sample company's people."""

    def __init__(self, setup, name, *flags):
        people = setup.root / "examples/internal-server/tenant.toml"
        command = [setup.binary("toolgate-dev-tenant"), "--bind", "127.0.0.1:0", "--tenant", people, *flags]
        super().__init__(command, setup.scratch / name / "tenant.log", environment())
        self.await_output(r"^PROPELAUTH_INTROSPECTION_CLIENT_SECRET=\S+$")
        self.variables = dict(re.findall(r"^(PROPELAUTH_\w+)=(\S+)$", self.out.read_text(), re.MULTILINE))
        self.auth_url = self.variables["PROPELAUTH_AUTH_URL"]
