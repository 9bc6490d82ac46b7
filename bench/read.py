"""One rental read from a provider without latency: what the gateway adds to a plain proxy.

Every read asks the provider. Who polls mostly hears the same, and the same bytes are not read
twice: "all new" is what it costs where no answer is like the one before.
"""

from contextlib import AbstractContextManager, ExitStack

from bench.contenders import KEY, bare_proxy, fastapi_httpx, gateway, upstream
from bench.load import get
from bench.measure import Contender, Sample, Samples, by_turns, median, ratio
from bench.pinning import apart
from bench.process import Server
from bench.report import Row, Target

REQUESTS = 1500
_RENTALS = 500
_SHARE = {"FastAPI + httpx": 0.1}


def run(rounds: int) -> list[Row]:
    """The servers take turns in every round; all but one stand before one provider."""
    with ExitStack() as stack:
        provider = stack.enter_context(upstream())
        changing = stack.enter_context(upstream(news=True))
        servers = {
            "gateway": stack.enter_context(_gateway(provider)),
            "bare proxy": stack.enter_context(bare_proxy(provider)),
            "FastAPI + httpx": stack.enter_context(fastapi_httpx(provider)),
            "gateway, all new": stack.enter_context(_gateway(changing)),
            "gateway, log": stack.enter_context(_gateway(provider, access_log=True)),
            "gateway, JSON log": stack.enter_context(
                _gateway(provider, access_log=True, GATEWAY_LOG_FORMAT="json")
            ),
        }
        stack.enter_context(apart(servers.values(), provider, changing))
        samples = by_turns(
            {name: _reads(server, _SHARE.get(name, 1.0)) for name, server in servers.items()},
            rounds,
            REQUESTS,
        )
    return [
        _row(samples, "gateway", "bare proxy", Target("≤", 1.25)),
        _row(samples, "gateway", "FastAPI + httpx"),
        _row(samples, "gateway, all new", "bare proxy", Target("≤", 1.5)),
        _row(samples, "gateway, log", "gateway", Target("≤", 1.3)),
        _row(samples, "gateway, JSON log", "gateway"),
    ]


def _gateway(
    provider: Server, *, access_log: bool = False, **settings: str
) -> AbstractContextManager[Server]:
    return gateway(provider, access_log=access_log, GATEWAY_STATUS_CACHE_SECONDS="0", **settings)


def _reads(server: Server, share: float) -> Contender:
    """Rentals in turn, with answers that serve nobody else: every read asks the provider."""
    return Contender(
        server,
        lambda number: get(f"/v1/rentals/{1 + number % _RENTALS}", X_API_Key=KEY),
        share=share,
    )


def _row(samples: Samples, ours: str, theirs: str, target: Target | None = None) -> Row:
    micros = [median(samples, name, _cpu) for name in (ours, theirs)]
    return Row(
        f"read: {ours} / {theirs}",
        "CPU per request",
        ratio(samples, ours, theirs, _cpu),
        target,
        absolute=f"{micros[0]:.0f} / {micros[1]:.0f} µs",
    )


def _cpu(sample: Sample) -> float:
    return sample.cpu_micros
