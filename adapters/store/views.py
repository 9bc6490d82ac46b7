"""Reading what callers may see."""

from collections.abc import Mapping, Sequence
from functools import cache

from sqlalchemy import or_, select

from adapters.store import codec
from adapters.store.schema import things
from adapters.store.statement import Statement, Tx, number, text
from gateway.core.ledger import Thing, View
from gateway.core.rentals import Rental
from gateway.core.values import Kind

_seen = (
    select(things)
    .where(things.c.account_id == text("account_id"), things.c.kind == text("kind"))
    .where(or_(text("caller_id").is_(None), things.c.caller_id == text("caller_id")))
)
_ONE = Statement(_seen.where(things.c.provider_id == number("provider_id")))
_BOUGHT = Statement(
    select(things.c.ledger_id).where(
        things.c.account_id == text("account_id"),
        things.c.kind == text("kind"),
        things.c.provider_id == number("provider_id"),
        things.c.caller_id.is_not(None),
    )
)
_ALL = Statement(_seen.where(things.c.provider_id.is_not(None)).order_by(things.c.ledger_id))


async def find(tx: Tx, view: View, kind: Kind, provider_id: int) -> Thing | None:
    """One thing, where the view holds it."""
    row = await tx.row(
        _ONE,
        account_id=view.account_id,
        caller_id=view.caller_id,
        kind=kind,
        provider_id=provider_id,
    )
    return None if row is None else codec.thing(row, kind)


async def is_bought(tx: Tx, account_id: str, kind: Kind, provider_id: int) -> bool:
    """Whether a thing was bought here, by whomever of the account."""
    row = await tx.row(_BOUGHT, account_id=account_id, kind=kind, provider_id=provider_id)
    return row is not None


async def find_all(tx: Tx, view: View, kind: Kind) -> Sequence[Thing]:
    """All things of a kind, oldest first."""
    rows = await tx.rows(_ALL, account_id=view.account_id, caller_id=view.caller_id, kind=kind)
    return [codec.thing(row, kind) for row in rows]


async def list_rentals(
    tx: Tx,
    view: View,
    narrowed: Mapping[str, str | None],
    limit: int,
    before: str | None,
) -> Sequence[Rental]:
    """Rentals, newest first; `narrowed` by what stands in these columns."""
    asked = {"account_id": view.account_id, "caller_id": view.caller_id, **narrowed}
    given = {name: value for name, value in asked.items() if value is not None}
    page = _page(frozenset(given), before is not None)
    rows = await tx.rows(page, **given, before=before, limit=limit)
    return [codec.rental(row) for row in rows]


@cache
def _page(narrowed: frozenset[str], further: bool) -> Statement:
    """The statement with just the conditions asked for, so that an index serves it."""
    page = select(things).where(things.c.kind == "rental")
    for name in sorted(narrowed):
        page = page.where(things.c[name] == text(name))
    if further:
        page = page.where(things.c.ledger_id < text("before"))
    return Statement(page.order_by(things.c.ledger_id.desc()).limit(number("limit")))
