"""Getatext as the core's Provider: one account, one method per call."""

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, tzinfo
from time import perf_counter
from typing import TypeVar

from adapters.getatext import calls
from adapters.getatext.account import read_balance, read_prices
from adapters.getatext.calls import Call
from adapters.getatext.client import Client
from adapters.getatext.long_rentals import (
    read_changed,
    read_long_rentals,
    read_messages,
    read_new_long_rental,
)
from adapters.getatext.rentals import read_cancelled, read_completed, read_new_rental, read_rental
from adapters.getatext.reply import Fields, Reply, read_answer
from adapters.getatext.rows import Rows
from adapters.getatext.unchanged import Unchanged
from gateway.core.model.account import Balance
from gateway.core.model.errors import GatewayError
from gateway.core.model.long_rentals import CreateLongRental, LongRental, LongRentalStatus, Message
from gateway.core.model.prices import Price
from gateway.core.model.provider_errors import UpstreamAuthFailed, UpstreamBadResponse
from gateway.core.model.rentals import Rental, RentNumber
from gateway.core.ports.provider import Connect

T = TypeVar("T")
OnCall = Callable[[str, str, float], None]
"""Told the name of a call, its outcome ("ok" or an error's code) and its seconds."""

_LOG = logging.getLogger(__name__)


def _nobody(_call: str, _outcome: str, _seconds: float) -> None:
    """Nobody is told."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What every account shares: the client, the clock, the zone of naive times, the tier."""

    client: Client
    now: Callable[[], datetime]
    zone: tzinfo
    on_call: OnCall = _nobody
    rent: Call = calls.RENT
    status: Call = calls.STATUS
    cancel: Call = calls.CANCEL
    unchanged: Unchanged[Rental] = field(default_factory=Unchanged)


def accounts(
    client: Client,
    *,
    now: Callable[[], datetime],
    zone: tzinfo,
    premium: bool = False,
    on_call: OnCall = _nobody,
) -> Connect:
    """How to get the provider for a key; costs nothing per key. `premium` takes other names."""
    terms = Terms(client, now, zone, on_call)
    if premium:
        terms = replace(
            terms,
            rent=calls.premium(calls.RENT),
            status=calls.premium(calls.STATUS),
            cancel=calls.premium(calls.CANCEL),
        )
    return lambda key: Getatext(key, terms)


