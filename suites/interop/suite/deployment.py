"""The files in `deploy/`: two replicas with Redis behind nginx and behind Caddy, and the units and manifests.

The proxies run with the configurations of `deploy/`, of which only addresses, names, certificates and limits of the load
are replaced.
"""

import contextlib
import os
import re
import shutil
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from . import deployment_check
from . import sample_company as company
from .clients import ClientSession, clients_under_test
from .processes import Server, environment, free_port, run_command, wait_until
from .raw_client import RawClient
from .servers import ToolgateServer, Tenant, fetch_json

CLIENTS = ["fastmcp", "sdk-v2", "sdk-v2-modern"]
ROLE = "HR"
WEBHOOK_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SECRET = "0123456789abcdef0123456789abcdef"
# The exposure that `systemd-analyze security` reports at most, in tenths. 100 is no protection at all.
MAX_EXPOSURE = 15
DEADLINE = 30  # seconds
STREAMS = 8
LOAD_THREADS = 4


def run(report, paths):
    with report.group("files"):
        check_files(report, paths)
    with Deployment(paths) as deployment:
        with report.group("nginx"):
            check_login(report, paths, deployment)
            check_streams_are_not_buffered(report, deployment, deployment.nginx_url)
            check_rolling_restart(report, deployment)
            check_killed_replica(report, deployment)
            check_revocation(report, deployment)
        with report.group("Caddy"):
            status, _ = deployment.client(deployment.caddy_url).call(deployment.token(), "whoami")
            report.equal("a call passes", status, 200)
            check_streams_are_not_buffered(report, deployment, deployment.caddy_url)
        deployment_check.run(report, paths, deployment)


def check_login(report, paths, deployment):
    for name in CLIENTS:
        client, folder = clients_under_test(paths)[name], paths.scratch / "deployment" / name
        trust = {"SSL_CERT_FILE": deployment.certificate, "NODE_EXTRA_CA_CERTS": deployment.certificate}
        with ClientSession(paths, client, f"{deployment.nginx_url}/mcp", folder, trust) as session:
            session.browser.set_user(company.USER_IDS[ROLE])
            connected = session.connect()
            if report.check(f"{name} discovers the tenant and logs in through TLS", connected["ok"], connected):
                report.equal(f"{name} calls a tool", session.whoami().get("role"), ROLE)


def check_streams_are_not_buffered(report, deployment, url):
    stream = deployment.client(url).listen(deployment.token())
    event = stream.first_event(timeout=5)
    report.check("the first event arrives while the stream is open", event, f"status {stream.status}")
    report.check("the stream stays open", not stream.has_ended(timeout=0.5))
    stream.close()


def check_rolling_restart(report, deployment):
    """Restarts one replica after the other while clients send calls. None of the calls may fail."""
    with Load(deployment) as load:
        for index in range(2):
            before = load.calls
            deployment.restart(index)
            report.check(f"calls were sent while replica {index} restarted", load.calls > before + 10, load.calls)
            # nginx does not use a replica that it could not reach until `fail_timeout` has passed.
            called = wait_until(lambda index=index: 'tool="whoami"' in deployment.replicas[index].log.read_text())
            report.check(f"replica {index} receives calls again", called)
    report.equal(f"every one of {load.calls} calls succeeded", load.failures[:5], [])


def check_killed_replica(report, deployment):
    """Kills a replica while clients have streams at both."""
    streams = [deployment.client(deployment.nginx_url).listen(deployment.token()) for _ in range(STREAMS)]
    opened = [stream.first_event(timeout=5) for stream in streams]
    report.check("the streams are open", all(opened), opened)
    deployment.replicas[0].process.kill()
    with ThreadPoolExecutor(STREAMS) as pool:
        ended = list(pool.map(lambda stream: stream.has_ended(timeout=2), streams))
    report.check("streams of the killed replica end, and those of the other one do not", 0 < sum(ended) < STREAMS, ended)
    client = deployment.client(deployment.nginx_url)
    statuses = {client.call(deployment.token(), "whoami")[0] for _ in range(20)}
    report.equal("calls continue at the other replica", statuses, {200})
    for stream in streams:
        stream.close()
    deployment.restart(0)


