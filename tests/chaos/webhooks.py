"""Nodes that send webhooks, and their receiver, are killed at random moments under purchases."""

import asyncio
import json
import random
import sys
import time
from asyncio.subprocess import DEVNULL, Process
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from gateway.core.model.events import EventType
from tests.chaos.callers import service
from tests.chaos.databases import Database, SqliteFile, postgres
from tests.chaos.faces import SOON_THERE, Line
from tests.chaos.history import History, Hook
from tests.chaos.nodes import ROOT, free_port
from tests.chaos.receiver import RECEIVED, SECRETS
from tests.chaos.webhook_judging import events_lost
from tests.chaos.world import World, world

KILLS = 100
_LOCKED = 4.0  # seconds, as of the other kills
_REST = 150.0  # seconds at the end for what is left to be queued, and again to be received
_EVERY = frozenset(EventType)
_TOLD = frozenset({EventType.RENTAL_CREATED, EventType.RENTAL_CODE_RECEIVED})


async def on_sqlite(seconds: float, folder: Path, kills: int = KILLS) -> History:
    """Two nodes on one SQLite file. The kills decide how long it takes."""
    return await _run(SqliteFile(folder / "ledger"), seconds, folder, kills)


async def on_postgres(seconds: float, folder: Path, kills: int = KILLS) -> History:
    """Two nodes on one PostgreSQL."""
    async with postgres(folder) as ledger:
        return await _run(ledger, seconds, folder, kills)


async def _run(ledger: Database, seconds: float, folder: Path, kills: int) -> History:
    async with (
        world(ledger, seconds, nodes=2, cancel_locked=_LOCKED) as home,
        _post_office(folder, kills) as post,
    ):
        history = await home.live(SOON_THERE, partial(_kill, post), partial(_subscribe, post))
        await _come_to_rest(home, post)
        return history


@dataclass(frozen=True, slots=True)
class Subscription:
    """A webhook of a key's at a path of the receiver's."""

    id: str
    key: str
    path: str
    types: frozenset[str]
    service: str | None


@dataclass
class PostOffice:
    """The receiver's process, and who has told it to a gateway."""

    folder: Path
    kills: int
    port: int = field(default_factory=free_port)
    killed: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    subscriptions: list[Subscription] = field(default_factory=list)
    secrets: dict[str, str] = field(default_factory=dict)
    process: Process | None = None

    async def start(self, *more: str) -> None:
        """Returns when it listens."""
        command = ("-m", "tests.chaos.receiver", str(self.port), str(self.folder), *more)
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, *command, cwd=ROOT, stdin=DEVNULL, start_new_session=True
        )
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", self.port)
            except OSError:
                if self.process.returncode is not None:
                    raise RuntimeError("the receiver ended at once") from None
                await asyncio.sleep(0.02)
            else:
                writer.close()
                return

    async def kill(self) -> None:
        """As the machine's failure would end it."""
        if self.process is not None and self.process.returncode is None:
            self.process.kill()
            await self.process.wait()

    def may_kill(self, what: str) -> bool:
        """Whether one more is to be killed, which is counted."""
        if sum(self.killed.values()) >= self.kills:
            return False
        self.killed[what] += 1
        return True

    def received(self) -> list[dict[str, Any]]:
        """What the receiver has written down."""
        return [json.loads(line) for line in (self.folder / RECEIVED).read_text().splitlines()]


@asynccontextmanager
async def _post_office(folder: Path, kills: int) -> AsyncIterator[PostOffice]:
    post = PostOffice(folder, kills)
    await post.start()
    try:
        yield post
    finally:
        await post.kill()


async def _subscribe(post: PostOffice, home: World) -> None:
    """Every gateway key has a webhook for all, and one for some; an admin has one for all."""
    for number, key in list(enumerate(home.keys))[::2]:
        await _create(post, home, key, f"/all/{number}", _EVERY, None)
        await _create(post, home, key, f"/some/{number}", _TOLD, None)
        await _create(post, home, key, f"/one/{number}", _EVERY, service(number, 1))
    await _create(post, home, await home.admin_key(), "/admin", _EVERY, None)


async def _create(
    post: PostOffice,
    home: World,
    key: str,
    path: str,
    types: frozenset[str],
    service_code: str | None,
) -> None:
    url = f"http://127.0.0.1:{post.port}{path}"
    asked = {"url": url, "events": sorted(types), "service_code": service_code}
    reply = await home.crowd.line(key).ask("POST", "/v1/webhooks", json=asked)
    if reply.status != 201:
        raise RuntimeError(f"no webhook was created: {reply.text}")
    post.secrets[path] = reply.json["secret"]
    (post.folder / SECRETS).write_text(json.dumps(post.secrets))
    post.subscriptions.append(Subscription(reply.json["id"], key, path, types, service_code))


