"""Reads purchases: those without a known outcome, and the newest."""

from collections.abc import Sequence

from sqlalchemy import case, not_, select

from adapters.store.sql import codec
from adapters.store.sql.schema import holding, not_test, one_of, spends
from adapters.store.sql.statement import Statement, Tx, number, text
from gateway.core.model.purchases import Spend

_in_order = (spends.c.at, spends.c.ledger_id)
_of_account = spends.c.account_id == text("account_id")
_UNKNOWN = Statement(
    select(spends)
    .where(holding, one_of(spends.c.state, "unknown"))
    .where(case((text("account_id").is_(None), not_test(spends)), else_=_of_account))
    .order_by(*_in_order)
)
_UNANSWERED = Statement(
    select(spends)
    .where(holding, one_of(spends.c.state, "sent", "unknown"), _of_account)
    .order_by(*_in_order)
)
_newest = (
    select(spends)
    .where(spends.c.ledger_id >= text("beginning"), spends.c.ledger_id < text("after"))
    .order_by(spends.c.ledger_id.desc())
    .limit(number("limit"))
)
_NEWEST = {
    None: Statement(_newest),
    False: Statement(_newest.where(not_test(spends))),
    True: Statement(_newest.where(not_(not_test(spends)))),
}


async def unknown(tx: Tx, account_id: str | None) -> Sequence[Spend]:
    """Those of unknown outcome, oldest first; None: of all accounts but that of test keys."""
    return [codec.spend(row) for row in await tx.rows(_UNKNOWN, account_id=account_id)]


async def unanswered(tx: Tx, account_id: str) -> Sequence[Spend]:
    """An account's purchases that were sent and have no answer, oldest first."""
    return [codec.spend(row) for row in await tx.rows(_UNANSWERED, account_id=account_id)]


async def newest(tx: Tx, limit: int, beginning: str, test: bool | None) -> Sequence[Spend]:
    """The newest whose ledger id begins so, newest first; `test`: only of test keys, or none."""
    after = f"{beginning}\U0010ffff"  # no character comes after it
    rows = await tx.rows(_NEWEST[test], limit=limit, beginning=beginning, after=after)
    return [codec.spend(row) for row in rows]
