"""Wishes to cancel: written into the rental, claimed for a try, put off, dropped.

A wish stands while the rental has a `cancel_due_at`. What brings a code or an end removes that, in
`rentals`.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, and_, case, func, literal_column, null, select, update

from adapters.store.sql import codec
from adapters.store.sql.schema import one_of, things, wanted
from adapters.store.sql.statement import Row, Statement, Tx, Value, number, text
from adapters.store.tables import codes, events
from adapters.store.tables.rentals import LOCKED, may_be_cancelled
from gateway.core.model.rentals import CancelReason, CancelWish, Rental

_UNUSED: ColumnElement[str] = literal_column(f"'{CancelReason.UNUSED.value}'")
# Also without those that a process of an earlier version has ended, or read a code of.
standing = and_(wanted, one_of(things.c.status, "active", "unknown"), things.c.code.is_(None))
_this = (
    things.c.account_id == text("account_id"),
    things.c.kind == literal_column("'rental'"),
    things.c.provider_id == number("rental_id"),
)
_WANT = Statement(
    update(things)
    .where(*_this)
    .values(
        cancel_requested_at=number("at"),
        cancel_available_at=null(),
        cancel_reason=text("reason"),
        cancel_due_at=number("due_at"),
    )
    .returning(things)
)
_CLAIM = Statement(
    update(things).where(*_this).values(cancel_due_at=number("due_at")).returning(things)
)
_due = (
    select(things.c.ledger_id)
    .where(standing, things.c.account_id == text("account_id"))
    .where(things.c.cancel_due_at <= number("at"))
    .order_by(
        case((things.c.cancel_reason == _UNUSED, literal_column("1")), else_=literal_column("0")),
        things.c.cancel_due_at,
        things.c.ledger_id,
    )
    .limit(number("limit"))
    .with_for_update(skip_locked=True)
    .cte("due")
)
_CLAIM_DUE = Statement(
    update(things)
    .where(things.c.ledger_id.in_(select(_due.c.ledger_id)))
    .values(cancel_due_at=number("until"))
    .returning(things)
)
_ACCOUNTS = Statement(
    select(things.c.account_id, func.min(things.c.cancel_due_at).label("due_at"))
    .where(standing)
    .group_by(things.c.account_id)
)
_COUNT = Statement(
    select(func.count().label("asked"))
    .where(standing, things.c.account_id == text("account_id"))
    .where(things.c.cancel_due_at <= number("at"), things.c.cancel_reason != _UNUSED)
)
_PUT_OFF = Statement(
    update(things)
    .where(*_this, wanted)
    .values(cancel_due_at=number("due_at"), cancel_available_at=number("available_at"))
    .returning(things)
)
_DROP = Statement(
    update(things)
    .where(*_this, wanted, things.c.cancel_reason == text("reason"))
    .values(cancel_due_at=null(), cancel_requested_at=null(), cancel_available_at=null())
    .returning(things)
)


async def want(tx: Tx, account_id: str, rental_id: int, reason: CancelReason, at: int) -> None:
    """Write a wish down, due at once; as the last step of a transaction.

    Not where the rental is not known, is over or has a code. A wish that stands is kept, but for
    one of the gateway's own, which any other takes the place of. The gateway wants it once, and
    only of what was bought here and has no code at all.
    """
    await _want(tx, account_id, rental_id, reason, at, at)


async def want_and_claim(
    tx: Tx, account_id: str, rental_id: int, reason: CancelReason, at: int, until: int
) -> CancelWish | None:
    """As want, and claim it until then where it is due."""
    row, claimed = await _want(tx, account_id, rental_id, reason, at, until)
    if row is None:
        return None
    return _wish(row, codec.rental(row, await codes.of(tx, row)), claimed=claimed)


async def _want(
    tx: Tx, account_id: str, rental_id: int, reason: CancelReason, at: int, due_at: int
) -> tuple[Row | None, bool]:
    """As want; also whether the wish is due then, and was due before or is new."""
    row = await tx.row(LOCKED, account_id=account_id, kind="rental", provider_id=rental_id)
    if row is None or not may_be_cancelled(row):
        return None, False
    before, due = row["cancel_reason"], row["cancel_due_at"]
    unused = reason is CancelReason.UNUSED
    if unused and (before is not None or row["coded"] or row["caller_id"] is None):
        return None, False
    this: dict[str, Value] = {"account_id": account_id, "rental_id": rental_id}
    if due is not None and before != CancelReason.UNUSED:
        if due > at:
            return row, False
        return await tx.row(_CLAIM, **this, due_at=due_at), True
    written = await tx.row(_WANT, **this, at=at, due_at=due_at, reason=reason.value)
    if written is not None and not unused:  # what the gateway wants may be dropped soon
        await events.cancel_requested(tx, written, at)
    else:
        await events.notify(tx, account_id, rental_id)
    return written, True


async def claim_due(
    tx: Tx, account_id: str, at: int, until: int, limit: int
) -> Sequence[CancelWish]:
    """Claim the wishes that are due, those that were asked for first."""
    rows = await tx.rows(_CLAIM_DUE, account_id=account_id, at=at, until=until, limit=limit)
    found = [_wish(row, codec.rental(row), claimed=True) for row in rows]
    return sorted(found, key=_asked_first)


async def accounts(tx: Tx) -> Sequence[tuple[str, datetime]]:
    """The accounts where wishes stand, each with the time when the first is due."""
    rows = await tx.rows(_ACCOUNTS)
    return [(row["account_id"], codec.from_instant(row["due_at"])) for row in rows]


async def count(tx: Tx, account_id: str, until: int) -> int:
    """How many wishes that were asked for are due until then."""
    row = await tx.row(_COUNT, account_id=account_id, at=until)
    return 0 if row is None else int(row["asked"])


async def put_off(
    tx: Tx, account_id: str, rental_id: int, due_at: int, available_at: int | None
) -> Rental | None:
    """Try a wish again then; None where it does not stand."""
    row = await tx.row(
        _PUT_OFF,
        account_id=account_id,
        rental_id=rental_id,
        due_at=due_at,
        available_at=available_at,
    )
    return await _told(tx, row)


async def drop(tx: Tx, account_id: str, rental_id: int, reason: CancelReason) -> Rental | None:
    """End a wish of this reason, which stays to be seen here; None where none stands."""
    row = await tx.row(_DROP, account_id=account_id, rental_id=rental_id, reason=reason.value)
    return await _told(tx, row)


async def _told(tx: Tx, row: Row | None) -> Rental | None:
    if row is None:
        return None
    await events.notify(tx, row["account_id"], row["provider_id"])
    return codec.rental(row, await codes.of(tx, row))


def _asked_first(wish: CancelWish) -> tuple[bool, str]:
    return wish.reason is CancelReason.UNUSED, wish.rental.ledger_id or ""


def _wish(row: Row, rental: Rental, *, claimed: bool) -> CancelWish:
    return CancelWish(
        rental,
        CancelReason(row["cancel_reason"]),
        codec.from_instant(row["cancel_due_at"]),
        claimed,
    )
