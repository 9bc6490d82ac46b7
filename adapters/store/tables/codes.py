"""The different codes of rentals: exact ones from their status, provisional ones from webhooks.

A provisional code stays beside the exact one that it announced, and is not shown any more.
"""

from collections.abc import Iterator, Mapping, Sequence

from sqlalchemy import ColumnElement, and_, exists, func, insert, literal_column, select, update

from adapters.store.sql import codec
from adapters.store.sql.schema import codes, things
from adapters.store.sql.statement import Row, Statement, Tx, Value, like, number, text
from gateway.core.model.callers import TEST_ACCOUNT_ID
from gateway.core.model.codes import same_code
from gateway.core.model.ledger_news import CodeRead
from gateway.core.model.rentals import ReceivedCode

_WRITTEN = ("account_id", "rental_id", "code", "received_at", "provisional")
_of_rental = and_(
    codes.c.account_id == text("account_id"), codes.c.rental_id == number("rental_id")
)
_is_exact = codes.c.provisional == literal_column("0")
_is_provisional = codes.c.provisional == literal_column("1")


def _alike(one: ColumnElement[str], other: ColumnElement[str]) -> ColumnElement[bool]:
    """As same_code."""
    zero: ColumnElement[str] = literal_column("'0'")
    return func.ltrim(one, zero) == func.ltrim(other, zero)


def _unless(there: ColumnElement[bool]) -> Statement:
    new = [like(codes.c[name]) for name in _WRITTEN]
    return Statement(insert(codes).from_select(_WRITTEN, select(*new).where(~there)))


has_codes = exists().where(
    codes.c.account_id == things.c.account_id, codes.c.rental_id == things.c.provider_id
)
"""Of a row of `things`: whether the rental has any code, also one that only a webhook brought."""
coded = has_codes.label("coded")
"""The same as a column."""
_exact = exists().where(_of_rental, _is_exact, codes.c.code == text("code"))
_announced = exists().where(_of_rental, _is_provisional, _alike(codes.c.code, text("code")))
_ADD = _unless(_exact)
_AGAIN = Statement(
    update(codes)
    .where(_of_rental, _is_exact, codes.c.code == text("code"))
    .values(received_at=number("received_at"))
)
_ANNOUNCE = _unless(_announced)
_IS_KEPT = Statement(select(_exact.label("there")))
_IS_ANNOUNCED = Statement(select(_announced.label("there")))
_ALL = Statement(
    select(codes).where(_of_rental).order_by(codes.c.received_at.desc(), codes.c.id.desc())
)


async def add(tx: Tx, rental: Row | Mapping[str, Value]) -> None:
    """Keep the newest code of a rental; one that is kept already gets its new time."""
    known: dict[str, Value] = {
        **_key(rental),
        "code": rental["code"],
        "received_at": rental["code_at"],
    }
    if await tx.execute(_ADD, **known, provisional=0) == 0:
        await tx.execute(_AGAIN, **known)
    elif rental["account_id"] != TEST_ACCOUNT_ID:
        tx.news.append(CodeRead())


async def announce(tx: Tx, account_id: str, rental_id: int, code: str, at: int) -> bool:
    """Keep a webhook's code; False where one had brought it before."""
    key: dict[str, Value] = {"account_id": account_id, "rental_id": rental_id}
    return await tx.execute(_ANNOUNCE, **key, code=code, received_at=at, provisional=1) == 1


async def is_kept(tx: Tx, rental: Row, code: str) -> bool:
    """Whether this exact code of the rental is kept."""
    row = await tx.row(_IS_KEPT, **_key(rental), code=code)
    return row is not None and bool(row["there"])


async def is_announced(tx: Tx, account_id: str, rental_id: int, code: str) -> bool:
    """Whether a webhook has brought this code of the rental."""
    row = await tx.row(_IS_ANNOUNCED, account_id=account_id, rental_id=rental_id, code=code)
    return row is not None and bool(row["there"])


async def latest_announced(tx: Tx, account_id: str, rental_id: int) -> ReceivedCode | None:
    """The newest code that a webhook has brought; None where it has been read since."""
    rows = await tx.rows(_ALL, account_id=account_id, rental_id=rental_id)
    newest = next((row for row in rows if row["provisional"]), None)
    read = [row["code"] for row in rows if not row["provisional"]]
    if newest is None or any(same_code(newest["code"], code) for code in read):
        return None
    return codec.received_code(newest)


async def of_known(tx: Tx, rental: Row | Mapping[str, Value]) -> tuple[ReceivedCode, ...]:
    """As `of`, without another query for a row whose column `coded` says that it has none."""
    return await of(tx, rental) if rental["coded"] or rental["code"] is not None else ()


async def of(tx: Tx, rental: Row | Mapping[str, Value]) -> tuple[ReceivedCode, ...]:
    """The codes of a rental, newest first, each once."""
    rows = await tx.rows(_ALL, **_key(rental))
    newest = rental["code"]
    if newest is None or any(row["code"] == newest and not row["provisional"] for row in rows):
        return tuple(_each_once(rows))
    # A process of an earlier version read it, and wrote it into the rental only.
    unlisted = {"code": newest, "received_at": rental["code_at"], "provisional": 0}
    return tuple(_each_once([unlisted, *rows]))


async def before_newest(tx: Tx, rental: Mapping[str, Value]) -> list[dict[str, Value]]:
    """A rental with each of its earlier exact codes in place of the newest, oldest first."""
    if rental["code"] is None:
        return []
    return [
        {**rental, "code": row["code"], "code_at": row["received_at"]}
        for row in reversed(await tx.rows(_ALL, **_key(rental)))
        if not row["provisional"] and row["code"] != rental["code"]
    ]


def _key(rental: Row | Mapping[str, Value]) -> dict[str, Value]:
    return {"account_id": rental["account_id"], "rental_id": rental["provider_id"]}


def _each_once(rows: Sequence[Row]) -> Iterator[ReceivedCode]:
    told = [row["code"] for row in rows if not row["provisional"]]
    for row in rows:
        if row["provisional"]:
            if any(same_code(row["code"], code) for code in told):
                continue
            told.append(row["code"])
        yield codec.received_code(row)
