"""The program around FastMCP's client with `auth="oauth"`: runs the commands that suite/clients.py describes."""

import asyncio
import json
import sys

from fastmcp import Client


async def connect(client, _):
    await client.__aenter__()
    return {"protocol_version": client.protocol_version}


async def list_tools(client, _):
    return {"tools": [tool.name for tool in await client.list_tools()]}


async def call_tool(client, message):
    result = await client.call_tool(message["tool"], message["arguments"], raise_on_error=False)
    if result.is_error:
        raise RuntimeError(f"the tool failed: {result.content}")
    return {"content": result.structured_content}


COMMANDS = {"connect": connect, "list": list_tools, "call": call_tool}


async def main():
    client = Client(sys.argv[1], auth="oauth")
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        message = json.loads(line)
        try:
            response = {"ok": True, **await COMMANDS[message["command"]](client, message)}
        except Exception as error:
            response = {"ok": False, "error": f"{type(error).__name__}: {error}"}
        print(json.dumps(response), flush=True)


asyncio.run(main())
