"""The sandbox as the core's Provider."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import date, datetime
from typing import Any, TypeVar, cast

from adapters.sandbox import long_rentals, rentals
from adapters.sandbox.catalogue import BALANCE, LOST_ANSWER, SERVICES
from gateway.core.model.account import Balance, Nothing
from gateway.core.model.callers import TEST_ACCOUNT_ID
from gateway.core.model.errors import LongRentalNotFound, OutcomeUnknown, RentalNotFound
from gateway.core.model.long_rentals import (
    CreateLongRental,
    LongRental,
    Message,
    OneLongRental,
    RenewLongRental,
    SetAutoRenew,
)
from gateway.core.model.prices import Price
from gateway.core.model.purchases import View
from gateway.core.model.rentals import OneRental, RentAgain, Rental, RentNumber
from gateway.core.model.upstream_call import AnyCall, UpstreamCall
from gateway.core.operations import ending
from gateway.core.operations import long_rentals as long_calls
from gateway.core.operations import rentals as calls
from gateway.core.ports.ledger import Ledger
from gateway.core.upstream.calls import BALANCE as BALANCE_CALL
from gateway.core.upstream.calls import CANCEL, PRICES, RENTAL_STATUS

In = TypeVar("In")
Out = TypeVar("Out")

NextId = Callable[[], Awaitable[int]]
"""Gives an id that no purchase of any node has. Raises LedgerUnavailable."""
_ALL = View(TEST_ACCOUNT_ID)


class Sandbox:
    """The Provider of all test keys of a database."""

    def __init__(self, ledger: Ledger, next_id: NextId, now: Callable[[], datetime]) -> None:
        """`ledger`: what it knows; it keeps nothing itself."""
        self._ledger = ledger
        self._next_id = next_id
        self._now = now
        self._answers: Mapping[AnyCall, Callable[[Any], Awaitable[object]]] = {
            PRICES: self._prices,
            BALANCE_CALL: self._balance,
            calls.RENT: self._rent,
            calls.RENT_SPECIFIC: self._rent,
            calls.RENT_AGAIN_CALL: self._rent_again,
            RENTAL_STATUS: self._status,
            CANCEL: self._cancel,
            ending.COMPLETE: self._complete,
            long_calls.LONG_RENTALS: self._long_rentals,
            long_calls.CREATE: self._create,
            long_calls.RENEW: self._renew,
            long_calls.CANCEL: self._cancel_long,
            long_calls.AUTO_RENEW: self._switch,
            long_calls.MESSAGES: self._messages,
        }

    async def call(self, call: UpstreamCall[In, Out], asked: In) -> Out:
        """Answer one call. Raises GatewayError: refusals, and LedgerUnavailable."""
        return cast(Out, await self._answers[call](asked))

    async def _prices(self, asked: Nothing) -> list[Price]:
        return list(SERVICES.values())

    async def _balance(self, asked: Nothing) -> Balance:
        return Balance(balance=BALANCE)

    async def _rent(self, asked: RentNumber) -> Rental:
        price = rentals.check_sold(asked)
        if asked.service_code == LOST_ANSWER:
            raise OutcomeUnknown
        return rentals.sold(await self._next_id(), asked, price, self._now())

    async def _rent_again(self, asked: RentAgain) -> Rental:
        return await self._rent(rentals.same(await self._rental(asked.rental_id)))

    async def _status(self, rental_id: int) -> Rental:
        return rentals.stands(await self._rental(rental_id), self._now())

    async def _cancel(self, asked: OneRental) -> Rental:
        return rentals.cancelled(await self._rental(asked.rental_id), self._now())

    async def _complete(self, asked: OneRental) -> Rental:
        return rentals.completed(await self._rental(asked.rental_id), self._now())

    async def _long_rentals(self, asked: Nothing) -> list[LongRental]:
        held = await self._ledger.all_rentals(_ALL, "long_rental")
        return [long_rentals.stands(cast(LongRental, each), self._today) for each in held]

    async def _create(self, asked: CreateLongRental) -> LongRental:
        return long_rentals.sold(await self._next_id(), asked, self._today)

    async def _renew(self, asked: RenewLongRental) -> LongRental:
        return long_rentals.renewed(await self._long_rental(asked), self._today)

    async def _cancel_long(self, asked: OneLongRental) -> LongRental:
        return long_rentals.cancelled(await self._long_rental(asked), self._today)

    async def _switch(self, asked: SetAutoRenew) -> LongRental:
        held = await self._long_rental(asked)
        return long_rentals.switched(held, self._today, auto_renew=asked.auto_renew)

    async def _messages(self, asked: OneLongRental) -> list[Message]:
        return long_rentals.messages(await self._long_rental(asked))

    @property
    def _today(self) -> date:
        return self._now().date()

    async def _rental(self, rental_id: int) -> Rental:
        """The ledger's row of a rental. Raises RentalNotFound."""
        held = await self._ledger.find(_ALL, "rental", rental_id)
        if not isinstance(held, Rental):
            raise RentalNotFound
        return held

    async def _long_rental(self, asked: OneLongRental) -> LongRental:
        held = await self._ledger.find(_ALL, "long_rental", asked.long_rental_id)
        if not isinstance(held, LongRental):
            raise LongRentalNotFound
        return held
