"""FastMCP's client with `auth="oauth"`, driven as suite/client.py says."""

import asyncio
import json
import sys

from fastmcp import Client


async def connect(client, _):
    await client.__aenter__()
    return {"protocol": client.protocol_version}


async def list_tools(client, _):
    return {"tools": [tool.name for tool in await client.list_tools()]}


async def call(client, order):
    result = await client.call_tool(order["tool"], order["arguments"], raise_on_error=False)
    if result.is_error:
        raise RuntimeError(f"the tool failed: {result.content}")
    return {"content": result.structured_content}


STEPS = {"connect": connect, "list": list_tools, "call": call}


async def main():
    client = Client(sys.argv[1], auth="oauth")
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        order = json.loads(line)
        try:
            answer = {"ok": True, **await STEPS[order["do"]](client, order)}
        except Exception as error:
            answer = {"ok": False, "error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


asyncio.run(main())
