"""The client of mcp 1.x in the agents' environment: it calls tools as it is told, line by line.

Its argument is JSON: how to reach the server (`url` and `headers`, or `command`, `args`, `env` and
`cwd`), and the `answer` that it gives by itself where the server asks its user.
"""

import asyncio
import json
import sys
from contextlib import AsyncExitStack
from importlib import import_module
from typing import Any

# Another major than the one that the project is checked against.
mcp, types = import_module("mcp"), import_module("mcp.types")


async def main(answer: dict[str, Any] | None, **server: Any) -> None:
    asked: list[str] = []

    async def answered(_: Any, params: Any) -> Any:
        asked.append(params.message)
        return types.ElicitResult(**answer) if answer else types.ErrorData(code=-1, message="no")

    async with AsyncExitStack() as opened:
        if "url" in server:
            http = import_module("httpx").AsyncClient(headers=server["headers"], timeout=60)
            await opened.enter_async_context(http)
            transport = import_module("mcp.client.streamable_http").streamable_http_client(
                server["url"], http_client=http
            )
        else:
            transport = mcp.stdio_client(mcp.StdioServerParameters(**server))
        read, write, *_ = await opened.enter_async_context(transport)
        session = mcp.ClientSession(read, write, elicitation_callback=answered)
        await opened.enter_async_context(session)
        await session.initialize()
        while line := await asyncio.to_thread(sys.stdin.readline):
            call = json.loads(line)
            result = await session.call_tool(call["tool"], call["given"])
            reply = {"error": result.isError, "text": result.content[0].text, "asked": asked}
            print(json.dumps(reply), flush=True)  # noqa: T201 - it speaks by lines


if __name__ == "__main__":
    asyncio.run(main(**json.loads(sys.argv[1])))
