"""get_rental for tools that ask every second: answered from what is known."""

import asyncio
from contextlib import suppress
from dataclasses import replace

from gateway.core.model.errors import RateLimited
from gateway.core.model.provider_errors import UpstreamFault
from gateway.core.model.rentals import OVER, OneRental, Rental
from gateway.core.model.upstream_call import Priority
from gateway.core.operations.context import Context
from gateway.core.operations.rentals import GET_RENTAL

_FIRST_LOOK = 1.0  # seconds that the first one to ask in a while waits for fresh news


async def _poll_rental(context: Context, asked: OneRental) -> Rental:
    services, upstream, rental_id = context.services, context.upstream, asked.rental_id
    known = await services.repository.known(upstream.account_id, rental_id)
    if known is None:
        return await services.status_reads.status(upstream, rental_id, Priority.WAITED_FOR)
    if known.status in OVER or services.poller.keep_polling(upstream, known):
        return known
    with suppress(TimeoutError, UpstreamFault, RateLimited):
        async with asyncio.timeout(_FIRST_LOOK):
            return await services.status_reads.status(upstream, rental_id, Priority.WAITED_FOR)
    return known


POLL_RENTAL = replace(GET_RENTAL, run=_poll_rental)
"""get_rental from what is known, which the poller keeps fresh for whoever goes on asking.

In upstream trouble the rental stays as it was known last. No face of its own offers it.
"""
