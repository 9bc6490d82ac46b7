"""How a purchase ends: what it cost, its answer, what it brought; also where its process died."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, literal_column, null, select, union, update

from adapters.store.sql import codec
from adapters.store.sql.database import Liveness
from adapters.store.sql.schema import handing_over, holding, one_of, spends
from adapters.store.sql.statement import Row, Statement, Tx, blob, number, text
from adapters.store.tables import (
    budget_alarms,
    budgets,
    events,
    purchases,
    rentals,
    replacements,
)
from gateway.core.model.events import Alarm, EventDetails, EventType
from gateway.core.model.ledger_news import PurchaseEnded
from gateway.core.model.purchases import REPLACE, Outcome, Spend, SpendState

_ENDS = (SpendState.BOUGHT, SpendState.UNKNOWN, SpendState.REFUSED, SpendState.RELEASED)
_READ = (
    "ledger_id", "operation", "kind", "account_id", "caller_id", "subject_id", "service_code",
    "state", "reserved", "charged", "at", "active_until", "reference", "ancestors",
)  # fmt: skip


def _ending(states: ColumnElement[bool]) -> Statement:
    freed = number("freed") == literal_column("1")
    return Statement(
        update(spends)
        .where(spends.c.ledger_id == text("spend_id"), states)
        .values(
            state=text("new_state"),
            charged=case(
                (text("new_state") == literal_column("'bought'"),
                 func.coalesce(number("price"), spends.c.reserved)),
                else_=null(),
            ),
            request_id=case((freed, null()), else_=spends.c.request_id),
            answer_status=case(
                (freed, null()), else_=func.coalesce(number("status"), spends.c.answer_status)
            ),
            answer_body=case(
                (freed, null()), else_=func.coalesce(blob("body"), spends.c.answer_body)
            ),
            kept_at=number("kept"),
            # Since when its caller lacks the answer: from the loss, and then from what is found.
            undelivered_at=case(
                (and_(number("lost") == literal_column("1"), spends.c.request_id.is_(None)),
                 number("now")),
                (spends.c.undelivered_at.is_not(None), number("now")),
                else_=number("handing_over_since"),
            ),
        )
        .returning(
            *(spends.c[name] for name in _READ),
            budget_alarms.limits_of_key,
            budget_alarms.name_of_key,
        )
    )  # fmt: skip


_END_OPEN = _ending(one_of(spends.c.state, "intended", "sent"))
_END_UNKNOWN = _ending(one_of(spends.c.state, "unknown"))
_open = and_(holding, one_of(spends.c.state, "intended", "sent"))
_OWNERS = Statement(
    union(select(spends.c.owner).where(_open), select(spends.c.owner).where(handing_over))
)
_NOT_HANDED_OVER = Statement(
    update(spends)
    .where(handing_over, spends.c.owner == text("dead_owner"))
    .values(undelivered_at=-spends.c.undelivered_at)
)
# In PostgreSQL one transaction after another ends what the dead left: who finds them dead meanwhile
# waits for its commit, and then sees what it ended. SQLite has but one writer.
_IN_TURN = Statement(
    select(null().label("locked")),
    in_postgres=select(
        func.pg_advisory_xact_lock(literal_column("3486211750391462087")).label("locked")
    ),
)
_LEFT_OPEN = Statement(
    select(spends.c.ledger_id, spends.c.state, spends.c.account_id, spends.c.at)
    .where(_open, spends.c.owner == text("owner"))
    .order_by(spends.c.caller_id, spends.c.at)
)
_same = and_(
    spends.c.caller_id == text("caller"),
    spends.c.fingerprint == text("asked"),
    spends.c.request_id.is_(None),
)
_OWNERS_OF_SAME = Statement(
    union(
        select(spends.c.owner).where(_open, _same),
        select(spends.c.owner).where(handing_over, _same),
    )
)


async def settle(tx: Tx, ledger_id: str, outcome: Outcome, at: int) -> Sequence[Alarm] | None:
    """Write the end down, and the alarms it raises; None where it has ended before."""
    alarms = await _settle(tx, ledger_id, outcome, at)
    for alarm in alarms or ():
        await events.raise_alarm(tx, alarm, at)
    return alarms


async def _settle(tx: Tx, ledger_id: str, outcome: Outcome, at: int) -> Sequence[Alarm] | None:
    """As settle; the alarms are not written yet."""
    values = _values(ledger_id, outcome, at)
    lost = outcome.state is SpendState.UNKNOWN
    row, was_unknown = await tx.row(_END_OPEN, **values, now=at, lost=int(lost)), False
    if row is None:
        row, was_unknown = await tx.row(_END_UNKNOWN, **values, now=at, lost=1), True
    if row is None:
        return None
    replaced = await _replaced(tx, row)
    sums = None
    correction = _counted(row) - (row["reserved"] or 0)
    if correction:
        callers = budgets.counted_by(row)
        sums = await budgets.add(tx, callers, row["account_id"], row["at"], correction)
    reached: Sequence[Alarm] = ()
    if row["ancestors"] or budgets.in_limits(row["limits"]):
        reached = await budget_alarms.reached(tx, row, sums)
    await _write_rental(tx, row, outcome, at, was_unknown, replaced)
    still_unknown = was_unknown and outcome.state is SpendState.UNKNOWN
    if not still_unknown:
        tx.news.append(_told(row, outcome))
    if replaced is not None and outcome.bought is not None and outcome.bought.id is not None:
        await replacements.join(tx, replaced, outcome.bought.id, at)
    alarms = [] if still_unknown else [*_alarms_of(row)]
    return [*alarms, *reached]


def _told(row: Row, outcome: Outcome) -> PurchaseEnded:
    return PurchaseEnded(
        ledger_id=row["ledger_id"],
        operation=row["operation"],
        account_id=row["account_id"],
        key_name=row["key_name"],
        service_code=row["service_code"],
        state=outcome.state,
        reserved=codec.from_micros(row["reserved"]),
        charged=codec.from_micros(row["charged"]),
        rental_id=None if outcome.bought is None else outcome.bought.id,
    )


def _alarms_of(row: Row) -> Iterator[Alarm]:
    """What is alarming in how a purchase has ended."""
    reserved, charged = row["reserved"], row["charged"]
    if row["state"] == SpendState.UNKNOWN:
        type = EventType.PURCHASE_OUTCOME_UNKNOWN
    elif reserved is not None and (charged or 0) > reserved:
        type = EventType.PURCHASE_OVERCHARGED
    else:
        return
    details = EventDetails(
        ledger_id=row["ledger_id"],
        operation=row["operation"],
        reserved=codec.from_micros(reserved),
        charged=codec.from_micros(charged),
    )
    yield Alarm(type, row["account_id"], row["caller_id"], details)


async def _replaced(tx: Tx, row: Row) -> Row | None:
    """The rental that is replaced from now on, locked."""
    if row["operation"] != REPLACE or row["state"] != SpendState.BOUGHT:
        return None
    return await replacements.lock(tx, row["account_id"], row["subject_id"])


def _values(ledger_id: str, outcome: Outcome, at: int) -> dict[str, Any]:
    state, answer = outcome.state, outcome.answer
    if state not in _ENDS:
        raise ValueError(f"a purchase cannot end as {state}")
    freed = state is SpendState.RELEASED or (answer is None and state is SpendState.REFUSED)
    ended = not freed and state is not SpendState.UNKNOWN
    price = outcome.bought.price if outcome.bought is not None else None
    return {
        "spend_id": ledger_id,
        "new_state": state.value,
        "price": codec.to_micros(price),
        "freed": int(freed),
        "status": answer.status if answer else None,
        "body": answer.body if answer else None,
        "kept": at if ended else None,
        "handing_over_since": -at if state is SpendState.BOUGHT and outcome.redeliverable else None,
    }


def _counted(row: Row) -> int:
    """What counts against the budgets from now on, in millionths of a dollar."""
    state = row["state"]
    if state == SpendState.UNKNOWN:
        return int(row["reserved"] or 0)
    return int(row["charged"] or 0) if state == SpendState.BOUGHT else 0


async def _write_rental(
    tx: Tx, row: Row, outcome: Outcome, at: int, was_unknown: bool, replaced: Row | None
) -> None:
    if outcome.state is SpendState.UNKNOWN:
        if row["kind"] == "rental" and not was_unknown:
            await rentals.put_placeholder(tx, row)
        return
    if was_unknown:
        await rentals.drop_placeholder(tx, row["ledger_id"])
    if outcome.state is not SpendState.BOUGHT or outcome.bought is None:
        return
    if row["kind"] == "long_rental" and row["subject_id"] is not None:
        await rentals.merge(tx, row["account_id"], outcome.bought, at, ledger_id=row["ledger_id"])
    else:
        made = None if replaced is None else replacements.made(replaced) + 1
        await rentals.put_bought(tx, row, outcome.bought, at, made)


async def left_by_dead(tx: Tx, liveness: Liveness, caller_id: str, fingerprint: str) -> bool:
    """Whether a dead process left such a purchase of the caller open, or its answer undelivered."""
    for row in await tx.rows(_OWNERS_OF_SAME, caller=caller_id, asked=fingerprint):
        if row["owner"] != liveness.own_id and await liveness.is_dead(tx, row["owner"]):
            return True
    return False


async def _left_open(tx: Tx, liveness: Liveness) -> Sequence[Row]:
    """What dead processes left open; what they were handing over becomes undelivered."""
    left = list[Row]()
    for row in await tx.rows(_OWNERS):
        owner = row["owner"]
        if owner == liveness.own_id or not await liveness.is_dead(tx, owner):
            continue
        await tx.row(_IN_TURN)
        await tx.execute(_NOT_HANDED_OVER, dead_owner=owner)
        left += await tx.rows(_LEFT_OPEN, owner=owner)
    return left


async def recover(tx: Tx, liveness: Liveness, at: int) -> tuple[Sequence[Spend], Sequence[Alarm]]:
    """End what dead processes left open; answer those that may have been charged."""
    unknown, alarms = list[str](), list[Alarm]()
    left_open = await _left_open(tx, liveness)
    await budgets.lock(tx, left_open)
    for left in left_open:
        sent = left["state"] == SpendState.SENT
        outcome = Outcome(SpendState.UNKNOWN if sent else SpendState.RELEASED)
        raised = await _settle(tx, left["ledger_id"], outcome, at)
        if raised is not None and sent:
            unknown.append(left["ledger_id"])
        alarms += raised or ()
    for alarm in alarms:  # after all sums are locked: two transactions cannot deadlock
        await events.raise_alarm(tx, alarm, at)
    found = [await purchases.by_id(tx, ledger_id) for ledger_id in unknown]
    return [spend for spend in found if spend is not None], alarms
