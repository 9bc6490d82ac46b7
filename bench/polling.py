"""getStatus of a watched rental: what the gateway adds to handing out a constant text."""

from contextlib import ExitStack

from bench.contenders import KEY, bare_bytes, gateway, upstream
from bench.load import get
from bench.measure import Contender, Sample, by_turns, median, ratio
from bench.report import Row, Target

REQUESTS = 10_000
PATH = f"/stubs/handler_api.php?api_key={KEY}&action=getStatus&id=12345"


def run(rounds: int) -> list[Row]:
    """Both are asked the same, by turns; the gateway goes on looking at the rental meanwhile."""
    with ExitStack() as stack:
        provider = stack.enter_context(upstream())
        # The pace of the real provider, for the looks that the polling keeps going.
        ours = stack.enter_context(gateway(provider, GETATEXT_RATES='{"rental_status": 1}'))
        bare = stack.enter_context(bare_bytes(f"{ours.url}{PATH}"))
        asked = get(PATH)
        samples = by_turns(
            {
                "gateway": Contender(ours, lambda _: asked),
                "bare handler": Contender(bare, lambda _: asked),
            },
            rounds,
            REQUESTS,
        )
    rates = [median(samples, name, _per_second) for name in samples]
    micros = [median(samples, name, _cpu) for name in samples]
    return [
        Row(
            "getStatus: gateway / bare handler",
            "requests per second",
            ratio(samples, "gateway", "bare handler", _per_second),
            Target("≥", 0.6),
            absolute=f"{rates[0]:,.0f} / {rates[1]:,.0f} a second",
        ),
        Row(
            "getStatus: gateway / bare handler",
            "CPU per request",
            ratio(samples, "gateway", "bare handler", _cpu),
            absolute=f"{micros[0]:.0f} / {micros[1]:.0f} µs",
        ),
    ]


def _per_second(sample: Sample) -> float:
    return sample.per_second


def _cpu(sample: Sample) -> float:
    return sample.cpu_micros
