"""An authorization server that is not PropelAuth: `oidc-provider`, with `Introspection` and with `Jwt`."""

from dataclasses import replace

from .clients import ClientSession, clients_under_test
from .servers import AuthorizationServer, OAuthServer, fetch_json

# The person of `authorization_server/server.mjs`.
USER_ID = "harriet"
READ, WRITE = "handbook:read", "handbook:write"
HANDBOOK = "company://handbook"
# The validator, the format of the tokens, and whether a revoked token is rejected.
VARIANTS = [("introspection", "opaque", True), ("jwt", "jwt", False)]
CLIENTS = ["sdk-v2", "rmcp"]


def run(report, paths):
    for validator, token_format, ends_access in VARIANTS:
        name = f"authorization-servers/{validator}"
        with (
            report.group(validator),
            AuthorizationServer(paths, name, token_format) as authorization_server,
            OAuthServer(paths, name, validator, authorization_server) as server,
        ):
            folder = paths.scratch / name
            check_metadata(report, server, authorization_server)
            for client_name in CLIENTS:
                client = clients_under_test(paths)[client_name]
                with report.group(client_name):
                    check_step_up(report, paths, client, server, folder / client_name)
            with report.group("chromium"):
                check_chromium(report, paths, server, folder / "chromium")
            with report.group("revocation"):
                client = clients_under_test(paths)["sdk-v2"]
                check_revocation(report, paths, client, server, authorization_server, ends_access, folder / "revoked")


def check_metadata(report, server, authorization_server):
    resource = fetch_json(f"{server.base_url}/.well-known/oauth-protected-resource/mcp")
    issuer = authorization_server.issuer
    report.equal("the protected resource metadata names the issuer", resource["authorization_servers"], [issuer])
    ready = fetch_json(f"{server.base_url}/readyz")
    report.equal("the server is ready, and not degraded", (ready["status"], ready.get("degraded")), ("ready", None))


def check_step_up(report, paths, client, server, folder):
    """Grants one scope, receives a challenge for another, and grants both."""
    with ClientSession(paths, client, server.url, folder) as session:
        session.browser.set_user(USER_ID, scopes=[READ])
        connected = session.connect()
        if not report.check("registers, logs in and connects", connected["ok"], connected):
            return
        [visit] = session.browser.wait_for_visits(after=0)
        report.equal("the user sees the login page and the consent page", visit["pages"], ["login", "consent"])
        report.equal("requests a token for this server", visit["resource"], server.url)
        read = session.request("read", uri=HANDBOOK)
        report.check("reads a resource of the granted scope", read["ok"], read)

        session.browser.set_user(USER_ID)
        calls, visits = len(server.audited_calls()), len(session.browser.visits())
        result = session.call("handbook_write", {"text": "We work from 8 to 4."})
        challenged = ("handbook_write", "insufficient_scope")
        report.equal("a call with a missing scope is challenged", server.audited_calls()[calls : calls + 1], [challenged])
        new_visits = session.browser.wait_for_visits(after=visits)
        requested = new_visits[-1]["requested"] if new_visits else []
        report.check("requests the missing scope", {READ, WRITE} <= set(requested), requested)
        report.equal("the call succeeds after the step-up", result.get("content"), {"text": "We work from 8 to 4."})


def check_chromium(report, paths, server, folder):
    """Logs in with dynamic registration, PKCE and consent in a real browser."""
    client = replace(clients_under_test(paths)["sdk-v2"], browser=paths.interop / "chromium/open_browser")
    with ClientSession(paths, client, server.url, folder) as session:
        session.browser.set_user(USER_ID)
        connected = session.connect()
        report.check("logs in through Chromium", connected["ok"], connected)
        result = session.call("handbook_write", {"text": "Chromium"})
        report.equal("calls a tool", result.get("content"), {"text": "Chromium"})
    # Returns when the log has the records of the calls.
    server.audited_calls()
    audit = [line for line in server.log.read_text().splitlines() if 'tool="handbook_write"' in line]
    caller = all(part in audit[-1] for part in ('user="harriet"', 'organization="sample"', 'role="HR"')) if audit else False
    report.check("the caller has the user, organization and role of the token", caller, audit[-1:])


def check_revocation(report, paths, client, server, authorization_server, ends_access, folder):
    """Revokes all tokens. The server validates every request, so introspection ends access with the next one."""
    with ClientSession(paths, client, server.url, folder) as session:
        session.browser.set_user(USER_ID)
        session.connect()
        before = session.request("read", uri=HANDBOOK)
        report.check("reads a resource", before["ok"], before)
        authorization_server.revoke_all()
        after = session.request("read", uri=HANDBOOK)
        expected = "is rejected" if ends_access else "is accepted until it expires, as documented"
        report.check(f"a revoked token {expected}", after["ok"] != ends_access, after)
        if ends_access:
            server.wait_for_log("rejected a token reason=.*reports the token as inactive")
