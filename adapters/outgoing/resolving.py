"""Which addresses a host name has, of those that may be sent to."""

import asyncio
import functools
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from aiohttp.abc import AbstractResolver, ResolveResult

from adapters.outgoing.addresses import AddressRefused

_THREADS = 32
_MOST_TRIED = 8  # addresses of one name


class SystemResolver(AbstractResolver):
    """Asks the system, on threads of its own.

    A name whose servers never answer holds its thread for as long as the system waits. On the
    loop's threads a few such names would keep the provider's own name from being resolved.
    """

    def __init__(self, threads: int = _THREADS) -> None:
        """`threads`: how many names are looked up at once."""
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="webhook-names")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses of a name. Raises OSError."""
        ask = functools.partial(
            socket.getaddrinfo,
            host,
            port,
            family,
            socket.SOCK_STREAM,
            flags=socket.AI_ADDRCONFIG,
        )
        found = await asyncio.get_running_loop().run_in_executor(self._threads, ask)
        return [
            ResolveResult(
                hostname=host,
                host=str(place[0]),
                port=port,
                family=kind,
                proto=protocol,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for kind, _, protocol, _, place in found
        ]

    async def close(self) -> None:
        """Give the threads back; a look-up that hangs is not waited for."""
        self._threads.shutdown(wait=False, cancel_futures=True)


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
