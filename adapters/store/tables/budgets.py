"""Running sums of what was spent and is reserved, which budgets are checked against.

Of each caller by UTC day and in all, and of each account, all its callers, by UTC day. Beside the
sums stands how much of a key's budget has been told as spent.
"""

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    and_,
    case,
    cast,
    func,
    literal_column,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from adapters.store.sql import codec
from adapters.store.sql.schema import holding, keys, one_of, spends, totals
from adapters.store.sql.statement import Row, Statement, Tx, number, text
from gateway.core.model.callers import GATEWAY_KEY_PREFIX
from gateway.core.model.events import Alarm, EventDetails, EventType
from gateway.core.model.purchases import SpendState
from gateway.core.model.values import amount_of

TOLD: tuple[Literal[80, 100], ...] = (80, 100)
"""At how many hundredths of a budget the spending is told."""

_TOTAL: ColumnElement[str] = literal_column(f"'{codec.TOTAL}'")
_sums = insert(totals).values(
    [
        # Always in this order, the account first: two transactions cannot deadlock.
        {"caller_id": text("account"), "period": text("day"), "micros": number("amount")},
        {"caller_id": text("caller"), "period": _TOTAL, "micros": number("amount")},
        {"caller_id": text("caller"), "period": text("day"), "micros": number("amount")},
    ]
)
_ADD = Statement(
    _sums.on_conflict_do_update(
        index_elements=[totals.c.caller_id, totals.c.period],
        set_={"micros": totals.c.micros + _sums.excluded.micros},
    ).returning(totals.c.caller_id, totals.c.period, totals.c.micros, totals.c.told)
)
_SUMS = Statement(
    select(totals.c.period, totals.c.micros, totals.c.told).where(
        totals.c.caller_id == text("caller"),
        or_(totals.c.period == _TOTAL, totals.c.period == text("day")),
    )
)
# Literally: for SQLite, names of tables are left out of what an update returns, also in here.
_caller_of_spend: ColumnElement[str] = literal_column("spends.caller_id")
_key_id = func.substr(_caller_of_spend, literal_column(str(len(GATEWAY_KEY_PREFIX) + 1)))
_its_key = keys.c.id == _key_id
limits_of_key = select(keys.c.limits).where(_its_key).scalar_subquery().label("limits")
"""A column beside a purchase's: the limits of the key that made it; none without a key."""
name_of_key = select(keys.c.name).where(_its_key).scalar_subquery().label("key_name")
"""The same of the key's name."""

_KEY = Statement(select(keys.c.name, keys.c.limits).where(keys.c.id == text("key_id")))
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
        spends.c.caller_id == text("caller"), holding, one_of(spends.c.state, "intended", "sent")
    )
)
_TELL = Statement(
    update(totals)
    .where(totals.c.caller_id == text("caller"), totals.c.period == text("of_period"))
    .values(told=number("percent"))
)


class Sums(NamedTuple):
    """What counts against the budgets, in millionths of a dollar; what of them has been told."""

    day: int
    total: int
    account_day: int
    day_told: int = 0
    total_told: int = 0

    def plus(self, amount: int) -> "Sums":
        """With so much more that counts."""
        return self._replace(
            day=self.day + amount,
            total=self.total + amount,
            account_day=self.account_day + amount,
        )


async def add(tx: Tx, caller_id: str, account_id: str, at: int, amount: int) -> Sums:
    """Add to the sums of a caller and its account, and return them.

    In PostgreSQL this also locks the account's sum: its other purchases wait until the commit.
    """
    sums = await _add(tx, caller_id, account_id, at, amount)
    if amount < 0 and (sums.day_told or sums.total_told):
        key = await tx.row(_KEY, key_id=_id_of(caller_id))
        if key is not None:
            await _rearm(tx, caller_id, _budgets(key["limits"], sums, codec.day_of(at)))
    return sums


async def _add(tx: Tx, caller_id: str, account_id: str, at: int, amount: int) -> Sums:
    day, account = codec.day_of(at), _account(account_id)
    rows = await tx.rows(_ADD, caller=caller_id, account=account, day=day, amount=amount)
    sums = {(row["caller_id"], row["period"]): row for row in rows}
    today, total = sums[caller_id, day], sums[caller_id, codec.TOTAL]
    account_day = sums[account, day]["micros"]
    told = today["told"] or 0, total["told"] or 0
    return Sums(today["micros"], total["micros"], account_day, *told)


async def known(tx: Tx, caller_id: str, account_id: str, at: int) -> Sums:
    """The sums of a caller and its account, unchanged and not locked."""
    account_day, _ = await read(tx, _account(account_id), at)
    return Sums(*await read(tx, caller_id, at), account_day)


