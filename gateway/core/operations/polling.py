"""Variants of reading operations that answer from what is stored."""

import asyncio
from contextlib import suppress
from dataclasses import replace

from gateway.core.model.errors import RateLimited, RentalNotFound, ServiceNotFound
from gateway.core.model.prices import ListPrices, PricePage
from gateway.core.model.provider_errors import UpstreamFault
from gateway.core.model.rentals import OVER, OneRental, Rental
from gateway.core.model.upstream_call import Priority
from gateway.core.operations.context import Context
from gateway.core.operations.prices import LIST_PRICES
from gateway.core.operations.rentals import GET_RENTAL

_FIRST_WAIT = 1.0  # seconds that the first poll in a while waits for a fresh status


async def _poll_rental(context: Context, asked: OneRental) -> Rental:
    services, upstream, rental_id = context.services, context.upstream, asked.rental_id
    known = await services.repository.known(upstream.account_id, rental_id)
    if known is None:
        return await services.status_reads.status(upstream, rental_id, Priority.WAITED_FOR)
    if known.status in OVER or services.poller.keep_polling(upstream, known):
        return known
    with suppress(TimeoutError, UpstreamFault, RateLimited):
        async with asyncio.timeout(_FIRST_WAIT):
            return await services.status_reads.status(upstream, rental_id, Priority.WAITED_FOR)
    return known


def _polled_rental(context: Context, asked: OneRental) -> Rental | None:
    services, upstream = context.services, context.upstream
    known = services.repository.at_hand(upstream.account_id, asked.rental_id)
    if known is None or known.status in OVER:
        return known
    return known if services.poller.keep_polling(upstream, known, begin=False) else None


POLL_RENTAL = replace(GET_RENTAL, run=_poll_rental, at_once=_polled_rental)
"""get_rental from the stored state, which the poller refreshes while the client keeps polling.

While the provider fails, the last known state is returned. Used by the drop-in faces only.
"""


async def _known_rental(context: Context, asked: OneRental) -> Rental:
    known = await context.services.repository.known(context.upstream.account_id, asked.rental_id)
    if known is None:
        raise RentalNotFound
    return known


async def _known_prices(context: Context, asked: ListPrices) -> PricePage:
    known = context.services.price_cache.known_page(context.upstream.account_id, asked)
    if known is None:
        raise ServiceNotFound
    return known


KNOWN_RENTAL = replace(GET_RENTAL, run=_known_rental, at_once=None)
"""get_rental as it is known here; makes no call to the provider."""
KNOWN_PRICES = replace(LIST_PRICES, run=_known_prices, at_once=None)
"""list_prices as they are known here, of any age; makes no call to the provider."""
