"""Purchases whose answer never reached the caller."""

from sqlalchemy import and_, literal_column, null, or_, select, update

from adapters.store import codec
from adapters.store.schema import one_of, spends
from adapters.store.statement import Statement, Tx, number, text
from gateway.core.ledger import Spend

_MARK = Statement(
    update(spends)
    .where(spends.c.ledger_id == text("spend_id"))
    .values(undelivered_at=number("now"))
)
_newest = (
    select(spends.c.ledger_id)
    .where(
        spends.c.caller_id == text("caller"),
        spends.c.fingerprint == text("asked"),
        one_of(spends.c.state, "bought"),
        spends.c.undelivered_at >= number("since"),
    )
    .order_by(spends.c.at.desc(), spends.c.ledger_id.desc())
    .limit(literal_column("1"))
    .with_for_update(skip_locked=True)
)
_TAKE = Statement(
    update(spends)
    .where(spends.c.ledger_id == _newest.scalar_subquery(), spends.c.undelivered_at.is_not(None))
    .values(undelivered_at=null())
    .returning(spends)
)
_ABANDONED = Statement(
    select(spends)
    .where(
        spends.c.caller_id == text("caller"),
        spends.c.fingerprint == text("asked"),
        spends.c.request_id.is_(None),
        spends.c.undelivered_at.is_not(None),
        or_(
            one_of(spends.c.state, "intended", "sent"),
            and_(one_of(spends.c.state, "unknown"), spends.c.undelivered_at >= number("since")),
        ),
    )
    .order_by(spends.c.at.desc(), spends.c.ledger_id.desc())
    .limit(literal_column("1"))
)


async def abandoned(tx: Tx, caller_id: str, fingerprint: str, since: int) -> Spend | None:
    """The newest whose asker has hung up while it runs, or whose answer was lost since then."""
    row = await tx.row(_ABANDONED, caller=caller_id, asked=fingerprint, since=since)
    return None if row is None else codec.spend(row)


async def mark(tx: Tx, ledger_id: str, at: int) -> None:
    """One statement: its asker has hung up."""
    await tx.execute(_MARK, spend_id=ledger_id, now=at)


async def take(tx: Tx, caller_id: str, fingerprint: str, since: int) -> Spend | None:
    """One statement: the newest, for this taker alone."""
    row = await tx.row(_TAKE, caller=caller_id, asked=fingerprint, since=since)
    return None if row is None else codec.spend(row)