def check_revocation(report, deployment):
    """Disables a person. PropelAuth's webhook reaches one replica; access has to end at both."""
    token, direct = deployment.token(), [deployment.direct(index) for index in range(2)]
    stream = deployment.client(deployment.nginx_url).listen(token)
    report.check("a stream is open", stream.first_event(timeout=5))
    report.equal("both replicas accept the token", [client.call(token, "whoami")[0] for client in direct], [200, 200])
    fetch_json(f"{deployment.tenant.auth_url}/admin/api/people/{company.USER_IDS[ROLE]}/disable", {})
    began = time.monotonic()
    for index, client in enumerate(direct):
        ended = wait_until(lambda client=client: client.call(token, "whoami")[0] == 401)
        report.check(f"replica {index} rejects the token", ended)
    print(f"  access ended at both replicas {1000 * (time.monotonic() - began):.0f} ms after the person was disabled")
    report.check("the stream of the person ends", stream.has_ended(timeout=5))
    stream.close()
    fetch_json(f"{deployment.tenant.auth_url}/admin/api/people/{company.USER_IDS[ROLE]}/enable", {})


def check_files(report, paths):
    deploy = paths.repository / "deploy"
    unit = render(
        deploy / "systemd/toolgate.service",
        paths.scratch / "deployment/toolgate.service",
        {"/usr/local/bin/internal-server": str(paths.binaries / "internal-server")},
    )
    check_command(report, "systemd accepts the unit", ["systemd-analyze", "verify", "--man=no", unit])
    security = ["systemd-analyze", "security", "--offline=yes", f"--threshold={MAX_EXPOSURE}", unit]
    check_command(report, "systemd reports a low exposure of the unit", security)
    manifests = sorted(set((deploy / "kubernetes").glob("*.yaml")) - {deploy / "kubernetes/kustomization.yaml"})
    for manifest in manifests:
        validate = [paths.python, "-m", "kubernetes_validate", "--strict", manifest]
        check_command(report, f"{manifest.name} fits the schema of Kubernetes", validate)
    listed = re.findall(r"^  - (\S+)$", (deploy / "kubernetes/kustomization.yaml").read_text(), re.MULTILINE)
    report.equal("the kustomization has every manifest", listed, [manifest.name for manifest in manifests])
    schema = ["--builtin-schema", "vendor.compose-spec", deploy / "compose.yaml"]
    check_command(report, "compose.yaml fits the Compose schema", [paths.python, "-m", "check_jsonschema", *schema])
    caddy = ["caddy", "validate", "--adapter", "caddyfile", "--config", deploy / "caddy/Caddyfile"]
    check_command(report, "Caddy accepts the Caddyfile", caddy)


def check_command(report, name, command):
    result = run_command(command, DEADLINE)
    report.equal(name, (result.returncode, result.stdout + result.stderr if result.returncode else ""), (0, ""))


def render(source, target, replacements):
    """Writes a copy of a file with replacements, each of which must apply. Returns the path of the copy."""
    text = source.read_text()
    for old, new in replacements.items():
        if old not in text:
            raise RuntimeError(f"{source} does not contain {old!r}")
        text = text.replace(old, new)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text)
    return target


