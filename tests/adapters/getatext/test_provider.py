"""The provider's methods: what each asks, what each answers."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from adapters.getatext.client import Client
from adapters.getatext.provider import accounts
from adapters.getatext.rentals import rent_body
from gateway.core.model.account import Balance, Nothing
from gateway.core.model.errors import GatewayError, OutcomeUnknown, RentalNotFound
from gateway.core.model.long_rentals import (
    CreateLongRental,
    LongRentalStatus,
    OneLongRental,
    Period,
    RenewLongRental,
    SetAutoRenew,
)
from gateway.core.model.provider_errors import (
    InsufficientFunds,
    UpstreamAuthFailed,
    UpstreamBadResponse,
    UpstreamRefused,
)
from gateway.core.model.rentals import OneRental, RentAgain, RentalStatus, RentNumber
from gateway.core.operations import ending, long_rentals, rentals
from gateway.core.ports.observer import NoObserver
from gateway.core.ports.provider import Provider
from gateway.core.upstream import calls
from tests.adapters.getatext.scripted import ScriptedServer, Send, http
from tests.adapters.getatext.tables import NEW_YORK, NOW
from tests.adapters.getatext.test_account import ROW as PRICE_ROW
from tests.adapters.getatext.test_account import WHATSAPP
from tests.adapters.getatext.test_long_rentals import LONG, MESSAGE, TEXT
from tests.adapters.getatext.test_long_rentals import ROW as LONG_ROW
from tests.adapters.getatext.test_rentals import (
    ACTIVE,
    CANCELLED,
    COMPLETED,
    DONE,
    FRESH,
    GONE,
    RENTED,
    STATUS,
)

KEY = "sk_live_5ecret"
Told = list[tuple[str, str]]


@pytest.fixture
async def client(getatext: ScriptedServer) -> AsyncIterator[Client]:
    async with Client(getatext.url) as client:
        yield client


@pytest.fixture
def told() -> Told:
    """The calls and outcomes that the observer was told of."""
    return []


@pytest.fixture
def provider(client: Client, told: Told) -> Provider:
    class Observer(NoObserver):
        def upstream_called(self, call: str, outcome: str, seconds: float) -> None:
            assert seconds >= 0
            told.append((call, outcome))

    return accounts(client, now=lambda: NOW, zone=NEW_YORK, observer=Observer())(KEY)


def ok(body: bytes, status: int = 200) -> Send:
    return http(status, body, "Content-Type: application/json")


def dumped(**fields: object) -> bytes:
    return json.dumps(fields).encode()


def asked(server: ScriptedServer) -> tuple[str, str, Any]:
    """The one call that was asked: method, path below the API, body."""
    (only,) = server.asked
    assert only.headers["auth"] == KEY
    body = json.loads(only.body) if only.body else None
    return only.method, only.target.removeprefix("/api/v1/"), body


async def test_prices_are_listed(provider: Provider, getatext: ScriptedServer) -> None:
    getatext.script.append(ok(dumped(prices=[PRICE_ROW])))

    assert await provider.call(calls.PRICES, Nothing()) == [WHATSAPP]
    assert asked(getatext) == ("GET", "prices-info", None)


async def test_skipped_rows_are_counted_in_the_log(
    provider: Provider, getatext: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    getatext.script.append(ok(dumped(prices=[PRICE_ROW, 7])))
    with caplog.at_level(logging.WARNING):
        await provider.call(calls.PRICES, Nothing())

    assert caplog.messages == ["prices-info: 1 rows skipped"]


async def test_the_balance_is_read(provider: Provider, getatext: ScriptedServer) -> None:
    getatext.script.append(ok(dumped(balance="10.55")))

    assert await provider.call(calls.BALANCE, Nothing()) == Balance(balance=Decimal("10.55"))
    assert asked(getatext) == ("GET", "balance", None)


async def test_a_number_is_rented(provider: Provider, getatext: ScriptedServer) -> None:
    getatext.script.append(ok(RENTED, 201))

    assert await provider.call(rentals.RENT, RentNumber(service_code="whatsapp")) == FRESH
    assert asked(getatext) == ("POST", "rent-a-number", {"service": "whatsapp"})


async def test_a_certain_number_is_rented(provider: Provider, getatext: ScriptedServer) -> None:
    getatext.script.append(ok(RENTED, 201))
    wanted = RentNumber(
        service_code="whatsapp", number="+14104287665", max_price=Decimal("0.70"), carrier="any"
    )

    assert await provider.call(rentals.RENT_SPECIFIC, wanted) == FRESH
    body = {"number": "4104287665", "service": "whatsapp", "max_price": 0.7}
    assert asked(getatext) == ("POST", "rent-specific-number", body)


@pytest.mark.parametrize(
    ("wanted", "body"),
    [
        ({"max_price": "0.55"}, b'{"service":"x","max_price":0.55}'),
        ({"max_price": "9999.9999"}, b'{"service":"x","max_price":9999.9999}'),
        ({"max_price": 3}, b'{"service":"x","max_price":3.0}'),
        ({"carrier": "any"}, b'{"service":"x"}'),
        ({"carrier": "at&t"}, b'{"service":"x","carrier":"at&t"}'),
        ({"area_codes": " 212 , 646"}, b'{"service":"x","area_codes":"212,646"}'),
        (
            {"carrier": "tmobile", "keep_carrier": True},
            b'{"service":"x","carrier":"tmobile","keep_carrier":true}',
        ),
        (
            {"area_codes": "212", "lock_area_code": True},
            b'{"service":"x","area_codes":"212","lock_area_code":true}',
        ),
        ({"number": "14104287665"}, b'{"number":"4104287665","service":"x"}'),
    ],
    ids=str,
)
def test_a_rent_says_only_what_was_asked_for(wanted: dict[str, Any], body: bytes) -> None:
    assert rent_body(RentNumber.model_validate({"service_code": "x"} | wanted)) == body


async def test_a_number_is_rented_again(provider: Provider, getatext: ScriptedServer) -> None:
    getatext.script.append(ok(RENTED, 201))
    rental = await provider.call(rentals.RENT_AGAIN_CALL, RentAgain(rental_id=12344))

    assert rental == FRESH.model_copy(update={"service_code": None})
    assert asked(getatext) == ("POST", "re-rent", {"rental_id": 12344})


async def test_a_rental_is_read(provider: Provider, getatext: ScriptedServer) -> None:
    getatext.script.append(ok(STATUS))

    assert await provider.call(calls.RENTAL_STATUS, 12345) == ACTIVE
    assert asked(getatext) == ("POST", "rental-status", {"id": 12345})


async def test_a_rental_is_cancelled(provider: Provider, getatext: ScriptedServer) -> None:
    getatext.script.append(ok(CANCELLED))

    assert await provider.call(calls.CANCEL, OneRental(rental_id=12345)) == GONE
    assert asked(getatext) == ("POST", "cancel-rental", {"id": 12345})


async def test_a_rental_is_completed(provider: Provider, getatext: ScriptedServer) -> None:
    getatext.script.append(ok(COMPLETED))

    assert await provider.call(ending.COMPLETE, OneRental(rental_id=12345)) == DONE
    assert asked(getatext) == ("POST", "rental-status/12345/completed", None)


async def test_premium_accounts_use_other_names(client: Client, getatext: ScriptedServer) -> None:
    connect = accounts(client, now=lambda: NOW, zone=NEW_YORK, premium=True)
    getatext.script += [ok(RENTED, 201), ok(STATUS), ok(CANCELLED), ok(COMPLETED)]
    await connect(KEY).call(rentals.RENT, RentNumber(service_code="whatsapp"))
    await connect(KEY).call(calls.RENTAL_STATUS, 12345)
    await connect(KEY).call(calls.CANCEL, OneRental(rental_id=12345))
    await connect(KEY).call(ending.COMPLETE, OneRental(rental_id=12345))

    assert [one.target.removeprefix("/api/v1/") for one in getatext.asked] == [
        "rent-a-number-premium",
        "rental-status-premium",
        "cancel-rental-premium",
        "rental-status/12345/completed",
    ]


async def test_long_rentals_are_listed(provider: Provider, getatext: ScriptedServer) -> None:
    getatext.script.append(ok(dumped(long_rentals=[LONG_ROW])))

    assert await provider.call(long_rentals.LONG_RENTALS, Nothing()) == [LONG]
    assert asked(getatext) == ("GET", "long-rentals", None)


async def test_a_number_is_rented_for_long(provider: Provider, getatext: ScriptedServer) -> None:
    getatext.script.append(ok(dumped(long_rental=LONG_ROW)))
    wanted = CreateLongRental(period=Period.ONE_WEEK, auto_renew=True)

    assert await provider.call(long_rentals.CREATE, wanted) == LONG
    assert asked(getatext) == ("POST", "long-rentals", {"auto_renew": True, "rental_time": "1w"})


async def test_a_long_rental_is_renewed(provider: Provider, getatext: ScriptedServer) -> None:
    getatext.script.append(ok(dumped(long_rental=LONG_ROW)))

    assert await provider.call(long_rentals.RENEW, RenewLongRental(long_rental_id=1)) == LONG
    assert asked(getatext) == ("POST", "long-rentals/1/update", {"action": "renew"})


async def test_a_long_rental_is_cancelled(provider: Provider, getatext: ScriptedServer) -> None:
    getatext.script.append(ok(dumped(status="success")))
    rental = await provider.call(long_rentals.CANCEL, OneLongRental(long_rental_id=1))

    assert (rental.id, rental.status) == (1, LongRentalStatus.CANCELLED)
    assert asked(getatext) == ("POST", "long-rentals/1/update", {"action": "cancel"})


@pytest.mark.parametrize("wanted", [True, False])
async def test_the_automatic_renewal_is_set(
    provider: Provider, getatext: ScriptedServer, wanted: bool
) -> None:
    getatext.script.append(ok(dumped(status="success")))
    rental = await provider.call(
        long_rentals.AUTO_RENEW, SetAutoRenew(long_rental_id=1, auto_renew=wanted)
    )

    assert (rental.id, rental.auto_renew) == (1, wanted)
    body = {"action": "auto_renew", "auto_renew": wanted}
    assert asked(getatext) == ("POST", "long-rentals/1/update", body)


async def test_the_automatic_renewal_is_what_the_provider_says(
    provider: Provider, getatext: ScriptedServer
) -> None:
    getatext.script.append(ok(dumped(long_rental=LONG_ROW)))

    assert (
        await provider.call(
            long_rentals.AUTO_RENEW, SetAutoRenew(long_rental_id=1, auto_renew=False)
        )
        == LONG
    )


async def test_messages_are_listed(provider: Provider, getatext: ScriptedServer) -> None:
    getatext.script.append(ok(dumped(messages=[TEXT])))

    assert await provider.call(long_rentals.MESSAGES, OneLongRental(long_rental_id=1)) == [MESSAGE]
    assert asked(getatext) == ("GET", "long-rentals/1/messages", None)


async def test_every_call_is_told_with_its_outcome(
    provider: Provider, getatext: ScriptedServer, told: Told
) -> None:
    getatext.script += [ok(STATUS), http(404), ok(b"<html>")]
    await provider.call(calls.RENTAL_STATUS, 12345)
    with pytest.raises(RentalNotFound):
        await provider.call(calls.CANCEL, OneRental(rental_id=12345))
    with pytest.raises(UpstreamBadResponse):
        await provider.call(calls.BALANCE, Nothing())

    assert told == [
        ("rental-status", "ok"),
        ("cancel-rental", "rental_not_found"),
        ("balance", "upstream_bad_response"),
    ]


async def test_a_call_that_was_given_up_is_told_too(
    provider: Provider, getatext: ScriptedServer, told: Told
) -> None:
    asking = asyncio.ensure_future(provider.call(calls.RENTAL_STATUS, 12345))
    await getatext.somebody_asked.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking

    assert told == [("rental-status", "aborted")]


@pytest.mark.parametrize(
    ("send", "expected"),
    [
        (http(502, b"<html>Bad Gateway</html>"), OutcomeUnknown),
        (http(201, RENTED[:-9]), OutcomeUnknown),
        (http(302, b"", "Location: /"), OutcomeUnknown),
        (http(201, RENTED, "Content-Encoding: gzip"), OutcomeUnknown),
        (Send(drop=True), OutcomeUnknown),
        (http(400, b'{"errors": "insufficient funds"}'), InsufficientFunds),
    ],
    ids=["502", "cut", "a redirect", "encoded", "dropped", "refused"],
)
async def test_a_purchase_is_asked_once_whatever_comes(
    provider: Provider, getatext: ScriptedServer, send: Send, expected: type[GatewayError]
) -> None:
    getatext.script.append(send)
    with pytest.raises(GatewayError) as raised:
        await provider.call(rentals.RENT, RentNumber(service_code="whatsapp"))

    assert type(raised.value) is expected
    assert len(getatext.asked) == 1


async def test_an_error_never_tells_the_key(provider: Provider, getatext: ScriptedServer) -> None:
    getatext.script.append(http(400, dumped(errors=f"Nobody has {KEY}")))
    with pytest.raises(UpstreamRefused) as raised:
        await provider.call(calls.RENTAL_STATUS, 12345)

    assert raised.value.upstream is not None
    assert raised.value.upstream.message == "Nobody has [key]"


@pytest.mark.parametrize("key", ["", " ", "sk\r\nX: 1", "schlüssel", "a\x00"], ids=repr)
async def test_a_key_that_fits_no_header_is_not_sent(
    client: Client, getatext: ScriptedServer, key: str
) -> None:
    connect = accounts(client, now=lambda: NOW, zone=NEW_YORK)
    with pytest.raises(UpstreamAuthFailed):
        await connect(key).call(calls.BALANCE, Nothing())

    assert getatext.asked == []


async def test_the_clock_is_read_when_the_answer_is_there(
    client: Client, getatext: ScriptedServer
) -> None:
    later = NOW + timedelta(seconds=9)
    getatext.script.append(ok(RENTED, 201))
    connect = accounts(client, now=lambda: later if getatext.asked else NOW, zone=NEW_YORK)
    rental = await connect(KEY).call(rentals.RENT, RentNumber(service_code="whatsapp"))

    assert rental.created_at == later
    assert rental.status is RentalStatus.ACTIVE
