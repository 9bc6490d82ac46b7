"""The provider's webhook: an unsigned notice of a code, verified by reading the status."""

import asyncio
import hmac
from datetime import datetime
from typing import Any, Protocol

from gateway.core.auth.authentication import Callers, KeyHasher
from gateway.core.codes.poller import CodePoller
from gateway.core.codes.waiting import CodeWaiter
from gateway.core.model.callers import Account
from gateway.core.model.errors import GatewayError
from gateway.core.ports.clock import Clock
from gateway.core.ports.storage import ProvisionalCode
from gateway.core.upstream.account import AccountUpstreams


class ReceivedWebhook(Protocol):
    """A parsed webhook. Its code may have lost leading zeros."""

    @property
    def rental_id(self) -> int:
        """The provider's id of the rental."""

    @property
    def code(self) -> str | None:
        """The code as sent, perhaps without its leading zeros."""

    @property
    def received_at(self) -> datetime | None:
        """When the SMS came."""


def webhook_secret(hasher: KeyHasher, account_id: str) -> str:
    """The path secret of an account: its id and an HMAC of it, so that no lookup is needed."""
    return f"{account_id}.{hasher.name(f'webhook:{account_id}')}"


class ProviderWebhooks:
    """Handles webhooks. A webhook's code is used only while the status cannot be read."""

    def __init__(
        self,
        hasher: KeyHasher,
        callers: Callers,
        upstreams: AccountUpstreams,
        poller: CodePoller,
        waiter: CodeWaiter,
        clock: Clock,
        *,
        own_secret: str | None = None,
    ) -> None:
        """`own_secret` is the path secret of the server's own account."""
        self._hasher = hasher
        self._callers = callers
        self._upstreams = upstreams
        self._poller = poller
        self._waiter = waiter
        self._clock = clock
        self._own_secret = own_secret
        self._checks: set[asyncio.Task[Any]] = set()

    def account_of(self, secret: str) -> str | None:
        """The account id for a path secret; None for an invalid secret."""
        own = self._callers.own
        if own is not None and self._own_secret is not None and _same(secret, self._own_secret):
            return own.id
        account_id = secret.partition(".")[0]
        return account_id if _same(secret, webhook_secret(self._hasher, account_id)) else None

    async def received(self, account_id: str, webhook: ReceivedWebhook) -> None:
        """Store its code, and verify it in the background so that the sender need not wait.

        Raises LedgerUnavailable where it could not be stored: the sender may send it again.
        """
        told = None
        if webhook.code is not None:
            now = self._clock.now()
            # Never later than now, whatever its zone: it is sorted and deleted by its age.
            told = ProvisionalCode(webhook.code, min(webhook.received_at or now, now))
        try:
            if told is not None:
                await self._waiter.keep_provisional(account_id, webhook.rental_id, told)
        finally:
            check = asyncio.create_task(self._check(account_id, webhook, told))
            self._checks.add(check)
            check.add_done_callback(self._checks.discard)

    async def close(self) -> None:
        """Cancel the checks under way."""
        for check in self._checks:
            check.cancel()
        await asyncio.gather(*self._checks, return_exceptions=True)

    async def _check(
        self, account_id: str, webhook: ReceivedWebhook, told: ProvisionalCode | None
    ) -> None:
        account = self._callers.met(account_id)
        if account is None or not await self._confirmed(account, webhook):
            await self._waiter.tell_provisional(account_id, webhook.rental_id, told)

    async def _confirmed(self, account: Account, webhook: ReceivedWebhook) -> bool:
        """Read the status, which wakes the waiters; False where it could not be read."""
        try:
            upstream = self._upstreams.of(account)
            await self._poller.poll_now(upstream, webhook.rental_id, webhook.code)
        except GatewayError:
            return False
        return True


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())
