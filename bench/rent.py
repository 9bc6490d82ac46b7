"""A rent from a provider without latency: what the ledger costs, on SQLite and PostgreSQL.

"Without" is the same gateway with a store that keeps nothing, so that only the ledger differs;
the plain proxy beside it knows neither money nor errors. Every rent is named by a request id, and
every commit is as durable as it is shipped. CPU is the gateway's own: PostgreSQL's comes on top.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from bench.contenders import KEY, bare_proxy, gateway, upstream
from bench.load import post
from bench.measure import Contender, Sample, Samples, by_turns, median, ratio
from bench.postgres import durable_postgres
from bench.process import Server
from bench.report import Row, Target

REQUESTS = 750
# PostgreSQL looks through as many rows as there may be rents in a second: no more than it needs.
_RATES, _SHARED_RATES = '{"rent": 10000}', '{"rent": 1000}'
_AT_MOST = {"SQLite": Target("≤", 1.6), "PostgreSQL": Target("≤", 2.2)}


def run(rounds: int) -> list[Row]:
    """The servers take turns in every round; all stand before one provider."""
    with ExitStack() as stack:
        provider = stack.enter_context(upstream())
        shared = stack.enter_context(_postgres())
        servers = {
            "no ledger": stack.enter_context(
                gateway(provider, "bench.servers.no_ledger", GETATEXT_RATES=_RATES)
            ),
            "SQLite": stack.enter_context(gateway(provider, GETATEXT_RATES=_RATES)),
            "PostgreSQL": stack.enter_context(
                gateway(
                    provider,
                    GATEWAY_DATABASE_URL=shared,
                    GATEWAY_SECRET="a secret that only this bench knows",
                    GETATEXT_RATES=_SHARED_RATES,
                )
            ),
            "bare proxy": stack.enter_context(bare_proxy(provider)),
        }
        contenders = {name: _rents(server) for name, server in servers.items()}
        samples = by_turns(contenders, rounds, REQUESTS)
    return [
        *(row for name in _AT_MOST for row in _rows(samples, name, "no ledger")),
        *_rows(samples, "no ledger", "bare proxy"),
    ]


@contextmanager
def _postgres() -> Iterator[str]:
    with durable_postgres() as server, server.database() as url:
        yield url


def _rents(server: Server) -> Contender:
    def request(number: int) -> bytes:
        body = f'{{"service_code":"market_0","request_id":"order-{number}"}}'
        return post("/v1/rentals", body.encode(), X_API_Key=KEY)

    return Contender(server, request, status=201)


def _rows(samples: Samples, ours: str, theirs: str) -> Iterator[Row]:
    for measure, of, form, target in (
        ("CPU per request", _cpu, "{:.0f} / {:.0f} µs", _AT_MOST.get(ours)),
        ("requests/s", _per_second, "{:.0f} / {:.0f}", None),
    ):
        medians = [median(samples, name, of) for name in (ours, theirs)]
        value = ratio(samples, ours, theirs, of)
        absolute = form.format(*medians)
        yield Row(f"rent: {ours} / {theirs}", measure, value, target, absolute=absolute)


def _cpu(sample: Sample) -> float:
    return sample.cpu_micros


def _per_second(sample: Sample) -> float:
    return sample.per_second
