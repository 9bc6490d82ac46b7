"""Events: written in the transaction of the change, read in order by listeners, and listed."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache, partial
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    FromClause,
    Text,
    cast,
    delete,
    func,
    insert,
    literal_column,
    null,
    select,
    union_all,
)

from adapters.store.sql import codec
from adapters.store.sql.database import CHANNEL, SENDER, Database
from adapters.store.sql.schema import checks, events, one_of, things
from adapters.store.sql.statement import Row, Statement, Tx, Upsert, like, number, text
from adapters.store.tables.families import Families
from gateway.core.model.events import Alarm, Event, EventType
from gateway.core.model.purchases import View
from gateway.core.model.rentals import OVER

ENDED = tuple(status.value for status in OVER)
_WRITTEN = ("account_id", "caller_id", "kind", "at", "rental", "oldest", "rental_id", "details")
_event = [like(events.c[name]) for name in _WRITTEN]
_INSERT = Statement(insert(events).from_select(_WRITTEN, select(*_event)))
# PostgreSQL only: the server notifies the other nodes when the transaction commits.
_notified = func.pg_notify(
    literal_column(f"'{CHANNEL}'"),
    text("account_id")
    + literal_column("':'")
    + func.coalesce(cast(number("rental_id"), Text), literal_column("'0'"))
    + literal_column("':'")
    + func.current_setting(literal_column(f"'{SENDER}'")),
)
_NOTIFY = Statement(select(null().label("notified")), in_postgres=select(_notified))
# In PostgreSQL a lock lets one transaction after another write events, from here to its commit, so
# that ids become visible in their order: the lock is taken before the next id is. SQLite has but
# one writer. Locking and inserting in one statement saves a round trip while the others wait.
_in_turn = select(
    func.pg_advisory_xact_lock(literal_column("5120967302718465930")).label("locked"),
    _notified.label("notified"),
).cte("in_turn")
_INSERT_FIRST = Statement(
    _INSERT.clause,
    in_postgres=insert(events).from_select(_WRITTEN, select(*_event).select_from(_in_turn)),
)
_kept = select(events).where(events.c.account_id == text("account_id"))


def _known(source: FromClause) -> ColumnElement[bool]:
    """Leaves out the types of newer versions.

    By an expression: an index of the kinds would be searched for each, and the result sorted.
    """
    return one_of(source.c.kind + literal_column("''"), *EventType)


_after = (
    _kept.where(_known(events), events.c.id > number("after"))
    .order_by(events.c.id)
    .limit(number("limit"))
)
_OF_ACCOUNT = Statement(_after)
_OF_CALLER = Statement(_after.where(events.c.caller_id == text("caller_id")))
# The few events of one rental are found first, whatever else is asked for. Earlier versions did not
# write the rental's id beside them.
_of_rental = (
    union_all(
        _kept.where(events.c.rental_id == number("rental_id")),
        _kept.where(events.c.rental_id.is_(None), events.c.rental.like(text("snapshot"))),
    )
    .cte("events_of_rental")
    .prefix_with("MATERIALIZED")
)
_PURCHASED = Statement(
    select(things).where(
        things.c.ledger_id == text("ledger_id"), things.c.kind == literal_column("'rental'")
    )
)
LAST = Statement(select(func.max(events.c.id).label("id")))
# Events are deleted by the age of what they hold, not in the order of their ids: of each account
# the highest that was deleted is remembered.
_DELETE_OLD = Statement(
    delete(events)
    .where(events.c.oldest < number("before"))
    .returning(events.c.account_id, events.c.id)
)
_MARK_DELETED = Upsert(
    checks,
    {"name": text("name"), "value": text("value")},
    lambda new: new.on_conflict_do_update(
        index_elements=[checks.c.name],
        set_={"value": new.excluded.value},
        where=cast(checks.c.value, BigInteger) < cast(new.excluded.value, BigInteger),
    ),
)
_LAST_DELETED = Statement(select(checks.c.value).where(checks.c.name == text("name")))


class StoredEvents:
    """The core's port `Events`, over a database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._kin = Families()

    async def events(self, view: View, after: int, limit: int) -> Sequence[Event]:
        rows = await self._database.read(
            lambda tx: self._kin.of_view(
                tx, view, partial(_after_event, tx, view.account_id, after, limit)
            )
        )
        return [codec.event(row) for row in rows]

    async def page(
        self,
        view: View,
        *,
        type: EventType | None,
        rental_id: int | None,
        after: int | None,
        before: int | None,
        limit: int,
    ) -> Sequence[Event]:
        asked = {
            "account_id": view.account_id,
            "kind": type and type.value,
            "rental_id": rental_id,
            "snapshot": None if rental_id is None else codec.snapshot_of(rental_id),
            "after": after,
            "before": before,
        }
        rows = await self._database.read(
            lambda tx: self._kin.of_view(tx, view, partial(_newest, tx, asked, limit))
        )
        return [codec.event(row) for row in rows]

    async def last_event(self) -> int:
        row = await self._database.read(lambda tx: tx.row(LAST))
        return 0 if row is None else row["id"] or 0

    async def last_deleted(self, account_id: str) -> int:
        name = _deleted_of(account_id)
        row = await self._database.read(lambda tx: tx.row(_LAST_DELETED, name=name))
        return 0 if row is None else int(row["value"])


@cache
def _page(given: frozenset[str]) -> Statement:
    """The statement with just the conditions asked for, so that an index serves it."""
    source: FromClause = _of_rental if "rental_id" in given else events
    page = select(source).where(source.c.account_id == text("account_id"))
    if "caller_id" in given:
        page = page.where(source.c.caller_id == text("caller_id"))
    page = page.where(source.c.kind == text("kind") if "kind" in given else _known(source))
    if "after" in given:
        page = page.where(source.c.id > number("after"))
    if "before" in given:
        page = page.where(source.c.id < number("before"))
    return Statement(page.order_by(source.c.id.desc()).limit(number("limit")))


