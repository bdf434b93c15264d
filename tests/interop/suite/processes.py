"""Processes that are started here and certainly stopped here."""

import os
import queue
import re
import subprocess
import threading
import time
from pathlib import Path

START_TIMEOUT = 60  # seconds


def environment(**extra):
    """The environment without anything that would configure a server or send loopback through a proxy."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("PROPELAUTH_")}
    for name in ("SERVER_URL", "BIND_ADDR", "TENANT_BIND_ADDR", "RUST_LOG"):
        env.pop(name, None)
    loopback = "127.0.0.1,localhost"
    return {**env, "NO_PROXY": loopback, "no_proxy": loopback, **{key: str(value) for key, value in extra.items()}}


class Process:
    """A server whose output goes to files."""

    def __init__(self, command, log, env):
        self.log = Path(log)
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.out = self.log.with_suffix(".out")
        with self.log.open("wb") as stderr, self.out.open("wb") as stdout:
            self.process = subprocess.Popen(
                [str(part) for part in command], stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, env=env
            )

    def await_output(self, pattern):
        deadline = time.monotonic() + START_TIMEOUT
        while time.monotonic() < deadline:
            if found := re.search(pattern, self.out.read_text(), re.MULTILINE):
                return found
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        raise RuntimeError(f"{self.process.args[0]} did not start:\n{self.log.read_text()[-2000:]}")

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Conversation:
    """A process that is sent lines and answers each with a line."""

    def __init__(self, command, log, env):
        self.log = Path(log)
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self._stderr = self.log.open("wb")
        self.process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            env=env,
            text=True,
            bufsize=1,
        )
        self._lines = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def ask(self, line, timeout):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        try:
            answer = self._lines.get(timeout=timeout)
        except queue.Empty:
            raise RuntimeError(f"no answer to {line} within {timeout} s; see {self.log.name}") from None
        if answer is None:
            raise RuntimeError(f"ended instead of answering {line}: {self.log.read_text()[-2000:]}")
        return answer

    def stop(self):
        self.process.stdin.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._stderr.close()
