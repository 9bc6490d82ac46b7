"""Watches the balances of accounts, to tell when one falls below a line."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from math import inf

from cachetools import LRUCache

from gateway.core.model.account import Nothing
from gateway.core.model.errors import GatewayError, LedgerUnavailable
from gateway.core.model.upstream_call import Priority
from gateway.core.ports.clock import Clock
from gateway.core.ports.observer import Observer, surviving
from gateway.core.ports.storage import Balances, Leases
from gateway.core.upstream.account import AccountUpstream
from gateway.core.upstream.calls import BALANCE

ASK_EVERY = 300.0  # seconds, where nothing else tells the balance
_LOOK_EVERY = 30.0
_JUDGED_FOR = 60.0  # seconds; then the store is asked whether another node saw a turn
_RENEW_AFTER = 120.0  # seconds
_HEARD_FOR = ASK_EVERY + _RENEW_AFTER + _LOOK_EVERY
_PROBE = 1.0  # seconds
_USED_WITHIN = 86_400.0  # seconds since a caller's own key was last used
_MOST = 1000


@dataclass(slots=True)
class _Account:
    """What this node knows of an account; times are of the monotonic clock."""

    low: bool | None = None
    judged_at: float = -inf
    heard_at: float = -inf
    asked_at: float = -inf
    leased_at: float = -inf
    used_at: float = -inf  # heard, but for what this watch asked itself


class BalanceWatch:
    """Hears the balances that answers of the provider tell, and asks where none does.

    While a node hears an account's balance it holds a lease, so that no other asks; and another
    lease is for asking. Answers may come out of their order: the store believes a turn only where
    the answer was asked for after the turn before, so one that is late neither tells of a fall
    again nor arms the alarm.
    """

    def __init__(
        self,
        threshold: Decimal,
        balances: Balances,
        leases: Leases,
        clock: Clock,
        observer: Observer,
        upstream_of: Callable[[str], AccountUpstream | None],
        *,
        own: str | None,
    ) -> None:
        """`own`: the id of the server's own account, which is asked also before it is used.

        `upstream_of` returns the upstream of an account id, where its key is in memory.
        """
        self._threshold = threshold
        self._balances = balances
        self._leases = leases
        self._clock = clock
        self._observer = observer
        self._upstream_of = upstream_of
        self._own = own
        self._accounts: LRUCache[str, _Account] = LRUCache(_MOST)
        self._judging: set[asyncio.Task[None]] = set()

    def now(self) -> datetime:
        """The time, for `heard`."""
        return self._clock.now()

    def heard(self, account_id: str, answer: object, asked_at: datetime) -> None:
        """The provider answered something that was asked for then; it may tell the balance."""
        balance = getattr(answer, "balance", None)
        if balance is None:
            return
        account, now = self._account(account_id), self._clock.monotonic()
        account.heard_at = account.used_at = now
        if account_id == self._own:
            self._observer.balance_known(balance)
        low = balance < self._threshold
        if account.low is low and now - account.judged_at < _JUDGED_FOR:
            return
        account.low, account.judged_at = low, now
        task = asyncio.create_task(self._judge(account_id, account, balance, asked_at))
        self._judging.add(task)
        task.add_done_callback(self._judging.discard)

    async def run(self) -> None:
        """Ask until cancelled. Failures are reported and retried."""
        while True:
            with surviving(self._observer, "watching balances"):
                await self.look()
            await asyncio.sleep(_LOOK_EVERY)

    async def look(self) -> None:
        """Ask for each balance that nothing has told for long, on this node or another."""
        for account_id in {self._own or "", *self._accounts} - {""}:
            upstream = self._upstream_of(account_id)
            if upstream is not None and self._wanted(account_id):
                await self._look_at(upstream)

    async def close(self) -> None:
        """Wait until what was heard is written."""
        await asyncio.gather(*self._judging)

    def _account(self, account_id: str) -> _Account:
        account = self._accounts.get(account_id)
        if account is None:
            account = self._accounts[account_id] = _Account()
        return account

    def _wanted(self, account_id: str) -> bool:
        if account_id == self._own:
            return True
        return self._clock.monotonic() - self._account(account_id).used_at < _USED_WITHIN

    async def _look_at(self, upstream: AccountUpstream) -> None:
        account, now = self._account(upstream.account_id), self._clock.monotonic()
        heard = f"balance_heard:{upstream.account_id}"
        if now - max(account.heard_at, account.asked_at) < ASK_EVERY:
            renew = account.leased_at < account.used_at and now - account.leased_at >= _RENEW_AFTER
            if renew and await self._leases.take(heard, _HEARD_FOR):
                account.leased_at = now
            return
        if not await self._leases.take(heard, _PROBE):
            return
        if await self._leases.take(f"balance_asked:{upstream.account_id}", ASK_EVERY):
            account.asked_at = now
            await self._ask(upstream, account)

    async def _ask(self, upstream: AccountUpstream, account: _Account) -> None:
        used_at = account.used_at
        try:
            await upstream.ask(BALANCE, Nothing(), Priority.PRICES)
        except LedgerUnavailable:
            raise
        except GatewayError:
            return  # the provider is away, say: it is asked again when it is due
        account.used_at = used_at  # by callers, not by this

    async def _judge(
        self, account_id: str, account: _Account, balance: Decimal, asked_at: datetime
    ) -> None:
        """Let the store compare it with what all nodes know, and tell of a fall."""
        try:
            account.low = await self._balances.judge(
                account_id, balance, self._threshold, asked_at=asked_at, at=self._clock.now()
            )
        except LedgerUnavailable:
            account.low = None  # judged again with the next answer
        except Exception as fault:
            account.low = None
            self._observer.background_failed("watching balances", fault)
