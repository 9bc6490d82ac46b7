"""Answers of purchases that did not reach their callers, and are handed over once more.

A purchase is undelivered while its caller, who hung up, has not got the answer. While its owner
hands the answer over, that is not known: where the owner dies, it is undelivered.
"""

from collections.abc import Collection

from sqlalchemy import and_, literal_column, null, or_, select, update

from adapters.store.sql import codec
from adapters.store.sql.schema import handing_over, one_of, spends
from adapters.store.sql.statement import Row, Statement, Tx, number, text
from gateway.core.model.purchases import Spend

_MARK_UNDELIVERED = Statement(
    update(spends)
    .where(spends.c.ledger_id == text("spend_id"))
    .values(undelivered_at=number("now"))
)
_undelivered = (
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
_TAKE_UNDELIVERED = Statement(
    update(spends)
    .where(
        spends.c.ledger_id == _undelivered.scalar_subquery(),
        spends.c.undelivered_at > literal_column("0"),
    )
    .values(undelivered_at=-spends.c.undelivered_at, owner=text("taker"))
    .returning(spends)
)
_MARK_DELIVERED = Statement(
    update(spends)
    .where(spends.c.ledger_id == text("spend_id"), handing_over)
    .values(undelivered_at=null())
)
_FIND_ABANDONED = Statement(
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


async def mark_undelivered(tx: Tx, ledger_id: str, at: int) -> None:
    """One statement: its caller has hung up."""
    await tx.execute(_MARK_UNDELIVERED, spend_id=ledger_id, now=at)


async def find_abandoned(tx: Tx, caller_id: str, fingerprint: str, since: int) -> Spend | None:
    """The newest whose caller hung up while it ran, or whose answer was lost since then."""
    return _spend(await tx.row(_FIND_ABANDONED, caller=caller_id, asked=fingerprint, since=since))


async def mark_delivered(tx: Tx, ledger_ids: Collection[str]) -> None:
    """Their callers have the answers."""
    for ledger_id in sorted(ledger_ids):
        await tx.execute(_MARK_DELIVERED, spend_id=ledger_id)


async def take_undelivered(
    tx: Tx, caller_id: str, fingerprint: str, since: int, owner: str
) -> Spend | None:
    """One statement: the newest undelivered since then, which `owner` hands over from here on."""
    row = await tx.row(
        _TAKE_UNDELIVERED, caller=caller_id, asked=fingerprint, since=since, taker=owner
    )
    return _spend(row)


def _spend(row: Row | None) -> Spend | None:
    return None if row is None else codec.spend(row)
