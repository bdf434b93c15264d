"""The command `check` in front of nginx: with the configuration of `deploy/`, and with one mistake in it at a time."""

import contextlib
import json
import socket
import time

from .processes import environment, free_port, run_command, wait_until
from .raw_client import RawClient

DEADLINE = 30  # seconds
TIME_LIMIT = 15  # seconds that a check may take
DROPPED_HOST = {"proxy_set_header Host $http_host;": "proxy_set_header Host internal.example;"}
DROPPED_AUTHORIZATION = {'proxy_set_header Connection "";': 'proxy_set_header Connection ""; proxy_set_header Authorization "";'}
REDIRECT = {"location / {": "location / { return 308 https://www.example.com$request_uri;"}
BUFFERED = {"proxy_buffering off;": "proxy_buffering on;"}
SMALL_BODIES = {"client_max_body_size 4m;": "client_max_body_size 1m;"}
MISSING_PATHS = {"location / {": "location /webhooks/ { return 404; } location / {"}
# Name, changes of the configuration, and the code and a part of the result: while no server runs, and for a running one.
MISTAKES = [
    # A running server sends one event immediately, which nginx passes on with the head of the response.
    ("buffered responses", BUFFERED, ("proxy_stream", "proxy_buffering off"), None),
    ("a redirect", REDIRECT, ("public_url", "https://www.example.com"), ("challenge", "https://www.example.com")),
    ("no Authorization", DROPPED_AUTHORIZATION, ("proxy_authorization", "pass on"), ("proxy_authorization", "pass on")),
    ("another Host", DROPPED_HOST, ("proxy_host", "internal.example"), ("challenge", "proxy_set_header Host")),
    ("a limit on bodies", SMALL_BODIES, ("proxy_body", "client_max_body_size 4194304"), None),
    ("a missing path", MISSING_PATHS, ("proxy_path", "/webhooks/propelauth"), ("webhook", "forward /webhooks/propelauth")),
]


def run(report, paths, deployment):
    with report.group("check"):
        check_running(report, paths, deployment)
        check_caddy(report, paths, deployment)
        check_redis(report, paths, deployment)
        check_mistakes(report, paths, deployment)


def check_running(report, paths, deployment):
    """The deployment as it runs. Redis stores nothing on disk, which is the only problem."""
    variables = {"BIND_ADDR": f"127.0.0.1:{deployment.ports[0]}", "TOOLGATE_CHECK_TOKEN": deployment.token()}
    status, results = check(report, paths, deployment, variables)
    problems = {result["code"] for result in results if result["level"] in ("warning", "error")}
    report.equal("the only problem of the deployment is Redis without persistence", problems, {"redis_persistence"})
    report.equal("a warning has the exit status 3", status, 3)
    good = {result["code"] for result in results if result["level"] == "ok"}
    expected = {"tokens", "ready", "challenge", "proxy_authorization", "proxy_stream", "webhook", "redis", "redis_commands"}
    report.equal("every part of the running deployment is checked", expected - good, set())


def check_caddy(report, paths, deployment):
    """Caddy, whose health checks need a running server, and Caddy in front of replicas that have another URL."""
    address, port = free_port(), free_port()
    url = f"https://localhost:{port}"
    token = {"TOOLGATE_CHECK_TOKEN": deployment.token(url=url)}
    variables = {**token, "SERVER_URL": url, "BIND_ADDR": f"127.0.0.1:{address}"}
    with deployment.start_caddy("caddy-check", port, [address, address]):
        wait_for_port(port)
        _, results = check(report, paths, deployment, variables)
        waiting = has(results, "note", "public_url", "forwards nothing until the server runs")
        report.check("check finds that Caddy waits for the server", waiting, results)
        with deployment.start_server("check", address, {"SERVER_URL": url}):
            client = RawClient(url, deployment.certificate)
            report.check("Caddy finds the server", wait_until(lambda: client.get("/readyz") == 200))
            _, results = check(report, paths, deployment, variables)
    report.check("check passes through Caddy", has(results, "ok", "proxy_stream"), results)
    variables = {**variables, "SERVER_URL": deployment.caddy_url, "BIND_ADDR": f"127.0.0.1:{deployment.ports[0]}"}
    _, results = check(report, paths, deployment, variables)
    found = has(results, "error", "resource_metadata", f"calls itself {deployment.nginx_url}/mcp")
    report.check("check finds that the replicas have another URL", found, results)
    report.check("check does not send them the token", has(results, "note", "proxy_stream", "no stream was opened"), results)


