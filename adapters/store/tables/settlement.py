"""How a purchase ends: what it cost, what was answered, what was bought."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, literal_column, null, select, update

from adapters.store.sql import codec
from adapters.store.sql.database import Liveness
from adapters.store.sql.schema import holding, one_of
from adapters.store.sql.schema import spends as table
from adapters.store.sql.statement import Row, Statement, Tx, blob, number, text
from adapters.store.tables import budgets as totals
from adapters.store.tables import purchases
from adapters.store.tables import rentals as things
from gateway.core.model.purchases import Outcome, Spend, SpendState

_KEPT = (SpendState.BOUGHT, SpendState.UNKNOWN)


def _ending(states: ColumnElement[bool]) -> Statement:
    freed = number("freed") == literal_column("1")
    return Statement(
        update(table)
        .where(table.c.ledger_id == text("spend_id"), states)
        .values(
            state=text("new_state"),
            charged=case(
                (text("new_state") == literal_column("'bought'"),
                 func.coalesce(number("price"), table.c.reserved)),
                else_=null(),
            ),
            request_id=case((freed, null()), else_=table.c.request_id),
            answer_status=case(
                (freed, null()), else_=func.coalesce(number("status"), table.c.answer_status)
            ),
            answer_body=case(
                (freed, null()), else_=func.coalesce(blob("body"), table.c.answer_body)
            ),
            kept_at=number("kept"),
            # Since when its asker lacks the answer: from the loss, and then from what is found.
            undelivered_at=case(
                (and_(number("lost") == literal_column("1"), table.c.request_id.is_(None)),
                 number("now")),
                (table.c.undelivered_at.is_not(None), number("now")),
                else_=null(),
            ),
        )
        .returning(*(table.c[name] for name in _READ))
    )  # fmt: skip


_READ = (
    "ledger_id", "kind", "account_id", "caller_id", "subject_id", "service_code", "state",
    "reserved", "charged", "at", "active_until",
)  # fmt: skip
_END_OPEN = _ending(one_of(table.c.state, "intended", "sent"))
_END_UNKNOWN = _ending(one_of(table.c.state, "unknown"))


async def settle(tx: Tx, ledger_id: str, outcome: Outcome, at: int) -> bool:
    """Write the end down; False where it has ended before."""
    values = _values(ledger_id, outcome, at)
    lost = outcome.state is SpendState.UNKNOWN
    row, was_unknown = await tx.row(_END_OPEN, **values, now=at, lost=int(lost)), False
    if row is None:
        row, was_unknown = await tx.row(_END_UNKNOWN, **values, now=at, lost=1), True
    if row is None:
        return False
    correction = _counted(row) - (row["reserved"] or 0)
    if correction:
        await totals.add(tx, row["caller_id"], row["account_id"], row["at"], correction)
    await _keep_thing(tx, row, outcome, at, was_unknown)
    return True


def _values(ledger_id: str, outcome: Outcome, at: int) -> dict[str, Any]:
    state, answer = outcome.state, outcome.answer
    if state not in (*_KEPT, SpendState.REFUSED, SpendState.RELEASED):
        raise ValueError(f"a purchase cannot end as {state}")
    freed = state is SpendState.RELEASED or (answer is None and state is SpendState.REFUSED)
    ended = not freed and state is not SpendState.UNKNOWN
    price = outcome.thing.price if outcome.thing is not None else None
    return {
        "spend_id": ledger_id,
        "new_state": state.value,
        "price": codec.to_micros(price),
        "freed": int(freed),
        "status": answer.status if answer else None,
        "body": answer.body if answer else None,
        "kept": at if ended else None,
    }


def _counted(row: Row) -> int:
    """What counts against the budgets from now on."""
    state = row["state"]
    if state == SpendState.UNKNOWN:
        return int(row["reserved"] or 0)
    return int(row["charged"] or 0) if state == SpendState.BOUGHT else 0


async def _keep_thing(tx: Tx, row: Row, outcome: Outcome, at: int, was_unknown: bool) -> None:
    if outcome.state is SpendState.UNKNOWN:
        if row["kind"] == "rental" and not was_unknown:
            await things.put_placeholder(tx, row)
        return
    if was_unknown:
        await things.drop_placeholder(tx, row["ledger_id"])
    if outcome.state is not SpendState.BOUGHT or outcome.thing is None:
        return
    if row["kind"] == "long_rental" and row["subject_id"] is not None:
        await things.merge(tx, row["account_id"], outcome.thing, at, ledger_id=row["ledger_id"])
    else:
        await things.put_bought(tx, row, outcome.thing, at)


_open = and_(holding, one_of(table.c.state, "intended", "sent"))
_OWNERS = Statement(select(table.c.owner).where(_open).distinct())
_LEFT = Statement(
    select(table.c.ledger_id, table.c.state)
    .where(_open, table.c.owner == text("owner"))
    .order_by(table.c.caller_id, table.c.at)
)
_SAME = Statement(
    select(table.c.owner)
    .where(
        _open,
        table.c.caller_id == text("caller"),
        table.c.fingerprint == text("asked"),
        table.c.request_id.is_(None),
    )
    .distinct()
)


async def left_by_dead(tx: Tx, liveness: Liveness, caller_id: str, fingerprint: str) -> bool:
    """Whether a dead process left open what this caller asked for, without a request id."""
    for row in await tx.rows(_SAME, caller=caller_id, asked=fingerprint):
        if row["owner"] != liveness.own_id and await liveness.is_dead(tx, row["owner"]):
            return True
    return False


async def recover(tx: Tx, liveness: Liveness, at: int) -> Sequence[Spend]:
    """End what the dead left open; answer those that may have been charged."""
    unknown: list[str] = []
    for row in await tx.rows(_OWNERS):
        owner = row["owner"]
        if owner == liveness.own_id or not await liveness.is_dead(tx, owner):
            continue
        for left in await tx.rows(_LEFT, owner=owner):
            sent = left["state"] == SpendState.SENT
            outcome = Outcome(SpendState.UNKNOWN if sent else SpendState.RELEASED)
            if await settle(tx, left["ledger_id"], outcome, at) and sent:
                unknown.append(left["ledger_id"])
    found = [await purchases.by_id(tx, ledger_id) for ledger_id in unknown]
    return [spend for spend in found if spend is not None]