async def _kill(post: PostOffice, home: World) -> None:
    """As often as asked for, while callers live."""
    home.crowd.until = float("inf")
    completing = asyncio.create_task(_complete(home))
    try:
        async with asyncio.TaskGroup() as killing:
            killing.create_task(_kill_nodes(post, home))
            killing.create_task(_kill_receiver(post))
    finally:
        completing.cancel()
    home.crowd.until = time.time()
    home.history.runs = sum(post.killed.values())


async def _kill_nodes(post: PostOffice, home: World) -> None:
    while post.may_kill("node"):
        node = random.choice(home.nodes)
        await node.kill()
        await node.start()
        await asyncio.sleep(random.uniform(0.1, 0.8))


async def _kill_receiver(post: PostOffice) -> None:
    while post.may_kill("receiver"):
        await post.kill()
        await asyncio.sleep(random.uniform(0.0, 0.5))
        await post.start()
        await asyncio.sleep(random.uniform(1.5, 4.0))


async def _complete(home: World) -> None:
    """Some callers also complete what has brought its code."""
    while True:
        for key in home.keys[0 :: 2 * len(SOON_THERE)]:
            line = home.crowd.line(key)
            asked = {"status": "code_received", "limit": "5"}
            for row in (await line.ask("GET", "/v1/rentals", params=asked)).json.get("data", ()):
                await line.ask("POST", f"/v1/rentals/{row['id']}/complete")
        await asyncio.sleep(0.5)


async def _come_to_rest(home: World, post: PostOffice) -> None:
    """Start all again, look at what is queued, then have sent what waits for a later try."""
    await post.kill()
    await post.start("--calm")
    await asyncio.gather(*(node.start() for node in home.nodes))
    queued = await _until_none_is_lost(home, post, {})
    for each in post.subscriptions:
        line = home.crowd.line(each.key)
        path = f"/v1/webhooks/{each.id}/redeliver"
        reply = await line.ask("POST", path, json={"since": "2020-01-01"})
        if reply.status != 200:
            raise RuntimeError(f"nothing was sent again: {reply.text}")
    await _until_none_is_lost(home, post, queued)
    _count(home, post)


async def _until_none_is_lost(
    home: World, post: PostOffice, before: dict[str, dict[str, str]]
) -> dict[str, dict[str, str]]:
    """Look until nothing is lost, but not for ever; how the deliveries of each path stand.

    `before`: how they stood before they were sent again. Without it, it is enough to be queued.
    """
    given_up_at = time.time() + _REST
    while True:
        stood = {each.path: await _states(home, each) for each in post.subscriptions}
        received = defaultdict(list)
        for row in post.received():
            received[row["path"]].append((row["id"], row["body"]))
        home.history.hooks = [
            Hook(
                each.path,
                each.types,
                each.service,
                await _told(home.crowd.line(each.key)),
                stood[each.path] | before.get(each.path, {}),
                received[each.path] if before else [(event, "") for event in stood[each.path]],
            )
            for each in post.subscriptions
        ]
        if not list(events_lost(home.history)) or time.time() > given_up_at:
            return stood
        await asyncio.sleep(2.0)


async def _states(home: World, each: Subscription) -> dict[str, str]:
    path = f"/v1/webhooks/{each.id}/deliveries"
    rows = await _pages(home.crowd.line(each.key), path)
    return {row["event_id"]: row["state"] for row in rows}


async def _told(line: Line) -> dict[str, Any]:
    return {row["id"]: row for row in await _pages(line, "/v1/events")}


async def _pages(line: Line, path: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    asked = {"limit": "1000"}
    while True:
        reply = await line.ask("GET", path, params=asked)
        if reply.status != 200:
            raise RuntimeError(f"{path} cannot be read: {reply.text}")
        rows += reply.json["data"]
        if reply.json["next_cursor"] is None:
            return rows
        asked["cursor"] = reply.json["next_cursor"]


def _count(home: World, post: PostOffice) -> None:
    rows = post.received()
    history = home.history
    history.broken += [
        f"{row['id']} came to {row['path']} with a wrong signature"
        for row in rows
        if not row["good"]
    ]
    different = len({(row["path"], row["id"]) for row in rows})
    if not different:
        raise RuntimeError("nothing was received: the run shows nothing")
    history.notes.append(
        f"killed: {post.killed['node']} nodes, {post.killed['receiver']} receivers; "
        f"{different} events received, {len(rows) - different} of them again"
    )
