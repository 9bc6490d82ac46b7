"""What processes left behind when they died."""

from collections.abc import Sequence

from sqlalchemy import and_, select

from adapters.store import spends
from adapters.store.owners import Owners
from adapters.store.schema import holding, one_of
from adapters.store.schema import spends as table
from adapters.store.settling import settle
from adapters.store.statement import Statement, Tx, text
from gateway.core.ledger import Outcome, Spend, SpendState

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


async def left_by_dead(tx: Tx, owners: Owners, caller_id: str, fingerprint: str) -> bool:
    """Whether a dead process left open what this caller asked for, without a request id."""
    for row in await tx.rows(_SAME, caller=caller_id, asked=fingerprint):
        if row["owner"] != owners.mine and await owners.gone(tx, row["owner"]):
            return True
    return False


async def recover(tx: Tx, owners: Owners, at: int) -> Sequence[Spend]:
    """End what the dead left open; answer those that may have been charged."""
    unknown: list[str] = []
    for row in await tx.rows(_OWNERS):
        owner = row["owner"]
        if owner == owners.mine or not await owners.gone(tx, owner):
            continue
        for left in await tx.rows(_LEFT, owner=owner):
            sent = left["state"] == SpendState.SENT
            outcome = Outcome(SpendState.UNKNOWN if sent else SpendState.RELEASED)
            if await settle(tx, left["ledger_id"], outcome, at) and sent:
                unknown.append(left["ledger_id"])
    found = [await spends.by_id(tx, ledger_id) for ledger_id in unknown]
    return [spend for spend in found if spend is not None]
