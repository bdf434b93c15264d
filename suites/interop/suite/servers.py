"""The sample server and the development tenant, started as a user starts them."""

import json
import re
import time
import urllib.error
import urllib.request
import uuid

from .processes import Server, environment, free_port

AUDIT_TIMEOUT = 10  # seconds; the server writes its audit log after it has responded
# Difference between the port of a server and that of its embedded tenant.
TENANT_PORT_DISTANCE = 90


def fetch_json(url, body=None):
    """Fetches a JSON document without a proxy. With a body, sends it as JSON in a POST request."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, headers={"content-type": "application/json"})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=10) as response:
        return json.load(response)


class ToolgateServer(Server):
    """A server with toolgate, with its embedded tenant unless the variables select PropelAuth."""

    def __init__(self, command, log, variables):
        super().__init__(command, log, environment(**variables))
        self.url = self.wait_for_url()
        self.base_url = self.url.removesuffix("/mcp")

    def wait_for_url(self):
        return self.wait_for_output(r"^MCP URL: (\S+)$")[1]

    def audited_calls(self):
        """Returns the name and outcome of each call of a tool, a prompt or a resource in the audit log, oldest first.

        The name of a resource is its URI or its template.
        """
        lines = [line for line in self._audit_log().splitlines() if " toolgate::audit: " in line]
        records = [dict(re.findall(r'\b(tool|prompt|resource|outcome)="([^"]*)"', line)) for line in lines]
        return [(name, record["outcome"]) for record in records for kind, name in record.items() if kind != "outcome"]

    def _audit_log(self):
        """Returns the log once it has the record of a new request, and so those of all earlier ones."""
        trace_id = uuid.uuid4().hex
        headers = {"traceparent": f"00-{trace_id}-{trace_id[:16]}-01"}
        request = urllib.request.Request(self.url, data=b"{}", headers=headers)
        try:
            urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10).close()
        except urllib.error.HTTPError as rejected:
            # The request has no token.
            rejected.close()
        deadline = time.monotonic() + AUDIT_TIMEOUT
        while trace_id not in (log := self.log.read_text()):
            if time.monotonic() > deadline:
                raise RuntimeError(f"the audit log has no record of the trace {trace_id}")
            time.sleep(0.005)
        return log


class InternalServer(ToolgateServer):
    """`internal-server` with its embedded tenant unless `tenant` is given, and its console if asked for.

    Port 0 selects a free port. `public_url` is the URL of a proxy in front of the server. A server with the name of an
    earlier one has its data.
    """

    def __init__(self, paths, name, tenant=None, port=0, public_url=None, log="server.log", console=False):
        folder = paths.scratch / name
        folder.mkdir(parents=True, exist_ok=True)
        command = [paths.binaries / "internal-server", "--bind", f"127.0.0.1:{port}"]
        command += ["--data", folder / "company.db", "--repo", paths.interop]
        variables = dict(tenant.variables) if tenant else {}
        if console:
            variables["CONSOLE_ADDR"] = "127.0.0.1:0"
        if public_url:
            variables["SERVER_URL"] = public_url
        super().__init__(command, folder / log, variables)
        if console:
            self.console_url = self.wait_for_log(r"serving the console .*\b(http://127\.0\.0\.1:\d+/)")[1]
        if tenant is None:
            # The tenant's URL is the one loopback URL in the output that is not the server's own.
            self.auth_url = self.wait_for_output(rf"(?!{re.escape(self.base_url)}\b)(http://127\.0\.0\.1:\d+)")[1]
            # One line for each role: the role, a person's name and a token of 32 bytes.
            self.tokens = dict(re.findall(r"^  (\w+) .* ([\w-]{43})$", self.out.read_text(), re.MULTILINE))
        else:
            self.auth_url = tenant.auth_url


class OperationsServer(ToolgateServer):
    """`toolgate-interop-server`, which has resources, prompts and notifications, with its embedded tenant."""

    def __init__(self, paths, name):
        command = [paths.binaries / "toolgate-interop-server"]
        super().__init__(command, paths.scratch / name / "server.log", {"BIND_ADDR": "127.0.0.1:0"})


class AuthorizationServer(Server):
    """`oidc-provider` with access tokens of this format, `opaque` or `jwt`."""

    def __init__(self, paths, name, token_format):
        command = [*paths.node_command("authorization_server/server.mjs"), token_format]
        super().__init__(command, paths.scratch / name / "authorization-server.log", environment())
        self.issuer = self.wait_for_output(r"^ISSUER: (\S+)$")[1]

    def revoke_all(self):
        """Revokes every token that the server has issued."""
        fetch_json(f"{self.issuer}/test/revoke", {})


class OAuthServer(ToolgateServer):
    """`toolgate-interop-server` with `Introspection` or `Jwt`, which validates every request."""

    def __init__(self, paths, name, validator, authorization_server):
        variables = {
            "INTEROP_VALIDATOR": validator,
            "OAUTH_ISSUER": authorization_server.issuer,
            "OAUTH_CLIENT_ID": "mcp server",
            "OAUTH_CLIENT_SECRET": "secret: 100%+",
            "BIND_ADDR": f"127.0.0.1:{free_port()}",
            "TOOLGATE_PREFLIGHT": "required",
            "TOOLGATE_TOKEN_CACHE_TTL": "0s",
        }
        command = [paths.binaries / "toolgate-interop-server"]
        super().__init__(command, paths.scratch / name / "server.log", variables)

    def wait_for_url(self):
        return self.wait_for_log(r'serving endpoint="([^"]+)"')[1]


class Tenant(Server):
    """`toolgate-dev-tenant` with the users of the sample company. Port 0 selects a free port."""

    def __init__(self, paths, name, *flags, port=0):
        config = paths.repository / "examples/internal-server/tenant.toml"
        command = [paths.binaries / "toolgate-dev-tenant", "--bind", f"127.0.0.1:{port}", "--tenant", config, *flags]
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
