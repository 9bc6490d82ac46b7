"""Looks host names up, in threads of its own, and passes on what may be sent to."""

import asyncio
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from aiohttp.abc import AbstractResolver, ResolveResult

from adapters.outgoing.addresses import AddressRefused

# A name server that does not answer keeps a thread for half a minute. One key has twenty webhooks.
_THREADS = 32
_MOST_TRIED = 8  # addresses of one name
_NUMERIC = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV


class WebhookResolver(AbstractResolver):
    """The system's resolver. Several who ask for one name at once share a lookup, and a thread."""

    def __init__(self) -> None:
        """Starts no thread before a name is asked for."""
        self._pool = ThreadPoolExecutor(_THREADS, "webhook-dns")
        self._asked: dict[tuple[str, int], asyncio.Task[list[ResolveResult]]] = {}

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses of a name. Raises OSError."""
        key = host, port
        asked = self._asked.get(key)
        if asked is None:
            asked = self._asked[key] = asyncio.create_task(self._look_up(host, port))
            asked.add_done_callback(lambda done: self._answered(key, done))
        return await asyncio.shield(asked)

    async def close(self) -> None:
        """End without waiting for lookups under way."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _answered(self, key: tuple[str, int], done: asyncio.Task[list[ResolveResult]]) -> None:
        self._asked.pop(key, None)
        if not done.cancelled():
            done.exception()  # marks it as retrieved: all who asked may have given up

    async def _look_up(self, host: str, port: int) -> list[ResolveResult]:
        found = await asyncio.get_running_loop().run_in_executor(self._pool, _addresses, host, port)
        return [
            ResolveResult(
                hostname=host, host=str(at[0]), port=port, family=family, proto=proto,
                flags=_NUMERIC,
            )
            for family, _, proto, _, at in found
            if not (len(at) == 4 and at[3])  # of one link alone
        ]  # fmt: skip


class ScreenedResolver(AbstractResolver):
    """Passes on the first few addresses that may be sent to; the rest is not tried at all.

    Thousands of addresses for a name would keep the loop busy. Closing it closes nothing: the
    resolver behind it serves all tries.
    """

    def __init__(self, resolver: AbstractResolver, allowed: Callable[[str], bool]) -> None:
        """`allowed`: whether an address, as text, may be sent to."""
        self._resolver = resolver
        self._allowed = allowed

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses that may be sent to. Raises AddressRefused where there are none."""
        found = await self._resolver.resolve(host, port, socket.AddressFamily(family))
        if not found:
            raise OSError("no address")
        kept = [each for each in found if self._allowed(each["host"])]
        if not kept:
            raise AddressRefused
        return kept[:_MOST_TRIED]

    async def close(self) -> None:
        """Left open for the next try."""


def _addresses(
    host: str, port: int
) -> list[
    tuple[int, int, int, str, tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]]
]:
    return list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG))
