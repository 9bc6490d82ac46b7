"""Writes rentals and long rentals: what a purchase brought, and what the provider says of them."""

from collections.abc import Mapping

from sqlalchemy import case, delete, func, insert, select, update

from adapters.store.sql import codec
from adapters.store.sql.schema import one_of, things
from adapters.store.sql.statement import Row, Statement, Tx, Upsert, Value, like, number, text
from adapters.store.tables import codes, events, refunds, usage
from gateway.core.model.purchases import REPLACE, AnyRental, RefundReason
from gateway.core.model.rentals import Rental
from gateway.core.model.values import Kind

_FACTS = (
    "status", "service_code", "service_name", "number", "code", "code_at", "price", "created_at",
    "ends_at", "period", "auto_renew", "rented_on", "ends_on", "refunded", "given_up",
)  # fmt: skip
# Microseconds. What is read after that of the newest code was not read before it.
_LONGEST_READ = 60_000_000
_LAPSED = ("code_received", *events.ENDED)
_OPEN = ("active", "code_received", "unknown")
_BOUGHT_AS = ("ledger_id", "caller_id", "active_until", "reference", "replaces", "replacements")
_IDENTITY = ("account_id", "kind", "provider_id", *_BOUGHT_AS)
_KEPT = (*_IDENTITY, *codec.NO_COURSE)
_OF_SPEND = ("ledger_id", "account_id", "kind", "caller_id", "active_until", "reference")
_CHANGED = (*_FACTS, "cancel_due_at")
_NOT_BOUGHT: dict[str, Value] = dict.fromkeys(_BOUGHT_AS)
_row = {name: like(things.c[name]) for name in (*_IDENTITY, *_FACTS)}
_INSERT = Statement(insert(things).values(_row))
# A webhook or a status read may have stored the rental before its purchase was settled: what only
# that row knows stays. A row that belongs to another purchase is left as it is.
_PUT_BOUGHT = Upsert(
    things,
    _row,
    lambda new: new.on_conflict_do_update(
        index_elements=[things.c.account_id, things.c.kind, things.c.provider_id],
        set_={
            **{name: func.coalesce(new.excluded[name], things.c[name]) for name in _FACTS},
            "status": case(
                (one_of(things.c.status, "active", "unknown"), new.excluded.status),
                else_=things.c.status,
            ),
            **{name: new.excluded[name] for name in _BOUGHT_AS},
        },
        where=things.c.caller_id.is_(None),
    ).returning(things),
)
_PUT_PLACEHOLDER = Upsert(
    things, _row, lambda new: new.on_conflict_do_nothing(index_elements=[things.c.ledger_id])
)
_DROP_PLACEHOLDER = Statement(
    delete(things).where(things.c.ledger_id == text("ledger_id"), things.c.provider_id.is_(None))
)
_CHANGE = Statement(
    update(things)
    .where(things.c.ledger_id == text("thing_id"))
    .values({name: like(things.c[name], f"new_{name}") for name in _CHANGED})
)
_known = select(things, codes.coded).where(
    things.c.account_id == text("account_id"),
    things.c.kind == text("kind"),
    things.c.provider_id == number("provider_id"),
)
_KNOWN = Statement(_known)
LOCKED = Statement(_known.with_for_update())


async def put_bought(
    tx: Tx, spend: Row, rental: AnyRental, at: int, replacements: int | None = None
) -> None:
    """Write down what a purchase brought; `replacements`: how many led to it, where it is one."""
    told, facts = _told_at(rental, at), codec.facts(rental)
    if facts["code"] is not None:  # that of a lost purchase, whose next one may be known
        row = await tx.row(LOCKED, **_key(spend["account_id"], rental))
        facts = facts if row is None else await _current(tx, row, facts, told)
    facts = _dated(facts, told)
    if facts["service_code"] is None:
        facts["service_code"] = spend["service_code"]
    whole = {**codec.NO_COURSE, **facts, **_identity(spend, rental.id)}
    whole["replacements"] = replacements
    put = await tx.row(_PUT_BOUGHT, **whole)
    if not isinstance(rental, Rental):
        return
    if put is not None:
        whole = _without_wish({name: put[name] for name in (*_KEPT, *_FACTS)})
        back = put["status"] == "cancelled" or put["refunded"] is not None
        if back:
            whole = await _give_back(tx, whole, at)
        if back or whole["cancel_due_at"] != put["cancel_due_at"]:
            await tx.execute(_CHANGE, **_changes(whole), thing_id=spend["ledger_id"])
    if whole["code"] is not None:
        await codes.add(tx, whole)
        await usage.note(tx, whole)
    await events.created(tx, whole, at, await codes.before_newest(tx, whole))


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
    same = {name: spend[name] for name in _OF_SPEND}
    replaces = spend["subject_id"] if spend["operation"] == REPLACE else None
    return {**_NOT_BOUGHT, **same, "replaces": replaces, "provider_id": provider_id}


