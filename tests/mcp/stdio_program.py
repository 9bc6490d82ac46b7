"""What a client starts: the gateway on standard input and output. Its arguments are JSON."""

import asyncio
import json
import os
import sys
from tempfile import TemporaryDirectory
from typing import Any

from gateway.settings import Settings
from gateway.wiring import open_gateway
from mcp_server.calls import waiting
from mcp_server.ports import OperationInvoker
from mcp_server.remote import open_remote
from mcp_server.transport.stdio import run_stdio
from tests.mcp.support import OPTIONS, own_settings
from tests.support.gateway import have_accepted


async def main(
    provider_url: str,
    key: str,
    gateway_url: str | None = None,
    progress_seconds: float = waiting.PROGRESS_SECONDS,
) -> None:
    waiting.PROGRESS_SECONDS = progress_seconds
    if gateway_url is not None:
        async with open_remote(gateway_url, key) as remote:
            await run_stdio(remote, remote.caller, OPTIONS)
        return
    with TemporaryDirectory() as folder:
        await embedded(own_settings(provider_url, folder), key)


async def embedded(settings: Settings, key: str) -> None:
    async with open_gateway(settings) as gateway:
        await have_accepted(gateway, key)
        caller = await gateway.callers.identify(key)
        await run_stdio(Chatty(gateway.invoker), caller, OPTIONS)


class Chatty:
    """Prints where nothing may be printed."""

    def __init__(self, inner: OperationInvoker) -> None:
        self._inner = inner

    async def invoke(self, *call: Any) -> Any:
        sys.stdout.write("this must not reach the client\n")
        return await self._inner.invoke(*call)

    async def repeated(self, *call: Any) -> Any:
        return await self._inner.repeated(*call)

    async def resolved(self, *call: Any) -> Any:
        return await self._inner.resolved(*call)

    async def check(self, *call: Any) -> None:
        await self._inner.check(*call)

    async def answer(self, *call: Any) -> Any:
        os.write(1, b"nor this\n")
        return await self._inner.answer(*call)


if __name__ == "__main__":
    asyncio.run(main(**json.loads(sys.argv[1])))
