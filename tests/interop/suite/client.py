"""A client under test: a small program around it that does what it is told, a line of JSON at a time.

| order | answer |
|---|---|
| `{"do": "connect"}` | `{"ok": true, "protocol": "2025-11-25"}` |
| `{"do": "list"}` | `{"ok": true, "tools": ["whoami"]}` |
| `{"do": "call", "tool": "whoami", "arguments": {}}` | `{"ok": true, "content": {..}}` |

Anything that fails is answered with `{"ok": false, "error": "what the client said"}`.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path

from .desk import Desk
from .processes import Conversation, environment

ANSWER_TIMEOUT = 60  # seconds; a step holds a whole login


@dataclass(frozen=True)
class Client:
    """A client, and what it was measured to do."""

    name: str
    command: tuple
    # The protocol revision that it agrees on with the server.
    protocol: str
    # Whether it asks the person again after `insufficient_scope`.
    steps_up: bool = True
    # What it asks for when it steps up: "all" scopes of the server, those that were "granted" and those of the
    # challenge, or those of the "challenge" alone.
    asks: str = "granted"
    # Whether it refuses authorization server metadata that names another issuer.
    strict: bool = True
    # The browser that it opens; the one that only follows the pages if left out.
    browser: Path | None = None
    options: dict = field(default_factory=dict)


class Session:
    """A fresh installation of a client: no registration, no token, no cookie."""

    def __init__(self, setup, client, url, folder):
        self.desk = Desk(folder)
        env = environment(
            BROWSER=client.browser or setup.here / "browser",
            INTEROP_DESK=folder,
            INTEROP_OPTIONS=json.dumps(client.options),
        )
        self._process = Conversation([*client.command, url], folder / "client.log", env)

    def _do(self, **order):
        return json.loads(self._process.ask(json.dumps(order), ANSWER_TIMEOUT))

    def connect(self):
        return self._do(do="connect")

    def list(self):
        return self._do(do="list")

    def call(self, tool, arguments):
        return self._do(do="call", tool=tool, arguments=arguments)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.stop()
        self.desk.leave()
