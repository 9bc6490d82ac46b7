"""Checks a purchase against the limits of its key, of those above it, and of the account."""

from collections.abc import Sequence
from decimal import Decimal

from sqlalchemy import func, literal_column, or_, select

from adapters.store.sql import codec
from adapters.store.sql.schema import counting, holding, one_of, spends, things
from adapters.store.sql.statement import Statement, Tx, number
from adapters.store.tables import families
from adapters.store.tables.budgets import Sums
from gateway.core.model.callers import Limits
from gateway.core.model.hindrances import AncestorBreach, Breach
from gateway.core.model.purchases import Intent

_MADE_SINCE = Statement(
    select(func.count().label("made")).where(
        spends.c.caller_id.in_(families.MEMBERS), spends.c.at >= number("since"), counting
    )
)
_active_things = select(func.count()).where(
    things.c.caller_id.in_(families.MEMBERS),
    things.c.kind == literal_column("'rental'"),
    one_of(things.c.status, "active", "code_received"),
    things.c.active_until > number("at"),
)
_active_spends = select(func.count()).where(
    spends.c.caller_id.in_(families.MEMBERS),
    spends.c.kind == literal_column("'rental'"),
    holding,
    or_(one_of(spends.c.state, "intended", "sent"), spends.c.active_until > number("at")),
)
_ACTIVE = Statement(
    select((_active_things.scalar_subquery() + _active_spends.scalar_subquery()).label("active"))
)


def counts(intent: Intent) -> bool:
    """Whether it changes sums or is checked by the ledger, and so must run after the others."""
    if intent.unrepeated or intent.ancestors or intent.replaces is not None:
        return True
    limits = intent.limits or Limits()
    limited = (
        limits.budget_day,
        limits.budget_total,
        limits.max_active,
        limits.max_per_day,
        intent.account_budget_day,
    )
    return intent.reserved is not None or any(limit is not None for limit in limited)


async def passed(tx: Tx, intent: Intent, sums: Sequence[Sums]) -> Breach | AncestorBreach | None:
    """The first limit that it would exceed. `sums`: with it, of each of its `counted_by`."""
    own, *above = sums
    limits = intent.limits or Limits()
    first = _passed_budget(intent, limits, own, intent.account_budget_day)
    first = first or await _passed_count(tx, intent, intent.caller_id, limits)
    if first is not None:
        return first
    for ancestor, its in zip(intent.ancestors, above, strict=True):
        first = _passed_budget(intent, ancestor.limits, its)
        first = first or await _passed_count(tx, intent, ancestor.caller_id, ancestor.limits)
        if first is not None:
            return AncestorBreach(first, ancestor)
    return None


def _passed_budget(
    intent: Intent, limits: Limits, sums: Sums, account_budget_day: Decimal | None = None
) -> Breach | None:
    checked = (
        (sums.day, limits.budget_day, Breach.BUDGET_DAY),
        (sums.total, limits.budget_total, Breach.BUDGET_TOTAL),
        (sums.account_day, account_budget_day, Breach.ACCOUNT_BUDGET_DAY),
    )
    for spent, budget, passed in checked:
        if budget is None:
            continue
        left = (codec.to_micros(budget) or 0) - spent
        # Nothing left is enough for what is counted already, not for an unknown price.
        if not budget or left < 0 or (left == 0 and intent.reserved is None):
            return passed
    return None


async def _passed_count(tx: Tx, intent: Intent, caller_id: str, limits: Limits) -> Breach | None:
    """The limit on how many purchases the caller and those below it may make."""
    at, whose = codec.to_instant(intent.at), families.of(caller_id)
    if limits.max_per_day is not None:
        row = await tx.row(_MADE_SINCE, **whose, since=codec.start_of_day(at))
        if row is None or row["made"] >= limits.max_per_day:
            return Breach.MAX_PER_DAY
    if limits.max_active is not None and intent.kind == "rental":
        row = await tx.row(_ACTIVE, **whose, at=at)
        if row is None or row["active"] >= limits.max_active:
            return Breach.MAX_ACTIVE
    return None
