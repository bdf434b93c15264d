"""The sample server and the development tenant, started as a user starts them."""

import json
import re
import urllib.request

from .processes import Server, environment


def fetch_json(url, body=None):
    """Fetches a JSON document without a proxy. With a body, sends it as JSON in a POST request."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, headers={"content-type": "application/json"})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=10) as response:
        return json.load(response)


class InternalServer(Server):
    """`internal-server` on a free port, with its embedded tenant unless `tenant` is given, and its console if asked for."""

    def __init__(self, paths, name, tenant=None, console=False):
        folder = paths.scratch / name
        folder.mkdir(parents=True, exist_ok=True)
        command = [paths.binaries / "internal-server", "--bind", "127.0.0.1:0"]
        command += ["--data", folder / "company.db", "--repo", paths.interop]
        variables = dict(tenant.variables) if tenant else {}
        if console:
            variables["CONSOLE_ADDR"] = "127.0.0.1:0"
        super().__init__(command, folder / "server.log", environment(**variables))
        self.url = self.wait_for_output(r"^MCP URL: (\S+)$")[1]
        self.base_url = self.url.removesuffix("/mcp")
        if console:
            self.console_url = self.wait_for_log(r"serving the console .*\b(http://127\.0\.0\.1:\d+/)")[1]
        if tenant is None:
            # The tenant's URL is the one loopback URL in the output that is not the server's own.
            self.auth_url = self.wait_for_output(rf"(?!{re.escape(self.base_url)}\b)(http://127\.0\.0\.1:\d+)")[1]
            tokens = re.findall(r"^  (\w+) +\S+ \(sample\) +(\S+)$", self.out.read_text(), re.MULTILINE)
            self.tokens = dict(tokens)
        else:
            self.auth_url = tenant.auth_url

    def audited_calls(self):
        """Returns the tool and outcome of each tool call in the audit log, oldest first."""
        lines = [line for line in self.log.read_text().splitlines() if " toolgate::audit: " in line]
        records = [dict(re.findall(r'\b(tool|outcome)="([^"]*)"', line)) for line in lines]
        return [(record["tool"], record["outcome"]) for record in records if "tool" in record]


class Tenant(Server):
    """`toolgate-dev-tenant` on a free port, with the users of the sample company."""

    def __init__(self, paths, name, *flags):
        config = paths.repository / "examples/internal-server/tenant.toml"
        command = [paths.binaries / "toolgate-dev-tenant", "--bind", "127.0.0.1:0", "--tenant", config, *flags]
        super().__init__(command, paths.scratch / name / "tenant.log", environment())
        self.wait_for_output(r"^PROPELAUTH_INTROSPECTION_CLIENT_SECRET=\S+$")
        self.variables = dict(re.findall(r"^(PROPELAUTH_\w+)=(\S+)$", self.out.read_text(), re.MULTILINE))
        self.auth_url = self.variables["PROPELAUTH_AUTH_URL"]

    def register_client(self, redirect_uri):
        """Registers a public client (RFC 7591) and returns its client ID."""
        metadata = {
            "client_name": "Conformance suite",
            "redirect_uris": [redirect_uri],
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "token_endpoint_auth_method": "none",
        }
        return fetch_json(f"{self.auth_url}/oauth/2.1/register", metadata)["client_id"]
