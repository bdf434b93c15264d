"""A soak of the whole deployment: clients send calls through nginx while one fault after the other occurs.

`SOAK_SECONDS` sets the time. The group runs only if it is named: `suites/interop/run --only deployment-soak`.
"""

import itertools
import os
import re
import signal
import time
from pathlib import Path

from . import sample_company as company
from .deployment import LOAD_THREADS, Deployment, Load
from .processes import environment, run_command, wait_until
from .servers import fetch_json

DEFAULT_SECONDS = 60
# The person who is disabled and enabled. The load has the tokens of another one.
REVOKED_ROLE = "Support"
# Growth of a replica's resident memory, in MiB, above which something is retained.
MAX_GROWTH = 32


def run(report, paths):
    seconds = float(os.environ.get("SOAK_SECONDS", DEFAULT_SECONDS))
    with Deployment(paths) as deployment:
        Soak(report, deployment, seconds).run()


class Soak:
    def __init__(self, report, deployment, seconds):
        self._report, self._deployment, self._seconds = report, deployment, seconds
        self._faults = {
            "a replica restarts": self._restart,
            "a replica is killed": self._kill,
            "Redis restarts": self._restart_redis,
            "the authorization server fails": self._fail_introspection,
            "a person is disabled": self._revoke,
            "nginx reloads its configuration": self._reload_nginx,
        }
        self._counts = dict.fromkeys(self._faults, 0)
        self._failures = dict.fromkeys(self._faults, 0)
        # Resident memory of each replica when it was first measured, in MiB.
        self._resident = {}

    def run(self):
        end = time.monotonic() + self._seconds
        with Load(self._deployment) as load:
            self._load = load
            for index in itertools.cycle(range(2)):
                for name, fault in self._faults.items():
                    if time.monotonic() < end:
                        self._cause(name, fault, index)
                if time.monotonic() >= end:
                    break
        for name, count in self._counts.items():
            self._report.check(f"{name}: {count} times", count > 0)
        failures = ", ".join(f"{count} when {name}" for name, count in self._failures.items() if count)
        print(f"  {load.calls} calls in {self._seconds:.0f} s, {sum(self._counts.values())} faults; failed: {failures or 'none'}")

    def _cause(self, name, fault, index):
        """Causes a fault, waits until it is over, and checks which calls failed in this time."""
        since = len(self._load.failures)
        fault(index)
        self._counts[name] += 1
        self._check_calls_succeed_again(name)
        self._measure_memory()
        failures = self._load.failures[since:]
        self._failures[name] += len(failures)
        is_expected, limit = EXPECTED_FAILURES.get(name, (lambda _: False, 0))
        unexpected = [failure for failure in failures if not is_expected(failure)]
        self._report.equal(f"{name}: no call fails for another reason", unexpected[:5], [])
        self._report.check(f"{name}: at most {limit} calls fail", len(failures) <= limit, failures[:5])

    def _check_calls_succeed_again(self, name):
        """Waits until both replicas are ready and a hundred further calls have ended."""
        ready = wait_until(lambda: all(self._deployment.direct(index).get("/readyz") == 200 for index in range(2)))
        self._report.check(f"{name}: both replicas are ready again", ready)
        before = self._load.calls
        self._report.check(f"{name}: calls continue", wait_until(lambda: self._load.calls > before + 100))

    def _restart(self, index):
        self._deployment.restart(index)
        self._wait_until_used(index)

    def _kill(self, index):
        self._deployment.replicas[index].process.kill()
        self._deployment.restart(index)
        self._wait_until_used(index)

    def _wait_until_used(self, index):
        log = self._deployment.replicas[index].log
        self._report.check("the new replica receives calls", wait_until(lambda: 'tool="whoami"' in log.read_text()))
        self._resident.pop(index, None)

    def _restart_redis(self, _):
        self._deployment.restart_redis()

    def _fail_introspection(self, _):
        """Tokens that are cached stay valid. Others get 503, never 401."""
        url = f"{self._deployment.tenant.auth_url}/admin/api/fault"
        new_token = self._deployment.token()
        run_command(["curl", "-sf", "-X", "PUT", url, "--json", '{"fault": "server_error"}'], 10, environment(), check=True)
        status, _ = self._deployment.client(self._deployment.nginx_url).call(new_token, "whoami")
        self._report.equal("a new token gets 503 during an outage", status, 503)
        run_command(["curl", "-sf", "-X", "DELETE", url], 10, environment(), check=True)
        client = self._deployment.client(self._deployment.nginx_url)
        self._report.check(
            "the new token is accepted after the outage", wait_until(lambda: client.call(new_token, "whoami")[0] == 200)
        )

    def _revoke(self, _):
        person = company.USER_IDS[REVOKED_ROLE]
        token = self._deployment.token(REVOKED_ROLE)
        direct = [self._deployment.direct(index) for index in range(2)]
        accepted = [client.call(token, "whoami")[0] for client in direct]
        self._report.equal("both replicas accept the token of a person", accepted, [200, 200])
        fetch_json(f"{self._deployment.tenant.auth_url}/admin/api/people/{person}/disable", {})
        for client in direct:
            ended = wait_until(lambda client=client: client.call(token, "whoami")[0] == 401)
            self._report.check("access ends when the person is disabled", ended)
        fetch_json(f"{self._deployment.tenant.auth_url}/admin/api/people/{person}/enable", {})

    def _reload_nginx(self, _):
        """Waits until the workers with the old configuration have ended, which close connections then."""
        nginx = self._deployment.nginx.process
        old = Path(f"/proc/{nginx.pid}/task/{nginx.pid}/children").read_text().split()
        nginx.send_signal(signal.SIGHUP)
        ended = wait_until(lambda: not any(Path(f"/proc/{worker}").exists() for worker in old))
        self._report.check("the old workers of nginx end", ended)

    def _measure_memory(self):
        """Compares the resident memory of each replica with what it had when it was first measured after its start."""
        for index, replica in enumerate(self._deployment.replicas):
            status = Path(f"/proc/{replica.process.pid}/status").read_text()
            resident = int(re.search(r"^VmRSS:\s+(\d+) kB$", status, re.MULTILINE)[1]) / 1024
            first = self._resident.setdefault(index, resident)
            self._report.check("the memory of a replica does not grow", resident < first + MAX_GROWTH, (first, resident))


def is_bad_gateway(failure):
    """Returns whether nginx reported that a replica closed the connection."""
    return isinstance(failure, tuple) and failure[0] == 502


def is_unavailable(failure):
    """Returns whether the token could not be validated."""
    return isinstance(failure, tuple) and failure[0] == 503


def is_closed_connection(failure):
    """Returns whether nginx closed the connection of the client without a response."""
    return isinstance(failure, str) and failure.startswith(("SSLEOFError", "RemoteDisconnected", "ConnectionResetError"))


# The calls that may fail because of a fault, and their number at most.
EXPECTED_FAILURES = {
    # nginx does not send a call again that the replica was running, because its tool may have run.
    "a replica is killed": (is_bad_gateway, LOAD_THREADS),
    # A worker of nginx that ends closes the connections of clients, which may just have sent a call.
    "nginx reloads its configuration": (is_closed_connection, LOAD_THREADS),
    # The token of the load may not be cached any more, such as after a restart of Redis.
    "the authorization server fails": (is_unavailable, float("inf")),
}
