"""What stands open, without test keys: few rows, however many have ended, found by an index."""

from sqlalchemy import and_, func, select

from adapters.store.sql import codec
from adapters.store.sql.schema import holding, not_test, one_of, spends, things, unended
from adapters.store.sql.statement import Statement, Tx, number
from adapters.store.tables.cancels import standing
from gateway.core.model.purchases import LedgerCounts

_unknown = select(func.count()).where(holding, one_of(spends.c.state, "unknown"), not_test(spends))
_active = select(func.count()).where(
    and_(unended, one_of(things.c.status, "active", "code_received")),
    things.c.active_until > number("at"),
    not_test(things),
)
_wishes = select(func.count()).select_from(things).where(standing, not_test(things))
_oldest = select(func.min(things.c.cancel_requested_at)).where(standing, not_test(things))
_COUNTS = Statement(
    select(
        _unknown.scalar_subquery().label("unknown"),
        _active.scalar_subquery().label("active"),
        _wishes.scalar_subquery().label("wishes"),
        _oldest.scalar_subquery().label("oldest"),
    )
)


async def read(tx: Tx, at: int) -> LedgerCounts:
    """The counts at one moment."""
    row = await tx.row(_COUNTS, at=at)
    assert row is not None  # noqa: S101 - it has no condition
    oldest = None if row["oldest"] is None else codec.from_instant(row["oldest"])
    return LedgerCounts(row["unknown"], row["active"], row["wishes"], oldest)