async def _after_event(
    tx: Tx, account_id: str, after: int, limit: int, callers: Sequence[str | None]
) -> Sequence[Row]:
    """The events of these callers, or of all, with an id above `after`, oldest first."""
    asked: dict[str, Any] = {"account_id": account_id, "after": after, "limit": limit}
    if len(callers) == 1 and callers[0] is not None:
        return await tx.rows(_OF_CALLER, **asked, caller_id=callers[0])
    rows = await tx.rows(_OF_ACCOUNT, **asked)
    if callers[0] is None:
        return rows
    if len(rows) < limit:
        return [row for row in rows if row["caller_id"] in callers]
    # Far behind: of each caller the next ones, up to what is visible in the read of them all.
    last, found = await tx.row(LAST), list[Row]()
    for each in callers:
        found += await tx.rows(_OF_CALLER, **asked, caller_id=each)
    known = [row for row in found if last is not None and row["id"] <= last["id"]]
    return sorted(known, key=_id)[:limit]


async def _newest(
    tx: Tx, asked: Mapping[str, Any], limit: int, callers: Sequence[str | None]
) -> Sequence[Row]:
    """The newest events of these callers, or of all, with what else is asked for."""
    found = list[Row]()
    for each in callers:
        whole = {**asked, "caller_id": each}
        given = {name: value for name, value in whole.items() if value is not None}
        found += await tx.rows(_page(frozenset(given)), **given, limit=limit)
    return sorted(found, key=_id, reverse=True)[:limit]


def _id(event: Row) -> int:
    return int(event["id"])


async def created(tx: Tx, rental: Row, at: int, earlier: Sequence[Row]) -> None:
    """Write that a purchase brought this rental, as the last step of the transaction.

    Codes and an end that came before the purchase was settled are written again: their first events
    had no caller, so the buyer could not read them. `earlier`: it with each code but the newest.
    """
    codes = [(EventType.RENTAL_CODE_RECEIVED, then) for then in earlier]
    first = EventType.RENTAL_CREATED, rental
    await _append(tx, [first, *codes, *_news(None, rental)], rental, at)


async def changed(tx: Tx, before: Row | None, rental: Row, at: int) -> None:
    """Write what is new in a rental, as the last step; `before`: as it was known, if at all."""
    await _append(tx, list(_news(before, rental)), rental, at)


async def cancel_requested(tx: Tx, rental: Row, at: int) -> None:
    """Write that somebody wants a rental cancelled, as the last step."""
    await _append(tx, [(EventType.RENTAL_CANCEL_REQUESTED, rental)], rental, at)


def _news(before: Row | None, rental: Row) -> Iterator[tuple[EventType, Row]]:
    code, status = (before["code"], before["status"]) if before is not None else (None, None)
    if rental["code"] not in (None, code):
        yield EventType.RENTAL_CODE_RECEIVED, rental
    if codec.refunded(rental) and not (before is not None and codec.refunded(before)):
        yield EventType.RENTAL_REFUNDED, rental
    if rental["status"] in ENDED and status not in ENDED:
        yield EventType.RENTAL_ENDED, rental


async def raise_alarm(tx: Tx, alarm: Alarm, at: int) -> None:
    """Write an alarm, as the last step; beside it the rental of its purchase as it stands."""
    bought = alarm.details.ledger_id
    rental = None if bought is None else await tx.row(_PURCHASED, ledger_id=bought)
    rental_id, code_at = (
        (None, None) if rental is None else (rental["provider_id"], rental["code_at"])
    )
    await tx.execute(
        _INSERT_FIRST,
        account_id=alarm.account_id,
        caller_id=alarm.caller_id,
        kind=alarm.type.value,
        at=at,
        rental="null" if rental is None else codec.to_snapshot(rental),
        oldest=at if code_at is None else min(at, code_at),
        rental_id=rental_id,
        details=alarm.details.model_dump_json(exclude_none=True),
    )


async def notify(tx: Tx, account_id: str, rental_id: int) -> None:
    """Tell the other nodes that something of a rental changed."""
    await tx.row(_NOTIFY, account_id=account_id, rental_id=rental_id)


async def _append(tx: Tx, news: Sequence[tuple[EventType, Row]], rental: Row, at: int) -> None:
    """Write the events and notify the nodes; other writers of events wait until the commit."""
    key = {"account_id": rental["account_id"], "rental_id": rental["provider_id"]}
    if not news:
        await notify(tx, **key)
        return
    for place, (type, then) in enumerate(news):
        code_at = then["code_at"]
        await tx.execute(
            _INSERT if place else _INSERT_FIRST,
            **key,
            caller_id=rental["caller_id"],
            kind=type.value,
            at=at,
            rental=codec.to_snapshot(then),
            oldest=at if code_at is None else min(at, code_at),
            details=None,
        )


async def delete_old(tx: Tx, before: int) -> int:
    """Delete the events that hold something older; answer how many."""
    deleted = await tx.rows(_DELETE_OLD, before=before)
    highest: dict[str, int] = {}
    for row in deleted:
        highest[row["account_id"]] = max(row["id"], highest.get(row["account_id"], 0))
    for account_id, last in sorted(highest.items()):  # two transactions cannot deadlock
        await tx.execute(_MARK_DELETED, name=_deleted_of(account_id), value=str(last))
    return len(deleted)


def _deleted_of(account_id: str) -> str:
    return f"events_deleted:{account_id}"
