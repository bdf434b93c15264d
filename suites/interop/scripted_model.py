#!/usr/bin/env python3
"""A model for Claude Code that uses the tools that the prompt names, without a network.

It serves the part of the Messages API that Claude Code needs, on a free loopback port, and prints its URL. The user's
prompt is a JSON object: for `{"use": [["mcp__company__whoami", {}]]}`, the model uses that tool with these arguments.
It ends its turn when it has received the results.
"""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def content_blocks(message):
    """Returns the content of a message as a list of blocks."""
    content = message["content"]
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def requested_uses(messages):
    """Returns the tools to use and their arguments, or none if the tools have already been used."""
    blocks = [block for message in messages for block in content_blocks(message)]
    if not any(block["type"] == "tool_result" for block in blocks):
        # Claude Code adds texts of its own to the prompt.
        for block in blocks:
            if block["type"] == "text" and block["text"].startswith('{"use":'):
                return json.loads(block["text"])["use"]
    return []


def stream(model, uses):
    """Returns the events of the response (Messages API, streaming)."""
    usage = {"input_tokens": 1, "output_tokens": 1}
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": model, "content": [], "usage": usage}
    yield {"type": "message_start", "message": message}
    for index, (name, arguments) in enumerate(uses):
        # The n-th tool use has the ID `toolu_n`, so that the suite finds its result.
        block = {"type": "tool_use", "id": f"toolu_{index}", "name": name, "input": {}}
        delta = {"type": "input_json_delta", "partial_json": json.dumps(arguments)}
        yield from content_block(index, block, delta)
    if not uses:
        yield from content_block(0, {"type": "text", "text": ""}, {"type": "text_delta", "text": "Done."})
    reason = "tool_use" if uses else "end_turn"
    yield {"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": None}, "usage": usage}
    yield {"type": "message_stop"}


def content_block(index, block, delta):
    yield {"type": "content_block_start", "index": index, "content_block": block}
    yield {"type": "content_block_delta", "index": index, "delta": delta}
    yield {"type": "content_block_stop", "index": index}


class Messages(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_HEAD(self):
        self.respond(200, "application/json", b"")

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.path.split("?")[0] != "/v1/messages":
            return self.respond(404, "application/json", b"{}")
        events = stream(request["model"], requested_uses(request["messages"]))
        body = "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events)
        self.respond(200, "text/event-stream", body.encode())

    def respond(self, status, content_type, body):
        self.send_response(status)
        self.send_header("content-type", content_type)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Messages)
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
