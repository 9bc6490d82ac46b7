"""The provider's webhook: unsigned word that a code has come, checked by asking."""

import asyncio
import hmac
from collections.abc import Callable
from datetime import datetime
from typing import Any, Protocol

from gateway.core.auth.authentication import Callers, KeyHasher
from gateway.core.codes.poller import CodePoller
from gateway.core.model.callers import Account, Caller
from gateway.core.model.errors import GatewayError
from gateway.core.operations.context import Context
from gateway.core.ports.clock import Clock
from gateway.core.ports.storage import ProvisionalCode


class ReceivedWebhook(Protocol):
    """What a webhook says. Its code may have lost leading zeros."""

    @property
    def rental_id(self) -> int:
        """The provider's id of the rental."""

    @property
    def code(self) -> str | None:
        """The code, provisional."""

    @property
    def received_at(self) -> datetime | None:
        """When the SMS came."""


def webhook_secret(hasher: KeyHasher, account_id: str) -> str:
    """The path secret of an account: names the account, and proves itself without a look-up."""
    return f"{account_id}.{hasher.name(f'webhook:{account_id}')}"


class Webhooks:
    """Takes webhooks in. It never sets a code that a status call could tell."""

    def __init__(
        self,
        hasher: KeyHasher,
        callers: Callers,
        context: Callable[[Caller], Context],
        poller: CodePoller,
        clock: Clock,
        *,
        own_secret: str | None = None,
    ) -> None:
        """`own_secret` is the path secret of the server's own account."""
        self._hasher = hasher
        self._callers = callers
        self._context = context
        self._poller = poller
        self._clock = clock
        self._own_secret = own_secret
        self._looks: set[asyncio.Task[Any]] = set()

    def account_of(self, secret: str) -> str | None:
        """Whose webhook it is, by the secret in its path; None for nobody's."""
        own = self._callers.own
        if own is not None and self._own_secret is not None and _same(secret, self._own_secret):
            return own.id
        account_id = secret.partition(".")[0]
        return account_id if _same(secret, webhook_secret(self._hasher, account_id)) else None

    async def received(self, account_id: str, hook: ReceivedWebhook) -> None:
        """Keep what it says, then ask the provider; the caller need not wait for that."""
        if hook.code is not None:
            at = hook.received_at or self._clock.now()
            await self._poller.hinted(account_id, hook.rental_id, ProvisionalCode(hook.code, at))
        look = asyncio.create_task(self._look(account_id, hook))
        self._looks.add(look)
        look.add_done_callback(self._looks.discard)

    async def close(self) -> None:
        """End the looks under way."""
        for look in self._looks:
            look.cancel()
        await asyncio.gather(*self._looks, return_exceptions=True)

    async def _look(self, account_id: str, hook: ReceivedWebhook) -> None:
        account = self._callers.met(account_id)
        if account is not None and await self._asked(account, hook):
            return
        await self._poller.tell_provisional(account_id, hook.rental_id)

    async def _asked(self, account: Account, hook: ReceivedWebhook) -> bool:
        """Ask how the rental stands; whoever waits for it is woken by the answer."""
        try:
            context = self._context(Caller(account.id, account))
            await self._poller.look_now(context, hook.rental_id, hook.code)
        except GatewayError:
            return False
        return True


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())
