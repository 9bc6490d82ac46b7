"""The simulator's state as JSON: amounts as text, instants as seconds since 1970."""

from collections.abc import Iterable
from typing import Any

from pydantic_core import to_jsonable_python

from adapters.simulator.provider.provider import SimulatedProvider
from adapters.simulator.provider.records import Account, Rental, RentalStatus
from adapters.simulator.wire.webhook import WebhookAttempt

Json = dict[str, Any]


def books(provider: SimulatedProvider, deliveries: Iterable[WebhookAttempt]) -> Json:
    """All money, rentals, requests received and webhooks sent."""
    state = provider.books
    report = _json(
        now=provider.timeline.now(),
        spent=state.spent,
        refunded=state.refunded,
        accounts={key: account(one) for key, one in state.accounts.items()},
        rentals=[rental(one) for one in state.rentals.values()],
        silent=silent(state.rentals.values()),
        long_rentals=[
            {**to_jsonable_python(one), "texts": state.texts.get(one.id, [])}
            for one in state.long_rentals.values()
        ],
        calls=provider.journal.calls,
        rate_limit_violations=provider.limiter.violations,
        webhooks=list(deliveries),
    )
    # Requests are JSON already, and pydantic would refuse one that is nested very deeply.
    return {**report, "received": [vars(received) for received in provider.journal.received]}


def account(account: Account) -> Json:
    """One account's money."""
    return _json(
        balance=account.balance,
        deposited=account.deposited,
        spent=account.spent,
        refunded=account.refunded,
        active_rentals=account.active_rentals,
        tier=account.config.tier,
    )


def rental(rental: Rental) -> Json:
    """One rental, with the newest code beside all of them."""
    return {**to_jsonable_python(rental), "code": rental.code, "code_at": rental.code_at}


def silent(rentals: Iterable[Rental]) -> Json:
    """How many silent numbers were rented, by status; those that got a code all the same apart."""
    counts = dict.fromkeys(("rented", *RentalStatus, "with_code"), 0)
    for one in rentals:
        if one.silent:
            counts["rented"] += 1
            counts["with_code" if one.codes else one.status] += 1
    return _json(**counts)


def settings(provider: SimulatedProvider) -> Json:
    """The settings in force and the faults still to come."""
    config = provider.live.config
    return _json(
        style=config.style,
        zone=config.zone,
        **to_jsonable_python(config.rules),
        limits=config.limits,
        webhook=config.webhook,
        services=len(provider.catalogue),
        faults=provider.faults.scripted,
    )


def _json(**values: object) -> Json:
    return dict(to_jsonable_python(values))
