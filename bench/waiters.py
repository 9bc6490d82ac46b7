"""5,000 who wait in one process, by long poll and by event stream: what they cost, idle and woken.

The provider is this process itself: it says "no code" for every rental until it is told otherwise,
and knows when it said that there is one.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import cast

from bench.contenders import KEY
from bench.keyed import keyed_gateway
from bench.load import get
from bench.measure import Ratio, new_event_loop
from bench.process import Server, free_port
from bench.report import Row, Target
from bench.servers.upstream import _http, _Provider, status_body
from bench.waiting import rent

_COUNT, _STREAMS_EACH = 5000, 50
_KEYS = _COUNT // _STREAMS_EACH
_RATES = '{"rental_status": 1}'
_SETTLED_SECONDS = {"long poll": 2.0, "event stream": 17.0}  # heartbeats come after half of theirs
_IDLE_SECONDS = {"long poll": 12.0, "event stream": 30.0}  # with one heartbeat of every stream
_CLOSE_TO = 100  # open connections that count as none: the bench's own and the gateway's
_BOUGHT = status_body(b"1").replace(b'"active"', b'"success"').replace(b'"cost"', b'"price"')


class _Telling(_Provider):
    """Has one rental; its code once there is one."""

    code: bytes | None = None
    told_at = 0.0

    def _answer(self, head: bytes, body: bytes) -> bytes:
        if b"rent-a-number" in head[:100]:
            return _http(_BOUGHT)
        if b"rental-status" in head[:100] and self.code is not None:
            type(self).told_at = type(self).told_at or time.perf_counter()
            return _http(status_body(b"1").replace(b'"code":null', b'"code":"%s"' % self.code))
        return super()._answer(head, body)


class _Waiter(asyncio.Protocol):
    """Sends one request; whatever comes after `begin` wakes it."""

    def __init__(self, request: bytes, crowd: "_Crowd") -> None:
        self._request = request
        self._crowd = crowd
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        if b"0012345" in data:
            self._crowd.woken()


class _Crowd:
    """All who wait."""

    def __init__(self) -> None:
        self.members: list[_Waiter] = []
        self.left = _COUNT
        self.last = 0.0
        self.all_woken = asyncio.Event()

    async def gather(self, port: int, requests: list[bytes]) -> None:
        loop = asyncio.get_running_loop()
        for start in range(0, len(requests), 100):
            made = await asyncio.gather(
                *(
                    loop.create_connection(partial(_Waiter, request, self), "127.0.0.1", port)
                    for request in requests[start : start + 100]
                )
            )
            self.members += [one for _, one in made]

    def woken(self) -> None:
        self.left -= 1
        self.last = time.perf_counter()
        if self.left <= 0:
            self.all_woken.set()

    def leave(self) -> None:
        for member in self.members:
            if member.transport is not None:
                member.transport.abort()


def run(rounds: int) -> list[Row]:
    """Once each way, in a gateway of its own."""
    with asyncio.Runner(loop_factory=new_event_loop()) as runner:
        return [row for way in ("long poll", "event stream") for row in runner.run(_way(way))]


async def _way(way: str) -> list[Row]:
    _Telling.code, _Telling.told_at = None, 0.0
    async with _provider() as url, keyed_gateway(url, _KEYS, GETATEXT_RATES=_RATES) as served:
        server, keys = served
        requests = await _requests(way, server, keys)
        await asyncio.sleep(0.5)
        empty = server.resident_bytes()
        crowd = _Crowd()
        await crowd.gather(server.port, requests)
        await asyncio.sleep(_SETTLED_SECONDS[way])
        each = (server.resident_bytes() - empty) / _COUNT / 1024
        cpu, clock = server.cpu_seconds(), time.perf_counter()
        await asyncio.sleep(_IDLE_SECONDS[way])
        idle = (server.cpu_seconds() - cpu) / (time.perf_counter() - clock) * 100
        _Telling.code = b"0012345"
        async with asyncio.timeout(60):
            await crowd.all_woken.wait()
        woken = crowd.last - _Telling.told_at
        gone = await _leaving(crowd, server)
    return [
        Row(f"{_COUNT} by {way}", "memory each", _one(each), Target("≤", 16), " KiB"),
        Row(f"{_COUNT} by {way}", "idle CPU", _one(idle), Target("≤", 0.5), " %"),
        Row(f"{_COUNT} by {way}", "until all are woken", _one(woken), Target("≤", 0.4), " s"),
        Row(f"{_COUNT} by {way}", "until all are let go", _one(gone), Target("≤", 5), " s"),
    ]


async def _requests(way: str, server: Server, keys: list[str]) -> list[bytes]:
    (rental,) = await rent(server.port, 1, keys[0], "market_0")
    if way == "long poll":
        path = f"/v1/rentals/{rental}/code?wait_seconds=25"
        return [get(path, X_API_Key=KEY)] * _COUNT
    return [get("/v1/events/stream", X_API_Key=key) for key in keys for _ in range(_STREAMS_EACH)]


async def _leaving(crowd: _Crowd, server: Server) -> float:
    """Seconds until the gateway holds no connection any more."""
    begun = time.perf_counter()
    crowd.leave()
    async with asyncio.timeout(60):
        while _sockets(server) > _CLOSE_TO:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.05)
    return time.perf_counter() - begun


def _sockets(server: Server) -> int:
    return sum(1 for _ in Path(f"/proc/{server.pid}/fd").iterdir())


def _one(value: float) -> Ratio:
    return Ratio(value, value, value)


@asynccontextmanager
async def _provider() -> AsyncIterator[str]:
    port = free_port()
    server = await asyncio.get_running_loop().create_server(_Telling, "127.0.0.1", port)
    async with server:
        yield f"http://127.0.0.1:{port}"
