"""Server under test, in FastMCP with PropelAuthProvider: server.py ADDRESS TOOLS AUTH_URL [cached].

By default, PropelAuthProvider introspects the token of every request. `cached` turns on its optional cache.
"""

import sys
from typing import Annotated

from fastmcp import FastMCP
from fastmcp.server.auth import require_scopes
from fastmcp.server.auth.providers.propelauth import PropelAuthProvider
from pydantic import Field

address, tools, auth_url, *rest = sys.argv[1:]
host, port = address.rsplit(":", 1)
overrides = {"cache_ttl_seconds": 600, "max_cache_size": 100_000} if rest == ["cached"] else None

mcp = FastMCP(
    "fastmcp",
    auth=PropelAuthProvider(
        auth_url=auth_url,
        introspection_client_id="bench",
        introspection_client_secret="bench",
        base_url=f"http://{address}",
        resource=f"http://{address}/mcp",
        token_introspection_overrides=overrides,
    ),
)


async def add(
    a: Annotated[int, Field(description="The first number.")],
    b: Annotated[int, Field(description="The second number.")],
) -> str:
    return str(a + b)


async def echo(text: Annotated[str, Field(description="The text.")]) -> str:
    return text


async def record(
    record_id: Annotated[str, Field(description="The record's ID, such as `rec_0042`.")],
    limit: Annotated[int | None, Field(description="How many entries of its history at most; 10 if left out.")] = None,
) -> str:
    return f"{record_id}: {10 if limit is None else limit} entries"


for index in range(int(tools)):
    function, name, description = {
        0: (add, "add", "Add two numbers."),
        1: (echo, "echo", "Return the input."),
    }.get(
        index,
        (
            record,
            f"area_{index:03}_record",
            f"Return a record of area {index:03} with its history, the newest entries first.",
        ),
    )
    mcp.tool(
        name=name,
        description=description,
        output_schema=None,
        annotations={"readOnlyHint": True},
        auth=require_scopes(f"area{index:03}:records:read"),
    )(function)

mcp.run(
    transport="http",
    host=host,
    port=int(port),
    path="/mcp",
    stateless_http=True,
    json_response=True,
    show_banner=False,
    uvicorn_config={"log_level": "warning", "access_log": False},
)
