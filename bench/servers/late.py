"""The provider of prepared answers, so many seconds late."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bench.servers.running import parser, run
from bench.servers.upstream import _Provider


class _Late:
    """A transport that writes later."""

    def __init__(self, transport: asyncio.Transport, seconds: float) -> None:
        self._transport = transport
        self._seconds = seconds

    def write(self, data: bytes) -> None:
        loop = asyncio.get_running_loop()
        loop.call_later(self._seconds, self._transport.write, data)


def main() -> None:
    arguments = parser()
    arguments.add_argument("--seconds", type=float, default=0.05)
    given = arguments.parse_args()

    class Provider(_Provider):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(_Late(transport, given.seconds))  # type: ignore[arg-type]

    @asynccontextmanager
    async def opened() -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(Provider, "127.0.0.1", given.port, backlog=4096)
        async with server:
            yield

    run(opened)


if __name__ == "__main__":
    main()
