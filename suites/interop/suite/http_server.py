"""An HTTP server of the suite itself, in a thread."""

import threading
from http.server import ThreadingHTTPServer


class HttpServer:
    """Serves with a request handler class on a free loopback port until its `with` block ends."""

    def __init__(self, handler):
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.base_url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()
