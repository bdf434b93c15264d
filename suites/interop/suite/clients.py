"""The clients under test, and the protocol between this suite and the program that wraps each client.

The suite starts the program with the MCP URL as its argument, and writes one JSON command per line to its standard
input. The program answers each command with one line of JSON on its standard output: `{"command": "connect"}` with
`{"ok": true, "protocol_version": "2025-11-25"}`.

| command | its other members | members of the response |
|---|---|---|
| `connect` | | `protocol_version` |
| `list` | | `tools`: names |
| `call` | `tool`, `arguments`, `answer` | `content`: the structured content; `asked`: the messages of the questions |
| `call_task` | the same | the same, and `kind`: `"task"` if the server created a task |
| `list_resources` | | `resources`: URIs; `templates`: URI templates |
| `read` | `uri` | `text`, or `blob` in Base64; `mime_type` |
| `list_prompts` | | `prompts`: names |
| `get_prompt` | `prompt`, `arguments` | `messages`: texts |
| `complete` | `prompt` or `template`, `argument`, `value` | `values` |
| `subscribe`, also to all lists | `uri` | `accepted`: the URIs to which the client is subscribed |
| `receive_notifications` | `count` | `notifications`: objects with `method` and, for a resource, `uri` |

`answer` is what the user enters in the forms of the call. Without it, the user declines them. The user opens each URL
that the server asks to open. `receive_notifications` waits for notifications that no earlier command returned.

The response to a command that fails is `{"ok": false, "error": "the client's error message"}`.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path

from .browser_driver import BrowserDriver
from .processes import JsonLinesProcess, environment

COMMAND_TIMEOUT = 60  # seconds; one command may include a whole login
LEGACY, MODERN = "2025-11-25", "2026-07-28"


@dataclass(frozen=True)
class Client:
    """A client and its measured behavior, which README.md describes."""

    name: str
    command: tuple
    # Protocol revision that the client negotiates with the server.
    protocol_version: str
    # Whether the client sends the user to the browser again after `insufficient_scope`.
    steps_up: bool = True
    # Scopes that the client requests in a step-up: those in the server's metadata, those that were granted and those of
    # the challenge ("all"), the scopes that were granted and those of the challenge ("granted+challenge"), or only those
    # of the "challenge".
    step_up_scopes: str = "granted+challenge"
    # Whether the first login requests the scopes of the challenge. Otherwise it requests those in the metadata.
    reads_challenge: bool = True
    # Whether the client rejects authorization server metadata that names another issuer.
    checks_issuer: bool = True
    # Whether the client has the extension `io.modelcontextprotocol/tasks` (SEP-2663).
    runs_tasks: bool = False
    # Browser command. The default is `scripted_browser.py`.
    browser: Path | None = None
    # Options of the program that wraps the client.
    options: dict = field(default_factory=dict)


def clients_under_test(paths):
    """Returns every client under test by name."""
    fastmcp = (paths.python, paths.interop / "clients/fastmcp_client.py")
    sdk_v1 = paths.node_command("clients/sdk_v1.mjs")
    sdk_v2 = paths.node_command("clients/sdk_v2.mjs")
    rmcp = (paths.binaries / "toolgate-interop-rmcp",)
    no_refresh, modern = {"discardRefreshTokens": True}, {"versionNegotiation": "auto"}
    clients = [
        Client("fastmcp", fastmcp, MODERN, step_up_scopes="all", runs_tasks=True),
        Client("fastmcp-legacy", fastmcp, LEGACY, step_up_scopes="all", options={"mode": "legacy"}),
        Client("sdk-v1", sdk_v1, LEGACY, steps_up=False, checks_issuer=False),
        Client(
            "sdk-v1-no-refresh", sdk_v1, LEGACY, step_up_scopes="challenge", checks_issuer=False, options=no_refresh
        ),
        Client("sdk-v2", sdk_v2, LEGACY),
        Client("sdk-v2-modern", sdk_v2, MODERN, runs_tasks=True, options=modern),
        Client("rmcp", rmcp, LEGACY, reads_challenge=False),
        Client("rmcp-modern", rmcp, MODERN, reads_challenge=False, runs_tasks=True, options=modern),
    ]
    return {client.name: client for client in clients}


class ClientSession:
    """A new installation of a client, without a registration, a token or a cookie.

    `variables` are added to its environment.
    """

    def __init__(self, paths, client, url, folder, variables=None):
        self.browser = BrowserDriver(folder)
        env = environment(
            BROWSER=client.browser or paths.interop / "scripted_browser.py",
            INTEROP_BROWSER_FOLDER=folder,
            INTEROP_OPTIONS=json.dumps(client.options),
            **(variables or {}),
        )
        self._process = JsonLinesProcess([*client.command, url], folder / "client.log", env)

    def request(self, command, **arguments):
        return self._process.request({"command": command, **arguments}, COMMAND_TIMEOUT)

    def connect(self):
        return self.request("connect")

    def log_in(self):
        """Connects, which includes a login without prior configuration."""
        return self.connect()

    def list_tools(self):
        """Returns the names of the listed tools, or `None` if the client reports an error."""
        return self.request("list").get("tools")

    def call(self, tool, arguments):
        return self.request("call", tool=tool, arguments=arguments)

    def whoami(self):
        """Returns the content of the `whoami` tool's result, which is empty if the call failed."""
        return self.call("whoami", {}).get("content") or {}

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self._process.__exit__(*exception)
        self.browser.close()
