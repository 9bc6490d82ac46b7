"""What a call costs where the ledger has grown, and where many rentals are watched.

Beside a million rows a read asks the provider each time. Beside watched rentals it is answered from
memory, and the provider takes one call a second: as many for one rental as for all of them.
"""

import asyncio
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

from bench import million
from bench.callers import CALLS, request_of
from bench.contenders import upstream
from bench.load import get
from bench.measure import Contender, Sample, by_turns, median, ratio
from bench.million import CALLERS_KEY, LISTENERS_KEY, gateway_on
from bench.process import Server
from bench.report import Row, Target
from bench.waiting import rent

WATCHED = 2000
_READ = 200  # rentals, in turn
_REQUESTS = {"read": 1000, "rent": 500, "getStatus": 3000}
_UNCACHED = {"GATEWAY_STATUS_CACHE_SECONDS": "0"}
_ONE_LOOK = {
    "GETATEXT_RATES": '{"rent": 10000, "rental_status": 1}',
    "GATEWAY_STATUS_CACHE_SECONDS": "60",
}
_RATES = '{"rent": 10000, "rental_status": 10000}'
_SHARED_RATES = '{"rent": 1000, "rental_status": 1000}'


def run(rounds: int) -> list[Row]:
    """One kind of growth after the other."""
    with upstream() as provider:
        return [
            *_ledgers(provider, "SQLite", "sqlite", _RATES, rounds),
            *_ledgers(provider, "PostgreSQL", "postgresql", _SHARED_RATES, rounds),
            *_watched(provider, rounds),
        ]


def _ledgers(
    provider: Server, name: str, kind: million.Kind, rates: str, rounds: int
) -> Iterator[Row]:
    with ExitStack() as stack:
        grown = {"million": million.ledger(kind), "one": stack.enter_context(million.empty(kind))}
        servers = {
            size: stack.enter_context(gateway_on(provider, url, **_UNCACHED, GETATEXT_RATES=rates))
            for size, url in grown.items()
        }
        yield from _compared(f"{name}: {{}}, 10^6 rows / 1", servers, rounds, _READ)


def _watched(provider: Server, rounds: int) -> Iterator[Row]:
    with ExitStack() as stack:
        servers = {}
        for count in (WATCHED, 1):
            url = stack.enter_context(million.empty("sqlite"))
            servers[str(count)] = stack.enter_context(gateway_on(provider, url, **_ONE_LOOK))
            stack.enter_context(_listened(servers[str(count)].port, count))
        yield from _compared(f"{{}}, {WATCHED:,} rentals watched / 1", servers, rounds, 1)


@contextmanager
def _listened(port: int, count: int) -> Iterator[None]:
    """So many rentals of a key that an event stream of its own listens to."""
    with socket.create_connection(("127.0.0.1", port)) as stream:
        stream.sendall(get("/v1/events/stream", X_API_Key=LISTENERS_KEY))
        stream.recv(1)
        reading = threading.Thread(target=_drain, args=[stream])
        reading.start()
        asyncio.run(rent(port, count, LISTENERS_KEY, "market_0"))
        try:
            yield
        finally:
            stream.shutdown(socket.SHUT_RDWR)
            reading.join()


def _drain(stream: socket.socket) -> None:
    while stream.recv(65_536):
        pass


def _compared(what: str, servers: Mapping[str, Server], rounds: int, rentals: int) -> Iterator[Row]:
    """The first of two servers against the second, call by call; so many rentals are read."""
    large, small = servers
    rented = {
        name: asyncio.run(rent(server.port, rentals, CALLERS_KEY, "market_0"))
        for name, server in servers.items()
    }
    for call, requests in _REQUESTS.items():
        contenders = {
            name: Contender(server, request_of(call, rented[name]), CALLS[call])
            for name, server in servers.items()
        }
        samples = by_turns(contenders, rounds, requests)
        micros = [median(samples, name, _cpu) for name in servers]
        yield Row(
            what.format(call),
            "CPU per request",
            ratio(samples, large, small, _cpu),
            Target("≤", 1.1),
            absolute=f"{micros[0]:.0f} / {micros[1]:.0f} µs",
        )


def _cpu(sample: Sample) -> float:
    return sample.cpu_micros
