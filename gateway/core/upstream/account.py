"""The provider as one account uses it: every call goes through the pipeline.

Also the hooks that run just before a call is sent: marking a purchase, numbering a read.
"""

from collections.abc import Iterator, Sized
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Protocol, TypeVar

from gateway.core.identity_cache import IdentityCache
from gateway.core.model.callers import TEST_ACCOUNT_ID, Account
from gateway.core.model.errors import LedgerUnavailable
from gateway.core.model.upstream_call import Effect, Priority, UpstreamCall
from gateway.core.ports.clock import Clock
from gateway.core.ports.ledger import Ledger
from gateway.core.ports.observer import Observer
from gateway.core.ports.provider import Connect, Provider
from gateway.core.upstream.pipeline import BeforeSending, Pipeline

In = TypeVar("In")
Out = TypeVar("Out")

_CACHED = 200


class SendMark:
    """Marks one purchase as sent in the ledger. Once `sent` is true it may have been charged."""

    __slots__ = ("_clock", "_ledger", "_ledger_id", "_unwritten", "sent")

    def __init__(self, ledger: Ledger, clock: Clock, ledger_id: str, unwritten: Sized) -> None:
        """Nothing is sent while `unwritten`, the ends that could not be written, has any."""
        self._ledger = ledger
        self._clock = clock
        self._ledger_id = ledger_id
        self._unwritten = unwritten
        self.sent = False

    async def __call__(self) -> None:
        """Write the mark. Raises LedgerUnavailable; then nothing may be sent.

        Raises RuntimeError where it was written before: a purchase makes one call.
        """
        if self.sent:
            raise RuntimeError("a purchase makes one call")
        try:
            marked = await self._ledger.mark_sent(self._ledger_id, self._clock.now())
        except LedgerUnavailable as fault:
            raise LedgerUnavailable.nothing_sent() from fault
        # Not marked: taken for dead by another node, in an outage say, which has released it.
        if self._unwritten or not marked:
            raise LedgerUnavailable.nothing_sent()
        self.sent = True


class SendNumber:
    """A sequence number taken from a shared counter when a call is sent.

    A retry takes a new number. `number` is 0 until the call is sent.
    """

    __slots__ = ("_counter", "number")

    def __init__(self, counter: Iterator[int]) -> None:
        self._counter = counter
        self.number = 0

    async def __call__(self) -> None:
        """Take the next number."""
        self.number = next(self._counter)


class Hears(Protocol):
    """Hears every answer of the provider."""

    def now(self) -> datetime:
        """The time, just before something is asked."""

    def heard(self, account_id: str, answer: object, asked_at: datetime) -> None:
        """It was answered. Must not raise or block."""


class OwnBalance:
    """Tells the balance of the server's own account, whenever an answer does."""

    def __init__(self, own: str, clock: Clock, observer: Observer) -> None:
        """`own`: the account's id."""
        self._own = own
        self._observer = observer
        self.now = clock.now

    def heard(self, account_id: str, answer: object, asked_at: datetime) -> None:
        """As of Hears."""
        balance = getattr(answer, "balance", None)
        if balance is not None and account_id == self._own:
            self._observer.balance_known(balance)


@dataclass(frozen=True, slots=True)
class AccountUpstream:
    """The provider's calls for one account, sent through the pipeline.

    `mark` is set for a purchase: it runs just before the call is sent. `hears`: who hears the
    answers besides.
    """

    account_id: str
    provider: Provider
    pipeline: Pipeline
    mark: SendMark | None = None
    hears: Hears | None = None

    async def ask(
        self,
        call: UpstreamCall[In, Out],
        asked: In,
        priority: Priority | None = None,
        deadline: float | None = None,
        before_sending: BeforeSending | None = None,
    ) -> Out:
        """Send one call, waiting at most `deadline` seconds for the rate limiter.

        `before_sending` runs just before the call is sent; a purchase runs its mark instead.

        Raises RateLimited or UpstreamUnavailable where it was not sent, else what Provider.call
        raises.
        """
        asked_at = None if self.hears is None else self.hears.now()
        answer = await self.pipeline.ask(
            self.account_id,
            call,
            partial(self.provider.call, call, asked),
            priority=priority,
            deadline=deadline,
            before_sending=self.mark if call.effect is Effect.SPEND else before_sending,
        )
        if self.hears is not None and asked_at is not None:
            self.hears.heard(self.account_id, answer, asked_at)
        return answer

    def marking(self, mark: SendMark) -> "AccountUpstream":
        """A copy for one purchase, which runs `mark` before it is sent."""
        return AccountUpstream(self.account_id, self.provider, self.pipeline, mark, self.hears)


class AccountUpstreams:
    """Creates and caches the AccountUpstream of each account."""

    def __init__(self, connect: Connect, pipeline: Pipeline, sandbox: AccountUpstream) -> None:
        """`sandbox`: that of test keys, with limits and breakers of its own; nobody hears it."""
        self._connect = connect
        self._pipeline = pipeline
        self._sandbox = sandbox
        self._hears: Hears | None = None
        self._made: IdentityCache[Account, AccountUpstream] = IdentityCache(_CACHED)

    def when_answered(self, hears: Hears) -> None:
        """Set who hears the answers to all accounts; to be called before any upstream is made."""
        self._hears = hears

    def of(self, account: Account) -> AccountUpstream:
        """The account's upstream; opens no connection."""
        if account.id == TEST_ACCOUNT_ID:
            return self._sandbox
        made = self._made.get(account)
        if made is None:
            provider = self._connect(account.key)
            made = AccountUpstream(account.id, provider, self._pipeline, hears=self._hears)
            self._made[account] = made
        return made
