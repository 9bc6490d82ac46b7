"""The stream of events: what happened, in order, from where the client left off."""

import asyncio
import re
import socket
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from urllib.parse import urlsplit

import pytest
from aiohttp import ClientPayloadError

from adapters.simulator import DEMO_KEY, Fault, FaultKind, Service
from adapters.store import StoreError, open_store
from gateway.core.auth import authentication
from gateway.core.auth.concurrency import Held
from gateway.core.model.callers import Limits
from gateway.core.model.events import Event
from gateway.core.model.purchases import View
from gateway.http.events import face, feed
from gateway.http.serving.app import ADMISSION, STREAMS
from tests.codes.support import listening_to, premium, provider, rent, status_calls
from tests.support.gateway import Client, Stand, have_accepted, run_simulated
from tests.support.keys import make_key
from tests.support.ledger import NOW, new_id
from tests.support.ledger import rental as heard
from tests.support.waiting import until

KINDS = ["rental.created", "rental.code_received", "rental.ended"]


async def lived(stand: Stand) -> int:
    """A rental that was rented, had a code and was completed."""
    rental = await rent(stand.client)
    stand.sim.receive_code(rental, "012345")
    await stand.client.get(f"/v1/rentals/{rental}/code", wait_seconds="5")
    await stand.client.post(f"/v1/rentals/{rental}/complete")
    return rental


async def test_events_come_as_they_happen_and_in_order() -> None:
    async with premium() as stand, listening_to(stand.client) as stream:
        rental = await lived(stand)
        told = [await stream.event() for _ in KINDS]

    assert stream.response.headers["Content-Type"] == "text/event-stream"
    assert [each.kind for each in told] == KINDS
    assert {each.data["id"] for each in told} == {rental}
    assert [each.data["code"] for each in told] == [None, "012345", "012345"]
    assert sorted(told, key=lambda each: int(each.id)) == told


async def test_a_client_that_comes_back_misses_nothing_and_hears_nothing_twice() -> None:
    async with premium() as stand:
        async with listening_to(stand.client) as stream:
            first = await lived(stand)
            rented = await stream.event()
        second = await lived(stand)
        async with listening_to(stand.client, Last_Event_ID=rented.id) as stream:
            told = [await stream.event() for _ in range(5)]

    assert [each.kind for each in told] == [*KINDS[1:], *KINDS]
    assert [each.data["id"] for each in told] == [first] * 2 + [second] * 3


async def test_an_id_that_is_none_is_refused() -> None:
    async with premium() as stand:
        client = replace(stand.client, checked=False)  # the document has no streams
        answers = [
            await client.get("/v1/events/stream", last_event_id=each)
            for each in ("x", "-1", "9" * 30, "1.5", "evt_", "evt_x", "evt_evt_1")
        ]

    assert [each.status for each in answers] == [400] * 7


async def test_a_client_hears_of_its_own_rentals_only() -> None:
    async with premium() as stand, listening_to(stand.client) as stream:
        await have_accepted(stand.gateway, "sk_bob")
        bob = await stand.gateway.callers.identify("sk_bob")
        ours = await rent(stand.client)
        heard = await stream.event()
        theirs = await stand.gateway.store.events.events(View(bob.account.id), 0, 100)

    assert heard.data["id"] == ours
    assert not theirs


async def test_a_silent_stream_says_that_it_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(face, "_HEARTBEAT", 0.05)
    async with premium() as stand, listening_to(stand.client) as stream:
        blocks = [await stream.block() for _ in range(3)]

    assert blocks == [": still here"] * 3