def check_redis(report, paths, deployment):
    """A user of Redis who lacks a command, one whose password is wrong, and a Redis whose command is disabled."""
    redis = ["redis-cli", "-p", deployment.redis_port]
    run_command([*redis, "ACL", "SETUSER", "limited", "on", ">secret", "~*", "+@all", "-xrange"], DEADLINE)
    for password, code, part in (("secret", "redis_commands", "XRANGE (NOPERM)"), ("wrong", "redis", "authentication failed")):
        url = f"redis://limited:{password}@127.0.0.1:{deployment.redis_port}"
        _, results = check(report, paths, deployment, {"TOOLGATE_REPLICATION_URL": url})
        report.check(f"check reports {part}", has(results, "error", code, part), results)
    port = free_port()
    with deployment.start_redis("redis-renamed", port, "--rename-command", "XRANGE", ""):
        _, results = check(report, paths, deployment, {"TOOLGATE_REPLICATION_URL": f"redis://127.0.0.1:{port}"})
    disabled = has(results, "error", "redis_commands", "XRANGE (unknown command)")
    report.check("check reports a command that is disabled", disabled, results)
    keys = run_command([*redis, "KEYS", "*check*"], DEADLINE).stdout
    report.equal("check writes nothing to Redis", keys.strip(), "")


def check_mistakes(report, paths, deployment):
    """Each mistake, while no server runs and in front of a running one."""
    address, port = free_port(), free_port()
    url = f"https://localhost:{port}"
    variables = {"SERVER_URL": url, "BIND_ADDR": f"127.0.0.1:{address}"}
    for name, changes, offline, _ in [("no mistake", {}, ("proxy_stream", ""), None), *MISTAKES]:
        level = {"no mistake": "ok", "a limit on bodies": "warning"}.get(name, "error")
        with deployment.start_nginx("nginx-check", port, [address, address], changes):
            wait_for_port(port)
            if name == "no mistake":
                # nginx then does not use the address for `fail_timeout`, although `check` listens there.
                report.equal("no server runs", RawClient(url, deployment.certificate).get("/healthz"), 502)
            _, results = check(report, paths, deployment, variables)
            report.check(f"check finds {name} in nginx", has(results, level, *offline), results)
            if name == "no mistake":
                problems = [result for result in results if result["level"] == "error"]
                report.equal("check reaches itself through nginx", problems, [])
    variables |= {"TOOLGATE_CHECK_TOKEN": deployment.token(url=url)}
    with deployment.start_server("check", address, {"SERVER_URL": url}):
        for name, changes, _, online in MISTAKES:
            if online:
                with deployment.start_nginx("nginx-check", port, [address, address], changes):
                    wait_for_port(port)
                    _, results = check(report, paths, deployment, variables)
                report.check(f"check finds {name} in front of a server", has(results, "error", *online), results)


def check(report, paths, deployment, variables):
    """Runs the command. Returns its exit status and its results."""
    env = environment(**{**deployment.variables, "SSL_CERT_FILE": deployment.certificate, **variables})
    began = time.monotonic()
    finished = run_command([paths.binaries / "internal-server", "check", "--json"], DEADLINE, env)
    report.check("check is fast", time.monotonic() - began < TIME_LIMIT, time.monotonic() - began)
    if finished.stderr:
        raise RuntimeError(finished.stderr)
    results = json.loads(finished.stdout)["results"]
    return finished.returncode, results


def has(results, level, code, part=""):
    texts = (result["text"] + " " + result.get("action", "") for result in results if (result["level"], result["code"]) == (level, code))
    return any(part in text for text in texts)


def wait_for_port(port):
    if not wait_until(lambda: is_open(port)):
        raise RuntimeError(f"no proxy listens at port {port}")


def is_open(port):
    with contextlib.suppress(OSError):
        socket.create_connection(("127.0.0.1", port), DEADLINE).close()
        return True
    return False
