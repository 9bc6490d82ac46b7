"""What was bought, or seen in the account: rentals and long rentals."""

from collections.abc import Mapping, Sequence
from functools import cache

from sqlalchemy import case, delete, func, literal_column, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from adapters.store.sql import codec
from adapters.store.sql.schema import one_of, spends, things
from adapters.store.sql.statement import Row, Statement, Tx, Value, like, number, text
from adapters.store.tables import budgets as totals
from adapters.store.tables import events as telling
from gateway.core.model.purchases import AnyRental, View
from gateway.core.model.rentals import Rental
from gateway.core.model.values import Kind

_FACTS = (
    "status", "service_code", "service_name", "number", "code", "code_at", "price", "created_at",
    "ends_at", "period", "auto_renew", "rented_on", "ends_on",
)  # fmt: skip
_IDENTITY = ("ledger_id", "account_id", "kind", "provider_id", "caller_id", "active_until")
_SAME = [things.c.account_id, things.c.kind, things.c.provider_id]
_ENDED = ("completed", "cancelled", "expired")


_row = insert(things).values({name: like(things.c[name]) for name in (*_IDENTITY, *_FACTS)})
_INSERT = Statement(_row)
# A webhook or a status may have told of it before the purchase was answered: what it knows more
# stays. What another purchase brought is that purchase's.
_TAKE = Statement(
    _row.on_conflict_do_update(
        index_elements=_SAME,
        set_={
            **{name: func.coalesce(_row.excluded[name], things.c[name]) for name in _FACTS},
            "status": case(
                (one_of(things.c.status, "active", "unknown"), _row.excluded.status),
                else_=things.c.status,
            ),
            **{name: _row.excluded[name] for name in ("ledger_id", "caller_id", "active_until")},
        },
        where=things.c.caller_id.is_(None),
    ).returning(things)
)
_PLACE = Statement(_row.on_conflict_do_nothing(index_elements=[things.c.ledger_id]))
_DROP = Statement(
    delete(things).where(things.c.ledger_id == text("ledger_id"), things.c.provider_id.is_(None))
)
_known = select(things).where(
    things.c.account_id == text("account_id"),
    things.c.kind == text("kind"),
    things.c.provider_id == number("provider_id"),
)
_KNOWN, _LOCKED = Statement(_known), Statement(_known.with_for_update())
_CHANGE = Statement(
    update(things)
    .where(things.c.ledger_id == text("thing_id"))
    .values({name: like(things.c[name], f"new_{name}") for name in _FACTS})
)
_REFUND = Statement(
    update(spends)
    .where(
        spends.c.ledger_id == text("spend_id"),
        one_of(spends.c.state, "bought"),
        spends.c.refunded == literal_column("0"),
        spends.c.charged > literal_column("0"),
    )
    .values(refunded=spends.c.charged)
    .returning(spends.c.caller_id, spends.c.account_id, spends.c.at, spends.c.charged)
)


async def put_bought(tx: Tx, spend: Row, thing: AnyRental, at: int) -> None:
    """Write down what a purchase brought."""
    facts = _dated(codec.facts(thing), at)
    if facts["service_code"] is None:
        facts["service_code"] = spend["service_code"]
    whole = {**facts, **_identity(spend, thing.id)}
    taken = await tx.row(_TAKE, **whole)
    if not isinstance(thing, Rental):
        return
    if taken is not None and taken["status"] == "cancelled":
        await _refund(tx, spend["ledger_id"])
    await telling.rented(tx, whole if taken is None else taken, at)


async def put_placeholder(tx: Tx, spend: Row) -> None:
    """Write down what a purchase may have brought."""
    known = {**codec.NO_FACTS, "service_code": spend["service_code"], "status": "unknown"}
    await tx.execute(
        _PLACE, **known, **_identity(spend, None), number=None, price=None, code_at=None
    )


async def drop_placeholder(tx: Tx, ledger_id: str) -> None:
    """What it may have brought is known now."""
    await tx.execute(_DROP, ledger_id=ledger_id)


def _identity(spend: Row, provider_id: int | None) -> dict[str, Value]:
    same = {name: spend[name] for name in ("ledger_id", "account_id", "kind", "caller_id")}
    return {**same, "active_until": spend["active_until"], "provider_id": provider_id}


async def unchanged(tx: Tx, account_id: str, thing: AnyRental) -> AnyRental | None:
    """The whole of a thing, where what the provider said of it is known already."""
    row = await tx.row(_KNOWN, **_key(account_id, thing))
    if row is None or _merged(row, codec.facts(thing), at=0) is not None:
        return None
    return codec.thing(row, kind_of(thing), thing)


async def merge(tx: Tx, account_id: str, thing: AnyRental, at: int, *, ledger_id: str) -> AnyRental:
    """Merge what the provider said of a thing; `ledger_id` is for one never heard of."""
    key, facts = _key(account_id, thing), codec.facts(thing)
    row = await tx.row(_LOCKED, **key)
    if row is None:
        identity = {"ledger_id": ledger_id, "caller_id": None, "active_until": facts["ends_at"]}
        whole = {**_dated(facts, at), **key, **identity}
        await tx.execute(_INSERT, **whole)
        if isinstance(thing, Rental):
            await telling.changed(tx, None, whole, at)
        return codec.thing(whole, kind_of(thing), thing)
    merged = _merged(row, facts, at)
    if merged is None:
        return codec.thing(row, kind_of(thing), thing)
    news = {f"new_{name}": value for name, value in merged.items()}
    await tx.execute(_CHANGE, **news, thing_id=row["ledger_id"])
    whole = {**key, **merged, **{name: row[name] for name in ("ledger_id", "caller_id")}}
    if isinstance(thing, Rental):
        if merged["status"] == "cancelled" != row["status"]:
            await _refund(tx, row["ledger_id"])
        await telling.changed(tx, row, whole, at)
    return codec.thing(whole, kind_of(thing), thing)


def _merged(row: Row, facts: dict[str, Value], at: int) -> dict[str, Value] | None:
    """All facts as they are known now; None where that is what was known before."""
    known = {name: row[name] for name in _FACTS}
    merged = known | {name: value for name, value in facts.items() if value is not None}
    if facts["status"] == "unknown" and known["status"] in _ENDED:
        merged["status"] = known["status"]
    if merged == known:
        return None
    if merged["code"] != known["code"]:
        merged["code_at"] = at
    return merged


def _dated(facts: dict[str, Value], at: int) -> dict[str, Value]:
    return {**facts, "code_at": None if facts["code"] is None else at}


def _key(account_id: str, thing: AnyRental) -> dict[str, Value]:
    return {"account_id": account_id, "kind": kind_of(thing), "provider_id": thing.id}


def kind_of(thing: AnyRental) -> Kind:
    """The word for what it is."""
    return "rental" if isinstance(thing, Rental) else "long_rental"


async def _refund(tx: Tx, ledger_id: str) -> None:
    """Give the price back to the budgets it was taken from: that day's, and the whole."""
    row = await tx.row(_REFUND, spend_id=ledger_id)
    if row is not None:
        await totals.add(tx, row["caller_id"], row["account_id"], row["at"], -row["charged"])


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


async def find(tx: Tx, view: View, kind: Kind, provider_id: int) -> AnyRental | None:
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


async def find_all(tx: Tx, view: View, kind: Kind) -> Sequence[AnyRental]:
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
