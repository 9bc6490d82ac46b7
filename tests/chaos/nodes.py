"""Gateways as processes of their own: `getatext-gateway serve`, killed and started again."""

import asyncio
import os
import socket
import sys
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import ClientError, ClientSession

ROOT = Path(__file__).resolve().parents[2]
SERVE = (sys.executable, "-m", "gateway", "serve")
_START_SECONDS, _DRAIN_SECONDS = 60, 30


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a gateway is started with: what stands before its command, where it is, what it sees."""

    before: Sequence[str] = ()
    folder: Path = ROOT
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)


class Node:
    """A gateway that is always at the same address. `ended`: the exit code of its last run."""

    def __init__(self, settings: Mapping[str, str], within: Surroundings | None = None) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.lines = self.tracebacks = 0
        self.ended: int | None = None
        self._within = within or Surroundings()
        self._settings = {**settings, "GATEWAY_PORT": str(self.port)}
        self._process: Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._last: list[str] = []

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    async def start(self) -> None:
        """Returns when it serves."""
        self._process = await asyncio.create_subprocess_exec(
            *(*self._within.before, *SERVE),
            cwd=self._within.folder,
            env={**self._within.environment, **self._settings},
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=STDOUT,
            start_new_session=True,  # Ctrl-C comes to us only; we end it
        )
        self._reading = asyncio.create_task(self._count_lines(self._process))
        async with ClientSession() as session, asyncio.timeout(_START_SECONDS):
            while not await self.says(session, "/healthz"):
                if self._process.returncode is not None:
                    raise RuntimeError("\n".join(["a gateway ended at once:", *self._last]))
                await asyncio.sleep(0.02)

    async def kill(self) -> None:
        """As the machine's failure would end it."""
        await self._end(9)

    async def stop(self) -> None:
        """As its operator would end it; killed where it does not end."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_DRAIN_SECONDS):
                await self._end(15)
        await self.kill()

    async def _end(self, number: int) -> None:
        if self._process is None:
            return
        with suppress(ProcessLookupError):
            self._process.send_signal(number)
        self.ended = await self._process.wait()
        self._process = None
        if self._reading is not None:
            await self._reading

    async def says(self, session: ClientSession, path: str) -> bool:
        """Whether it answers there with 200."""
        with suppress(ClientError, OSError):
            async with session.get(self.url + path) as answer:
                return answer.status == 200
        return False

    async def _count_lines(self, process: Process) -> None:
        """Read its log, so that it never waits for that; the last lines are kept."""
        assert process.stdout is not None
        while line := await process.stdout.readline():
            self.lines += 1
            self.tracebacks += b"Traceback" in line
            self._last = [*self._last[-20:], line.decode(errors="replace").rstrip()]


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
