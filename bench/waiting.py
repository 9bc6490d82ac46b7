"""Callers who wait for codes: a connection each, that asks again while it is told `pending`."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from bench.contenders import KEY
from bench.load import Load, _Connection, get


def post(path: str, body: bytes, key: str) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nX-API-Key: {key}\r\n"
    kind = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return (head + kind).encode() + body


class Callers(Load):
    """Notes every answer but `pending`, and when it came."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[tuple[float, dict[str, Any]]] = []
        self._keys: dict[int, str] = {}

    async def wait(self, rentals: Sequence[int], keys: dict[int, str]) -> None:
        """One connection for each; a rental may be named many times."""
        self._keys = keys
        await self.run([_waiting(rental, keys[rental]) for rental in rentals])

    def answered(self, connection: _Connection, status: bytes, body: bytes) -> None:
        told = json.loads(body) if status == self._status else {}
        if told.get("status") == "pending":
            rental = told["rental_id"]
            connection.send(_waiting(rental, self._keys[rental]))
            return
        self.told.append((time.time(), told))
        super().answered(connection, status, body)


@asynccontextmanager
async def calling(port: int, connections: int) -> AsyncIterator[Callers]:
    """Callers whose connections are open."""
    callers = Callers()
    try:
        await callers.connect(port, connections)
        yield callers
    finally:
        callers.close()


async def rent(port: int, count: int, key: str = KEY, service: str = "whatsapp") -> list[int]:
    """The ids of so many new rentals."""
    body = f'{{"service_code":"{service}"}}'.encode()
    async with calling(port, min(count, 16)) as callers:
        async with asyncio.timeout(60):
            await callers.run([post("/v1/rentals", body, key)] * count, 201)
        return [told["id"] for _, told in callers.told]


def _waiting(rental: int, key: str) -> bytes:
    return get(f"/v1/rentals/{rental}/code?wait_seconds=25", X_API_Key=key)
