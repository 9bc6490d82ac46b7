"""Running sums of what was spent and is reserved, which budgets are checked against.

Of each caller by UTC day and in all, and of each account, all its callers, by UTC day.
"""

from typing import NamedTuple

from sqlalchemy import ColumnElement, literal_column, or_, select
from sqlalchemy.dialects.postgresql import insert

from adapters.store.sql import codec
from adapters.store.sql.schema import totals
from adapters.store.sql.statement import Statement, Tx, number, text

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
    ).returning(totals.c.caller_id, totals.c.period, totals.c.micros)
)
_SUMS = Statement(
    select(totals.c.period, totals.c.micros).where(
        totals.c.caller_id == text("caller"),
        or_(totals.c.period == _TOTAL, totals.c.period == text("day")),
    )
)


class Sums(NamedTuple):
    """What counts against the budgets, in millionths of a dollar."""

    day: int
    total: int
    account_day: int


async def add(tx: Tx, caller_id: str, account_id: str, at: int, amount: int) -> Sums:
    """Add to the sums of a caller and its account, and return them.

    In PostgreSQL this also locks the account's sum: its other purchases wait until the commit.
    """
    day, account = codec.day_of(at), _account(account_id)
    rows = await tx.rows(_ADD, caller=caller_id, account=account, day=day, amount=amount)
    sums = {(row["caller_id"], row["period"]): row["micros"] for row in rows}
    return Sums(sums[caller_id, day], sums[caller_id, codec.TOTAL], sums[account, day])


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


def _account(account_id: str) -> str:
    return f"account:{account_id}"
