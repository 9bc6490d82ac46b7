"""Deletes what is no longer needed: old codes, answers and request ids. Money entries stay."""

from sqlalchemy import and_, case, delete, null, or_, update

from adapters.store.sql.schema import (
    codes,
    deliveries,
    hints,
    leases,
    letters,
    one_of,
    places,
    spends,
    things,
)
from adapters.store.sql.statement import Statement, Tx, number
from adapters.store.tables import events, usage

_settled = one_of(spends.c.state, "bought", "refused")
_FREE_REQUESTS = Statement(
    update(spends)
    .where(spends.c.kept_at < number("before"), spends.c.request_id.is_not(None), _settled)
    .values(
        request_id=null(),
        kept_at=case((spends.c.answer_status.is_(None), null()), else_=spends.c.kept_at),
    )
)
_DELETE_ANSWERS = Statement(
    update(spends)
    .where(spends.c.kept_at < number("before"), _settled)
    .where(or_(spends.c.answer_status.is_not(None), spends.c.request_id.is_(None)))
    .values(
        answer_status=null(),
        answer_body=null(),
        kept_at=case((spends.c.request_id.is_(None), null()), else_=spends.c.kept_at),
    )
)
_DELETE_CODES = Statement(delete(codes).where(codes.c.received_at < number("before")))
_DELETE_NEWEST = Statement(
    update(things)
    .where(and_(things.c.code_at < number("before"), things.c.code.is_not(None)))
    .values(code=null(), code_at=null())
)
_DELETE_HINTS = Statement(delete(hints).where(hints.c.received_at < number("before")))
_DELETE_LETTERS = Statement(delete(letters).where(letters.c.added_at < number("before")))
_DELETE_DELIVERIES = Statement(delete(deliveries).where(deliveries.c.queued_at < number("before")))
_DELETE_LEASES = Statement(delete(leases).where(leases.c.until < number("before")))
_DELETE_PLACES = Statement(delete(places).where(places.c.taken_at < number("before")))
_COUNTED = (
    _DELETE_ANSWERS,
    _DELETE_CODES,
    _DELETE_NEWEST,
    _DELETE_HINTS,
    _DELETE_LETTERS,
    _DELETE_DELIVERIES,
)
_UNCOUNTED = (_DELETE_LEASES, _DELETE_PLACES)  # soon made again where they are used


async def purge(tx: Tx, before: int, requests_before: int) -> int:
    """Delete what is older; answer how many rows that changed, leases and places aside."""
    await tx.execute(usage.NOTE_CODES, before=before)
    changed = await tx.execute(_FREE_REQUESTS, before=requests_before)
    for statement in _COUNTED:
        changed += await tx.execute(statement, before=before)
    changed += await events.delete_old(tx, before)
    for statement in _UNCOUNTED:
        await tx.execute(statement, before=requests_before)
    return changed
