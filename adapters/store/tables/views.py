"""Reads rentals and long rentals: one, all of a view, pages of it, those that have not ended."""

from collections.abc import Mapping, Sequence
from functools import cache, partial
from typing import Any

from sqlalchemy import or_, select

from adapters.store.sql import codec
from adapters.store.sql.schema import things, unended
from adapters.store.sql.statement import Row, Statement, Tx, number, text
from adapters.store.tables import codes
from adapters.store.tables.families import Families
from gateway.core.model.purchases import AnyRental, View
from gateway.core.model.rentals import Rental, RentalFilter
from gateway.core.model.values import Kind, first_ledger_id

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
_one = things.c.provider_id == number("provider_id")
_FIND = Statement(_seen.add_columns(codes.coded).where(_one))
_IS_BOUGHT = Statement(
    select(things.c.ledger_id)
    .where(things.c.account_id == text("account_id"), things.c.kind == text("kind"), _one)
    .where(things.c.caller_id.is_not(None))
)
_FIND_ALL = Statement(_seen.where(things.c.provider_id.is_not(None)).order_by(things.c.ledger_id))


async def find(tx: Tx, kin: Families, view: View, kind: Kind, provider_id: int) -> AnyRental | None:
    """One rental of that kind, where the view holds it."""
    asked: dict[str, Any] = {"account_id": view.account_id, "kind": kind}
    asked["provider_id"] = provider_id
    row = await tx.row(_FIND, **asked, caller_id=view.caller_id)
    if row is None and view.caller_id is not None:
        row = await kin.seen(tx, view.caller_id, partial(_of_kin, tx, asked))
    if row is None or row["kind"] != "rental":
        return None if row is None else codec.any_rental(row)
    return codec.rental(row, await codes.of_known(tx, row))


async def _of_kin(tx: Tx, asked: Mapping[str, Any], members: Sequence[str]) -> Row | None:
    """The rental where one of those callers bought it; the first is known not to have."""
    if len(members) == 1:
        return None
    row = await tx.row(_FIND, **asked, caller_id=None)
    return row if row is not None and row["caller_id"] in members else None


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


async def find_all(tx: Tx, kin: Families, view: View, kind: Kind) -> Sequence[AnyRental]:
    """All rentals of that kind that have a provider's id, oldest first."""

    async def read(callers: Sequence[str | None]) -> list[Row]:
        asked = {"account_id": view.account_id, "kind": kind}
        return [
            row for each in callers for row in await tx.rows(_FIND_ALL, **asked, caller_id=each)
        ]

    rows = await kin.of_view(tx, view, read)
    return [codec.any_rental(row) for row in sorted(rows, key=_ledger_id)]


async def list_rentals(
    tx: Tx, kin: Families, view: View, only: RentalFilter, limit: int, before: str | None
) -> Sequence[Rental]:
    """Rentals, newest first; `before` is a ledger_id."""
    since, until = only.get("since"), only.get("until")
    bounds = [bound for bound in (before, until and first_ledger_id(until)) if bound]
    asked = {
        "account_id": view.account_id,
        **{name: only.get(name) for name in ("status", "service_code", "number", "reference")},
        "first": since and first_ledger_id(since),
        "before": min(bounds, default=None),
    }

    async def read(callers: Sequence[str | None]) -> list[Row]:
        rows = list[Row]()
        for each in callers:  # of each the newest: an index serves that
            whole = {**asked, "caller_id": each}
            given = {name: str(value) for name, value in whole.items() if value is not None}
            rows += await tx.rows(_page(frozenset(given)), **given, limit=limit)
        return rows

    rows = sorted(await kin.of_view(tx, view, read), key=_ledger_id, reverse=True)
    return [codec.rental(row) for row in rows[:limit]]


def _ledger_id(row: Row) -> str:
    return str(row["ledger_id"])


_BOUNDS = {
    "first": things.c.ledger_id >= text("first"),
    "before": things.c.ledger_id < text("before"),
}


@cache
def _page(given: frozenset[str]) -> Statement:
    """The statement with just the conditions asked for, so that an index serves it."""
    page = select(things).where(things.c.kind == "rental")
    for name in sorted(given):
        page = page.where(_BOUNDS[name] if name in _BOUNDS else things.c[name] == text(name))
    if "reference" in given:
        page = page.where(things.c.reference.is_not(None))  # its index is of those only
    return Statement(page.order_by(things.c.ledger_id.desc()).limit(number("limit")))
