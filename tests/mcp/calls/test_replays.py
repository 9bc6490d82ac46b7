"""What a model reads of a purchase that is answered again."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from mcp import Client

from adapters.simulator import NEVER, Fault, FaultKind, Rules
from gateway.core.model.callers import Account, Caller
from gateway.core.model.errors import GatewayError
from gateway.core.model.long_rentals import LongRental, LongRentalStatus
from gateway.core.model.provider_errors import UpstreamTimeout
from gateway.core.model.rentals import Rental, RentalStatus
from gateway.core.operations.call import Answer, Call
from gateway.core.operations.operation import AnyOperation
from mcp_server.calls import replays
from mcp_server.tools import results
from tests.mcp.support import (
    ERAS,
    QUICK,
    Person,
    SimulatedStand,
    apart,
    bought,
    connected,
    done,
    refused,
    run_mcp,
    text_of,
)

MARKET = replace(QUICK, rules=Rules(code_after=NEVER, cancel_locked=0.0))
ORDER = {"service_code": "whatsapp", "max_price": 1, "request_id": "order-1"}
HINT = (
    "This purchase was made before, by the same request_id or confirmation: nothing was bought "
    "now, and this is what was bought then, as it is today. For a new purchase use a new "
    "request_id or none."
)
CALL = Call(Caller("a", Account("a", "sk_a")), "t")
RENTAL = Rental(
    id=1,
    ledger_id="1",
    status=RentalStatus.ACTIVE,
    service_code="mail",
    number="+16465550100",
    price=Decimal("0.50"),
)
LONG = LongRental(
    id=2,
    status=LongRentalStatus.ACTIVE,
    number="+16465550101",
    price=Decimal(9),
    rented_on=date(2026, 1, 31),
)


@pytest.fixture
async def stand() -> AsyncIterator[SimulatedStand]:
    async with run_mcp(MARKET) as stand:
        yield stand


@pytest.fixture(params=ERAS)
async def client(stand: SimulatedStand, request: pytest.FixtureRequest) -> AsyncIterator[Client]:
    async with apart(connected(stand.mcp, request.param, person=Person())) as client:
        yield client


async def test_it_says_that_it_is_one_and_what_the_rental_is_today(
    client: Client, stand: SimulatedStand
) -> None:
    first = await done(client, "rent_number", ORDER)
    stand.sim.receive_code(first["id"], "482913")
    again = await done(client, "rent_number", ORDER)
    await done(client, "complete_rental", {"rental_id": first["id"]})
    last = await done(client, "rent_number", ORDER)

    assert "replayed" not in first
    assert "hint" not in first
    assert (again["replayed"], again["hint"], again["id"]) == (True, HINT, first["id"])
    assert (again["status"], again["code"]) == ("code_received", "482913")
    assert (last["replayed"], last["status"]) == (True, "completed")
    assert bought(stand) == 1


async def test_while_the_provider_is_away_it_is_as_the_ledger_has_it(
    client: Client, stand: SimulatedStand
) -> None:
    first = await done(client, "rent_number", ORDER)
    await done(client, "cancel_rental", {"rental_id": first["id"]})
    stand.sim.script(Fault("rental-status", FaultKind.STATUS, status=500, times=None))
    again = await done(client, "rent_number", ORDER)

    assert (again["replayed"], again["status"]) == (True, "cancelled")


async def test_so_it_is_of_a_long_rental(client: Client) -> None:
    order = {"period": "1w", "request_id": "order-2"}
    first = await done(client, "create_long_rental", order)
    await done(client, "set_auto_renew", {"long_rental_id": first["id"], "auto_renew": True})
    again = await done(client, "create_long_rental", order)

    assert (again["replayed"], again["hint"], again["id"]) == (True, HINT, first["id"])
    assert (first["auto_renew"], again["auto_renew"]) == (False, True)


async def test_a_refusal_given_again_says_so_too(client: Client, stand: SimulatedStand) -> None:
    stand.sim.script(
        Fault(
            "rent-a-number", FaultKind.STATUS, status=400, body='{"errors": "insufficient funds"}'
        )
    )
    first = await refused(client, "rent_number", ORDER)
    again = await client.call_tool("rent_number", ORDER)

    assert text_of(again) == (
        f"{first} This is the first answer to this request_id again; nothing was sent now. "
        "To try anew use a new request_id or none."
    )
    assert (again.meta or {})[results.REPLAYED_META] is True


async def test_a_lost_answer_given_again_invites_nobody_to_buy_anew(
    client: Client, stand: SimulatedStand
) -> None:
    stand.sim.script(Fault("rent-a-number", FaultKind.DROP_AFTER))
    await refused(client, "rent_number", ORDER)
    again = await refused(client, "rent_number", ORDER)

    assert again.startswith("outcome_unknown: ")
    assert again.endswith("again; nothing was sent now.")
    assert bought(stand) == 1


class Reading:
    """Answers these operations, and fails at others."""

    def __init__(self, **answers: Any) -> None:
        self._answers = answers

    async def invoke(self, op: AnyOperation, call: Call, given: Any) -> Any:
        if op.name not in self._answers:
            raise UpstreamTimeout
        return self._answers[op.name]

    async def repeated(self, *call: Any) -> None:
        return None

    async def check(self, *call: Any) -> None:
        return None

    async def resolved(self, op: AnyOperation, call: Call, asked: Any) -> Any:
        return asked

    async def answer(self, op: AnyOperation, call: Call, given: Any) -> Any:
        raise GatewayError


def page(*rows: Any) -> Any:
    return type("Page", (), {"data": rows})()


ENDED = RENTAL.model_copy(update={"status": RentalStatus.EXPIRED})
OTHER = RENTAL.model_copy(update={"id": 3})
OVER = LONG.model_copy(update={"status": LongRentalStatus.CANCELLED})


@pytest.mark.parametrize(
    ("then", "answers", "today"),
    [
        (RENTAL, {"get_rental": ENDED}, "expired"),
        (RENTAL, {"list_rentals": page(OTHER, ENDED)}, "expired"),
        (RENTAL, {"list_rentals": page(OTHER)}, "active"),
        (RENTAL, {}, "active"),
        (LONG, {"list_long_rentals": page(OVER)}, "cancelled"),
        (LONG, {}, "active"),
    ],
)
async def test_what_cannot_be_read_is_looked_for_elsewhere(
    then: Any, answers: dict[str, Any], today: str
) -> None:
    result = await replays.result(Reading(**answers), CALL, Answer(then, replayed=True))

    assert result["structuredContent"]["id"] == then.id
    assert result["structuredContent"]["status"] == today
    assert ("as it is today" in result["structuredContent"]["hint"]) == (today != "active")
    assert ("as it was then" in result["structuredContent"]["hint"]) == (today == "active")
