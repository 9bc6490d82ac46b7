"""get_rental: reads at one time are one call, an answer serves a second, an end is remembered."""

import asyncio
import time

import pytest

from adapters.simulator import Fault, FaultKind
from gateway.wiring import SystemClock
from tests.codes.support import RENT, premium, rent, standard, status_calls
from tests.support.gateway import Stand, run_scripted
from tests.support.samples import COMPLETED, RENTED, STATUS
from tests.support.scripted import Held, reply
from tests.support.waiting import until


async def read(stand: Stand, rental: int) -> dict[str, object]:
    answer = await stand.client.get(f"/v1/rentals/{rental}")
    assert answer.status == 200
    found: dict[str, object] = answer.json
    return found


async def test_a_hundred_readers_at_once_are_one_call() -> None:
    async with standard(gateway_status_cache_seconds=30) as stand:
        rental = await rent(stand.client)
        told = await asyncio.gather(*(read(stand, rental) for _ in range(100)))

    assert status_calls(stand) == 1
    assert all(each == told[0] for each in told)
    assert stand.sim.violations == 0


async def test_an_answer_serves_for_as_long_as_it_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    async with premium(gateway_status_cache_seconds=60) as stand:
        rental = await rent(stand.client)
        await read(stand, rental)
        await read(stand, rental)
        within = status_calls(stand)
        monkeypatch.setattr(SystemClock, "monotonic", lambda self: time.monotonic() + 61)
        await read(stand, rental)

    assert (within, status_calls(stand)) == (1, 2)


async def test_rentals_do_not_share_answers() -> None:
    async with premium() as stand:
        rentals = [await rent(stand.client) for _ in range(3)]
        told = await asyncio.gather(*(read(stand, rental) for rental in rentals))

    assert [each["id"] for each in told] == rentals
    assert status_calls(stand) == 3


async def test_an_ended_rental_is_answered_without_asking() -> None:
    async with premium() as stand:
        rental = await rent(stand.client)
        await stand.client.post(f"/v1/rentals/{rental}/cancel")
        told = await read(stand, rental)

    assert told["status"] == "cancelled"
    assert status_calls(stand) == 0


async def test_what_was_asked_before_a_change_serves_nobody_after_it() -> None:
    late, after = {**STATUS, "code": None}, {**STATUS, "status": "completed", "code": "012345"}
    async with run_scripted(gateway_status_cache_seconds=30) as stand:
        stand.provider.script.extend(
            [reply(201, RENTED), Held(reply(200, late)), reply(200, COMPLETED), reply(200, after)]
        )
        await stand.client.post("/v1/rentals", RENT)
        early = asyncio.create_task(stand.client.get("/v1/rentals/12345"))
        await until(lambda: len(stand.provider.asked) == 2)
        await stand.client.post("/v1/rentals/12345/complete")
        stand.provider.release()
        await early
        told = await stand.client.get("/v1/rentals/12345")

    assert told.json["code"] == "012345"
    assert len(stand.provider.asked) == 4


async def test_what_was_heard_before_a_change_serves_nobody_after_it() -> None:
    async with premium() as stand:
        rental = await rent(stand.client)
        before = await read(stand, rental)
        await stand.client.post(f"/v1/rentals/{rental}/cancel")
        after = await read(stand, rental)

    assert (before["status"], after["status"]) == ("active", "cancelled")


async def test_an_older_answer_that_comes_late_takes_no_code_back() -> None:
    async with premium() as stand:
        rental = await rent(stand.client)
        context = stand.gateway.invoker.context(
            await stand.gateway.callers.identify(stand.client.key)
        )
        stand.sim.receive_code(rental, "111111")
        stand.sim.script(Fault("rental-status-premium", FaultKind.SLOW, seconds=0.4))
        slow = asyncio.create_task(read(stand, rental))
        await until(lambda: status_calls(stand) == 1)
        stand.sim.receive_code(rental, "222222")
        quick = await stand.gateway.core.services.poller.poll_now(context.upstream, rental)
        await slow
        told = await stand.client.get(f"/v1/rentals/{rental}/code", wait_seconds="0")

    assert quick.code == "222222"
    assert told.json["code"] == "222222"
