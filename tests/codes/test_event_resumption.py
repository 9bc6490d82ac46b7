"""A client that comes back to a stream is told where events it has not heard are gone."""

import re
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest

from gateway.core.model.purchases import View
from tests.codes.support import Event, listening_to, premium
from tests.support.gateway import Stand
from tests.support.ledger import LATER, NOW
from tests.support.ledger import rental as heard

OLD, YOUNG = NOW, LATER
SOON = NOW + timedelta(seconds=1)
CODE = "rental.code_received"


@pytest.fixture
async def stand() -> AsyncIterator[Stand]:
    async with premium() as stand:
        yield stand


async def write(stand: Stand, *written: datetime) -> list[int]:
    """The ids of events that were written at these times."""
    caller = await stand.gateway.callers.identify(stand.client.key)
    store, account = stand.gateway.store, caller.account.id
    for rental, at in enumerate(written, 1 + await store.events.last_event()):
        await store.ledger.record(account, heard(rental, code="000001"), at)
    ids = [event.id for event in await store.events.events(View(account), 0, 100)]
    return ids[-len(written) :]


async def delete_old(stand: Stand) -> None:
    await stand.gateway.ledger.purge(SOON, SOON)


async def told(stand: Stand, last: int, count: int) -> list[Event]:
    """The first events that a client with this Last-Event-ID hears."""
    async with listening_to(stand.client, Last_Event_ID=str(last)) as stream:
        return [await stream.event() for _ in range(count)]


def reset(last: int, reason: str, id: int) -> Event:
    return Event(str(id), "stream.reset", {"reason": reason, "last_event_id": last})


async def test_a_client_whose_next_events_are_deleted_is_told_and_hears_the_kept(
    stand: Stand,
) -> None:
    first, second, third = await write(stand, OLD, OLD, YOUNG)
    await delete_old(stand)
    late, again = await told(stand, first, 2), await told(stand, second, 1)

    assert late[0] == reset(first, "events_deleted", second)
    assert [(int(late[1].id), late[1].kind)] == [(int(again[0].id), again[0].kind)]
    assert (int(again[0].id), again[0].kind) == (third, CODE)


async def test_where_a_later_event_was_deleted_before_an_earlier_one_nothing_kept_is_skipped(
    stand: Stand,
) -> None:
    first, second, third, fourth = await write(stand, OLD, YOUNG, OLD, YOUNG)
    await delete_old(stand)
    begun = await told(stand, first, 3)
    resumed = await told(stand, int(begun[0].id), 3)
    later = await told(stand, second, 2)

    assert begun[0] == reset(first, "events_deleted", first)
    assert resumed[0] == reset(first, "events_deleted", first)
    assert [int(each.id) for each in begun[1:]] == [second, fourth]
    assert later[0] == reset(second, "events_deleted", third)
    assert int(later[1].id) == fourth


async def test_an_id_newer_than_any_is_told_and_what_comes_is_heard(stand: Stand) -> None:
    (last,) = await write(stand, YOUNG)
    async with listening_to(stand.client, Last_Event_ID=str(last + 1000)) as stream:
        first = await stream.event()
        (new,) = await write(stand, YOUNG)
        second = await stream.event()

    assert first == reset(last + 1000, "unknown_event_id", last)
    assert (int(second.id), second.kind) == (new, CODE)


async def test_where_everything_was_deleted_who_had_heard_it_is_told_nothing(stand: Stand) -> None:
    first, last = await write(stand, OLD, OLD)
    await delete_old(stand)
    async with listening_to(stand.client, Last_Event_ID=str(last)) as stream:
        (new,) = await write(stand, YOUNG)
        heard_all = await stream.event()
    missed = await told(stand, first, 2)

    assert (int(heard_all.id), heard_all.kind) == (new, CODE)
    assert [each.id for each in missed] == [str(last), str(new)]


async def test_what_was_deleted_of_others_is_not_missed(stand: Stand) -> None:
    (last,) = await write(stand, YOUNG)
    await stand.gateway.ledger.record("another account", heard(1, code="1"), OLD)
    await delete_old(stand)
    async with listening_to(stand.client, Last_Event_ID=str(last)) as stream:
        (new,) = await write(stand, YOUNG)
        only = await stream.event()

    assert (int(only.id), only.kind) == (new, CODE)


async def test_streams_tell_their_clients_to_come_back_at_different_times(stand: Stand) -> None:
    pauses = []
    for _ in range(10):
        async with stand.client.session.get(
            f"{stand.url}/v1/events/stream", headers={"X-API-Key": stand.client.key or ""}
        ) as response:
            greeting = await response.content.readuntil(b"\n\n")
        found = re.search(r"^retry: (\d+)$", greeting.decode(), re.MULTILINE)
        assert found, greeting
        pauses.append(int(found[1]))

    assert all(1500 <= pause <= 4500 for pause in pauses)
    assert len(set(pauses)) > 1
