"""The kept price list of 450 rows: what the gateway adds to handing out the same bytes.

What the bare handler adds to an empty one is the sending of bytes; below that lies the price of the
framework itself.
"""

import urllib.request
from contextlib import ExitStack

from bench.contenders import KEY, bare_bytes, gateway, upstream
from bench.floors import APP, NO_APP, against, floors
from bench.load import get
from bench.measure import Contender, by_turns
from bench.pinning import apart
from bench.process import Server
from bench.report import Row, Target

REQUESTS = 5000
PATH = "/v1/prices?limit=1000"
_AT_LEAST = Target("≥", 0.95)


def run(rounds: int) -> list[Row]:
    """Whole and unchanged, each by turns with a bare handler."""
    with ExitStack() as stack:
        provider = stack.enter_context(upstream())
        # Fresh for the whole run: the bytes compared must stay the same.
        ours = stack.enter_context(gateway(provider, GATEWAY_PRICES_FRESH_SECONDS="3600"))
        bare = stack.enter_context(bare_bytes(f"{ours.url}{PATH}"))
        asked = {"X_API_Key": KEY, "Accept_Encoding": "gzip"}
        whole, known = get(PATH, **asked), asked | {"If_None_Match": _etag(ours)}
        again, unchanged = get(PATH, **known), get("/unchanged", **known)
        contenders = {
            "gateway": Contender(ours, lambda _: whole),
            "bare handler": Contender(bare, lambda _: whole),
            "gateway, 304": Contender(ours, lambda _: again, 304),
            "bare handler, 304": Contender(bare, lambda _: unchanged, 304),
            **stack.enter_context(floors(whole)),
        }
        stack.enter_context(apart((each.server for each in contenders.values()), provider))
        samples = by_turns(contenders, rounds, REQUESTS)
    return [
        *against(samples, "450 prices, gzip", "gateway", "bare handler", _AT_LEAST),
        *against(samples, "450 prices", "gateway, 304", "bare handler, 304", _AT_LEAST),
        *against(samples, "450 prices, gzip", "bare handler", APP),
        *against(samples, "450 prices", "bare handler, 304", APP),
        *against(samples, "the framework", APP, NO_APP),
    ]


def _etag(server: Server) -> str:
    asked = urllib.request.Request(f"{server.url}{PATH}")
    asked.add_header("X-API-Key", KEY)
    asked.add_header("Accept-Encoding", "gzip")
    with urllib.request.urlopen(asked, timeout=10) as answer:
        return str(answer.headers["ETag"])
