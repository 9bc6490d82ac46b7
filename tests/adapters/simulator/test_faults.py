"""Each kind of fault on a real socket: what the client sees, and what really happened."""

import asyncio
import json

import pytest
from aiohttp import ClientPayloadError, ClientTimeout, ServerDisconnectedError

from adapters.simulator import Fault, FaultKind, Simulator
from tests.adapters.simulator.support import Customer, until

RENT = "rent-a-number"
WISH = {"service": "whatsapp"}


async def raw(customer: Customer, seconds: float = 60.0) -> tuple[int, str, str]:
    """A rent as status, content type and text, whatever the body is."""
    async with customer.session.post(
        f"{customer.sim.url}/api/v1/{RENT}",
        json=WISH,
        headers={"Auth": customer.key},
        timeout=ClientTimeout(seconds),
    ) as response:
        return response.status, response.content_type, await response.text()


def rented(sim: Simulator) -> int:
    return len(sim.books.rentals)


async def test_a_status_with_a_body_comes_once_and_nothing_was_done(alice: Customer) -> None:
    alice.sim.script(Fault(RENT, FaultKind.STATUS, status=500, body='{"message":"Oops"}'))

    assert await raw(alice) == (500, "application/json", '{"message":"Oops"}')
    assert rented(alice.sim) == 0
    assert (await raw(alice))[0] == 201


async def test_a_status_after_the_work_was_done(alice: Customer) -> None:
    alice.sim.script(Fault(RENT, FaultKind.STATUS, status=502, body="bad", after_work=True))

    assert await raw(alice) == (502, "text/plain", "bad")
    assert rented(alice.sim) == 1


async def test_a_proxys_page(alice: Customer) -> None:
    alice.sim.script(Fault(RENT, FaultKind.HTML))
    status, content_type, text = await raw(alice)

    assert (status, content_type) == (502, "text/html")
    assert text.startswith("<!DOCTYPE html>")


async def test_a_429_out_of_turn(alice: Customer) -> None:
    alice.sim.script(Fault(RENT, FaultKind.RATE_LIMITED))

    assert (await raw(alice))[0] == 429
    assert (rented(alice.sim), alice.sim.violations) == (0, 0)


@pytest.mark.parametrize(
    ("kind", "done"), [(FaultKind.DROP_BEFORE, 0), (FaultKind.DROP_AFTER, 1)], ids=str
)
async def test_a_dropped_connection(alice: Customer, kind: FaultKind, done: int) -> None:
    alice.sim.script(Fault(RENT, kind))

    with pytest.raises(ServerDisconnectedError):
        await raw(alice)
    assert rented(alice.sim) == done
    assert (await raw(alice))[0] == 201


async def test_a_body_that_breaks_off(alice: Customer) -> None:
    alice.sim.script(Fault(RENT, FaultKind.TRUNCATED))

    with pytest.raises(ClientPayloadError):
        await raw(alice)
    assert rented(alice.sim) == 1


async def test_half_a_body_sent_as_if_it_were_whole(alice: Customer) -> None:
    alice.sim.script(Fault(RENT, FaultKind.CUT_JSON))
    status, content_type, text = await raw(alice)

    assert (status, content_type) == (201, "application/json")
    with pytest.raises(json.JSONDecodeError):
        json.loads(text)
    assert rented(alice.sim) == 1


@pytest.mark.parametrize("worked", [False, True], ids=["undone", "done"])
async def test_a_hanging_request_is_never_answered(alice: Customer, worked: bool) -> None:
    alice.sim.script(Fault(RENT, FaultKind.HANG, after_work=worked))

    waiting = asyncio.create_task(raw(alice))
    await until(lambda: alice.sim.journal.calls[RENT])
    done, _ = await asyncio.wait([waiting], timeout=0.05)
    waiting.cancel()

    assert not done
    assert rented(alice.sim) == int(worked)


async def test_a_released_request_sees_its_connection_close(alice: Customer) -> None:
    alice.sim.script(Fault(RENT, FaultKind.HANG))
    waiting = asyncio.create_task(raw(alice))
    await until(lambda: alice.sim.journal.calls[RENT])
    alice.sim.release()

    with pytest.raises(ServerDisconnectedError):
        await waiting


async def test_a_slow_answer_is_true_and_its_work_is_done_at_once(alice: Customer) -> None:
    alice.sim.script(Fault(RENT, FaultKind.SLOW, seconds=60))
    waiting = asyncio.create_task(raw(alice))
    await until(lambda: rented(alice.sim))
    assert not waiting.done()
    alice.sim.release()

    assert (await waiting)[0] == 201


async def test_a_slow_answer_comes_by_itself(alice: Customer) -> None:
    alice.sim.script(Fault(RENT, FaultKind.SLOW, seconds=0.01))

    assert (await raw(alice))[0] == 201


async def test_faults_come_in_order_and_as_often_as_said(alice: Customer) -> None:
    alice.sim.script(
        Fault(RENT, FaultKind.STATUS, status=500, times=2), Fault("*", FaultKind.STATUS, status=503)
    )

    assert [(await raw(alice))[0] for _ in range(4)] == [500, 500, 503, 201]


async def test_a_fault_can_be_meant_for_one_account_until_cleared(
    alice: Customer, bob: Customer
) -> None:
    alice.sim.script(Fault(RENT, FaultKind.STATUS, status=500, times=None, account=bob.key))

    assert [(await raw(bob))[0] for _ in range(3)] == [500] * 3
    assert (await raw(alice))[0] == 201
    alice.sim.provider.faults.clear()
    assert (await raw(bob))[0] == 201


async def test_headers_can_be_scripted(alice: Customer) -> None:
    headers = {"Location": "https://example.com/"}
    alice.sim.script(Fault("balance", FaultKind.STATUS, status=302, headers=headers))
    url = f"{alice.sim.url}/api/v1/balance"
    async with alice.session.get(url, allow_redirects=False) as response:
        assert (response.status, response.headers["Location"]) == (302, "https://example.com/")
