"""What is no longer needed: old codes, answers and request ids. Money entries stay."""

from sqlalchemy import and_, case, delete, null, or_, update

from adapters.store.sql.schema import events, hints, leases, letters, one_of, places, things
from adapters.store.sql.schema import spends as table
from adapters.store.sql.statement import Statement, Tx, number

_settled = one_of(table.c.state, "bought", "refused")
_FREE_REQUESTS = Statement(
    update(table)
    .where(table.c.kept_at < number("before"), table.c.request_id.is_not(None), _settled)
    .values(
        request_id=null(),
        kept_at=case((table.c.answer_status.is_(None), null()), else_=table.c.kept_at),
    )
)
_FORGET_ANSWERS = Statement(
    update(table)
    .where(table.c.kept_at < number("before"), _settled)
    .where(or_(table.c.answer_status.is_not(None), table.c.request_id.is_(None)))
    .values(
        answer_status=null(),
        answer_body=null(),
        kept_at=case((table.c.request_id.is_(None), null()), else_=table.c.kept_at),
    )
)
_FORGET_EVENTS = Statement(delete(events).where(events.c.oldest < number("before")))
_FORGET_HINTS = Statement(delete(hints).where(hints.c.received_at < number("before")))
_FORGET_LETTERS = Statement(delete(letters).where(letters.c.added_at < number("before")))
_FORGET_LEASES = Statement(delete(leases).where(leases.c.until < number("before")))
_FORGET_PLACES = Statement(delete(places).where(places.c.taken_at < number("before")))
_FORGET_CODES = Statement(
    update(things)
    .where(and_(things.c.code_at < number("before"), things.c.code.is_not(None)))
    .values(code=null(), code_at=null())
)
_FORGET = (
    _FORGET_ANSWERS, _FORGET_CODES, _FORGET_EVENTS, _FORGET_HINTS, _FORGET_LETTERS,
)  # fmt: skip
_CLEAR = (_FORGET_LEASES, _FORGET_PLACES)  # soon made again where they are used


async def purge(tx: Tx, before: int, requests_before: int) -> int:
    """Forget what is older; answer how many rows that changed."""
    forgotten = await tx.execute(_FREE_REQUESTS, before=requests_before)
    for statement in _FORGET:
        forgotten += await tx.execute(statement, before=before)
    for statement in _CLEAR:
        await tx.execute(statement, before=requests_before)
    return forgotten
