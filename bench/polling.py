"""getStatus of a watched rental: what the gateway adds to handing out a constant text."""

from contextlib import ExitStack

from bench.contenders import KEY, bare_bytes, gateway, upstream
from bench.floors import APP, NO_APP, against, floors
from bench.load import get
from bench.measure import Contender, by_turns
from bench.pinning import apart
from bench.report import Row, Target

REQUESTS = 5000
PATH = f"/stubs/handler_api.php?api_key={KEY}&action=getStatus&id=12345"


def run(rounds: int) -> list[Row]:
    """All are asked the same, by turns; the gateway goes on looking at the rental meanwhile."""
    with ExitStack() as stack:
        provider = stack.enter_context(upstream())
        # The pace of the real provider, for the looks that the polling keeps going.
        ours = stack.enter_context(gateway(provider, GETATEXT_RATES='{"rental_status": 1}'))
        bare = stack.enter_context(bare_bytes(f"{ours.url}{PATH}"))
        asked = get(PATH)
        contenders = {
            "gateway": Contender(ours, lambda _: asked),
            "bare handler": Contender(bare, lambda _: asked),
            **stack.enter_context(floors(asked)),
        }
        stack.enter_context(apart((each.server for each in contenders.values()), provider))
        samples = by_turns(contenders, rounds, REQUESTS)
    return [
        *against(samples, "getStatus", "gateway", "bare handler", Target("≥", 0.88)),
        *against(samples, "getStatus", "bare handler", APP),
        *against(samples, "the framework", APP, NO_APP),
    ]
