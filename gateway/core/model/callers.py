"""Callers, accounts at the provider, and the gateway's own API keys with their limits."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import TypeVar

GATEWAY_KEY_PREFIX = "gtw_"
TEST_KEY_PREFIX = f"{GATEWAY_KEY_PREFIX}test_"
T = TypeVar("T", Decimal, datetime)
SHORT_ID = 8
"""How many characters of an account's id stand in a log line, where no key has a name."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a gateway key may do; None means no limit. Amounts in USD."""

    read_only: bool = False
    max_price: Decimal | None = None
    budget_day: Decimal | None = None
    budget_total: Decimal | None = None
    services: frozenset[str] | None = None
    max_active: int | None = None
    max_per_day: int | None = None  # purchases on one UTC day, whatever they cost
    long_rentals: bool = False  # purchases whose price cannot be known before
    admin: bool = False  # sees the whole account
    expires_at: datetime | None = None
    confirm_above: Decimal | None = None  # over MCP, a person confirms what costs more
    suspended: bool = False  # buys nothing; it still reads and cancels

    def within(self, others: "Limits") -> "Limits":
        """The limits of a key that may do no more than one with those other limits.

        Budgets, purchases a day and active rentals stay as they are: these are counted for each.
        """
        return replace(
            self,
            read_only=self.read_only or others.read_only,
            max_price=_lower(self.max_price, others.max_price),
            services=_common(self.services, others.services),
            long_rentals=self.long_rentals and others.long_rentals,
            admin=self.admin and others.admin,
            expires_at=_lower(self.expires_at, others.expires_at),
            confirm_above=_lower(self.confirm_above, others.confirm_above),
            suspended=self.suspended or others.suspended,
        )


@dataclass(frozen=True, slots=True)
class GatewayKey:
    """An API key issued by the gateway. Only its hash is stored; it is looked up by `hashed`.

    `previous_hashed` is that of its secret before the last rotation, accepted until
    `previous_until`. `parent_id`: the key on whose behalf it was made; its purchases count against
    that one too, and it ends with it. `test`: it belongs to the test account.
    """

    id: str
    name: str
    hashed: str = field(repr=False)
    limits: Limits
    created_at: datetime
    revoked_at: datetime | None = None
    previous_hashed: str | None = field(default=None, repr=False)
    previous_until: datetime | None = None
    parent_id: str | None = None
    test: bool = False

    def is_living(self, at: datetime) -> bool:
        """Whether it can be used at that time: neither revoked nor expired."""
        ends = self.limits.expires_at
        return self.revoked_at is None and (ends is None or at < ends)


@dataclass(frozen=True, slots=True)
class Account:
    """An account at the provider: its API key, and as `id` a keyed hash of it."""

    id: str
    key: str = field(repr=False)


TEST_ACCOUNT_ID = "test"
"""The account of all test keys of a database: no hash of a key is this."""
TEST_ACCOUNT = Account(TEST_ACCOUNT_ID, "")


@dataclass(frozen=True, slots=True)
class Ancestor:
    """A key on whose behalf another was made: purchases of that one count against its limits."""

    caller_id: str
    name: str
    limits: Limits


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated caller. `id` tells callers of the same account apart.

    `limits` None: the caller sent a provider key of its own (`pass_through`). `sees_account`:
    whether it sees the whole account, or only what it bought itself. `hashed` and `key_name`: the
    hash and the name of its gateway key; `ends_at`: when that is accepted no more; `ancestors`: the
    keys it was made by, the nearest first.
    """

    id: str
    account: Account
    limits: Limits | None = None
    hashed: str | None = field(default=None, repr=False)
    key_name: str | None = field(default=None, compare=False)
    ends_at: datetime | None = field(default=None, compare=False)
    ancestors: tuple[Ancestor, ...] = ()
    pass_through: bool = field(init=False, compare=False)
    sees_account: bool = field(init=False, compare=False)

    def __post_init__(self) -> None:
        # Computed once: a Caller is cached and serves many requests.
        object.__setattr__(self, "pass_through", self.limits is None)
        object.__setattr__(self, "sees_account", self.limits is None or self.limits.admin)


def caller_id(key: GatewayKey) -> str:
    """The caller id of a gateway key, under which its purchases are stored."""
    return GATEWAY_KEY_PREFIX + key.id


def key_id_of(caller_id: str) -> str:
    """The id of the gateway key whose caller has this id."""
    return caller_id.removeprefix(GATEWAY_KEY_PREFIX)


def family(keys: Sequence[GatewayKey], key_id: str) -> list[GatewayKey]:
    """A key, those that it made, and those that they made, as far as they are among `keys`."""
    found = [key for key in keys if key.id == key_id]
    for each in found:
        found += [key for key in keys if key.parent_id == each.id]
    return found


def _lower(one: T | None, other: T | None) -> T | None:
    return min((each for each in (one, other) if each is not None), default=None)


def _common(one: frozenset[str] | None, other: frozenset[str] | None) -> frozenset[str] | None:
    if one is None or other is None:
        return one if other is None else other
    return one & other
