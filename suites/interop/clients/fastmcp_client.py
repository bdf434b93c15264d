"""The program around FastMCP's client with `auth="oauth"`: runs the commands that suite/clients.py describes."""

import asyncio
import json
import os
import sys
import webbrowser
from contextlib import AsyncExitStack
from types import SimpleNamespace

from fastmcp import Client
from fastmcp.client.elicitation import ElicitResult
from mcp import MCPError
from mcp.client.subscriptions import listen
from mcp.shared.exceptions import UrlElicitationRequiredError
from mcp_types import PromptReference, ResourceTemplateReference
from tasks_extension import TasksExtension

OPTIONS = json.loads(os.environ.get("INTEROP_OPTIONS", "{}"))
MODERN = "2026-07-28"


class Program:
    """One client, and what the server has sent it."""

    def __init__(self, url):
        self.tasks = TasksExtension(self.answer_question_of_task)
        self.client = Client(
            url,
            auth="oauth",
            mode=OPTIONS.get("mode", "auto"),
            elicitation_handler=self.answer_question,
            message_handler=self.receive,
            extensions=[self.tasks] if OPTIONS.get("tasks") else [],
        )
        self.answer, self.asked = None, []
        self.notifications = asyncio.Queue()
        self.streams = AsyncExitStack()

    async def answer_question(self, message, _type, params, _context):
        """Opens a URL in the browser, and fills in a form."""
        self.asked.append(message)
        if params.mode == "url":
            webbrowser.open(params.url)
            return ElicitResult(action="accept")
        return ElicitResult(action="accept" if self.answer else "decline", content=self.answer)

    async def answer_question_of_task(self, params):
        result = await self.answer_question(params["message"], None, SimpleNamespace(**params), None)
        return result.model_dump(include={"action", "content"})

    async def receive(self, message):
        if getattr(message, "method", "").endswith(("/list_changed", "resources/updated")):
            notification = {"method": message.method}
            if message.method == "notifications/resources/updated":
                notification["uri"] = str(message.params.uri)
            self.notifications.put_nowait(notification)

    async def connect(self):
        await self.client.__aenter__()
        return {"protocol_version": self.client.protocol_version}

    async def list(self):
        return {"tools": [tool.name for tool in await self.client.list_tools()]}

    async def call(self, tool, arguments, answer=None):
        self.answer, self.asked = answer, []
        try:
            result = await self.client.call_tool(tool, arguments, raise_on_error=False)
        except MCPError as error:
            # The error with which 2025-11-25 requests URLs to open.
            for elicitation in UrlElicitationRequiredError.from_error(error.error).elicitations:
                await self.answer_question(elicitation.message, None, elicitation, None)
            result = await self.client.call_tool(tool, arguments, raise_on_error=False)
        if result.is_error:
            raise RuntimeError(f"the tool failed: {result.content}")
        return {"content": result.structured_content, "asked": self.asked}

    async def call_task(self, tool, arguments, answer=None):
        created = self.tasks.created
        result = await self.call(tool, arguments, answer)
        return {**result, "kind": "task" if self.tasks.created > created else "call"}

    async def list_resources(self):
        resources = await self.client.list_resources()
        templates = await self.client.list_resource_templates()
        return {
            "resources": [str(resource.uri) for resource in resources],
            "templates": [template.uri_template for template in templates],
        }

    async def read(self, uri):
        [contents] = await self.client.read_resource(uri)
        if hasattr(contents, "blob"):
            return {"blob": contents.blob, "mime_type": contents.mime_type}
        return {"text": contents.text, "mime_type": contents.mime_type}

    async def list_prompts(self):
        return {"prompts": [prompt.name for prompt in await self.client.list_prompts()]}

    async def get_prompt(self, prompt, arguments):
        result = await self.client.get_prompt(prompt, arguments)
        return {"messages": [message.content.text for message in result.messages]}

    async def complete(self, argument, value, prompt=None, template=None):
        reference = (
            PromptReference(type="ref/prompt", name=prompt)
            if prompt
            else ResourceTemplateReference(type="ref/resource", uri=template)
        )
        completion = await self.client.complete(reference, {"name": argument, "value": value})
        return {"values": completion.values}

    async def subscribe(self, uri):
        if self.client.protocol_version != MODERN:
            await self.client.session.subscribe_resource(uri)
            return {"accepted": [uri]}
        # FastMCP's client has no method for `subscriptions/listen`, but the Python SDK's function takes its session.
        # The notifications of the stream reach the message handler.
        stream = listen(
            self.client.session,
            tools_list_changed=True,
            prompts_list_changed=True,
            resources_list_changed=True,
            resource_subscriptions=[uri],
        )
        subscription = await self.streams.enter_async_context(stream)
        return {"accepted": subscription.honored.resource_subscriptions}

    async def receive_notifications(self, count):
        return {"notifications": [await self.notifications.get() for _ in range(count)]}

    async def run(self, message):
        command = getattr(self, message.pop("command"))
        try:
            return {"ok": True, **await command(**message)}
        except Exception as error:
            return {"ok": False, "error": f"{type(error).__name__}: {error}"}


async def main():
    program = Program(sys.argv[1])
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        print(json.dumps(await program.run(json.loads(line))), flush=True)


asyncio.run(main())
