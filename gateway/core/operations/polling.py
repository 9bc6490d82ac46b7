"""Looking at a rental as often as one likes, for tools that ask every second."""

import asyncio
from contextlib import suppress
from dataclasses import replace

from gateway.core.model.errors import RateLimited
from gateway.core.model.provider_errors import UpstreamFault
from gateway.core.model.rentals import OVER, OneRental, Rental
from gateway.core.operations.context import Desk
from gateway.core.operations.rentals import GET_RENTAL
from gateway.core.upstream.calls import Priority

_FIRST_LOOK = 1.0  # seconds that the first one to ask in a while waits for fresh news


async def _glance(desk: Desk, asked: OneRental) -> Rental:
    helpers, rental_id = desk.helpers, asked.rental_id
    known = await helpers.records.known(desk.caller.account.id, rental_id)
    if known is None:
        return await helpers.reads.status(desk, rental_id, Priority.WAITED_FOR)
    if known.status in OVER or helpers.watcher.keep_looking(desk, known):
        return known
    with suppress(TimeoutError, UpstreamFault, RateLimited):
        async with asyncio.timeout(_FIRST_LOOK):
            return await helpers.reads.status(desk, rental_id, Priority.WAITED_FOR)
    return known


GLANCE = replace(GET_RENTAL, run=_glance)
"""get_rental from what is known, while the watcher keeps it fresh for whoever goes on asking.

In upstream trouble the rental stays as it was known last. No face of its own offers it.
"""
