"""The simulator's state as JSON: amounts as text, instants as seconds since 1970."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from decimal import Decimal
from enum import Enum
from math import isinf
from typing import TYPE_CHECKING

from adapters.simulator.provider.provider import Provider
from adapters.simulator.provider.records import Account, Rental
from adapters.simulator.wire.webhook import Delivery

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


def books(provider: Provider, deliveries: Iterable[Delivery]) -> dict[str, object]:
    """The whole truth about money, rentals and what was asked."""
    state = provider.books
    return {
        "now": provider.timeline.now(),
        "spent": plain(state.spent),
        "refunded": plain(state.refunded),
        "accounts": {key: account(one) for key, one in state.accounts.items()},
        "rentals": [rental(one) for one in state.rentals.values()],
        "long_rentals": [
            {**_record(one), "texts": [_record(text) for text in state.texts.get(one.id, [])]}
            for one in state.long_rentals.values()
        ],
        "calls": dict(provider.journal.calls),
        "rate_limit_violations": plain(provider.limiter.violations),
        "webhooks": [_record(delivery) for delivery in deliveries],
        "received": [_record(received) for received in provider.journal.received],
    }


def account(account: Account) -> dict[str, object]:
    """One account's money."""
    return {
        "balance": plain(account.balance),
        "deposited": plain(account.deposited),
        "spent": plain(account.spent),
        "refunded": plain(account.refunded),
        "active_rentals": account.active_rentals,
        "tier": account.config.tier.value,
    }


def rental(rental: Rental) -> dict[str, object]:
    """One rental, with the newest code beside all of them."""
    return {**_record(rental), "code": rental.code, "code_at": rental.code_at}


def settings(provider: Provider) -> dict[str, object]:
    """What is in force."""
    config = provider.in_force.config
    return {
        "style": config.style.value,
        "zone": config.zone,
        **_record(config.rules),
        "limits": _record(config.limits),
        "webhook": _record(config.webhook),
        "services": len(provider.catalogue),
        "faults": [_record(fault) for fault in provider.faults.scripted],
    }


def plain(value: object) -> object:
    """The value in JSON's own types."""
    if isinstance(value, Decimal):
        return f"{value:.2f}"
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, float) and isinf(value):
        return "never"
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    return value


def _record(record: DataclassInstance) -> dict[str, object]:
    return {name: plain(value) for name, value in asdict(record).items()}
