"""Open consoles: what gateway/http/pages/console asks of a gateway, and the stream it holds."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp

from bench.process import Server

_LISTED = ("active", "code_received", "unknown")
_RATED_DAYS = 30


class Console:
    """One tab, opened with one gateway key; it shows the view to rent from, as tabs do at first."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session
        self._unknown = False  # whether a purchase of unknown outcome is shown
        self._opened = asyncio.Event()
        self.events = 0

    async def open(self, tasks: asyncio.TaskGroup) -> asyncio.Task[None]:
        """Ask for what is shown at first; the task that holds the stream ends only with it."""
        key = await self._get("key")
        holding = tasks.create_task(self._hold())
        await asyncio.gather(
            self._get("balance"), self._view(admin=key["admin"]), self._opened.wait()
        )
        return holding

    async def _view(self, *, admin: bool) -> None:
        if admin:
            await self._get("keys")
        since = (datetime.now(UTC) - timedelta(days=_RATED_DAYS)).isoformat()
        await asyncio.gather(
            self._prices(), self._get("usage", group_by="service", since=since, limit="1000")
        )

    async def _prices(self) -> None:
        page = await self._get("prices", limit="1000")
        while page["next_cursor"]:
            page = await self._get("prices", limit="1000", cursor=page["next_cursor"])

    async def _hold(self) -> None:
        async with self._session.get("/v1/events/stream") as stream:
            stream.raise_for_status()
            await self._read()
            self._opened.set()
            while message := await stream.content.readuntil(b"\n\n"):
                lines = (line.partition(": ") for line in message.decode().splitlines())
                if event := {name: value for name, _, value in lines}.get("event"):
                    await self._take(event)

    async def _take(self, event: str) -> None:
        self.events += 1
        if event == "stream.reset":
            await self._read()
        elif event == "purchase.outcome_unknown" or self._unknown:
            await self._list("unknown")

    async def _read(self) -> None:
        await asyncio.gather(*(self._list(status) for status in _LISTED))

    async def _list(self, status: str) -> None:
        page = await self._get("rentals", status=status, limit="50")
        if status == "unknown":
            self._unknown = bool(page["data"])

    async def _get(self, path: str, **inputs: str) -> Any:
        async with self._session.get(f"/v1/{path}", params=inputs) as answer:
            answer.raise_for_status()
            return json.loads(await answer.read())


@asynccontextmanager
async def consoles(server: Server, keys: Sequence[str]) -> AsyncIterator[list[Console]]:
    """One for each key, opened one after another, as the balance may be asked for once a second."""
    async with AsyncExitStack() as stack:
        made = []
        for key in keys:
            headers, patience = {"X-API-Key": key}, aiohttp.ClientTimeout(total=None)
            session = aiohttp.ClientSession(server.url, headers=headers, timeout=patience)
            made.append(Console(await stack.enter_async_context(session)))
        async with asyncio.TaskGroup() as tasks:
            holding = [await one.open(tasks) for one in made]
            yield made
            if ended := [task for task in holding if task.done()]:
                raise RuntimeError(f"{len(ended)} consoles lost their streams")
            for task in holding:
                task.cancel()
