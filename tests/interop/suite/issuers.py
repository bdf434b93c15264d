"""Both issuers that PropelAuth's metadata is seen with, and the clients that check it."""

import json
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from . import company, story
from .client import Session
from .servers import InternalServer, Tenant

CLIENTS = ["fastmcp", "sdk-v1", "sdk-v2", "rmcp"]
ROLE = "HR"


def fetch(url):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=10) as answer:
        return json.load(answer)


def run(report, setup):
    clients = [setup.clients()[name] for name in CLIENTS]
    for variant, flags in [("at-path", []), ("at-root", []), ("at-path", ["--iss-parameter"])]:
        name = " ".join([variant, *flags])
        with (
            report.part(name),
            Tenant(setup, f"issuers-{name}", "--issuer-variant", variant, *flags) as tenant,
            InternalServer(setup, f"issuers-{name}", tenant) as server,
        ):
            documents(report, server, variant)
            for client in clients:
                with report.part(client.name):
                    story.everything_granted(report, setup, client, server, ROLE, name)
                    story.one_scope_granted(report, setup, client, server, ROLE, name)
    wrong_issuer_in_the_metadata(report, setup, clients)
    wrong_issuer_in_the_answer(report, setup, clients)


def documents(report, server, variant):
    """What the server tells clients about who issues the tokens."""
    issuer = {"at-path": f"{server.auth_url}/oauth/2.1", "at-root": server.base_url}[variant]
    resource = fetch(f"{server.base_url}/.well-known/oauth-protected-resource/mcp")
    report.equal("the server names the issuer", resource["authorization_servers"], [issuer])
    document = fetch(f"{server.base_url}/.well-known/oauth-authorization-server")
    report.equal("the document that it serves names the same", document["issuer"], issuer)


def wrong_issuer_in_the_metadata(report, setup, clients):
    """Why the server does not just name PropelAuth: without it, strict clients stop before the login.

    It also keeps `strict` true: a client that begins to check, or no longer does, is noticed here.
    """
    with (
        report.part("at-root, without this server's help"),
        Tenant(setup, "issuers-trap", "--issuer-variant", "at-root") as tenant,
        Resource(f"{tenant.auth_url}/oauth/2.1") as resource,
    ):
        for client in clients:
            with Session(setup, client, resource.url, setup.scratch / client.name / "trap") as session:
                session.desk.seat(company.PEOPLE[ROLE])
                answer = session.connect()
                visited = session.desk.visits() if client.strict else session.desk.visits_after(0)
                sent = "stops before the login" if client.strict else "does not notice, and opens the login"
                report.check(f"{client.name} {sent}", bool(visited) != client.strict and not answer["ok"], answer)


def wrong_issuer_in_the_answer(report, setup, clients):
    """The one combination that no server can mend: an inconsistent document, and `iss` in the answer (RFC 9207)."""
    with (
        report.part("at-root --iss-parameter"),
        Tenant(setup, "issuers-iss", "--issuer-variant", "at-root", "--iss-parameter") as tenant,
        InternalServer(setup, "issuers-iss", tenant) as server,
    ):
        for client in clients:
            with Session(setup, client, server.url, setup.scratch / client.name / "iss") as session:
                session.desk.seat(company.PEOPLE[ROLE])
                answer = session.connect()
                said = "refuses the answer" if client.strict else "does not notice, and connects"
                report.check(f"{client.name} {said}", answer["ok"] != client.strict, answer)


class Resource:
    """A protected resource without anything behind it, which names the given authorization server."""

    def __init__(self, issuer):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                base = f"http://127.0.0.1:{self.server.server_port}"
                where = f"{base}/.well-known/oauth-protected-resource/mcp"
                if f"{base}{self.path}" == where:
                    status, document = 200, {"resource": f"{base}/mcp", "authorization_servers": [issuer]}
                elif self.path == "/mcp":
                    status, document = 401, {}
                else:
                    status, document = 404, {}
                body = json.dumps(document).encode()
                self.rfile.read(int(self.headers.get("content-length", 0)))
                self.send_response(status)
                if status == 401:
                    self.send_header("www-authenticate", f'Bearer resource_metadata="{where}"')
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_GET

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/mcp"

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()
