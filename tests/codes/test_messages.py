"""list_messages waits over HTTP: for what comes, together, within limits, to a shutdown."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from adapters.simulator import DEMO_KEY, Fault, FaultKind, Rules
from gateway.core.auth import authentication
from gateway.core.auth.concurrency import Held
from gateway.core.codes import messages
from gateway.core.model.callers import Limits
from gateway.http.rest import face as rest
from gateway.http.serving.app import ADMISSION
from tests.support.contract import Answer
from tests.support.gateway import USUAL, Client, Stand, run_simulated
from tests.support.keys import make_key
from tests.support.waiting import until

PATH = "/v1/long-rentals/1/messages"
CALL = "long-rental-messages"
QUIET = replace(USUAL, rules=Rules(sample_texts=()))


@asynccontextmanager
async def run(
    monkeypatch: pytest.MonkeyPatch, every: float = 0.05, **changes: Any
) -> AsyncIterator[Stand]:
    """A gateway with one long rental, to which nothing comes by itself."""
    monkeypatch.setattr(messages, "READ_EVERY", every)
    async with run_simulated(QUIET, **changes) as stand:
        await stand.client.post("/v1/long-rentals", {"period": "1w"})
        yield stand


def receive(stand: Stand, text: str) -> None:
    now = stand.sim.provider.timeline.now()
    stand.sim.provider.long_renting.receive(1, "8888", text, now)


def reads(stand: Stand) -> int:
    return stand.sim.journal.calls[CALL]


async def is_refused(client: Client) -> bool:
    return (await client.get("/v1/rentals")).status == 401


def texts(answer: Answer) -> list[str]:
    assert answer.status == 200, answer.body
    return [each["text"] for each in answer.json["data"]]


async def test_what_is_there_is_answered_at_once_and_what_comes_when_it_comes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with run(monkeypatch) as stand:
        receive(stand, "first")
        first = await stand.client.get(PATH, wait_seconds="25")
        had = first.json["data"][0]["received_at"]
        waiting = asyncio.create_task(stand.client.get(PATH, wait_seconds="25", after=had))
        await until(lambda: reads(stand) >= 3)
        stand.sim.advance(1)
        receive(stand, "second")
        second = await waiting
        both = await stand.client.get(PATH)
        later = await stand.client.get(PATH, after=had)

    assert texts(first) == ["first"]
    assert texts(second) == texts(later) == ["second"]
    assert texts(both) == ["first", "second"]


async def test_without_a_message_the_list_is_empty_after_the_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with run(monkeypatch) as stand:
        none = await stand.client.get(PATH, wait_seconds="1")
        refused = [
            await stand.client.get(PATH, **given)
            for given in ({"wait_seconds": "26"}, {"wait_seconds": "soon"}, {"after": "soon"})
        ]

    assert none.json == {"data": [], "next_cursor": None}
    assert [each.status for each in refused] == [400] * 3
    assert [each.json["detail"].split(":")[0] for each in refused] == [
        "wait_seconds", "wait_seconds", "after",
    ]  # fmt: skip


async def test_those_who_wait_for_one_long_rental_share_a_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with run(monkeypatch, every=60) as stand:
        answers = await asyncio.gather(
            *(stand.client.get(PATH, wait_seconds="1") for _ in range(30))
        )
        shared = reads(stand)
        await stand.client.get(PATH)

    assert [texts(each) for each in answers] == [[]] * 30
    assert shared == 1
    assert reads(stand) == 2


async def test_errors_that_pass_are_borne_and_others_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async with run(monkeypatch) as stand:
        stand.sim.script(Fault(CALL, FaultKind.STATUS, status=500, times=4))
        waiting = asyncio.create_task(stand.client.get(PATH, wait_seconds="25"))
        await until(lambda: reads(stand) >= 5)
        receive(stand, "after all")
        came = await waiting
        unknown = await stand.client.get("/v1/long-rentals/99/messages", wait_seconds="25")

    assert texts(came) == ["after all"]
    assert (unknown.status, unknown.json["code"]) == (404, "long_rental_not_found")


async def test_a_shutdown_sends_those_who_wait_home(monkeypatch: pytest.MonkeyPatch) -> None:
    async with run(monkeypatch) as stand:
        waiting = asyncio.create_task(stand.client.get(PATH, wait_seconds="25"))
        await until(lambda: reads(stand))
        stand.gateway.core.notifier.shut_down()
        async with asyncio.timeout(15):
            answer = await waiting

    assert texts(answer) == []


async def test_an_open_wait_of_a_revoked_key_ends_without_its_message(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(authentication, "_REVOKED_WITHIN", 0.1)
    async with run(monkeypatch, getatext_api_key=DEMO_KEY) as stand:
        key = await make_key(stand.gateway, "a test", Limits(admin=True))
        holder = replace(stand.client, key=key)
        waiting = asyncio.create_task(holder.get(PATH, wait_seconds="25"))
        await until(lambda: reads(stand))
        (made,) = await stand.gateway.keys.all()
        await stand.gateway.keys.revoke(made.id, datetime.now(UTC))
        await until(lambda: is_refused(holder))
        receive(stand, "a secret")
        answer = await waiting

    assert (answer.status, answer.json["code"]) == (401, "unauthorized")
    assert b"a secret" not in answer.body


async def test_waits_for_messages_count_as_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rest, "WAITS", Held("waits", 2))
    async with run(monkeypatch) as stand:
        waiting = [asyncio.create_task(stand.client.get(PATH, wait_seconds="25")) for _ in range(2)]
        await until(lambda: stand.app[ADMISSION].open == 2)
        busy = await stand.client.get(PATH, wait_seconds="25")
        at_once = await stand.client.get(PATH)
        receive(stand, "enough")
        answers = await asyncio.gather(*waiting)

    assert (busy.status, busy.json["code"]) == (503, "gateway_busy")
    assert "This key has 2 waits open" in busy.json["detail"]
    assert texts(at_once) == []
    assert [texts(each) for each in answers] == [["enough"]] * 2
