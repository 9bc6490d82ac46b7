"""Whatever the provider sends, every caller gets a documented answer, and soon.

The default run is a few thousand answers; `pytest tests/http/test_generated.py --many` feeds
100,000 of them.
"""

import asyncio
from collections import Counter
from decimal import Decimal
from functools import partial

import pytest

from gateway.core.upstream.circuit_breaker import BreakerPolicy, CircuitBreakers
from tests.support.contract import Answer
from tests.support.gateway import ScriptedStand, have_accepted, run_scripted
from tests.support.mutations import Mutations
from tests.support.samples import ASKS
from tests.support.scripted import Asked, Said

SOME, MANY = 2_000, 100_000
AT_ONCE = 20


class Feeding:
    """Asks for operations, each under a key of its own by which the provider knows what to say."""

    def __init__(self, stand: ScriptedStand, seed: int) -> None:
        self.stand, self.mutations = stand, Mutations(seed)
        self.seen: Counter[str] = Counter()
        self.planned: dict[str, Said] = {}
        stand.provider.always = self.say

    def say(self, asked: Asked) -> Said:
        # aiohttp asks a second time over a new connection where a kept one was cut.
        self.stand.provider.asked.clear()
        return self.planned[asked.headers["auth"]]

    async def feed(self, total: int) -> None:
        await asyncio.gather(*(self._worker(total) for _ in range(AT_ONCE)))

    async def _worker(self, total: int) -> None:
        while self.mutations.made < total:
            name = self.mutations.operation()
            key = f"sk_{self.mutations.made}"
            said = self.planned[key] = self.mutations.answer(name)
            ask = ASKS[name]
            await have_accepted(self.stand.gateway, key)
            async with asyncio.timeout(60):
                answer = await self.stand.client.ask(ask.method, ask.path, json=ask.json, key=key)
            del self.planned[key]
            self._judge(name, said, answer)

    def _judge(self, name: str, said: Said, answer: Answer) -> None:
        """What holds beyond the committed document, against which the client has held it."""
        body = answer.json
        self.seen[body.get("code", "ok") if answer.status >= 400 else "ok"] += 1
        assert answer.status != 500, (name, said, body)
        assert b"sk_" not in answer.body
        if answer.status < 400:
            assert_money_is_exact(body)
        elif ASKS[name].spends and body["charged"] == "no" and said_yes(said):
            # Only words can tell that nothing was bought after all.
            assert body["upstream"]["message"], (said, body)


def said_yes(said: Said) -> bool:
    """Whether the HTTP status alone says that the call succeeded."""
    return isinstance(said, bytes) and said.startswith(b"HTTP/1.1 2")


def assert_money_is_exact(body: object) -> None:
    """Every amount is finite and has two decimals at least."""
    for row in body.get("data", [body]) if isinstance(body, dict) else []:
        for name in ("price", "balance"):
            if (amount := row.get(name)) is not None:
                assert Decimal(amount).is_finite()
                assert len(amount.partition(".")[2]) >= 2


async def test_no_answer_of_the_provider_breaks_the_gateway(
    many: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A provider as bad as this one would soon not be asked any more.
    patient = partial(CircuitBreakers, policy=BreakerPolicy(in_a_row=10**9, sample=10**9))
    monkeypatch.setattr("gateway.wiring.core.CircuitBreakers", patient)
    total = MANY if many else SOME
    quick = {"getatext_read_seconds": 5, "getatext_spend_seconds": 5}
    async with run_scripted(**quick) as stand:
        feeding = Feeding(stand, seed=total)
        await feeding.feed(total)
        alive = await stand.client.get("/healthz")
    print(total, "answers:", dict(feeding.seen.most_common()))  # noqa: T201

    assert alive.status == 200
    assert feeding.seen.total() >= total
    assert feeding.seen["ok"] > total / 4
    assert feeding.seen["outcome_unknown"] > total / 100