async def test_what_another_process_wrote_is_told_with_the_next_heartbeat(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(face, "_HEARTBEAT", 0.1)
    async with premium() as stand, listening_to(stand.client) as stream:
        caller = await stand.gateway.callers.identify(stand.client.key)
        url = stand.gateway.settings.gateway_database_url
        assert url is not None
        async with open_store(url, new_id=new_id) as other:
            await other.ledger.record(caller.account.id, heard(7, code="000001"), NOW)
            told = await stream.event()

    assert (told.kind, told.data["id"], told.data["code"]) == ("rental.code_received", 7, "000001")


async def test_more_than_one_page_holds_is_told_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(face, "_HEARTBEAT", 0.3)
    monkeypatch.setattr(feed, "_PAGE", 2)
    async with premium() as stand, listening_to(stand.client) as stream:
        caller = await stand.gateway.callers.identify(stand.client.key)
        record = stand.gateway.store.ledger.record
        for number in range(5):
            await record(caller.account.id, heard(7 + number, code="000001"), NOW)
        told = [await stream.event() for _ in range(5)]

    assert [each.data["id"] for each in told] == [7, 8, 9, 10, 11]


async def test_a_client_of_http_1_0_reads_the_stream_as_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(face, "_HEARTBEAT", 0.1)
    async with premium() as stand:
        address = urlsplit(stand.url)
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        writer.write(
            f"GET /v1/events/stream HTTP/1.0\r\nX-API-Key: {stand.client.key}\r\n\r\n".encode()
        )
        async with asyncio.timeout(60):
            head = await reader.readuntil(b"\r\n\r\n")
            body = [await reader.readuntil(b"\n\n") for _ in range(3)]
        writer.close()

    assert b"chunked" not in head
    assert re.fullmatch(rb": here you are\nretry: [0-9]{4}\n\n", body[0])
    assert body[1:] == [b": still here\n\n"] * 2


async def test_who_listens_waits_for_the_codes_of_active_rentals() -> None:
    async with premium() as stand:
        before = await rent(stand.client)
        async with listening_to(stand.client) as stream:
            after = await rent(stand.client)
            assert (await stream.event()).kind == "rental.created"
            stand.sim.receive_code(before, "000001")
            first = await stream.event()
            stand.sim.receive_code(after, "000002")
            second = await stream.event()

    assert (first.data["id"], first.data["code"]) == (before, "000001")
    assert (second.data["id"], second.data["code"]) == (after, "000002")
    assert status_calls(stand) >= 2
    assert stand.sim.violations == 0


async def test_a_rental_that_will_bring_nothing_more_is_not_polled_any_more() -> None:
    once = Service("Whatsapp", "whatsapp", Decimal("0.55"), 20, multiple_sms=False)
    config = replace(provider(), services=(once,))
    async with (
        run_simulated(config, getatext_tier="premium", gateway_status_cache_seconds=1) as stand,
        listening_to(stand.client) as stream,
    ):
        rental = await rent(stand.client)
        assert (await stream.event()).kind == "rental.created"
        stand.sim.receive_code(rental, "012345")
        assert (await stream.event()).kind == "rental.code_received"
        schedules = stand.gateway.core.services.poller._schedules

        await until(lambda: not schedules)


async def test_events_come_while_the_price_list_does_not() -> None:
    async with premium(getatext_read_seconds=300) as stand:
        stand.sim.script(Fault("prices-info", FaultKind.HANG, times=None))
        async with listening_to(stand.client) as stream:
            rentals = [await rent(stand.client) for _ in range(2)]
            created = [(await stream.event()).data["id"] for _ in rentals]
            for rental in rentals:
                stand.sim.receive_code(rental, "012345")
                told = await stream.event()
                assert (told.kind, told.data["id"]) == ("rental.code_received", rental)
        stand.sim.release()

    assert created == rentals


async def test_who_comes_back_hears_of_the_next_code_too() -> None:
    async with premium() as stand:
        rental = await rent(stand.client)
        stand.sim.receive_code(rental, "000001")
        async with listening_to(stand.client) as stream:
            first = await stream.event()
        async with listening_to(stand.client, Last_Event_ID=first.id) as stream:
            stand.sim.receive_code(rental, "000002")
            second = await stream.event()

    assert (first.data["code"], second.data["code"]) == ("000001", "000002")


async def test_a_client_that_is_gone_waits_no_more() -> None:
    async with premium() as stand:
        rental = await rent(stand.client)
        streams = stand.app[STREAMS]
        schedules = stand.gateway.core.services.poller._schedules
        async with listening_to(stand.client):
            await until(lambda: status_calls(stand) == 1)
            assert stand.app[ADMISSION].open
            targets = [each for one in schedules.values() for each in one.targets.values()]
            listeners = {each.rental_id: each.listeners for each in targets}
        await until(lambda: not (stand.app[ADMISSION].open or streams._feeds or schedules))

    assert listeners == {rental: 1}


async def test_a_key_has_only_so_many_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(face, "STREAMS", Held("event streams", 2))
    async with premium() as stand, listening_to(stand.client), listening_to(stand.client):
        third = await replace(stand.client, checked=False).get("/v1/events/stream")

    assert (third.status, third.json["code"]) == (503, "gateway_busy")
    assert (third.headers["Retry-After"], third.json["retryable"]) == ("5", True)


class Endless:
    """Tells the same event for ever, a hundred at a time."""

    def __init__(self, event: Event) -> None:
        self._event = event

    async def events(self, view: View, after: int, limit: int) -> Sequence[Event]:
        return [self._event] * limit

    async def last_event(self) -> int:
        return 0


@pytest.mark.parametrize(("limit", "seconds"), [("_SLOW", 0.2), ("_HEARTBEAT", 0.4)])
async def test_a_client_too_slow_for_what_happens_is_let_go(
    monkeypatch: pytest.MonkeyPatch, limit: str, seconds: float
) -> None:
    monkeypatch.setattr(face, limit, seconds)
    async with premium() as stand:
        await rent(stand.client)
        caller = await stand.gateway.callers.identify(stand.client.key)
        (event,) = await stand.gateway.store.events.events(View(caller.account.id), 0, 1)
        endless, events = Endless(event), stand.gateway.store.events
        monkeypatch.setattr(events, "events", endless.events)
        monkeypatch.setattr(events, "last_event", endless.last_event)
        admission = stand.app[ADMISSION]
        address = urlsplit(stand.url)
        with socket.create_connection((address.hostname, address.port)) as one:
            one.setblocking(False)
            loop = asyncio.get_running_loop()
            head = "GET /v1/events/stream HTTP/1.1\r\nHost: x"
            asked = f"{head}\r\nX-API-Key: {stand.client.key}\r\n\r\n"
            await loop.sock_sendall(one, asked.encode())
            await until(lambda: admission.open == 1)
            await until(lambda: not admission.open)
            read = b""
            with suppress(ConnectionResetError):
                async with asyncio.timeout(60):
                    while part := await loop.sock_recv(one, 1 << 20):
                        read = (read + part)[-100:]

    # Cut off, not ended well: what was written and never taken does not stay in memory.
    assert not read.endswith(b"0\r\n\r\n")


async def test_streams_end_when_the_gateway_does() -> None:
    async with premium() as stand, listening_to(stand.client) as stream:
        stand.app[STREAMS].close()

        assert await stream.ended()


@pytest.mark.parametrize("beat", [0.05, 30.0])
async def test_a_key_that_is_revoked_hears_no_more(
    monkeypatch: pytest.MonkeyPatch, beat: float
) -> None:
    monkeypatch.setattr(face, "_HEARTBEAT", beat)
    monkeypatch.setattr(authentication, "_REVOKED_WITHIN", 0.1)
    async with premium(getatext_api_key=DEMO_KEY) as stand:
        holder = replace(stand.client, key=await make_key(stand.gateway, "a test", Limits()))
        async with listening_to(holder) as stream:
            rental = await rent(holder)
            before = (await stream.event()).data["id"]
            (made,) = await stand.gateway.keys.all()
            await stand.gateway.keys.revoke(made.id, datetime.now(UTC))
            await until(lambda: is_refused(holder))
            stand.sim.receive_code(rental, "012345")
            after = await stream.rest()

    assert before == rental
    assert b"012345" not in after


async def is_refused(client: Client) -> bool:
    return (await client.get("/v1/balance")).status == 401


async def test_a_stream_that_cannot_be_read_on_breaks_off_and_is_taken_up_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def away(*asked: object) -> Sequence[Event]:
        raise StoreError("away")

    async with premium() as stand:
        async with listening_to(stand.client) as stream:
            with monkeypatch.context() as trouble:
                trouble.setattr(stand.gateway.store.events, "events", away)
                rental = await rent(stand.client)
                with pytest.raises(ClientPayloadError):
                    await stream.rest()
        async with listening_to(stand.client, Last_Event_ID="0") as stream:
            told = await stream.event()

    assert (told.kind, told.data["id"]) == ("rental.created", rental)


async def test_listeners_who_have_gone_leave_nothing() -> None:
    async with premium() as stand:
        notifier = stand.gateway.core.notifier
        keys = [f"sk_somebody_{number}" for number in range(5)]
        await have_accepted(stand.gateway, *keys)
        for key in keys:
            async with listening_to(replace(stand.client, key=key)) as stream:
                assert notifier._account_changes
                assert stream.response.status == 200
        await until(lambda: not notifier._account_changes)


async def test_it_reads_well_with_curl() -> None:
    async with premium() as stand:
        rental = await rent(stand.client)
        curl = await asyncio.create_subprocess_exec(
            *("curl", "-sN", "-H", f"X-API-Key: {stand.client.key}"),
            f"{stand.url}/v1/events/stream?last_event_id=0",
            stdout=asyncio.subprocess.PIPE,
        )
        assert curl.stdout is not None
        async with asyncio.timeout(60):
            lines = [await curl.stdout.readline() for _ in range(6)]
        curl.kill()
        await curl.communicate()

    assert lines[0].startswith(b": ")
    assert lines[3].startswith(b"id: ")
    assert lines[4] == b"event: rental.created\n"
    assert lines[5].startswith(b'data: {"id":%d,' % rental)
