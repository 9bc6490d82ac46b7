"""What is told of budgets: each time their spending reaches a part of them, once."""

from collections.abc import Sequence
from typing import Literal

from sqlalchemy import BigInteger, ColumnElement, and_, case, cast, func, literal_column, select

from adapters.store.sql import codec
from adapters.store.sql.schema import holding, keys, one_of, spends
from adapters.store.sql.statement import Row, Statement, Tx, number
from adapters.store.tables import budgets, families
from adapters.store.tables.budgets import TOLD, Budget, Sums
from gateway.core.model.callers import GATEWAY_KEY_PREFIX, key_id_of
from gateway.core.model.events import Alarm, EventDetails, EventType
from gateway.core.model.purchases import SpendState
from gateway.core.model.values import amount_of

# Literally: for SQLite, names of tables are left out of what an update returns, also in here.
_caller_of_spend: ColumnElement[str] = literal_column("spends.caller_id")
_key_id = func.substr(_caller_of_spend, literal_column(str(len(GATEWAY_KEY_PREFIX) + 1)))
_its_key = keys.c.id == _key_id
limits_of_key = select(keys.c.limits).where(_its_key).scalar_subquery().label("limits")
"""A column beside a purchase's: the limits of the key that made it; none without a key."""
name_of_key = select(keys.c.name).where(_its_key).scalar_subquery().label("key_name")
"""The same of the key's name."""

_today = and_(spends.c.at >= number("since"), spends.c.at < number("until"))
_UNDER_WAY = Statement(
    select(
        *(
            cast(func.coalesce(func.sum(amount), literal_column("0")), BigInteger).label(name)
            for name, amount in (
                ("total", spends.c.reserved),
                ("day", case((_today, spends.c.reserved))),
            )
        )
    ).where(
        spends.c.caller_id.in_(families.MEMBERS),
        holding,
        one_of(spends.c.state, "intended", "sent"),
    )
)


async def reached(tx: Tx, spend: Row, sums: Sequence[Sums] | None) -> Sequence[Alarm]:
    """The budgets whose spending this end of a purchase brings to where it is told, each once.

    `spend` has the column `limits_of_key`; `sums`: as they are now, where the end changed them.
    What is under way does not count here, for it may be refused; so what was told is armed again
    only once the sum with it is below. It may lock the sums, so events are written after it.
    """
    callers, limits = families.counted_by(spend), [spend["limits"]]
    for above in callers[1:]:
        key = await tx.row(budgets.KEY, key_id=key_id_of(above))
        limits.append(None if key is None else key["limits"])
    if not any(map(budgets.in_limits, limits)):
        return ()
    at, day = spend["at"], codec.day_of(spend["at"])
    if sums is None:
        sums = [await budgets.standing(tx, caller_id, day) for caller_id in callers]
    if all(_all_told(its, now, day) for its, now in zip(limits, sums, strict=True)):
        return ()
    # From here on none other counts.
    sums = await budgets.add(tx, callers, spend["account_id"], at, 0)
    alarms = list[Alarm]()
    for caller_id, its, now in zip(callers, limits, sums, strict=True):
        standing = await budgets.rearm(tx, caller_id, budgets.of_limits(its, now, day))
        if spend["state"] in (SpendState.BOUGHT, SpendState.UNKNOWN):
            alarms += await _reached(tx, spend, caller_id, standing)
    return alarms


def _all_told(limits: str | None, sums: Sums, day: str) -> bool:
    """Whether what was told of a key's budgets is what its sums reach."""
    standing = budgets.of_limits(limits, sums, day)
    return all(each.percent(each.counted) == each.told for each in standing)


async def _reached(
    tx: Tx, spend: Row, caller_id: str, standing: Sequence[Budget]
) -> Sequence[Alarm]:
    """The alarms of one caller's budgets, for what was spent without what is under way."""
    if not standing:
        return ()
    since = codec.start_of_day(spend["at"])
    under_way = await tx.row(
        _UNDER_WAY, **families.of(caller_id), since=since, until=since + codec.DAY
    )
    assert under_way is not None  # noqa: S101 - sums always have a row
    alarms: list[Alarm] = []
    for budget in standing:
        spent = budget.counted - under_way[budget.limit]
        alarms += [
            await _alarm(tx, spend["account_id"], caller_id, budget, percent, spent)
            for percent in TOLD
            if budget.told < percent <= budget.percent(spent)
        ]
    return alarms


async def _alarm(
    tx: Tx,
    account_id: str,
    caller_id: str,
    budget: Budget,
    percent: Literal[80, 100],
    spent: int,
) -> Alarm:
    """Note that so much of a budget is told as spent; the alarm that tells it."""
    key_id = key_id_of(caller_id)
    key = await tx.row(budgets.KEY, key_id=key_id)
    await budgets.tell(tx, caller_id, budget, percent)
    details = EventDetails(
        key_id=key_id,
        key_name=None if key is None else key["name"],
        limit=budget.limit,
        percent=percent,
        spent=amount_of(spent),
        budget=amount_of(budget.whole),
    )
    return Alarm(EventType.KEY_BUDGET_REACHED, account_id, caller_id, details)
