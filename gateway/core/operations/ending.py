"""How the operations end a rental: cancelling it, now or once it may be, and completing it.

Makes no operations: these are in `rentals`.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import cast

from gateway.core.model.errors import GatewayError, LedgerUnavailable, RateLimited
from gateway.core.model.provider_errors import (
    CancelTooEarly,
    CodeAlreadyReceived,
    RentalEnded,
    UpstreamFault,
    UpstreamRefused,
)
from gateway.core.model.purchases import View
from gateway.core.model.rentals import OVER, CancelReason, OneRental, Rental, RentalStatus
from gateway.core.model.upstream_call import Effect, UpstreamCall
from gateway.core.operations.context import Context
from gateway.core.rentals.cancelling import Standing, Tried

COMPLETE: UpstreamCall[OneRental, Rental] = UpstreamCall("complete", Effect.CHANGE)

_GOES_ON = "The gateway cancels it as soon as that is possible, unless a code comes before."
_KEY_NEEDED = "After a restart of the gateway that goes on once this key is used again."
_KEPT = "The rental is cancelled once the provider accepts the key again."
_NO_WISH = (
    "The gateway's ledger is not available: the rental may not be cancelled, and the gateway does "
    "not cancel it later by itself."
)


async def cancel_rental(context: Context, asked: OneRental) -> Rental:
    """Cancel it now, or leave a wish in the ledger, which is written before the call is sent."""
    services, upstream, rental_id = context.services, context.upstream, asked.rental_id
    known = await services.repository.known(upstream.account_id, rental_id)
    if known is None and not services.repository.ledger_away:
        known = await services.status_reads.status(upstream, rental_id)  # a wish is of a known one
    if known is not None and known.status is RentalStatus.CANCELLED:
        return known
    if known is not None and known.code is not None:
        raise CodeAlreadyReceived
    try:
        wish = await services.cancelling.want(upstream.account_id, rental_id)
        if wish is None:  # it has ended or has a code, perhaps in this moment
            return await _end_known(context, asked) or await cancel_at_once(context, asked)
    except LedgerUnavailable:
        return await _cancel_without_wish(context, asked)
    if not (wish.claimed or services.cancelling.calls.running(upstream.account_id, rental_id)):
        return _standing(context, services.cancelling.last_try(upstream.account_id, wish.rental))
    return await _told(context, asked, await services.cancelling.carry_out(upstream, wish))


async def _end_known(context: Context, asked: OneRental) -> Rental | None:
    """The rental as the ledger has it, where that is cancelled."""
    view = View(context.upstream.account_id)
    found = await context.services.ledger.find(view, "rental", asked.rental_id)
    cancelled = isinstance(found, Rental) and found.status is RentalStatus.CANCELLED
    return cast(Rental, found) if cancelled else None


async def _told(context: Context, asked: OneRental, tried: Tried) -> Rental:
    """What the caller is told of a try; where that is a refusal, its wish does not stand."""
    rental, refusal = tried.rental, tried.refusal
    said = None if refusal is None else refusal.upstream
    if rental.status is RentalStatus.CANCELLED:
        return rental
    if rental.code is not None:
        raise CodeAlreadyReceived(upstream=said) from refusal
    if rental.status in OVER:
        raise RentalEnded(upstream=said) from refusal
    if tried.standing is Standing.KEY_REFUSED and refusal is not None:
        raise type(refusal)(upstream=said, advice=_KEPT) from refusal
    if refusal is not None:
        await context.services.cancelling.drop(
            context.upstream.account_id, asked.rental_id, CancelReason.ASKED
        )
        raise refusal
    return _standing(context, tried)


def _standing(context: Context, tried: Tried) -> Rental:
    words = [tried.standing.value, _GOES_ON]
    if context.caller.pass_through:
        words.append(_KEY_NEEDED)
    return tried.rental.model_copy(update={"notice": " ".join(words)})


async def _cancel_without_wish(context: Context, asked: OneRental) -> Rental:
    """Try once, since nothing can be written; that it is not cancelled later is an error."""
    try:
        rental = await cancel_at_once(context, asked)
    except (CancelTooEarly, UpstreamFault, RateLimited) as fault:
        raise LedgerUnavailable(_NO_WISH, upstream=fault.upstream) from fault
    if rental.status is not RentalStatus.CANCELLED:
        raise LedgerUnavailable(_NO_WISH)
    return rental


async def cancel_at_once(context: Context, asked: OneRental) -> Rental:
    """Cancel it now or not at all."""
    cancel = partial(context.services.cancelling.calls.cancel, context.upstream, asked.rental_id)
    return await _end(context, asked, RentalStatus.CANCELLED, cancel)


async def complete_rental(context: Context, asked: OneRental) -> Rental:
    """Complete it, which also ends a wish to cancel it."""
    return await _end(context, asked, RentalStatus.COMPLETED, partial(_complete, context, asked))


async def finish_rental(context: Context, asked: OneRental) -> Rental:
    """Complete it where it has a code. Where none has come, cancel it, now or once it may be."""
    account_id, services = context.upstream.account_id, context.services
    known = await services.repository.known(account_id, asked.rental_id)
    if known is None or (known.code is None and known.status not in OVER):
        services.status_reads.forget(account_id, asked.rental_id)
        known = await services.status_reads.status(context.upstream, asked.rental_id)
    if known.code is None and known.status is not RentalStatus.COMPLETED:
        with suppress(CodeAlreadyReceived):  # it has come in this moment
            return await cancel_rental(context, asked)
    return await complete_rental(context, asked)


async def _complete(context: Context, asked: OneRental) -> Rental:
    """Make the call; cached status reads of the rental are dropped, also if it fails."""
    try:
        return await context.upstream.ask(COMPLETE, asked)
    finally:
        context.services.status_reads.forget(context.upstream.account_id, asked.rental_id)


async def _end(
    context: Context, asked: OneRental, end: RentalStatus, ask: Callable[[], Awaitable[Rental]]
) -> Rental:
    """End a rental by a call; one that has ended so before is returned as it is.

    That is known here, or seen by a status read after a refusal: the answer of an earlier call may
    have been lost. No call is made where it is known.
    """
    account_id = context.upstream.account_id
    known = await context.services.repository.known(account_id, asked.rental_id)
    if known is not None and known.status is end:
        return known
    try:
        return await ask()
    except (RentalEnded, UpstreamRefused) as refusal:  # the second: in words nobody has seen
        rental = await _status_after(context, asked, refusal)
        if rental.status is end:
            return rental
        if end is RentalStatus.CANCELLED and rental.code is not None:
            raise CodeAlreadyReceived(upstream=refusal.upstream) from refusal
        raise


async def _status_after(context: Context, asked: OneRental, refusal: GatewayError) -> Rental:
    """The rental after the refusal of a change.

    Raises the refusal where the provider does not tell; what may be repeated is raised itself.
    """
    try:
        return await context.services.status_reads.status(context.upstream, asked.rental_id)
    except GatewayError as fault:
        if fault.retryable:
            raise
        raise refusal from fault
