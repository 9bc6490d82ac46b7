"""Waiting for a rental's code, and provisional codes known only from a webhook."""

import asyncio

from gateway.core.codes.poll_schedule import PollTarget
from gateway.core.codes.poller import CodePoller
from gateway.core.model.codes import Code, CodeStatus, code_of, same_code
from gateway.core.model.errors import GatewayError, LedgerUnavailable
from gateway.core.model.rentals import OVER, ReceivedCode, Rental
from gateway.core.model.upstream_call import Priority
from gateway.core.ports.storage import Inbox, ProvisionalCode
from gateway.core.rentals.notifier import Notifier
from gateway.core.rentals.repository import RentalRepository
from gateway.core.rentals.status_reads import StatusReads
from gateway.core.upstream.account import AccountUpstream


class CodeWaiter:
    """Waits for news of a rental from the poller, a webhook or another node."""

    def __init__(
        self,
        poller: CodePoller,
        status_reads: StatusReads,
        repository: RentalRepository,
        notifier: Notifier,
        inbox: Inbox,
    ) -> None:
        """`inbox` stores codes from webhooks."""
        self._poller = poller
        self._status_reads = status_reads
        self._repository = repository
        self._notifier = notifier
        self._inbox = inbox

    async def wait(
        self, upstream: AccountUpstream, rental_id: int, seconds: float, after: str | None
    ) -> Code:
        """The rental's code as soon as there is one other than `after`; else pending or ended.

        `seconds`: how long to wait. Raises permanent errors of reading the status.
        """
        rental = await self._known(upstream, rental_id)
        if (found := code_of(rental, after)) is not None:
            return found
        target = self._poller.join(upstream, rental)
        try:
            news = await self._news(target, seconds, after)
        finally:
            self._poller.leave(target)
        if news is not None:
            return news
        self._poller.linger(target)
        # A webhook's code is used only while the status cannot be read.
        if target.answered is False or (target.answered is None and seconds):
            code = await self._provisional(upstream.account_id, rental_id)
            if code and not (same_code(code.code, after) or same_code(code.code, rental.code)):
                return code
        return Code(rental_id=rental_id, status=CodeStatus.PENDING, retry_after_seconds=1)

    async def keep_provisional(
        self, account_id: str, rental_id: int, code: ProvisionalCode
    ) -> None:
        """Store a code from a webhook, for use until a status call returns the exact code."""
        await self._inbox.keep(account_id, rental_id, code)
        shown = ReceivedCode(code=code.code, received_at=code.received_at, provisional=True)
        self._repository.announced(account_id, rental_id, shown)
        self._status_reads.forget(account_id, rental_id)

    async def tell_provisional(
        self, account_id: str, rental_id: int, told: ProvisionalCode | None
    ) -> None:
        """Give a webhook's code to the waiters, because the status cannot be read now.

        `told` is that webhook's, for where it is not stored; else the newest one stored counts.
        """
        key = account_id, rental_id
        self._poller.hasten(*key)
        code = await self._provisional(*key)
        if code is None and told is not None and not await self._is_stored(*key, told.code):
            code = _provisional_code(rental_id, told)
        if code is not None:
            self._notifier.wake(*key, code)

    async def _known(self, upstream: AccountUpstream, rental_id: int) -> Rental:
        """The stored rental; read from the provider if unknown or ended without a code."""
        known = await self._repository.known(upstream.account_id, rental_id)
        if known is not None and (known.code is not None or known.status not in OVER):
            return known
        return await self._status_reads.status(upstream, rental_id, Priority.WAITED_FOR)

    async def _news(self, target: PollTarget, seconds: float, after: str | None) -> Code | None:
        """The code or the end, if one comes within `seconds`; None otherwise, or at shutdown."""
        try:
            async with asyncio.timeout(seconds):
                while True:
                    news = self._notifier.next_news(target.account_id, target.rental_id)
                    # The stored state covers news that came before this future.
                    rental = await self._repository.known(target.account_id, target.rental_id)
                    if rental is not None and (found := code_of(rental, after)) is not None:
                        return found
                    received = await asyncio.shield(news)
                    if received is None:
                        return None
                    if (found := _answer(received, after)) is not None:
                        return found
        except TimeoutError:
            return None

    async def _provisional(self, account_id: str, rental_id: int) -> Code | None:
        """The provisional code of the rental's latest webhook, if any."""
        try:
            seen = await self._inbox.latest(account_id, rental_id)
        except LedgerUnavailable:
            return None
        return None if seen is None else _provisional_code(rental_id, seen)

    async def _is_stored(self, account_id: str, rental_id: int, code: str) -> bool:
        try:
            return await self._inbox.announced(account_id, rental_id, code)
        except LedgerUnavailable:
            return False


def _provisional_code(rental_id: int, seen: ProvisionalCode) -> Code:
    return Code(
        rental_id=rental_id,
        status=CodeStatus.RECEIVED,
        code=seen.code,
        received_at=seen.received_at,
        provisional=True,
    )


def _answer(news: Rental | Code | GatewayError, after: str | None) -> Code | None:
    """The answer for a waiter that already has the code `after`; None: still pending."""
    if isinstance(news, GatewayError):
        raise news
    if isinstance(news, Code):
        return None if same_code(news.code, after) else news
    return code_of(news, after)