async def read(tx: Tx, caller_id: str, at: int) -> tuple[int, int]:
    """The caller's sums of that day and in all."""
    day = codec.day_of(at)
    rows = await tx.rows(_SUMS, caller=caller_id, day=day)
    sums = {row["period"]: row["micros"] for row in rows}
    return sums.get(day, 0), sums.get(codec.TOTAL, 0)


async def _standing(tx: Tx, caller_id: str, day: str) -> Sums:
    """The sums of a caller alone, not locked."""
    rows = await tx.rows(_SUMS, caller=caller_id, day=day)
    sums = {row["period"]: (row["micros"], row["told"] or 0) for row in rows}
    (today, day_told), (total, told) = (sums.get(of, (0, 0)) for of in (day, codec.TOTAL))
    return Sums(today, total, 0, day_told, told)


def _account(account_id: str) -> str:
    return f"account:{account_id}"


def _id_of(caller_id: str) -> str:
    return caller_id.removeprefix(GATEWAY_KEY_PREFIX)


class _Budget(NamedTuple):
    """One budget of a key: what counts against it, and how much of it has been told as spent."""

    limit: Literal["day", "total"]
    period: str
    whole: int
    counted: int
    told: int

    def percent(self, spent: int) -> int:
        """The highest percentage that is told which so much reaches; 0 for none."""
        return max((each for each in TOLD if spent * 100 >= self.whole * each), default=0)


async def reached(tx: Tx, spend: Row, sums: Sums | None) -> Sequence[Alarm]:
    """The budgets whose spending this end of a purchase brings to where it is told, each once.

    `spend` has the column `limits_of_key`; `sums`: as they are now, where the end changed them.
    What is under way does not count here, for it may be refused; so what was told is armed again
    only once the sum with it is below. It may lock the sums, so events are written after it.
    """
    if spend["limits"] is None or '"budget_' not in spend["limits"]:
        return ()
    caller_id, at, day = spend["caller_id"], spend["at"], codec.day_of(spend["at"])
    if sums is None:
        sums = await _standing(tx, caller_id, day)
    if all(
        each.percent(each.counted) == each.told for each in _budgets(spend["limits"], sums, day)
    ):
        return ()
    sums = await _add(tx, caller_id, spend["account_id"], at, 0)  # from here on none other counts
    budgets = await _rearm(tx, caller_id, _budgets(spend["limits"], sums, day))
    if spend["state"] not in (SpendState.BOUGHT, SpendState.UNKNOWN):
        return ()
    since = codec.start_of_day(at)
    under_way = await tx.row(_UNDER_WAY, caller=caller_id, since=since, until=since + codec.DAY)
    assert under_way is not None  # noqa: S101 - sums always have a row
    alarms: list[Alarm] = []
    for budget in budgets:
        spent = budget.counted - under_way[budget.limit]
        alarms += [
            await _alarm(tx, spend, budget, percent, spent)
            for percent in TOLD
            if budget.told < percent <= budget.percent(spent)
        ]
    return alarms


def _budgets(limits: str, sums: Sums, day: str) -> Iterator[_Budget]:
    of_key = codec.from_limits(limits)
    if of_key.budget_day:
        whole = codec.to_micros(of_key.budget_day) or 0
        yield _Budget("day", day, whole, sums.day, sums.day_told)
    if of_key.budget_total:
        whole = codec.to_micros(of_key.budget_total) or 0
        yield _Budget("total", codec.TOTAL, whole, sums.total, sums.total_told)


async def _rearm(tx: Tx, caller_id: str, budgets: Iterator[_Budget]) -> Sequence[_Budget]:
    """Let be told again what less counts against than was told: after refunds, or a higher budget.

    Returns the budgets as they stand then.
    """
    standing = []
    for budget in budgets:
        percent = min(budget.told, budget.percent(budget.counted))
        if percent < budget.told:
            await tx.execute(_TELL, caller=caller_id, of_period=budget.period, percent=percent)
        standing.append(budget._replace(told=percent))
    return standing


async def _alarm(
    tx: Tx, spend: Row, budget: _Budget, percent: Literal[80, 100], spent: int
) -> Alarm:
    """Note that so much of a budget is told as spent; the alarm that tells it."""
    caller_id = spend["caller_id"]
    key = await tx.row(_KEY, key_id=_id_of(caller_id))
    await tx.execute(_TELL, caller=caller_id, of_period=budget.period, percent=percent)
    details = EventDetails(
        key_id=_id_of(caller_id),
        key_name=None if key is None else key["name"],
        limit=budget.limit,
        percent=percent,
        spent=amount_of(spent),
        budget=amount_of(budget.whole),
    )
    return Alarm(EventType.KEY_BUDGET_REACHED, spend["account_id"], caller_id, details)
