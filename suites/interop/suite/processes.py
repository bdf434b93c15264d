"""Child processes that are stopped when their `with` block ends."""

import contextlib
import json
import os
import pty
import queue
import re
import select
import socket
import subprocess
import threading
import time

START_TIMEOUT = 60  # seconds
STOP_TIMEOUT = 10  # seconds
WAIT_TIMEOUT = 30  # seconds
LOG_TAIL = 2000  # characters of a log file that an error shows


def environment(**extra):
    """Returns the environment for a child process: no server settings, and no proxy for loopback addresses."""
    prefixes = ("OAUTH_", "OTEL_", "PROPELAUTH_", "TOOLGATE_")
    env = {key: value for key, value in os.environ.items() if not key.startswith(prefixes)}
    for name in ("SERVER_URL", "BIND_ADDR", "CONSOLE_ADDR", "METRICS_ADDR", "TENANT_BIND_ADDR", "RUST_LOG"):
        env.pop(name, None)
    loopback = "127.0.0.1,localhost"
    return {**env, "NO_PROXY": loopback, "no_proxy": loopback, **{key: str(value) for key, value in extra.items()}}


def run_command(command, timeout, env=None, **options):
    """Runs a command to its end, without standard input, and returns its captured output."""
    return subprocess.run(
        [str(part) for part in command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env=env or environment(),
        timeout=timeout,
        **options,
    )


def run_in_terminal(command, timeout, env, cwd=None):
    """Runs a command that requires a terminal. Returns its exit code, or `None` at the time limit, and its output."""
    terminal, standard_streams = pty.openpty()
    command = [str(part) for part in command]
    with subprocess.Popen(
        command, stdin=standard_streams, stdout=standard_streams, stderr=standard_streams, env=env, cwd=cwd
    ) as process:
        os.close(standard_streams)
        output, deadline = b"", time.monotonic() + timeout
        # A read fails once the process has closed the terminal.
        with contextlib.suppress(OSError):
            while (left := deadline - time.monotonic()) > 0:
                readable, _, _ = select.select([terminal], [], [], left)
                if not readable or not (data := os.read(terminal, 65536)):
                    break
                output += data
        try:
            code = process.wait(max(0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            code = None
        os.close(terminal)
    return code, output.decode(errors="replace")


def wait_until(condition):
    """Waits until a condition holds. Returns whether it did before the time limit."""
    deadline = time.monotonic() + WAIT_TIMEOUT
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return False


def free_port(distance=0):
    """Returns a loopback port that was free a moment ago, as was the port at this distance from it."""
    while True:
        with socket.socket() as probe, socket.socket() as neighbor:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
            with contextlib.suppress(OSError, OverflowError):
                if distance:
                    neighbor.bind(("127.0.0.1", port + distance))
                return port


class Process:
    """A child process whose standard error goes to a log file."""

    def __init__(self, command, log, env, **streams):
        self.log = log
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("wb") as stderr:
            self.process = subprocess.Popen([str(part) for part in command], stderr=stderr, env=env, **streams)

    def log_tail(self):
        return self.log.read_text()[-LOG_TAIL:]

    def request_stop(self):
        self.process.terminate()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.request_stop()
        try:
            self.process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Server(Process):
    """A server process whose standard output goes to a file."""

    def __init__(self, command, log, env):
        self.out = log.with_suffix(".out")
        log.parent.mkdir(parents=True, exist_ok=True)
        with self.out.open("wb") as stdout:
            super().__init__(command, log, env, stdin=subprocess.DEVNULL, stdout=stdout)

    def wait_for_output(self, pattern):
        """Waits until the standard output matches the regular expression, and returns the match."""
        return self._wait_for_match(self.out, pattern)

    def wait_for_log(self, pattern):
        """Waits until the log matches the regular expression, and returns the match."""
        return self._wait_for_match(self.log, pattern)

    def _wait_for_match(self, file, pattern):
        deadline = time.monotonic() + START_TIMEOUT
        while time.monotonic() < deadline:
            if match := re.search(pattern, file.read_text(), re.MULTILINE):
                return match
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        raise RuntimeError(f"{self.process.args[0]} did not print {pattern!r}:\n{self.log_tail()}")


class JsonLinesProcess(Process):
    """A process that reads JSON commands from standard input and answers each with one line of JSON."""

    def __init__(self, command, log, env):
        super().__init__(
            command, log, env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        self._lines = queue.Queue()
        threading.Thread(target=self._read_lines, daemon=True).start()

    def _read_lines(self):
        for line in self.process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def request(self, command, timeout):
        """Sends one command and returns its response."""
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        try:
            line = self._lines.get(timeout=timeout)
        except queue.Empty:
            raise RuntimeError(f"no response to {command} within {timeout} s; see {self.log}") from None
        if line is None:
            raise RuntimeError(f"the process exited without a response to {command}: {self.log_tail()}")
        return json.loads(line)

    def request_stop(self):
        self.process.stdin.close()
