"""The extension for tasks (SEP-2663), as an application adds it to FastMCP's client."""

import asyncio
from typing import Literal

from mcp.client.extension import ClientExtension, ResultClaim
from mcp_types import CallToolResult, Request, RequestParams, Result
from pydantic import Field


class CreatedTask(Result):
    result_type: Literal["task"] = Field(alias="resultType")
    task_id: str = Field(alias="taskId")
    poll_interval_ms: int = Field(alias="pollIntervalMs")


class Task(Result):
    status: str
    result: dict | None = None
    input_requests: dict = Field(default={}, alias="inputRequests")


class TaskParams(RequestParams):
    task_id: str = Field(serialization_alias="taskId")


class TaskResponses(TaskParams):
    input_responses: dict = Field(serialization_alias="inputResponses")


class GetTask(Request[TaskParams, Literal["tasks/get"]]):
    method: Literal["tasks/get"] = "tasks/get"
    params: TaskParams
    # The value of `Mcp-Name`, which SEP-2663 requires.
    name_param = "taskId"


class UpdateTask(Request[TaskResponses, Literal["tasks/update"]]):
    method: Literal["tasks/update"] = "tasks/update"
    params: TaskResponses
    name_param = "taskId"


class TasksExtension(ClientExtension):
    """Polls each task until it is complete. `answer` returns the result of an elicitation with these parameters."""

    identifier = "io.modelcontextprotocol/tasks"

    def __init__(self, answer):
        self.created = 0
        self._answer = answer

    def claims(self):
        return [ResultClaim(result_type="task", model=CreatedTask, resolve=self._poll)]

    async def _poll(self, created, context):
        self.created += 1
        while True:
            params = TaskParams(task_id=created.task_id)
            task = await context.session.send_request(GetTask(params=params), Task)
            if task.status == "completed":
                return CallToolResult.model_validate(task.result)
            if task.status == "input_required":
                responses = {key: await self._answer(asked["params"]) for key, asked in task.input_requests.items()}
                params = TaskResponses(task_id=created.task_id, input_responses=responses)
                await context.session.send_request(UpdateTask(params=params), Result)
            elif task.status == "working":
                await asyncio.sleep(created.poll_interval_ms / 1000)
            else:
                raise RuntimeError(f"the task ended: {task}")