class Deployment:
    """Two replicas with Redis and a tenant, behind nginx and Caddy."""

    def __init__(self, paths):
        self._paths, self._folder = paths, paths.scratch / "deployment"
        self._folder.mkdir(parents=True, exist_ok=True)
        self.ports = [free_port(), free_port()]
        self._nginx_port, self._caddy_port = free_port(), free_port()
        self.nginx_url = f"https://localhost:{self._nginx_port}"
        self.caddy_url = f"https://localhost:{self._caddy_port}"
        self._stack = contextlib.ExitStack()
        self.replicas = []

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            self.certificate = self._create_certificate()
            self.redis_port = free_port()
            self._redis = self._start_redis()
            stack.callback(lambda: self._redis.__exit__())
            webhooks = ["--webhook-url", f"http://127.0.0.1:{self.ports[0]}/webhooks/propelauth"]
            webhooks += ["--webhook-secret", WEBHOOK_SECRET]
            self.tenant = stack.enter_context(Tenant(self._paths, "deployment", *webhooks))
            self.variables = {
                **self.tenant.variables,
                "PROPELAUTH_WEBHOOK_SECRET": WEBHOOK_SECRET,
                "SERVER_URL": self.nginx_url,
                "TOOLGATE_HTTP_ALLOWED_HOSTS": f"localhost:{self._caddy_port}",
                "TOOLGATE_HTTP_SHUTDOWN_DELAY": "1s",
                "TOOLGATE_HTTP_TRUSTED_PROXIES": "127.0.0.1",
                "TOOLGATE_OPERATIONS_REQUEST_STATE_KEY": SECRET,
                "TOOLGATE_REPLICATION_URL": f"redis://127.0.0.1:{self.redis_port}",
                "TOOLGATE_REPLICATION_SHARED_CACHE_SECRET": SECRET,
            }
            self.replicas = [self._start_replica(index) for index in range(2)]
            stack.callback(self._stop_replicas)
            self.nginx = stack.enter_context(self.start_nginx("nginx", self._nginx_port, self.ports))
            stack.enter_context(self.start_caddy("caddy", self._caddy_port, self.ports))
            for url in (self.nginx_url, self.caddy_url):
                if not wait_until(lambda url=url: self._is_ready(url)):
                    raise RuntimeError(f"{url} does not respond")
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exception):
        return self._stack.__exit__(*exception)

    def client(self, url):
        """Returns a new connection through a proxy."""
        return RawClient(url, self.certificate)

    def direct(self, index):
        """Returns a new connection to a replica, with the host that the proxy passes on."""
        return RawClient(f"http://127.0.0.1:{self.ports[index]}", host=f"localhost:{self._nginx_port}")

    def token(self, role=ROLE, url=None):
        """Returns a new token of the person with a role, with every scope of the role, for the replicas or another URL."""
        request = {"person": company.USER_IDS[role], "resource": f"{url or self.nginx_url}/mcp"}
        return fetch_json(f"{self.tenant.auth_url}/admin/api/tokens", request)["access_token"]

    def restart(self, index):
        """Stops a replica as a service manager does, starts a new one, and waits until it is ready."""
        self.replicas[index].__exit__()
        self.replicas[index] = self._start_replica(index)
        client = self.direct(index)
        if not wait_until(lambda: client.get("/readyz") == 200):
            raise RuntimeError(f"replica {index} does not become ready")

    def restart_redis(self):
        """Stops Redis, which loses its data, and starts it again."""
        self._redis.__exit__()
        self._redis = self._start_redis()

    def _start_redis(self):
        return self.start_redis("redis", self.redis_port)

    def start_redis(self, name, port, *options):
        """Starts a Redis that stores nothing on disk."""
        command = ["redis-server", "--port", port, "--bind", "127.0.0.1", "--appendonly", "no", "--save", "", *options]
        redis = Server(command, self._folder / f"{name}.log", environment())
        redis.wait_for_output("Ready to accept")
        return redis

    def _start_replica(self, index):
        return self.start_server(f"replica-{index}", self.ports[index])

    def start_server(self, name, port, variables=None):
        """Starts a server with the variables of the deployment, and with `variables`."""
        folder = self._folder / name
        folder.mkdir(parents=True, exist_ok=True)
        command = [self._paths.binaries / "internal-server", "--bind", f"127.0.0.1:{port}"]
        command += ["--data", folder / "company.db", "--repo", self._paths.interop]
        variables = {**self.variables, **(variables or {})}
        return ToolgateServer(command, folder / f"{time.monotonic_ns()}.log", variables)

    def _stop_replicas(self):
        for replica in self.replicas:
            replica.__exit__()

    def start_nginx(self, name, port, upstream_ports, changes=None):
        """Starts nginx with the configuration of `deploy/`, with other addresses and with `changes`."""
        site = render(
            self._paths.repository / "deploy/nginx/toolgate.conf",
            self._folder / name / "toolgate.conf",
            {
                "listen 443 ssl http2;": f"listen 127.0.0.1:{port} ssl http2;",
                "server_name mcp.example.com": "server_name localhost",
                "/etc/ssl/mcp.example.com.pem": str(self.certificate),
                "/etc/ssl/mcp.example.com.key": str(self.certificate.with_suffix(".key")),
                "127.0.0.1:8001": f"127.0.0.1:{upstream_ports[0]}",
                "127.0.0.1:8002": f"127.0.0.1:{upstream_ports[1]}",
                "rate=100r/s": "rate=10000r/s",
                **(changes or {}),
            },
        )
        folders = " ".join(f"{name}_temp_path temp;" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        # One worker, so that connections are distributed in turn.
        main = site.with_name("nginx.conf")
        user = "user root;" if os.geteuid() == 0 else ""
        main.write_text(
            f"{user} worker_processes 1; daemon off; pid nginx.pid; error_log stderr;\n"
            f"events {{}}\nhttp {{ access_log off; {folders} include {site}; }}\n"
        )
        nginx = shutil.which("nginx") or "/usr/sbin/nginx"
        return Server([nginx, "-p", site.parent, "-c", main], self._folder / f"{name}.log", environment())

    def start_caddy(self, name, port, upstream_ports):
        """Starts Caddy with the configuration of `deploy/`, with other addresses."""
        key = self.certificate.with_suffix(".key")
        site = f"{{\n\tadmin off\n\tauto_https disable_redirects\n}}\nhttps://localhost:{port} {{\n\ttls {self.certificate} {key}"
        config = render(
            self._paths.repository / "deploy/caddy/Caddyfile",
            self._folder / name / "Caddyfile",
            {
                "mcp.example.com {": site,
                "127.0.0.1:8001": f"127.0.0.1:{upstream_ports[0]}",
                "127.0.0.1:8002": f"127.0.0.1:{upstream_ports[1]}",
            },
        )
        command = ["caddy", "run", "--adapter", "caddyfile", "--config", config]
        home = {"XDG_DATA_HOME": config.parent, "XDG_CONFIG_HOME": config.parent}
        return Server(command, self._folder / f"{name}.log", environment(**home))

    def _is_ready(self, url):
        with contextlib.suppress(OSError):
            return self.client(url).get("/readyz") == 200
        return False

    def _create_certificate(self):
        certificate = self._folder / "localhost.pem"
        command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
        command += ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
        # rustls rejects the certificate of an authority as that of a server.
        command += ["-addext", "basicConstraints=critical,CA:FALSE"]
        command += ["-keyout", certificate.with_suffix(".key"), "-out", certificate]
        subprocess.run([str(part) for part in command], check=True, capture_output=True)
        return certificate


class Load:
    """Clients that send calls through nginx, one after the other, until the `with` block ends."""

    def __init__(self, deployment):
        self._stop, self._lock = threading.Event(), threading.Lock()
        self.calls, self.failures = 0, []
        token = deployment.token()
        self._threads = [threading.Thread(target=self._send, args=(deployment, token)) for _ in range(LOAD_THREADS)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _send(self, deployment, token):
        client = deployment.client(deployment.nginx_url)
        while not self._stop.is_set():
            try:
                status, body = client.call(token, "whoami")
                failure = None if status == 200 and body and "result" in body else (status, body)
            except Exception as error:
                failure = repr(error)
                client.close()
            with self._lock:
                self.calls += 1
                if failure:
                    self.failures.append(failure)
