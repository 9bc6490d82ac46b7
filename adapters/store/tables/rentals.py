"""Rentals and long rentals: those a purchase brought, and those only seen in the account."""

from collections.abc import Mapping, Sequence
from functools import cache

from sqlalchemy import case, delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from adapters.store.sql import codec
from adapters.store.sql.schema import one_of, things, unended
from adapters.store.sql.statement import Row, Statement, Tx, Value, like, number, text
from adapters.store.tables import events, refunds
from gateway.core.model.purchases import AnyRental, RefundReason, View
from gateway.core.model.rentals import Rental
from gateway.core.model.values import Kind

_FACTS = (
    "status", "service_code", "service_name", "number", "code", "code_at", "price", "created_at",
    "ends_at", "period", "auto_renew", "rented_on", "ends_on", "refunded", "given_up",
)  # fmt: skip
_OPEN = ("active", "code_received", "unknown")
_IDENTITY = ("ledger_id", "account_id", "kind", "provider_id", "caller_id", "active_until")
_row = insert(things).values({name: like(things.c[name]) for name in (*_IDENTITY, *_FACTS)})
_INSERT = Statement(_row)
# A webhook or a status read may have stored the rental before its purchase was settled: what only
# that row knows stays. A row that belongs to another purchase is left as it is.
_PUT_BOUGHT = Statement(
    _row.on_conflict_do_update(
        index_elements=[things.c.account_id, things.c.kind, things.c.provider_id],
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
_PUT_PLACEHOLDER = Statement(_row.on_conflict_do_nothing(index_elements=[things.c.ledger_id]))
_DROP_PLACEHOLDER = Statement(
    delete(things).where(things.c.ledger_id == text("ledger_id"), things.c.provider_id.is_(None))
)
_CHANGE = Statement(
    update(things)
    .where(things.c.ledger_id == text("thing_id"))
    .values({name: like(things.c[name], f"new_{name}") for name in _FACTS})
)
_known = select(things).where(
    things.c.account_id == text("account_id"),
    things.c.kind == text("kind"),
    things.c.provider_id == number("provider_id"),
)
_KNOWN = Statement(_known)
_LOCKED = Statement(_known.with_for_update())
_IS_BOUGHT = Statement(
    _known.with_only_columns(things.c.ledger_id).where(things.c.caller_id.is_not(None))
)
_seen = (
    select(things)
    .where(things.c.account_id == text("account_id"), things.c.kind == text("kind"))
    .where(or_(text("caller_id").is_(None), things.c.caller_id == text("caller_id")))
)
_unended = select(things).where(unended)
_UNENDED = Statement(
    _unended.where(things.c.account_id == text("account_id")).order_by(things.c.ledger_id)
)
_ACCOUNTS = Statement(_unended.with_only_columns(things.c.account_id).distinct())
_FIND = Statement(_seen.where(things.c.provider_id == number("provider_id")))
_FIND_ALL = Statement(_seen.where(things.c.provider_id.is_not(None)).order_by(things.c.ledger_id))


async def put_bought(tx: Tx, spend: Row, rental: AnyRental, at: int) -> None:
    """Write down what a purchase brought."""
    facts = _dated(codec.facts(rental), at)
    if facts["service_code"] is None:
        facts["service_code"] = spend["service_code"]
    whole = {**facts, **_identity(spend, rental.id)}
    put = await tx.row(_PUT_BOUGHT, **whole)
    if not isinstance(rental, Rental):
        return
    if put is not None:
        whole = {name: put[name] for name in (*_IDENTITY, *_FACTS)}
        if put["status"] == "cancelled" or put["refunded"] is not None:
            whole = await _give_back(tx, whole, at)
            await tx.execute(_CHANGE, **_changes(whole), thing_id=spend["ledger_id"])
    await events.created(tx, whole, at)


async def put_placeholder(tx: Tx, spend: Row) -> None:
    """Write down what a purchase may have brought: a rental of unknown status, without an id."""
    known = {
        **codec.NO_FACTS,
        "service_code": spend["service_code"],
        "status": "unknown",
        "created_at": spend["at"],
    }
    await tx.execute(
        _PUT_PLACEHOLDER, **known, **_identity(spend, None), number=None, price=None, code_at=None
    )


async def drop_placeholder(tx: Tx, ledger_id: str) -> None:
    """Delete the placeholder of a purchase whose outcome is known now."""
    await tx.execute(_DROP_PLACEHOLDER, ledger_id=ledger_id)


def _identity(spend: Row, provider_id: int | None) -> dict[str, Value]:
    same = {name: spend[name] for name in ("ledger_id", "account_id", "kind", "caller_id")}
    return {**same, "active_until": spend["active_until"], "provider_id": provider_id}


async def unchanged(
    tx: Tx, account_id: str, rental: AnyRental, refund_expired: bool
) -> AnyRental | None:
    """All that is known of a rental; None where what the provider said of it is news."""
    row = await tx.row(_KNOWN, **_key(account_id, rental))
    if row is None or _merged(row, codec.facts(rental), 0, refund_expired) is not None:
        return None
    return codec.any_rental(row, rental)


async def merge(
    tx: Tx,
    account_id: str,
    rental: AnyRental,
    at: int,
    *,
    ledger_id: str,
    refund_expired: bool = False,
) -> AnyRental:
    """Merge what the provider said of a rental; `ledger_id` is for one not known before."""
    key, facts = _key(account_id, rental), codec.facts(rental)
    row = await tx.row(_LOCKED, **key)
    if row is None:
        identity = {"ledger_id": ledger_id, "caller_id": None, "active_until": facts["ends_at"]}
        whole = {**_dated(facts, at), **key, **identity}
        if isinstance(rental, Rental) and _comes_back(None, whole, refund_expired):
            whole["refunded"] = whole["price"] or 0
        await tx.execute(_INSERT, **whole)
        if isinstance(rental, Rental):
            await events.changed(tx, None, whole, at)
        return codec.any_rental(whole, rental)
    merged = _merged(row, facts, at, refund_expired)
    if merged is None:
        return codec.any_rental(row, rental)
    return codec.any_rental(await _change(tx, row, merged, at), rental)


async def give_up(tx: Tx, account_id: str, rental_id: int, at: int) -> Rental | None:
    """End a rental as expired, without a refund; None where it has ended or is not known."""
    row = await tx.row(_LOCKED, account_id=account_id, kind="rental", provider_id=rental_id)
    if row is None or row["status"] in events.ENDED:
        return None
    known = {name: row[name] for name in _FACTS}
    return codec.rental(await _change(tx, row, {**known, "status": "expired", "given_up": 1}, at))


async def _change(tx: Tx, row: Row, facts: dict[str, Value], at: int) -> dict[str, Value]:
    """Write down all facts of a rental as they are known now."""
    whole = {**{name: row[name] for name in _IDENTITY}, **facts}
    if facts["refunded"] != row["refunded"]:
        whole = await _give_back(tx, whole, at)
    await tx.execute(_CHANGE, **_changes(whole), thing_id=row["ledger_id"])
    if whole["kind"] == "rental":
        await events.changed(tx, row, whole, at)
    return whole


def _changes(whole: Mapping[str, Value]) -> dict[str, Value]:
    return {f"new_{name}": whole[name] for name in _FACTS}


async def _give_back(tx: Tx, whole: dict[str, Value], at: int) -> dict[str, Value]:
    """Refund what a rental's purchase cost, and show that in the rental."""
    cancelled = whole["status"] == "cancelled"
    reason = RefundReason.CANCELLED if cancelled else RefundReason.EXPIRED
    back = await refunds.give_back(tx, str(whole["ledger_id"]), reason, at)
    return whole if back is None else {**whole, "refunded": back}


def _merged(
    row: Row, facts: dict[str, Value], at: int, refund_expired: bool
) -> dict[str, Value] | None:
    """All facts as they are known now; None where that is what was known before."""
    known = {name: row[name] for name in _FACTS}
    merged = known | {name: value for name, value in facts.items() if value is not None}
    older = ("unknown",) if row["kind"] == "long_rental" else _OPEN  # those can be renewed
    if facts["status"] in older and known["status"] in events.ENDED:
        merged["status"] = known["status"]
    elif facts["status"] in events.ENDED:
        merged["given_up"] = None
    if row["kind"] == "rental" and _comes_back(row, merged, refund_expired):
        merged["refunded"] = merged["price"] or 0
    if merged == known:
        return None
    if merged["code"] != known["code"]:
        merged["code_at"] = at
    return merged


def _comes_back(before: Row | None, rental: Mapping[str, Value], refund_expired: bool) -> bool:
    """Whether the provider gives the price back and that is not written yet.

    An expiry counts when it is told first: later its code may have been deleted here.
    """
    if rental["refunded"] is not None or rental["status"] == "cancelled":
        return rental["refunded"] is None
    told = before is not None and before["status"] == "expired" and not before["given_up"]
    expired = rental["status"] == "expired" and rental["code"] is None
    return refund_expired and expired and not told


def _dated(facts: dict[str, Value], at: int) -> dict[str, Value]:
    return {**facts, "code_at": None if facts["code"] is None else at}


def _key(account_id: str, rental: AnyRental) -> dict[str, Value]:
    kind: Kind = "rental" if isinstance(rental, Rental) else "long_rental"
    return {"account_id": account_id, "kind": kind, "provider_id": rental.id}


async def find(tx: Tx, view: View, kind: Kind, provider_id: int) -> AnyRental | None:
    """One rental of that kind, where the view holds it."""
    row = await tx.row(
        _FIND,
        account_id=view.account_id,
        caller_id=view.caller_id,
        kind=kind,
        provider_id=provider_id,
    )
    return None if row is None else codec.any_rental(row)


async def is_bought(tx: Tx, account_id: str, kind: Kind, provider_id: int) -> bool:
    """Whether a purchase of any caller of the account brought it."""
    row = await tx.row(_IS_BOUGHT, account_id=account_id, kind=kind, provider_id=provider_id)
    return row is not None


async def find_unended(tx: Tx, account_id: str) -> Sequence[Rental]:
    """The account's rentals that have not ended as far as is known, oldest first."""
    return [codec.rental(row) for row in await tx.rows(_UNENDED, account_id=account_id)]


async def accounts_with_unended(tx: Tx) -> Sequence[str]:
    """The accounts that have such rentals."""
    return [row["account_id"] for row in await tx.rows(_ACCOUNTS)]


async def find_all(tx: Tx, view: View, kind: Kind) -> Sequence[AnyRental]:
    """All rentals of that kind that have a provider's id, oldest first."""
    rows = await tx.rows(_FIND_ALL, account_id=view.account_id, caller_id=view.caller_id, kind=kind)
    return [codec.any_rental(row) for row in rows]


async def list_rentals(
    tx: Tx, view: View, filters: Mapping[str, str | None], limit: int, before: str | None
) -> Sequence[Rental]:
    """Rentals, newest first; `filters` are values by column, None for any."""
    asked = {"account_id": view.account_id, "caller_id": view.caller_id, **filters}
    given = {name: value for name, value in asked.items() if value is not None}
    page = _page(frozenset(given), before is not None)
    rows = await tx.rows(page, **given, before=before, limit=limit)
    return [codec.rental(row) for row in rows]


@cache
def _page(filtered: frozenset[str], further: bool) -> Statement:
    """The statement with just the conditions asked for, so that an index serves it."""
    page = select(things).where(things.c.kind == "rental")
    for name in sorted(filtered):
        page = page.where(things.c[name] == text(name))
    if further:
        page = page.where(things.c.ledger_id < text("before"))
    return Statement(page.order_by(things.c.ledger_id.desc()).limit(number("limit")))
