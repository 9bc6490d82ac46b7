"""Verification: asks the provider once whether it accepts a key that is new here."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from cachetools import TLRUCache, TTLCache

from gateway.core.model.callers import Account
from gateway.core.model.errors import (
    GatewayError,
    LedgerUnavailable,
    RateLimited,
    Unauthorized,
    Upstream,
)
from gateway.core.model.provider_errors import Refused, UpstreamAuthFailed, UpstreamUnavailable
from gateway.core.ports.clock import Clock
from gateway.core.ports.storage import Accounts

AskProvider = Callable[[Account], Awaitable[object]]
"""Makes a cheap call with the account's key. Raises UpstreamAuthFailed where it is refused."""

_MOST_REFUSED = 10_000  # and as many that may not be checked yet
_REFUSED_SECONDS = 60.0
_FORBIDDEN = 403
_MOST_AT_ONCE = 40  # each may hold a connection to the provider for the whole time-out


class KeyVerification:
    """Verifies the keys of callers at the provider, each once for all who send it.

    Accepted ones are remembered in the store. Refused ones are remembered in memory, for a minute;
    those that the provider does not check now (429), for as long as it asks.
    """

    def __init__(self, accounts: Accounts, ask_provider: AskProvider, clock: Clock) -> None:
        self._accounts = accounts
        self._ask_provider = ask_provider
        self._clock = clock
        self._refused: TTLCache[str, tuple[Upstream | None]] = TTLCache(
            _MOST_REFUSED, _REFUSED_SECONDS, timer=clock.monotonic
        )
        self._limited: TLRUCache[str, tuple[float, Upstream]] = TLRUCache(
            _MOST_REFUSED, lambda _id, limited, _now: limited[0], timer=clock.monotonic
        )
        self._running: dict[str, asyncio.Task[None]] = {}
        self._asking = 0

    async def verify(self, account: Account) -> None:
        """Return where the provider accepts the key, now or before.

        Raises Unauthorized where it refuses it, UpstreamUnavailable where it cannot be asked, and
        RateLimited where too many other keys wait to be verified, or the provider wants a pause.
        """
        if (refused := self._refused.get(account.id)) is not None:
            raise _refusal(refused[0])
        if (limited := self._limited.get(account.id)) is not None:
            until, upstream = limited
            raise RateLimited(retry_after=until - self._clock.monotonic(), upstream=upstream)
        running = self._running.get(account.id)
        if running is None:
            running = self._start(account)
        await asyncio.shield(running)  # others may wait for it, too

    async def close(self) -> None:
        """Cancel what is under way."""
        running = list(self._running.values())
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def _start(self, account: Account) -> asyncio.Task[None]:
        task = self._running[account.id] = asyncio.create_task(self._verify(account))
        task.add_done_callback(lambda done: self._ended(account.id, done))
        return task

    def _ended(self, account_id: str, done: "asyncio.Task[None]") -> None:
        del self._running[account_id]
        if not done.cancelled():
            done.exception()  # marks it as retrieved: all who waited may have hung up

    async def _verify(self, account: Account) -> None:
        with suppress(LedgerUnavailable):
            if await self._accounts.is_accepted(account.id):
                return
        await self._ask(account)
        with suppress(LedgerUnavailable):  # then it is verified again after a restart
            await self._accounts.accept(account.id, self._clock.now())

    async def _ask(self, account: Account) -> None:
        if self._asking >= _MOST_AT_ONCE:
            raise RateLimited(
                "Too many keys that are new here wait to be checked at the provider.",
                retry_after=2.0,
            )
        self._asking += 1
        try:
            await self._ask_provider(account)
        except RateLimited as fault:
            if fault.upstream is not None and fault.retry_after is not None:
                until = self._clock.monotonic() + fault.retry_after
                self._limited[account.id] = until, fault.upstream
            raise
        except GatewayError as fault:
            if _refuses_key(fault):
                self._refused[account.id] = (fault.upstream,)
                raise _refusal(fault.upstream) from fault
            raise UpstreamUnavailable(
                "The key could not be checked, because the provider does not answer.",
                retry_after=fault.retry_after,
                upstream=fault.upstream,
            ) from fault
        finally:
            self._asking -= 1


def _refuses_key(error: GatewayError) -> bool:
    """Whether the provider said that it does not accept the key, also in words nobody has seen."""
    if isinstance(error, Refused):
        return error.upstream is not None and error.upstream.status == _FORBIDDEN
    return isinstance(error, UpstreamAuthFailed)


def _refusal(upstream: Upstream | None) -> Unauthorized:
    return Unauthorized("The provider does not accept this key.", upstream=upstream)