async def unchanged(
    tx: Tx, account_id: str, rental: AnyRental, at: int, refund_expired: bool
) -> AnyRental | None:
    """All that is known of a rental; None where what the provider said of it is news."""
    row = await tx.row(_KNOWN, **_key(account_id, rental))
    if row is None:
        return None
    told = _told_at(rental, at)
    facts = await _current(tx, row, codec.facts(rental), told)
    if _merged(row, facts, told, refund_expired) is not None:
        return None
    return await _answer(tx, row, rental)


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
    key, facts, told = _key(account_id, rental), codec.facts(rental), _told_at(rental, at)
    row = await tx.row(LOCKED, **key)
    if row is None:
        identity = {"ledger_id": ledger_id, "active_until": facts["ends_at"]}
        whole = {**codec.NO_COURSE, **_NOT_BOUGHT, **_dated(facts, told), **key, **identity}
        if isinstance(rental, Rental) and _comes_back(None, whole, refund_expired):
            whole["refunded"] = whole["price"] or 0
        await tx.execute(_INSERT, **whole)
        if whole["code"] is not None:
            await codes.add(tx, whole)
        if isinstance(rental, Rental):
            await events.changed(tx, None, whole, at)
        return await _answer(tx, {**whole, "coded": True}, rental)
    missed = await _add_missed(tx, row, facts, told) if told < at else None
    facts = await _current(tx, row, facts, told)
    merged = _merged(row, facts, told, refund_expired)
    changed: Row = row
    if merged is not None:
        changed = {**await _change(tx, row, merged, at), "coded": True}
    if missed is not None:
        await events.changed(tx, row, missed, at)
    return await _answer(tx, changed, rental)


async def give_up(tx: Tx, account_id: str, rental_id: int, at: int) -> Rental | None:
    """End a rental as expired, without a refund; None where it has ended or is not known."""
    row = await tx.row(LOCKED, account_id=account_id, kind="rental", provider_id=rental_id)
    if row is None or row["status"] in events.ENDED:
        return None
    known = {name: row[name] for name in _FACTS}
    ended = await _change(tx, row, {**known, "status": "expired", "given_up": 1}, at)
    return codec.rental(ended, await codes.of(tx, ended))


async def _answer(tx: Tx, row: Row | Mapping[str, Value], said: AnyRental) -> AnyRental:
    """The rental in a row, with its codes. The balance just told is passed on and not stored."""
    if not isinstance(said, Rental):
        return codec.any_rental(row)
    return codec.rental(row, await codes.of_known(tx, row), said.balance)


async def _add_missed(tx: Tx, row: Row, facts: dict[str, Value], told: int) -> Row | None:
    """Keep a code that came before the newest one and was not written then.

    Returns the rental with it; None where it is not such a code.
    """
    code = facts["code"]
    if code is None or row["code"] in (None, code) or told >= row["code_at"]:
        return None
    if await codes.is_kept(tx, row, str(code)):
        return None
    known = {name: row[name] for name in (*_KEPT, *_FACTS)}
    missed = {**known, "code": code, "code_at": told}
    await codes.add(tx, missed)
    await usage.note(tx, missed, missed=True)
    return missed


async def _current(tx: Tx, row: Row, facts: dict[str, Value], told: int) -> dict[str, Value]:
    """The facts without an older code: another node has read the newest one meanwhile.

    No code comes after the end, so the one that is told with it is the newest.
    """
    code, newest = facts["code"], row["code"]
    if code in (None, newest) or newest is None or told - row["code_at"] > _LONGEST_READ:
        return facts
    if facts["status"] in events.ENDED or not await codes.is_kept(tx, row, str(code)):
        return facts
    return {**facts, "code": None, "status": row["status"]}


async def _change(tx: Tx, row: Row, facts: dict[str, Value], at: int) -> dict[str, Value]:
    """Write down all facts of a rental as they are known now."""
    whole = _without_wish({**{name: row[name] for name in _KEPT}, **facts})
    if facts["refunded"] != row["refunded"]:
        whole = await _give_back(tx, whole, at)
    await tx.execute(_CHANGE, **_changes(whole), thing_id=row["ledger_id"])
    if whole["code"] != row["code"]:
        if row["code"] is not None:  # it is not there where an earlier version read it
            await codes.add(tx, row)
        await codes.add(tx, whole)
    if whole["kind"] == "rental":
        await usage.note(tx, whole)
        await events.changed(tx, row, whole, at)
    return whole


def may_be_cancelled(rental: Row | Mapping[str, Value]) -> bool:
    """Whether a wish to cancel it may stand: it is not over, and no code was read."""
    return rental["code"] is None and rental["status"] not in _LAPSED


def _without_wish(whole: dict[str, Value]) -> dict[str, Value]:
    """The rental without a wish to cancel it, where that lapses."""
    return whole if may_be_cancelled(whole) else {**whole, "cancel_due_at": None}


def _changes(whole: Mapping[str, Value]) -> dict[str, Value]:
    return {f"new_{name}": whole[name] for name in _CHANGED}


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
        merged["code_at"] = max(at, (known["code_at"] or 0) + 1)
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


def _told_at(rental: AnyRental, at: int) -> int:
    """When its code was told: before now where it could not be written then."""
    told = rental.code_received_at if isinstance(rental, Rental) else None
    return at if told is None else codec.to_instant(told)


def _key(account_id: str, rental: AnyRental) -> dict[str, Value]:
    kind: Kind = "rental" if isinstance(rental, Rental) else "long_rental"
    return {"account_id": account_id, "kind": kind, "provider_id": rental.id}