class Getatext:
    """The account of one key. Every method is one call, made once."""

    __slots__ = ("_key", "_terms")

    def __init__(self, key: str, terms: Terms) -> None:
        self._key = key
        self._terms = terms

    async def list_prices(self) -> list[Price]:
        """The whole price list."""
        return self._all(calls.PRICES, await self._ask(calls.PRICES, read_prices))

    async def get_balance(self) -> Balance:
        """What the account holds."""
        return await self._ask(calls.BALANCE, read_balance)

    async def rent_number(self, asked: RentNumber) -> Rental:
        """Buy a number, or just the number that is asked for."""
        call = self._terms.rent if asked.number is None else calls.RENT_SPECIFIC
        return await self._buy(call, rent_body(asked), asked.service_code)

    async def rent_again(self, rental_id: int) -> Rental:
        """Buy the number of an earlier rental once more; the answer does not name the service."""
        return await self._buy(calls.RENT_AGAIN, b'{"rental_id":%d}' % rental_id, None)

    async def get_rental(self, rental_id: int) -> Rental:
        """Read a rental."""
        terms = self._terms

        def read(reply: Reply) -> Rental:
            return read_answer(
                reply, terms.status, lambda fields: read_rental(fields, rental_id, terms.zone)
            )

        return await self._call(
            terms.status,
            lambda reply: terms.unchanged.read(rental_id, reply, read),
            b'{"id":%d}' % rental_id,
        )

    async def cancel_rental(self, rental_id: int) -> Rental:
        """Give a number back."""
        return await self._ask(
            self._terms.cancel,
            lambda fields: read_cancelled(fields, rental_id, self._terms.zone),
            b'{"id":%d}' % rental_id,
        )

    async def complete_rental(self, rental_id: int) -> Rental:
        """Mark a rental as done."""
        return await self._ask(
            calls.COMPLETE,
            lambda fields: read_completed(fields, rental_id, self._terms.zone),
            about=rental_id,
        )

    async def list_long_rentals(self) -> list[LongRental]:
        """Every long rental of the account."""
        return self._all(calls.LONG_LIST, await self._ask(calls.LONG_LIST, read_long_rentals))

    async def create_long_rental(self, asked: CreateLongRental) -> LongRental:
        """Buy a number for long."""
        return await self._ask(
            calls.LONG_RENT,
            lambda fields: read_new_long_rental(fields, asked),
            _json({"auto_renew": asked.auto_renew, "rental_time": asked.period.value}),
        )

    async def renew_long_rental(self, long_rental_id: int) -> LongRental:
        """Pay for another period."""
        return await self._update(
            calls.LONG_RENEW, long_rental_id, {"action": "renew"}, LongRentalStatus.ACTIVE
        )

    async def cancel_long_rental(self, long_rental_id: int) -> LongRental:
        """Give the number of a long rental back."""
        return await self._update(
            calls.LONG_CANCEL, long_rental_id, {"action": "cancel"}, LongRentalStatus.CANCELLED
        )

    async def set_auto_renew(self, long_rental_id: int, auto_renew: bool) -> LongRental:
        """Switch the automatic renewal; an answer that does not tell the switch has set it."""
        rental = await self._update(
            calls.LONG_AUTO_RENEW,
            long_rental_id,
            {"action": "auto_renew", "auto_renew": auto_renew},
            LongRentalStatus.UNKNOWN,
        )
        if rental.auto_renew is not None:
            return rental
        return rental.model_copy(update={"auto_renew": auto_renew})

    async def list_messages(self, long_rental_id: int) -> list[Message]:
        """The messages of a long rental."""
        rows = await self._ask(
            calls.MESSAGES,
            lambda fields: read_messages(fields, self._terms.zone),
            about=long_rental_id,
        )
        return self._all(calls.MESSAGES, rows)

    async def _buy(self, call: Call, body: bytes, service_code: str | None) -> Rental:
        terms = self._terms
        return await self._ask(
            call,
            lambda fields: read_new_rental(
                fields, service_code=service_code, now=terms.now(), zone=terms.zone
            ),
            body,
        )

    async def _update(
        self, call: Call, about: int, body: dict[str, object], plain: LongRentalStatus
    ) -> LongRental:
        return await self._ask(
            call, lambda fields: read_changed(fields, about, plain), _json(body), about
        )

    async def _ask(
        self,
        call: Call,
        read: Callable[[Fields], T],
        body: bytes | None = None,
        about: int | None = None,
    ) -> T:
        """Make one call and read the fields of its answer."""
        return await self._call(call, lambda reply: read_answer(reply, call, read), body, about)

    async def _call(
        self,
        call: Call,
        read: Callable[[Reply], T],
        body: bytes | None = None,
        about: int | None = None,
    ) -> T:
        """Make one call and read its answer. No error tells the key, even if the provider does."""
        started, outcome = perf_counter(), "aborted"
        try:
            if not _sendable(self._key):
                raise UpstreamAuthFailed()
            answer = read(await self._terms.client.send(call, self._key, body, about))
            outcome = "ok"
            return answer
        except GatewayError as error:
            outcome = error.code
            if isinstance(error, UpstreamBadResponse):
                self._terms.client.distrust(self._key)
            if error.upstream is not None:
                words = error.upstream.message.replace(self._key, "[key]")
                error.upstream = replace(error.upstream, message=words)
            raise
        finally:
            self._terms.on_call(call.name, outcome, perf_counter() - started)

    def _all(self, call: Call, rows: Rows[T]) -> list[T]:
        if rows.skipped:
            _LOG.warning("%s: %d rows skipped", call.name, rows.skipped)
        return rows.values


def rent_body(asked: RentNumber) -> bytes:
    """What a rent sends: only what was asked for. The number has ten digits (page)."""
    body: dict[str, object] = {"service": asked.service_code}
    if asked.max_price is not None:
        body["max_price"] = float(asked.max_price)
    if asked.number is not None:
        return _json({"number": asked.number[-10:], **body})
    if asked.carrier != "any":
        body["carrier"] = asked.carrier
    if asked.area_codes is not None:
        body["area_codes"] = asked.area_codes.replace(" ", "")
    for name in ("keep_carrier", "lock_area_code"):
        if getattr(asked, name):
            body[name] = True
    return _json(body)


def _json(body: dict[str, object]) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode()


def _sendable(key: str) -> bool:
    """Whether a key can stand in a header; another cannot be the provider's."""
    return key.isascii() and key.isprintable() and bool(key.strip())
