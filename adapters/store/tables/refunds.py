"""Refunds: what came back of a purchase, at most once and never above what it cost."""

from sqlalchemy import ColumnElement, and_, literal_column, select, update

from adapters.store.sql.schema import one_of, spends, things
from adapters.store.sql.statement import Statement, Tx, number, text
from adapters.store.tables import budgets, events
from gateway.core.model.callers import TEST_ACCOUNT_ID
from gateway.core.model.ledger_news import MoneyBack
from gateway.core.model.purchases import RefundReason
from gateway.core.model.values import amount_of

_READ = ("caller_id", "ancestors", "account_id", "at", "refunded")
_bought = and_(spends.c.ledger_id == text("spend_id"), one_of(spends.c.state, "bought"))


def _refund(amount: ColumnElement[int]) -> Statement:
    return Statement(
        update(spends)
        .where(
            _bought,
            spends.c.refunded == literal_column("0"),
            amount > literal_column("0"),
            amount <= spends.c.charged,
        )
        .values(refunded=amount, refunded_at=number("now"), refund_reason=text("reason"))
        .returning(*(spends.c[name] for name in _READ))
    )


_WHOLE = _refund(spends.c.charged)
_PART = _refund(number("amount"))
_REFUNDED = Statement(select(spends.c.refunded).where(_bought))
_brought = things.c.ledger_id == text("thing_id")
_BROUGHT = Statement(select(things).where(_brought).with_for_update())
_SHOW = Statement(update(things).where(_brought).values(refunded=number("back")).returning(things))


async def give_back(tx: Tx, ledger_id: str, reason: RefundReason, at: int) -> int | None:
    """Refund a purchase; returns what came back of it in all. None: it is not known as bought."""
    if (back := await _write(tx, _WHOLE, ledger_id, reason, at)) is not None:
        return back
    row = await tx.row(_REFUNDED, spend_id=ledger_id)
    return None if row is None else int(row["refunded"])


async def record(tx: Tx, ledger_id: str, amount: int, at: int) -> bool:
    """Write down what an operator knows to have come back; False where that cannot be."""
    # First of all, as where the provider tells a refund: two transactions cannot deadlock.
    rental = await tx.row(_BROUGHT, thing_id=ledger_id)
    if await _write(tx, _PART, ledger_id, RefundReason.RECORDED, at, amount) is None:
        return False
    if rental is not None and rental["kind"] == "rental":
        shown = await tx.row(_SHOW, thing_id=ledger_id, back=amount)
        assert shown is not None  # noqa: S101 - it is locked
        await events.changed(tx, rental, shown, at)
    return True


async def _write(
    tx: Tx, refund: Statement, ledger_id: str, reason: RefundReason, at: int, amount: int = 0
) -> int | None:
    """Refund a purchase, and take the refund off the sums of the day it was bought and in all."""
    row = await tx.row(refund, spend_id=ledger_id, reason=reason.value, now=at, amount=amount)
    if row is None:
        return None
    back = int(row["refunded"])
    await budgets.add(tx, budgets.counted_by(row), row["account_id"], row["at"], -back)
    if row["account_id"] != TEST_ACCOUNT_ID:
        tx.news.append(MoneyBack(amount_of(back)))
    return back
