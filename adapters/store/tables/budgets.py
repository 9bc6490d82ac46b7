"""Running sums of what was spent and is reserved, which budgets are checked against.

Of each caller by UTC day and in all, and of each account, all its callers, by UTC day. Those of a
key include the purchases of all keys below it, which it made or they made. Beside the sums stands
how much of a key's budget has been told as spent.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Literal, NamedTuple

from sqlalchemy import ColumnElement, literal_column, or_, select, update

from adapters.store.sql import codec
from adapters.store.sql.schema import keys, totals
from adapters.store.sql.statement import Row, Statement, Tx, Upsert, number, text
from gateway.core.model.callers import key_id_of

TOLD: tuple[Literal[80, 100], ...] = (80, 100)
"""At how many hundredths of a budget the spending is told."""

_TOTAL: ColumnElement[str] = literal_column(f"'{codec.TOTAL}'")
_SUMS = Statement(
    select(totals.c.period, totals.c.micros, totals.c.told).where(
        totals.c.caller_id == text("caller"),
        or_(totals.c.period == _TOTAL, totals.c.period == text("day")),
    )
)
KEY = Statement(select(keys.c.name, keys.c.limits).where(keys.c.id == text("key_id")))
"""The name and the limits of a key."""
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


@cache
def _add_to(callers: int) -> Statement:
    """The statement that adds to the sums of so many callers, `caller` and those above it.

    Always in this order, the account first and the caller last: two transactions cannot deadlock.
    """
    day, amount = text("day"), number("amount")
    rows = [{"caller_id": text("account"), "period": day, "micros": amount}]
    for place in reversed(range(callers)):
        whose = text(_names(callers)[place])
        rows += [{"caller_id": whose, "period": each, "micros": amount} for each in (_TOTAL, day)]
    return Upsert(
        totals,
        rows,
        lambda new: new.on_conflict_do_update(
            index_elements=[totals.c.caller_id, totals.c.period],
            set_={"micros": totals.c.micros + new.excluded.micros},
        ).returning(totals.c.caller_id, totals.c.period, totals.c.micros, totals.c.told),
    )


@cache
def _names(callers: int) -> tuple[str, ...]:
    return ("caller", *(f"above_{place}" for place in range(1, callers)))[:callers]


def counted_by(spend: Row) -> tuple[str, ...]:
    """The callers in whose sums a purchase counts: its own, and those above it, nearest first."""
    above: str | None = spend["ancestors"]
    return (spend["caller_id"], *above.split()) if above else (spend["caller_id"],)


async def add(
    tx: Tx, callers: Sequence[str], account_id: str, at: int, amount: int
) -> Sequence[Sums]:
    """Add to the sums of a caller, those above it and their account; those of each caller.

    In PostgreSQL this also locks the account's sum: its other purchases wait until the commit.
    """
    found = await _add(tx, callers, account_id, at, amount)
    if amount < 0:
        for caller_id, sums in zip(callers, found, strict=True):
            if not (sums.day_told or sums.total_told):
                continue
            key = await tx.row(KEY, key_id=key_id_of(caller_id))
            if key is not None:
                await rearm(tx, caller_id, of_limits(key["limits"], sums, codec.day_of(at)))
    return found


async def _add(
    tx: Tx, callers: Sequence[str], account_id: str, at: int, amount: int
) -> Sequence[Sums]:
    day, account, count = codec.day_of(at), _account(account_id), len(callers)
    whose = dict(zip(_names(count), callers, strict=True))
    rows = await tx.rows(_add_to(count), **whose, account=account, day=day, amount=amount)
    added = {(row["caller_id"], row["period"]): row for row in rows}
    account_day = added[account, day]["micros"]
    found = []
    for caller_id in callers:
        today, total = added[caller_id, day], added[caller_id, codec.TOTAL]
        told = today["told"] or 0, total["told"] or 0
        found.append(Sums(today["micros"], total["micros"], account_day, *told))
    return found


async def lock(tx: Tx, spends: Iterable[Row]) -> None:
    """Lock the sums of the accounts before all others, where one transaction changes several."""
    days = {(spend["account_id"], codec.start_of_day(spend["at"])) for spend in spends}
    for account_id, day in sorted(days):
        await _add(tx, (), account_id, day, 0)


async def known(tx: Tx, callers: Sequence[str], account_id: str, at: int) -> Sequence[Sums]:
    """The sums of each of the callers and their account, unchanged and not locked."""
    account_day, _ = await read(tx, _account(account_id), at)
    return [Sums(*await read(tx, caller_id, at), account_day) for caller_id in callers]


async def read(tx: Tx, caller_id: str, at: int) -> tuple[int, int]:
    """The caller's sums of that day and in all."""
    day = codec.day_of(at)
    rows = await tx.rows(_SUMS, caller=caller_id, day=day)
    sums = {row["period"]: row["micros"] for row in rows}
    return sums.get(day, 0), sums.get(codec.TOTAL, 0)


async def standing(tx: Tx, caller_id: str, day: str) -> Sums:
    """The sums of a caller alone, not locked."""
    rows = await tx.rows(_SUMS, caller=caller_id, day=day)
    sums = {row["period"]: (row["micros"], row["told"] or 0) for row in rows}
    (today, day_told), (total, told) = (sums.get(of, (0, 0)) for of in (day, codec.TOTAL))
    return Sums(today, total, 0, day_told, told)


def _account(account_id: str) -> str:
    return f"account:{account_id}"


class Budget(NamedTuple):
    """One budget of a key: what counts against it, and how much of it has been told as spent."""

    limit: Literal["day", "total"]
    period: str
    whole: int
    counted: int
    told: int

    def percent(self, spent: int) -> int:
        """The highest percentage that is told which so much reaches; 0 for none."""
        return max((each for each in TOLD if spent * 100 >= self.whole * each), default=0)


def in_limits(limits: str | None) -> bool:
    """Whether there are budgets in a key's limits, as they are stored."""
    return limits is not None and '"budget_' in limits


def of_limits(limits: str | None, sums: Sums, day: str) -> Iterator[Budget]:
    """The budgets of a key."""
    if limits is None or not in_limits(limits):
        return
    of_key = codec.from_limits(limits)
    if of_key.budget_day:
        whole = codec.to_micros(of_key.budget_day) or 0
        yield Budget("day", day, whole, sums.day, sums.day_told)
    if of_key.budget_total:
        whole = codec.to_micros(of_key.budget_total) or 0
        yield Budget("total", codec.TOTAL, whole, sums.total, sums.total_told)


async def rearm(tx: Tx, caller_id: str, budgets: Iterator[Budget]) -> Sequence[Budget]:
    """Let be told again what less counts against than was told: after refunds, or a higher budget.

    Returns the budgets as they stand then.
    """
    standing = []
    for budget in budgets:
        percent = min(budget.told, budget.percent(budget.counted))
        if percent < budget.told:
            await tell(tx, caller_id, budget, percent)
        standing.append(budget._replace(told=percent))
    return standing


async def tell(tx: Tx, caller_id: str, budget: Budget, percent: int) -> None:
    """Note that so much of a budget is told as spent."""
    await tx.execute(_TELL, caller=caller_id, of_period=budget.period, percent=percent)
