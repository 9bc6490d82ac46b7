"""The kept price list of 450 rows: what the gateway adds to handing out the same bytes."""

import urllib.request
from contextlib import ExitStack

from bench.contenders import KEY, bare_bytes, gateway, upstream
from bench.load import get
from bench.measure import Contender, Sample, Samples, by_turns, median, ratio
from bench.process import Server
from bench.report import Row, Target

REQUESTS = 10_000
PATH = "/v1/prices?limit=1000"
_AT_LEAST = Target("≥", 0.8)


def run(rounds: int) -> list[Row]:
    """Whole and unchanged, each by turns with a bare handler."""
    with ExitStack() as stack:
        provider = stack.enter_context(upstream())
        # Fresh for the whole run: the bytes compared must stay the same.
        ours = stack.enter_context(gateway(provider, GATEWAY_PRICES_FRESH_SECONDS="3600"))
        etag = _etag(ours)
        bare = stack.enter_context(bare_bytes(f"{ours.url}{PATH}"))
        whole = get(PATH, X_API_Key=KEY, Accept_Encoding="gzip")
        known = {"X_API_Key": KEY, "Accept_Encoding": "gzip", "If_None_Match": etag}
        samples = by_turns(
            {
                "gateway": Contender(ours, lambda _: whole),
                "bare handler": Contender(bare, lambda _: whole),
                "gateway, 304": Contender(ours, lambda _: get(PATH, **known), 304),
                "bare handler, 304": Contender(bare, lambda _: get("/unchanged", **known), 304),
            },
            rounds,
            REQUESTS,
        )
    return [
        _row(samples, "450 prices, gzip", "gateway", "bare handler"),
        _row(samples, "450 prices, 304", "gateway, 304", "bare handler, 304"),
    ]


def _etag(server: Server) -> str:
    asked = urllib.request.Request(f"{server.url}{PATH}")
    asked.add_header("X-API-Key", KEY)
    asked.add_header("Accept-Encoding", "gzip")
    with urllib.request.urlopen(asked, timeout=10) as answer:
        return str(answer.headers["ETag"])


def _row(samples: Samples, what: str, ours: str, theirs: str) -> Row:
    rates = [median(samples, name, _per_second) for name in (ours, theirs)]
    return Row(
        f"{what}: gateway / bare handler",
        "requests per second",
        ratio(samples, ours, theirs, _per_second),
        _AT_LEAST,
        absolute=f"{rates[0]:,.0f} / {rates[1]:,.0f} a second",
    )


def _per_second(sample: Sample) -> float:
    return sample.per_second
