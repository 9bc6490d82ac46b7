"""Waiting for a code: long enough, telling so, and never in vain."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from adapters.simulator import DEMO_KEY, NEVER, Rules, Simulator
from gateway.core.auth import authentication
from gateway.core.model.callers import Limits
from gateway.core.model.codes import Code, CodeStatus
from gateway.core.model.errors import InvalidRequest, Unauthorized
from gateway.wiring import Gateway, open_gateway
from mcp_server.calls import waiting
from mcp_server.tools.adjustments import WaitRules
from tests.mcp.support import ERAS, QUICK, connected, done, refused, run_mcp
from tests.support.gateway import listening, settings
from tests.support.keys import make_key
from tests.support.waiting import until

RENT = {"service_code": "whatsapp", "max_price": 1}


@dataclass
class Looks:
    """Answers pending so many times, then a code; each look takes the time that was asked for."""

    pending: int
    asked: list[int] = field(default_factory=list)
    takes_time: bool = True

    async def __call__(self, given: Mapping[str, Any]) -> Code:
        self.asked.append(given["wait_seconds"])
        await asyncio.sleep(given["wait_seconds"] if self.takes_time else 0)
        if len(self.asked) > self.pending:
            return Code(rental_id=1, status=CodeStatus.RECEIVED, code="1")
        return Code(rental_id=1, status=CodeStatus.PENDING)


async def nobody(done: float, total: float, message: str) -> None:
    """Takes progress reports and does nothing."""


async def test_a_code_that_is_there_is_answered_at_once() -> None:
    looks = Looks(0)
    looks.takes_time = False
    value = await waiting.wait(WaitRules(), {}, looks, nobody)

    assert value.code == "1"  # type: ignore[attr-defined]
    assert looks.asked == [25]


async def test_it_waits_in_slices_until_the_time_is_over() -> None:
    looks = Looks(99)
    value = await waiting.wait(WaitRules(slice_seconds=1), {"wait_seconds": "3"}, looks, nobody)

    assert value.status == "pending"  # type: ignore[attr-defined]
    assert looks.asked == [1, 1, 1]


async def test_a_gateway_that_sends_its_waiters_home_is_not_asked_again() -> None:
    looks = Looks(99, takes_time=False)
    await waiting.wait(WaitRules(), {}, looks, nobody)

    assert looks.asked == [25]


async def test_it_waits_no_longer_than_clients_do() -> None:
    looks = Looks(99, takes_time=False)
    await waiting.wait(WaitRules(slice_seconds=100), {"wait_seconds": 4000}, looks, nobody)
    await waiting.wait(WaitRules(), {"wait_seconds": -5}, looks, nobody)

    assert looks.asked == [50, 0]


@pytest.mark.parametrize("seconds", ["soon", float("inf"), []])
async def test_a_time_that_is_none_is_refused(seconds: object) -> None:
    with pytest.raises(InvalidRequest, match="wait_seconds"):
        await waiting.wait(WaitRules(), {"wait_seconds": seconds}, Looks(0), nobody)


@pytest.mark.parametrize("era", ERAS)
async def test_it_tells_that_it_still_waits_and_what_to_do(
    era: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "PROGRESS_SECONDS", 0.3)
    totals: list[float | None] = []

    async def tell(progress: float, total: float | None, message: str | None) -> None:
        totals.append(total)
        if len(totals) == 2:
            stand.sim.receive_code(asked["rental_id"], "482913")

    config = replace(QUICK, rules=Rules(code_after=NEVER))
    async with run_mcp(config) as stand, connected(stand.mcp, era) as client:
        asked = {"rental_id": (await done(client, "rent_number", RENT))["id"]}
        in_vain = await done(client, "wait_for_code", {**asked, "wait_seconds": 1})
        came = await client.call_tool(
            "wait_for_code", {**asked, "wait_seconds": 50}, progress_callback=tell
        )

    assert in_vain["status"] == "pending"
    assert "call wait_for_code again" in in_vain["hint"]
    assert came.structured_content["code"] == "482913"
    assert len(totals) >= 2
    assert set(totals) == {50}


@pytest.mark.parametrize("era", ERAS)
async def test_a_code_outlives_a_client_that_hangs_up(era: str) -> None:
    async with run_mcp(replace(QUICK, rules=Rules(code_after=0.5))) as stand:
        async with connected(stand.mcp, era) as client:
            rental = await done(client, "rent_number", RENT)
            asked = {"rental_id": rental["id"]}
            waits = asyncio.create_task(client.call_tool("wait_for_code", asked))
            await asyncio.sleep(0.2)
            waits.cancel()
            await asyncio.gather(waits, return_exceptions=True)
        async with connected(stand.mcp, era) as client:
            content = await done(client, "wait_for_code", asked)

    assert content["status"] == "received"
    assert content["code"].isdigit()


@pytest.mark.parametrize("era", ERAS)
async def test_a_revoked_key_does_not_get_the_code_it_waits_for(
    era: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(authentication, "_REVOKED_WITHIN", 0.1)
    config = replace(QUICK, rules=Rules(code_after=NEVER, cancel_locked=0.0))
    async with (
        Simulator(config).running() as sim,
        open_gateway(settings(sim.url, getatext_api_key=DEMO_KEY)) as gateway,
        listening(gateway.app()) as url,
    ):
        key = await make_key(gateway, "a test", Limits())
        async with connected(f"{url}/mcp", era, key=key) as client:
            rental = (await done(client, "rent_number", RENT))["id"]
            given = {"rental_id": rental, "wait_seconds": 50}
            waiting_call = asyncio.create_task(refused(client, "wait_for_code", given))
            await until(lambda: sim.journal.calls["rental-status"])
            (made,) = await gateway.keys.all()
            await gateway.keys.revoke(made.id, datetime.now(UTC))
            await until(lambda: has_ended(gateway, key))
            sim.receive_code(rental, "012345")
            told = await waiting_call

    assert "revoked" in told
    assert "012345" not in told


async def has_ended(gateway: Gateway, key: str) -> bool:
    try:
        await gateway.callers.identify(key)
    except Unauthorized:
        return True
    return False
