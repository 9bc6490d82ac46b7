"""The real server as a process of its own: `… -m tests.support.program PROVIDER SETTINGS`.

SETTINGS is a JSON object.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

from adapters.simulator import DEMO_KEY
from gateway.http.serving.server import serve
from gateway.wiring import open_gateway
from tests.support.dying import POINTS, die_at
from tests.support.forks import FORKS
from tests.support.gateway import have_accepted, new_database, settings

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Program:
    """A server that runs by itself, and its address."""

    process: asyncio.subprocess.Process
    url: str


@dataclass(frozen=True, slots=True)
class Node:
    """One of several servers, and its address."""

    process: ForkServerProcess
    url: str

    async def died(self) -> None:
        """Returns when it has killed itself; fails where it ended in another way."""
        await asyncio.to_thread(self.process.join, 60)
        assert self.process.exitcode == -9


@asynccontextmanager
async def program(provider_url: str, **changes: Any) -> AsyncIterator[Program]:
    """The server in a process of its own, until the end of the block."""
    given = {"gateway_database_url": new_database(), **changes}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.support.program", provider_url, json.dumps(given)),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        url = (await process.stdout.readline()).decode().strip()
        assert url or process.stderr is None, await process.stderr.read()
        yield Program(process, url)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@asynccontextmanager
async def node(
    provider_url: str, *, dies_at: str | None = None, **changes: Any
) -> AsyncIterator[Node]:
    """A server forked from one that has loaded everything and done nothing: there at once.

    With `dies_at` it kills itself when a purchase comes to that point.
    """
    here, there = FORKS.Pipe(duplex=False)
    given = {"gateway_database_url": new_database(), **changes}
    process = FORKS.Process(target=_forked, args=(there, provider_url, given, dies_at))
    await asyncio.to_thread(process.start)
    there.close()
    try:
        yield Node(process, await asyncio.to_thread(here.recv))
    finally:
        process.kill()
        await asyncio.to_thread(process.join)
        process.close()
        here.close()


def _forked(
    told: Connection, provider_url: str, changes: dict[str, Any], point: str | None
) -> None:
    if point is not None:
        die_at(POINTS[point])
    asyncio.run(_serve(provider_url, changes, told.send))


async def _serve(
    provider_url: str, changes: dict[str, Any], started: Callable[[str], None]
) -> None:
    async with open_gateway(settings(provider_url, **changes)) as gateway:
        await have_accepted(gateway, DEMO_KEY)
        await serve(
            gateway.app(with_mcp=False),
            host="127.0.0.1",
            port=0,
            # Both longer than any test waits: a server that ends in a minute waited for neither.
            keepalive=120.0,
            drain_seconds=120.0,
            started=started,
        )


def _tell(url: str) -> None:
    print(url, flush=True)  # noqa: T201 - the test reads it


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1], json.loads(sys.argv[2]), _tell))
