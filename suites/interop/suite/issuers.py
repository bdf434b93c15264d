"""Both issuers that occur in PropelAuth's metadata, and the clients that check the issuer."""

import json
from http.server import BaseHTTPRequestHandler

from . import sample_company as company
from . import scenario
from .clients import ClientSession, clients_under_test
from .http_server import HttpServer
from .servers import InternalServer, Tenant, fetch_json

CLIENTS = ["fastmcp", "sdk-v1", "sdk-v2", "rmcp"]
ROLE = "HR"


def run(report, paths):
    clients = [clients_under_test(paths)[name] for name in CLIENTS]
    for variant, flags in [("at-path", []), ("at-root", []), ("at-path", ["--iss-parameter"])]:
        name = " ".join([variant, *flags])
        with (
            report.group(name),
            Tenant(paths, f"issuers-{name}", "--issuer-variant", variant, *flags) as tenant,
            InternalServer(paths, f"issuers-{name}", tenant) as server,
        ):
            check_metadata(report, server, variant)
            for client in clients:
                with report.group(client.name):
                    scenario.check_all_scopes_granted(report, paths, client, server, ROLE, name)
                    scenario.check_step_up(report, paths, client, server, ROLE, name)
    check_wrong_issuer_in_metadata(report, paths, clients)
    check_wrong_issuer_in_authorization_response(report, paths, clients)


def check_metadata(report, server, variant):
    issuer = {"at-path": f"{server.auth_url}/oauth/2.1", "at-root": server.base_url}[variant]
    resource = fetch_json(f"{server.base_url}/.well-known/oauth-protected-resource/mcp")
    report.equal("the protected resource metadata names the issuer", resource["authorization_servers"], [issuer])
    metadata = fetch_json(f"{server.base_url}/.well-known/oauth-authorization-server")
    report.equal("the authorization server metadata names the same issuer", metadata["issuer"], issuer)


def check_wrong_issuer_in_metadata(report, paths, clients):
    """Connects to a resource that names PropelAuth itself, where the metadata names another issuer.

    Clients that check the issuer stop before the login, which is why toolgate serves the metadata itself. A client
    that starts or stops checking the issuer fails here.
    """
    with (
        report.group("at-root, metadata not served by toolgate"),
        Tenant(paths, "issuers-metadata", "--issuer-variant", "at-root") as tenant,
        ProtectedResource(f"{tenant.auth_url}/oauth/2.1") as resource,
    ):
        for client in clients:
            folder = paths.scratch / client.name / "wrong-issuer-in-metadata"
            with ClientSession(paths, client, resource.url, folder) as session:
                session.browser.set_user(company.USER_IDS[ROLE])
                connected = session.connect()
                visits = session.browser.visits() if client.checks_issuer else session.browser.wait_for_visits(after=0)
                expected = "stops before the login" if client.checks_issuer else "opens the login without a check"
                passed = bool(visits) != client.checks_issuer and not connected["ok"]
                report.check(f"{client.name} {expected}", passed, connected)


def check_wrong_issuer_in_authorization_response(report, paths, clients):
    """Connects where the metadata names another issuer and the authorization response has `iss` (RFC 9207).

    No MCP server can make this combination work for a client that checks `iss`.
    """
    with (
        report.group("at-root --iss-parameter"),
        Tenant(paths, "issuers-iss", "--issuer-variant", "at-root", "--iss-parameter") as tenant,
        InternalServer(paths, "issuers-iss", tenant) as server,
    ):
        for client in clients:
            folder = paths.scratch / client.name / "wrong-issuer-in-response"
            with ClientSession(paths, client, server.url, folder) as session:
                session.browser.set_user(company.USER_IDS[ROLE])
                connected = session.connect()
                expected = "rejects the response" if client.checks_issuer else "connects without a check"
                report.check(f"{client.name} {expected}", connected["ok"] != client.checks_issuer, connected)


class ProtectedResource(HttpServer):
    """A protected resource without tools that names the given authorization server."""

    def __init__(self, issuer):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                base = f"http://127.0.0.1:{self.server.server_port}"
                metadata_path = "/.well-known/oauth-protected-resource/mcp"
                if self.path == metadata_path:
                    status, document = 200, {"resource": f"{base}/mcp", "authorization_servers": [issuer]}
                elif self.path == "/mcp":
                    status, document = 401, {}
                else:
                    status, document = 404, {}
                body = json.dumps(document).encode()
                self.rfile.read(int(self.headers.get("content-length", 0)))
                self.send_response(status)
                if status == 401:
                    self.send_header("www-authenticate", f'Bearer resource_metadata="{base}{metadata_path}"')
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_GET

            def log_message(self, *_):
                pass

        super().__init__(Handler)
        self.url = f"{self.base_url}/mcp"
