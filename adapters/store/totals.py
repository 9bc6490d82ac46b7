"""What each caller has spent and reserved, kept as running sums: by UTC day, and in all."""

from sqlalchemy import ColumnElement, literal_column, or_, select
from sqlalchemy.dialects.postgresql import insert

from adapters.store import codec
from adapters.store.schema import totals
from adapters.store.statement import Statement, Tx, number, text

_TOTAL: ColumnElement[str] = literal_column(f"'{codec.TOTAL}'")
_sums = insert(totals).values(
    [
        # The same order always, so that two transactions never wait for each other.
        {"caller_id": text("caller"), "period": _TOTAL, "micros": number("amount")},
        {"caller_id": text("caller"), "period": text("day"), "micros": number("amount")},
    ]
)
_ADD = Statement(
    _sums.on_conflict_do_update(
        index_elements=[totals.c.caller_id, totals.c.period],
        set_={"micros": totals.c.micros + _sums.excluded.micros},
    ).returning(totals.c.period, totals.c.micros)
)
_SUMS = Statement(
    select(totals.c.period, totals.c.micros).where(
        totals.c.caller_id == text("caller"),
        or_(totals.c.period == _TOTAL, totals.c.period == text("day")),
    )
)


async def add(tx: Tx, caller_id: str, at: int, amount: int) -> tuple[int, int]:
    """Add to the sums of that day and in all, and answer them.

    In PostgreSQL this also keeps the caller's other purchases waiting until the commit.
    """
    day = codec.day_of(at)
    rows = await tx.rows(_ADD, caller=caller_id, day=day, amount=amount)
    sums = {row["period"]: row["micros"] for row in rows}
    return sums[day], sums[codec.TOTAL]


async def read(tx: Tx, caller_id: str, at: int) -> tuple[int, int]:
    """The sums of that day and in all."""
    day = codec.day_of(at)
    rows = await tx.rows(_SUMS, caller=caller_id, day=day)
    sums = {row["period"]: row["micros"] for row in rows}
    return sums.get(day, 0), sums.get(codec.TOTAL, 0)
