"""Replacements: whether a rental may be replaced, and the pair that a replacement makes.

The rental is locked before the sums of its account, as where its refund is told: two transactions
cannot deadlock.
"""

from sqlalchemy import literal_column, select, update

from adapters.store.sql.schema import holding, spends, things
from adapters.store.sql.statement import Row, Statement, Tx, number, text
from adapters.store.tables import cancels, events
from adapters.store.tables.rentals import LOCKED
from gateway.core.model.hindrances import MOST_REPLACEMENTS, Breach
from gateway.core.model.purchases import REPLACE, SpendState
from gateway.core.model.rentals import CancelReason, RentalStatus

_replaced = (
    things.c.account_id == text("account"),
    things.c.kind == literal_column("'rental'"),
    things.c.provider_id == number("replaced"),
)
_UNDER_WAY = Statement(
    select(spends.c.state).where(
        holding,
        spends.c.account_id == text("account"),
        spends.c.operation == literal_column(f"'{REPLACE}'"),
        spends.c.subject_id == number("replaced"),
    )
)
_MARK = Statement(update(things).where(*_replaced).values(replaced_by=number("by")))
_PURCHASE = Statement(
    select(spends)
    .join(things, things.c.ledger_id == spends.c.ledger_id)
    .where(*_replaced, things.c.caller_id.is_not(None))
)


async def lock(tx: Tx, account_id: str, rental_id: int) -> Row | None:
    """The rental to be replaced, which nobody else changes until the commit."""
    return await tx.row(LOCKED, account_id=account_id, kind="rental", provider_id=rental_id)


async def breach(tx: Tx, rental: Row) -> Breach | None:
    """Why a locked rental cannot be replaced now."""
    if rental["replaced_by"] is not None:
        return Breach.REPLACED
    if rental["code"] is not None or rental["coded"]:  # also one that only a webhook told
        return Breach.CODE_RECEIVED
    if rental["status"] == RentalStatus.CODE_RECEIVED:  # its code has been deleted
        return Breach.CODE_RECEIVED
    if made(rental) >= MOST_REPLACEMENTS:
        return Breach.REPLACEMENTS
    other = await tx.row(_UNDER_WAY, account=rental["account_id"], replaced=rental["provider_id"])
    if other is None:
        return None
    unknown = other["state"] == SpendState.UNKNOWN
    return Breach.REPLACEMENT_UNKNOWN if unknown else Breach.REPLACEMENT_OPEN


def made(rental: Row) -> int:
    """How many replacements led to a rental."""
    return int(rental["replacements"] or 0)


async def join(tx: Tx, rental: Row, by: int, at: int) -> None:
    """Write which rental replaces a locked one, and the wish to cancel that, unless it is over."""
    account_id, rental_id = rental["account_id"], rental["provider_id"]
    await tx.execute(_MARK, account=account_id, replaced=rental_id, by=by)
    await events.notify(tx, account_id, rental_id)
    await cancels.want(tx, account_id, rental_id, CancelReason.REPLACED, at)


async def purchase_of(tx: Tx, account_id: str, rental_id: int) -> Row | None:
    """The purchase that brought a rental."""
    return await tx.row(_PURCHASE, account=account_id, replaced=rental_id)
