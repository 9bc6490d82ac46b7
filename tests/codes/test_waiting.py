"""wait_for_code over HTTP: at once, when it comes, pending, ended; and nobody waits in vain."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from adapters.simulator import DEMO_KEY, Fault, FaultKind
from gateway.core.auth import authentication
from gateway.core.codes import poll, poll_schedule, poller
from gateway.core.model.callers import Limits
from gateway.wiring import SystemClock
from tests.codes.support import measured, premium, rent, standard, status_calls, wait
from tests.support.contract import Answer
from tests.support.gateway import Client, Stand
from tests.support.keys import make_key
from tests.support.waiting import until


async def test_a_known_code_is_answered_at_once_and_without_asking_again() -> None:
    async with premium() as stand:
        rental = await rent(stand.client)
        stand.sim.receive_code(rental, "012345")
        first = await wait(stand.client, rental)
        asked = status_calls(stand)
        second = await wait(stand.client, rental)

    assert (first["status"], first["code"], first["provisional"]) == ("received", "012345", False)
    assert second == first
    assert status_calls(stand) == asked == 1


async def test_a_code_is_there_at_the_next_poll_after_it_came_at_one_call_a_second() -> None:
    async with standard() as stand:
        rental = await rent(stand.client)
        waiting = asyncio.create_task(wait(stand.client, rental))
        await until(lambda: status_calls(stand) == 1)
        stand.sim.receive_code(rental, "000042")
        told = await waiting

    assert told["code"] == "000042"
    assert status_calls(stand) == 2
    assert stand.sim.violations == 0


async def test_without_a_code_it_is_pending_and_says_when_to_ask_again() -> None:
    async with premium() as stand:
        rental = await rent(stand.client)
        with measured() as watch:
            told = await wait(stand.client, rental, 1)
        at_once = await wait(stand.client, rental, 0)

    assert (told["status"], told["code"], told["retry_after_seconds"]) == ("pending", None, 1)
    assert 0.9 < watch.seconds < 20
    assert at_once["status"] == "pending"


@pytest.mark.parametrize("how", ["cancelled", "expired", "completed"])
async def test_the_end_of_a_rental_is_told_with_its_reason(
    how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if how != "expired":  # that is learned by the next poll; the others without
        monkeypatch.setattr(poll_schedule, "_INTERVALS", ())
    async with premium() as stand:
        rental = await rent(stand.client)
        waiting = asyncio.create_task(wait(stand.client, rental))
        await until(lambda: status_calls(stand) == 1)
        if how == "expired":
            stand.sim.provider.renting.expire(rental, stand.sim.provider.timeline.now())
        else:
            way = {"cancelled": "cancel", "completed": "complete"}[how]
            await stand.client.post(f"/v1/rentals/{rental}/{way}")
        told = await waiting
        asked = status_calls(stand)
        again = await wait(stand.client, rental)
        settled = status_calls(stand)
        once_more = await wait(stand.client, rental)

    assert (told["status"], told["ended_reason"], told["code"]) == ("ended", how, None)
    assert again == once_more == told
    # Completing tells no code: whether one had come is asked once, and never again.
    assert settled == asked + (how == "completed")
    assert status_calls(stand) == settled


async def test_the_next_of_several_codes_is_waited_for_by_the_last_one() -> None:
    async with premium() as stand:
        rental = await rent(stand.client)
        told: list[str] = []
        for code in ("011111", "022222", "033333"):
            waiting = asyncio.create_task(
                wait(stand.client, rental, after_code=told[-1] if told else "none")
            )
            await until(lambda: status_calls(stand) > len(told))
            stand.sim.receive_code(rental, code)
            told.append((await waiting)["code"])
        newest = await wait(stand.client, rental)

    assert told == ["011111", "022222", "033333"]
    assert newest["code"] == "033333"


async def test_a_caller_that_hangs_up_waits_no_more() -> None:
    async with premium() as stand:
        rental = await rent(stand.client)
        waiting = asyncio.create_task(wait(stand.client, rental, 25))
        await until(lambda: status_calls(stand) == 1)
        waited_for = stand.gateway.core.notifier.waited_for
        account = (await stand.gateway.callers.identify(stand.client.key)).account.id
        # The poll wakes everybody, and they go on waiting.
        await until(lambda: waited_for(account, rental))
        waiting.cancel()
        with suppress(asyncio.CancelledError):
            await waiting
        await until(lambda: not waited_for(account, rental))
        asked = status_calls(stand)
        # Another rental is polled again and again, this one no more.
        await wait(stand.client, await rent(stand.client), 3)

    status = [each for each in stand.sim.journal.received if "status" in each.call]
    assert sum(each.json == {"id": rental} for each in status) <= asked + 1 < status_calls(stand)


async def test_an_unknown_rental_is_not_found() -> None:
    async with premium() as stand:
        answer = await stand.client.get("/v1/rentals/99999/code", wait_seconds="5")

    assert (answer.status, answer.json["code"]) == (404, "rental_not_found")


async def test_many_waiters_for_one_rental_cost_one_call_a_poll() -> None:
    async with standard() as stand:
        rental = await rent(stand.client)
        waiting = [asyncio.create_task(wait(stand.client, rental)) for _ in range(100)]
        await until(lambda: status_calls(stand) == 2)
        stand.sim.receive_code(rental, "098765")
        told = await asyncio.gather(*waiting)

    assert {each["code"] for each in told} == {"098765"}
    assert status_calls(stand) == 3
    assert stand.sim.violations == 0


async def test_news_that_come_in_one_breath_are_all_heard() -> None:
    """The second one comes before the waiter has run again after the first."""
    async with premium() as stand:
        rental = await rent(stand.client)
        waiting = asyncio.create_task(wait(stand.client, rental, 5, after_code="1"))
        await until(lambda: status_calls(stand) == 1)
        services = stand.gateway.core.services
        account = (await stand.gateway.callers.identify(stand.client.key)).account.id
        known = await services.repository.known(account, rental)
        assert known is not None
        stand.gateway.core.notifier.wake(account, rental, known)
        await services.repository.record(account, known.model_copy(update={"code": "002"}))
        told = await waiting

    assert told["code"] == "002"


async def test_polling_goes_on_while_the_provider_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(poll, "_AFTER_FAULT", 0.2)
    async with premium() as stand:
        rental = await rent(stand.client)
        stand.sim.script(Fault("rental-status-premium", FaultKind.HTML, times=4))
        waiting = asyncio.create_task(wait(stand.client, rental))
        await until(lambda: status_calls(stand) >= 1)
        stand.sim.receive_code(rental, "000007")
        told = await waiting

    assert told["code"] == "000007"


class NotedLeases:
    """Gives every lease, and notes for how long, and which came back."""

    def __init__(self) -> None:
        self.taken: list[float] = []
        self.given_back: list[str] = []

    async def take(self, name: str, seconds: float) -> bool:
        self.taken.append(seconds)
        return True

    async def give_back(self, name: str) -> None:
        self.given_back.append(name)


async def test_a_lease_outlasts_the_time_to_the_next_poll_and_comes_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(poll_schedule, "_INTERVALS", ())
    monkeypatch.setattr(poller, "_LINGER", 0.1)
    async with premium() as stand:
        noted, leases = NotedLeases(), stand.gateway.store.leases
        monkeypatch.setattr(leases, "take", noted.take)
        monkeypatch.setattr(leases, "give_back", noted.give_back)
        rental = await rent(stand.client)
        told = await wait(stand.client, rental, 1)
        await until(lambda: noted.given_back)

    assert told["status"] == "pending"
    assert min(noted.taken) > poll_schedule._LONGEST_INTERVAL
    assert [name.rpartition(":")[2] for name in noted.given_back] == [str(rental)]


async def ended_meanwhile(
    stand: Stand, limits: Limits, ends: Callable[[], Awaitable[object]]
) -> Answer:
    """What a key hears that waits for a code, which comes after the key has ended."""
    holder = replace(stand.client, key=await make_key(stand.gateway, "a test", limits))
    rental = await rent(holder)
    path = f"/v1/rentals/{rental}/code"
    waiting = asyncio.create_task(holder.get(path, wait_seconds="25"))
    await until(lambda: status_calls(stand) >= 1)
    await ends()
    await until(lambda: is_refused(holder))
    stand.sim.receive_code(rental, "012345")
    return await waiting


class Adjustable(SystemClock):
    """A clock that can be put forward."""

    ahead = timedelta(0)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    async def pass_a_day(self) -> None:
        self.ahead += timedelta(days=1)


async def is_refused(client: Client) -> bool:
    return (await client.get("/v1/rentals")).status == 401


async def test_an_open_wait_of_a_revoked_key_ends_without_its_code(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(authentication, "_REVOKED_WITHIN", 0.1)
    async with premium(getatext_api_key=DEMO_KEY) as stand:
        keys = stand.gateway.keys

        async def revoke() -> None:
            (made,) = await keys.all()
            await keys.revoke(made.id, datetime.now(UTC))

        answer = await ended_meanwhile(stand, Limits(), revoke)

    assert (answer.status, answer.json["code"]) == (401, "unauthorized")
    assert "revoked" in answer.json["detail"]
    assert b"012345" not in answer.body


async def test_an_open_wait_of_a_key_that_expires_ends_without_its_code() -> None:
    async with premium(getatext_api_key=DEMO_KEY) as stand:
        clock = Adjustable()
        stand.gateway.callers._clock = clock
        tomorrow = clock.now() + timedelta(days=1)
        answer = await ended_meanwhile(stand, Limits(expires_at=tomorrow), clock.pass_a_day)

    assert (answer.status, answer.json["code"]) == (401, "unauthorized")
    assert "expired" in answer.json["detail"]
    assert b"012345" not in answer.body
