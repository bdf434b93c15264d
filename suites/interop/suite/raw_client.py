"""A minimal client: sends single requests, without a login, and reads event streams."""

import http.client
import json
import ssl
from urllib.parse import urlsplit

TIMEOUT = 20  # seconds
MODERN = "2026-07-28"


class RawClient:
    """One connection, which is opened again after the other side has closed it.

    `host` replaces the host of the URL in the requests, as if they came from the proxy.
    """

    def __init__(self, url, certificate=None, host=None):
        self._url, self._host = urlsplit(url), host
        self._tls = ssl.create_default_context(cafile=certificate) if self._url.scheme == "https" else None
        self._connection = self._connect()

    def call(self, token, tool, arguments=None):
        """Calls a tool without a session. Returns the status and the parsed body, or `None` if it is not JSON."""
        params = {"name": tool, "arguments": arguments or {}}
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})
        response = self._post(body, token, {})
        content = response.read()
        is_json = response.headers.get_content_type() == "application/json"
        return response.status, json.loads(content) if is_json else None

    def listen(self, token):
        """Opens a stream of notifications about the list of tools."""
        meta = {
            "io.modelcontextprotocol/protocolVersion": MODERN,
            "io.modelcontextprotocol/clientInfo": {"name": "raw-client", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": {},
        }
        params = {"notifications": {"toolsListChanged": True}, "_meta": meta}
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "subscriptions/listen", "params": params})
        headers = {"MCP-Protocol-Version": MODERN, "Mcp-Method": "subscriptions/listen"}
        return EventStream(self._connection, self._post(body, token, headers))

    def get(self, path):
        """Returns the status of a GET request."""
        self._connection.request("GET", path, headers=self._host_header())
        response = self._connection.getresponse()
        response.read()
        return response.status

    def close(self):
        self._connection.close()

    def _connect(self):
        host, port = self._url.hostname, self._url.port
        if self._tls:
            return http.client.HTTPSConnection(host, port, timeout=TIMEOUT, context=self._tls)
        return http.client.HTTPConnection(host, port, timeout=TIMEOUT)

    def _host_header(self):
        return {"Host": self._host} if self._host else {}

    def _post(self, body, token, headers):
        headers = {
            **self._host_header(),
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
            **headers,
        }
        self._connection.request("POST", "/mcp", body, headers)
        return self._connection.getresponse()


class EventStream:
    """An open event stream. It takes the connection of its client."""

    def __init__(self, connection, response):
        self.status = response.status
        self._connection, self._response = connection, response

    def first_event(self, timeout):
        """Returns the data of the first event, or `None` if none arrives in this time."""
        self._connection.sock.settimeout(timeout)
        try:
            while line := self._response.readline():
                if line.startswith(b"data:") and (data := line[5:].strip()):
                    return json.loads(data)
        except TimeoutError:
            pass
        return None

    def has_ended(self, timeout):
        """Returns whether the stream ends within this time."""
        self._connection.sock.settimeout(timeout)
        try:
            while self._response.readline():
                pass
        except TimeoutError:
            return False
        except OSError:
            pass
        return True

    def close(self):
        self._response.close()
        self._connection.close()
