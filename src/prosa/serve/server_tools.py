"""The server's own tools: run when a client asks for it, never by themselves."""

import asyncio
from typing import Any

from prosa.core.language import tr
from prosa.generate.tools import Toolbox, ToolCall
from prosa.serve.chat_request import FunctionName
from prosa.serve.errors import wrong
from prosa.serve.strict import Strict


class RunRequest(Strict):
    """A call."""

    name: FunctionName
    arguments: dict[str, Any]


async def run_tool(toolbox: Toolbox | None, body: RunRequest) -> dict[str, Any]:
    """What a call gives; what is wrong with its arguments is a result too, for the model to read.

    Raises:
        ApiError: there is no such tool.
    """
    names = [schema["function"]["name"] for schema in toolbox.schemas] if toolbox else []
    if toolbox is None or body.name not in names:
        there = ", ".join(names) or "-"
        message = tr(
            f"There is no tool {body.name}; there are: {there}.", f"Não há ferramenta {body.name}; há: {there}."
        )
        raise wrong("name", message, "tool_not_found")
    result = await asyncio.to_thread(toolbox.run, ToolCall(body.name, body.arguments))
    return {"content": result.content, "error": result.error}
